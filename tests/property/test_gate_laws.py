"""Whatever a rule is shown it answers, and what is missing never helps a build."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from judged import (
    BEGAN,
    KEY,
    LADDER,
    TAKEN,
    a_dependency,
    a_file,
    a_kept,
    a_stage,
    an_approval,
    an_envelope,
    an_evidence,
    with_facts,
    with_record,
)
from pytest_defend.gates import Policy, judge, kinds, read_policy
from pytest_defend.model.buildinfo import BuildInfo, Dependency, Module, Status
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.decision import Ruling
from pytest_defend.model.evidence import EnvelopeEvidence, Evidence, StageEvidence
from pytest_defend.model.fields import started_text
from pytest_defend.model.gitfacts import GitFacts
from pytest_defend.model.ladder import Level
from pytest_defend.model.record import RecordedFile, RunFacts
from pytest_defend.model.results import Outcome, Tally, Verdict
from pytest_defend.model.snapshot import DependencyFact, ExternalAnswer, FileFact, PreviousFact, StageFact
from strategies import documents, instants, json_values, started_texts, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_defend.model.decision import Finding

RULES: dict[str, Any] = {
    "required-stages": ["unit", "smoke"],
    "fresh": "5h",
    "environments": [{"python": "3.12.*", "system": "Linux"}],
    "environments:any": {"matrix": [{"python": "3.13.*"}], "stages": ["smoke"]},
    "min-tests": 6,
    "max-drop": {"percent": 10, "tests": 1},
    "max-failed": 0,
    "max-skipped": 0,
    "max-xfail": 0,
    "max-warned": 0,
    "flaky": {"at-most": 0, "max-reruns": 1},
    "required-tests": ["*::test_a", "marker:critical"],
    "quarantine": [{"test": "*::test_b", "owner": "ann", "expires": "2026-12-31"}],
    "dependency-level": {"third-party": ["pypi-ok"]},
    "dependency-certainty": "recorded",
    "tested-artifact": True,
    "property": {"properties": {"smoketestA": "true", "defend.stage.smoke": "passed"}},
    "coverage": {"line": 80, "max-drop": 1},
    "source-clean": ["main"],
    "soak": "2h",
    "approvals": 1,
    "approvals:signed": {"keys": [KEY]},
    "external": "ask somebody",
    "signature": {"keys": [KEY], "strangers": "ignore"},
}


def _policy() -> Policy:
    levels = tuple(
        Level(name=level.name, rules={**RULES, "required-stages": list(level.stages) or ["unit"]})
        for level in LADDER.levels
    )
    return read_policy(replace(LADDER, levels=levels), source="policy.toml", kinds=kinds())


APPLIED = _policy().rules("integration")


_MARKED = {"critical": frozenset({"tests/test_demo.py::test_b"})}
_REPORT = b'<coverage lines-valid="100" lines-covered="90"/>'
_EARLIER = "candidates/demo/0.9/evidence/unit/1/coverage.xml"


def _good() -> Evidence:
    """A build every rule lets pass, but the one about Python 3.13."""
    report = RecordedFile(name="coverage.xml", role="report", checksums=Checksums.of(_REPORT))
    unit = with_record(a_stage("unit"), files=(report,), wall_us=2 * 3600 * 10**6)
    evidence = an_evidence(
        *(replace(run, marks=_MARKED) for run in (unit, a_stage("smoke"))),
        envelopes=(an_envelope("unit"), an_envelope("smoke"), an_approval()),
        reports={"candidates/demo/1.0/evidence/unit/1/coverage.xml": _REPORT, _EARLIER: _REPORT},
        external={"ask somebody": ExternalAnswer(ruling="pass")},
        previous=PreviousFact(
            build="demo/0",
            tests={"unit": Tally(finished=4, passed=4)},
            reports={"coverage.xml": (_EARLIER,)},
        ),
    )
    wheel = replace(a_file(), kept=(a_kept(smoketestA="true", defend_stage_smoke="passed"),))
    build = evidence.snapshot.build
    package = Module(id="demo:1.0", dependencies=(Dependency(id="lib:2.0", repository="integration"),))
    build = replace(
        build,
        statuses=(Status(status="approved:integration", user="ann"),),
        modules=(package, *build.modules[1:]),
    )
    files = (wheel, *evidence.snapshot.files[1:])
    return replace(evidence, snapshot=replace(evidence.snapshot, build=build, files=files))


GOOD = _good()


def _judged(evidence: Evidence) -> dict[str, Finding]:
    return {finding.rule: finding for finding in judge(evidence, APPLIED)}


def test_every_rule_takes_part() -> None:
    assert {applied.rule.NAME for applied in APPLIED} == set(kinds())


def test_evidence_can_be_good_enough() -> None:
    """Else the laws below would hold for rules that never pass."""
    passed = {name for name, finding in _judged(GOOD).items() if finding.ruling is Ruling.PASS}
    assert set(RULES) - passed == {"environments:any"}


# --- a rule always answers ---

_records = st.builds(
    replace,
    st.just(GOOD.stages[0].record),
    facts=documents(RunFacts),
    started=instants(),
    wall_us=st.integers(0, 10**12),
)
_stages = st.builds(
    StageEvidence,
    fact=documents(StageFact),
    problem=st.sampled_from(["", "", "it is not there"]),
    record=st.none() | _records,
    verdict=st.none() | documents(Verdict),
    tally=documents(Tally),
    outcomes=st.dictionaries(texts, st.sampled_from(Outcome), max_size=3),
    marks=st.dictionaries(st.just("critical"), st.frozensets(texts, max_size=2)),
    complete=st.booleans(),
)
_fields = st.sampled_from(["predicate", "predicateType", "subject", "_type"])
_envelopes = st.builds(
    EnvelopeEvidence,
    path=texts,
    line=st.integers(0, 3),
    digest=texts,
    statement=st.none() | st.dictionaries(_fields, json_values),
    keys=st.frozensets(texts, max_size=2),
    problem=st.sampled_from(["", "altered"]),
)
_builds = st.builds(
    replace,
    st.just(GOOD.snapshot.build),
    started=texts | started_texts(),
    statuses=st.lists(documents(Status), max_size=2).map(tuple),
    modules=st.lists(documents(Module), max_size=1).map(tuple),
)


def _some(*strategies: st.SearchStrategy[Any], good: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few of these, among good ones."""
    return st.lists(st.one_of(*strategies, *([st.sampled_from(good)] if good else [])), max_size=3).map(tuple)


