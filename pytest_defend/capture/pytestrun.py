"""Reads how pytest was asked to run.

Rules:
- Only what `pytest.Config` offers to everybody, and no plugin is taken for granted: an option nobody declared
  is not set.
- The three places options come from (command line, PYTEST_ADDOPTS, configuration file) are kept apart.
- Every text is redacted; options like `--password X` lose their value.
- Options of the ordering, distributing and rerunning plugins are known by name, in the tables below.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

from pytest_defend.model.facts import Gap
from pytest_defend.model.pytestfacts import PluginFact, PytestFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.capture.redaction import Redactor

__all__ = ["RunConfig", "read_pytest"]

# Hypothesis, pytest-random-order, pytest-randomly
_SEEDS = ("hypothesis_seed", "random_order_seed", "randomly_seed")
# pytest-rerunfailures (some in the configuration file too); flaky; pytest-retry
_RERUNS = (
    "force_flaky",
    "force_reruns",
    "max_runs",
    "max_suite_reruns",
    "min_passes",
    "only_rerun",
    "rerun_except",
    "reruns",
    "reruns_delay",
    "retries",
    "retry_delay",
)


class RunConfig(Protocol):
    """What is needed of `pytest.Config`; this room does not import pytest, not even for types."""

    @property
    def rootpath(self) -> Path:
        """The root directory."""

    @property
    def inipath(self) -> Path | None:
        """The configuration file."""

    @property
    def invocation_params(self) -> Any:
        """Holds `args`, the command line as given."""

    @property
    def pluginmanager(self) -> Any:
        """Knows the distributions that plugins came from."""

    def getini(self, name: str) -> Any:
        """The value of a key; `ValueError` when nobody declared it."""

    def getoption(self, name: str, default: Any) -> Any:
        """The value of an option; `default` when nobody declared it."""


def read_pytest(
    config: RunConfig, redactor: Redactor, environ: Mapping[str, str] | None = None
) -> tuple[PytestFacts, tuple[Gap, ...]]:
    """The options, plugins and configuration file of a pytest run.

    Args:
        config: Read after its `pytest_cmdline_main` hooks, where xdist settles its number of workers.
        redactor: For every text.
        environ: Variables by name; those of this process when not given.
    """
    added = (os.environ if environ is None else environ).get("PYTEST_ADDOPTS", "")
    digest, gaps = _digest(config.inipath)
    fact = PytestFacts(
        version=metadata.version("pytest"),
        rootdir=redactor.text(str(config.rootpath)),
        args=redactor.argv([os.fspath(argument) for argument in config.invocation_params.args]),
        environment_args=redactor.argv(_split(added)),
        ini_args=redactor.argv(_words(config.getini("addopts"))),
        ini_path=redactor.text(_ini_path(config)),
        ini_sha256=digest,
        plugins=_plugins(config.pluginmanager.list_plugin_distinfo()),
        markexpr=redactor.text(_text(_option(config, "markexpr"))),
        keyword=redactor.text(_text(_option(config, "keyword"))),
        seeds=dict(_settings(config, _SEEDS, redactor)),
        dist_mode=_text(_option(config, "dist")),
        workers=_workers(config),
        reruns=dict(_settings(config, _RERUNS, redactor)),
        maxfail=_option(config, "maxfail") or 0,
    )
    return fact, gaps


def _option(config: RunConfig, name: str) -> Any:
    return config.getoption(name, default=None)


def _text(value: Any) -> str:
    """A value of an option or key as text; empty when it is not set."""
    if value is None or value is False:
        return ""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _settings(config: RunConfig, names: Sequence[str], redactor: Redactor) -> Iterator[tuple[str, str]]:
    for name in names:
        if text := _text(_option(config, name)) or _text(_key(config, name)):
            yield name, redactor.text(text)


def _key(config: RunConfig, name: str) -> Any:
    try:
        return config.getini(name)
    except (KeyError, ValueError):  # nobody declared it
        return None


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an open quote; pytest itself stops there
        return line.split()


def _words(value: Any) -> list[str]:
    return [str(word) for word in value]


def _ini_path(config: RunConfig) -> str:
    path = config.inipath
    if path is None:
        return ""
    return path.relative_to(config.rootpath).as_posix() if path.is_relative_to(config.rootpath) else str(path)


def _digest(path: Path | None) -> tuple[str, tuple[Gap, ...]]:
    if path is None:
        return "", ()
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest(), ()
    except OSError as error:
        problem = f"The configuration file {path.name} could not be read again: {error.strerror}."
        return "", (Gap(topic="pytest", problem=problem),)


def _plugins(distributions: Iterable[tuple[object, Any]]) -> tuple[PluginFact, ...]:
    found = {(dist.project_name, dist.version) for _, dist in distributions}
    return tuple(PluginFact(name=name, version=version) for name, version in sorted(found))


def _workers(config: RunConfig) -> int:
    if _option(config, "dist") in (None, "no"):
        return 0
    specs = _option(config, "tx") or ()
    counts = (spec.partition("*") for spec in specs)
    return sum(int(count) if star and count.isdecimal() else 1 for count, star, _ in counts)
