from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import STARTED, a_journal, a_record, an_attempt, an_ended
from predicates import broken_rules
from pytest_defend.documents.stageresult import (
    MAX_NAMES,
    TEST_RESULT,
    Outcomes,
    StageRun,
    outcomes,
    result_statement,
    subjects,
)
from pytest_defend.documents.statements import Descriptor, Statement, read_statement
from pytest_defend.errors import UsageError
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.journal import attempt_line, passed_line
from pytest_defend.model.origins import Tree
from pytest_defend.model.pytestfacts import PytestFacts
from pytest_defend.model.record import RanOn, RecordedFile, RunRecord, Shipped, Subject
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.results import (
    Case,
    CollectionProblem,
    Outcome,
    Phase,
    Result,
    Subtest,
    Tally,
    Verdict,
)
from pytest_defend.model.verdict import judge

BUILD = BuildId(name="demo", number="1", started=STARTED)
WHEEL = Checksums.of(b"wheel")
RECORD = "a" * 64


def case(*ended: str, nodeid: str = "t.py::a") -> Case:
    return Case(nodeid=nodeid, attempts=tuple(an_ended(each, nodeid=nodeid) for each in ended))


# --- which list a test is in ------------------------------------------------------------------------

LISTED = [
    (("passed",), "passed"),
    (("rerun", "passed"), "warned"),
    (("crashed", "passed"), "warned"),
    (("xpassed",), "warned"),
    (("rerun", "xpassed"), "warned"),
    (("failed",), "failed"),
    (("rerun", "failed"), "failed"),
    (("passed", "failed"), "failed"),
    (("error",), "failed"),
    (("xpassed-strict",), "failed"),
    (("crashed",), "failed"),
    (("lost",), "failed"),
    (("rerun",), "failed"),
    (("skipped",), ""),
    (("rerun", "skipped"), ""),
    (("xfailed",), ""),
    (("rerun", "xfailed"), ""),
]


@pytest.mark.parametrize(("ended", "where"), LISTED, ids=str)
def test_a_test_is_in_the_list_it_belongs_in(ended: tuple[str, ...], where: str) -> None:
    found = outcomes([case(*ended)])
    expected = {name: (("t.py::a",) if name == where else ()) for name in ("passed", "warned", "failed")}
    assert {name: getattr(found, name) for name in expected} == expected
    counts = (found.passed_count, found.warned_count, found.failed_count, found.neither_count)
    assert counts == tuple(int(where == name) for name in ("passed", "warned", "failed", ""))


def test_every_outcome_has_been_thought_of() -> None:
    assert {ended[-1] for ended, _ in LISTED} == set(Outcome)


def test_a_teardown_that_fails_is_a_failure() -> None:
    phases = (Phase(when="call", outcome=Outcome.PASSED), Phase(when="teardown", outcome=Outcome.ERROR))
    assert outcomes([Case(nodeid="a", attempts=(an_attempt(phases=phases),))]).failed == ("a",)


def test_a_subtest_that_fails_is_a_failure() -> None:
    attempt = an_attempt(subtests=(Subtest(label="[1]", outcome=Outcome.FAILED),))
    assert outcomes([Case(nodeid="a", attempts=(attempt,))]).failed == ("a",)


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        ("passed", "passed", "passed"),
        ("passed", "failed", "failed"),
        ("xpassed", "passed", "warned"),
        ("passed", "skipped", ""),
        ("xpassed", "skipped", ""),
        ("failed", "skipped", "failed"),
    ],
)
def test_a_test_passed_when_it_passed_everywhere(one: str, other: str, where: str) -> None:
    for pair in ([case(one), case(other)], [case(other), case(one)]):
        found = outcomes(pair)
        assert [name for name in ("passed", "warned", "failed") if getattr(found, name)] == [where][
            : bool(where)
        ]
        total = found.passed_count + found.warned_count + found.failed_count + found.neither_count
        assert total == 1


def test_a_collector_that_failed_is_a_failure() -> None:
    told = [
        CollectionProblem(nodeid="broken.py", outcome=Outcome.ERROR),
        CollectionProblem(nodeid="skipped.py", outcome=Outcome.SKIPPED),
    ]
    assert outcomes([case("passed")], told) == Outcomes(
        passed=("t.py::a",), failed=("broken.py",), passed_count=1, failed_count=1
    )


def test_names_can_be_read_by_everybody() -> None:
    strange, long = "t.py::a[caf\udce9]", "t.py::" + "x" * 600
    found = outcomes([case("passed", nodeid=strange), case("passed", nodeid=long)])
    cut, plain = sorted(found.passed, key=len, reverse=True)
    assert plain == "t.py::a[caf\\udce9]"
    assert cut.startswith("t.py::xxx")
    assert len(cut) < 600
    other = outcomes([case("passed", nodeid=long + "y")]).passed[0]
    assert other[:500] == cut[:500]
    assert other != cut


