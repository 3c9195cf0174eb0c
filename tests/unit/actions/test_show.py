"""A build, and what the marks of its stages make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import (
    a_build_info,
    a_published,
    an_ended,
)
from pytest_defend.actions.show import show
from pytest_defend.actions.stages import stage_property
from pytest_defend.errors import NotFound
from pytest_defend.model.buildinfo import BuildId, Module
from pytest_defend.model.journal import attempt_line, passed_line

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.views import StageView
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")


def stage(store: Store) -> StageView:
    (view,) = show(DEMO, store).stages
    return view


def test_a_stage_that_passed(tmp_path: Path, store: Store) -> None:
    manifest = a_published(tmp_path, store)
    view = show(DEMO, store)
    assert (view.store, view.build) == (store.locator, manifest.build)
    told = stage(store)
    assert (told.name, told.module, told.run) == ("tests", "demo:1.0/stage/tests", "r1")
    assert (told.result, told.mark, told.reasons) == ("passed", "passed", "")
    assert told.tests == {"collected": 2, "finished": 2, "passed": 2}
    assert told.facts["defend.exit-status"] == "0"
    assert not {"defend.stage", "defend.result", "defend.reasons", "defend.run"} & told.facts.keys()
    assert not any(name.startswith("defend.tests.") for name in told.facts)


def test_a_stage_that_failed(tmp_path: Path, store: Store) -> None:
    failed = attempt_line(1, an_ended("failed"))
    a_published(tmp_path, store, passed_line(0, "", 1, (1, 2, 3)), failed)
    told = stage(store)
    assert (told.result, told.mark, told.reasons) == ("failed", "failed", "1 failed")


def test_a_stage_without_a_mark_is_not_eligible_and_says_why(tmp_path: Path, store: Store) -> None:
    a_published(tmp_path, store, marked=False)
    told = stage(store)
    assert (told.result, told.mark) == ("passed", "")
    assert told.reasons == "its process never spoke its last word, or files of it are gone"


@pytest.mark.parametrize("final", [None, 1])
def test_a_stage_that_ended_badly_after_its_session_says_so(
    tmp_path: Path, store: Store, final: int | None
) -> None:
    a_published(tmp_path, store, final=final)
    told = stage(store)
    assert (told.result, told.mark) == ("passed", "failed")
    assert told.reasons == "its process ended badly after its session"


def test_marks_that_disagree_are_no_mark(tmp_path: Path, store: Store) -> None:
    manifest = a_published(tmp_path, store)
    evidence = manifest.files[-1].path
    store.annotate([evidence], {stage_property("tests"): ()})
    assert stage(store).mark == ""
    store.annotate([evidence], {stage_property("tests"): ("failed",)})
    assert stage(store).mark == ""


def test_evidence_that_is_gone_is_no_mark(store: Store) -> None:
    build = a_build_info()
    module = replace(build.modules[0], properties={"defend.stage": "tests", "defend.result": "passed"})
    store.publish_build(replace(build, modules=(module,)))
    told = stage(store)
    assert told.mark == ""
    assert "files of it are gone" in told.reasons


def test_builds_of_other_tools_have_no_stages_but_odd_properties_are_survived(store: Store) -> None:
    odd = {"defend.stage": "s", "defend.tests.passed": "many", "defend.tests.failed": 3, "theirs": True}
    build = a_build_info(modules=(Module(id="a"), Module(id="b", properties=odd)))
    store.publish_build(build)
    told = stage(store)
    assert (told.tests, told.facts, told.mark, told.result) == ({"failed": 3}, {"theirs": "True"}, "", "")


def test_a_build_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match=r"nobody/9 is not in the store. Looked in"):
        show(BuildId(name="nobody", number="9"), store)
