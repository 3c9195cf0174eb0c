"""What a recorded run says in the terminal, and where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugin.recorded import Demo

PASSES = "def test_it(): pass"
TITLE = "pytest-defend ---"


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_a_line_in_the_header_and_a_block_after_the_statistics(demo: Demo, mode: str) -> None:
    demo.holds(test_it="def test_it(): pass\ndef test_bad(): assert 0")

    run = demo.run("--defend-build=demo/7", "--defend-stage=unit", mode=mode)

    lines = run.out.splitlines()
    (header,) = [line for line in lines if line.startswith("defend: ")]
    assert header == "defend: build demo/7, stage unit, store .defend"
    assert lines.index(header) < next(i for i, line in enumerate(lines) if "FAILURES" in line)
    statistics = next(i for i, line in enumerate(lines) if re.search(r"=== 1 failed, 1 passed", line))
    assert TITLE in lines[statistics + 1]
    block = lines[statistics + 2 :]
    assert block[0] == "stage unit failed: 1 failed"
    counts = r"recorded 2 of 2 collected tests \(1 failed, 1 passed(, \d+ warnings)?\); wall \d+\.\d\d s.*"
    assert re.fullmatch(counts, block[1])
    assert block[2].startswith("packages: ")
    assert all(line.startswith("gap in ") for line in block[3:-1])
    files = len(run.record.files) + 1
    where = re.escape(str(demo.folder))
    assert re.fullmatch(
        rf"published demo/7@\S+ to {where}/\.defend \({files} files, \d+\.\d [KM]iB\)", block[-1]
    )
    assert run.err == ""


@pytest.mark.parametrize("option", ["-q", "-qq", "--no-header", "--no-summary"])
def test_with_less_output(demo: Demo, option: str) -> None:
    run = demo.holds(test_it=PASSES).run(option)

    lines = run.out.splitlines()
    shows_header = option == "--no-summary"
    assert [line.startswith("defend: ") for line in lines].count(True) == (1 if shows_header else 0)
    (title,) = [i for i, line in enumerate(lines) if TITLE in line]
    assert lines[title + 1] == "stage tests passed"
    assert lines[-1].startswith("published demo/")
    assert run.status == 0


def test_without_pytests_terminal_it_goes_to_standard_error(demo: Demo) -> None:
    run = demo.holds(test_it=PASSES).run("-p", "no:terminal")

    assert run.status == 0
    assert run.out == ""
    lines = run.err.splitlines()
    assert all(line.startswith("pytest-defend: ") for line in lines)
    assert lines[0] == "pytest-defend: stage tests passed"
    assert run.stage.mark == "passed"


@pytest.mark.parametrize("method", ["write_sep", "write_line"])
def test_a_terminal_that_breaks_changes_nothing(demo: Demo, method: str) -> None:
    conftest = f"""
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    def breaks(*_, **__): raise OSError("the terminal is gone")
    session.config.pluginmanager.get_plugin("terminalreporter").{method} = breaks
"""
    demo.holds(test_it=PASSES, conftest=conftest)

    run = demo.run()

    assert run.status == 0
    assert run.stage.mark == "passed"
    assert "1 passed" in run.out


def test_more_gaps_than_anybody_reads(demo: Demo) -> None:
    patterns = [f"--defend-attach=none-{i}" for i in range(15)]

    run = demo.holds(test_it=PASSES).run(*patterns)

    shown = [line for line in run.out.splitlines() if line.startswith("gap in ")]
    assert len(shown) == 10
    assert re.search(r"^and \d+ more gaps, named in record.json$", run.out, re.MULTILINE)
    assert len(run.gaps("reports")) == 15


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_durations_are_named(demo: Demo, mode: str) -> None:
    demo.holds(
        test_it="""
import time, pytest

@pytest.mark.parametrize("i", range(4))
def test_it(i):
    time.sleep(0.05)
"""
    )

    run = demo.run(mode=mode)

    facts = run.stage.facts
    wall, work = int(facts["defend.duration.wall-us"]), int(facts["defend.duration.work-us"])
    workers = {name: int(value) for name, value in facts.items() if ".worker." in name}
    assert work >= 4 * 50_000
    assert wall >= 50_000
    assert set(workers) == (
        {"defend.duration.worker.gw0-us", "defend.duration.worker.gw1-us"} if mode == "n2" else set()
    )
    assert sum(workers.values()) == (work if mode == "n2" else 0)
    assert run.view.build.duration_ms == wall // 1000
