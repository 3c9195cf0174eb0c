"""Sign: what the stages of a published build showed becomes signed statements beside its package.

Rules:
- What is signed is read from the archive again: record and journal with the bytes of the build-info. The mark
  of the stage can only make the result worse; a stage without its last word is not signed.
- The same run and the same key again change nothing. Keys that sign together sign one statement; a key that
  comes later makes one of its own, for it cannot know what to believe of the first.
- Several runs are signed one after the other, in the order of the build: each names those before it.
- A statement that cannot be made is a row that says why; the others are made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_defend.actions.journals import Doubt, opened, read_stage
from pytest_defend.actions.stages import stage_property
from pytest_defend.actions.stated import Place, ends, located, paper, path_of, record_of, stated, with_paper
from pytest_defend.documents.chain import PREVIOUS, digest_of
from pytest_defend.documents.provenance import PROVENANCE, provenance_statement
from pytest_defend.documents.stageresult import TEST_RESULT, StageRun, outcomes, result_statement
from pytest_defend.errors import Conflict, UsageError
from pytest_defend.model.bundle import JOURNAL, RECORD
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.signing import SignedRow, Signing, SigningView
from pytest_defend.model.snapshot import StageFact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_defend.actions.stated import Key, Stated
    from pytest_defend.documents.dsse import Envelope
    from pytest_defend.documents.statements import Statement
    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.protocols import Item, Store

    Forward = Callable[[str, Envelope], str]
    """Offers an envelope about the file at a path to a service; says why it was not taken, if it was not."""

__all__ = ["sign"]

_URLS = ("http://", "https://")


def sign(
    build: BuildId,
    store: Store,
    keys: Sequence[Key],
    *,
    stages: Collection[str] = (),
    run: str = "",
    builder: str = "",
    forward: Forward | None = None,
) -> SigningView:
    """Sign what the stages of a build showed.

    Args:
        build: Which.
        store: Where it is.
        keys: Those that sign; each makes a file of its own.
        stages: Names of the stages; empty for all.
        run: Id of the one run that is meant; empty for all.
        builder: URI of who is trusted to have built the files: with it, where they came from is signed, too.
        forward: Is offered every new envelope, for each file it is about; None for nobody.

    Raises:
        NotFound: There is no such build.
        UsageError: It has no such stage, or no stage at all.
        Conflict: Something else is in the place of a new file.
        StoreError: The store could not do it.
    """
    kept = store.build(build)
    desk = _Desk(kept, store)
    rows: list[SignedRow] = []
    warnings: list[str] = []
    for module in _chosen(kept, stages, run, store.locator):
        for row, envelope in desk.sign(module, keys, builder):
            rows.append(row)
            if forward is not None and envelope is not None:
                warnings += desk.offer(row.statement, envelope, forward)
    return SigningView(
        build=str(kept.id), store=store.locator, rows=tuple(rows), warnings=tuple(dict.fromkeys(warnings))
    )


def _chosen(build: BuildInfo, stages: Collection[str], run: str, locator: str) -> tuple[Module, ...]:
    """The modules of the runs that are meant."""
    every = [module for module in build.modules if "defend.stage" in module.properties]
    there = [str(module.properties["defend.stage"]) for module in every]
    for name in stages:
        if name not in there:
            hint = f"It has {', '.join(dict.fromkeys(there)) or 'none'}."
            raise UsageError(f"{build.id} in {locator} has no stage {name}.", hint=hint)
    found = [
        module
        for module, name in zip(every, there, strict=True)
        if (not stages or name in stages) and run in ("", module.properties.get("defend.run"))
    ]
    if not found:
        what = f"run {run}" if run else "stage"
        raise UsageError(f"{build.id} in {locator} has no {what}.", hint="Publish a run of its tests first.")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One run of a stage, read again."""

    fact: StageFact
    folder: str
    """Where its evidence is."""
    run: StageRun


