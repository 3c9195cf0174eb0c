"""Answers of the command line as text, with rich.

Rules:
- Decides nothing; the same answers are rendered as JSON.
- Paths, versions and ids stand as they are, never as markup, and are never cut: long lines wrap.
- A control character is shown as an escape: what a test is called must not steer a terminal.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.model.origins import Certainty
from pytest_defend.render.summary import published_lines, size, stage_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from pytest_defend.model.buildinfo import Status
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Verdict
    from pytest_defend.model.views import BuildRow, BuildView, Check, FilesView, FileView, SpoolRow, StageView
    from pytest_defend.settings import SettingRow

__all__ = [
    "build_list",
    "build_view",
    "checks_view",
    "fetched_files",
    "files_view",
    "published_view",
    "sentence",
    "settings_view",
    "shown",
    "spool_dropped",
    "spool_list",
    "spool_view",
]

_COLOURS = {"passed": "green", "warned": "yellow", "failed": "red", "incomplete": "red"}
_COUNTS = (
    "collected finished passed failed errors skipped xfailed xpassed rerun deselected warnings"
    " flaky crashed lost"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN = 12  # digits of a digest people compare by eye


def build_view(view: BuildView) -> RenderableType:
    """One build: where it comes from, its stages, its modules."""
    build = view.build
    head = _pairs(
        ("started", build.started),
        ("store", view.store),
        ("run", build.url),
        *((("source", f"{vcs.url} {vcs.branch} {vcs.revision}".strip())) for vcs in build.vcs),
        ("agents", _agent(view)),
        *(("status", _status(status)) for status in build.statuses),
    )
    stages = [part for stage in view.stages for part in _stage(stage)]
    modules = Table(box=None, pad_edge=False)
    for title in ("module", "artifacts", "dependencies"):
        modules.add_column(title, overflow="fold", justify="left" if title == "module" else "right")
    for module in build.modules:
        modules.add_row(shown(module.id), str(len(module.artifacts)), str(len(module.dependencies)))
    name = shown(f"build {build.name}/{build.number}", style="bold")
    return Group(name, _indented(head), *stages, Text(), modules)


def _agent(view: BuildView) -> str:
    agents = (view.build.agent, view.build.build_agent)
    return ", ".join(f"{agent.name} {agent.version}".strip() for agent in agents if agent)


def _status(status: Status) -> str:
    """What a build has reached, when, by whom and why."""
    who = f" by {status.user or status.ci_user}" if status.user or status.ci_user else ""
    return f"{status.status} {status.timestamp}{who}{f': {status.comment}' if status.comment else ''}"


def _stage(stage: StageView) -> Iterable[RenderableType]:
    eligible = {"": "no mark, hence not eligible", "failed": "not eligible"}
    verdict = shown(f"stage {stage.name} ", style="bold")
    verdict.append_text(shown(stage.result, style=_COLOURS.get(stage.result, "")))
    verdict.append_text(shown(f", {eligible.get(stage.mark, f'marked {stage.mark}')}"))
    yield Text()
    yield verdict
    told = [f"{stage.tests.get(name, 0)} {name}" for name in _COUNTS.split() if stage.tests.get(name)]
    yield _indented(
        _pairs(
            ("because", stage.reasons),
            ("tests", ", ".join(told) or "none"),
            ("tested on", ", ".join(_facts(stage, "defend.tested."))),
            ("packages", ", ".join(f"{n} {rung}" for rung, n in _rungs(stage))),
            ("python", " on ".join(filter(None, map(stage.facts.get, ("defend.python", "defend.platform"))))),
            ("gaps", "" if stage.facts.get("defend.gaps") in (None, "0") else stage.facts["defend.gaps"]),
            ("run", stage.run),
        )
    )


def _facts(stage: StageView, prefix: str) -> list[str]:
    """What the stage says under names that begin so, in words."""
    told = ((key.removeprefix(prefix), value) for key, value in stage.facts.items() if key.startswith(prefix))
    return [f"{name}: {value}" for name, value in sorted(told)]


def _rungs(stage: StageView) -> list[tuple[str, str]]:
    """Rungs of the ladder of certainty with the number of packages on each, the most certain first."""
    order = [certainty.value for certainty in Certainty]
    prefix = "defend.origins."
    told = {key.removeprefix(prefix): n for key, n in stage.facts.items() if key.startswith(prefix)}
    return [(rung, told[rung]) for rung in order if rung in told]


def _indented(inner: RenderableType) -> Padding:
    return Padding(inner, (0, 0, 0, 2), expand=False)


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, shown(value))
    return table


def build_list(rows: Sequence[BuildRow]) -> RenderableType:
    """Runs, one a line."""
    if not rows:
        return Text("no builds")
    return Group(*(shown(f"{row.name}/{row.number}@{row.started}") for row in rows))


def files_view(view: FilesView) -> RenderableType:
    """Files, one a line: digest, size, state, path."""
    table = Table(box=None, pad_edge=False)
    table.add_column("sha256", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    for file in view.files:
        missing = file.size_bytes is None
        state = "" if file.kept else (" MISSING" if missing else " CHANGED")
        long = "-" if file.size_bytes is None else size(file.size_bytes)
        table.add_row(
            shown(file.sha256[:_SHOWN]), long, shown(f"{file.path}{state}", style="" if file.kept else "red")
        )
    return table


def fetched_files(files: Sequence[FileView], folder: Path) -> RenderableType:
    """Files that were written, one a line."""
    return Group(*(shown(f"{folder / PurePath(file.path).name}: sha256 {file.sha256}") for file in files))


def published_view(rows: Iterable[tuple[Published, Verdict]]) -> RenderableType:
    """What publishing did, a few lines for each record."""
    return Group(*(line for published, verdict in rows for line in _published(published, verdict)))


def _published(published: Published, verdict: Verdict) -> Iterable[Text]:
    yield from map(shown, published_lines(published))
    yield shown(stage_line(published.stage, verdict), style=_COLOURS[verdict.result.value])


def spool_list(rows: Sequence[SpoolRow]) -> RenderableType:
    """What waits, a run a line."""
    if not rows:
        return Text("nothing waits")
    table = Table(box=None, pad_edge=False)
    for title in ("run", "build", "stage", "state", "result", "size"):
        table.add_column(title, overflow="fold", justify="right" if title == "size" else "left")
    for row in rows:
        told = (row.run, row.build, row.stage, row.state, row.result, size(row.size_bytes))
        table.add_row(*map(shown, told))
    return table


def spool_view(rows: Sequence[SpoolRow]) -> RenderableType:
    """Everything about some that wait."""
    parts: list[RenderableType] = []
    for row in rows:
        pairs = (
            ("build", row.build),
            ("stage", row.stage),
            ("started", row.started),
            ("state", row.state),
            ("result", row.result),
            ("because", row.reasons),
            ("files", f"{row.files}, {size(row.size_bytes)}"),
            ("folder", row.folder),
        )
        parts += [shown(f"run {row.run}", style="bold"), _indented(_pairs(*pairs))]
    return Group(*parts)


def spool_dropped(rows: Sequence[SpoolRow]) -> RenderableType:
    """What was removed."""
    return Group(*(shown(f"dropped {row.run}, stage {row.stage} of {row.build}".rstrip()) for row in rows))


def checks_view(checks: Sequence[Check]) -> RenderableType:
    """What is needed, a line each; below what is missing, how to get it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    colours = {"yes": "green", "no": "red", "unknown": "yellow"}
    for check in checks:
        answer = check.answer.value
        table.add_row(shown(answer, style=colours[answer]), shown(check.name), shown(check.says))
        if check.hint:
            table.add_row("", "", shown(check.hint, style="dim"))
    return table


def settings_view(rows: Iterable[SettingRow]) -> RenderableType:
    """Every setting with its value and where that came from."""
    table = Table(box=None, pad_edge=False)
    for title in ("setting", "value", "from", "set by"):
        table.add_column(title, overflow="fold")
    for row in rows:
        told = (row.name, row.value, row.origin, row.flag or row.key or row.variable)
        table.add_row(*map(shown, told))
    return table


def sentence(text: str) -> RenderableType:
    """An answer of one line."""
    return shown(text)


def shown(text: str, style: str = "") -> Text:
    """A text as it stands, its control characters as escapes."""
    printable = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return Text(printable, style=style)