def test_two_spellings_of_one_name_are_one_test() -> None:
    found = outcomes([case("failed", nodeid="a\udce9"), case("passed", nodeid="a\\udce9")])
    assert (found.passed, found.failed) == ((), ("a\\udce9",))


def test_a_large_suite_keeps_the_names_that_count() -> None:
    told = [case("passed", nodeid=f"p{n}") for n in range(5)] + [
        case("failed", nodeid=f"f{n}") for n in range(3)
    ]
    assert outcomes(told, limit=8).passed == ("p0", "p1", "p2", "p3", "p4")
    found = outcomes(told, limit=7)
    assert (found.passed, found.passed_count, found.failed) == ((), 5, ("f0", "f1", "f2"))
    found = outcomes(told, limit=2)
    assert (found.failed, found.failed_count) == (("f0", "f1"), 3)


# --- what it is about -------------------------------------------------------------------------------


def subject(what: Shipped | None, *, file: str = "demo-1.0-py3-none-any.whl", **tree: Any) -> Subject:
    tested = None if what is None else RanOn(what=what, tree=Tree(**tree) if tree else None)
    return Subject(file=file, name="demo", version="1.0", type="whl", checksums=WHEEL, tested=tested)


def about(*given: Subject, **git: Any) -> tuple[Descriptor, ...]:
    record = a_record(subjects=given)
    facts = replace(record.facts, git=replace(record.facts.git, **git)) if git else record.facts  # type: ignore[type-var]
    return subjects(replace(record, facts=facts))


FILE = Descriptor(name="demo-1.0-py3-none-any.whl", digest={"sha256": WHEEL.sha256})
COMMIT = Descriptor(name="https://git.example/demo.git", digest={"gitCommit": "0" * 40})


def test_it_is_about_files_that_were_tested() -> None:
    other = subject(Shipped.ARTIFACT, file="another-1.0-py3-none-any.whl")
    assert about(subject(Shipped.ARTIFACT), subject(None, file="demo-1.0.tar.gz"), other) == (
        Descriptor(name=other.file, digest={"sha256": WHEEL.sha256}),
        FILE,
    )


@pytest.mark.parametrize("what", [each for each in Shipped if each is not Shipped.ARTIFACT])
def test_a_file_that_was_not_tested_is_not_in_it(what: Shipped) -> None:
    assert about(
        subject(Shipped.ARTIFACT), subject(what, file="other.whl", commit="c" * 40, dirty=False)
    ) == (FILE,)
    expected = {
        Shipped.TREE: (Descriptor(digest={"gitCommit": "c" * 40}),),
        Shipped.NOT_IMPORTED: (FILE,),  # tests that start programs import nothing
    }.get(what, ())
    assert about(subject(what, commit="c" * 40, dirty=False)) == expected


@pytest.mark.parametrize(
    "tree", [{}, {"dirty": False}, {"commit": "c" * 40}, {"commit": "c" * 40, "dirty": True}]
)
def test_a_tree_with_changes_or_without_a_commit_is_nothing(tree: dict[str, Any]) -> None:
    assert about(subject(Shipped.TREE, **tree)) == ()


def test_without_files_to_compare_it_is_about_the_commit() -> None:
    assert about() == about(subject(None)) == (COMMIT,)
    assert about(dirty=True) == ()
    assert subjects(replace(a_record(), facts=replace(a_record().facts, git=None), subjects=())) == ()


# --- the statement ----------------------------------------------------------------------------------


def a_run(verdict: Result = Result.PASSED, reasons: tuple[str, ...] = (), **changes: Any) -> StageRun:
    record = changes.pop("record", a_record(subjects=(subject(Shipped.ARTIFACT),), files=()))
    told = {
        "record": record,
        "record_sha256": RECORD,
        "verdict": Verdict(result=verdict, reasons=reasons),
        "tally": Tally(collected=1, finished=1, passed=1),
        "outcomes": outcomes([case("passed")]),
    }
    return StageRun(**{**told, **changes})


def stated(run: StageRun, *previous: str) -> dict[str, Any]:
    """A statement as others read it; it breaks no public rule."""
    written = result_statement(run, build=BUILD, previous=previous).to_bytes()
    read: Statement = read_statement(written)
    assert read.to_bytes() == written
    assert broken_rules(read.to_dict()) == []
    return dict(read.to_dict())


