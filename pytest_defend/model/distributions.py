"""Packages: what is installed where the tests ran, who asks for what, and the files of a release.

Rules:
- A name is compared in its PEP 503 form only; the id of a dependency is `name:version` with that name.
- The name of a package is unique in `Installed`, and packages are sorted by it.
- An edge is a requirement that holds here: its marker is true for this interpreter and the extras in use.
- No URL holds a credential: `model/urls.py` says what is cut off or masked.
- The fingerprint of an environment covers name, version, direct URL and content of each package: what `diff`
  shows is what changes it.
- A chain never visits a package twice; fifteen chains per dependency are kept, as JFrog's clients do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import Document, canonical_bytes
from pytest_defend.model.origins import Origin
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "MAX_CHAINS",
    "CoreMetadata",
    "DistFile",
    "Distribution",
    "Edge",
    "Installed",
    "chains",
    "diff",
]

MAX_CHAINS = 15
"""Chains kept per dependency. Source: `RequestedByMaxLength` of build-info-go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The three headers of a METADATA or PKG-INFO file that say what it is and needs.

    Source: https://packaging.python.org/en/latest/specifications/core-metadata/
    """

    name: str = ""
    version: str = ""
    requires: tuple[str, ...] = ()
    """Requirement strings as written, without credentials."""

    @classmethod
    def parse(cls, text: str) -> CoreMetadata:
        """Read the headers of `text`; what is missing stays empty, of several the first counts."""
        found: dict[str, list[str]] = {"name": [""], "version": [""], "requires-dist": []}
        for key, value in _headers(text):
            if key in found:
                found[key].append(value)
        return cls(
            name=next(filter(None, found["name"]), ""),
            version=next(filter(None, found["version"]), ""),
            requires=tuple(strip_user_information(line) for line in found["requires-dist"] if line),
        )


def _headers(text: str) -> Iterator[tuple[str, str]]:
    """Every header in lower case with its value unfolded, up to the first line that is none.

    Not the email package: it takes longer for one file than this takes for twenty. Not `splitlines`: it
    breaks at form feeds, and a description could pose as a header.
    """
    key = value = ""
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"):
        if line[:1] in {" ", "\t"}:
            value = f"{value} {line.strip()}"
            continue
        if key:
            yield key.lower(), value.strip()
        key, colon, value = line.partition(":")
        if not colon:
            return
    yield key.lower(), value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Document):
    """One requirement of a distribution that holds where it is installed."""

    target: str
    """PEP 503 name of what is required; it need not be installed."""
    requirement: str
    """As the requiring distribution writes it."""
    extras: tuple[str, ...] = ()
    """Extras of the target that it asks for, normalised and sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution(Document):
    """One installed package."""

    name: str
    """In PEP 503 form."""
    version: str
    """As in its metadata."""
    shown_name: str = ""
    """As in its metadata; empty when that cannot be read, and the name of its folder counts."""
    installer: str = ""
    """Who put it there: `pip`, `uv`, ..."""
    requested: bool | None = None
    """Asked for by name, or only as a dependency; None where the installer does not say."""
    location: str = ""
    """Folder it is imported from, links resolved."""
    metadata: str = ""
    """Name of its `.dist-info` or `.egg-info` in that folder; empty for a finder that has none."""
    editable: bool = False
    """Whether its files are those of a working tree."""
    direct_url: Mapping[str, Any] = field(default_factory=dict)
    """Its `direct_url.json` (PEP 610) without credentials; empty when it came from an index."""
    requires: tuple[Edge, ...] = ()
    """What it requires here, sorted."""
    scopes: tuple[str, ...] = ()
    """Of `build`, `runtime`, `test`, `transitive`; empty for the project under test."""
    tags: tuple[str, ...] = ()
    """Of the wheel it was installed from, each for itself (`py3-none-any`), sorted."""
    build_tag: str = ""
    """Of that wheel: `1` or `2local`; empty when it has none."""
    fingerprint: str = ""
    """Digest of what it holds, as RECORD says; empty without one, and for an editable install."""
    drift: tuple[str, ...] = ()
    """Files that are not what RECORD says, `changed PATH` or `missing PATH`; empty when nobody looked."""
    origin: Origin | None = None
    """Which file it came from, and how certain that is."""

    @property
    def id(self) -> str:
        """What build-info calls it: `name:version`."""
        return f"{self.name}:{self.version}"

    @property
    def line(self) -> str:
        """Its identity in one line: name, version, and what is known of direct URL and content."""
        origin = f" @ {canonical_bytes(self.direct_url).decode()}" if self.direct_url else ""
        content = f" holding {self.fingerprint}" if self.fingerprint else ""
        return f"{self.name}=={self.version}{origin}{content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed(Document):
    """Everything that can be imported by one interpreter."""

    distributions: tuple[Distribution, ...] = ()
    """Sorted by name."""
    roots: tuple[str, ...] = ()
    """Names asked for by no other package here, from which every package can be reached."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The marker variables (PEP 508) that requirements were judged with."""
    verified: bool = False
    """Whether every file was compared with what RECORD says."""

    @property
    def fingerprint(self) -> str:
        """Sha256 (hexadecimal) over the sorted identities; equal if and only if `diff` is empty."""
        lines = sorted(distribution.line for distribution in self.distributions)
        return hashlib.sha256(canonical_bytes(lines)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DistFile(Document):
    """A wheel or source distribution; what it says comes from the metadata inside."""

    path: str
    """Where it was read, as given."""
    name: str
    """In PEP 503 form."""
    version: str
    kind: str
    """`whl`, `tar.gz` or `zip`."""
    metadata_name: str
    """As its metadata writes it."""
    requires_dist: tuple[str, ...] = ()
    checksums: Checksums

    @property
    def id(self) -> str:
        """What build-info calls it: `name:version`."""
        return f"{self.name}:{self.version}"


def diff(before: Installed, after: Installed) -> tuple[str, ...]:
    """What was installed, removed or replaced between two readings, one line each, sorted by name."""
    old = {distribution.name: distribution.line for distribution in before.distributions}
    new = {distribution.name: distribution.line for distribution in after.distributions}
    return tuple(
        _change(old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _change(old: str | None, new: str | None) -> str:
    if old is None:
        return f"added {new}"
    return f"removed {old}" if new is None else f"changed {old} to {new}"


def chains(
    installed: Installed, module_id: str, roots: Iterable[str]
) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Why each package is there: build-info's `requestedBy`.

    Works level by level and extends kept chains only, so that the work is bounded by
    `MAX_CHAINS` times edges times depth however the graph is knotted.

    Args:
        installed: The packages and their edges.
        module_id: Id of the module that has them; the package with this id is the module itself.
        roots: Names the module asks for itself.

    Returns:
        By name, every package that can be reached: its chains `(id of who asks, ..., module_id)`, the
        shortest first, then alphabetically.
    """
    ids = {each.name: each.id for each in installed.distributions if each.id != module_id}
    targets = {
        each.name: {edge.target for edge in each.requires} & ids.keys() for each in installed.distributions
    }
    kept: dict[str, list[tuple[str, ...]]] = {name: [] for name in ids}
    level: dict[str, list[tuple[str, ...]]] = {name: [(module_id,)] for name in ids.keys() & set(roots)}
    while level:
        following: dict[str, list[tuple[str, ...]]] = {}
        for name, found in level.items():
            fresh = sorted(found)[: MAX_CHAINS - len(kept[name])]
            kept[name] += fresh
            for longer in ((ids[name], *chain) for chain in fresh):
                for target in targets[name]:
                    if len(kept[target]) < MAX_CHAINS and ids[target] not in longer:
                        following.setdefault(target, []).append(longer)
        level = following
    return {name: tuple(found) for name, found in kept.items() if found}
