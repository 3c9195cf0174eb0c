"""Stated: the signed statements a build has, and how one more is added to it.

Rules:
- A file of envelopes is never changed: every signature is a file, and a module of the build, of its own. So
  it climbs with the package, and several can be made at a time.
- The module says which statement its file holds (`defend.statement`): a file that is taken away is missed.
- A new statement names the ends of the chain. What a statement says of others counts only when it was made
  with a key that signs now: everything else that is there is named, whoever made it.
- Files are looked for where they were published, then anywhere under the same path: promotions move files.
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.actions.journals import Doubt, read_document
from pytest_defend.documents import chain
from pytest_defend.documents.dsse import IN_TOTO, Envelope, sign, verify
from pytest_defend.documents.envelopes import SUFFIX, envelope_lines, read_lines
from pytest_defend.documents.statements import read_statement
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_defend.documents.statements import Statement
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Item, Signer, Store, Verifier

__all__ = [
    "Key",
    "Place",
    "Stated",
    "ends",
    "located",
    "paper",
    "path_of",
    "record_of",
    "stated",
    "with_paper",
]

_VERSION_DEPTH = 3  # `repository/name/version`
_SHORT = 8  # digits of a key's id in names


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Both halves of a key that signs."""

    signer: Signer
    verifier: Verifier

    @property
    def short(self) -> str:
        """The beginning of its id, as it stands in names and is shown."""
        return self.signer.keyid[:_SHORT]

    def made(self, envelope: Envelope) -> bool:
        """Whether it signed an envelope."""
        return verify(envelope, [self.verifier]).ok


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A line of a file of envelopes.

    Attributes:
        path: Of the file, as the build-info names it.
        line: Which line, from 1; 0 for the file as a whole.
        envelope: What is on it; None with a problem.
        statement: What is in the envelope, whether anybody trusts it or not; None when that is no statement.
        digest: As the chain knows it; of a file that is gone, what its module says.
        problem: Why there is no envelope.
    """

    path: str
    line: int = 0
    envelope: Envelope | None = None
    statement: Statement | None = None
    digest: str = ""
    problem: str = ""

    @property
    def payload(self) -> bytes:
        """What was signed; empty with a problem."""
        return self.envelope.payload if self.envelope else b""


def path_of(artifact: Artifact) -> str:
    """Where a file was published."""
    return f"{artifact.repository}/{artifact.path or artifact.name}"


def record_of(statement: Statement) -> str:
    """Sha256 of the record a result of tests was made from; empty when it names none."""
    listed = statement.predicate.get("configuration")
    first = listed[0] if isinstance(listed, list) and listed else None
    digest = first.get("digest") if isinstance(first, dict) else None
    return str(digest.get("sha256", "")) if isinstance(digest, dict) else ""


def located(build: BuildInfo, store: Store) -> Mapping[str, Item]:
    """Where the files of a build are now, by the path they were published to; what is gone is missing.

    A request for each folder of a package, and one for what was moved.

    Raises:
        StoreError: The store cannot be asked.
    """
    named = {path_of(file): file.sha256 for module in build.modules for file in module.artifacts}
    # Other clients leave the repository out: such a file is found by its content alone.
    folders = {"/".join(path.split("/")[:_VERSION_DEPTH]) for path in named if not path.startswith("/")}
    kept = {item.path: item for folder in sorted(folders) for item in store.list(folder)}
    found = {path: kept[path] for path in named if path in kept}
    gone = {path: sha256 for path, sha256 in named.items() if sha256 and path not in found}
    moved = store.find(sorted(set(gone.values()))) if gone else {}
    for path, sha256 in gone.items():
        inside = path.partition("/")[2]
        for item in moved.get(sha256, ()):
            if item.path.partition("/")[2] == inside:
                found.setdefault(path, item)
    return found


def stated(build: BuildInfo, there: Mapping[str, Item], store: Store) -> tuple[Stated, ...]:
    """Every line of every file of envelopes of a build.

    Args:
        build: Whose.
        there: As `located` says.
        store: Where they are.

    Raises:
        StoreError: The store cannot be asked.
    """
    return tuple(
        each
        for module in build.modules
        for file in module.artifacts
        if file.name.endswith(SUFFIX)
        for each in _lines(module, file, there, store)
    )


def _lines(module: Module, file: Artifact, there: Mapping[str, Item], store: Store) -> Iterator[Stated]:
    path = path_of(file)
    where = there[path].path if path in there else path
    named = str(module.properties.get(chain.NAMED, ""))
    try:
        lines = read_lines(read_document(where, file.sha256, store))
    except Doubt as doubt:
        yield Stated(path=path, digest=named, problem=f"{doubt}.")
        return
    for line in lines:
        if line.envelope is None:
            yield Stated(path=path, line=line.number, problem=line.problem)
            continue
        try:
            statement = read_statement(line.envelope.payload)
        except InvalidDocument:  # for those who verify it to complain of
            statement = None
        digest = chain.digest_of(line.envelope)
        yield Stated(path=path, line=line.number, envelope=line.envelope, statement=statement, digest=digest)


def ends(kept: Iterable[Stated], keys: Sequence[Key]) -> tuple[str, ...]:
    """What the next statement has to name.

    Args:
        kept: Every statement of the build.
        keys: Those that sign it.
    """
    links: dict[str, chain.Link] = {}
    for each in kept:
        if not each.digest:
            continue
        known = chain.Link(digest=each.digest, previous=())
        if each.envelope is not None and each.statement is not None:
            told = chain.link_of(each.statement, each.digest)
            own = any(key.made(each.envelope) for key in keys)
            known = told if own or told.previous is None else known
        elif each.envelope is not None:
            continue
        if each.digest not in links or known.previous:
            links[each.digest] = known
    return chain.heads(links.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a new file of envelopes goes.

    Attributes:
        folder: `repository/name/version/evidence/...`.
        module: Id of the package, with what follows it in the id of the module.
        kind: What the file is called, without the key.
        said: Further properties of the module.
    """

    folder: str
    module: str
    kind: str
    said: Mapping[str, str]


