"""What a recorded run says in the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import a_bundle
from pytest_defend.model.bundle import Published
from pytest_defend.model.facts import Gap
from pytest_defend.model.results import Result, Tally, Verdict
from pytest_defend.render.summary import counts, header_line, published_lines, size, stage_line, summary_lines

if TYPE_CHECKING:
    from pathlib import Path


def published(**changes: object) -> Published:
    done = Published(
        build="demo/1@x", store="/s", stage="tests", new=("r/a", "r/b"), kept=(), size_bytes=2048
    )
    return replace(done, **changes)  # type: ignore[arg-type]  # a test names what matters to it


def test_the_header_says_which_build_stage_and_store() -> None:
    assert header_line(build="demo/1", stage="it", store="store .defend") == (
        "defend: build demo/1, stage it, store .defend"
    )


def test_a_summary_is_verdict_counts_and_gaps(tmp_path: Path) -> None:
    manifest = a_bundle(tmp_path / "run")
    gaps = [Gap(topic="git", problem=f"Problem [red]{number}[/red].") for number in range(12)]
    lines = list(summary_lines(manifest, manifest.verdict, gaps))
    assert lines[:3] == [
        "stage tests passed",
        "recorded 2 of 2 collected tests (2 passed); wall 5.00 s, work 0.00 s",
        "gap in git: Problem [red]0[/red].",
    ]
    assert list(summary_lines(manifest, manifest.verdict, gaps[:10])) == lines[:12]
    assert len(lines) == 13
    assert lines[-1] == "and 2 more gaps, named in record.json"


def test_work_is_named_for_each_worker(tmp_path: Path) -> None:
    made = a_bundle(tmp_path / "run")
    manifest = replace(made, work_us=1_500_000, workers_us={"gw1": 500_000, "gw0": 1_000_000})
    _, told = summary_lines(manifest, manifest.verdict, ())
    assert told.endswith("wall 5.00 s, work 1.50 s (gw0 1.00 s, gw1 0.50 s)")


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (Verdict(result=Result.PASSED), "stage tests passed"),
        (
            Verdict(result=Result.FAILED, reasons=("1 failed", "killed")),
            "stage tests failed: 1 failed; killed",
        ),
    ],
)
def test_a_verdict_comes_with_its_reasons(verdict: Verdict, line: str) -> None:
    assert stage_line("tests", verdict) == line


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["published demo/1@x to /s (2 files, 2.0 KiB)"]),
        ({"kept": ("r/c",)}, ["published demo/1@x to /s (2 files, 2.0 KiB, 1 already there)"]),
        ({"url": "https://a/ui"}, ["published demo/1@x to /s (2 files, 2.0 KiB)", "https://a/ui"]),
        ({"dry_run": True}, ["would publish demo/1@x to /s (2 files, 2.0 KiB)", "  r/a", "  r/b"]),
    ],
)
def test_publishing_is_one_line_and_a_dry_run_names_the_files(
    changes: dict[str, object], lines: list[str]
) -> None:
    assert list(published_lines(published(**changes))) == lines


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        (Tally(), "0 of 0 collected tests (none ran)"),
        (Tally(collected=2, finished=1, warnings=1, errors=1), "1 of 2 collected tests (1 warning, 1 error)"),
        (
            Tally(
                collected=9, finished=9, failed=1, passed=2, skipped=3, deselected=4, xfailed=5, xpassed=6,
                warnings=7, errors=8, rerun=9,
            ),
            "9 of 9 collected tests (1 failed, 2 passed, 3 skipped, 4 deselected, 5 xfailed, 6 xpassed, \
7 warnings, 8 errors, 9 rerun)",
        ),
    ],
)  # fmt: skip
def test_counts_are_in_the_words_of_pytest(tally: Tally, text: str) -> None:
    assert counts(tally) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (5 << 30, "5.0 GiB")],
)
def test_sizes_are_for_people(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text
