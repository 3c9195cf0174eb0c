"""A project in a folder, and what a command is given that works on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from builders import IDS, a_journal
from pytest_defend.assembly.bundles import complete_bundle
from pytest_defend.assembly.extensions import plugin_manager
from pytest_defend.model.bundle import JOURNAL, RECORD
from pytest_defend.model.record import RunRecord
from pytest_defend.settings import find_project, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_defend.model.bundle import Manifest
    from pytest_defend.settings import Project, Settings

__all__ = ["Place", "a_place"]

_PASSED = b"".join(b'{"n":%d,"s":1700000000000,"d":[1,2,3]}\n' % row for row in range(len(IDS)))


@dataclass(frozen=True)
class Place:
    """A project, and the settings and hooks of a command that runs there."""

    root: Path
    project: Project
    settings: Settings
    hook: Any

    def write(self, name: str, content: bytes | str = b"content") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def killed(self, *lines: bytes, run: str = "r1", **header: Any) -> Path:
        """The folder in the spool of a run that was killed after everything had passed."""
        told = a_journal(_PASSED, *lines, end=None, run=run, root=str(self.root), **header)
        return self.write(f".defend/spool/{run}/{JOURNAL}", b"".join(told)).parent

    def extended(self, extension: object) -> Place:
        """The same with an extension."""
        manager = plugin_manager()
        manager.register(extension)
        return replace(self, hook=manager.hook)

    def taken_up(self, given: Path) -> tuple[Manifest, RunRecord]:
        """The bundle of what is given, and its record."""
        with complete_bundle(given, self.settings, self.project, self.hook) as (folder, manifest, final):
            assert final is None
            return manifest, RunRecord.from_bytes((folder / RECORD).read_bytes())


def a_place(root: Path, environ: Mapping[str, str] | None = None, **given: object) -> Place:
    """A new project named `demo`, and a command there with these flags and variables."""
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\nname = 'demo'\n")
    settings = resolve(command_line=given, environ=environ or {}, pyproject={}, detected=None)
    return Place(root=root, project=find_project(root), settings=settings, hook=plugin_manager().hook)
