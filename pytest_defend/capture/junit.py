"""JUnit XML of other tools, counted and compared with the record.

Rules:
- Figures are counted from the elements; the `tests`, `failures`, ... a file declares about itself are not
  believed: pytest's own are wrong with subtests, reruns and after a crash.
- What is missing, no file, no JUnit XML or larger than `SIZE_LIMIT` is a `Gap` that names it.
- Text is dropped while reading: only the elements are kept, however much output a file holds.
- Files are parsed by the standard library, which opens no other file and no address for them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from stat import S_ISREG
from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXmlError, Skipped, xunit2

from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from pathlib import Path

    from junitparser import JUnitXml

    from pytest_defend.model.results import Tally

__all__ = ["SIZE_LIMIT", "JUnitCounts", "compare", "read_junit"]

SIZE_LIMIT = 200 * 1024 * 1024
"""Bytes of the largest file that is read."""

_TOPIC = "junit"
_RERUNS = (xunit2.RerunFailure, xunit2.RerunError, xunit2.FlakyFailure, xunit2.FlakyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class JUnitCounts:
    """Elements of a JUnit XML file; one testcase can hold several."""

    tests: int = 0
    """`<testcase>`."""
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    """`<skipped>`; an expected failure is one too."""
    reruns: int = 0
    """`<rerunFailure>`, `<rerunError>`, `<flakyFailure>`, `<flakyError>`."""


def read_junit(path: Path) -> tuple[JUnitCounts | None, tuple[Gap, ...]]:
    """Count the elements of a JUnit XML file.

    Args:
        path: Of the file; the root may be `<testsuites>` or one `<testsuite>`.

    Returns:
        The counts, or None and the gap that says why.
    """
    try:
        found = path.stat()
        if not S_ISREG(found.st_mode):  # reading from a pipe would wait for ever
            return None, (_gap(f"{path} is no file; its JUnit XML was not read."),)
        if found.st_size > SIZE_LIMIT:
            limit = f"{found.st_size} bytes are more than {SIZE_LIMIT}"
            return None, (_gap(f"{path} was not compared with the record: {limit}."),)
        return _count(xunit2.JUnitXml.fromfile(str(path), parse_func=_parse)), ()
    except OSError as error:
        return None, (_gap(f"{path} cannot be read: {error.strerror or error}."),)
    except (ET.ParseError, JUnitXmlError, LookupError, RecursionError, ValueError) as error:
        cause = str(error).rstrip(".")
        return None, (_gap(f"{path} is no JUnit XML ({cause}); look at what wrote it."),)


def compare(counts: JUnitCounts, tally: Tally) -> tuple[Gap, ...]:
    """Where the file pytest wrote for `--junitxml` and the record of the same run disagree.

    Four figures are compared. In a run without reruns pytest writes them like this:

    - failures: one `<failure>` for each failed call, strict xpass and failed subtest;
    - errors: one `<error>` for each failed setup, teardown and collector, and for a crashed test;
    - skipped: one `<skipped>` for each skipped or expectedly failed test, subtest or collector;
    - testcases: one for each test and each collector that failed or skipped. A teardown error has a testcase
      of its own when the call failed, and shares one when it passed or was skipped: with errors, this figure
      can only be compared with a range.

    Of reruns pytest's file holds every attempt as a passed testcase, so that a run with reruns has a gap; so
    has one with a test that was skipped in its teardown, which pytest counts twice.

    Args:
        counts: Of the file.
        tally: Of the record.

    Returns:
        One gap for each figure that differs; it gives both.
    """
    skipped = tally.skipped + tally.xfailed
    reports = tally.passed + tally.xpassed + tally.failed - tally.subtests_failed + tally.errors + skipped
    rows = (
        ("test cases", counts.tests, reports - tally.errors, reports),
        _exactly("failures", counts.failures, tally.failed - tally.crashed),
        _exactly("errors", counts.errors, tally.errors + tally.crashed),
        _exactly("skipped", counts.skipped, skipped + tally.subtests_skipped),
    )
    return tuple(
        _difference(figure, found, low, high, tally.rerun)
        for figure, found, low, high in rows
        if not low <= found <= high
    )


def _exactly(figure: str, found: int, recorded: int) -> tuple[str, int, int, int]:
    return figure, found, recorded, recorded


def _difference(figure: str, found: int, low: int, high: int, reruns: int) -> Gap:
    recorded = f"{low}" if low == high else f"{low} to {high}"
    why = f" The run had {reruns} reruns; pytest's file holds each as a test case." if reruns else ""
    return _gap(f"{figure}: the JUnit XML file holds {found}, the record {recorded}.{why}")


def _parse(path: str) -> ET.ElementTree[ET.Element]:
    # expat opens no external entity, and since 2.4.1 (2021) stops expansions that grow without measure
    return ET.parse(path, parser=ET.XMLParser(target=_Elements()))  # noqa: S314


class _Elements(ET.TreeBuilder):
    """Builds elements without their text, which can be most of a file."""

    def data(self, data: str, /) -> None:
        """Forget it."""


def _count(document: JUnitXml) -> JUnitCounts:
    cases = [case for suite in document for case in suite]
    found = Counter(type(part) for case in cases for part in case)
    return JUnitCounts(
        tests=len(cases),
        failures=found[Failure],
        errors=found[Error],
        skipped=found[Skipped],
        reruns=sum(found[kind] for kind in _RERUNS),
    )


def _gap(problem: str) -> Gap:
    return Gap(topic=_TOPIC, problem=problem)
