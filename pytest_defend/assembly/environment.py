"""The facts of the current interpreter, outside of any test run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_defend.actions.locate import locate
from pytest_defend.assembly.redaction import redactor_of
from pytest_defend.assembly.store import open_store
from pytest_defend.assembly.tracing import read_installed, tree_of
from pytest_defend.capture.answers import LOOKED_AT
from pytest_defend.capture.environment import read_interpreter, read_platform
from pytest_defend.model.environmentview import EnvironmentView

if TYPE_CHECKING:
    from pytest_defend.settings import Project, Settings

__all__ = ["read_whole_environment"]


def read_whole_environment(settings: Settings, project: Project) -> EnvironmentView:
    """Everything a record says about packages, now.

    Args:
        settings: Of the command.
        project: Whose folder the command works in.

    Raises:
        DefendError: The store cannot be used.
    """
    redactor = redactor_of(settings, ())
    interpreter, no_interpreter = read_interpreter()
    platform, no_platform = read_platform()
    installed, trace, no_installed = read_installed(settings, project, tree_of(redactor, {}))
    installed, no_answers = trace.finish(installed)
    sys.audit(LOOKED_AT, str(project.root / settings.store))  # a store that is not there yet may come
    installed = locate(installed, open_store(settings, project.root))
    return EnvironmentView(
        interpreter=interpreter,
        platform=platform,
        installed=installed,
        gaps=(*no_interpreter, *no_platform, *no_installed, *no_answers),
    )
