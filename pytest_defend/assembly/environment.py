"""The facts of the current interpreter, outside of any test run.

Rules:
- What speaks to a store, to git or to a server is loaded when there is something to ask it: that takes
  longer than the rest.
"""

from __future__ import annotations

import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.actions.locate import digests, locate
from pytest_defend.assembly.looking import look
from pytest_defend.assembly.store import check_locator, is_server, open_store
from pytest_defend.assembly.tracing import read_installed, tree_of
from pytest_defend.capture.answers import LOOKED_AT
from pytest_defend.capture.interpreter import read_interpreter, read_platform
from pytest_defend.model.environmentview import EnvironmentView

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_defend.model.distributions import Installed
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.origins import Tree
    from pytest_defend.settings import Project, Settings

__all__ = ["located", "read_whole_environment"]


def read_whole_environment(settings: Settings, project: Project) -> EnvironmentView:
    """Everything a record says about packages, now.

    Args:
        settings: Of the command.
        project: Whose folder the command works in.

    Raises:
        DefendError: The store cannot be used.
    """
    interpreter, no_interpreter = read_interpreter()
    platform, no_platform = read_platform()
    installed, trace, no_installed = read_installed(settings, project, _trees(settings))
    installed, no_answers = trace.finish(installed)
    unread: list[Gap] = []
    return EnvironmentView(
        interpreter=interpreter,
        platform=platform,
        installed=located(installed, settings, project, partial(look, trace, unread)),
        gaps=(*no_interpreter, *no_platform, *no_installed, *no_answers, *unread),
    )


def _trees(settings: Settings) -> Callable[[Path], Tree]:
    """What version control says about a folder."""

    @cache
    def loaded() -> Callable[[Path], Tree]:
        from pytest_defend.assembly.redaction import redactor_of

        return tree_of(redactor_of(settings, ()), {})

    def tree(folder: Path) -> Tree:
        return loaded()(folder)

    return tree


def located(
    installed: Installed,
    settings: Settings,
    project: Project,
    looking: Callable[..., Installed],
) -> Installed:
    """The same, with what the store knows about the file of each.

    Args:
        installed: With origins.
        settings: Which name the store.
        project: Whose folder a relative one is relative to.
        looking: Says again where everything came from, as `look` does.

    Raises:
        DefendError: There is something to ask, and the store cannot be used; or the settings name none.
    """
    check_locator(settings)
    if not digests(installed):
        return looking(installed, {})
    if not is_server(settings):
        folder = project.root / Path(settings.store).expanduser()
        sys.audit(LOOKED_AT, str(folder))  # a store that is not there yet may come
        if not folder.exists():
            return looking(installed, {})
    store = open_store(settings, project.root)
    return locate(installed, store, partial(looking, part=store.part))
