"""A test run as JUnit XML, streamed.

Rules:
- One case is in memory at a time. The counts stand in the head, which is written first: room is left there
  and filled in by seeking back. They count the elements that were written.
- Valid against `junit-10.xsd` of Jenkins' xUnit plugin, the dialect pytest calls `xunit2`: `classname` and
  `name` are pytest's. The exact node id is in `group`, the one free attribute that schema allows on a
  testcase; it does not allow `<properties>` there.
- One testcase has at most one `<failure>`, `<error>` or `<skipped>`. What else went wrong in that attempt (a
  teardown error after a failed call, failed subtests) follows in its text, each under a heading.
- Reruns are told as Surefire tells them. Passed in the end: `<flakyFailure>`, `<flakyError>` for the
  attempts before. Failed in the end: the first failure as `<failure>` or `<error>`, the later ones as
  `<rerunFailure>`, `<rerunError>`. These have no time of their own; the testcase's is the sum of all.
- `type` says how it ended: `failed`, `xpassed-strict`, `setup`, `teardown`, `crashed`, `lost`,
  `collection`, `pytest.skip`, `pytest.xfail`.
- What has no element is a line at the head of `<system-out>`: `[[PROPERTY|name=value]]` for what a test
  recorded and for our own `defend.worker` and `defend.xpassed`, `[[ATTACHMENT|path]]`, and one line for each
  subtest. A test that passed and has nothing to tell is one empty element.

Source: https://github.com/jenkinsci/xunit-plugin (`types/model/xsd/junit-10.xsd`); the rerun elements:
https://maven.apache.org/surefire/maven-surefire-plugin/examples/rerun-failing-tests.html
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.documents.xmltext import escape
from pytest_defend.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pytest_defend.model.results import Attempt, Case, CollectionProblem, Phase, Subtest

__all__ = ["Counts", "Suite", "write_junit"]

_MESSAGE_LIMIT = 500  # characters of a `message`; pytest's own budget since 9.2
_ROOM = " " * 120  # four attributes and four numbers of up to 19 digits
_PASSED = Outcome.PASSED
_FINE = (Outcome.PASSED, Outcome.XPASSED)
_FAILURE, _ERROR, _SKIPPED = "failure", "error", "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What the document says about the run as a whole."""

    name: str
    timestamp: datetime
    """When the run started; aware."""
    hostname: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    collection: Sequence[CollectionProblem] = ()
    """Collectors that failed or skipped; each becomes a testcase."""
    duration_us: int = 0
    """Wall time; the sum of the testcases is work, which is another figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Elements in a document: testcases, and how many of them hold a problem of each kind."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0


def write_junit(out: BinaryIO, cases: Iterable[Case], *, suite: Suite) -> Counts:
    """Write one document.

    Args:
        out: Open for writing at the place the document begins, and seekable; not in append mode.
        cases: Each is written and forgotten before the next is asked for.
        suite: What stands around them.

    Returns:
        What the head says: the elements that were written.
    """
    room = _write_head(out, suite)
    found: Counter[str] = Counter()
    for tag, text in _testcases(cases, suite.collection):
        found[tag] += 1
        out.write(text.encode())
    out.write(b"</testsuite>\n</testsuites>\n")
    counts = Counts(
        tests=found.total(), failures=found[_FAILURE], errors=found[_ERROR], skipped=found[_SKIPPED]
    )
    end = out.tell()
    out.seek(room)
    out.write(
        f' tests="{counts.tests}" failures="{counts.failures}"'
        f' errors="{counts.errors}" skipped="{counts.skipped}"'.encode()
    )
    out.seek(end)
    return counts


def _write_head(out: BinaryIO, suite: Suite) -> int:
    """Write everything before the testcases; returns the position of the room left for the counts."""
    name = escape(suite.name, attribute=True)
    out.write(f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n<testsuite name="{name}"'.encode())
    room = out.tell()
    hostname = escape(suite.hostname, attribute=True)
    started = suite.timestamp.isoformat(timespec="milliseconds")
    head = f'{_ROOM} time="{_seconds(suite.duration_us)}" timestamp="{started}" hostname="{hostname}">\n'
    out.write(head.encode())
    if suite.properties:
        lines = (
            f'<property name="{escape(key, attribute=True)}" value="{escape(value, attribute=True)}"/>\n'
            for key, value in suite.properties.items()
        )
        out.write(f"<properties>\n{''.join(lines)}</properties>\n".encode())
    return room


def _testcases(cases: Iterable[Case], collection: Iterable[CollectionProblem]) -> Iterator[tuple[str, str]]:
    """Every testcase as its kind of problem (empty for none) and its text."""
    for collector in collection:
        problem = _collection_problem(collector)
        yield problem.tag, f"{_opening(collector.nodeid, 0)}>{_primary(problem)}</testcase>\n"
    for case in cases:
        attempts = case.attempts
        if len(attempts) == 1 and _says_nothing(attempts[0]):
            yield "", f"{_opening(case.nodeid, attempts[0].duration_us)}/>\n"
        else:
            yield _told(case)


def _says_nothing(attempt: Attempt) -> bool:
    """Whether it passed and left nothing but its duration; nearly every attempt of a large run."""
    if attempt.sections or attempt.subtests or attempt.properties or attempt.attachments:
        return False
    return all(phase.outcome is _PASSED for phase in attempt.phases)


def _told(case: Case) -> tuple[str, str]:
    """A testcase with children."""
    attempts = [(attempt, _problem(attempt)) for attempt in case.attempts]
    failed = [(attempt, problem) for attempt, problem in attempts if problem and problem.tag != _SKIPPED]
    main, primary = attempts[-1]
    if failed and failed[-1][0] is main:
        (main, primary), *others = failed
        prefix = "rerun"
    else:
        others, prefix = failed, "flaky"
    content = (
        _primary(primary) if primary else "",
        *(_other(prefix, attempt, problem) for attempt, problem in others),
        _output(main),
    )
    work_us = sum(attempt.duration_us for attempt in case.attempts)
    text = f"{_opening(case.nodeid, work_us)}>{''.join(content)}</testcase>\n"
    return primary.tag if primary else "", text


def _opening(nodeid: str, duration_us: int) -> str:
    path, _, rest = nodeid.partition("::")
    tail, bracket, parameters = rest.partition("[")
    classes, _, name = tail.rpartition("::")
    if rest:
        classname, name = _classname(path, classes), f"{name}{bracket}{parameters}"
    else:
        classname, name = "", _dotted(path) or "session"
    return (
        f'<testcase classname="{classname}" name="{escape(name, attribute=True)}"'
        f' group="{escape(nodeid, attribute=True)}" time="{_seconds(duration_us)}"'
    )


@lru_cache(maxsize=64)
def _classname(path: str, classes: str) -> str:
    """The `classname` of the tests of one class or file, which come one after the other."""
    inner = f".{classes.replace('::', '.')}" if classes else ""
    return escape(_dotted(path) + inner, attribute=True)


def _dotted(path: str) -> str:
    return path.replace("/", ".").removesuffix(".py")


def _seconds(duration_us: int) -> str:
    return f"{duration_us / 1_000_000:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What becomes a problem element; `tag` is `failure`, `error` or `skipped`."""

    tag: str
    type: str
    message: str
    text: str
    heading: str = ""


