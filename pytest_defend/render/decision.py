"""Decisions of gates as text, with rich.

Rules:
- What a sign or a colour says, a word says too.
- The short form has a line for each rule that does not simply pass, and one for the decision; the long form
  shows every rule with what it expected and what it saw.
- Signs need an output that can say them; others get ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.model.decision import Ruling, Severity
from pytest_defend.render.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from pytest_defend.model.decision import Decision, Difference, Finding, Replay

__all__ = ["SIGNS", "explained", "replayed", "told", "verdict"]

SIGNS = "\u2713\u2717"
"""What an output must be able to say."""
_MARKS = {Ruling.PASS: SIGNS[0], Ruling.FAIL: SIGNS[1], Ruling.UNKNOWN: "?"}
_PLAIN = {Ruling.PASS: "+", Ruling.FAIL: "x", Ruling.UNKNOWN: "?"}
_WORDS = {Ruling.PASS: "passes", Ruling.FAIL: "fails", Ruling.UNKNOWN: "cannot be judged"}
_COLOURS = {Ruling.PASS: "green", Ruling.FAIL: "red", Ruling.UNKNOWN: "yellow"}
_SEVERITIES = {
    Severity.ENFORCE: "",
    Severity.WARN: ", which only warns",
    Severity.OFF: ", and is off",
}
_SHOWN = 12  # digits of a digest people compare by eye
_PLACES = 5  # of evidence; the decision has all of them


def told(decision: Decision, path: str, signs: bool) -> RenderableType:
    """The short form.

    Args:
        decision: It.
        path: Where it was written.
        signs: Whether the output can say `SIGNS`.
    """
    lines = [_line(finding, signs) for finding in decision.findings if finding.ruling is not Ruling.PASS]
    return Group(*lines, verdict(decision), shown(f"decision: {path}", style="dim"))


def _line(finding: Finding, signs: bool) -> Text:
    said = f": {finding.actual.rstrip('.')}. {finding.next}".rstrip()
    if finding.override:
        said = f"{_override(finding)}: {finding.override.reason}"
    return Text.assemble(_head(finding, signs), shown(said))


def _head(finding: Finding, signs: bool) -> Text:
    mark = (_MARKS if signs else _PLAIN)[finding.ruling]
    colour = _COLOURS[finding.ruling] if finding.refuses or finding.ruling is Ruling.PASS else "yellow"
    word = _WORDS[finding.ruling]
    warns = _SEVERITIES[finding.severity]
    return Text.assemble(
        (f"{mark} ", colour), shown(finding.rule, style="bold"), " ", shown(f"{word}{warns}", style=colour)
    )


def _override(finding: Finding) -> str:
    override = finding.override
    if override is None:
        return ""
    until = f" until {override.until:%Y-%m-%d}" if override.until else ""
    return f", overridden by {override.who}{until}"


def verdict(decision: Decision) -> Text:
    """The decision in one line."""
    counted = dict.fromkeys(Ruling, 0)
    for finding in decision.refusals:
        counted[finding.ruling] += 1
    overridden = sum(finding.override is not None for finding in decision.findings)
    fails = f"{_plural(counted[Ruling.FAIL], 'rule')} {'fails' if counted[Ruling.FAIL] == 1 else 'fail'}"
    unknown = f"{_plural(counted[Ruling.UNKNOWN], 'rule')} cannot be judged"
    because = [
        *([fails] if counted[Ruling.FAIL] else []),
        *([unknown] if counted[Ruling.UNKNOWN] else []),
        *([f"{_plural(overridden, 'rule')} overridden"] if overridden else []),
    ]
    answers = {Ruling.PASS: "may", Ruling.FAIL: "may not", Ruling.UNKNOWN: "may not, for all that is known,"}
    sentence = f"{decision.build} {answers[decision.ruling]} stand on {decision.level}"
    reasons = ", ".join(because) or f"{_plural(len(decision.findings), 'rule')} judged"
    return shown(f"{sentence}: {reasons}.", style=f"bold {_COLOURS[decision.ruling]}")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def explained(decision: Decision, path: str, signs: bool) -> RenderableType:
    """The long form.

    Args:
        decision: It.
        path: Where it was written.
        signs: Whether the output can say `SIGNS`.
    """
    snapshot = decision.snapshot
    build = snapshot.build
    digests = {file.sha256: file.path for file in snapshot.files if _is_package(decision, file.module)}
    head = _pairs(
        ("store", snapshot.store),
        ("standing", snapshot.standing or "on no level"),
        ("policy", f"{snapshot.policy.source}, sha256 {snapshot.policy.sha256[:_SHOWN]}"),
        ("judged", f"{snapshot.taken:%Y-%m-%d %H:%M:%S} UTC by pytest-defend {decision.recorder}"),
        *(("subject" if not n else "", _subject(p, s)) for n, (s, p) in enumerate(digests.items())),
        ("decision", path),
    )
    title = shown(f"{build.name}/{build.number} on level {decision.level}?", style="bold")
    rules = [part for finding in decision.findings for part in _rule(finding, signs)]
    return Group(title, _indented(head), *rules, Text(), verdict(decision))


def _is_package(decision: Decision, module: str) -> bool:
    return any(each.id == module and each.is_package for each in decision.snapshot.build.modules)


def _subject(path: str, sha256: str) -> str:
    return f"{path.rpartition('/')[2]}, sha256 {sha256[:_SHOWN] or 'unknown'}"


def _rule(finding: Finding, signs: bool) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble(_head(finding, signs), shown(_override(finding)))
    yield _indented(_finding(finding))


def _finding(finding: Finding) -> Table:
    places = [*finding.evidence[:_PLACES]]
    left = len(finding.evidence) - len(places)
    return _pairs(
        ("expected", finding.expected),
        ("found", finding.actual),
        *(("seen in" if not n else "", place) for n, place in enumerate(places)),
        ("", f"and {left} more, in the decision" if left else ""),
        ("next", finding.next),
        ("because", finding.override.reason if finding.override else ""),
    )


def _indented(inner: RenderableType) -> Padding:
    return Padding(inner, (0, 0, 0, 2), expand=False)


def _pairs(*rows: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, shown(value))
    return table


def replayed(replay: Replay, signs: bool) -> RenderableType:
    """An old decision, judged again.

    Args:
        replay: What was found.
        signs: Whether the output can say `SIGNS`.
    """
    title = shown(f"decision {replay.decision}: {replay.build} on level {replay.level}", style="bold")
    policies = _policies(replay)
    differs = [part for each in replay.differs for part in _difference(each, signs)]
    ruled = f"{_WORDS[replay.then]} then, {_WORDS[replay.now]} now"
    same = "judged again, the same is found" if replay.same else "judged again, something else is found"
    last = shown(f"{same}: {ruled}.", style=f"bold {'green' if replay.same else 'red'}")
    return Group(title, _indented(_pairs(*policies)), *differs, Text(), last)


def _policies(replay: Replay) -> Sequence[tuple[str, str]]:
    then = replay.policy_then[:_SHOWN]
    altered = f"altered: the decision names {then} and holds {replay.policy_computed[:_SHOWN]}"
    today = {"": "there is none", replay.policy_then: "the same"}
    now = today.get(replay.policy_now, f"changed since, sha256 {replay.policy_now[:_SHOWN]}")
    return (
        ("policy then", f"sha256 {then}" if replay.policy_then == replay.policy_computed else altered),
        ("policy now", now),
        ("judged by", f"pytest-defend {replay.recorder_then} then, {replay.recorder} now"),
    )


def _difference(difference: Difference, signs: bool) -> Iterator[RenderableType]:
    for when, finding in (("then", difference.then), ("now", difference.now)):
        yield Text()
        if finding is None:
            yield shown(f"{when}: {difference.rule} was not asked")
            continue
        yield Text.assemble(f"{when}: ", _head(finding, signs), shown(_override(finding)))
        yield _indented(_finding(finding))
