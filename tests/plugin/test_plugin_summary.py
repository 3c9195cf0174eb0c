"""The page of the CI run is told how the run ended."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pytest

from pytest_defend.plugin import ending

if TYPE_CHECKING:
    from pathlib import Path

    from plugin.recorded import Demo, Run

PASSES = "def test_it(): pass"


def on_github(demo: Demo, page: Path, *arguments: str, apart: bool = False) -> Run:
    return demo.run(*arguments, apart=apart, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "summary.md"


def test_a_block_is_appended(demo: Demo, page: Path) -> None:
    page.write_text("# Of another step\n")
    run = on_github(demo.holds(test_it=PASSES), page, "--defend-stage=unit")
    assert (run.status, run.err) == (0, "")
    text = html.unescape(page.read_text())
    assert text.startswith("# Of another step\n\n### Stage unit of demo/")
    assert ": passed\n\n| tests | collected | finished | passed |" in text
    assert "\npublished demo/" in text
    assert "*" not in text


def test_every_run_of_a_step_has_its_block(demo: Demo, page: Path) -> None:
    demo.holds(test_it="def test_it(): assert 0")
    on_github(demo, page)
    on_github(demo, page)
    assert page.read_text().count(": failed\n\n- 1 failed\n") == 2


def test_it_is_the_last_word(demo: Demo, page: Path) -> None:
    conftest = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session):
    yield
    session.config.add_cleanup(lambda: 1 / 0)
"""
    run = on_github(demo.holds(test_it=PASSES, conftest=conftest), page, apart=True)
    assert run.stage.mark == "failed"
    assert ": failed\n\n- pytest ended with exit status 1" in page.read_text()


def test_a_run_that_could_not_be_published_says_so(demo: Demo, page: Path) -> None:
    (demo.folder / "file").touch()
    run = on_github(demo.holds(test_it=PASSES), page, "--defend-store=file")
    assert run.status == 70
    assert "\n**NOT PUBLISHED: The store " in html.unescape(page.read_text())


def test_a_run_that_is_only_recorded_says_how_it_ended(demo: Demo, page: Path) -> None:
    demo.holds(test_it=PASSES).run(
        asked=("--defend-record=run.zip",), GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page)
    )
    assert ": passed\n" in page.read_text()
    assert "published" not in page.read_text()


def test_a_page_that_cannot_be_written_changes_nothing(demo: Demo, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "summary.md"
    run = on_github(demo.holds(test_it=PASSES), nowhere)
    assert run.status == 0
    assert run.stage.mark == "passed"
    said = "pytest-defend: the summary for CI was not written"
    assert run.err == f"{said}: {nowhere}: No such file or directory.\n"


def test_a_page_that_is_full_is_left_alone(demo: Demo, page: Path) -> None:
    page.write_bytes(b"x" * ((1 << 20) - 100))
    run = on_github(demo.holds(test_it=PASSES), page)
    assert run.status == 0
    assert page.stat().st_size == (1 << 20) - 100
    said = "pytest-defend: the summary for CI was not written"
    assert run.err == f"{said}: {page}: it would have more than 1 MiB.\n"


def test_a_mistake_of_ours_changes_nothing(demo: Demo, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "summary_block", lambda *_, **__: 1 // 0)
    run = on_github(demo.holds(test_it=PASSES), page)
    assert run.status == 0
    assert run.stage.mark == "passed"
    assert "not written: error in pytest-defend: ZeroDivisionError(" in run.err


def test_outside_of_ci_nothing_is_written(demo: Demo, page: Path) -> None:
    demo.holds(test_it=PASSES).run(GITHUB_STEP_SUMMARY=str(page))
    assert not page.exists()
