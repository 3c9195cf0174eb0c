"""The rows of builds in the ledger, and the edges between builds and files.

Rules:
- Every function works on a connection that is given: the transaction is its caller's.
- Reading by name uses columns of version 1 only.
- `document` is what is read; `original` is what was published, kept once the two differ.
- The edges are an index made from the document; they are made anew with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_defend.errors import Corrupt
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.protocols import Run
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    import sqlite3

    from pytest_defend.model.buildinfo import Artifact

__all__ = ["new_run", "read_document", "read_original", "read_runs", "rewrite_run"]

_RUNS = "SELECT name, number, started, started_ms FROM builds WHERE {} ORDER BY name, started_ms, number"
_NEW_BUILD = """
    INSERT INTO builds
    (name, number, started, started_ms, published_ms, document, sha256, project, created_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_THIS = "name = ? AND number = ? AND started_ms = ?"


def read_runs(database: sqlite3.Connection | None, where: str, *texts: str) -> tuple[Run, ...]:
    """The runs that match, sorted by name, then `started`; `where` is ours, `texts` come from outside."""
    if database is None:
        return ()
    rows = database.execute(_RUNS.format(where), [bound(text) for text in texts])
    return tuple(
        Run(id=BuildId(name=name, number=number, started=started), started_at=instant_from_ms(started_ms))
        for name, number, started, started_ms in rows
    )


def read_document(
    database: sqlite3.Connection, run: Run, *, locator: str, project: str | None = None
) -> BuildInfo:
    """The document of a run that is there; with a project, of the run in it.

    Raises:
        Corrupt: It is not what was written.
    """
    where, key = _where(run, project)
    query = f"SELECT document, sha256 FROM builds {where}"  # noqa: S608
    document, expected = database.execute(query, key).fetchone()
    actual = hashlib.sha256(document).hexdigest()
    if actual != expected:
        hint = f"Restore {locator} from a copy."
        raise Corrupt(f"{run.id.name}/{run.id.number}", expected=expected, actual=actual, hint=hint)
    return BuildInfo.from_bytes(document)


def read_original(database: sqlite3.Connection, run: Run, *, locator: str) -> BuildInfo:
    """The document of a run as it was published.

    Raises:
        Corrupt: The document is not what was written.
    """
    query = f"SELECT original FROM builds WHERE {_THIS}"  # noqa: S608
    (original,) = database.execute(query, _key(run)).fetchone()
    return BuildInfo.from_bytes(original) if original else read_document(database, run, locator=locator)


def _key(run: Run) -> tuple[str, str, int]:
    return run.id.name, run.id.number, epoch_ms(run.started_at)


def _where(run: Run, project: str | None) -> tuple[str, tuple[str | int, ...]]:
    if project is None:  # version 1 knew no projects
        return f"WHERE {_THIS}", _key(run)
    return f"WHERE {_THIS} AND project = ?", (*_key(run), project)


def new_run(
    database: sqlite3.Connection,
    build: BuildInfo,
    *,
    published_ms: int,
    project: str = "",
    created_by: str = "",
) -> int:
    """Write a run that is not there yet.

    Returns:
        The number of its row.
    """
    document = build.to_bytes()
    sha256 = hashlib.sha256(document).hexdigest()
    started_ms = int(build.timestamp)
    known = (build.name, build.number, build.started, started_ms, published_ms, document, sha256)
    row = database.execute(_NEW_BUILD, (*known, project, created_by)).lastrowid or 0
    _write_edges(database, row, build)
    return row


def rewrite_run(
    database: sqlite3.Connection, run: Run, build: BuildInfo, *, project: str | None = None
) -> None:
    """Give a run that is there a document that has grown."""
    where, key = _where(run, project)
    (row,) = database.execute(f"SELECT id FROM builds {where}", key).fetchone()  # noqa: S608
    document = build.to_bytes()
    sha256 = hashlib.sha256(document).hexdigest()
    database.execute(
        "UPDATE builds SET original = COALESCE(original, document), document = ?, sha256 = ? WHERE id = ?",
        (document, sha256, row),
    )
    database.execute("DELETE FROM build_artifacts WHERE build = ?", (row,))
    database.execute("DELETE FROM build_dependencies WHERE build = ?", (row,))
    _write_edges(database, row, build)


def _write_edges(database: sqlite3.Connection, row: int, build: BuildInfo) -> None:
    artifacts = [
        (row, *_texts(module.id, _path(artifact), artifact.sha256, artifact.sha1))
        for module in build.modules
        for artifact in module.artifacts
    ]
    database.executemany("INSERT INTO build_artifacts VALUES (?, ?, ?, ?, ?)", artifacts)
    dependencies = [
        (row, *_texts(module.id, dependency.id, dependency.sha256, dependency.sha1))
        for module in build.modules
        for dependency in module.dependencies
    ]
    database.executemany("INSERT INTO build_dependencies VALUES (?, ?, ?, ?, ?)", dependencies)


def _path(artifact: Artifact) -> str:
    return f"{artifact.repository}/{artifact.path}" if artifact.repository and artifact.path else ""


def _texts(*texts: str) -> tuple[str | None, ...]:
    """As the index has them: NULL for what the document does not say."""
    return tuple(bound(text) or None for text in texts)
