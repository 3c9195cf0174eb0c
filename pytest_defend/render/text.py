"""Answers of the command line as text, with rich.

Rules:
- Decides nothing; the same answers are rendered as JSON.
- Paths, versions and ids stand as they are, never as markup, and are never cut: long lines wrap.
- Written to a file or pipe it is plain text without colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.render.summary import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Verdict
    from pytest_defend.model.views import BuildRow, BuildView, FilesView, StageView
    from pytest_defend.settings import SettingRow

__all__ = ["build_list", "build_view", "files_view", "published_view", "settings_view"]

_COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "incomplete": "red"}
_COUNTS = (
    "collected finished passed failed errors skipped xfailed xpassed rerun deselected warnings"
    " flaky crashed lost"
)
_SHOWN = 12  # digits of a digest people compare by eye


def build_view(view: BuildView) -> RenderableType:
    """One build: where it comes from, its stages, its modules."""
    build = view.build
    head = _pairs(
        ("started", build.started),
        ("store", view.store),
        ("run", build.url),
        *((("source", f"{vcs.url} {vcs.branch} {vcs.revision}".strip())) for vcs in build.vcs),
        ("recorded by", _agent(view)),
    )
    stages = [part for stage in view.stages for part in _stage(stage)]
    modules = Table(box=None, pad_edge=False)
    for title in ("module", "artifacts", "dependencies"):
        modules.add_column(title, overflow="fold", justify="left" if title == "module" else "right")
    for module in build.modules:
        modules.add_row(Text(module.id), str(len(module.artifacts)), str(len(module.dependencies)))
    name = Text(f"build {build.name}/{build.number}", style="bold")
    return Group(name, _indented(head), *stages, Text(), modules)


def _agent(view: BuildView) -> str:
    agents = (view.build.agent, view.build.build_agent)
    return ", ".join(f"{agent.name} {agent.version}".strip() for agent in agents if agent)


def _stage(stage: StageView) -> Iterable[RenderableType]:
    eligible = {"": "not marked: the run never spoke its last word", "failed": "not eligible"}
    verdict = Text(f"stage {stage.name} ", style="bold")
    verdict.append(stage.result, style=_COLOURS.get(stage.result, ""))
    verdict.append(f", {eligible.get(stage.mark, f'marked {stage.mark}')}")
    yield Text()
    yield verdict
    told = [f"{stage.tests.get(name, 0)} {name}" for name in _COUNTS.split() if stage.tests.get(name)]
    yield _indented(
        _pairs(
            ("because", stage.reasons),
            ("tests", ", ".join(told) or "none"),
            ("python", " on ".join(filter(None, map(stage.facts.get, ("defend.python", "defend.platform"))))),
            ("gaps", "" if stage.facts.get("defend.gaps") in (None, "0") else stage.facts["defend.gaps"]),
            ("run", stage.run),
        )
    )


def _indented(inner: RenderableType) -> Padding:
    return Padding(inner, (0, 0, 0, 2))


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, Text(value))
    return table


def build_list(rows: Sequence[BuildRow]) -> RenderableType:
    """Runs, one a line."""
    if not rows:
        return Text("no builds")
    return Group(*(Text(f"{row.name}/{row.number}@{row.started}") for row in rows))


def files_view(view: FilesView) -> RenderableType:
    """Files, one a line: digest, size, state, path."""
    table = Table(box=None, pad_edge=False)
    table.add_column("sha256", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    for file in view.files:
        missing = file.size_bytes is None
        state = "" if file.kept else (" MISSING" if missing else " CHANGED")
        shown = "-" if file.size_bytes is None else size(file.size_bytes)
        table.add_row(
            file.sha256[:_SHOWN], shown, Text(f"{file.path}{state}", style="" if file.kept else "red")
        )
    return table


def published_view(published: Published, verdict: Verdict) -> RenderableType:
    """What publishing did."""
    kept = f", {len(published.kept)} already there" if published.kept else ""
    done = "would publish" if published.dry_run else "published"
    line = f"{done} {published.build} to {published.store} ({len(published.new)} files, "
    reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
    return Group(
        Text(f"{line}{size(published.size_bytes)}{kept})"),
        Text(
            f"stage {published.stage} {verdict.result.value}{reasons}",
            style=_COLOURS.get(verdict.result.value, ""),
        ),
    )


def settings_view(rows: Iterable[SettingRow]) -> RenderableType:
    """Every setting with its value and where that came from."""
    table = Table(box=None, pad_edge=False)
    for title in ("setting", "value", "from", "set by"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row.name, Text(row.value), Text(row.origin), Text(row.flag or row.key or row.variable))
    return table