def test_a_statement_says_what_a_run_showed() -> None:
    assert stated(a_run(), "b" * 64, "a" * 64) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "demo-1.0-py3-none-any.whl", "digest": {"sha256": WHEEL.sha256}}],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "PASSED",
            "configuration": [
                {"name": "tests", "digest": {"sha256": RECORD}, "mediaType": "application/json"}
            ],
            "passedTests": ["t.py::a"],
            "warnedTests": [],
            "failedTests": [],
            "successes": 1,
            "warnings": 0,
            "failures": 0,
            "defend_build": {"name": "demo", "number": "1", "started": STARTED},
            "defend_previous": ["a" * 64, "b" * 64],
            "defend_run": "r1",
            "defend_reasons": [],
            "defend_counts": {
                **dict.fromkeys(Tally.__slots__, 0),
                "collected": 1,
                "finished": 1,
                "passed": 1,
            },
            "defend_started": "2026-01-31T11:59:00.456Z",
            "defend_environment": {"python": "cpython 3.11.7", "platform": "linux-x86_64"},
            "defend_recorder": "0",
        },
    }


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result.PASSED, "PASSED"),
        (Result.WARNED, "WARNED"),
        (Result.FAILED, "FAILED"),
        (Result.INCOMPLETE, "FAILED"),
    ],
)
def test_what_is_not_green_is_failed(result: Result, said: str) -> None:
    predicate = stated(a_run(result, ("because caf\udce9",)))["predicate"]
    assert predicate["result"] == said
    assert predicate["defend_reasons"] == ["because caf\\udce9"]


def test_it_says_where_more_is_to_be_found() -> None:
    journal = RecordedFile(name="journal.jsonl", role="journal", checksums=Checksums.of(b"j"))
    base = a_record(subjects=(subject(Shipped.ARTIFACT),), files=(journal,))
    options = PytestFacts(version="9", rootdir="/", ini_path="pyproject.toml", ini_sha256="c" * 64)
    ci = CiFacts(system="CI", url="https://ci.example/run/7")
    record = replace(base, facts=replace(base.facts, pytest=options, ci=ci))
    locations = {
        "record.json": "https://store.example/record.json",
        "journal.jsonl": "https://store.example/journal.jsonl",
    }
    predicate = stated(a_run(record=record, locations=locations))["predicate"]
    assert predicate["url"] == "https://ci.example/run/7"
    assert predicate["configuration"] == [
        {
            "name": "tests",
            "digest": {"sha256": RECORD},
            "downloadLocation": "https://store.example/record.json",
            "mediaType": "application/json",
        },
        {"name": "pyproject.toml", "digest": {"sha256": "c" * 64}},
    ]
    assert predicate["defend_tests"] == {
        "name": "journal.jsonl",
        "digest": {"sha256": Checksums.of(b"j").sha256},
        "downloadLocation": "https://store.example/journal.jsonl",
    }


def test_a_list_of_passed_tests_is_whole_or_absent() -> None:
    told = [case("passed", nodeid=f"p{n}") for n in range(MAX_NAMES + 1)]
    predicate = stated(a_run(outcomes=outcomes(told)))["predicate"]
    assert "passedTests" not in predicate
    assert predicate["successes"] == MAX_NAMES + 1


def test_what_cannot_be_named_is_not_signed_for() -> None:
    with pytest.raises(UsageError, match=r"What stage tests tested has no digest") as caught:
        result_statement(
            a_run(record=a_record(subjects=(subject(Shipped.DIFFERS),))), build=BUILD, previous=()
        )
    assert "--defend-artifact-from" in caught.value.hint


def test_a_minimal_record_is_enough() -> None:
    record = RunRecord(
        schema="s",
        run="r",
        stage="tests",
        build_name="demo",
        build_number="1",
        started=a_record().started,
        recorder="0",
        subjects=(subject(Shipped.ARTIFACT),),
    )
    assert stated(a_run(record=record))["predicate"]["defend_environment"] == {}


def test_it_follows_from_a_journal() -> None:
    """From the lines of a journal to the lists, verdict and counts of a statement."""
    lines = a_journal(
        passed_line(0, "", 1_700_000_000_000, (1, 2, 3)), attempt_line(1, an_ended("failed", nodeid="x"))
    )
    summary = summarise(lines)
    run = a_run(
        verdict=Result.PASSED,
        tally=summary.tally,
        outcomes=outcomes(cases(lines, summary), summary.collection),
    )
    predicate = stated(replace(run, verdict=judge(summary)))["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["passedTests"] == ["tests/test_demo.py::test_a"]
    assert predicate["failedTests"] == ["tests/test_demo.py::test_b"]
    assert predicate["defend_counts"]["failed"] == 1
