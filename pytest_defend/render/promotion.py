"""What became of builds that rose or came down, as text, with rich.

Rules:
- As in `render/text.py`: decides nothing, cuts nothing, shows control characters as escapes.
- A line for each step; below one that was refused why, and what to do next.
- What a sign or a colour says, a word says too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.model.climb import Deed
from pytest_defend.model.decision import Ruling
from pytest_defend.render.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pytest_defend.model.climb import Climb, Step

__all__ = ["climb_view"]

_WORDS = {
    Deed.PLANNED: "would go to {level}",
    Deed.PROMOTED: "rose to {level}",
    Deed.COMPLETED: "rose to {level}",
    Deed.DEMOTED: "came down to {level}",
    Deed.REVOKED: "was revoked, and is on {level}",
    Deed.UNCHANGED: "stands there already: {level}",
    Deed.REFUSED: "was refused on {level}",
    Deed.UNDONE: "was taken back from {level}",
    Deed.LEFT: "was left as it is, not on {level}",
}
_GOOD = (Deed.PLANNED, Deed.PROMOTED, Deed.COMPLETED, Deed.DEMOTED, Deed.REVOKED, Deed.UNCHANGED)
_LATER = {Deed.COMPLETED: "an attempt that was cut short is complete now"}
_BAD = (Deed.REFUSED, Deed.UNDONE)


def climb_view(climb: Climb, *, signs: bool, every: bool = False) -> RenderableType:
    """Everything that was done, or would be.

    Args:
        climb: It.
        signs: Whether the output can say the signs of decisions.
        every: Also name every file.
    """
    parts = [part for step in climb.steps for part in _step(step, signs=signs, every=every)]
    return Group(*parts, _verdict(climb))


def _step(step: Step, *, signs: bool, every: bool) -> Iterator[RenderableType]:
    good, bad = ("✓", "✗") if signs else ("+", "x")
    mark, colour = (
        (good, "green") if step.deed in _GOOD else (bad, "red") if step.deed in _BAD else ("-", "dim")
    )
    line = Text.assemble((f"{mark} ", colour), shown(_name(step), style="bold"))
    line.append_text(shown(f" {_WORDS[step.deed].format(level=step.level)}"))
    came = f" from {step.came}" if step.came not in ("", step.level) and step.deed in _GOOD else ""
    if step.deed is Deed.UNCHANGED:
        came = f", and on {step.came}" if came else ""
    counted = f", {len(step.paths)} files in {step.repository}" if step.paths else ""
    line.append_text(shown(f"{came}{counted}", style="dim"))
    yield line
    told = _told(step, every=every)
    if told.row_count:
        yield Padding(told, (0, 0, 0, 2), expand=False)


def _name(step: Step) -> str:
    return step.build.rpartition("@")[0] or step.build


def _told(step: Step, *, every: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [("note", _LATER.get(step.deed, ""))]
    rows += [("because", reason) for reason in step.reasons]
    rows += [("next", step.next)]
    judgement = step.judgement
    overridden = [f for f in judgement.findings if f.override] if judgement else []
    rows += [
        ("override", f"{finding.rule}, by {finding.override.who}: {finding.override.reason}")
        for finding in overridden
        if finding.override
    ]
    if judgement and judgement.path and step.deed in _GOOD:
        rows.append(("decision", judgement.path))
    rows += [("file", path) for path in (step.paths if every else ())]
    for name, value in rows:
        if value:
            table.add_row(name, shown(value))
    return table


def _verdict(climb: Climb) -> Text:
    build, level = climb.build.rpartition("@")[0] or climb.build, climb.level
    refused = next((_name(step) for step in climb.steps if step.deed in _BAD), build)
    because = "" if refused == build else f": {refused} was refused"
    if climb.ruling is Ruling.PASS:
        said = (
            f"{build} would be on {level}; nothing was written" if climb.dry_run else f"{build} is on {level}"
        )
        return shown(f"{said}.", style="bold green")
    unknown = "; what is missing is named above" if climb.ruling is Ruling.UNKNOWN else ""
    return shown(f"{build} was not brought to {level}{because}{unknown}.", style="bold red")
