"""Registered markers are recorded with the tests that carry them, in every mode alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugin.recorded import MODES

if TYPE_CHECKING:
    from plugin.recorded import Demo, Run

TESTS = """
import pytest

pytestmark = pytest.mark.quick

@pytest.mark.smoke
def test_smoke(): pass

@pytest.mark.parametrize("i", [1, pytest.param(2, marks=pytest.mark.smoke)])
def test_some(i): pass

@pytest.mark.xdist_group("g")
def smoke(): pass

class TestSmoke:
    @pytest.mark.smoke
    def test_inside(self): pass

def test_plain(): pass

@pytest.mark.stranger
def test_unregistered(): pass
"""
INI = """
def pytest_configure(config):
    config.addinivalue_line("markers", "smoke(kind): what must always work")
    config.addinivalue_line("markers", "quick: takes no time")
    config.addinivalue_line("markers", "unused: by nobody")
"""


def _marked(run: Run) -> dict[str, set[str]]:
    ids = run.summary.ids
    return {
        name: {ids.name(row).partition("::")[2] for row in rows} for name, rows in run.summary.marks.items()
    }


@pytest.mark.parametrize("mode", MODES)
def test_registered_markers_are_recorded(demo: Demo, mode: str) -> None:
    run = demo.holds(test_it=TESTS, conftest=INI).run(
        "-W", "ignore::pytest.PytestUnknownMarkWarning", mode=mode
    )

    assert run.status == 0, run.out
    smoke = {"test_smoke", "test_some[2]", "TestSmoke::test_inside"}
    assert _marked(run) == {
        "smoke": smoke,
        "quick": {*smoke, "test_some[1]", "test_plain", "test_unregistered"},
    }
    lines = [line for line in run.journal if line.startswith(b'{"marks"')]
    assert len(lines) == (2 if mode == "each" else 1)


def test_a_run_without_markers_says_nothing_of_them(demo: Demo) -> None:
    run = demo.holds(test_it="def test_it(): pass").run()

    assert run.summary.marks == {}
    assert not [line for line in run.journal if line.startswith(b'{"marks"')]
