"""What is installed in the running interpreter, whoever installed it.

Rules:
- The set is what `importlib.metadata` finds, in-process: no subprocess, no installer, no log.
- The first folder on the import path wins; within one folder the highest version does, so that the order of
  a directory listing decides nothing. All hidden copies of a name are one gap.
- What another distribution carries along inside itself is no installation (`vendored.py`).
- The `.egg-info` that an editable install leaves in its own project is that install, no second copy.
- A leftover of an interrupted installation, metadata that is missing or broken, a copy without a usable name
  or version: a gap each, never an exception. What has a name and a version is recorded (`metadata.py`).
- A finder of another project that fails takes nothing along of what other finders find.
- Edges, scopes and roots follow the rules of `capture/graph.py`; where each came from is another question,
  which `capture/origins.py` answers.
- Two readings of one environment are byte-identical.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.direct_url import DirectUrl, DirectUrlValidationError
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.content import Content, read_content
from pytest_defend.capture.direct import lies_in_tree
from pytest_defend.capture.graph import Package, link
from pytest_defend.capture.memory import NoMemory
from pytest_defend.capture.metadata import Unusable, read_metadata, text_of
from pytest_defend.capture.vendored import vendored_folders
from pytest_defend.model.distributions import Distribution
from pytest_defend.model.facts import Gap
from pytest_defend.model.urls import path_of_file_url, strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_defend.capture.content import Memory
    from pytest_defend.model.distributions import CoreMetadata, Installed

__all__ = ["read_distributions"]

# Source: `AdjacentTempDirectory` of pip renames what it is about to remove to one of these; digits, which it
# also uses, cannot be told from a name.
_LEFTOVER = tuple("-~.=%")
_MARKS_EVERYTHING = "uv"  # REQUESTED beside every package, dependencies as well (0.13.9)


def read_distributions(
    *,
    project: str = "",
    paths: Sequence[str] | None = None,
    build_requires: Sequence[str] = (),
    group_requires: Sequence[str] = (),
    memory: Memory | None = None,
) -> tuple[Installed, tuple[Gap, ...]]:
    """Read every distribution that can be imported.

    Args:
        project: Name of the project under test, in any spelling; empty when unknown.
        paths: Folders to look in instead of `sys.path`.
        build_requires: `build-system.requires` of the project's pyproject.toml.
        group_requires: Requirement strings of its dependency groups, all of them.
        memory: What earlier readings computed.

    Returns:
        What is installed, and what could not be read.
    """
    copies, gaps = _read_all(paths, memory or NoMemory())
    packages, hidden = _first_of_each(copies)
    installed, unclear = link(
        packages,
        project=canonicalize_name(project),
        build_requires=build_requires,
        group_requires=group_requires,
    )
    every = {*gaps, *hidden, *unclear}
    return installed, tuple(sorted(every, key=lambda gap: gap.problem))


def _gap(problem: str) -> Gap:
    return Gap(topic="distributions", problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    where: str
    """Path of its metadata; the folder alone for a finder that has no such thing."""
    package: Package


def _read_all(paths: Sequence[str] | None, memory: Memory) -> tuple[list[_Copy], set[Gap]]:
    """Every copy, in the order of the import path."""
    copies: dict[tuple[str, str], _Copy] = {}  # one folder is often on the path twice
    gaps: set[Gap] = set()
    resolved = cache(lambda folder: str(Path(folder).resolve()))
    for found in _search(paths, gaps):
        copy = _read_one(found, resolved, gaps, memory)
        if copy is not None:
            copies.setdefault((copy.where, copy.package.distribution.id), copy)
    vendored = vendored_folders([copy.package.distribution for copy in copies.values()])
    return [copy for copy in copies.values() if copy.package.distribution.location not in vendored], gaps


def _search(paths: Sequence[str] | None, gaps: set[Gap]) -> Iterator[importlib.metadata.Distribution]:
    """What every finder finds.

    Not `importlib.metadata.distributions`: that ends at the first finder that fails.
    """
    told: Sequence[object] = sys.path if paths is None else paths
    # as for imports, what is no path of a folder does not count
    folders = [path for path in told if isinstance(path, str) and "\0" not in path]
    context = importlib.metadata.DistributionFinder.Context(path=folders)
    for finder in sys.meta_path:
        try:
            yield from getattr(finder, "find_distributions", _finds_nothing)(context)
        except Exception as error:  # noqa: BLE001  finders of other projects are any code
            name = getattr(finder, "__name__", type(finder).__name__)
            problem = f"{name} stopped looking for distributions ({type(error).__name__})"
            gaps.add(_gap(f"{problem}; what only it would have found is missing."))


def _finds_nothing(_context: object) -> tuple[importlib.metadata.Distribution, ...]:
    return ()


def _metadata_folder(found: importlib.metadata.Distribution) -> str:
    """Name of its `.dist-info` or `.egg-info`; empty for a finder that has none.

    There is no public way to ask; pip, too, reads this attribute.
    """
    return str(getattr(getattr(found, "_path", None), "name", ""))


def _read_one(
    found: importlib.metadata.Distribution,
    resolved: Callable[[str], str],
    gaps: set[Gap],
    memory: Memory,
) -> _Copy | None:
    folder = _metadata_folder(found)
    where = folder or "A distribution without a folder"
    try:
        location = resolved(str(found.locate_file("")))
        where = f"{location}/{folder}"
        return _Copy(where=where, package=_package(found, location, folder, gaps, memory))
    except Unusable as unusable:
        gaps.add(_gap(f"{where} {unusable}"))
    except Exception as error:  # noqa: BLE001  distributions of other finders are any code
        gaps.add(_gap(f"{where} cannot be read ({type(error).__name__}); install its package again."))
    return None


def _package(
    found: importlib.metadata.Distribution, location: str, folder: str, gaps: set[Gap], memory: Memory
) -> Package:
    if folder.startswith(_LEFTOVER):
        raise Unusable("is left over from an interrupted installation; remove it.")
    metadata, shown_name = read_metadata(
        found, folder, lambda problem: gaps.add(_gap(f"{location}/{folder} {problem}"))
    )
    installer = _installer(found, metadata, gaps)
    direct_url = _direct_url(found, metadata, gaps)
    editable = direct_url.get("dir_info", {}).get("editable", lies_in_tree(location, folder))
    content = _content(found, metadata, gaps, memory)
    distribution = Distribution(
        name=canonicalize_name(metadata.name),
        version=metadata.version,
        shown_name=shown_name,
        installer=installer,
        requested=_requested(found, installer),
        location=location,
        metadata=folder,
        editable=editable,
        direct_url=direct_url,
        tags=content.tags,
        build_tag=content.build_tag,
        fingerprint="" if editable else content.fingerprint,
    )
    requirements = metadata.requires
    if not requirements and not folder.endswith(".dist-info"):
        requirements = tuple(found.requires or ())  # of an egg, from its requires.txt
    return Package(distribution=distribution, requirements=requirements)


def _installer(found: importlib.metadata.Distribution, metadata: CoreMetadata, gaps: set[Gap]) -> str:
    try:
        return (text_of(found, "INSTALLER") or "").strip()
    except UnicodeDecodeError:
        shown = f"{metadata.name} {metadata.version}"
        gaps.add(_gap(f"INSTALLER of {shown} is not UTF-8, so nobody is named; install it again."))
        return ""


def _requested(found: importlib.metadata.Distribution, installer: str) -> bool | None:
    if installer == _MARKS_EVERYTHING:
        return None
    try:
        if text_of(found, "REQUESTED") is not None:
            return True
    except UnicodeDecodeError:
        return True  # its presence says it, whatever it holds
    return False if installer == "pip" else None


def _direct_url(
    found: importlib.metadata.Distribution, metadata: CoreMetadata, gaps: set[Gap]
) -> Mapping[str, Any]:
    try:
        text = text_of(found, "direct_url.json")
        if text is None:
            return {}
        document = DirectUrl.from_dict(json.loads(text)).to_dict(strip_user_password=False)
    except (AttributeError, ValueError, RecursionError, DirectUrlValidationError):
        shown = f"{metadata.name} {metadata.version}"
        gaps.add(_gap(f"direct_url.json of {shown} is broken, so its origin is unknown; install it again."))
        return {}
    return {**document, "url": strip_user_information(document["url"])}


def _content(
    found: importlib.metadata.Distribution, metadata: CoreMetadata, gaps: set[Gap], memory: Memory
) -> Content:
    folder = getattr(found, "_path", None)
    try:
        return read_content(found, folder if isinstance(folder, Path) else None, memory)
    except (OSError, ValueError) as error:
        shown = f"{metadata.name} {metadata.version}"
        gaps.add(_gap(f"RECORD or WHEEL of {shown} is broken ({error}); install it again."))
        return Content()


def _first_of_each(copies: Iterable[_Copy]) -> tuple[dict[str, Package], set[Gap]]:
    groups: dict[str, list[_Copy]] = {}
    for copy in copies:
        groups.setdefault(copy.package.distribution.name, []).append(copy)
    chosen: dict[str, Package] = {}
    gaps: set[Gap] = set()
    for name, group in groups.items():
        told = [copy for copy in group if copy.package.distribution.shown_name]  # the others are remains
        chosen[name] = package = _winner(told or group)
        winner = package.distribution
        others = [copy.package.distribution for copy in group if copy.package is not package]
        hidden = sorted(_placed(other) for other in others if not _is_project_of(winner, other))
        if hidden:
            listed = ", ".join(hidden)
            gaps.add(_gap(f"{name} {_placed(winner)} hides {listed}; uninstall what is not to be tested."))
    return chosen, gaps


def _placed(distribution: Distribution) -> str:
    return f"{distribution.version} in {distribution.location}"


def _winner(group: Sequence[_Copy]) -> Package:
    first = group[0].package.distribution.location
    rivals = [copy for copy in group if copy.package.distribution.location == first]
    winner = max(rivals, key=_rank).package
    for copy in group:
        if _is_project_of(copy.package.distribution, winner.distribution):
            return copy.package
    return winner


def _rank(copy: _Copy) -> tuple[bool, Version, bool, str]:
    """Order of the copies in one folder: by version, a `.dist-info` before another of the same version."""
    try:
        version, is_valid = Version(copy.package.distribution.version), True
    except InvalidVersion:
        version, is_valid = Version("0"), False
    return is_valid, version, copy.where.endswith(".dist-info"), copy.where


def _is_project_of(editable: Distribution, other: Distribution) -> bool:
    """Is `other` what an editable install found, or built, in the project it points at?"""
    if not editable.editable or not editable.direct_url or editable.version != other.version:
        return False
    if other.installer:  # an environment often lies in the project
        return False
    project = Path(path_of_file_url(editable.direct_url["url"])).resolve()
    return Path(other.location).is_relative_to(project)
