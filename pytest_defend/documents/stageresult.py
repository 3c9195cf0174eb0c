"""The result of a stage as an in-toto statement: `test-result/v0.1`, derived from the run alone.

Rules:
- It is about what was really tested: the files whose installed copies hold what the files hold; else the
  commit of a clean working tree. When neither can be named there is no statement.
- A name is in one list only. With several cases of one name the worst counts: a test passed when it passed
  everywhere.
- Passed means passed at once. Passed after a failure, and passed although expected to fail, is a warning.
  Failed, error, strict xpass, crash, lost, and a collector that failed, are failures. Skipped and xfailed
  tests are in no list: they show nothing that works.
- A run that is not green is `FAILED`, also when no single test failed.
- A list of passed tests is whole or absent. Names in other lists may be cut; the counts say so.

Source: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.documents.canonical import speakable
from pytest_defend.documents.chain import BUILD, PREVIOUS, build_field
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, timestamp
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import JOURNAL, RECORD
from pytest_defend.model.record import Shipped
from pytest_defend.model.results import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.record import RunRecord
    from pytest_defend.model.results import Case, CollectionProblem, Tally, Verdict

__all__ = ["MAX_NAMES", "TEST_RESULT", "Outcomes", "StageRun", "outcomes", "result_statement", "subjects"]

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"

MAX_NAMES = 20_000
"""Of tests in one statement: registries refuse predicates of more than 16 MiB."""
_LONGEST = 500  # characters of a name

_RESULTS = {Result.PASSED: "PASSED", Result.WARNED: "WARNED"}
_PASSED, _WARNED, _NEITHER, _FAILED = range(4)  # the worst last


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The tests of a run by how they ended; names are sorted, and may be fewer than the counts say."""

    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    passed_count: int = 0
    warned_count: int = 0
    failed_count: int = 0
    neither_count: int = 0
    """Skipped, or failed as expected."""


def outcomes(
    cases: Iterable[Case], collection: Iterable[CollectionProblem] = (), *, limit: int = MAX_NAMES
) -> Outcomes:
    """Sort the tests of a run.

    Args:
        cases: Every test with its attempts, as `model.replay.cases` gives them.
        collection: Collectors that failed or were skipped.
        limit: How many names are kept; the names of passed tests go first, and all at once.
    """
    ends: dict[str, int] = {}
    for nodeid, end in _ends(cases, collection):
        name = _name(nodeid)
        ends[name] = max(end, ends.get(name, end))
    sorted_out: list[list[str]] = [[], [], [], []]
    for name in sorted(ends):
        sorted_out[ends[name]].append(name)
    passed, warned, neither, failed = sorted_out
    rest = limit - len(warned) - len(failed)
    return Outcomes(
        passed=tuple(passed) if len(passed) <= rest else (),
        warned=tuple(warned[:limit]),
        failed=tuple(failed[:limit]),
        passed_count=len(passed),
        warned_count=len(warned),
        failed_count=len(failed),
        neither_count=len(neither),
    )


def _ends(cases: Iterable[Case], collection: Iterable[CollectionProblem]) -> Iterator[tuple[str, int]]:
    for case in cases:
        yield case.nodeid, _end(case)
    for problem in collection:
        if problem.outcome.bad:
            yield problem.nodeid, _FAILED


def _end(case: Case) -> int:
    outcome = case.outcome
    if outcome.bad or outcome is Outcome.RERUN:  # one that was to be run again, and was not
        return _FAILED
    if outcome is Outcome.XPASSED or (outcome is Outcome.PASSED and case.flaky):
        return _WARNED
    return _PASSED if outcome is Outcome.PASSED else _NEITHER


