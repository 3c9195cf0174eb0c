"""Evidence about a build for tests of gates, every part defaulted to one that nothing speaks against.

The build `demo/1` has one wheel on the lowest level of the ladder `candidates`, `integration`, `release` and
asks for `integration`. Stage `unit` began it, stage `smoke` tested the published wheel afterwards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from builders import a_record
from pytest_defend.documents.chain import BUILD, PREVIOUS, build_field
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.documents.statements import STATEMENT
from pytest_defend.gates import judge, kinds, read_policy
from pytest_defend.gates.people import APPROVAL
from pytest_defend.model.buildinfo import BuildInfo, Dependency, Module, Vcs
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.evidence import EnvelopeEvidence, Evidence, StageEvidence
from pytest_defend.model.facts import Interpreter, Platform
from pytest_defend.model.fields import started_text
from pytest_defend.model.gitfacts import GitFacts
from pytest_defend.model.ladder import Ladder, Level
from pytest_defend.model.origins import Certainty, Origin
from pytest_defend.model.record import RanOn, RecordedFile, RunFacts, Shipped, Subject
from pytest_defend.model.results import Outcome, Result, Tally, Verdict
from pytest_defend.model.snapshot import DependencyFact, FileFact, KeptFile, PolicyFact, Snapshot, StageFact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.model.decision import Finding

__all__ = [
    "BEGAN",
    "COMMIT",
    "KEY",
    "LADDER",
    "TAKEN",
    "WHEEL",
    "WHEEL_PATH",
    "a_dependency",
    "a_file",
    "a_kept",
    "a_stage",
    "an_approval",
    "an_envelope",
    "an_evidence",
    "judged",
    "record_digest",
    "with_facts",
    "with_record",
]

TAKEN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
BEGAN = TAKEN - timedelta(hours=6)
_PUBLISHED = TAKEN - timedelta(hours=5)
_LATER = TAKEN - timedelta(hours=1)
COMMIT = "c" * 40
WHEEL = Checksums.of(b"the wheel")
WHEEL_PATH = "candidates/demo/1.0/demo-1.0-py3-none-any.whl"
KEY = "keys/ci.pem"
_KEYID = "k" * 64
_PASSED = Outcome.PASSED
_OUTCOMES = {f"tests/test_demo.py::test_{name}": _PASSED for name in ("a", "b", "p[1-x]", "p[2-y]")}

LADDER = Ladder(
    levels=(
        Level(name="candidates"),
        Level(name="integration", stages=("unit", "smoke")),
        Level(name="release"),
    )
)


def a_kept(path: str = WHEEL_PATH, sha256: str = WHEEL.sha256, **properties: str) -> KeptFile:
    """A file the store keeps since the build was published; `_` in a property's name stands for a dot."""
    said = {name.replace("_", "."): (value,) for name, value in properties.items()}
    return KeptFile(path=path, sha256=sha256, created=_PUBLISHED, properties=said)


def a_file(path: str = WHEEL_PATH, sha256: str = WHEEL.sha256, module: str = "demo:1.0") -> FileFact:
    """A file of the build, kept where it was published."""
    return FileFact(path=path, module=module, sha256=sha256, kept=(a_kept(path, sha256),))


def a_dependency(name: str = "lib:2.0", repository: str = "integration", **changes: Any) -> DependencyFact:
    """A dependency whose file is kept in one repository; empty for in none."""
    sha256 = Checksums.of(name.encode()).sha256
    folder = name.replace(":", "/")
    kept = a_kept(
        f"{repository}/{folder}/file.whl", sha256, build_name=name.partition(":")[0], build_number="7"
    )
    fact = DependencyFact(
        id=name,
        module="demo:1.0",
        sha256=sha256,
        scopes=("runtime",),
        kept=(kept,) if repository else (),
    )
    return replace(fact, **changes)


def record_digest(stage: str, run: str = "1") -> str:
    """sha256 of the record of a run."""
    return Checksums.of(f"record of {stage} {run}".encode()).sha256


