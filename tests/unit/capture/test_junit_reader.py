"""Files that pytest really wrote agree with pytest's own summary, or the gap says by how much they do not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.junit import SIZE_LIMIT, JUnitCounts, compare, read_junit
from pytest_defend.model.results import Tally

if TYPE_CHECKING:
    from _pytest.pytester import RunResult

OUTCOMES = """
    import pytest

    @pytest.fixture
    def bad_setup():
        raise RuntimeError("up")

    @pytest.fixture
    def bad_teardown():
        yield
        raise RuntimeError("down")

    @pytest.fixture
    def bad_both(bad_teardown):
        raise RuntimeError("up")

    def test_passed(): pass
    def test_failed(): assert 0
    def test_skipped(): pytest.skip("why")
    def test_setup_error(bad_setup): pass
    def test_teardown_error(bad_teardown): pass
    def test_two_errors(bad_both): pass
    def test_failed_and_error(bad_teardown): assert 0
    def test_skipped_and_error(bad_teardown): pytest.skip("why")

    @pytest.mark.xfail
    def test_xfailed(): assert 0

    @pytest.mark.xfail
    def test_xpassed(): pass

    @pytest.mark.xfail(strict=True)
    def test_xpassed_strict(): pass
"""
GOOD = """
    import pytest

    @pytest.mark.parametrize("number", range(5))
    def test_passed(number): print("out")

    def test_skipped(): pytest.skip("why")

    @pytest.mark.xfail
    def test_xfailed(): assert 0
"""
SUBTESTS = """
    import unittest
    import pytest

    def test_subtests(subtests):
        for number in range(3):
            with subtests.test(number=number):
                assert number != 1
        with subtests.test("skipped"):
            pytest.skip("why")

    class TestUnit(unittest.TestCase):
        def test_subtests(self):
            for number in range(3):
                with self.subTest(number=number):
                    self.assertNotEqual(number, 1)
"""
CRASH = """
    import os

    def test_crash(): os._exit(3)
    def test_passed(): pass
"""
RERUNS = """
    import pytest

    tries = []

    @pytest.mark.flaky(reruns=2)
    def test_flaky():
        tries.append(1)
        assert len(tries) == 2

    @pytest.mark.flaky(reruns=2)
    def test_never(): assert 0
"""
NO_XDIST: tuple[str, ...] = ("-p", "no:xdist")
WORKERS = ("-n2",)


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> tuple[RunResult, JUnitCounts]:
    """A run of its own process that wrote a JUnit XML file, and what was read from it."""
    if "no:xdist" not in arguments:
        pytest.importorskip("xdist")
    pytester.makepyfile(test_it=source)
    result = pytester.runpytest_subprocess("--junitxml=it.xml", "-p", "no:cacheprovider", *arguments)
    counts, gaps = read_junit(pytester.path / "it.xml")
    assert gaps == ()
    assert counts is not None
    return result, counts


def tally(result: RunResult, **other: int) -> Tally:
    """The record of a run: pytest's summary line; `other` is what that line does not tell apart."""
    names = ("passed", "failed", "errors", "skipped", "xfailed", "xpassed")
    outcomes = result.parseoutcomes()
    told = {name: outcomes.get(name, 0) for name in names}
    return Tally(**{**told, "rerun": outcomes.get("rerun", 0), **other})