def paper(build: BuildInfo, payload: bytes, key: Key, place: Place) -> tuple[Module, Upload, Envelope]:
    """A signed statement as a file, and the module that names it.

    Args:
        build: Whose.
        payload: The statement.
        key: Signs it.
        place: Where it goes.
    """
    envelope = sign(payload, IN_TOTO, [key.signer])
    content = envelope_lines([envelope])
    name = f"{place.kind}-{key.short}{SUFFIX}"
    path = f"{place.folder}/{name}"
    sums = Checksums.of(content)
    artifact = Artifact(
        name=name,
        type="jsonl",
        path=path.partition("/")[2],
        repository=path.partition("/")[0],
        sha256=sums.sha256,
        sha1=sums.sha1,
        md5=sums.md5,
    )
    said = {
        "defend.kind": "evidence",
        chain.NAMED: chain.digest_of(envelope),
        "defend.key": key.signer.keyid,
        **place.said,
    }
    module = Module(
        id=f"{place.module}/{place.kind}-{key.short}", type="python", properties=said, artifacts=(artifact,)
    )
    upload = Upload(
        path=path, checksums=sums, open=lambda: io.BytesIO(content), properties=dict(_identity(build))
    )
    return module, upload, envelope


def _identity(build: BuildInfo) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The properties by which a server finds the files of a build."""
    yield "build.name", (build.name,)
    yield "build.number", (build.number,)
    with suppress(ValueError):  # a foreign build that began at no instant
        yield "build.timestamp", (build.timestamp,)


def with_paper(kept: tuple[Stated, ...], upload: Upload, envelope: Envelope) -> tuple[Stated, ...]:
    """What is stated once a file was added."""
    statement = read_statement(envelope.payload)
    digest = chain.digest_of(envelope)
    new = Stated(path=upload.path, line=1, envelope=envelope, statement=statement, digest=digest)
    return (*kept, new)
