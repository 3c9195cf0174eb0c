"""Eligibility: what the gate of the next level says of a build, at the end of a run and once it is published.

Rules:
- At the end of a run the rules see what the run itself knows: its journal, its record, its files. The store
  is not asked; rules that need it are left open.
- Once the stage is marked, the whole gate is asked, and its answer stands on the package wherever it is. A
  build that cannot be judged is not eligible.
- The next level is the one above the level its package stands on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.actions.gate import gate, needs_of
from pytest_defend.actions.heights import measure
from pytest_defend.actions.journals import heard
from pytest_defend.gates import judge, ruling
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.eligibility import Eligibility, eligible_property
from pytest_defend.model.evidence import Evidence
from pytest_defend.model.snapshot import FileFact, Snapshot, StageFact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pytest_defend.actions.pack import Ended
    from pytest_defend.actions.snapshot import Outside
    from pytest_defend.gates import Policy
    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.decision import Finding
    from pytest_defend.protocols import Store

__all__ = ["foreseen", "tell"]

_LARGEST = 64 * 1024 * 1024  # bytes of a report that is read whole


def foreseen(run: Ended, policy: Policy, now: datetime) -> Eligibility | None:
    """What the rules of the next level say of a run that is not published yet.

    Args:
        run: The run.
        policy: The ladder and its rules.
        now: The instant everything is judged at.

    Returns:
        None when there is no level above the repository of the package.

    Raises:
        OSError: The bundle cannot be read.
    """
    place = policy.ladder.place(_repository(run.build))
    level = policy.ladder.above(place.rank if place else -1)
    if level is None:
        return None
    rules = policy.rules(level.name)
    evidence = _local(run, policy, level.name, now, needs_of(rules).reports)
    left_open = {applied.key for applied in rules if applied.rule.ASKS_STORE}
    findings = [finding for finding in judge(evidence, rules) if finding.rule not in left_open]
    return Eligibility(
        level=level.name,
        ruling=ruling(findings),
        reasons=tuple(_reasons(findings)),
        left_open=tuple(applied.key for applied in rules if applied.key in left_open),
        policy_sha256=policy.fact.sha256,
    )


def _repository(build: BuildInfo) -> str:
    """Where the package goes, or the evidence of a run without one."""
    named = [file for module in build.modules for file in module.artifacts]
    return named[0].repository if named else ""


def _local(run: Ended, policy: Policy, level: str, now: datetime, reports: Sequence[str]) -> Evidence:
    build, record = run.build, run.record
    (stage,) = [module for module in build.modules if "defend.stage" in module.properties]
    paths = {file.name: f"{file.repository}/{file.path}" for file in stage.artifacts}
    place = policy.ladder.place(_repository(build))
    fact = StageFact(stage=record.stage, run=record.run, module=stage.id, journal=paths.get(JOURNAL, ""))
    snapshot = Snapshot(
        taken=now,
        store="",
        level=level,
        build=build,
        policy=policy.fact,
        subsystem=place.subsystem if place else "",
        standing=place.level if place else "",
        files=tuple(_files(build)),
        stages=(fact,),
        local=True,
    )
    wanted = {
        name: path
        for name, path in paths.items()
        if f"/{name}".endswith(tuple(f"/{each}" for each in reports))
    }
    with (run.folder / JOURNAL).open("rb") as journal:
        return Evidence(
            snapshot=snapshot,
            stages=(heard(journal, run.summary, record, fact),),
            reports={
                path: (run.folder / name).read_bytes()
                for name, path in wanted.items()
                if (run.folder / name).stat().st_size <= _LARGEST
            },
        )


def _files(build: BuildInfo) -> Iterator[FileFact]:
    for module in build.modules:
        for file in module.artifacts:
            yield FileFact(path=f"{file.repository}/{file.path}", module=module.id, sha256=file.sha256)


def _reasons(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        if finding.refuses:
            yield f"{finding.rule}: {finding.actual}. {finding.next}".rstrip()


def tell(  # each of them is a collaborator
    build: BuildId,
    *,
    policy: Policy,
    store: Store,
    now: datetime,
    decision_id: str,
    outside: Outside | None = None,
) -> Eligibility | None:
    """Ask the gate of the next level, and write its answer to the package of the build, wherever it is.

    Args:
        build: Published, its stages marked.
        policy: The ladder and its rules.
        store: Where it is.
        now: The instant everything is judged at.
        decision_id: Of a decision that is not kept.
        outside: Who answers what the store does not know.

    Returns:
        None when it stands on the highest level.

    Raises:
        UsageError: The build is in no repository of the ladder's subsystems.
        StoreError: The store cannot be asked.
    """
    found = store.build(build)
    height = measure(found, policy.ladder, store)
    level = policy.ladder.above(height.rank)
    if level is None:
        return None
    decision = gate(
        found.id,
        level=level.name,
        policy=policy,
        store=store,
        now=now,
        decision_id=decision_id,
        outside=outside,
    )
    told = Eligibility(
        level=level.name,
        ruling=decision.ruling,
        reasons=tuple(_reasons(decision.findings)),
        policy_sha256=policy.fact.sha256,
    )
    packages = {
        (file.path, file.sha256) for module in found.modules if module.is_package for file in module.artifacts
    }
    places = [
        path
        for path, item in height.items.items()
        if (path.partition("/")[2], item.checksums.sha256) in packages
    ]
    store.annotate(sorted(places), {eligible_property(level.name): (told.claim,)})
    return told