_snapshots = st.builds(
    replace,
    st.just(GOOD.snapshot),
    taken=instants(),
    level=st.sampled_from([level.name for level in LADDER.levels]),
    standing=texts | st.sampled_from([level.name for level in LADDER.levels]),
    build=_builds | st.just(GOOD.snapshot.build),
    runs=_some(texts, good=GOOD.snapshot.runs),
    files=_some(documents(FileFact), good=GOOD.snapshot.files),
    dependencies=_some(documents(DependencyFact), good=GOOD.snapshot.dependencies),
    previous=st.none() | documents(PreviousFact),
    external=st.dictionaries(st.just("ask somebody"), documents(ExternalAnswer)),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    st.builds(
        Evidence,
        snapshot=_snapshots,
        stages=_some(_stages, good=GOOD.stages),
        envelopes=_some(_envelopes, good=GOOD.envelopes),
        reports=st.dictionaries(texts, st.binary(max_size=20), max_size=1),
        keys=st.sampled_from([{}, GOOD.keys]),
        excused=st.frozensets(texts, max_size=2),
    )
)
def test_a_rule_always_answers(evidence: Evidence) -> None:
    for applied in APPLIED:
        finding = applied.rule.judge(evidence)
        applied.rule.excuses(evidence)
        assert finding.expected
        assert finding.actual
        assert bool(finding.next) == (finding.ruling is not Ruling.PASS), finding


# --- what is missing never helps ---


def _run(change: Callable[[StageEvidence], StageEvidence], index: int = -1) -> Callable[[Evidence], Evidence]:
    """A change of one run."""

    def changed(evidence: Evidence) -> Evidence:
        if not evidence.stages:
            return evidence
        runs = list(evidence.stages)
        runs[index % len(runs)] = change(runs[index % len(runs)])
        return replace(evidence, stages=tuple(runs))

    return changed


def _snapshot(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, snapshot=replace(evidence.snapshot, **changes))


def _build(change: Callable[[BuildInfo], BuildInfo]) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(
        evidence, snapshot=replace(evidence.snapshot, build=change(evidence.snapshot.build))
    )


def _facts(**changes: Any) -> Callable[[StageEvidence], StageEvidence]:
    return lambda run: with_facts(run, **changes) if run.record else run


def _more(run: StageEvidence) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, stages=(*evidence.stages, run))


def _counted(**counts: int) -> Callable[[StageEvidence], StageEvidence]:
    return lambda run: replace(run, tally=replace(run.tally, **counts))


