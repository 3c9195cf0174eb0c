"""What a run runs on, gathered from every capture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_defend.assembly.extensions import asked_facts
from pytest_defend.assembly.tracing import read_installed, tree_of
from pytest_defend.capture.environment import read_environment, read_process
from pytest_defend.capture.interpreter import read_interpreter, read_platform
from pytest_defend.capture.pytestrun import read_pytest
from pytest_defend.capture.vcs import read_git
from pytest_defend.model.record import RunFacts

if TYPE_CHECKING:
    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.facts import Gap

__all__ = ["read_facts"]


def read_facts(run: Recording, config: Any) -> tuple[RunFacts, tuple[Gap, ...]]:
    """Read everything there is to know before the first test runs.

    Args:
        run: The run.
        config: Of the pytest run.

    Returns:
        The facts, and what could not be read.
    """
    settings, project, ci, redactor = run.settings, run.project, run.ci, run.redactor
    interpreter, no_interpreter = read_interpreter()
    platform, no_platform = read_platform()
    process, no_process = read_process(redactor, os.environ)
    environment, no_environment = read_environment(
        os.environ, redactor, include=settings.env_include, exclude=settings.env_exclude
    )
    git, no_git = read_git(project.root, redactor, branch_hint=ci.branch if ci else "")
    pytest, no_pytest = read_pytest(config, redactor)
    tree = tree_of(redactor, {project.root.resolve(): git})
    installed, run.tracing, no_installed = read_installed(settings, project, tree)
    more, no_more = asked_facts(run.hook, settings.stage, redactor.text)
    facts = RunFacts(
        interpreter=interpreter,
        platform=platform,
        process=process,
        environment=environment,
        git=git,
        ci=ci,
        pytest=pytest,
        installed=installed,
        more=more,
    )
    gaps = (*no_interpreter, *no_platform, *no_process, *no_environment, *no_git, *no_pytest)
    return facts, (*gaps, *no_installed, *no_more)
