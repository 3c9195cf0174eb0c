"""How pytest was asked to run.

Rules:
- As `model/facts.py`: what could not be read is absent, nothing holds a credential, order means something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.fields import Document

__all__ = ["PluginFact", "PytestFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFact(Document):
    """A distribution that gave pytest at least one plugin."""

    name: str
    """As its metadata writes it."""
    version: str
    """As its metadata writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestFacts(Document):
    """How pytest was asked to run."""

    version: str
    """Of pytest."""
    rootdir: str
    """Folder that node ids are relative to."""
    args: tuple[str, ...] = ()
    """As given on the command line, redacted."""
    environment_args: tuple[str, ...] = ()
    """PYTEST_ADDOPTS, redacted."""
    ini_args: tuple[str, ...] = ()
    """`addopts` of the configuration file, redacted."""
    ini_path: str = ""
    """Relative to `rootdir` when below it."""
    ini_sha256: str = ""
    """Of that file as it was read; empty when there is none."""
    plugins: tuple[PluginFact, ...] = ()
    """Sorted by name."""
    markexpr: str = ""
    """`-m` as given."""
    keyword: str = ""
    """`-k` as given."""
    seeds: Mapping[str, str] = field(default_factory=dict)
    """What makes a random order or random data come again, by option name."""
    dist_mode: str = ""
    """xdist's: `no`, `load`, `each`, ...; empty without xdist."""
    workers: int = 0
    """How many processes ran tests; 0 without xdist."""
    reruns: Mapping[str, str] = field(default_factory=dict)
    """Options of the plugin that reruns failures, by name, as far as they are set."""
    maxfail: int = 0
    """After how many failures the run stops; 0 for never."""
