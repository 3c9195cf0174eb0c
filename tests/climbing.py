"""Candidates that may rise, and a ladder to rise on, for tests of promotions.

Rules:
- Levels A, B and C are the repositories `a`, `b` and `c`; B and C require the stage `tests`.
- A candidate `NAME/1` has a wheel and a source distribution `NAME 1.0`, published to A by a run that passed,
  and needs the packages it is told.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from builders import NOW, a_bundle, a_clock
from pytest_defend.actions.pack import Material
from pytest_defend.actions.promote import promote
from pytest_defend.actions.publish import mark, publish
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import Final
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import DistFile, Distribution, Edge, Installed
from pytest_defend.model.fields import epoch_ms
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.origins import Certainty, Origin
from pytest_defend.model.record import RanOn, Shipped
from served import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_defend.gates import Policy
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.climb import Climb
    from pytest_defend.protocols import Store

__all__ = [
    "TABLE",
    "a_candidate",
    "a_policy",
    "climbed",
    "deeds",
    "names_on",
    "new_id",
    "packages_of",
    "served_ladder",
    "the_build",
]

TABLE: dict[str, Any] = {
    "repositories": "{level}",
    "levels": [
        {"name": "a"},
        {"name": "b", "stages": ["tests"]},
        {"name": "c", "stages": ["tests"]},
    ],
}
_IDS = count()
_LOCAL = {"rclass": "local", "packageType": "pypi"}
_REPOSITORIES = {
    **dict.fromkeys("abc", _LOCAL),
    "group": {"rclass": "virtual", "packageType": "pypi", "repositories": ["b"]},
}


def a_policy(**changes: Any) -> Policy:
    """The policy of `TABLE`."""
    ladder = Ladder.from_table({**TABLE, **changes}, "test")
    return read_policy(ladder, source="test", kinds=kinds())


def new_id() -> str:
    """Of a decision."""
    return f"{epoch_ms(NOW)}-{next(_IDS):06}"


@contextmanager
def served_ladder(folder: Path, profile: str = "7-pro", **arguments: Any) -> Iterator[str]:
    """Serve the repositories of the ladder, and `group`, which shows level B."""
    with served(folder, profile=profile, repositories=_REPOSITORIES, **arguments) as url:
        yield url


def the_build(name: str = "demo", number: str = "1") -> BuildId:
    """A candidate."""
    return BuildId(name=name, number=number)


def packages_of(name: str = "demo") -> Mapping[str, bytes]:
    """Its distributions, by file name."""
    return {
        f"{name}-1.0-py3-none-any.whl": f"wheel {name}".encode(),
        f"{name}-1.0.tar.gz": f"source {name}".encode(),
    }


def _wheel(name: str) -> Checksums:
    return Checksums.of(next(iter(packages_of(name).values())))


def _installed(name: str, needs: tuple[str, ...]) -> Installed:
    edges = tuple(Edge(target=each, requirement=each) for each in needs)
    own = Distribution(name=name, version="1.0", requires=edges, scopes=("self",))
    return Installed(distributions=(own, *map(_needed, needs)), roots=needs)


def _needed(name: str) -> Distribution:
    sums = _wheel(name)
    origin = Origin(
        certainty=Certainty.RECORDED,
        file=f"{name}-1.0-py3-none-any.whl",
        sha256=sums.sha256,
        sha1=sums.sha1,
        md5=sums.md5,
    )
    return Distribution(name=name, version="1.0", scopes=("runtime",), origin=origin)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What differs between candidates."""

    lines: tuple[bytes, ...] = ()
    repository: str = "a"
    final: int | None = 0
    marked: bool = True
    header: dict[str, Any] = field(default_factory=dict)


def a_candidate(folder: Path, store: Store, name: str = "demo", *needs: str, **changes: Any) -> BuildInfo:
    """Publish a candidate.

    Args:
        folder: For its files; new for each.
        store: Where it goes.
        name: Of the build and the package.
        needs: Names of packages it needs to run.
        changes: `lines` of the journal, `repository`, `final` exit status, whether it is `marked`, and fields
            of the `header`.
    """
    run = _Run(**changes)
    folder = folder / f"{name}-{next(_IDS)}"
    dists = []
    for file, content in packages_of(name).items():
        path = folder / "dist" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        kind = "whl" if file.endswith(".whl") else "tar.gz"
        sums = Checksums.of(content)
        dists.append(
            DistFile(path=str(path), name=name, version="1.0", kind=kind, metadata_name=name, checksums=sums)
        )
    told = {"build_name": name, "package": name, "repository": run.repository, **run.header}
    tested = {dist.path: RanOn(what=Shipped.ARTIFACT) for dist in dists}
    material = Material(dists=dists, tested=tested, installed=_installed(name, needs))
    manifest = a_bundle(folder / "run", *run.lines, material=material, **told)
    publish(folder / "run", manifest, store)
    if run.marked:
        mark(manifest, store, None if run.final is None else Final(exit_status=run.final))
    return store.build(BuildId(name=name, number=told.get("build_number", "1")))


def climbed(store: Store, name: str = "demo", level: str = "b", **choices: Any) -> Climb:
    """Promote a candidate."""
    given = {"policy": a_policy(), "clock": a_clock, "decision_id": new_id, **choices}
    return promote(the_build(name), level=level, store=store, **given)


def deeds(climb: Climb) -> list[tuple[str, str, str]]:
    """What became of each step: build, level, deed."""
    return [(step.build.partition("/")[0], step.level, step.deed.value) for step in climb.steps]


def names_on(store: Store, repository: str) -> set[str]:
    """The names of the distributions in a repository."""
    names = {item.path.rpartition("/")[2] for item in store.list(repository)}
    return {name for name in names if name.endswith((".whl", ".tar.gz"))}
