"""One report of pytest as the parts of an attempt.

Rules:
- Only attributes every report has, or that pytest, pytest-xdist and pytest-rerunfailures document; a report
  of another plugin that lacks one still gives an outcome.
- What a plugin put on a report never hides its outcome: a text that cannot be made says so in its place.
- Every text is redacted, then capped: head and tail stay, the number of characters left out is told.
- A subtest has the same label with and without workers (pytest quotes its values once more on the way).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_defend.model.results import (
    Attachment,
    CollectionProblem,
    Outcome,
    Phase,
    Section,
    Subtest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ATTACHMENTS", "PHASES", "ReportReader", "capped", "is_subtest", "number"]

ATTACHMENTS = "defend_attachments"  # attribute of a teardown report: JSON text, attachments or problems
PHASES = ("setup", "call", "teardown")
_STRICT = "[XPASS(strict)]"  # what pytest writes in front of the reason
_TEXT_LIMIT = 256 * 1024
_LINE_LIMIT = 2000


def is_subtest(report: Any) -> bool:
    """Whether a report is of a subtest, of pytest itself or of pytest-subtests."""
    return hasattr(report, "context") and "subtest" in type(report).__name__.lower()


def capped(text: str, limit: int) -> str:
    """`text` with at most `limit` characters of its own, from its head and its tail."""
    if len(text) <= limit:
        return text
    head = limit // 2
    tail = limit - head
    return f"{text[:head]}\n[{len(text) - limit} characters left out]\n{text[-tail:]}"


class ReportReader:
    """Reads reports.

    Args:
        redact: Masks secrets in a text.
        output: Whose captured output is kept: `all`, `failed` or `none`.
        limit: Characters of captured output kept for one attempt.
    """

    def __init__(self, redact: Callable[[str], str], *, output: str, limit: int) -> None:
        self.redact = redact
        self.output = output
        self._limit = limit

    def phase(self, report: Any) -> Phase:
        """Setup, call, teardown, or the crash of the worker."""
        return Phase(
            when=report.when if report.when in PHASES else "crash",
            outcome=_outcome(report),
            duration_us=number(report, "duration", 1_000_000),
            message=_made(self._message, report),
            text=_made(self._text, report),
        )

    def collector(self, report: Any) -> CollectionProblem:
        """A collector that failed or was skipped; under its own node id, unredacted."""
        return CollectionProblem(
            nodeid=report.nodeid,
            outcome=Outcome.SKIPPED if report.outcome == "skipped" else Outcome.ERROR,
            message=_made(self._message, report),
            text=_made(self._text, report),
        )

    def subtest(self, report: Any) -> Subtest:
        """One subtest."""
        outcome = _outcome(report)
        return Subtest(
            label=_made(self._label, report),
            outcome=outcome,
            duration_us=number(report, "duration", 1_000_000),
            message=_made(self._message, report),
            text=_made(self._text, report),
        )

    def sections(self, report: Any, *, bad: bool) -> tuple[Section, ...]:
        """Captured output; of the last report of an attempt, which has that of the others too."""
        if self.output == "none" or (self.output == "failed" and not bad):
            return ()
        kept, left = [], self._limit
        for name, text in getattr(report, "sections", None) or ():
            if left <= 0:
                break
            section = capped(self.redact(str(text)), left)
            left -= len(section)
            kept.append(Section(name=str(name), text=section))
        return tuple(kept)

    def properties(self, report: Any) -> tuple[tuple[str, str], ...]:
        """What the test recorded with `record_property`."""
        recorded = getattr(report, "user_properties", None) or ()
        return tuple((self.redact(str(name)), self.redact(str(value))) for name, value in recorded)

    def attachments(self, report: Any) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
        """What the test attached, and what is wrong with what could not be kept."""
        listed = json.loads(getattr(report, ATTACHMENTS, "[]"))
        kept = tuple(Attachment.from_dict(told) for told in listed if "problem" not in told)
        return kept, tuple(self.redact(told["problem"]) for told in listed if "problem" in told)

    def _label(self, report: Any) -> str:
        return self.redact(_label(report.context))

    def _message(self, report: Any) -> str:
        reason = getattr(report, "wasxfail", None)
        if isinstance(reason, str):
            return self.redact(reason.removeprefix("reason: "))
        longrepr = report.longrepr
        if longrepr is None:
            return ""
        if isinstance(longrepr, tuple):  # of a skip: path, line, reason
            return self.redact(str(longrepr[-1]).removeprefix("Skipped: "))
        crash = getattr(longrepr, "reprcrash", None)
        text = str(longrepr) if crash is None else str(crash.message)
        return capped(self.redact(_told_first(text)), _LINE_LIMIT)

    def _text(self, report: Any) -> str:
        if report.longrepr is None or isinstance(report.longrepr, tuple):
            return ""
        return capped(self.redact(str(report.longrepr)), _TEXT_LIMIT)


def number(report: Any, name: str, factor: int) -> int:
    """A number of a report times `factor`, as a whole number; 0 when it has none."""
    try:
        return int(getattr(report, name, 0) * factor)
    except (TypeError, ValueError, OverflowError):
        return 0


def _made(make: Callable[[Any], str], report: Any) -> str:
    try:
        return make(report)
    except Exception as error:  # noqa: BLE001  # an object of others whose text cannot be made
        return f"[this text cannot be made: {type(error).__name__}]"


def _outcome(report: Any) -> Outcome:
    outcome = report.outcome
    if outcome == "rerun":
        return Outcome.RERUN
    if report.when not in PHASES:
        return Outcome.CRASHED
    if hasattr(report, "wasxfail") and outcome != "failed":
        return Outcome.XFAILED if outcome == "skipped" else Outcome.XPASSED
    if outcome == "failed":
        if report.when != "call":
            return Outcome.ERROR
        strict = isinstance(report.longrepr, str) and report.longrepr.startswith(_STRICT)
        return Outcome.XPASSED_STRICT if strict else Outcome.FAILED
    return Outcome.SKIPPED if outcome == "skipped" else Outcome.PASSED


def _told_first(text: str) -> str:
    """The line of a text that says most: the first one pytest marks as the error, else the first."""
    lines = text.strip().splitlines() or [""]
    return next((line[1:].strip() for line in lines if line.startswith("E  ")), lines[0])


def _label(context: Any) -> str:
    message = f"[{context.msg}]" if context.msg is not None else ""
    values = ", ".join(f"{name}={_unquoted(value)}" for name, value in context.kwargs.items())
    return " ".join(filter(None, (message, f"({values})" if values else ""))) or "(<subtest>)"


def _unquoted(value: object) -> str:
    """A value without the quotes pytest puts around it each time it is sent."""
    text = str(value)
    while len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].replace("\\\\", "\\").replace("\\'", "'")
    return text
