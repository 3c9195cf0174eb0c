"""Verify evidence: who signed what about a build, and whether all of it holds and is there.

Rules:
- Only what a trusted key signed is believed; everything else is a line that says why not.
- A result of tests counts when it is about a record of this build, and about nothing but its packages or the
  commit it was made from. A statement that names another build counts for nothing.
- Packages, records and journals have to be kept with the bytes of the build-info.
- A statement that the build or another statement names is missed when it is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.actions.stated import located, path_of, record_of, stated
from pytest_defend.documents import chain
from pytest_defend.documents.dsse import verify
from pytest_defend.documents.provenance import PROVENANCE
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import RECORD
from pytest_defend.model.signing import EvidenceView, StatementView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pytest_defend.actions.stated import Stated
    from pytest_defend.documents.statements import Statement
    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.protocols import Item, Store, Verifier

__all__ = ["verify_evidence"]

_SHOWN = 12  # digits of a digest in a sentence


def verify_evidence(
    build: BuildId,
    store: Store,
    verifiers: Sequence[Verifier],
    *,
    at_least: int = 1,
    stages: Collection[str] = (),
) -> EvidenceView:
    """Look at the signed evidence of a build.

    Args:
        build: Which.
        store: Where it is; nothing is written.
        verifiers: The keys that are trusted.
        at_least: How many different ones must have signed the result of each run.
        stages: Whose results must be signed; empty for every stage the build has.

    Raises:
        NotFound: There is no such build.
        UsageError: No signature is asked for, or more than there are keys.
        StoreError: The store cannot be read.
    """
    if not 1 <= at_least <= len({each.keyid for each in verifiers}):
        hint = "Give as many keys, or ask for fewer signatures."
        raise UsageError(f"{at_least} signatures by {len(verifiers)} trusted keys cannot be had.", hint=hint)
    kept = store.build(build)
    there = located(kept, store)
    lines = stated(kept, there, store)
    facts = _Facts(build=kept, records=dict(_records(kept)), packages=dict(_packages(kept)))
    looked = [_looked(each, verifiers, facts) for each in lines]
    return EvidenceView(
        build=str(kept.id),
        store=store.locator,
        trusted=tuple(sorted({each.keyid for each in verifiers})),
        statements=tuple(view for view, _ in looked),
        chain=tuple(_chain(kept, lines, looked)),
        files=tuple(_files(kept, there)),
        unsigned=tuple(_unsigned(facts, looked, at_least, stages)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What statements are held against."""

    build: BuildInfo
    records: Mapping[str, Module]
    """Stages, by the sha256 of their records."""
    packages: Mapping[str, str]
    """Names of package files, by sha256."""


_Looked = tuple[StatementView, "Statement | None"]
"""A statement as it is shown, and as it is believed; None when it is not."""


def _records(build: BuildInfo) -> Iterator[tuple[str, Module]]:
    for module in build.modules:
        if "defend.stage" in module.properties:
            yield from ((file.sha256, module) for file in module.artifacts if file.name == RECORD)


def _packages(build: BuildInfo) -> Iterator[tuple[str, str]]:
    for module in build.modules:
        if module.is_package:
            yield from ((file.sha256, file.name) for file in module.artifacts if file.sha256)


def _looked(each: Stated, verifiers: Sequence[Verifier], facts: _Facts) -> _Looked:
    if each.envelope is None:
        view = StatementView(path=each.path, line=each.line, statement=each.digest, problems=(each.problem,))
        return view, None
    verified = verify(each.envelope, verifiers)
    problems = list(verified.problems) if not verified.ok else []
    statement = each.statement if verified.ok else None
    if verified.ok and statement is None:
        problems.append("What is signed is no in-toto statement.")
    if statement is not None:
        problems += _problems(statement, facts)
    view = StatementView(
        path=each.path,
        line=each.line,
        statement=each.digest,
        predicate=statement.predicate_type if statement else "",
        says=_says(statement, facts) if statement else "",
        keys=verified.accepted,
        problems=tuple(problems),
    )
    return view, statement


