"""A look at a build: what is where, what stands on it, and with how many requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, PATH, STARTED, a_build_info, a_clock, a_published, an_upload
from pytest_defend.actions.snapshot import Outside, take
from pytest_defend.errors import NotFound, UsageError
from pytest_defend.gates import Needs, Policy
from pytest_defend.model.buildinfo import Artifact, BuildId, Dependency, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.snapshot import ExternalAnswer, PreviousFact, Snapshot
from pytest_defend.protocols import Promotion
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store

TABLE: dict[str, Any] = {"levels": [{"name": "libs-local"}, {"name": "rc-local"}, {"name": "release-local"}]}
BUILD = BuildId(name="demo", number="1")


def _policy(**table: Any) -> Policy:
    ladder = Ladder.from_table(table or TABLE, "test")
    return Policy(ladder=ladder, source="test", levels={level.name: () for level in ladder.levels})


def _taken(
    store: Store,
    build: BuildId = BUILD,
    *,
    level: str = "rc-local",
    policy: Policy | None = None,
    needs: Needs | None = None,
    outside: Outside | None = None,
) -> Snapshot:
    return take(
        build,
        level=level,
        policy=policy or _policy(),
        store=store,
        taken=NOW,
        needs=needs or Needs(),
        outside=outside,
    )


def _promote(store: Store, target: str, build: BuildId = BUILD) -> None:
    rise = Promotion(status=target, target=target, copy=True, properties={"defend.level": (target,)})
    store.promote(build, rise)


def test_a_build_with_its_files_stage_and_policy(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    snapshot = _taken(store)
    assert snapshot.store == store.locator
    assert (snapshot.standing, snapshot.subsystem, snapshot.runs) == ("libs-local", "", (STARTED,))
    assert snapshot.files[0].path == PATH
    assert all(file.intact == file.kept and len(file.kept) == 1 for file in snapshot.files)
    (stage,) = snapshot.stages
    folder = "libs-local/demo/1.0/evidence/tests/r1"
    assert stage.mark == "passed"
    assert (stage.record, stage.journal) == (f"{folder}/record.json", f"{folder}/journal.jsonl")
    assert snapshot.previous is None
    assert Snapshot.from_bytes(snapshot.to_bytes()) == snapshot


def test_the_run_is_named_exactly(store: Store) -> None:
    for number, minute in (("1", 57), ("2", 59), ("3", 58)):
        started = f"2026-01-31T11:{minute}:00.000+0000"
        store.publish_build(a_build_info(number=number, started=started))
    assert _taken(store, BuildId(name="demo", number="latest")).build.number == "2"
    assert _taken(store, replace(BUILD, started="2026-01-31T12:57:00+01:00")).build.number == "1"
    for missing in (replace(BUILD, number="9"), replace(BUILD, started=STARTED), replace(BUILD, started="?")):
        with pytest.raises(NotFound):
            _taken(store, missing)


def test_copies_are_found_wherever_the_ladder_has_them(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    _promote(store, "rc-local")
    snapshot = _taken(store, level="release-local")
    assert [kept.path for kept in snapshot.files[0].kept] == [PATH, PATH.replace("libs-local", "rc-local")]
    assert snapshot.standing == "rc-local"


def test_copies_that_were_never_finished_are_no_standing(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    store.promote(BUILD, Promotion(status="", target="rc-local", copy=True))
    assert _taken(store).standing == "libs-local"
    _promote(store, "rc-local")
    store.promote(BUILD, Promotion(status="libs-local"))  # taken down since
    assert _taken(store).standing == "libs-local"


def test_a_package_that_is_not_on_the_ladder_stands_on_no_level(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    snapshot = _taken(store, policy=_policy(levels=[{"name": "rc-local"}]))
    assert snapshot.standing == ""
    assert [kept.path for kept in snapshot.files[0].kept] == [PATH]


def test_other_bytes_under_a_path_are_kept_as_they_are(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    a_published(tmp_path, store)
    other = PATH.replace("libs-local", "rc-local")
    store.put(an_upload(other, b"other"))
    (file, *_) = _taken(store).files
    assert [(kept.path, kept.sha256) for kept in file.kept] == [
        (PATH, Checksums.of(b"demo").sha256),
        (other, Checksums.of(b"other").sha256),
    ]
    assert [kept.path for kept in file.intact] == [PATH]


def test_evidence_is_read_from_a_copy_when_the_first_is_gone(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    a_published(tmp_path, store)
    _promote(store, "rc-local")
    for path in [path for path in store._items if path.startswith("libs-local/")]:
        del store._items[path]
    (stage,) = _taken(store).stages
    assert stage.journal == "rc-local/demo/1.0/evidence/tests/r1/journal.jsonl"
    assert stage.mark == "passed"


def test_a_mark_is_what_every_file_of_the_stage_says(store: Store, tmp_path: Path) -> None:
    manifest = a_published(tmp_path, store)
    journal = next(file.path for file in manifest.files if file.name == "journal.jsonl")
    store.annotate([journal], {"defend.stage.tests": ("failed",)})
    assert _taken(store).stages[0].mark == ""
    store.annotate([file.path for file in manifest.files], {"defend.stage.tests": ("failed",)})
    assert _taken(store).stages[0].mark == "failed"
    store.annotate([file.path for file in manifest.files], {"defend.stage.tests": ("a", "b")})
    assert _taken(store).stages[0].mark == ""


def test_a_stage_that_names_no_journal_says_so(store: Store) -> None:
    module = Module(id="demo:1/stage/x", properties={"defend.stage": "x", "defend.run": "r"})
    store.publish_build(a_build_info(modules=(module,)))
    (stage,) = _taken(store).stages
    assert (stage.stage, stage.run, stage.record, stage.journal, stage.mark) == ("x", "r", "", "", "")


def test_files_of_other_clients_are_found_by_their_folder(store: Store) -> None:
    paths = ("org/acme/lib/1.0/lib.jar", "org/acme/lib/1.0/docs/index.html", "lone.txt")
    files = tuple(
        Artifact(
            name=path.rpartition("/")[2], path=path, repository="libs-local", sha256=Checksums.of(b"x").sha256
        )
        for path in paths
    )
    build = a_build_info(modules=(Module(id="lib", artifacts=files),))
    store.publish_build(build, [an_upload(f"libs-local/{path}", b"x") for path in paths])
    assert [len(file.kept) for file in _taken(store).files] == [1, 1, 1]


def test_dependencies_are_looked_up_by_their_digests(store: Store) -> None:
    used = Checksums.of(b"lib").sha256
    build_of = {"build.name": ("lib",), "build.number": ("7",), "colour": ("red",)}
    store.put(an_upload("rc-local/lib/2.0/lib.whl", b"lib", properties=build_of))
    stage = Module(
        id="demo:1.0/stage/t",
        properties={"defend.stage": "t"},
        dependencies=(Dependency(id="pytest:9", sha256="0" * 64),),
    )
    package = Module(
        id="demo:1.0",
        dependencies=(
            Dependency(id="lib:2.0", sha256=used, scopes=("runtime",)),
            Dependency(id="nowhere:1", sha256="1" * 64),
            Dependency(id="unknown:1"),
        ),
    )
    store.publish_build(a_build_info(modules=(package, stage)))
    found = _taken(store).dependencies
    assert [(each.id, each.module, len(each.kept)) for each in found] == [
        ("lib:2.0", "demo:1.0", 1),
        ("nowhere:1", "demo:1.0", 0),
        ("unknown:1", "demo:1.0", 0),
    ]
    assert found[0].kept[0].properties == {"build.name": ("lib",), "build.number": ("7",)}


@pytest.mark.parametrize(
    ("repositories", "message"),
    [
        (("x-dev",), None),
        (("x-dev", "y-dev"), "which belong to several subsystems"),
        (("libs-local",), r"which no subsystem of the ladder has.*x-dev, y-dev"),
    ],
)
def test_the_subsystem_is_that_of_the_packages(
    repositories: tuple[str, ...], message: str | None, store: Store
) -> None:
    policy = _policy(
        levels=[{"name": "dev"}, {"name": "rc"}], subsystems=["x", "y"], repositories="{subsystem}-{level}"
    )
    files = tuple(
        Artifact(name=f"{key}.whl", path=f"demo/1/{key}.whl", repository=key) for key in repositories
    )
    store.publish_build(a_build_info(modules=(Module(id="demo:1", artifacts=files),)))
    if message is None:
        assert _taken(store, level="rc", policy=policy).subsystem == "x"
    else:
        with pytest.raises(UsageError, match=message):
            _taken(store, level="rc", policy=policy)


def test_a_level_that_is_not_there_is_refused_before_anything_is_asked(store: Store) -> None:
    with pytest.raises(UsageError, match="The ladder has no level 'production'"):
        _taken(store, level="production")


def test_keys_and_commands_are_asked_once_and_what_is_missing_is_left_out(store: Store) -> None:
    store.publish_build(a_build_info())
    asked: list[tuple[str, str]] = []

    def key(text: str) -> str:
        if text == "gone":
            raise NotFound(text)
        if text == "none":
            raise UsageError("no key")
        return f"PEM of {text}"

    def ask(command: str, snapshot: Snapshot) -> ExternalAnswer:
        asked.append((command, snapshot.keys["mine"]))
        return ExternalAnswer(ruling="pass")

    needs = Needs(keys=("mine", "gone", "none"), commands=("check",))
    snapshot = _taken(store, needs=needs, outside=Outside(ask=ask, key=key))
    assert snapshot.keys == {"mine": "PEM of mine"}
    assert asked == [("check", "PEM of mine")]
    assert set(snapshot.external) == {"check"}
    alone = _taken(store, needs=needs)
    assert (alone.keys, alone.external) == ({}, {})


def _run(store: Store, number: int, *, level: str = "", properties: dict[str, str] | None = None) -> None:
    file = Artifact(name="demo.whl", path=f"demo/{number}/demo.whl", repository="libs-local")
    report = Artifact(
        name="reports/coverage.xml", path=f"demo/{number}/coverage.xml", repository="libs-local"
    )
    modules = (
        Module(id=f"demo:{number}", artifacts=(file,)),
        Module(
            id="stage",
            properties={"defend.stage": "unit", "defend.tests.passed": "7", **(properties or {})},
            artifacts=(report,),
        ),
    )
    minutes, seconds = divmod(number, 60)
    started = f"2026-01-31T10:{minutes:02}:{seconds:02}.000+0000"
    build = a_build_info(number=str(number), started=started, modules=modules)
    said = {"build.name": ("demo",), "build.number": (str(number),), "build.timestamp": (build.timestamp,)}
    content = f"{number}".encode()
    store.publish_build(
        build,
        [
            an_upload(f"libs-local/demo/{number}/{name}", content, properties=said)
            for name in ("demo.whl", "coverage.xml")
        ],
    )
    if level:
        store.put(an_upload(f"{level}/demo/{number}/demo.whl", content, properties=said))
        store.promote(build.id, Promotion(status=level))


def _previous(store: Store, number: str = "latest", **needs: tuple[str, ...]) -> PreviousFact | None:
    return _taken(store, replace(BUILD, number=number), needs=Needs(**needs)).previous


def test_the_previous_build_is_the_newest_other_one_with_the_status(store: Store) -> None:
    _run(store, 1, level="rc-local")
    _run(store, 2, level="rc-local", properties={"defend.tests.xfailed": "2", "defend.tests.failed": "many"})
    _run(store, 3)
    _run(store, 4, level="rc-local")
    previous = _previous(store, "4", reports=("coverage.xml", "junit.xml"))
    assert previous is not None
    assert previous.build == "demo/2@2026-01-31T10:00:02.000+0000"
    assert (previous.tests["unit"].passed, previous.tests["unit"].xfailed, previous.tests["unit"].failed) == (
        7,
        2,
        0,
    )
    assert previous.reports == {"coverage.xml": ("libs-local/demo/2/coverage.xml",), "junit.xml": ()}
    first = _previous(store, "1")
    assert first is not None
    assert first.build.startswith("demo/4@")


def test_a_build_that_came_down_or_was_revoked_is_not_the_previous_one(store: Store) -> None:
    _run(store, 1, level="rc-local")
    _run(store, 2, level="rc-local")
    _run(store, 3, level="rc-local")
    store.promote(BuildId(name="demo", number="2"), Promotion(status="libs-local"))
    store.promote(BuildId(name="demo", number="3"), Promotion(status="revoked"))
    _run(store, 4)
    previous = _previous(store)
    assert previous is not None
    assert previous.build.startswith("demo/1@")


def test_a_previous_build_of_long_ago_is_found_by_its_files(store: Store) -> None:
    _run(store, 1, level="rc-local")
    for number in range(2, 15):
        _run(store, number)
    previous = _previous(store)
    assert previous is not None
    assert previous.build.startswith("demo/1@")


def test_a_level_nobody_reached_has_no_previous_build(store: Store) -> None:
    for number in range(1, 14):
        _run(store, number)
    assert _previous(store) is None
