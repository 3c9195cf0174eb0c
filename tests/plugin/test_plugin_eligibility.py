"""What the ladder says of a run: in its record, its module, on its package, and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.model.ruling import Ruling
from wheels import a_wheel

if TYPE_CHECKING:
    from plugin.recorded import Demo, Kept

PASSES = "def test_it(): pass"
LADDER = """
[project]
name = "demo"
version = "1.0"

[tool.pytest-defend.ladder.rules]
dependency-level = {severity = "off", reason = "demo is not installed here"}

[[tool.pytest-defend.ladder.levels]]
name = "candidates"

[[tool.pytest-defend.ladder.levels]]
name = "qa"
stages = ["tests"]
rules = {min-tests = 2}

[[tool.pytest-defend.ladder.levels]]
name = "release"
"""
TWO_STAGES = LADDER.replace('["tests"]', '["tests", "smoke"]').replace("min-tests = 2", "min-tests = 1")


def _project(demo: Demo, pyproject: str = LADDER, **files: str) -> Demo:
    demo.holds(**files)
    (demo.folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    a_wheel(demo.folder / "dist", name="demo", version="1.0", files={"demo.py": ""})
    return demo


def _on_package(run: Kept) -> dict[str, tuple[str, ...]]:
    (item,) = [item for item in run.store.list("") if item.path.endswith(".whl")]
    return {name: value for name, value in item.properties.items() if name.startswith("defend.eligible")}


def test_a_run_that_satisfies_the_next_level_is_eligible(demo: Demo) -> None:
    run = _project(demo, test_it="def test_a(): pass\ndef test_b(): pass").run()

    assert run.status == 0, run.out
    (told,) = run.record.eligibility
    assert (told.level, told.ruling, told.reasons) == ("qa", Ruling.PASS, ())
    assert {"one-build", "intact"} <= {*told.left_open}
    assert run.stage.facts["defend.eligible.qa"] == "true"
    assert _on_package(run) == {"defend.eligible.qa": ("true",)}
    assert "\neligible for qa\n" in run.out


def test_a_run_that_does_not_says_why(demo: Demo) -> None:
    run = _project(demo, test_it=PASSES).run()

    assert run.status == 0, run.out
    (told,) = run.record.eligibility
    assert told.ruling is Ruling.FAIL
    (reason,) = told.reasons
    assert reason.startswith("min-tests: ")
    assert run.stage.facts["defend.eligible.qa"] == "false"
    assert run.stage.facts["defend.eligible.qa.reasons"] == reason
    assert _on_package(run) == {"defend.eligible.qa": ("false",)}
    assert f"not eligible for qa:\n  {reason}" in run.out


def test_the_last_word_counts(demo: Demo) -> None:
    """Every test passed, and pytest ends badly after its session."""
    late = "def pytest_unconfigure(): raise SystemExit(3)"
    tests = "def test_a(): pass\ndef test_b(): pass"
    run = _project(demo, test_it=tests, conftest=late).run(apart=True)

    assert run.status == 3
    assert run.stage.facts["defend.eligible.qa"] == "true"  # as far as was known then
    assert _on_package(run) == {"defend.eligible.qa": ("false",)}


def test_stages_accumulate_until_a_build_is_eligible(demo: Demo) -> None:
    _project(demo, TWO_STAGES, test_it=PASSES)

    first = demo.run("--defend-build=demo/7")
    assert _on_package(first) == {"defend.eligible.qa": ("false",)}
    assert "smoke" in first.out.partition("not eligible for qa:")[2]

    second = demo.run("--defend-build=demo/7", "--defend-stage=smoke")
    assert second.status == 0, second.out
    assert _on_package(second) == {"defend.eligible.qa": ("true",)}
    assert "\neligible for qa\n" in second.out


def test_a_dry_run_says_it_too_and_what_the_store_would_still_be_asked(demo: Demo) -> None:
    run = _project(demo, test_it="def test_a(): pass\ndef test_b(): pass").run(asked=("--defend-dry-run",))

    assert "\neligible for qa; the gate will still ask one-build, intact" in run.out
    assert not (demo.folder / ".defend").exists()


def test_without_a_ladder_nothing_is_said(demo: Demo) -> None:
    run = demo.holds(test_it=PASSES).run()

    assert run.record.eligibility == ()
    assert "eligible" not in run.out


@pytest.mark.parametrize(
    ("pyproject", "says"),
    [
        (LADDER.replace("min-tests", "min-test"), "levels[1].rules.min-test: is no rule"),
        (LADDER.replace('"qa"', '"candidates"'), "levels: 'candidates' is there twice"),
    ],
)
def test_a_policy_that_is_not_understood_ends_the_run_before_the_tests(
    demo: Demo, pyproject: str, says: str
) -> None:
    run = _project(demo, pyproject, test_it=PASSES).run()

    assert run.status == pytest.ExitCode.USAGE_ERROR
    assert says in run.out + run.err
    assert "Traceback" not in run.out + run.err
    assert not (demo.folder / ".defend").exists()


def test_a_policy_in_the_store_that_is_not_there_is_a_gap(demo: Demo) -> None:
    run = _project(demo, test_it=PASSES).run("--defend-policy=store:policies/ladder.toml")

    assert run.status == 0, run.out
    (gap,) = run.gaps("policy")
    assert "Nothing is eligible" in gap
    assert "policies/ladder.toml" in gap
    assert run.record.eligibility == ()
    assert "not judged for the next level: " in run.out
    assert _on_package(run) == {}
