"""Rules about integrity: there is one build, everything it names is kept as it says, and was tested.

Rules:
- They hold for every level, cannot be turned off, and cannot be overridden.
- What is kept with other bytes, or kept twice with different ones, is refused; so is what nobody looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.documents import chain
from pytest_defend.documents.statements import Statement
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates.material import (
    build_said,
    instant,
    is_unread,
    listed,
    packages,
    plural,
    shown_run,
    where,
)
from pytest_defend.gates.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.snapshot import FileFact

__all__ = ["RULES", "Intact", "OneBuild", "SubjectMatch"]

_SHOWN = 12  # digits of a digest in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class OneBuild(Rule):
    """Exactly one run has this name and number."""

    NAME: ClassVar[str] = "one-build"
    ALWAYS: ClassVar[bool] = True
    ASKS_STORE: ClassVar[bool] = True

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        build = evidence.snapshot.build
        name = f"{build.name}/{build.number}"
        expected = f"one run of {name}, started {build.started}"
        spellings = {instant(run) or run: run for run in evidence.snapshot.runs}
        runs = sorted(spellings.values())
        if not runs:
            step = "Publish the build, or ask a store that has it."
            return self.cannot_say(expected, f"the store names no run of {name}", next=step)
        if len(runs) > 1:
            actual = f"{len(runs)} runs of {name}: started {listed(runs)}"
            step = "Which one is meant cannot be told later on. Build again with a number of its own."
            return self.fails(expected, actual, next=step)
        if runs[0] != build.started and (instant(runs[0]) or runs[0]) != instant(build.started):
            step = "It was published again in between. Ask once more, for the build as it is now."
            return self.fails(expected, f"one run, started {runs[0]}", next=step)
        return self.passes(expected, f"one run, started {runs[0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intact(Rule):
    """Every file of the build and every document of its stages is what the build-info says."""

    NAME: ClassVar[str] = "intact"
    ALWAYS: ClassVar[bool] = True
    ASKS_STORE: ClassVar[bool] = True

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        snapshot = evidence.snapshot
        expected = (
            "every file of the build is kept with the bytes of the build-info, and every record, journal and"
            " statement belongs to this build"
        )
        step = "Publish the build again under a new number, from runs whose evidence is untouched."
        broken = [*_broken_files(snapshot.files), *_broken_stages(evidence), *_broken_chain(evidence)]
        if broken:
            seen = [each[1] for each in broken]
            return self.fails(expected, listed([each[0] for each in broken], "; "), seen, next=step)
        nameless = [file.path for file in snapshot.files if not file.sha256]
        if nameless:
            actual = f"the build-info gives no sha256 for {listed(nameless)}"
            step = "Publish it with a client that writes sha256."
            return self.cannot_say(expected, actual, nameless, next=step)
        if not snapshot.files:
            return self.cannot_say(expected, "the build names no file", next="Publish its files with it.")
        statements = sum(each.statement is not None for each in evidence.envelopes)
        stages = plural(len(evidence.stages), "run")
        actual = (
            f"{plural(len(snapshot.files), 'file')}, {stages} of stages, {plural(statements, 'statement')}"
        )
        return self.passes(expected, actual)


def _broken_files(files: tuple[FileFact, ...]) -> Iterator[tuple[str, str]]:
    """What is wrong with the files: a sentence, and where."""
    told: dict[str, set[str]] = {}
    for file in files:
        told.setdefault(file.path, set()).add(file.sha256)
    for path, digests in told.items():
        if len(digests) > 1:
            yield f"the build-info names {path} twice, with different bytes", path
    for file in files:
        if not file.sha256:
            continue
        others = [kept for kept in file.kept if kept.sha256 != file.sha256]
        for kept in others:
            digests_shown = f"{kept.sha256[:_SHOWN]} instead of {file.sha256[:_SHOWN]}"
            yield f"{kept.path} holds other bytes than were published ({digests_shown})", kept.path
        if not others and not file.kept:
            yield f"{file.path} is not there", file.path


def _broken_stages(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for run in evidence.stages:
        problem = run.problem or _stranger(evidence, run)
        if problem:
            yield f"{shown_run(run)}: {problem}", run.fact.record or run.fact.module


def _stranger(evidence: Evidence, run: StageEvidence) -> str:
    """Why the record of a run is not of this build, stage and run; empty when it is."""
    build, record = evidence.snapshot.build, run.record
    if record is None or run.verdict is None:
        return "its record or journal cannot be read"
    for what, told, wanted in (
        ("build", f"{record.build_name}/{record.build_number}", f"{build.name}/{build.number}"),
        ("stage", record.stage, run.fact.stage),
        ("run", record.run, run.fact.run),
    ):
        if told != wanted:
            return f"its record is of another {what}, {told}, not {wanted}"
    return ""


def _broken_chain(evidence: Evidence) -> Iterator[tuple[str, str]]:
    # Nobody has to trust a statement to see that it is there; what it says counts only when it is trusted.
    links = [chain.Link(digest=each.digest, previous=None) for each in evidence.envelopes if each.digest]
    for envelope in evidence.envelopes:
        if envelope.statement is None or envelope.problem:
            continue
        place = f"{envelope.path}, line {envelope.line}"
        try:
            links.append(chain.link_of(Statement.from_dict(envelope.statement), envelope.digest))
        except InvalidDocument as error:
            yield f"the statement in {place} cannot be read: {error}", place
    if build_said(evidence) is None:
        told = f"the build started at {evidence.snapshot.build.started}, which is before any time"
        yield told, "the build-info"
        return
    build = evidence.snapshot.build
    named = [module.properties.get(chain.NAMED) for module in build.modules]
    for problem in chain.problems(links, build.id, [str(each) for each in named if each]):
        yield problem.rstrip("."), "the chain of signed statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectMatch(Rule):
    """What would be promoted is exactly what the records are evidence for."""

    NAME: ClassVar[str] = "subject-match"
    ALWAYS: ClassVar[bool] = True

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = (
            "the files to be promoted are those the records of the stages are evidence for, byte for byte"
        )
        files = packages(evidence)
        if not files:
            return self.fails(
                expected, "the build has no package; there is nothing to promote", next="Publish one with it."
            )
        read = [run for run in evidence.stages if not is_unread(run)]
        digests = {file.sha256 for file in files if file.sha256}
        named = {
            subject.checksums.sha256: (subject.file, run)
            for run in read
            for subject in (run.record.subjects if run.record else ())
        }
        other = [
            f"{shown_run(run)} is about {file} with sha256 {sha256[:_SHOWN]}"
            for sha256, (file, run) in named.items()
            if sha256 not in digests
        ]
        if other:
            step = "Run the stage on the files of this build (--defend-artifact-from), under a new number."
            actual = f"{listed(other, '; ')}, which is not to be promoted"
            return self.fails(expected, actual, where(read), next=step)
        untold = [file.path for file in files if file.sha256 not in named]
        if untold:
            step = "Run a stage on these files (--defend-artifact-from), or publish the build without them."
            actual = f"no record names {listed(untold)}"
            return (self.fails if read else self.cannot_say)(expected, actual, untold, next=step)
        if unread := [shown_run(run) for run in evidence.stages if is_unread(run)]:
            step = "Publish the build again under a new number, from runs whose evidence is untouched."
            return self.cannot_say(expected, f"what {listed(unread)} is about is not known", next=step)
        return self.passes(expected, f"{plural(len(files), 'file')}, each named by a record", where(read))


RULES: tuple[type[Rule], ...] = (OneBuild, Intact, SubjectMatch)
