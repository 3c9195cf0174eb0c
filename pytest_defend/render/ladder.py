"""The ladder as text, with rich: drawn, checked, planned.

Rules:
- As in `render/text.py`: decides nothing, cuts nothing, shows control characters as escapes.
- The drawing is as wide as it has to be; where that is too wide it becomes a table.
- Where the output cannot say the lines of the drawing it has plain ones.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.model.ladderviews import Action
from pytest_defend.render.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from pytest_defend.model.ladderviews import (
        GroupView,
        LadderCheck,
        LadderPlan,
        LadderView,
        LevelView,
        Planned,
        Rung,
    )

__all__ = ["check_view", "ladder_view", "plan_view"]

_GAP = 2  # columns between two rungs
_RUNG = 11  # columns of a rung at least, so that it looks like one
_READABLE = 100  # columns; a pipe has any number
_COLOURS = {"create": "green", "change": "yellow", "keep": "dim", "differs": "red", "unknown": "red"}
_DONE = {Action.CREATE: "created", Action.CHANGE: "changed"}


class _Strokes(NamedTuple):
    """What a ladder is drawn with."""

    rail: str
    left: str
    rung: str
    right: str
    seen: str
    hidden: str


_FINE = _Strokes(rail="┃", left="┣", rung="━", right="┫", seen="●", hidden="·")
_PLAIN = _Strokes(rail="|", left="+", rung="-", right="+", seen="x", hidden=".")


def _strokes() -> _Strokes:
    try:
        "".join(_FINE).encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return _PLAIN
    return _FINE


def ladder_view(view: LadderView) -> RenderableType:
    """The ladder, drawn; below it what each level requires and what each group sees."""
    head = Text().append_text(shown(f"ladder of {view.source}", style="bold"))
    if view.store:
        head.append_text(shown(f", packages in {view.store}"))
    parts: list[RenderableType] = [head, Text(), _Drawing(view, _strokes()), Text()]
    parts += [line for level in reversed(view.levels) for line in _required(level)]
    if view.always:
        parts.append(shown(f"every level requires {', '.join(view.always)}"))
    if view.groups:
        parts += [Text(), _Pictures(view, _strokes())]
    return Group(*parts)


def _required(level: LevelView) -> Iterator[RenderableType]:
    named = Text().append_text(shown(f"level {level.name} ", style="bold"))
    yield named.append("requires" if level.rules else "requires nothing more")
    yield from (Padding(shown(rule), (0, 0, 0, 2), expand=False) for rule in level.rules)


def _counted(rung: Rung) -> str:
    """How many packages, in a few words; how many of them are no higher, where some are."""
    if rung.packages is None:
        return ""
    if not rung.packages:
        return "none"
    many = f"{rung.packages} package{'s' if rung.packages > 1 else ''}"
    if rung.highest == rung.packages:
        return many
    return f"{many}, {rung.highest} no higher" if rung.highest else f"{many}, all higher"


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Two rails, and a rung for each level."""

    view: LadderView
    strokes: _Strokes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = list(self._lines())
        if max(line.cell_len for line in lines) <= options.max_width:
            yield from lines
        else:
            yield self._table()

    def _lines(self) -> Iterator[Text]:
        levels, subsystems = self.view.levels, self.view.subsystems
        widths = [_width([level.rungs[index] for level in levels]) for index in range(len(levels[0].rungs))]
        names = max(len(level.name) for level in levels)
        if subsystems:
            yield self._row(
                names, "", [each.ljust(width) for each, width in zip(subsystems, widths, strict=True)]
            )
        yield self._row(names, self.strokes.rail, [" " * width for width in widths])
        for level in reversed(levels):
            yield self._rung(level, widths, names)
            told = [_counted(rung).ljust(width) for rung, width in zip(level.rungs, widths, strict=True)]
            yield self._row(names, self.strokes.rail, told)

    def _row(self, names: int, rail: str, cells: Sequence[str]) -> Text:
        """What stands between two rungs, or above them all."""
        gap = " " * _GAP
        line = Text(" " * (names + 1))
        line.append(rail or " ", style="cyan")
        line.append_text(shown(f"{gap} {gap.join(cells)}{gap}", style="dim")).append(rail, style="cyan")
        if not rail:
            line.rstrip()
        return line

    def _rung(self, level: LevelView, widths: Sequence[int], names: int) -> Text:
        strokes = self.strokes
        line = Text().append_text(shown(f"{level.name.rjust(names)} ", style="bold"))
        line.append(f"{strokes.left}{strokes.rung}{strokes.rung}", style="cyan")
        for rung, width in zip(level.rungs, widths, strict=True):
            line.append(" ").append_text(shown(rung.repository, style="bold")).append(" ")
            line.append(strokes.rung * (width - len(rung.repository)), style="cyan")
        return line.append(f"{strokes.rung}{strokes.right}", style="cyan")

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for title in ("level", "subsystem", "repository", "packages"):
            table.add_column(title, overflow="fold")
        for level in reversed(self.view.levels):
            for rung in level.rungs:
                told = (level.name, rung.subsystem, rung.repository, _counted(rung))
                table.add_row(*map(shown, told))
        return table


