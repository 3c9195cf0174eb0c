"""What every store agrees on, whatever it keeps things in: what it refuses, and in which words.

Rules:
- A refusal names what is there, what was offered, and what to do next.
- Runs are compared by document, with `started` as an instant: `Z` and `+0000` are one spelling.
- An error of the operating system becomes a `StoreError` that names the place.
"""

from __future__ import annotations

import dataclasses
import errno
from typing import TYPE_CHECKING

from pytest_defend.errors import AccessDenied, Conflict, Corrupt, NotFound, StoreError, Unavailable
from pytest_defend.model.fields import epoch_ms, parse_instant, started_text
from pytest_defend.model.repositories import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.checksums import Checksums
    from pytest_defend.model.repositories import Repository
    from pytest_defend.protocols import Run, Upload

__all__ = [
    "check_build",
    "check_bytes",
    "check_checksums",
    "check_local",
    "check_part",
    "check_properties",
    "check_run",
    "check_uploads",
    "chosen",
    "chunks",
    "folder_failure",
    "not_found",
    "speakable",
    "united",
]

_CHUNK_BYTES = 1 << 16
_OTHER_NUMBER = "Run again under another number (--defend-build NAME/NUMBER)."


def speakable(text: str) -> bool:
    """Whether `text` is Unicode that can leave Python, free of lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_build(build: BuildInfo) -> None:
    """Refuse a build no store can keep.

    Raises:
        StoreError: It has no name or number, a name that is no Unicode, or a `started` that is no instant.
    """
    problem = ""
    if not build.name.strip() or not build.number.strip():
        problem = "a build needs a name and a number"
    elif not speakable(build.name + build.number):
        problem = "its name or number is no valid Unicode"
    try:
        build.started_at  # noqa: B018
    except ValueError as error:
        problem = f"started: {error}"
    if problem:
        raise StoreError(str(build.id), f"{str(build.id)!r} cannot be kept: {problem}.")


def check_properties(path: str, properties: Mapping[str, Sequence[str]]) -> None:
    """Refuse properties no store can keep.

    Raises:
        StoreError: A name is empty, or a name or value is no Unicode.
    """
    for name, values in properties.items():
        if not name or not all(map(speakable, (name, *values))):
            hint = "Names must not be empty; names and values must be valid Unicode."
            raise StoreError(path, f"{path} cannot have the property {name!r} = {values!r}.", hint=hint)


def check_local(repository: Repository) -> None:
    """Refuse to keep files in a repository that only looks into others.

    Raises:
        StoreError: It is virtual.
    """
    if repository.kind == VIRTUAL:
        key, members = repository.key, ", ".join(repository.members or ())
        message = f"{key} is a virtual repository and keeps no files."
        raise StoreError(key, message, hint=f"Name a local one; it looks into {members or 'none'}.")


def check_uploads(uploads: Iterable[Upload]) -> None:
    """Refuse files no store can keep together.

    Raises:
        StoreError: One has properties no store can keep.
        Conflict: Two have the same path and other bytes.
    """
    offered: dict[str, str] = {}
    for upload in uploads:
        check_properties(upload.path, upload.properties)
        sha256 = upload.checksums.sha256
        check_bytes(upload.path, kept=offered.setdefault(upload.path, sha256), offered=sha256)


def check_bytes(path: str, *, kept: str, offered: str) -> None:
    """Refuse to replace content.

    Args:
        path: Where both belong.
        kept: sha256 of what is there.
        offered: sha256 of what should go there.

    Raises:
        Conflict: They differ.
    """
    if kept != offered:
        message = f"{path} is kept with other bytes: sha256 {kept} is there, {offered} was offered."
        hint = "A published version is never replaced; build a new version."
        raise Conflict(path, message, hint=hint)


def check_checksums(path: str, *, promised: Checksums, actual: Checksums) -> None:
    """Refuse bytes that are not what was promised.

    Raises:
        Corrupt: A digest or the size differs.
    """
    for field in dataclasses.fields(promised):
        expected, found = getattr(promised, field.name), getattr(actual, field.name)
        if expected != found:
            name = field.name.removesuffix("_bytes")
            hint = (
                "The file changed while it was read, or its checksums were taken of another one; try again."
            )
            raise Corrupt(path, expected=f"{name} {expected}", actual=f"{name} {found}", hint=hint)


def check_run(build: BuildInfo, *, kept: BuildInfo, locator: str) -> None:
    """Refuse to replace a run.

    Args:
        build: What is published.
        kept: What is there under its name and number.
        locator: The store.

    Raises:
        Conflict: They are not the same.
    """
    number = f"{build.name}/{build.number}"
    if build.timestamp != kept.timestamp:
        message = f"{number} is kept in {locator}, started {kept.started}; this run started {build.started}."
        raise Conflict(number, message, hint=_OTHER_NUMBER)
    if _comparable(build) != _comparable(kept):
        message = f"{number}, started {kept.started}, is kept in {locator} with another document."
        raise Conflict(number, message, hint=_OTHER_NUMBER)


def check_part(build: BuildInfo, upload: Upload, *, kept: str, locator: str) -> None:
    """Refuse to add a file to a run that is kept, or to replace one.

    Args:
        build: The run.
        upload: A file of it.
        kept: sha256 of what is under its path; empty when nothing is.
        locator: The store.

    Raises:
        Conflict: The file is not there, or another one is.
    """
    if not kept:
        number = f"{build.name}/{build.number}"
        message = f"{number}, started {build.started}, is kept in {locator} without {upload.path}."
        raise Conflict(number, message, hint=_OTHER_NUMBER)
    check_bytes(upload.path, kept=kept, offered=upload.checksums.sha256)


def _comparable(build: BuildInfo) -> bytes:
    return dataclasses.replace(build, started=started_text(build.started_at)).to_bytes()


def chosen(runs: Sequence[Run], build: BuildId) -> Run | None:
    """The run that is meant by `build`.

    Args:
        runs: Of one name, oldest first.
        build: A run; without `started` the latest of its number, or of all when the number is `latest`.
    """
    if build.started:
        try:
            instant = epoch_ms(parse_instant(build.started))
        except ValueError:
            return None
        runs = [run for run in runs if epoch_ms(run.started_at) == instant]
    elif build.number == "latest":
        return runs[-1] if runs else None
    return next((run for run in reversed(runs) if run.id.number == build.number), None)


def united(
    kept: Mapping[str, Sequence[str]], added: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """The values of both, sorted, each once; a name without values is left out."""
    values = {name: {*kept.get(name, ()), *added.get(name, ())} for name in {**kept, **added}}
    return {name: tuple(sorted(values[name])) for name in sorted(values) if values[name]}


def chunks(upload: Upload) -> Iterator[bytes]:
    """The bytes of an upload, read from its source piece by piece.

    Raises:
        Unavailable: The source cannot be read.
    """
    try:
        with upload.open() as source:
            while chunk := source.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        problem = error.strerror or str(error)
        raise Unavailable(upload.path, f"The bytes of {upload.path} cannot be read: {problem}.") from error


def not_found(key: object, locator: str) -> NotFound:
    """The error that says where was looked in vain."""
    return NotFound(str(key), hint=f"Looked in {locator}.")


_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_FOLDER = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def folder_failure(locator: str, error: OSError) -> StoreError:
    """What an error of the operating system means for a store in a folder."""
    code = error.errno
    if code in _FORBIDDEN:
        message = f"Access to the store {locator} is denied."
        return AccessDenied(locator, message, hint="Check who owns the folder, or choose another one.")
    if code in _FULL:
        message, hint = f"The disk of the store {locator} is full.", "Free space, or choose another folder."
    elif code == errno.EROFS:
        message, hint = f"The store {locator} is read-only.", "Choose a folder that can be written."
    elif code in _NO_FOLDER:
        message, hint = f"The store {locator} is a file, or lies in one.", "Choose a folder."
    else:
        problem = error.strerror or str(error)
        message, hint = f"The store {locator} cannot be used: {problem}.", "Check its folder and its disk."
    return Unavailable(locator, message, hint=hint)