@pytest.mark.parametrize("arguments", [NO_XDIST, WORKERS, ("-n2", "--dist=each")])
def test_every_outcome_agrees(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    result, counts = run(pytester, OUTCOMES, *arguments)
    record = tally(result)
    assert compare(counts, record) == ()
    times = 2 if "--dist=each" in arguments else 1
    assert counts == JUnitCounts(tests=12 * times, failures=3 * times, errors=6 * times, skipped=3 * times)


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_a_run_without_errors_agrees_exactly(pytester: pytest.Pytester, family: str) -> None:
    result, counts = run(pytester, GOOD, *NO_XDIST, "-o", f"junit_family={family}", "-o", "junit_logging=all")
    assert compare(counts, tally(result)) == ()
    assert counts == JUnitCounts(tests=7, skipped=2)
    one_less = JUnitCounts(tests=6, skipped=2)
    (gap,) = compare(one_less, tally(result))
    assert gap.topic == "junit"
    assert gap.problem == "test cases: the JUnit XML file holds 6, the record 7."


def test_collection_problems_agree(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_broken="raise ValueError",
        test_not_here="import pytest; pytest.skip('no display', allow_module_level=True)",
    )
    result, counts = run(pytester, GOOD, *NO_XDIST, "--continue-on-collection-errors")
    assert compare(counts, tally(result)) == ()
    assert counts == JUnitCounts(tests=9, errors=1, skipped=3)


@pytest.mark.parametrize("arguments", [NO_XDIST, WORKERS])
def test_subtests_agree(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytest.importorskip("pytest", minversion="9.0", reason="subtests came with pytest 9.0")
    result, counts = run(pytester, SUBTESTS, *arguments)
    record = tally(result, skipped=0, subtests_skipped=1, subtests_failed=2)
    assert compare(counts, record) == ()
    assert counts == JUnitCounts(tests=2, failures=3, skipped=1)


def test_a_crash_agrees(pytester: pytest.Pytester) -> None:
    result, counts = run(pytester, CRASH, *WORKERS)
    assert compare(counts, tally(result, crashed=1)) == ()
    assert counts == JUnitCounts(tests=2, errors=1)


@pytest.mark.parametrize("arguments", [NO_XDIST, WORKERS])
def test_reruns_are_a_gap(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    result, counts = run(pytester, RERUNS, *arguments)
    (gap,) = compare(counts, tally(result))
    assert gap.problem == (
        "test cases: the JUnit XML file holds 5, the record 2."
        " The run had 3 reruns; pytest's file holds each as a test case."
    )


def test_every_figure_that_differs_is_a_gap() -> None:
    record = Tally(passed=3, failed=1, errors=2, skipped=1, xfailed=1)
    gaps = compare(JUnitCounts(tests=9, failures=2, errors=0, skipped=1), record)
    assert [gap.problem for gap in gaps] == [
        "test cases: the JUnit XML file holds 9, the record 6 to 8.",
        "failures: the JUnit XML file holds 2, the record 1.",
        "errors: the JUnit XML file holds 0, the record 2.",
        "skipped: the JUnit XML file holds 1, the record 2.",
    ]


def test_what_a_file_declares_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        """<testsuites tests="99"><testsuite name="a" tests="98" failures="97" errors="96" skipped="95">
        <testcase name="a"><failure/><failure/><error/></testcase>
        <testcase name="b"><skipped/><system-out>out</system-out></testcase>
        <testcase name="c"><flakyFailure type=""/><flakyError type=""/></testcase>
        <testcase name="d"><failure/><rerunFailure type=""/><rerunError type=""/></testcase>
        <testsuite name="inner"><testcase name="e"/></testsuite>
        </testsuite><testsuite name="b"><testcase name="f"/></testsuite></testsuites>"""
    )
    expected = JUnitCounts(tests=6, failures=3, errors=1, skipped=1, reruns=4)
    assert read_junit(path) == (expected, ())


def test_the_root_may_be_one_suite(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<testsuite name="a"><testcase name="b"/></testsuite>')
    assert read_junit(path) == (JUnitCounts(tests=1), ())


def test_a_very_long_text_is_read(tmp_path: Path) -> None:
    """Parsers that guard against huge text nodes refuse such a file."""
    path = tmp_path / "a.xml"
    text = "x" * 11_000_000
    path.write_text(
        f'<testsuite name="a"><testcase name="b"><system-out>{text}</system-out></testcase></testsuite>'
    )
    assert read_junit(path) == (JUnitCounts(tests=1), ())


EXPANDING = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no element found"),
        (b"<testsuites>", "no element found"),
        (b"\x00\xff", "line 1, column 0"),
        (b"<html/>", "Invalid format"),
        (b'<?xml version="1.0" encoding="unheard-of"?><testsuites/>', "unknown encoding"),
        (b'<?xml version="1.0" encoding="big5"?><testsuites/>', "multi-byte encodings"),
        (b"<testsuites>" + b"<testsuite>" * 5000 + b"</testsuite>" * 5000 + b"</testsuites>", "recursion"),
        (
            f'<!DOCTYPE a [<!ENTITY a0 "{"x" * 20}">{EXPANDING}]><testsuites name="&a9;"/>'.encode(),
            "amplification",
        ),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><testsuites>&b;</testsuites>', "entity"),
    ],
)
def test_what_is_no_junit_xml_is_a_gap(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    counts, (gap,) = read_junit(path)
    assert counts is None
    assert gap.topic == "junit"
    assert gap.problem.startswith(f"{path} is no JUnit XML (")
    assert cause in gap.problem
    assert gap.problem.endswith("); look at what wrote it.")


def test_a_path_that_cannot_be_one_is_a_gap() -> None:
    counts, (gap,) = read_junit(Path("a\0b"))
    assert counts is None
    assert "is no JUnit XML" in gap.problem


def test_a_missing_file_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    counts, (gap,) = read_junit(path)
    assert counts is None
    assert gap.problem == f"{path} cannot be read: No such file or directory."


def test_a_pipe_is_a_gap_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    counts, (gap,) = read_junit(path)
    assert counts is None
    assert gap.problem == f"{path} is no file; its JUnit XML was not read."


def test_a_huge_file_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with path.open("wb") as out:
        out.truncate(SIZE_LIMIT + 1)  # a hole, not bytes
    counts, (gap,) = read_junit(path)
    assert counts is None
    assert gap.problem.startswith(f"{path} was not compared with the record: {SIZE_LIMIT + 1} bytes")