class _Desk:
    """Where the statements of one build are made, one after the other."""

    def __init__(self, build: BuildInfo, store: Store) -> None:
        self._store = store
        self._look(build)

    def _look(self, build: BuildInfo) -> None:
        self._build = build
        self._there = located(build, self._store)
        self._stated = stated(build, self._there, self._store)

    def sign(
        self, module: Module, keys: Sequence[Key], builder: str
    ) -> Iterator[tuple[SignedRow, Envelope | None]]:
        """Every statement about one run of a stage, and the envelopes that are new."""
        stage, run = (str(module.properties.get(name, "")) for name in ("defend.stage", "defend.run"))
        row = SignedRow(stage=stage, run=run, predicate=TEST_RESULT, state=Signing.NOT)
        try:
            read = self._read(module, stage, run)
        except _Untold as untold:
            yield replace(row, reason=str(untold), unknown=True), None
            return
        except Doubt as doubt:
            yield replace(row, reason=str(doubt)), None
            return
        row = replace(row, result=read.run.verdict.result.value)
        result = partial(result_statement, read.run, build=self._build.id)
        for key in keys:
            yield self._made(read, row, (key, *keys), result)
        if builder and read.run.record.subjects:
            record, locations = read.run.record, read.run.locations
            origin = partial(
                provenance_statement, record, build=self._build.id, builder=builder, locations=locations
            )
            for key in keys:
                yield self._made(read, replace(row, predicate=PROVENANCE), (key, *keys), origin)

    def _read(self, module: Module, stage: str, run: str) -> _Read:
        """What a run showed, by its archive."""
        named = {file.name: path_of(file) for file in module.artifacts}
        places = {name: self._there[path].path for name, path in named.items() if path in self._there}
        digests = {
            self._there[path_of(file)].path: file.sha256
            for file in module.artifacts
            if path_of(file) in self._there
        }
        for name in (RECORD, JOURNAL):
            if name not in places:
                raise Doubt(f"its {name} is not there: {named.get(name, 'the build names none')}")
        fact = StageFact(
            stage=stage,
            run=run,
            module=module.id,
            mark=_mark((self._there.get(path) for path in named.values()), stage),
            record=places[RECORD],
            journal=places[JOURNAL],
        )
        if not fact.mark:
            raise _Untold(
                "it has no last word: its process ended before pytest did, or its files do not agree"
                f" ({stage_property(stage)})"
            )
        found = read_stage(self._build, digests, self._store, fact)
        if found.problem or found.record is None or found.verdict is None:
            raise Doubt(found.problem)
        with opened(fact.journal, digests[fact.journal], self._store) as lines:
            summary = summarise(lines)
            lines.seek(0)
            sorted_out = outcomes(cases(lines, summary), summary.collection)
        told = StageRun(
            record=found.record,
            record_sha256=digests[fact.record],
            verdict=found.verdict,
            tally=found.tally,
            outcomes=sorted_out,
            locations=self._locations(named),
        )
        return _Read(fact=fact, folder=fact.record.rpartition("/")[0], run=told)

    def _locations(self, named: Mapping[str, str]) -> Mapping[str, str]:
        """Where everybody finds the files of a run; a folder of this machine is nobody's business."""
        if not self._store.locator.startswith(_URLS):
            return {}
        return {name: f"{self._store.locator}/{path}" for name, path in named.items()}

    def _made(
        self, read: _Read, row: SignedRow, keys: Sequence[Key], make: Callable[..., Statement]
    ) -> tuple[SignedRow, Envelope | None]:
        """One statement and the first of some keys; made anew once, when somebody else was first."""
        try:
            return self._once(read, row, keys, make)
        except Conflict:
            self._look(self._store.build(self._build.id))
            return self._once(read, row, keys, make)

    def _once(
        self, read: _Read, row: SignedRow, keys: Sequence[Key], make: Callable[..., Statement]
    ) -> tuple[SignedRow, Envelope | None]:
        key = keys[0]
        row = replace(row, keyid=key.signer.keyid)
        try:
            same = [each for each in self._stated if _is_same(each, read, row.predicate, make)]
            if own := _of([key], same):
                first = own[0]
                row = replace(row, state=Signing.ALREADY, statement=first.digest, path=first.path)
                return row, None
            payload = _payload(_of(keys, same), ends(self._stated, keys), make)
        except UsageError as error:
            return replace(row, reason=error.message, unknown=True), None
        package = self._package(read.fact)
        place = Place(
            folder=read.folder,
            module=f"{package}/evidence/{row.stage}/{row.run}",
            kind="test-result" if row.predicate == TEST_RESULT else "provenance",
            said={"defend.predicate": row.predicate},
        )
        module, upload, envelope = paper(self._build, payload, key, place)
        self._store.append(self._build.id, [module], [upload])
        self._stated = with_paper(self._stated, upload, envelope)
        row = replace(row, state=Signing.SIGNED, statement=digest_of(envelope), path=upload.path)
        return row, envelope

    def _package(self, fact: StageFact) -> str:
        """Id of the package that a stage belongs to."""
        return fact.module.partition("/stage/")[0]

    def offer(self, statement: str, envelope: Envelope, forward: Forward) -> Iterator[str]:
        """Offer an envelope for every package it is about; gives why it was not taken."""
        about = next((each.statement for each in self._stated if each.digest == statement), None)
        digests = {each.digest.get("sha256") for each in about.subject} if about else set()
        for module in self._build.modules:
            for file in module.artifacts if module.is_package else ():
                item = self._there.get(path_of(file))
                if item is not None and file.sha256 in digests and (why := forward(item.path, envelope)):
                    yield why


class _Untold(Exception):
    """A stage about which not enough is known; its only argument says what."""


def _mark(items: Iterable[Item | None], stage: str) -> str:
    """What stands on all files of a stage; files that disagree, or are gone, give no mark."""
    name = stage_property(stage)
    said = {item.properties.get(name, ("",))[0] if item else "" for item in items}
    return said.pop() if len(said) == 1 else ""


def _of(keys: Sequence[Key], some: Iterable[Stated]) -> list[Stated]:
    """Those that one of the keys signed."""
    return [
        each for each in some if each.envelope is not None and any(key.made(each.envelope) for key in keys)
    ]


def _is_same(each: Stated, read: _Read, predicate: str, make: Callable[..., Statement]) -> bool:
    """Whether a statement is about this run: by the digest of its record, or as we would say the same."""
    statement = each.statement
    if statement is None or statement.predicate_type != predicate:
        return False
    if predicate == TEST_RESULT:
        return record_of(statement) == read.run.record_sha256
    return _says_it(statement, each.payload, make)


def _says_it(statement: Statement, payload: bytes, make: Callable[..., Statement]) -> bool:
    """Whether a statement is, byte for byte, what we would say in its place."""
    previous = statement.predicate.get(PREVIOUS)
    known = [digest for digest in previous if isinstance(digest, str)] if isinstance(previous, list) else []
    return payload == make(previous=known).to_bytes()


def _payload(same: Sequence[Stated], previous: Sequence[str], make: Callable[..., Statement]) -> bytes:
    """What is signed: the statement another of our keys signed, when it says the same; else a new one."""
    said = (
        each.payload
        for each in same
        if each.statement is not None and _says_it(each.statement, each.payload, make)
    )
    return next(said, None) or make(previous=previous).to_bytes()
