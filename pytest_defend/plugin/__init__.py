"""The pytest face: options, and what is registered when recording was asked for.

Rules:
- Installed but unused it adds its options, its hook specifications and one fixture, prints nothing, and
  loads neither a network client nor a parser nor a database.
- Everything else is one object on the controller (never on a worker of pytest-xdist), made in
  `pytest_configure` and kept in the config's stash.
- The last word is spoken when `pytest_cmdline_main` has returned: only then is the status known that
  pytest really ends with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_defend.plugin.attach import Attach
    from pytest_defend.plugin.controller import Controller

_CONTROLLER: pytest.StashKey[Controller] = pytest.StashKey()
_NOT_RUNS = (  # options with which pytest runs no test
    "collectonly",
    "help",
    "version",
    "showfixtures",
    "show_fixtures_per_test",
    "markers",
    "setupplan",
    "setuponly",
    "cacheshow",
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the extension points known."""
    from pytest_defend import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the settings table."""
    from pytest_defend.settings import FLAGS

    group = parser.getgroup("defend", "evidence for releases (pytest-defend)")
    for option in FLAGS:
        known: dict[str, Any] = {"dest": f"defend_{option.argument}", "default": None, "help": option.help}
        if option.kind == "flag":
            group.addoption(option.flag, action="store_true", **known)
        else:
            action = "append" if option.kind == "list" else "store"
            group.addoption(option.flag, action=action, metavar=option.metavar, **known)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register what was asked for; a setting that cannot be understood ends the run here, with exit code 4.

    Last of all, so that the wrappers of the object registered here are the outermost ones.
    """
    if hasattr(config, "workerinput"):
        _configure_worker(config)
    elif not any(config.getoption(name, None) for name in _NOT_RUNS):
        _configure_controller(config)


def _configure_worker(config: Any) -> None:
    if "defend" in config.workerinput:
        from pytest_defend.plugin.worker import Worker

        config.pluginmanager.register(Worker(config), "defend-worker")


def _configure_controller(config: pytest.Config) -> None:
    from pytest_defend.errors import DefendError
    from pytest_defend.plugin.asked import asked

    try:
        settings = asked(config)
        if settings is None:
            return
        from pytest_defend.plugin.controller import Controller
        from pytest_defend.plugin.workers import Workers

        controller = Controller(config, settings)
    except DefendError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_CONTROLLER] = controller
    config.pluginmanager.register(controller, "defend-controller")
    config.pluginmanager.register(Workers(controller), "defend-workers")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Speak the last word once everything of pytest has ended, clean-up included.

    Late exceptions of threads and finalizers are raised after every `pytest_unconfigure`; this is the place
    that sees them.
    """
    try:
        status = yield
    except BaseException:
        if controller := config.stash.get(_CONTROLLER, None):
            controller.last_word(1)
        raise
    controller = config.stash.get(_CONTROLLER, None)
    return status if controller is None else controller.last_word(status)


@pytest.fixture
def defend_attach(request: pytest.FixtureRequest) -> Attach:
    """Attach a file to the running test: `defend_attach(path_or_bytes, name)`.

    Does nothing in a run that is not recorded.
    """
    from pytest_defend.plugin.attach import Attach

    return Attach(request)
