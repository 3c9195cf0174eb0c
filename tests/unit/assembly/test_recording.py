"""A run being recorded: its folder, what is read beside the tests, and what becomes of it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from places import Place, a_place
from pytest_defend.assembly.recording import Recording, begin, build_number, leave_spool
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import RECORD, Published
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.journal import End, ids_line, line, passed_line, read_lines
from pytest_defend.model.record import RunRecord
from pytest_defend.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JUNIT = (
    '<testsuites><testsuite name="pytest" tests="{0}" failures="0" errors="0" skipped="0">'
    "{1}</testsuite></testsuites>"
)
CASE = '<testcase classname="t" name="test_a" time="0.1"/>'


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("DEFEND_", "JF_", "JFROG_", "PYTEST_ADDOPTS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def configured(pytester: pytest.Pytester) -> Callable[..., pytest.Config]:
    def configure(*arguments: str) -> pytest.Config:
        return pytester.parseconfig("-p", "pytest_defend.plugin", *arguments)

    return configure


@pytest.fixture
def publishing(tmp_path: Path) -> Place:
    return a_place(tmp_path / "project", publish=True)


def begun(place: Place, config: Any) -> Recording:
    return begin(place.settings, place.project, None, config)


def heard(run: Recording) -> None:
    """One test passed and the session ended."""
    run.journal.write(ids_line("", 0, ["t.py::test_a"], 1))
    run.journal.write(passed_line(0, "", 1, (1, 2, 3)))
    run.journal.write(line("end", End(exit_status=0)))


def packed(run: Recording, config: Any) -> tuple[RunRecord, list[str]]:
    _, gaps = run.pack(config)
    record = RunRecord.from_bytes((run.journal.folder / RECORD).read_bytes())
    return record, [gap.problem for gap in gaps]


def test_a_run_begins_with_a_header_in_a_folder_of_its_own(
    publishing: Place, configured: Callable[..., pytest.Config]
) -> None:
    run = begun(publishing, configured())
    header = run.header
    assert run.journal.folder == publishing.root / ".defend" / "spool" / header.run
    assert (publishing.root / ".defend" / ".gitignore").read_text() == "*\n"
    assert (publishing.root / ".defend").stat().st_mode & 0o077 == 0
    assert list(read_lines(run.journal.path.read_bytes().splitlines(keepends=True))) == [header.to_dict()]
    assert (header.build_name, header.package, header.root) == ("demo", "demo", str(publishing.root))
    assert header.build_number == build_number(header.started)
    assert header.run.startswith(f"{header.started:%Y%m%dT%H%M%S}-")
    assert header.started.microsecond % 1000 == 0
    second = begun(publishing, configured())
    assert second.header.run != header.run
    for one in (run, second):
        assert publishing.root.joinpath(".defend/spool").exists()
        one.discard()
    assert [path.name for path in (publishing.root / ".defend").iterdir()] == [".gitignore"]


def test_a_number_outside_ci_is_one_any_tool_can_sort() -> None:
    assert build_number(parse_instant("2026-01-31T23:59:59.007+0000")) == "20260131.235959.7"


@pytest.mark.parametrize("given", [{"record": "run.zip"}, {"publish": True, "dry_run": True}], ids=str)
def test_what_is_not_published_is_kept_outside_the_project(
    tmp_path: Path, configured: Callable[..., pytest.Config], given: dict[str, Any]
) -> None:
    place = a_place(tmp_path / "project", **given)
    run = begun(place, configured())
    assert not (place.root / ".defend").exists()
    assert run.journal.path.is_file()
    run.discard()
    assert not run.journal.folder.parent.exists()


def test_a_state_folder_that_cannot_be_made_is_told_by_the_journal(
    publishing: Place, configured: Callable[..., pytest.Config]
) -> None:
    (publishing.root / ".defend").write_text("a file")
    run = begun(publishing, configured())
    (gap,) = run.journal.gaps
    assert "the record is kept in" in gap.problem
    assert run.journal.path.is_file()
    run.discard()


def test_a_run_is_packed_with_its_facts(publishing: Place, configured: Callable[..., pytest.Config]) -> None:
    config = configured()
    run = begun(publishing, config)
    facts = run.read_facts(config)
    assert facts.interpreter is not None
    assert facts.pytest is not None
    assert facts.installed is not None
    assert facts.ci is None
    run.journal.write(line("facts", facts))
    heard(run)
    record, gaps = packed(run, config)
    assert record.facts == facts
    assert record.installed_changes == ()
    assert any("demo is not installed" in gap for gap in gaps)  # what the facts could not say
    run.discard()


def test_a_failure_of_ours_is_told_once_and_without_secrets(
    publishing: Place, configured: Callable[..., pytest.Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_TOKEN", "correct horse battery")
    run = begun(publishing, configured())
    for topic in ("results", "results", "workers"):
        run.failed(topic, ValueError("correct horse battery"))
    assert [(gap.topic, "correct horse" in gap.problem) for gap in run.gaps] == [
        ("results", False),
        ("workers", False),
    ]
    run.discard()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--defend-stage=x --password='correct horse battery'", "correct horse battery"),
        ("--password=battery' open", "battery' open"),
    ],
)
def test_secrets_among_the_arguments_are_known(
    publishing: Place,
    configured: Callable[..., pytest.Config],
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    told: str,
) -> None:
    config = configured()
    monkeypatch.setenv("PYTEST_ADDOPTS", given)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    run = begun(publishing, config)
    assert told.split("'", maxsplit=1)[0] not in run.redactor.text(f"it was {told}")
    run.discard()


@pytest.mark.parametrize(
    ("given", "expected"),
    [("run.zip", "{started}/run.zip"), ("/a/run.zip", "/a/run.zip"), ("~/run.zip", "/home/somebody/run.zip")],
)
def test_a_record_goes_where_pytest_was_started(
    tmp_path: Path,
    configured: Callable[..., pytest.Config],
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    expected: str,
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    run = begun(a_place(tmp_path / "project", record=given), configured())
    assert str(run.record_path(tmp_path / "sub")) == expected.format(started=tmp_path / "sub")
    run.discard()


def test_a_record_named_by_the_project_goes_below_it(
    tmp_path: Path, configured: Callable[..., pytest.Config]
) -> None:
    place = a_place(tmp_path / "project")
    told = resolve(command_line={}, environ={}, pyproject={"record": "run.zip"}, detected=None)
    run = begun(replace(place, settings=told), configured())
    assert run.record_path(tmp_path / "sub") == place.root / "run.zip"
    run.discard()


def test_what_changed_while_the_tests_ran_is_a_gap(
    publishing: Place,
    configured: Callable[..., pytest.Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = configured()
    run = begun(publishing, config)
    run.read_facts(config)
    heard(run)
    info = tmp_path / "site" / "late-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    record, gaps = packed(run, config)
    assert record.installed_changes == ("added late==1.0",)
    assert "Distributions changed while the tests ran: added late==1.0." in gaps
    run.discard()


@pytest.fixture
def with_junit(
    publishing: Place, configured: Callable[..., pytest.Config], tmp_path: Path
) -> Iterator[tuple[Recording, pytest.Config, Path]]:
    file = tmp_path / "junit.xml"
    config = configured(f"--junitxml={file}")
    run = begun(publishing, config)
    heard(run)
    yield run, config, file
    run.discard()


def test_the_users_junit_file_goes_along(with_junit: tuple[Recording, pytest.Config, Path]) -> None:
    run, config, file = with_junit
    file.write_text(JUNIT.format(1, CASE))
    os.utime(file, (time.time() + 5, time.time() + 5))
    record, gaps = packed(run, config)
    assert [recorded.name for recorded in record.files if recorded.role == "report"] == ["reports/junit.xml"]
    assert gaps == []


def test_a_junit_file_that_disagrees_is_a_gap_with_both_figures(
    with_junit: tuple[Recording, pytest.Config, Path],
) -> None:
    run, config, file = with_junit
    file.write_text(JUNIT.format(2, CASE * 2))
    os.utime(file, (time.time() + 5, time.time() + 5))
    record, gaps = packed(run, config)
    assert any("2" in gap and "1" in gap for gap in gaps)
    assert [gap.topic for gap in record.gaps] == ["junit"]


@pytest.mark.parametrize(
    ("content", "told"), [(None, "was not written"), (JUNIT, "is of an earlier run and left out")]
)
def test_a_junit_file_that_is_not_of_this_run_is_left_out(
    with_junit: tuple[Recording, pytest.Config, Path], content: str | None, told: str
) -> None:
    run, config, file = with_junit
    if content is not None:
        file.write_text(content)
        os.utime(file, (1, 1))
    record, gaps = packed(run, config)
    assert [recorded.role for recorded in record.files] == ["journal", "junit"]
    assert [told in gap for gap in gaps] == [True]


def test_a_junit_file_that_cannot_be_read_is_archived_all_the_same(
    with_junit: tuple[Recording, pytest.Config, Path],
) -> None:
    run, config, file = with_junit
    file.write_text("<testsuites>")
    os.utime(file, (time.time() + 5, time.time() + 5))
    record, gaps = packed(run, config)
    assert [recorded.name for recorded in record.files if recorded.role == "report"] == ["reports/junit.xml"]
    assert len(gaps) == 1


def test_extensions_are_told_of_a_build(
    publishing: Place, configured: Callable[..., pytest.Config], capsys: pytest.CaptureFixture[str]
) -> None:
    class Extension:
        @staticmethod
        @pytest.hookimpl
        def pytest_defend_published(published: Published) -> None:
            raise RuntimeError(published.build)

    config = configured()
    config.pluginmanager.register(Extension())
    run = begun(publishing, config)
    run.announce(Published(build="demo/1", store="s", stage="t", new=(), kept=(), size_bytes=0))
    assert "pytest_defend_published failed (RuntimeError: demo/1)" in capsys.readouterr().err
    run.discard()


def test_a_redactor_that_cannot_be_asked_ends_the_run_before_it_begins(
    publishing: Place, configured: Callable[..., pytest.Config]
) -> None:
    class Extension:
        @staticmethod
        @pytest.hookimpl
        def pytest_defend_redactor() -> None:
            raise RuntimeError("boom")

    config = configured()
    config.pluginmanager.register(Extension())
    with pytest.raises(UsageError, match="pytest_defend_redactor failed"):
        begun(publishing, config)
    assert not (publishing.root / ".defend").exists()


def test_only_a_folder_of_the_spool_is_removed(publishing: Place, tmp_path: Path) -> None:
    inside, elsewhere = publishing.killed(), tmp_path / "run"
    elsewhere.mkdir()
    deeper = publishing.write(".defend/spool/r1/attachments/x").parent
    for folder in (elsewhere, deeper, publishing.root, inside.parent):
        leave_spool(folder, publishing.project)
        assert folder.exists()
    second = publishing.killed(run="r2")
    leave_spool(inside, publishing.project)
    assert [path.name for path in inside.parent.iterdir()] == ["r2"]
    leave_spool(second, publishing.project)
    assert not inside.parent.exists()