def _says(statement: Statement, facts: _Facts) -> str:
    """What a statement says, in a few words."""
    predicate = statement.predicate
    if statement.predicate_type == TEST_RESULT:
        module = facts.records.get(record_of(statement))
        stage = module.properties["defend.stage"] if module else "of something else"
        return f"stage {stage} {str(predicate.get('result', 'said nothing')).lower()}"
    if statement.predicate_type == PROVENANCE:
        return "where its files came from"
    if "verificationResult" in predicate:
        return f"a decision, {str(predicate['verificationResult']).lower()}"
    if "level" in predicate and chain.BUILD in predicate:
        return f"approved for {predicate['level']}"
    return statement.predicate_type.rstrip("/").partition("://")[2] or statement.predicate_type


def _problems(statement: Statement, facts: _Facts) -> Iterator[str]:
    """Why a statement that is signed counts for nothing all the same."""
    build = facts.build
    if statement.predicate_type == TEST_RESULT and record_of(statement) not in facts.records:
        shown = record_of(statement)[:_SHOWN] or "none"
        yield f"It is about the record {shown}, which is none of this build: it was made for another one."
    named = statement.predicate.get(chain.BUILD)
    if named is not None and named != chain.build_field(build.id):
        yield "It names another build."
    revisions = {vcs.revision for vcs in build.vcs} - {""}
    for subject in statement.subject:
        sha256, commit = subject.digest.get("sha256"), subject.digest.get("gitCommit")
        if sha256 in facts.packages or (sha256 is None and commit in revisions):
            continue
        shown = f"{subject.name or 'a file'} ({(sha256 or commit or 'no digest')[:_SHOWN]})"
        yield f"It is about {shown}, which is not in this build."


def _chain(build: BuildInfo, lines: Sequence[Stated], looked: Sequence[_Looked]) -> Iterator[str]:
    # What nobody trusts is there, too: its digest is what others named.
    links = [chain.Link(digest=each.digest, previous=None) for each in lines if each.envelope is not None]
    for each, (_, statement) in zip(lines, looked, strict=True):
        if statement is not None:
            links.append(chain.link_of(statement, each.digest))
    named = [module.properties.get(chain.NAMED) for module in build.modules]
    yield from chain.problems(links, build.id, [str(each) for each in named if each])


def _files(build: BuildInfo, there: Mapping[str, Item]) -> Iterator[str]:
    """What is wrong with the packages and the archives of the stages."""
    for module in build.modules:
        if not module.is_package and "defend.stage" not in module.properties:
            continue
        for file in module.artifacts:
            item = there.get(path_of(file))
            if item is None:
                yield f"{path_of(file)} is not there."
            elif item.checksums.sha256 != file.sha256:
                shown = f"{item.checksums.sha256[:_SHOWN]} instead of {file.sha256[:_SHOWN]}"
                yield f"{item.path} holds other bytes than were published ({shown})."


def _unsigned(
    facts: _Facts, looked: Sequence[_Looked], at_least: int, stages: Collection[str]
) -> Iterator[str]:
    """Runs whose result too few trusted keys signed."""
    signed: dict[str, set[str]] = {}
    for view, statement in looked:
        if statement is not None and statement.predicate_type == TEST_RESULT and not view.problems:
            signed.setdefault(record_of(statement), set()).update(view.keys)
    names = set()
    for module in facts.build.modules:
        stage = module.properties.get("defend.stage")
        if stage is None or (stages and stage not in stages):
            continue
        names.add(stage)
        records = [sha256 for sha256, of in facts.records.items() if of is module]
        keys = set().union(*(signed.get(sha256, set()) for sha256 in records))
        if len(keys) < at_least:
            yield f"{stage} ({module.properties.get('defend.run', '')})"
    yield from (f"{stage} (it has not run)" for stage in sorted(set(stages) - names))
