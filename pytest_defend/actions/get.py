"""Get: one file of a build, byte for byte as it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.actions.files import difference, files
from pytest_defend.errors import Corrupt, NotFound, UsageError
from pytest_defend.model.checksums import Hasher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.views import FileView
    from pytest_defend.protocols import Store

__all__ = ["get"]

_CHUNK = 64 * 1024


def get(build: BuildId, wanted: str, target: Path, store: Store) -> FileView:
    """Write a file of a build to disk; it appears complete and checked, or not at all.

    Args:
        build: Which; without `started` the latest run of its number.
        wanted: Its path, or the end of it, as long as only one file ends so; a whole path comes first.
        target: Where it is written; replaced if it is there.
        store: Where it is read.

    Returns:
        The file.

    Raises:
        NotFound: There is no such build or file.
        UsageError: Several files end so.
        Corrupt: The store's bytes are not the recorded ones.
        OSError: The target cannot be written.
    """
    file = _the_one(build, wanted, store)
    draft = target.with_name(f".{target.name}.draft")
    hasher = Hasher()
    try:
        with store.open(file.path) as source, draft.open("wb") as out:
            for chunk in hasher.through(_chunks(source)):
                out.write(chunk)
        differing = difference(file, hasher.checksums())
        if differing is not None:
            expected, actual = differing
            hint = "The archive no longer says what was recorded; nothing was written."
            raise Corrupt(file.path, expected=expected, actual=actual, hint=hint)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _the_one(build: BuildId, wanted: str, store: Store) -> FileView:
    view = files(build, store)
    listed = {file.path: file for file in view.files}
    if wanted in listed:
        return listed[wanted]
    found = [file for path, file in listed.items() if path.endswith(f"/{wanted}")]
    if not found:
        raise NotFound(wanted, hint=f"See pytest-defend files {view.build}.")
    if len(found) > 1:
        named = ", ".join(file.path for file in found)
        raise UsageError(
            f"{wanted} names several files of {view.build}: {named}.", hint="Give more of the path."
        )
    return found[0]


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk
