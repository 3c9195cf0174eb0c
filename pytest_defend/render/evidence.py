"""Signed evidence as text: what was signed, what holds, what was approved, what key was made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table

from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.model.answer import Answer
from pytest_defend.model.signing import Signing
from pytest_defend.render.text import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from pytest_defend.model.signing import ApprovalView, EvidenceView, KeyView, SigningView, StatementView

__all__ = ["approval_view", "evidence_view", "key_view", "signing_view"]

_KEYID = re.compile(r"\b[0-9a-f]{64}\b")
_SHORT = 8  # digits of a key's id people compare by eye; as in names of files
_STATES = {Signing.SIGNED: "green", Signing.ALREADY: "", Signing.NOT: "red"}


def signing_view(view: SigningView) -> RenderableType:
    """What was signed, a line each; below it where it is, or why it is not signed."""
    table = _grid()
    for row in view.rows:
        result = f" {row.result}" if row.result else ""
        of = f"stage {row.stage} ({row.run})"
        told = f"{of}{result}" if row.predicate == TEST_RESULT else f"where the files of {of} came from"
        by = f" by {row.keyid[:_SHORT]}" if row.keyid else ""
        table.add_row(shown(f"{row.state.value}{by}", style=_STATES[row.state]), shown(told))
        table.add_row("", shown(row.path or f"{row.reason.rstrip('.')}.", style="dim" if row.path else ""))
    return Group(shown(f"build {view.build}", style="bold"), table)


def evidence_view(view: EvidenceView) -> RenderableType:
    """Statements, a line each; below each why it does not count; then what is missing, and the answer."""
    table = _grid()
    for each in view.statements:
        _add(table, each)
    rest = [
        *((f"chain: {problem}", "red") for problem in view.chain),
        *((f"file: {problem}", "red") for problem in view.files),
        *((f"not signed: {stage}", "yellow") for stage in view.unsigned),
    ]
    parts: list[RenderableType] = [shown(f"build {view.build}", style="bold"), table]
    return Group(*parts, *(shown(text, style=style) for text, style in rest), _answer(view))


def _add(table: Table, each: StatementView) -> None:
    keys = ", ".join(key[:_SHORT] for key in each.keys)
    state = shown(f"refused{f', by {keys}' if keys else ''}", style="red")
    if not each.problems:
        state = shown(f"by {keys}", style="green")
    line = f", line {each.line}" if each.line > 1 else ""
    table.add_row(state, shown(each.says or "not believed"))
    table.add_row("", shown(f"{each.path}{line}", style="dim"))
    for problem in each.problems:
        table.add_row("", shown(_KEYID.sub(lambda found: found[0][:_SHORT], problem)))


def _answer(view: EvidenceView) -> Text:
    count = len(view.statements)
    statements = f"{count} statement{'' if count == 1 else 's'}"
    if view.answer is Answer.YES:
        return shown(f"{statements}, all of it holds", style="green")
    if view.answer is Answer.NO:
        return shown(f"{statements}, refused", style="red")
    return shown(f"{statements}: too little to say", style="yellow")


def approval_view(view: ApprovalView) -> RenderableType:
    """What was approved, by whom."""
    by = f" by {view.user}" if view.user else ""
    lines = [f"{view.build} approved for {view.level}{by}{'' if view.recorded else ', as it was already'}"]
    if view.signed is not None:
        lines.append(f"{view.signed.state.value} by {view.signed.keyid[:_SHORT]}: {view.signed.path}")
    return Group(*map(shown, lines))


def key_view(view: KeyView) -> RenderableType:
    """A new key: its id and its files."""
    table = _grid()
    kept = "encrypted" if view.encrypted else "not encrypted"
    for name, value in (
        ("key", view.keyid),
        ("kind", view.kind),
        ("private", f"{view.private}, {kept}: keep it to yourself"),
        ("public", f"{view.public}: for everybody who is to verify"),
    ):
        table.add_row(shown(name, style="dim"), shown(value))
    return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
