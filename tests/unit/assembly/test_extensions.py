"""Implementations of extension points are code of others: what they may do, and what they cannot break."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from builders import a_build_info, an_attempt
from pytest_defend import hookspecs
from pytest_defend.assembly.extensions import (
    GROUP,
    announce,
    asked_artifacts,
    asked_facts,
    load_extensions,
    look_at_attempts,
    look_at_build,
    plugin_manager,
    redactions,
)
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import Published
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildInfo

_marked = pluggy.HookimplMarker("pytest")
PUBLISHED = Published(build="b", store="s", stage="t", new=(), kept=(), size_bytes=0)


def hook_of(**implementations: Any) -> Any:
    """What calls these functions, each for the extension point `pytest_defend_<its name>`."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hookspecs)
    for name, function in implementations.items():
        plugin = type("Extension", (), {f"pytest_defend_{name}": staticmethod(_marked(function))})
        manager.register(plugin(), name)
    return manager.hook


def boom() -> Any:
    raise RuntimeError("boom")


def gap_of(name: str, what: str = "RuntimeError: boom") -> Gap:
    problem = f"An implementation of pytest_defend_{name} failed ({what}). Repair or remove it."
    return Gap(topic="extensions", problem=problem)


def masked(text: str) -> str:
    return text.replace("secret", "***")


def test_facts_are_texts_by_topic_and_redacted() -> None:
    hook = hook_of(facts=lambda stage: {"my secret": {"port": 5432, "url": f"secret {stage}"}})
    assert asked_facts(hook, "it", masked) == ({"my ***": {"port": "5432", "url": "*** it"}}, ())
    assert asked_facts(hook_of(), "it", masked) == ({}, ())


@pytest.mark.parametrize("given", [7, {"topic": 7}, ["a"]], ids=str)
def test_facts_of_the_wrong_shape_are_a_gap(given: object) -> None:
    facts, (gap,) = asked_facts(hook_of(facts=lambda: given), "it", masked)
    assert facts == {}
    assert gap.problem.startswith("An implementation of pytest_defend_facts failed (")


def test_facts_that_cannot_be_had_are_a_gap() -> None:
    assert asked_facts(hook_of(facts=boom), "it", masked) == ({}, (gap_of("facts"),))


def test_artifacts_are_found_from_the_root() -> None:
    hook = hook_of(artifacts=lambda stage, root: [root / f"{stage}.log", Path("/elsewhere/x"), "y"])
    found = asked_artifacts(hook, "it", Path("/project"))
    assert found == ([Path("/project/it.log"), Path("/elsewhere/x"), Path("/project/y")], ())


def test_artifacts_that_cannot_be_had_are_a_gap() -> None:
    assert asked_artifacts(hook_of(artifacts=boom), "it", Path()) == ([], (gap_of("artifacts"),))
    found, (gap,) = asked_artifacts(hook_of(artifacts=lambda: 7), "it", Path())
    assert (found, gap.topic) == ([], "extensions")


def test_nobody_who_looks_costs_nothing() -> None:
    assert look_at_attempts(hook_of()) is None


def test_a_look_at_an_attempt_keeps_what_it_is() -> None:
    def look(attempt: Any) -> Any:
        return replace(attempt, nodeid="x", worker="x", ordinal=9, properties=(("seen", "yes"),))

    looking = look_at_attempts(hook_of(test_record=look))
    assert looking is not None
    attempt = an_attempt(worker="gw0", ordinal=1)
    assert looking(attempt) == replace(attempt, properties=(("seen", "yes"),))
    silent = look_at_attempts(hook_of(test_record=lambda: None))
    assert silent is not None
    assert silent(attempt) is attempt


def test_a_look_at_the_build_keeps_what_it_is() -> None:
    def look(build: BuildInfo) -> BuildInfo:
        return replace(build, name="x", number="x", started="x", principal="me")

    build, gaps = a_build_info(), list[Gap]()
    assert look_at_build(hook_of(build_info=look), gaps)(build) == replace(build, principal="me")
    assert look_at_build(hook_of(build_info=lambda: None), gaps)(build) is build
    assert look_at_build(hook_of(), gaps)(build) is build
    assert gaps == []


@pytest.mark.parametrize(
    "look",
    [
        boom,
        lambda: 7,
        lambda build: replace(build, modules=("text",)),
        lambda build: replace(build, properties={"a": object()}),
        lambda build: replace(build, duration_ms="long"),
    ],
)
def test_a_look_that_fails_or_spoils_the_build_is_a_gap_and_leaves_it(look: Any) -> None:
    build, gaps = a_build_info(), list[Gap]()
    assert look_at_build(hook_of(build_info=look), gaps)(build) is build
    (gap,) = gaps
    assert gap.problem.startswith("An implementation of pytest_defend_build_info failed (")


def test_redaction_of_others_is_asked_for_once_and_an_error_is_told() -> None:
    hook = hook_of(redactor=lambda: masked)
    assert redactions(hook) == [masked]
    assert redactions(hook_of()) == redactions(hook_of(redactor=lambda: None)) == []
    with pytest.raises(UsageError, match=r"pytest_defend_redactor failed \(RuntimeError: boom\)"):
        redactions(hook_of(redactor=boom))


def test_who_is_told_of_a_build_cannot_undo_it(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Published] = []
    announce(hook_of(published=lambda published: told.extend([published])), PUBLISHED)
    assert told == [PUBLISHED]
    assert capsys.readouterr().err == ""
    announce(hook_of(published=boom), PUBLISHED, lambda text: text.replace("boom", "***"))
    assert capsys.readouterr().err == (
        "pytest-defend: An implementation of pytest_defend_published failed (RuntimeError: ***). "
        "Repair or remove it.\n"
    )


def an_installed_extension(folder: Path, code: str) -> None:
    (folder / "their_extension.py").write_text(code)
    info = folder / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = their_extension\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_extension", raising=False)
    return tmp_path


def test_installed_extensions_are_loaded(installed: Path) -> None:
    code = "import pytest\n@pytest.hookimpl(optionalhook=True)\ndef pytest_defend_facts(): return {'a': {}}\n"
    an_installed_extension(installed, code)
    assert plugin_manager().hook.pytest_defend_facts(stage="it") == [{"a": {}}]


def test_an_extension_that_cannot_be_loaded_is_told(installed: Path) -> None:
    an_installed_extension(installed, "raise RuntimeError('boom')\n")
    with pytest.raises(
        UsageError, match=r"entry point group pytest_defend\) cannot be loaded \(RuntimeError: boom"
    ):
        load_extensions(pluggy.PluginManager("pytest"))
