"""What extension points give, checked before it is believed.

Rules:
- Implementations are others' code: one that raises or gives the wrong thing becomes a gap.
- In the pytest face `hook` is that of the run; the command line has a plugin manager of its own. Both load
  the entry point group `pytest_defend`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pluggy

from pytest_defend import hookspecs
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.results import Attempt

__all__ = [
    "GROUP",
    "asked_artifacts",
    "asked_facts",
    "extensions",
    "look_at_attempts",
    "look_at_build",
    "redactions",
]

GROUP = "pytest_defend"
"""Entry point group of modules that implement extension points."""


def extensions() -> pluggy.PluginManager:
    """The plugin manager of the command line."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hookspecs)
    manager.load_setuptools_entrypoints(GROUP)
    return manager


def asked_facts(
    hook: Any, stage: str, redact: Callable[[str], str]
) -> tuple[dict[str, Any], tuple[Gap, ...]]:
    """More facts about the run, by topic, every value as redacted text."""
    facts: dict[str, dict[str, str]] = {}
    try:
        for given in hook.pytest_defend_facts(stage=stage):
            for topic, values in given.items():
                told = {redact(str(name)): redact(str(value)) for name, value in values.items()}
                facts.setdefault(redact(str(topic)), {}).update(told)
    except Exception as error:  # noqa: BLE001  # code of others must not end a test run
        return facts, (_failed("pytest_defend_facts", error),)
    return facts, ()


def asked_artifacts(hook: Any, stage: str, root: Path) -> tuple[list[Path], tuple[Gap, ...]]:
    """More files to archive."""
    try:
        given = hook.pytest_defend_artifacts(stage=stage, root=root)
        return [root / path for paths in given for path in paths], ()
    except Exception as error:  # noqa: BLE001  # code of others must not end a test run
        return [], (_failed("pytest_defend_artifacts", error),)


def look_at_attempts(hook: Any) -> Callable[[Attempt], Attempt] | None:
    """The last look at each attempt; None when nobody wants one, so that it costs nothing."""
    if not hook.pytest_defend_test_record.get_hookimpls():
        return None

    def look(attempt: Attempt) -> Attempt:
        given: Attempt | None = hook.pytest_defend_test_record(attempt=attempt)
        if given is None:
            return attempt
        return replace(given, nodeid=attempt.nodeid, worker=attempt.worker, ordinal=attempt.ordinal)

    return look


def look_at_build(hook: Any) -> Callable[[BuildInfo], BuildInfo]:
    """The last look at the build-info; its identity stays."""

    def look(build: BuildInfo) -> BuildInfo:
        given: BuildInfo | None = hook.pytest_defend_build_info(build=build)
        if given is None:
            return build
        return replace(given, name=build.name, number=build.number, started=build.started)

    return look


def redactions(hook: Any) -> list[Callable[[str], str]]:
    """Redaction of others; one that cannot be asked would leave secrets in, so its error is not swallowed."""
    return [redact for redact in hook.pytest_defend_redactor() if redact is not None]


def _failed(name: str, error: Exception) -> Gap:
    problem = f"An implementation of {name} failed ({type(error).__name__}: {error}). Repair or remove it."
    return Gap(topic="extensions", problem=problem)
