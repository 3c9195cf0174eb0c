"""Cost of the recording hook on the controller, isolated: microseconds for each passing test.

Feeds made reports straight into `Recorder` (a start note and three reports for each test, journal on disk)
and into pytest's own `LogXML`, without pytest around them: `python tests/bench/hook_cost.py`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.junitxml import LogXML

from pytest_defend.capture.journal import JournalFile
from pytest_defend.capture.redaction import Redactor
from pytest_defend.capture.reports import ReportReader
from pytest_defend.capture.results import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = 5_000
BUDGET_US = 25


def reports(workers: bool) -> list[list[Any]]:
    """Setup, call and teardown of every test."""
    node = SimpleNamespace(gateway=SimpleNamespace(id="gw0"))
    made = []
    for number in range(TESTS):
        nodeid = f"tests/test_module_{number % 20:02d}.py::test_value[{number}]"
        phases = []
        for when in ("setup", "call", "teardown"):
            report = pytest.TestReport(
                nodeid, ("tests/test_module.py", 1, "test_value"), {}, "passed", None, when,
                duration=0.0001, start=1_700_000_000.5, stop=1_700_000_000.6,
            )  # fmt: skip
            if workers:
                report.node = node  # type: ignore[attr-defined]
            phases.append(report)
        made.append(phases)
    return made


def ours(made: list[list[Any]], folder: Path, worker: str) -> Callable[[], None]:
    journal = JournalFile(folder)
    recorder = Recorder(journal.write, ReportReader(Redactor(()).text, output="all", limit=65536))
    recorder.collected(worker, [phases[0].nodeid for phases in made])

    def run() -> None:
        for phases in made:
            recorder.began(phases[0].nodeid)
            for report in phases:
                recorder.hear(report)

    return run


def junitxml(made: list[list[Any]], folder: Path) -> Callable[[], None]:
    log = LogXML(str(folder / "junit.xml"), None, "pytest", "no", "total", "xunit2", log_passing_tests=True)

    def run() -> None:
        for phases in made:
            for report in phases:
                log.pytest_runtest_logreport(report)

    return run


def per_test_us(run: Callable[[], None]) -> float:
    began = time.process_time()
    run()
    return (time.process_time() - began) / TESTS * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    figures: dict[str, list[float]] = {"ours": [], "ours -n": [], "junitxml": []}
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(rounds):
            folder = Path(temporary)
            figures["ours"].append(per_test_us(ours(reports(workers=False), folder / f"a{number}", "")))
            figures["ours -n"].append(per_test_us(ours(reports(workers=True), folder / f"b{number}", "gw0")))
            figures["junitxml"].append(per_test_us(junitxml(reports(workers=False), folder)))
    for name, measured in figures.items():
        spread = f"(min {min(measured):.1f}, max {max(measured):.1f})"
        print(f"{name:10} median {statistics.median(measured):6.1f} us  {spread}")
    worst = max(statistics.median(figures["ours"]), statistics.median(figures["ours -n"]))
    print(f"budget {BUDGET_US} us: {'kept' if worst <= BUDGET_US else 'EXCEEDED'}")
    return 0 if worst <= BUDGET_US else 1


if __name__ == "__main__":
    raise SystemExit(main())