def _facts(python: str, platform: str) -> RunFacts:
    def installed(name: str, *targets: str) -> Distribution:
        edges = tuple(Edge(target=target, requirement=target) for target in targets)
        origin = Origin(certainty=Certainty.RECORDED, file=f"{name}.whl", sha256="5" * 64)
        return Distribution(
            name=name, version="1.0" if name == "demo" else "2.0", requires=edges, origin=origin
        )

    system, _, machine = platform.partition("-")
    return RunFacts(
        interpreter=Interpreter(
            implementation="cpython", version=python, version_text=python, platform=platform
        ),
        platform=Platform(system=system.title(), machine=machine),
        git=GitFacts(commit=COMMIT, tree="0" * 40, branch="main"),
        installed=Installed(distributions=(installed("demo", "lib"), installed("lib"), installed("other"))),
    )


def a_stage(  # noqa: PLR0913  # each of them is what some test is about
    name: str = "unit",
    *,
    run: str = "1",
    outcomes: Mapping[str, Outcome | str] | None = None,
    started: datetime | None = None,
    python: str = "3.12.1",
    platform: str = "linux-x86_64",
    complete: bool = True,
    flaky: frozenset[str] = frozenset(),
    counts: Mapping[str, int] | None = None,
) -> StageEvidence:
    """A run of a stage: four tests that passed unless told otherwise, counted and judged as they ended."""
    ended = {nodeid: Outcome(how) for nodeid, how in (_OUTCOMES if outcomes is None else outcomes).items()}
    tally = _tally(ended, len(flaky), counts or {})
    folder = f"candidates/demo/1.0/evidence/{name}/{run}"
    verdict = _verdict(tally, complete=complete)
    record = replace(
        a_record(),
        run=run,
        stage=name,
        started=started or (BEGAN if name == "unit" else _LATER),
        wall_us=60_000_000,
        facts=_facts(python, platform),
        subjects=(
            Subject(
                file="demo-1.0-py3-none-any.whl",
                name="demo",
                version="1.0",
                type="whl",
                checksums=WHEEL,
                tested=RanOn(what=Shipped.ARTIFACT),
            ),
        ),
        files=(RecordedFile(name="journal.jsonl", role="journal", checksums=Checksums.of(b"journal")),),
    )
    return StageEvidence(
        fact=StageFact(
            stage=name,
            run=run,
            module=f"demo:1.0/stage/{name}",
            mark=verdict.mark,
            record=f"{folder}/record.json",
            journal=f"{folder}/journal.jsonl",
        ),
        record=record,
        verdict=verdict,
        tally=tally,
        outcomes=ended,
        flaky=flaky,
        complete=complete,
    )


def _tally(outcomes: Mapping[str, Outcome], flaky: int, counts: Mapping[str, int]) -> Tally:
    count = Counter(outcomes.values())
    tally = Tally(
        collected=len(outcomes),
        finished=len(outcomes) - count[Outcome.LOST],
        passed=count[Outcome.PASSED],
        failed=count[Outcome.FAILED] + count[Outcome.CRASHED] + count[Outcome.XPASSED_STRICT],
        errors=count[Outcome.ERROR],
        skipped=count[Outcome.SKIPPED],
        xfailed=count[Outcome.XFAILED],
        xpassed=count[Outcome.XPASSED],
        lost=count[Outcome.LOST],
        flaky=flaky,
    )
    return replace(tally, **counts)


def _verdict(tally: Tally, *, complete: bool) -> Verdict:
    if tally.failed or tally.errors:
        return Verdict(result=Result.FAILED, reasons=(f"{tally.failed + tally.errors} failed",))
    if not complete or tally.lost or not tally.passed + tally.xpassed:
        return Verdict(result=Result.INCOMPLETE, reasons=("no test ran to its end",))
    warned = tally.flaky or tally.xpassed
    return Verdict(result=Result.WARNED, reasons=("flaky",)) if warned else Verdict(result=Result.PASSED)


def with_record(stage: StageEvidence, /, **changes: Any) -> StageEvidence:
    """The same run with another record."""
    assert stage.record is not None
    return replace(stage, record=replace(stage.record, **changes))


