"""A folder with a journal becomes a bundle, and becomes the same one again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import IDS, a_bundle, a_dist_file, an_attempt, an_ended
from pytest_defend.actions.pack import Material, pack
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.bundle import FORMAT, JOURNAL, JUNIT, MANIFEST, RECORD, Manifest
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.facts import Gap
from pytest_defend.model.journal import attempt_line, line, passed_line
from pytest_defend.model.record import RunRecord
from pytest_defend.model.results import Result, Section

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo

EVIDENCE = "libs-local/demo/1.0/evidence/tests/r1"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def full(folder: Path) -> Material:
    """Everything a bundle can hold."""
    run = folder / "run"
    for name in ("attachments/t1/log.txt", "reports/coverage.xml"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    return Material(
        dists=[a_dist_file(folder / "dist")],
        reports=["reports/coverage.xml"],
        installed_changes=("added x==1",),
        gaps=(Gap(topic="junit", problem="It was not written."),),
    )


def packed(folder: Path) -> tuple[Manifest, Material]:
    """A bundle of one failed and one passed test, with everything a bundle can hold."""
    (folder / "other").mkdir()
    failed = an_ended("failed", nodeid=IDS[1], worker="gw1", sections=(Section(name="out", text="said"),))
    lines = [passed_line(0, "gw0", 1, (1, 2, 3)), attempt_line(1, failed)]
    lines += [line("facts", {"more": {"a": {"b": "c"}}}), line("gap", Gap(topic="git", problem="Shallow."))]
    a_bundle(folder / "other" / "run", *lines)
    material = full(folder / "other")
    return pack(folder / "other" / "run", material), material


def test_a_bundle_holds_everything_by_its_digest(tmp_path: Path) -> None:
    manifest, _ = packed(tmp_path)
    folder = tmp_path / "other" / "run"
    assert (manifest.format, manifest.stage, manifest.run, manifest.gaps) == (FORMAT, "tests", "r1", 2)
    assert {file.name: file.path for file in manifest.files} == {
        "dist/demo-1.0.tar.gz": "libs-local/demo/1.0/demo-1.0.tar.gz",
        RECORD: f"{EVIDENCE}/{RECORD}",
        JOURNAL: f"{EVIDENCE}/{JOURNAL}",
        JUNIT: f"{EVIDENCE}/{JUNIT}",
        "reports/coverage.xml": f"{EVIDENCE}/reports/coverage.xml",
        "attachments/t1/log.txt": f"{EVIDENCE}/attachments/t1/log.txt",
    }
    for file in manifest.files:
        assert file.checksums == Checksums.of((folder / file.name).read_bytes())
    assert Manifest.from_bytes((folder / MANIFEST).read_bytes()) == manifest
    artifacts = [artifact for module in manifest.build.modules for artifact in module.artifacts]
    assert {f"{a.repository}/{a.path}": a.sha256 for a in artifacts} == {
        file.path: file.checksums.sha256 for file in manifest.files
    }


def test_the_record_says_what_ran_and_names_the_files(tmp_path: Path) -> None:
    packed(tmp_path)
    record = RunRecord.from_bytes((tmp_path / "other" / "run" / RECORD).read_bytes())
    assert [(file.name, file.role) for file in record.files] == [
        (JOURNAL, "journal"),
        (JUNIT, "junit"),
        ("reports/coverage.xml", "report"),
        ("attachments/t1/log.txt", "attachment"),
    ]
    assert [(s.file, s.name, s.version, s.type) for s in record.subjects] == [
        ("demo-1.0.tar.gz", "demo", "1.0", "tar.gz")
    ]
    assert (record.exit_status, record.wall_us, record.work_us) == (0, 5_000_000, 1006)
    assert record.workers_us == {"gw0": 6, "gw1": 1000}
    assert record.facts.more == {"a": {"b": "c"}}
    assert record.installed_changes == ("added x==1",)
    assert [gap.topic for gap in record.gaps] == ["git", "junit"]


def test_the_verdict_and_the_junit_file_are_those_of_the_journal(tmp_path: Path) -> None:
    manifest, _ = packed(tmp_path)
    assert manifest.verdict.result is Result.FAILED
    assert (manifest.tally.passed, manifest.tally.failed) == (1, 1)
    junit = (tmp_path / "other" / "run" / JUNIT).read_text()
    assert 'tests="2"' in junit
    assert 'failures="1"' in junit
    assert 'time="5.000' in junit


def test_packing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    _, material = packed(tmp_path)
    folder = tmp_path / "other" / "run"
    before = contents(folder)
    pack(folder, material)
    assert contents(folder) == before
    copied = replace(material.dists[0], path=str(folder / "dist" / "demo-1.0.tar.gz"))
    pack(folder, replace(material, dists=[copied]))
    assert contents(folder) == before


def test_what_is_published_is_what_was_copied(tmp_path: Path) -> None:
    """A dist file that changes after it was looked at: its digest is that of the bytes in the bundle."""
    _, material = packed(tmp_path)
    (tmp_path / "other" / "dist" / "demo-1.0.tar.gz").write_bytes(b"rebuilt")
    manifest = pack(tmp_path / "other" / "run", material)
    assert manifest.files[0].checksums == Checksums.of(b"rebuilt")


def test_a_run_that_was_killed_is_packed_as_what_it_was(tmp_path: Path) -> None:
    manifest = a_bundle(tmp_path / "run", passed_line(0, "", 1, (1, 2, 3)), b'{"n":1,"s"', end=None)
    assert manifest.verdict.result is Result.INCOMPLETE
    record = RunRecord.from_bytes((tmp_path / "run" / RECORD).read_bytes())
    assert (record.exit_status, record.wall_us, record.work_us) == (None, 0, 6)
    assert manifest.build.duration_ms == 0


def test_others_have_a_last_look_at_the_build_info(tmp_path: Path) -> None:
    def renamed(build: BuildInfo) -> BuildInfo:
        return replace(build, principal="somebody")

    assert a_bundle(tmp_path / "run", material=Material(modify=renamed)).build.principal == "somebody"


@pytest.mark.parametrize("facts", [{"git": 1}, {"unknown": 1}, []], ids=str)
def test_facts_that_make_no_sense_leave_no_manifest(tmp_path: Path, facts: object) -> None:
    with pytest.raises(InvalidDocument):
        a_bundle(tmp_path / "run", line("facts", facts))
    assert not (tmp_path / "run" / MANIFEST).exists()


def test_without_a_journal_there_is_nothing_to_pack(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pack(tmp_path, Material())


def test_an_attempt_can_be_long_and_strange(tmp_path: Path) -> None:
    odd = an_attempt(nodeid="t.py::\udcff[\x00\x1b<&]", sections=(Section(name="out", text="\x0b\udc80"),))
    manifest = a_bundle(tmp_path / "run", attempt_line(None, odd), ids=[])
    assert manifest.verdict.result is Result.PASSED
