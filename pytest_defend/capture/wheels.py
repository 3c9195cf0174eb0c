"""What a wheel file holds, without unpacking it.

Rules:
- The same rows as of an installed copy: RECORD of the one `.dist-info` at the top of the archive.
- A file that is no wheel, or damaged, has no rows; nothing is believed of it.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from typing import TYPE_CHECKING

from pytest_defend.model.fingerprint import fingerprint, read_record

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from pytest_defend.model.fingerprint import Row

__all__ = ["wheel_fingerprint", "wheel_rows"]

_RECORD = re.compile(r"[^/]+\.dist-info/RECORD")
_RECORD_BYTES = 64 << 20
_BROKEN = (OSError, RuntimeError, ValueError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)


def wheel_rows(wheel: Path | IO[bytes]) -> dict[str, Row]:
    """The rows of its RECORD; none when it cannot be read."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [member for member in archive.infolist() if _RECORD.fullmatch(member.filename)]
            if len(found) != 1 or found[0].file_size > _RECORD_BYTES:
                return {}
            return read_record(archive.read(found[0]).decode("utf-8", "surrogateescape"))
    except _BROKEN:
        return {}


def wheel_fingerprint(wheel: Path | IO[bytes]) -> str:
    """The fingerprint of what it installs; empty when it cannot be read."""
    rows = wheel_rows(wheel)
    return fingerprint(rows) if rows else ""
