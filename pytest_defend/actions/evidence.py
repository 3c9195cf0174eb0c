"""Evidence: a snapshot with its documents, read again and compared with what the build recorded.

Rules:
- A document counts when its bytes are those the build-info names. Whatever is wrong with one is a sentence
  where the document would be; only a store that cannot be asked is an error.
- A statement counts when it is signed with a key that the policy trusts; who signs is for the rules to say.
- Documents of several stages are read at a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.journals import Doubt, read_document, read_stage
from pytest_defend.documents.chain import digest_of
from pytest_defend.documents.dsse import verify
from pytest_defend.documents.envelopes import read_lines
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.documents.statements import read_statement
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.evidence import EnvelopeEvidence, Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.documents.envelopes import Line
    from pytest_defend.gates import Needs
    from pytest_defend.model.evidence import StageEvidence
    from pytest_defend.model.snapshot import Snapshot
    from pytest_defend.protocols import Store, Verifier

__all__ = ["read"]

_AT_ONCE = 8


def read(
    snapshot: Snapshot,
    store: Store,
    *,
    needs: Needs,
    verifiers: Callable[[str], Sequence[Verifier]] | None = None,
) -> Evidence:
    """Read what a snapshot names.

    Args:
        snapshot: Of the build.
        store: Where its documents are; threads share it.
        needs: What the rules want to see.
        verifiers: The keys of a PEM text, a `UsageError` when there are none; None to trust nobody.

    Raises:
        StoreError: The store cannot be asked.
    """
    digests = {
        path: file.sha256
        for file in snapshot.files
        for path in (file.path, *(each.path for each in file.kept))
    }
    trusted = dict(_trusted(snapshot, verifiers))
    keys = [each for found in trusted.values() for each in found]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        stages = pool.map(partial(read_stage, snapshot.build, digests, store), snapshot.stages)
        envelopes = pool.map(partial(_envelopes, digests, store, keys), snapshot.envelopes)
        reports = pool.map(partial(_report, digests, store), _wanted(snapshot, needs.reports))
        signed = tuple(each for found in envelopes for each in found)
        return Evidence(
            snapshot=snapshot,
            stages=tuple(_stated(stage, digests, signed) for stage in stages),
            envelopes=signed,
            reports={path: content for path, content in reports if content is not None},
            keys={text: frozenset(each.keyid for each in found) for text, found in trusted.items()},
        )


def _trusted(
    snapshot: Snapshot, verifiers: Callable[[str], Sequence[Verifier]] | None
) -> Iterator[tuple[str, Sequence[Verifier]]]:
    if verifiers is not None:
        for text, pem in snapshot.keys.items():
            with suppress(UsageError):  # the rule that names it finds no key there
                yield text, verifiers(pem)


def _wanted(snapshot: Snapshot, names: Sequence[str]) -> list[str]:
    """Paths of the archived files that rules ask for, those of the build that reached the level last too."""
    stages = {stage.module for stage in snapshot.stages}
    own = [
        file.path
        for file in snapshot.files
        if file.module in stages and any(f"/{file.path}".endswith(f"/{name}") for name in names)
    ]
    before = snapshot.previous.reports if snapshot.previous else None
    return list(dict.fromkeys([*own, *(path for paths in (before or {}).values() for path in paths)]))


def _report(digests: Mapping[str, str], store: Store, path: str) -> tuple[str, bytes | None]:
    """The bytes of a report; those of another build are what its store says they are."""
    try:
        return path, read_document(path, digests.get(path), store)
    except Doubt:
        return path, None


def _envelopes(
    digests: Mapping[str, str], store: Store, keys: Sequence[Verifier], path: str
) -> tuple[EnvelopeEvidence, ...]:
    try:
        lines = read_lines(read_document(path, digests.get(path, ""), store))
    except Doubt as doubt:
        return (EnvelopeEvidence(path=path, line=0, problem=str(doubt)),)
    return tuple(_envelope(path, line, keys) for line in lines)


def _envelope(path: str, line: Line, keys: Sequence[Verifier]) -> EnvelopeEvidence:
    if line.envelope is None:
        return EnvelopeEvidence(path=path, line=line.number, problem=line.problem)
    found = EnvelopeEvidence(path=path, line=line.number, digest=digest_of(line.envelope))
    verified = verify(line.envelope, keys)
    if not verified.ok:
        return replace(found, problem=" ".join(verified.problems))
    try:
        statement = read_statement(line.envelope.payload).to_dict()
    except InvalidDocument as error:
        return replace(found, problem=str(error))
    return replace(found, statement=statement, keys=frozenset(verified.accepted))


def _stated(
    stage: StageEvidence, digests: Mapping[str, str], envelopes: Sequence[EnvelopeEvidence]
) -> StageEvidence:
    """A run of a stage with the statements about its record."""
    record = digests.get(stage.fact.record, "")
    about = [
        each.path for each in envelopes if record and each.statement and record in _about(each.statement)
    ]
    return replace(stage, statements=tuple(dict.fromkeys(about)))


def _about(statement: Mapping[str, Any]) -> frozenset[str]:
    """Digests of what a result of tests says was run."""
    if statement.get("predicateType") != TEST_RESULT:
        return frozenset()
    listed = statement.get("predicate", {}).get("configuration")
    digests = (
        [each.get("digest") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    return frozenset(str(each.get("sha256", "")) for each in digests if isinstance(each, dict))
