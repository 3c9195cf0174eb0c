"""What extension points give, checked before it is believed.

Rules:
- Implementations are others' code: one that raises or gives the wrong thing becomes a gap. Only what would
  leave secrets in, leave a rule of a gate out, or cannot be loaded at all, is an error that says whose it is.
- In the pytest face `hook` is that of the run; the command line has a plugin manager of its own. Both load
  the entry point group `pytest_defend`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pluggy

from pytest_defend import hookspecs
from pytest_defend.errors import UsageError
from pytest_defend.model.buildinfo import BuildInfo
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_defend.gates import Rule
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Attempt

__all__ = [
    "GROUP",
    "announce",
    "asked_artifacts",
    "asked_facts",
    "asked_rules",
    "load_extensions",
    "look_at_attempts",
    "look_at_build",
    "plugin_manager",
    "redactions",
]

GROUP = "pytest_defend"
"""Entry point group of modules that implement extension points."""


def plugin_manager() -> pluggy.PluginManager:
    """The plugin manager of the command line."""
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hookspecs)
    load_extensions(manager)
    return manager


def load_extensions(manager: pluggy.PluginManager) -> None:
    """Load what others installed.

    Raises:
        UsageError: One cannot be loaded.
    """
    try:
        manager.load_setuptools_entrypoints(GROUP)
    except Exception as error:
        what = f"An extension (entry point group {GROUP}) cannot be loaded ({type(error).__name__}: {error})."
        raise UsageError(what, hint="Repair or remove it.") from error


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


def look_at_build(hook: Any, gaps: list[Gap]) -> Callable[[BuildInfo], BuildInfo]:
    """The last look at the build-info; its identity stays.

    Args:
        hook: Where extension points are called.
        gaps: Takes the failure of an implementation; the build-info is left as it is then.
    """

    def look(build: BuildInfo) -> BuildInfo:
        try:
            given = hook.pytest_defend_build_info(build=build)
            if given is None:
                return build
            given = replace(given, name=build.name, number=build.number, started=build.started)
            return BuildInfo.from_bytes(given.to_bytes())
        except Exception as error:  # noqa: BLE001  # code of others must not keep a run from being published
            gaps.append(_failed("pytest_defend_build_info", error))
            return build

    return look


def redactions(hook: Any) -> list[Callable[[str], str]]:
    """Redaction of others.

    Raises:
        UsageError: One cannot be asked; going on would leave secrets in.
    """
    try:
        return [redact for redact in hook.pytest_defend_redactor() if redact is not None]
    except Exception as error:
        raise UsageError(_failed("pytest_defend_redactor", error).problem) from error


def asked_rules(hook: Any) -> Mapping[str, type[Rule]]:
    """Every rule of gates, those of others among them, by name.

    Raises:
        UsageError: One cannot be asked for, is no rule, or has the name of another one; going on without it
            would let through what it forbids.
    """
    from pytest_defend.gates import kinds, merge_kinds  # a run that asks no gate needs none of it

    try:
        given = [rule for rules in hook.pytest_defend_rules() for rule in rules or ()]
    except Exception as error:
        raise UsageError(_failed("pytest_defend_rules", error).problem) from error
    return merge_kinds(kinds(), given)


def announce(hook: Any, published: Published, redact: Callable[[str], str] = str) -> None:
    """Tell extension points that a build is there; it stays published whatever they do."""
    try:
        hook.pytest_defend_published(published=published)
    except Exception as error:  # noqa: BLE001  # code of others; the mark has still to be written
        problem = redact(_failed("pytest_defend_published", error).problem)
        sys.stderr.write(f"pytest-defend: {problem}\n")


def _failed(name: str, error: Exception) -> Gap:
    problem = f"An implementation of {name} failed ({type(error).__name__}: {error}). Repair or remove it."
    return Gap(topic="extensions", problem=problem)