def _width(rungs: Sequence[Rung]) -> int:
    told = (text for rung in rungs for text in (rung.repository, _counted(rung), rung.subsystem))
    return max(_RUNG, *map(len, told))


@dataclass(frozen=True, slots=True)
class _Pictures:
    """What each group sees: a picture for each, as many beside each other as there is room for."""

    view: LadderView
    strokes: _Strokes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        pictures = [self._picture(group) for group in self.view.groups]
        rows: list[list[list[Text]]] = [[]]
        for picture in pictures:
            width = sum(_breadth(one) + 2 * _GAP for one in (*rows[-1], picture))
            if rows[-1] and width > min(options.max_width, _READABLE):
                rows.append([])
            rows[-1].append(picture)
        for index, row in enumerate(rows):
            if index:
                yield Text()
            yield from _beside(row)

    def _picture(self, group: GroupView) -> list[Text]:
        subsystems = self.view.subsystems or ("",)
        names = max(len(level.name) for level in self.view.levels)
        title = Text().append_text(shown(group.key, style="bold"))
        title.append_text(shown(f", code of {group.deploys}" if group.deploys else ""))
        lines = [title]
        if self.view.subsystems:
            lines.append(shown(" " * names + "".join(f"  {each}" for each in subsystems), style="dim"))
        sees = set(group.members)
        for level in reversed(self.view.levels):
            line = Text().append_text(shown(level.name.rjust(names), style="bold"))
            for rung in level.rungs:
                seen = rung.repository in sees
                mark = self.strokes.seen if seen else self.strokes.hidden
                line.append("  " + mark.ljust(max(1, len(rung.subsystem))), style="green" if seen else "dim")
            lines.append(line)
        return lines


def _breadth(lines: Sequence[Text]) -> int:
    return max(line.cell_len for line in lines)


def _beside(pictures: Sequence[Sequence[Text]]) -> Iterator[Text]:
    for row in range(max(map(len, pictures))):
        line = Text()
        for picture in pictures:
            part = picture[row].copy() if row < len(picture) else Text()
            part.append(" " * (_breadth(picture) + 2 * _GAP - part.cell_len))
            line.append_text(part)
        line.rstrip()
        yield line


def check_view(checked: LadderCheck) -> RenderableType:
    """What contradicts the ladder; below each what to do about it."""
    found = checked.violations
    builds = f"{checked.builds} build{'s' if checked.builds != 1 else ''} in {checked.store}"
    if not found and not checked.unknown:
        return shown(f"the ladder is kept: {builds}, no violation", style="green")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for violation in found:
        table.add_row(shown(violation.trouble.value, style="red"), shown(violation.says))
        table.add_row("", shown(violation.next, style="dim"))
    for sentence in checked.unknown:
        table.add_row(shown("unknown", style="yellow"), shown(sentence))
    many = f"{len(found)} violation{'s' if len(found) != 1 else ''}"
    return Group(table, shown(f"{builds}: {many}", style="bold"))


def plan_view(planned: LadderPlan) -> RenderableType:
    """What is to be made and changed, or was; and as JSON what is left to be done by hand."""
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in planned.steps:
        did = _DONE[step.action] if step.done else step.action.value
        table.add_row(shown(did, style=_COLOURS[step.action.value]), shown(step.key), shown(step.says))
        if step.next:
            table.add_row("", "", shown(step.next, style="dim"))
    parts: list[RenderableType] = [table, shown(_summary(planned), style="bold")]
    if planned.problem:
        left = [step for step in planned.steps if step.configuration and not step.done]
        parts += [Text(), Text("left to be done by hand:"), *map(_by_hand, left)]
    return Group(*parts)


def _summary(planned: LadderPlan) -> str:
    changes = [step for step in planned.steps if step.configuration]
    done = sum(step.done for step in changes)
    if not changes:
        return f"nothing to do in {planned.store}"
    if planned.dry_run:
        return f"{len(changes)} to do in {planned.store}; nothing was changed"
    return f"{done} of {len(changes)} done in {planned.store}"


def _by_hand(step: Planned) -> Text:
    return shown(json.dumps(step.configuration, ensure_ascii=False))
