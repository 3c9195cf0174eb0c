"""Was recording asked for, and with which settings?

Rules:
- Cheap when it was not: no file is parsed unless a flag, a variable or the project's table may ask.
- A run started by a recorded run (tests of plugins do that) records only what its own command line asks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.settings import FLAGS, OPTIONS, find_project, resolve

if TYPE_CHECKING:
    import pytest

    from pytest_defend.model.ci import CiFacts
    from pytest_defend.settings import Project, Settings

__all__ = ["RUNNING", "Asked", "asked"]

RUNNING = "DEFEND_RUNNING"
"""Set to the run's id in the environment of everything a recorded run starts."""

_ASKING = ("publish", "record", "dry_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for.

    Attributes:
        settings: Resolved.
        project: Whose tests run.
        ci: The CI system this is, if any.
    """

    settings: Settings
    project: Project
    ci: CiFacts | None


def asked(config: pytest.Config) -> Asked | None:
    """The settings of a run to be recorded, None for any other.

    Raises:
        UsageError: A setting cannot be understood.
    """
    command_line = {option.argument: config.getoption(f"defend_{option.argument}") for option in FLAGS}
    by_flag = any(command_line[name] for name in _ASKING)
    if not by_flag and (RUNNING in os.environ or not _may_ask(config)):
        return None
    from pytest_defend.capture.ci import detect

    project = find_project(config.rootpath)
    detected = detect(os.environ)
    settings = resolve(
        command_line=command_line, environ=os.environ, pyproject=project.table, detected=detected
    )
    if not (settings.publish or settings.record or settings.dry_run):
        return None
    return Asked(settings=settings, project=project, ci=detected)


def _may_ask(config: pytest.Config) -> bool:
    variables = [option.variable for option in OPTIONS if option.name in _ASKING]
    if any(os.environ.get(variable) for variable in variables):
        return True
    for folder in (config.rootpath, *config.rootpath.parents):
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file():
            return b"pytest-defend" in pyproject.read_bytes()
        if (folder / ".git").exists():
            return False
    return False
