"""Archives that are unpacked on arrival.

Rules:
- Every member is read before the first is put in its place; with `atomic` a member that may not go there
  refuses them all, otherwise it is left out.
- A member whose path leaves the folder is refused.
- Every file has the properties that came with the archive.
"""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from pytest_defend.errors import UsageError
from pytest_defend.server.places import colon, repository_of
from pytest_defend.server.refusals import Refused, as_text
from pytest_defend.stores.entries import Deposit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flask import Response

    from pytest_defend.model.checksums import Checksums
    from pytest_defend.server.calls import Call

__all__ = ["explode"]

_CHUNK_BYTES = 1 << 16


def explode(
    call: Call,
    path: str,
    properties: Mapping[str, tuple[str, ...]],
    *,
    atomic: bool,
    taken: Iterable[bytes],
) -> Response:
    """Unpack an archive into the folder it was sent to.

    Raises:
        Refused: It is no archive, or a member may not go there.
    """
    folder = path.rpartition("/")[0]
    with tempfile.TemporaryFile() as file:
        file.writelines(taken)
        file.seek(0)
        try:
            received = [
                (f"{folder}/{name}", call.store.files.receive(_chunks(member)))
                for name, member in _members(path, file)
            ]
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise Refused(400, f"Unable to explode archive '{colon(path)}': {error}") from error
    allowed = [one for one in received if _may_replace(call, *one)]
    if atomic and len(allowed) < len(received):
        raise Refused(
            403, f"Not enough permissions to delete/overwrite all artifacts under '{colon(folder)}'."
        )
    deposits = [
        Deposit(path=target, checksums=checksums, user=call.user.name, properties=properties or None)
        for target, checksums in allowed
    ]
    try:
        call.store.files.deposit_all(deposits)
    except UsageError as error:
        raise Refused(400, error.message) from error
    return as_text(f"Successfully deployed {len(deposits)} artifacts.\n")


def _may_replace(call: Call, path: str, checksums: Checksums) -> bool:
    files = call.store.files
    if call.may("d", repository_of(path)) or not files.has(path):
        return True
    return files.entry(path).checksums == checksums


def _members(path: str, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of an archive: path and bytes."""
    opened = _zipped(file) if path.endswith((".zip", ".whl", ".jar")) else _tarred(file)
    with opened as members:
        for name, member in members:
            parts = name.replace("\\", "/").split("/")
            if name.startswith("/") or ".." in parts:
                raise Refused(400, f"Unable to explode archive '{colon(path)}': {name} leaves it.")
            yield "/".join(part for part in parts if part not in ("", ".")), member


@contextmanager
def _zipped(file: IO[bytes]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    with zipfile.ZipFile(file) as archive:
        yield (
            (member.filename, archive.open(member)) for member in archive.infolist() if not member.is_dir()
        )


@contextmanager
def _tarred(file: IO[bytes]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    with tarfile.open(fileobj=file) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive if member.isfile())
        yield ((name, member) for name, member in files if member is not None)


def _chunks(member: IO[bytes]) -> Iterator[bytes]:
    while chunk := member.read(_CHUNK_BYTES):
        yield chunk
