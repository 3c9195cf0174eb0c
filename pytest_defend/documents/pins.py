"""How each installed distribution could be installed again, or why it could not.

Rules:
- One judgement per distribution, in their order, for every document that locks an environment.
- The origin is the judge: without an exact one, a known source or a commit there is no pin. A pin holds
  nothing an installer would refuse: its name is in PEP 503 form, its version is one of PEP 440, its file
  is one of both, its digest has 64 digits.
- The package under test is never pinned: its files are the subjects of the build.
- A URL is used when an installer can read it and finds the name of the file at its end; else that name stands
  for it. A `file` URL is one, though it leads nowhere on other machines. No URL has a fragment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    is_normalized_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pytest_defend.model.origins import Candidate, Certainty, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.origins import Origin

__all__ = ["Pin", "Unpinned", "Way", "pins"]

_FILE = re.compile(r"[A-Za-z0-9._+!-]+")  # what a wheel's or sdist's name is made of, so no path
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"[\w.:-]+")
_COMMITS = {
    "git": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "hg": re.compile(r"[0-9a-f]{40}"),
    "bzr": re.compile(r"\d[\d.]*", re.ASCII),
    "svn": re.compile(r"\d+", re.ASCII),
}
_FILE_SCHEMES = ("file", "http", "https")
_VCS_SCHEMES = (*_FILE_SCHEMES, "git", "ssh", "svn")


class Way(Enum):
    """What an installer starts from."""

    WHEEL = "wheel"
    SDIST = "sdist"
    ARCHIVE = "archive"  # a file asked for by its URL
    COMMIT = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A distribution that can be installed again."""

    distribution: Distribution
    certainty: Certainty
    """How certain it is that this is what was installed."""
    way: Way
    version: str
    """As PEP 440 spells it."""
    file: str = ""
    """Name of a wheel or sdist."""
    sha256: str = ""
    """Of the file; empty for a commit only."""
    size_bytes: int = 0
    """Of the file; 0 when that is not known."""
    url: str = ""
    """Of file or repository; empty for a wheel or sdist when none is known."""
    index: str = ""
    """The index that offers the file."""
    vcs: str = ""
    """Of a commit: `git`, `hg`, `bzr`, `svn`."""
    commit: str = ""
    """Its object name or number."""
    revision: str = ""
    """Branch or tag that was asked for."""
    subdirectory: str = ""
    """Where in archive or repository the package is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpinned:
    """A distribution that cannot be installed again as it was."""

    distribution: Distribution
    reason: str
    """Why, in words."""
    version: str = ""
    """As PEP 440 spells it; empty without `hashes`."""
    hashes: tuple[str, ...] = ()
    """Sha256 digests, sorted: it is one of these files for certain, nobody can say which."""


def pins(installed: Installed, project: str) -> tuple[Pin | Unpinned, ...]:
    """Judge every distribution.

    Args:
        installed: With the origin of each distribution.
        project: Name of the package under test, in any spelling.
    """
    ours = canonicalize_name(project)
    return tuple(
        Unpinned(distribution=distribution, reason="the package under test")
        if distribution.name == ours
        else _judged(distribution)
        for distribution in installed.distributions
    )


def _judged(distribution: Distribution) -> Pin | Unpinned:
    origin, version = distribution.origin, _version(distribution)
    refusal = _refusal(distribution, version)
    if refusal or origin is None:
        return _no(distribution, refusal)
    if _table(distribution.direct_url, "vcs_info"):
        return _commit(distribution, origin, version)
    if origin.certainty is Certainty.CONSTRAINED:
        return _one_of(distribution, origin, version)
    return _file(distribution, origin, version)


def _refusal(distribution: Distribution, version: str) -> str:
    """Why no file needs to be looked for; empty when it is worth it."""
    origin = distribution.origin
    if origin is None:
        return "nobody looked where it came from"
    if distribution.editable or origin.certainty is Certainty.TREE:
        return _of_tree(distribution.editable, origin.tree)
    if origin.certainty is Certainty.FOREIGN:
        return f"belongs to the system: {origin.package or 'no Python installer put it there'}"
    if origin.certainty is Certainty.UNKNOWN:
        return "unknown origin: nothing says which file it came from"
    return "" if version else "its name or version is none that installers accept (PEP 503, PEP 440)"


def _no(distribution: Distribution, reason: str) -> Unpinned:
    return Unpinned(distribution=distribution, reason=reason)


def _of_tree(editable: bool, tree: Tree | None) -> str:
    kind = "editable install of a working tree" if editable else "installed from a folder"
    if tree is None or not tree.commit:
        return f"{kind}; under no version control"
    changes = {None: "", False: ", without changes", True: ", with changes that are not committed"}
    return f"{kind}; commit {tree.commit}{changes[tree.dirty]}"


def _version(distribution: Distribution) -> str:
    """As PEP 440 spells it; empty when nobody could ask for this distribution."""
    try:
        version = str(Version(distribution.version))
    except InvalidVersion:
        return ""
    return version if is_normalized_name(distribution.name) else ""


def _commit(distribution: Distribution, origin: Origin, version: str) -> Pin | Unpinned:
    vcs_info, tree = _table(distribution.direct_url, "vcs_info"), origin.tree or Tree()
    vcs = _text(vcs_info.get("vcs"))
    if vcs not in _COMMITS or not _COMMITS[vcs].fullmatch(tree.commit):
        return _no(distribution, "installed from a repository; the commit is not known")
    if tree.dirty:
        return _no(distribution, f"commit {tree.commit} with changes that are not committed")
    url = _first_url((_text(distribution.direct_url.get("url")), tree.url), _VCS_SCHEMES)
    if not url:
        return _no(distribution, f"commit {tree.commit} of a repository that is not known")
    return Pin(
        distribution=distribution,
        certainty=origin.certainty,
        way=Way.COMMIT,
        version=version,
        url=url,
        vcs=vcs,
        commit=tree.commit,
        revision=_text(vcs_info.get("requested_revision")),
        subdirectory=_text(distribution.direct_url.get("subdirectory")) or _text(tree.subdirectory),
    )


def _file(distribution: Distribution, origin: Origin, version: str) -> Pin | Unpinned:
    """From a wheel, or built from an sdist, that an index or a direct URL gave."""
    direct = isinstance(distribution.direct_url.get("archive_info"), Mapping)
    built = origin.certainty is Certainty.BUILT
    file: Candidate | Origin = (origin.built_from or Candidate(file="")) if built else origin
    way = Way.ARCHIVE if direct else _kind(file.file, distribution.name, version)
    if way is None:
        return _no(distribution, _unfit(file.file, built))
    sha256, name = (file.sha256 or _recorded_sha256(distribution.direct_url)).lower(), file.file
    if direct:
        url = _first_url((_text(distribution.direct_url.get("url")), file.url), _FILE_SCHEMES)
    else:
        url = _first_url((file.url,), _FILE_SCHEMES, name)  # pip takes the name from the URL
    if not _SHA256.fullmatch(sha256) or (direct and not url):
        return _no(distribution, f"the digest or the place of {name or 'its archive'} is not known")
    return Pin(
        distribution=distribution,
        certainty=origin.certainty,
        way=way,
        version=version,
        file="" if direct else name,
        sha256=sha256,
        size_bytes=file.size_bytes,
        url=url,
        index=_first_url((file.index,), _FILE_SCHEMES),
        subdirectory=_text(distribution.direct_url.get("subdirectory")) if direct else "",
    )


def _kind(file: str, name: str, version: str) -> Way | None:
    """What `file` is to an installer, if it is one of this package."""
    if not _FILE.fullmatch(file):
        return None
    try:
        if file.endswith(".whl"):
            way, found = Way.WHEEL, parse_wheel_filename(file)[:2]
        else:
            way, found = Way.SDIST, parse_sdist_filename(file)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None
    return way if found == (name, Version(version)) else None


def _unfit(file: str, built: bool) -> str:
    if file:
        return f"{file} is no file of this name and version"
    return (
        "built where it was installed, from a source that is not known" if built else "its file is not known"
    )


def _one_of(distribution: Distribution, origin: Origin, version: str) -> Unpinned:
    digests = sorted({candidate.sha256.lower() for candidate in origin.candidates})
    # without the digest of each it could be a file that is not among them
    known = all(map(_SHA256.fullmatch, digests))
    return Unpinned(
        distribution=distribution,
        reason=f"several files fit, {len(origin.candidates)} of them, and nobody can say which it was",
        version=version if known and digests else "",
        hashes=tuple(digests) if known else (),
    )


def _recorded_sha256(direct_url: Mapping[str, Any]) -> str:
    """The digest of an archive, in the newer or the older spelling of PEP 610."""
    archive = _table(direct_url, "archive_info")
    return _text(_table(archive, "hashes").get("sha256")) or _text(archive.get("hash")).removeprefix(
        "sha256="
    )


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    """A text that can stand in any document; empty for everything else."""
    return value if isinstance(value, str) and value.isprintable() else ""


def _first_url(urls: Iterable[str], schemes: tuple[str, ...], file: str = "") -> str:
    """The first that an installer can read and that ends in `file`, without its fragment."""
    whole = (url.partition("#")[0] for url in urls)
    return next((url for url in whole if _leads(url, schemes, file)), "")


def _leads(url: str, schemes: tuple[str, ...], file: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # no host in these brackets, no number for a port
        return False
    path = unquote(parts.path)
    there = path if parts.scheme == "file" else _HOST.fullmatch(host)
    ends = path.endswith(f"/{file}") if file else True
    return bool(there) and ends and parts.scheme in schemes and url.isprintable() and " " not in url
