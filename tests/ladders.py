"""The ladder of three teams, and builds that stand on it, for tests.

Rules:
- Subsystems A, B and C, levels 1 to 3. X works on A, Y on B, Z on C; each sees its own work from level 1 up
  and that of the others from a higher level.
- A build `NAME/1` has one package `NAME 1.0` whose file says its name, and the dependencies it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from builders import a_build_info, an_upload
from pytest_defend.actions.provision import apply, plan
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import Artifact, Dependency, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ladder import Ladder
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from pytest_defend.gates import Policy
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Store

__all__ = ["TABLE", "a_ladder", "a_package", "a_policy", "climb", "content", "needs", "provisioned"]

TABLE: dict[str, Any] = {
    "subsystems": ["A", "B", "C"],
    "levels": [{"name": "1"}, {"name": "2", "stages": ["tests"]}, {"name": "3"}],
    "groups": {
        "X": {"sees": {"A": "1", "B": "2", "C": "3"}, "deploys": "A"},
        "Y": {"sees": {"B": "1", "C": "2", "A": "3"}, "deploys": "B"},
        "Z": {"sees": {"C": "1", "B": "2", "A": "3"}, "deploys": "C"},
    },
}


def a_ladder(**changes: Any) -> Ladder:
    """The ladder of `TABLE`."""
    return Ladder.from_table({**TABLE, **changes}, "test")


def a_policy(ladder: Ladder | None = None, *, source: str = "here") -> Policy:
    """The policy of a ladder."""
    return read_policy(ladder or a_ladder(), source=source, kinds=kinds())


def provisioned(store: Store, ladder: Ladder | None = None) -> Ladder:
    """A ladder whose repositories are there."""
    ladder = ladder or a_ladder()
    done = apply(plan(ladder, store.repositories, store=store.locator), store.repositories)
    assert not done.problem
    return ladder


def content(name: str) -> bytes:
    """The bytes of a package."""
    return f"package {name}".encode()


def needs(name: str, *, sha256: str | None = None, repository: str = "") -> Dependency:
    """A package `NAME 1.0` as a dependency; with its own digest unless told otherwise."""
    digest = Checksums.of(content(name)).sha256 if sha256 is None else sha256
    return Dependency(id=f"{name}:1.0", type="whl", sha256=digest, repository=repository)


def a_package(store: Store, name: str, repository: str, *dependencies: Dependency) -> BuildInfo:
    """Publish `NAME/1` into a repository."""
    upload = an_upload(f"{repository}/{name}/1.0/{name}-1.0.whl", content(name))
    build = a_build_info(name=name, number="1", modules=())
    told = {"build.name": (name,), "build.number": ("1",), "build.timestamp": (build.timestamp,)}
    evidence = an_upload(f"{repository}/{name}/1.0/evidence/tests/r1/record.json", b"{}", properties=told)
    made = [
        Artifact(
            name=each.path.rpartition("/")[2],
            repository=repository,
            path=each.path.partition("/")[2],
            sha256=each.checksums.sha256,
            sha1=each.checksums.sha1,
            md5=each.checksums.md5,
        )
        for each in (upload, evidence)
    ]
    stage = {"defend.stage": "tests"}
    build = a_build_info(
        name=name,
        number="1",
        modules=(
            Module(id=f"{name}:1.0", artifacts=(made[0],), dependencies=dependencies),
            Module(id=f"{name}:1.0/stage/tests", artifacts=(made[1],), properties=stage),
        ),
    )
    store.publish_build(build, [an_upload(upload.path, content(name), properties=told), evidence])
    return build


def climb(store: Store, build: BuildInfo, *repositories: str) -> None:
    """Copy a build to repositories, one after the other."""
    for repository in repositories:
        store.promote(build.id, Promotion(status="risen", target=repository, copy=True))
