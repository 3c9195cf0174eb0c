"""How each installed distribution could be installed again, or why it could not.

Rules:
- One judgement per distribution, in their order, for every document that locks an environment.
- The origin is the judge: without an exact one, a known source or a commit there is no pin. A pin holds
  nothing an installer would refuse: its name is in PEP 503 form, its version is one of PEP 440, its file
  is one of both, its digest has 64 digits.
- The package under test is never pinned: its files are the subjects of the build.
- A file is known by its name. Its URL says where it was got, when other machines can ask there; a path of the
  machine of the run is never told. Only a repository keeps a `file` URL: nothing else names it.
- A URL is one that an installer can read; it has no fragment.
- What may come out different is said in the note of a pin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    is_normalized_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pytest_defend.documents.locators import OF_FILES, OF_REPOSITORIES, first_of, last_part
from pytest_defend.model.origins import Candidate, Certainty, Tree

if TYPE_CHECKING:
    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.origins import Origin

__all__ = ["Pin", "Unpinned", "Way", "pins"]

_FILE = re.compile(r"[A-Za-z0-9._+!-]+")  # what a wheel's or sdist's name is made of, so no path
_ARCHIVE = re.compile(r"[^/\\:]+\.(whl|zip|tgz|tbz|txz|tlz|tar|tar\.[a-z0-9]+)")  # what installers unpack
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMITS = {
    "git": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "hg": re.compile(r"[0-9a-f]{40}"),
    "bzr": re.compile(r"\d[\d.]*", re.ASCII),
    "svn": re.compile(r"\d+", re.ASCII),
}
_BUILT = "built again when it is installed; what that build uses is not pinned"


class Way(Enum):
    """What an installer starts from."""

    WHEEL = "wheel"
    SDIST = "sdist"
    ARCHIVE = "archive"  # a file asked for by its URL, whose name does not tell what it is
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
    """Its name; empty for a commit, and for an archive that has none at the end of its URL."""
    sha256: str = ""
    """Of the file; empty for a commit only."""
    size_bytes: int = 0
    """Of the file; 0 when that is not known."""
    url: str = ""
    """Of file or repository; empty for a file that other machines can get nowhere."""
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
    note: str = ""
    """What may come out different, in words; empty when nothing does."""


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
        _no(distribution, _tested(distribution)) if distribution.name == ours else _judged(distribution)
        for distribution in installed.distributions
    )


def _tested(distribution: Distribution) -> str:
    origin = distribution.origin
    if origin is not None and (distribution.editable or origin.certainty is Certainty.TREE):
        return f"the package under test, {_of_tree(distribution.editable, origin.tree)}"
    return "the package under test; its files are those of the build"


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
    untracked = f", with {tree.untracked_count} files that are not tracked" if tree.untracked_count else ""
    return f"{kind}; commit {tree.commit}{changes[tree.dirty]}{untracked}"


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
    url = first_of((_text(distribution.direct_url.get("url")), tree.url), OF_REPOSITORIES)
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
        note=_note(distribution, built=True),
    )


def _file(distribution: Distribution, origin: Origin, version: str) -> Pin | Unpinned:
    """From a wheel, or built from an sdist, that an index or a direct URL gave."""
    direct_url = distribution.direct_url
    direct = isinstance(direct_url.get("archive_info"), Mapping)
    subdirectory = _text(direct_url.get("subdirectory")) if direct else ""
    built = origin.certainty is Certainty.BUILT
    file: Candidate | Origin = (origin.built_from or Candidate(file="")) if built else origin
    given = _text(direct_url.get("url")) if direct else ""
    name, url = file.file or last_part(given), first_of((given, file.url), OF_FILES)
    way = None if subdirectory else _kind(name, distribution.name, version)
    if way is None and direct:
        way, name = Way.ARCHIVE, name if _ARCHIVE.fullmatch(name) and name.isprintable() else ""
    if way is None:
        return _no(distribution, _unfit(name, built))
    sha256 = (file.sha256 or _recorded_sha256(direct_url)).lower()
    if not _SHA256.fullmatch(sha256) or not (name or url):
        return _no(distribution, f"the digest or the place of {name or 'its archive'} is not known")
    return Pin(
        distribution=distribution,
        certainty=origin.certainty,
        way=way,
        version=version,
        file=name,
        sha256=sha256,
        size_bytes=file.size_bytes,
        url=url,
        index=first_of((file.index,), OF_FILES),
        subdirectory=subdirectory,
        note=_note(distribution, built=built or way is Way.SDIST),
    )


def _note(distribution: Distribution, *, built: bool) -> str:
    changed = len(distribution.drift)
    drift = f"{changed} of its files had been changed since it was installed; this is how they were before"
    return "; ".join(filter(None, (_BUILT if built else "", drift if changed else "")))


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