def with_facts(stage: StageEvidence, /, **changes: Any) -> StageEvidence:
    """The same run, on something else."""
    assert stage.record is not None
    return with_record(stage, facts=replace(stage.record.facts, **changes))


def an_envelope(
    stage: str = "unit", run: str = "1", predicate: Mapping[str, Any] | None = None
) -> EnvelopeEvidence:
    """The signed result of a stage."""
    return EnvelopeEvidence(
        path=f"candidates/demo/1.0/evidence/{stage}/{run}/result.intoto.jsonl",
        line=1,
        digest=Checksums.of(f"statement of {stage} {run}".encode()).sha256,
        statement={
            "_type": STATEMENT,
            "subject": [{"name": "demo", "digest": {"sha256": WHEEL.sha256}}],
            "predicateType": TEST_RESULT,
            "predicate": {
                "result": "PASSED",
                "configuration": [{"name": stage, "digest": {"sha256": record_digest(stage, run)}}],
                BUILD: dict(build_field(_build(()).id)),
                PREVIOUS: [],
                **(predicate or {}),
            },
        },
        keys=frozenset({_KEYID}),
    )


def an_approval(key: str = _KEYID, **changes: Any) -> EnvelopeEvidence:
    """A signed approval of the wheel for `integration`."""
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": "demo", "digest": {"sha256": WHEEL.sha256}}],
        "predicateType": APPROVAL,
        "predicate": {"level": "integration", BUILD: dict(build_field(_build(()).id))},
        **changes,
    }
    return replace(
        an_envelope(), statement=statement, keys=frozenset({key}), path="approval", digest="a" * 64
    )


def _build(stages: tuple[StageEvidence, ...]) -> BuildInfo:
    evidence = tuple(
        Module(id=stage.fact.module, properties={"defend.stage": stage.fact.stage}) for stage in stages
    )
    package = Module(id="demo:1.0", dependencies=(Dependency(id="lib:2.0"),))
    return BuildInfo(
        name="demo",
        number="1",
        started=started_text(BEGAN),
        principal="ci-bot",
        vcs=(Vcs(revision=COMMIT),),
        modules=(package, *evidence),
    )


def _documents(stage: StageEvidence) -> tuple[FileFact, ...]:
    fact = stage.fact
    named = (
        (fact.record, record_digest(fact.stage, fact.run)),
        (fact.journal, Checksums.of(b"journal").sha256),
    )
    return tuple(a_file(path, sha256, fact.module) for path, sha256 in named if path)


def an_evidence(
    *stages: StageEvidence,
    ladder: Ladder = LADDER,
    reports: Mapping[str, bytes] | None = None,
    envelopes: tuple[EnvelopeEvidence, ...] = (),
    **changes: Any,
) -> Evidence:
    """Evidence that everything is well; `changes` are those of the snapshot.

    Without `stages` there are the two the level requires.
    """
    runs = stages or (a_stage("unit"), a_stage("smoke"))
    snapshot = Snapshot(
        taken=TAKEN,
        store="memory",
        level="integration",
        build=_build(runs),
        policy=PolicyFact(source="pyproject.toml", sha256="0" * 64, ladder=ladder),
        standing="candidates",
        runs=(started_text(BEGAN),),
        files=(a_file(), *(file for run in runs for file in _documents(run))),
        stages=tuple(run.fact for run in runs),
        dependencies=(a_dependency(),),
    )
    return Evidence(
        snapshot=replace(snapshot, **changes),
        stages=runs,
        envelopes=envelopes,
        reports=reports or {},
        keys={KEY: frozenset({_KEYID})},
    )


def judged(evidence: Evidence, rule: str, parameters: Any = True, **others: Any) -> Finding:
    """What a rule finds, read and judged as a policy has it; `others` are further rules."""
    rules = {rule: parameters, **{name.replace("_", "-"): raw for name, raw in others.items()}}
    level = Level(name=evidence.snapshot.level, rules=rules)
    policy = read_policy(Ladder(levels=(level,)), source="policy.toml", kinds=kinds())
    found = judge(evidence, policy.rules(level.name))
    return next(finding for finding in found if finding.rule == rule)