_RED = {"tests/test_demo.py::test_a": Outcome.FAILED, "tests/test_demo.py::test_b": Outcome.PASSED}
_SKIPPED = {"tests/test_demo.py::test_a": Outcome.SKIPPED, "tests/test_demo.py::test_b": Outcome.PASSED}
_LATE = TAKEN - timedelta(minutes=10)
SPOILT: dict[str, Callable[[Evidence], Evidence]] = {
    "a newer red run": _more(a_stage("smoke", run="2", outcomes=_RED, started=_LATE)),
    "a red run elsewhere": _more(a_stage("smoke", run="2", outcomes=_RED, python="3.13.0", started=_LATE)),
    "a newer run of few": _more(a_stage("smoke", run="2", outcomes=_SKIPPED, started=_LATE)),
    "an old result": _run(
        lambda run: (
            replace(run, record=replace(run.record, started=BEGAN + timedelta(minutes=1), wall_us=0))
            if run.record
            else run
        )
    ),
    "counts": _run(_counted(failed=1, skipped=2, xfailed=2, xpassed=1, flaky=1, rerun=5)),
    "few tests": _run(_counted(passed=1, finished=1), 0),
    "no counts": _run(lambda run: replace(run, tally=Tally())),
    "a dirty tree": _run(_facts(git=GitFacts(commit="d" * 40, tree="", dirty=True)), 0),
    "nothing is known of where it ran": _run(_facts(interpreter=None, platform=None, installed=None)),
    "a dependency below": _snapshot(dependencies=(a_dependency(repository="candidates"),)),
    "a dependency from elsewhere": _snapshot(dependencies=(a_dependency("six:1", "pypi-wild"),)),
    "a property that says no": _snapshot(files=(replace(a_file(), kept=(a_kept(smoketestA="false"),)),)),
    "an approval of the author": _build(
        lambda build: replace(build, statuses=(Status(status="approved:integration", user="ci-bot"),))
    ),
    "a no from outside": _snapshot(external={"ask somebody": ExternalAnswer(ruling="fail")}),
    "a result that says no": lambda evidence: replace(
        evidence, envelopes=(an_envelope("unit"), an_envelope("smoke", predicate={"result": "FAILED"}))
    ),
    "another build": _snapshot(runs=(started_text(BEGAN), started_text(TAKEN))),
    "a build of another time": _snapshot(runs=(started_text(TAKEN),)),
}
MISSING: dict[str, Callable[[Evidence], Evidence]] = {
    **{
        f"{name} {index}": _run(change, index)
        for index in (0, 1, 2)
        for name, change in {
            "documents of run": lambda run: StageEvidence(fact=run.fact, problem="it is not there"),
            "mark of run": lambda run: replace(run, fact=replace(run.fact, mark="")),
            "counts of run": lambda run: replace(run, tally=Tally()),
            "completeness of run": lambda run: replace(run, complete=False),
            "facts of run": lambda run: (
                replace(run, record=replace(run.record, facts=RunFacts())) if run.record else run
            ),
            "interpreter of run": _facts(interpreter=None),
            "platform of run": _facts(platform=None),
            "git of run": _facts(git=None),
            "packages of run": _facts(installed=None),
        }.items()
    },
    "kept files": lambda evidence: replace(
        evidence,
        snapshot=replace(
            evidence.snapshot, files=tuple(replace(file, kept=()) for file in evidence.snapshot.files)
        ),
    ),
    "digests of files": lambda evidence: replace(
        evidence,
        snapshot=replace(
            evidence.snapshot, files=tuple(replace(file, sha256="") for file in evidence.snapshot.files)
        ),
    ),
    "files": _snapshot(files=()),
    "digests of dependencies": lambda evidence: replace(
        evidence,
        snapshot=replace(
            evidence.snapshot,
            dependencies=tuple(replace(each, sha256="", kept=()) for each in evidence.snapshot.dependencies),
        ),
    ),
    "kept dependencies": lambda evidence: replace(
        evidence,
        snapshot=replace(
            evidence.snapshot,
            dependencies=tuple(replace(each, kept=()) for each in evidence.snapshot.dependencies),
        ),
    ),
    "dependencies": _snapshot(dependencies=()),
    "answers": _snapshot(external={}),
    "runs": _snapshot(runs=()),
    "standing": _snapshot(standing=""),
    "statuses": _build(lambda build: replace(build, statuses=())),
    "author": _build(lambda build: replace(build, principal="")),
    "runs of stages": lambda evidence: replace(evidence, stages=()),
    "envelopes": lambda evidence: replace(evidence, envelopes=()),
    "reports": lambda evidence: replace(evidence, reports={}),
    "keys": lambda evidence: replace(evidence, keys={}),
    "the word of the store": _snapshot(local=True, runs=(), files=(), external={}),
}
"""None of it speaks against a build by being there, as an envelope of another build would."""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(SPOILT)), max_size=2, unique=True),
    st.lists(st.sampled_from(sorted(MISSING)), min_size=1, max_size=2, unique=True),
)
def test_what_is_missing_never_helps(spoilt: list[str], missing: list[str]) -> None:
    evidence = GOOD
    for name in spoilt:
        evidence = SPOILT[name](evidence)
    before = _judged(evidence)
    for name in missing:
        evidence = MISSING[name](evidence)
    after = _judged(evidence)
    helped = {
        rule: (before[rule].actual, finding.actual)
        for rule, finding in after.items()
        if finding.ruling is Ruling.PASS and before[rule].ruling is not Ruling.PASS
    }
    assert helped == {}


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"quarantine"}))
def test_without_any_evidence_nothing_passes(rule: str) -> None:
    empty = replace(
        GOOD.snapshot,
        build=BuildInfo(name="demo", number="1", started=GOOD.snapshot.build.started),
        runs=(),
        files=(),
        stages=(),
        dependencies=(),
        external={},
        standing="",
        previous=PreviousFact(build="demo/0", tests={"unit": Tally(finished=1, passed=1)}),
    )
    [finding] = [each for each in judge(Evidence(snapshot=empty), APPLIED) if each.rule == rule]
    assert finding.ruling is not Ruling.PASS
