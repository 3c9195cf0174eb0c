"""Journals: one run of a stage, by the record and the journal that are archived for it.

Rules:
- Bytes are compared with the build-info before they count. Record and journal must name the build, the stage
  and the run they are kept for, and each other.
- Verdict, outcomes and counts come from the journal. A mark can only make a verdict worse; that a run without
  one is not known to have ended is for the rules to say.
- A journal is read as a stream; what stays of it are outcomes and the names of tests.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_defend.errors import Corrupt, InvalidDocument, NotFound
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.evidence import StageEvidence
from pytest_defend.model.record import RunRecord
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.results import Outcome, Result, Verdict
from pytest_defend.model.verdict import complete, judge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.journal import Header
    from pytest_defend.model.replay import Summary
    from pytest_defend.model.snapshot import StageFact
    from pytest_defend.protocols import Store

__all__ = ["Doubt", "opened", "read_document", "read_stage"]

_LARGEST = 64 * 1024 * 1024  # bytes of a document that is read whole
_SHOWN = 12  # digits of a digest in a sentence
_WORST_FIRST = (
    *(Outcome.CRASHED, Outcome.LOST, Outcome.FAILED, Outcome.XPASSED_STRICT, Outcome.ERROR, Outcome.RERUN),
    *(Outcome.SKIPPED, Outcome.XFAILED, Outcome.XPASSED, Outcome.PASSED),
)


class Doubt(Exception):
    """A document counts for nothing; its only argument says why."""


def read_document(path: str, sha256: str | None, store: Store) -> bytes:
    """The bytes of a document that is small.

    Args:
        path: In the store.
        sha256: By the build-info, empty when it has none; None when no build-info of ours names the file.
        store: Where it is.

    Raises:
        Doubt: It is not there, or not what was recorded.
        StoreError: The store cannot be asked.
    """
    with opened(path, sha256, store) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise Doubt(f"{path} is larger than the {_LARGEST // 1024 // 1024} MiB that are read")
    return content


def opened(path: str, sha256: str | None, store: Store) -> BinaryIO:
    """A file with the bytes that were recorded, at its start; to be closed.

    Args:
        path: In the store.
        sha256: As for `read_document`.
        store: Where it is.

    Raises:
        Doubt: It is not there, or not what was recorded.
        StoreError: The store cannot be asked.
    """
    if sha256 == "":
        raise Doubt(f"the build-info gives no sha256 for {path}")
    try:
        file = store.open(path)
    except NotFound as error:
        raise Doubt(f"{path} is not there: it was deleted, or moved away") from error
    except Corrupt as error:
        raise Doubt(f"{path} was altered: {error}") from error
    try:
        actual = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file
        file.seek(0)
    except BaseException:
        file.close()
        raise
    if sha256 is not None and actual != sha256:
        file.close()
        shown = f"its sha256 is {actual[:_SHOWN]}, the build-info says {sha256[:_SHOWN]}"
        raise Doubt(f"{path} was replaced: {shown}")
    return file


def read_stage(build: BuildInfo, digests: Mapping[str, str], store: Store, fact: StageFact) -> StageEvidence:
    """One run of a stage, with what its journal says.

    Args:
        build: Whose.
        digests: sha256 by path, as the build-info has them.
        store: Where its documents are.
        fact: Which run.

    Raises:
        StoreError: The store cannot be asked.
    """
    try:
        return _stage(build, digests, store, fact)
    except Doubt as doubt:
        return StageEvidence(fact=fact, problem=str(doubt))


def _stage(build: BuildInfo, digests: Mapping[str, str], store: Store, fact: StageFact) -> StageEvidence:
    for name, path in (("record.json", fact.record), (JOURNAL, fact.journal)):
        if not path:
            raise Doubt(f"the module {fact.module} names no {name}")
    try:
        record = RunRecord.from_bytes(read_document(fact.record, digests.get(fact.record, ""), store))
        _check_own(record, "record", build, fact)
        _check_pair(record, digests.get(fact.journal, ""), fact)
        with opened(fact.journal, digests.get(fact.journal, ""), store) as file:
            summary = summarise(file)
            _check_own(summary.header, "journal", build, fact)
            file.seek(0)
            return heard(file, summary, record, fact)
    except InvalidDocument as error:
        raise Doubt(f"{fact.record} or its journal cannot be read: {error}") from error


def _check_own(document: RunRecord | Header, kind: str, build: BuildInfo, fact: StageFact) -> None:
    for what, told, wanted in (
        ("build", f"{document.build_name}/{document.build_number}", f"{build.name}/{build.number}"),
        ("stage", document.stage, fact.stage),
        ("run", document.run, fact.run),
    ):
        if told != wanted:
            raise Doubt(f"its {kind} is of another {what}: {told}, not {wanted}")


def _check_pair(record: RunRecord, journal_sha256: str, fact: StageFact) -> None:
    """Refuse a journal that is not the one the record was made from."""
    named = next((file.checksums.sha256 for file in record.files if file.name == JOURNAL), "")
    if named != journal_sha256:
        shown = f"sha256 {named[:_SHOWN]}" if named else "no journal"
        raise Doubt(f"its record was made from another journal than {fact.journal}: it names {shown}")


def heard(file: BinaryIO, summary: Summary, record: RunRecord, fact: StageFact) -> StageEvidence:
    """What a journal says of a run.

    Args:
        file: The journal, at its start.
        summary: Of it.
        record: That was made from it.
        fact: Which run it is.
    """
    outcomes: dict[str, Outcome] = {}
    flaky = set()
    for case in cases(file, summary):
        known = outcomes.get(case.nodeid, Outcome.PASSED)
        outcomes[case.nodeid] = min(known, case.outcome, key=_WORST_FIRST.index)
        if case.flaky:
            flaky.add(case.nodeid)
    verdict = judge(summary)
    spoken_against = verdict.green and fact.mark == Result.FAILED  # by something that is not in the journal
    return StageEvidence(
        fact=fact,
        record=record,
        verdict=_worse(verdict, fact.mark),
        tally=summary.tally,
        outcomes=outcomes,
        flaky=frozenset(flaky),
        marks={name: frozenset(map(summary.ids.name, rows)) for name, rows in summary.marks.items()},
        complete=complete(summary) and not spoken_against,
    )


def _worse(verdict: Verdict, mark: str) -> Verdict:
    """The verdict of a journal, or that of the mark where it is worse."""
    if not verdict.green or mark in ("", Result.PASSED, verdict.result):
        return verdict
    if mark == Result.WARNED:
        return Verdict(result=Result.WARNED, reasons=("its mark says warned, its journal does not say why",))
    reason = (
        f"its mark says {mark}: pytest ended badly after its session finished, or somebody spoke against it"
    )
    return Verdict(result=Result.FAILED, reasons=(reason,))
