"""What a run that is taken up later is evidence for, and which reports go with it."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from builders import IDS
from pytest_defend.capture.redaction import MASK
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.journal import line
from pytest_defend.model.pytestfacts import PytestFacts
from pytest_defend.model.record import RunFacts

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place
    from pytest_defend.model.record import RunRecord


def sdist(name: str, version: str = "1.0") -> bytes:
    content = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def aged(folder: Path, seconds: int) -> None:
    """Let a run have ended so many seconds after its files were written."""
    then = (folder / JOURNAL).stat().st_mtime + seconds
    os.utime(folder / JOURNAL, (then, then))


def problems(record: RunRecord) -> list[str]:
    return [gap.problem for gap in record.gaps]


def test_dist_files_are_the_subjects(place: Place) -> None:
    place.write("dist/demo-1.0.tar.gz", sdist("demo"))
    place.write("dist/tool-2.tar.gz", sdist("tool", "2"))
    folder = place.killed(dist=("dist/*",), dist_asked=True)
    aged(folder, 10)
    manifest, record = place.taken_up(folder)
    assert [(s.name, s.version) for s in record.subjects] == [("demo", "1.0"), ("tool", "2")]
    assert [file.name for file in manifest.files[:2]] == ["dist/demo-1.0.tar.gz", "dist/tool-2.tar.gz"]
    assert problems(record) == []


def test_what_was_built_or_written_after_the_run_is_nothing_it_has_seen(place: Place) -> None:
    dist = place.write("dist/demo-1.0.tar.gz", sdist("demo"))
    report = place.write("reports/a.xml")
    folder = place.killed(dist=("dist/*",), dist_asked=True, attach=("reports/*",))
    aged(folder, -10)
    _, record = place.taken_up(folder)
    assert record.subjects == ()
    assert [file.role for file in record.files] == ["journal", "junit"]
    assert sorted(problems(record)) == sorted(
        f"{path} was written after the run had ended and is left out." for path in (dist, report)
    )


def test_a_pattern_that_was_asked_for_and_names_nothing_is_a_gap(place: Place) -> None:
    asked = place.killed(dist=("dist/*",), dist_asked=True, attach=("reports/*",))
    _, record = place.taken_up(asked)
    first, second = problems(record)
    assert "dist/*" in first
    assert second == "No file matches 'reports/*' of --defend-attach; the tests did not write it."
    assert place.taken_up(place.killed(run="r2", dist=("dist/*",)))[1].gaps == ()


def test_two_dist_files_of_one_name_are_one(place: Place) -> None:
    for where in ("a", "b"):
        place.write(f"{where}/demo-1.0.tar.gz", sdist("demo"))
    folder = place.killed(dist=("*/demo*",), dist_asked=True)
    aged(folder, 10)
    _, record = place.taken_up(folder)
    assert len(record.subjects) == 1
    assert problems(record) == [
        "Several files are called demo-1.0.tar.gz; the first counts. Narrow --defend-dist."
    ]


def test_reports_are_copied_under_safe_names(place: Place, tmp_path: Path) -> None:
    place.write("reports/a b.xml", "<a/>")
    (tmp_path / "outside.html").write_text("<b/>")
    folder = place.killed(attach=("reports/*", str(tmp_path / "outside.html")))
    aged(folder, 10)
    _, record = place.taken_up(folder)
    names = [file.name for file in record.files if file.role == "report"]
    assert len(names) == 2
    assert "reports/outside.html" in names
    assert {(folder / name).read_text() for name in names} == {"<a/>", "<b/>"}
    assert problems(record) == []


def test_two_reports_of_one_name_are_the_first_and_a_gap(place: Place, tmp_path: Path) -> None:
    for where in ("x", "y"):
        (tmp_path / where).mkdir()
        (tmp_path / where / "r.html").write_text(where)
    folder = place.killed(attach=(str(tmp_path / "x" / "*"), str(tmp_path / "y" / "*")))
    aged(folder, 10)
    _, record = place.taken_up(folder)
    assert (folder / "reports" / "r.html").read_text() == "x"
    first, second = tmp_path / "x" / "r.html", tmp_path / "y" / "r.html"
    told = f"{second} would be archived as reports/r.html, which is {first}; rename one of them."
    assert problems(record) == [told]


def test_a_report_that_several_patterns_name_is_one(place: Place) -> None:
    place.write("reports/a.xml")
    folder = place.killed(attach=("reports/*", "reports/*.xml"))
    aged(folder, 10)
    _, record = place.taken_up(folder)
    assert [file.name for file in record.files if file.role == "report"] == ["reports/reports/a.xml"]
    assert problems(record) == []


def test_secrets_are_masked_on_the_way_and_counted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "correct horse battery")
    place.write("reports/a.txt", "it is correct horse battery\n")
    folder = place.killed(attach=("reports/*",))
    aged(folder, 10)
    _, record = place.taken_up(folder)
    assert b"correct horse" not in (folder / "reports" / "reports" / "a.txt").read_bytes()
    assert any("masked as secret" in problem for problem in problems(record))


def test_reports_are_left_out_when_the_runs_secrets_are_known_to_nobody(place: Place) -> None:
    place.write("reports/a.txt")
    pytest_facts = PytestFacts(version="9", rootdir="/", args=(f"--token={MASK}",))
    folder = place.killed(line("facts", RunFacts(pytest=pytest_facts)), attach=("reports/*",))
    aged(folder, 10)
    _, record = place.taken_up(folder)
    assert [file.role for file in record.files] == ["journal", "junit"]
    assert problems(record) == [
        "1 reports are left out: secrets in the run's arguments cannot be masked any more."
    ]


def test_a_report_that_cannot_be_read_is_a_gap(place: Place) -> None:
    class Extension:
        @staticmethod
        @pytest.hookimpl
        def pytest_defend_artifacts(root: Path) -> list[Path]:
            return [root / "gone.txt"]

    place = place.extended(Extension())
    _, record = place.taken_up(place.killed())
    assert problems(record) == [
        f"{place.root / 'gone.txt'} could not be archived: No such file or directory."
    ]


def test_a_root_that_is_gone_leaves_the_results(place: Place) -> None:
    folder = place.killed(attach=("*.txt",))
    content = (folder / JOURNAL).read_bytes().replace(str(place.root).encode(), b"/nowhere/at/all")
    (folder / JOURNAL).write_bytes(content)
    manifest, record = place.taken_up(folder)
    assert manifest.tally.passed == len(IDS)
    assert len(record.gaps) == 1


def test_an_extension_that_spoils_the_build_is_a_gap_in_the_record(place: Place) -> None:
    class Extension:
        @staticmethod
        @pytest.hookimpl
        def pytest_defend_build_info() -> None:
            raise RuntimeError("boom")

    place = place.extended(Extension())
    manifest, record = place.taken_up(place.killed())
    assert problems(record) == [
        "An implementation of pytest_defend_build_info failed (RuntimeError: boom). Repair or remove it."
    ]
    assert manifest.gaps == 1


def test_a_redactor_that_cannot_be_asked_keeps_the_run_from_being_packed(place: Place) -> None:
    class Extension:
        @staticmethod
        @pytest.hookimpl
        def pytest_defend_redactor() -> None:
            raise RuntimeError("boom")

    place = place.extended(Extension())
    with pytest.raises(UsageError, match="pytest_defend_redactor failed"):
        place.taken_up(place.killed())
