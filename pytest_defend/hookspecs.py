"""Extension points: what others may add to a record, or see of it.

Rules:
- The same for both faces: implemented in a conftest.py or plugin they serve the pytest run; in a module
  named by the entry point group `pytest_defend` they also serve the command line.
- Mark an implementation with `pytest.hookimpl(optionalhook=True)`, so that it does not mind whether
  pytest-defend is installed. Leave out arguments you do not need; new ones are only ever added.
- An implementation that raises becomes a gap in the record; it never disturbs the tests. Only redaction and
  rules are different: without them too much would be shown, or let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.gates import Rule
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Attempt

__all__ = [
    "pytest_defend_artifacts",
    "pytest_defend_build_info",
    "pytest_defend_facts",
    "pytest_defend_published",
    "pytest_defend_redactor",
    "pytest_defend_rules",
    "pytest_defend_test_record",
]

_hookspec = pluggy.HookspecMarker("pytest")


@_hookspec
def pytest_defend_facts(stage: str) -> Mapping[str, Mapping[str, str]] | None:
    """More facts about what the run runs on; asked once, when the run starts.

    Args:
        stage: Name of the stage.

    Returns:
        Facts by topic: `{"database": {"version": "16.2"}}`. They are redacted and kept under `facts.more`.
    """


@_hookspec
def pytest_defend_artifacts(stage: str, root: Path) -> Sequence[Path] | None:
    """More files to archive with the run; asked once, when the session has finished.

    Args:
        stage: Name of the stage.
        root: The project's folder.

    Returns:
        Files that exist. Texts are redacted on the way.
    """


@_hookspec(firstresult=True)
def pytest_defend_test_record(attempt: Attempt) -> Attempt | None:
    """One look at each attempt before it is written to the journal.

    Args:
        attempt: One try of one test, redacted and capped.

    Returns:
        What is written instead (`dataclasses.replace(attempt, ...)`); None to leave it. Its node id, worker
        and ordinal are kept.
    """


@_hookspec(firstresult=True)
def pytest_defend_build_info(build: BuildInfo) -> BuildInfo | None:
    """One look at the build-info before it is written.

    Args:
        build: Complete.

    Returns:
        What is published instead (`dataclasses.replace(build, ...)`); None to leave it. Its name, number and
        `started` are kept.
    """


@_hookspec
def pytest_defend_redactor() -> Callable[[str], str] | None:
    """More redaction; asked once, when the run starts.

    Returns:
        A function that masks what it knows in a text. It sees every text before it is written, some of them
        long, and must give back a text of its own again unchanged.
    """


@_hookspec
def pytest_defend_rules() -> Sequence[type[Rule]] | None:
    """More rules for the gates of levels; asked when a policy is read.

    Returns:
        Classes that inherit `pytest_defend.gates.Rule`, each with a `NAME` that no other rule has. One that
        cannot be loaded is an error: a gate without one of its rules would say yes too early.
    """


@_hookspec
def pytest_defend_published(published: Published) -> None:
    """A build has been published; the mark of its stage follows.

    Args:
        published: What was put where.
    """