_KINDS = {
    Outcome.CRASHED: (_ERROR, "crashed"),
    Outcome.LOST: (_ERROR, "lost"),
    Outcome.FAILED: (_FAILURE, "failed"),
    Outcome.XPASSED_STRICT: (_FAILURE, "xpassed-strict"),
    Outcome.XFAILED: (_SKIPPED, "pytest.xfail"),
    Outcome.SKIPPED: (_SKIPPED, "pytest.skip"),
}
_RANK = {"crashed": 0, "lost": 1, "failed": 2, "xpassed-strict": 3, "pytest.xfail": 5, "pytest.skip": 6}
_RANK_OF_ERRORS = 4
_DEFAULT_MESSAGES = {"lost": "collected but never finished", "crashed": "the process that ran it died"}


def _problem(attempt: Attempt) -> _Problem | None:
    """The one problem of an attempt, with the texts of all; None when it passed."""
    phases = [_phase_problem(phase) for phase in attempt.phases if phase.outcome not in _FINE]
    subtests = [_subtest_problem(subtest) for subtest in attempt.subtests if subtest.outcome.bad]
    problems = sorted(phases + subtests, key=lambda problem: _RANK.get(problem.type, _RANK_OF_ERRORS))
    if not problems:
        return None
    first = problems[0]
    if problems == phases[:1]:
        return first
    text = "\n".join(f"--- {problem.heading} ---\n{problem.text}" for problem in problems)
    return replace(first, text=text)


