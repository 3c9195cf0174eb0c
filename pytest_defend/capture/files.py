"""Files of a run: what they hold, and a name any repository takes.

Rules:
- Bytes are read in chunks; a digest and what was read from a file belong to the same opening of it.
- Name and version of a wheel or source distribution come from the metadata inside; the file name must
  agree. Nothing is extracted.
- What cannot be read is a gap, never an exception.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import tarfile
import unicodedata
import zipfile
import zlib
from itertools import islice
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.patterns import match
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import CoreMetadata, DistFile
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["read_dist", "read_dists", "safe_name"]

_METADATA_BYTES = 10 << 20
_UNPACKED_BYTES = 4 << 30
_BROKEN = (
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,  # an encrypted member, an unknown compression
    ValueError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
_KINDS = ("whl", "tar.gz", "zip")
_WHEEL_FIELDS = 5
_WHEEL_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_SDIST_METADATA = re.compile(r"(?:\./)?[^/]+/PKG-INFO")


def read_dists(root: Path, patterns: Sequence[str]) -> tuple[tuple[DistFile, ...], tuple[Gap, ...]]:
    """Read every wheel and source distribution that `patterns` name below `root`.

    Returns:
        The files sorted by path, and what could not be read; a pattern without a file is a gap as well.
    """
    read = [read_dist(path) for path in match(root, patterns)]
    gaps = [each for each in read if isinstance(each, Gap)]
    gaps += [
        _gap(f"No file matches {pattern!r}; build before the tests, or correct the pattern.")
        for pattern in dict.fromkeys(patterns)
        if not match(root, [pattern])
    ]
    return tuple(each for each in read if isinstance(each, DistFile)), tuple(gaps)


class _Unusable(Exception):
    """This file is no distribution; the sentence says why."""


def read_dist(path: Path) -> DistFile | Gap:
    """Read one wheel (`.whl`) or source distribution (`.tar.gz`, `.zip`).

    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/ and
    https://packaging.python.org/en/latest/specifications/source-distribution-format/
    """
    kind = next((kind for kind in _KINDS if path.name.endswith(f".{kind}")), "")
    if not kind:
        return _gap(f"{path.name} is neither a wheel nor a source distribution; leave it out of the pattern.")
    try:
        with path.open("rb") as file:
            checksums = Checksums.of_stream(file)
            file.seek(0)
            metadata = CoreMetadata.parse(_metadata(file, kind).decode(errors="replace"))
        name = _checked_name(path.name.removesuffix(f".{kind}"), metadata, kind)
    except _Unusable as unusable:
        return _gap(f"{path.name} {unusable}; build it again.")
    except _BROKEN as error:
        return _gap(f"{path.name} cannot be read ({type(error).__name__}: {error}); build it again.")
    return DistFile(
        path=str(path),
        name=name,
        version=metadata.version,
        kind=kind,
        metadata_name=metadata.name,
        requires_dist=metadata.requires,
        checksums=checksums,
    )


def _gap(problem: str) -> Gap:
    return Gap(topic="artifacts", problem=problem)


def _metadata(file: BinaryIO, kind: str) -> bytes:
    """The bytes of the one metadata file in an archive.

    Raises:
        _Unusable: It is not there exactly once, or absurdly large.
    """
    wanted = _WHEEL_METADATA if kind == "whl" else _SDIST_METADATA
    found = _from_tar(file, wanted) if kind == "tar.gz" else _from_zip(file, wanted)
    contents = list(islice(found, 2))
    if len(contents) != 1:
        raise _Unusable("holds its metadata twice" if contents else "holds no metadata where it should be")
    return contents[0]


def _from_zip(file: BinaryIO, wanted: re.Pattern[str]) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if wanted.fullmatch(member.filename):
                _check_size("metadata", member.file_size, _METADATA_BYTES)
                yield archive.read(member)


def _from_tar(file: BinaryIO, wanted: re.Pattern[str]) -> Iterator[bytes]:
    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        for member in archive:
            _check_size("files", member.offset_data + member.size, _UNPACKED_BYTES)
            if member.isreg() and wanted.fullmatch(member.name):
                _check_size("metadata", member.size, _METADATA_BYTES)
                yield cast("IO[bytes]", archive.extractfile(member)).read()


def _check_size(what: str, size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise _Unusable(f"holds {size_bytes} bytes of {what}, more than the {limit_bytes} that are believed")


def _checked_name(stem: str, metadata: CoreMetadata, kind: str) -> str:
    """The PEP 503 name, once metadata and file name agree.

    Raises:
        _Unusable: They do not, or the metadata has no usable name or version.
    """
    try:
        name = canonicalize_name(metadata.name, validate=True)
    except InvalidName:
        raise _Unusable(f"is named {metadata.name!r} by its metadata, which no package can be") from None
    if not metadata.version:
        raise _Unusable(f"has no version in the metadata of {metadata.name}")
    said = _said_by_wheel_name(stem) if kind == "whl" else _said_by_sdist_name(stem)
    if not any(canonicalize_name(a) == name and _same_version(b, metadata.version) for a, b in said):
        raise _Unusable(f"holds {metadata.name} {metadata.version}, which its file name contradicts")
    return name


def _said_by_wheel_name(stem: str) -> list[tuple[str, str]]:
    """Name and version; after them come tags, maybe a build number and a variant label (PEP 825)."""
    fields = stem.split("-")
    return [(fields[0], fields[1].replace("_", "-"))] if len(fields) >= _WHEEL_FIELDS else []


def _said_by_sdist_name(stem: str) -> list[tuple[str, str]]:
    """Every way to split it: old names and old versions hold dashes themselves."""
    fields = stem.split("-")
    return [("-".join(fields[:at]), "-".join(fields[at:])) for at in range(1, len(fields))]


def _same_version(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


_NAME_BYTES = 120
_SUFFIX = re.compile(r"(?<=.)(?:\.tar)?\.[^\W_]{1,15}$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def safe_name(name: str) -> str:
    """A file name that every repository, URL and file system takes.

    Letters, marks and digits of any script stay, and `. _ - + @ = ~`; anything else, a dot at either end
    and a name Windows reserves are changed. A name that was changed in any way gets a short hash of the
    original before its suffix, so that names which would become equal stay apart. Safe names stay.

    Returns:
        At most 120 bytes of UTF-8, never empty, in Unicode normal form C.
    """
    clean = _clean(name)
    if clean == name and len(name.encode()) <= _NAME_BYTES:
        return name
    mark = "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    found = _SUFFIX.search(clean)
    suffix = found[0] if found else ""
    room = _NAME_BYTES - len((mark + suffix).encode())
    return clean.removesuffix(suffix).encode()[:room].decode(errors="ignore") + mark + suffix


def _clean(name: str) -> str:
    normal = unicodedata.normalize("NFC", name)
    kept = "".join(char if char in "._-+@=~" or _is_written(char) else "_" for char in normal)
    undotted = re.sub(r"^\.+|\.+$", "_", kept) or "_"
    return f"_{undotted}" if _RESERVED.match(undotted) else undotted


def _is_written(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")
