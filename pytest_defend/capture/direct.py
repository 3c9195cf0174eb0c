"""What an installer wrote beside a distribution about where it came from.

Rules:
- `direct_url.json` (PEP 610) of what was named by URL, `provenance_url.json` (PEP 710) of what came from an
  index, uv's `uv_build.json` beside what uv built.
- What a package manager of the system installed may have a `direct_url.json` all the same, of the folder
  where its packagers built it, on their machine. It says nothing.
- An archive with a digest is the file itself; a source distribution is what the installed wheel was built
  from. uv writes no digest for a local wheel: then only its place is known.
- An `.egg-info` without a version, outside the folders of packages, is the working tree it lies in:
  setuptools writes it there, and `setup.py develop` or the current folder put it on the import path.

Source: https://packaging.python.org/en/latest/specifications/direct-url-data-structure/ and
https://peps.python.org/pep-0710/
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pytest_defend.capture.foreign import installed_by_system
from pytest_defend.model.origins import Candidate, Certainty, Evidence, Origin, Tree
from pytest_defend.model.urls import path_of_file_url, strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_defend.model.distributions import Distribution

__all__ = ["lies_in_tree", "said_by_installer", "was_built_by_uv"]

_DIRECT = "direct_url.json"
_PROVENANCE = "provenance_url.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PACKAGES = ("site-packages", "dist-packages")


def said_by_installer(distribution: Distribution, tree: Callable[[Path], Tree]) -> Origin | Candidate | None:
    """What was written down when it was installed.

    Args:
        distribution: As installed.
        tree: What version control says about a folder.

    Returns:
        Its origin; or the one file it can only have come from, whose digest nobody wrote down; or None when
        nothing was written.
    """
    if installed_by_system(distribution):
        return None
    source, document = _DIRECT, distribution.direct_url
    if not document:
        source, document = _PROVENANCE, _provenance(distribution)
    if not document:
        return _egg_in_tree(distribution, tree)
    url = str(document.get("url", ""))
    if "dir_info" in document:
        return _from_folder(distribution, url, tree)
    if "vcs_info" in document:
        return _from_commit(document, url)
    return _from_archive(document.get("archive_info"), url, source)


def _provenance(distribution: Distribution) -> Mapping[str, Any]:
    """The document of PEP 710; one that cannot be understood says nothing."""
    try:
        text = Path(distribution.location, distribution.metadata, _PROVENANCE).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return {}
    return {**document, "url": strip_user_information(document["url"])}


def lies_in_tree(location: str, metadata: str) -> bool:
    """Whether the metadata of a distribution is that of a working tree, and so its files are.

    Args:
        location: Folder it is imported from.
        metadata: Name of its `.dist-info` or `.egg-info`.
    """
    name, dot, _ = metadata.rpartition(".egg-info")
    return bool(dot) and "-" not in name and set(_PACKAGES).isdisjoint(Path(location).parts)


def _egg_in_tree(distribution: Distribution, tree: Callable[[Path], Tree]) -> Origin | None:
    if not lies_in_tree(distribution.location, distribution.metadata):
        return None
    location = Path(distribution.location)
    evidence = Evidence(source=distribution.metadata, says=f"it lies in {location}")
    return Origin(certainty=Certainty.TREE, evidence=(evidence,), tree=tree(location))


def _from_folder(distribution: Distribution, url: str, tree: Callable[[Path], Tree]) -> Origin:
    folder = path_of_file_url(url)
    how = "editable, from" if distribution.editable else "from"
    evidence = Evidence(source=_DIRECT, says=f"{how} the folder {url}")
    found = tree(Path(folder)) if folder else Tree(url=url)
    return Origin(certainty=Certainty.TREE, evidence=(evidence,), tree=found)


def _from_commit(document: Mapping[str, Any], url: str) -> Origin:
    info = document["vcs_info"]
    commit = str(info.get("commit_id", ""))
    evidence = Evidence(source=_DIRECT, says=f"built from {info.get('vcs', 'vcs')} commit {commit} of {url}")
    # an installer checks out into an empty folder: nothing in it can differ from the commit
    found = Tree(url=url, commit=commit, dirty=False, subdirectory=str(document.get("subdirectory", "")))
    return Origin(certainty=Certainty.BUILT, evidence=(evidence,), tree=found)


def _from_archive(info: Any, url: str, source: str) -> Origin | Candidate:
    candidate = Candidate(file=_last_part(url), sha256=_sha256(info), url=url)
    if not candidate.file.endswith(".whl"):
        evidence = Evidence(source=source, says=f"built from {url}")
        return Origin(certainty=Certainty.BUILT, evidence=(evidence,), built_from=candidate)
    if not candidate.sha256:
        return candidate
    evidence = Evidence(source=source, says=f"installed from {url} with sha256 {candidate.sha256}")
    return Origin(
        certainty=Certainty.RECORDED,
        file=candidate.file,
        sha256=candidate.sha256,
        url=url,
        evidence=(evidence,),
    )


def _sha256(info: Any) -> str:
    """Of an `archive_info`; the older form is `"hash": "sha256=..."`."""
    if not isinstance(info, dict):
        return ""
    hashes = info.get("hashes")
    given = str(hashes.get("sha256", "")) if isinstance(hashes, dict) else ""
    given = given or str(info.get("hash", "")).removeprefix("sha256=")
    return given.lower() if _SHA256.fullmatch(given.lower()) else ""


def _last_part(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


def was_built_by_uv(distribution: Distribution) -> bool:
    """Whether uv left its mark of something it built from source."""
    return Path(distribution.location, distribution.metadata, "uv_build.json").is_file()