def _phase_problem(phase: Phase) -> _Problem:
    tag, kind = _phase_kind(phase)
    message = phase.message or _DEFAULT_MESSAGES.get(kind, "")
    heading = f"{phase.when} {phase.outcome}"
    return _Problem(tag=tag, type=kind, message=message, text=phase.text or message, heading=heading)


def _phase_kind(phase: Phase) -> tuple[str, str]:
    if phase.outcome is Outcome.RERUN and phase.when == "call":
        return _KINDS[Outcome.FAILED]
    where = "crashed" if phase.when == "crash" else phase.when
    return _KINDS.get(phase.outcome, (_ERROR, where))


def _subtest_problem(subtest: Subtest) -> _Problem:
    tag, kind = _KINDS[Outcome.FAILED]
    message, text = f"{subtest.label}: {subtest.message}", subtest.text or subtest.message
    return _Problem(tag=tag, type=kind, message=message, text=text, heading=f"subtest {subtest.label}")


def _collection_problem(problem: CollectionProblem) -> _Problem:
    tag, kind = (_ERROR, "collection") if problem.outcome.bad else _KINDS[Outcome.SKIPPED]
    return _Problem(tag=tag, type=kind, message=problem.message, text=problem.text or problem.message)


def _primary(problem: _Problem) -> str:
    return f"\n<{problem.tag}{_attributes(problem)}>{escape(problem.text)}</{problem.tag}>"


def _other(prefix: str, attempt: Attempt, problem: _Problem) -> str:
    """An attempt that is not the one the testcase is about."""
    tag = f"{prefix}{problem.tag.title()}"
    trace = f"<stackTrace>{escape(problem.text)}</stackTrace>"
    return f"\n<{tag}{_attributes(problem)}>{trace}{_output(attempt)}</{tag}>"


def _attributes(problem: _Problem) -> str:
    message = problem.message
    if len(message) > _MESSAGE_LIMIT:
        message = f"{message[: _MESSAGE_LIMIT - 1]}…"
    kind = escape(problem.type, attribute=True)
    return f' type="{kind}" message="{escape(message, attribute=True)}"'


def _output(attempt: Attempt) -> str:
    """`<system-out>` and `<system-err>` of an attempt; each only when it has something to hold."""
    out: list[str] = list(_notes(attempt))
    err: list[str] = []
    for section in attempt.sections:
        (err if "stderr" in section.name else out).append(f"--- {section.name} ---\n{section.text}")
    return _stream("system-out", out) + _stream("system-err", err)


def _stream(tag: str, texts: Sequence[str]) -> str:
    told = escape("\n".join(texts))
    return f"\n<{tag}>{told}</{tag}>" if texts else ""


def _notes(attempt: Attempt) -> Iterator[str]:
    if attempt.worker:
        yield f"[[PROPERTY|defend.worker={attempt.worker}]]"
    for phase in attempt.phases:
        if phase.outcome is Outcome.XPASSED:
            yield f"[[PROPERTY|defend.xpassed={phase.message}]]"
    for key, value in attempt.properties:
        yield f"[[PROPERTY|{key}={value}]]"
    for attachment in attempt.attachments:
        yield f"[[ATTACHMENT|{attachment.path}]]"
    for subtest in attempt.subtests:
        reason = f": {subtest.message}" if subtest.message else ""
        yield f"subtest {subtest.outcome} in {_seconds(subtest.duration_us)} s: {subtest.label}{reason}"