def _name(nodeid: str) -> str:
    """A node id as every parser reads it; a very long one ends with its digest."""
    name = speakable(nodeid)
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}...sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def subjects(record: RunRecord) -> tuple[Descriptor, ...]:
    """What a run really tested; empty when it cannot be named by a digest.

    Files first: those whose installed copy a process of the tests imported; when none was imported, as by
    tests that only start programs, those that were installed. Without any, the commit that was checked out:
    that of a working tree the tests ran on, or of the whole run when there is no file to compare. A tree with
    changes is no commit.
    """
    tested = [(each, each.tested) for each in record.subjects if each.tested is not None]
    for what in (Shipped.ARTIFACT, Shipped.NOT_IMPORTED):
        files = {
            each.file: Descriptor(name=each.file, digest={"sha256": each.checksums.sha256})
            for each, ran_on in tested
            if ran_on.what is what
        }
        if files:
            return tuple(files[name] for name in sorted(files))
    trees = [
        (ran_on.tree.commit, ran_on.tree.url)
        for _, ran_on in tested
        if ran_on.what is Shipped.TREE and ran_on.tree is not None and ran_on.tree.dirty is False
    ]
    git = record.facts.git
    if not tested and git is not None and not git.dirty:
        trees.append((git.commit, git.url))
    commits = {commit: url for commit, url in trees if commit}
    return tuple(
        Descriptor(name=speakable(url), digest={"gitCommit": commit})
        for commit, url in sorted(commits.items())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """A run of a stage that has ended."""

    record: RunRecord
    record_sha256: str
    """Of the record as it is published."""
    verdict: Verdict
    """Our judgement, concluded with the last word."""
    tally: Tally
    outcomes: Outcomes
    locations: Mapping[str, str] = field(default_factory=dict)
    """Where files of the run are published, by their names in the bundle."""


def result_statement(run: StageRun, *, build: BuildId, previous: Iterable[str]) -> Statement:
    """What a run of a stage showed.

    Args:
        run: The run.
        build: The build it belongs to, as it is published: the `started` of one that a later stage joins is
            not the run's own.
        previous: What `chain.heads` says of the build's statements so far.

    Raises:
        UsageError: What was tested cannot be named by a digest.
    """
    record = run.record
    about = subjects(record)
    if not about:
        problem = f"What stage {record.stage} tested has no digest: no published file, no clean commit."
        hint = "Test an installed wheel (--defend-artifact-from), or commit the changes."
        raise UsageError(problem, hint=hint)
    predicate: dict[str, Any] = {
        "result": _RESULTS.get(run.verdict.result, "FAILED"),
        "configuration": [each.to_dict() for each in _configuration(run)],
        **_lists(run.outcomes),
        BUILD: build_field(build),
        PREVIOUS: sorted(set(previous)),
        **_details(record, run.verdict, run.tally),
    }
    if record.facts.ci is not None and record.facts.ci.url:
        predicate["url"] = speakable(record.facts.ci.url)
    journal = next((file for file in record.files if file.name == JOURNAL), None)
    if journal is not None:
        digest = {"sha256": journal.checksums.sha256}
        told = Descriptor(name=JOURNAL, digest=digest, download_location=run.locations.get(JOURNAL, ""))
        predicate["defend_tests"] = told.to_dict()
    return Statement(type=STATEMENT, subject=about, predicate_type=TEST_RESULT, predicate=predicate)


def _configuration(run: StageRun) -> Iterator[Descriptor]:
    """What was run: the stage first, by its record; then the configuration file of pytest."""
    record = run.record
    yield Descriptor(
        name=record.stage,
        digest={"sha256": run.record_sha256},
        download_location=run.locations.get(RECORD, ""),
        media_type="application/json",
    )
    options = record.facts.pytest
    if options is not None and options.ini_sha256:
        yield Descriptor(name=speakable(options.ini_path), digest={"sha256": options.ini_sha256})


def _lists(outcomes: Outcomes) -> Mapping[str, Any]:
    """The lists of the specification, and their lengths as Conforma's policies read them."""
    lists: dict[str, Any] = {"warnedTests": list(outcomes.warned), "failedTests": list(outcomes.failed)}
    if len(outcomes.passed) == outcomes.passed_count:
        lists["passedTests"] = list(outcomes.passed)
    return {
        **lists,
        "successes": outcomes.passed_count,
        "warnings": outcomes.warned_count,
        "failures": outcomes.failed_count,
    }


def _details(record: RunRecord, verdict: Verdict, tally: Tally) -> Mapping[str, Any]:
    python = record.facts.interpreter
    environment = (
        {"python": f"{python.implementation} {python.version}", "platform": python.platform} if python else {}
    )
    return {
        "defend_run": record.run,
        "defend_reasons": [speakable(reason) for reason in verdict.reasons],
        "defend_counts": {each.name: getattr(tally, each.name) for each in dataclasses.fields(tally)},
        "defend_started": timestamp(record.started),
        "defend_environment": environment,
        "defend_recorder": record.recorder,
    }
