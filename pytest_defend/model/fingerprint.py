"""The content of a distribution as one digest that survives installation.

Rules:
- It is the sha256 over the sorted rows `path,hash,size` of RECORD, so it is the same for a wheel and for
  every installed copy of it, whoever installed it, and differs between the wheels of one version.
- A row without a digest claims nothing and is left out: installers add some for files a wheel forgot to list.
- Left out is what an installer writes or decides: RECORD itself and its signatures, INSTALLER, REQUESTED,
  `direct_url.json`, `provenance_url.json`, uv's own files, byte code, and everything outside the folder of
  the packages: scripts, headers, data.
- What a wheel keeps under `NAME.data/purelib` and `NAME.data/platlib` counts where it is installed to.

Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Row", "content_rows", "fingerprint", "is_of_installer", "read_record"]

Row = tuple[str, str]
"""Hash as RECORD writes it, without padding, and size in bytes as text."""

_BY_INSTALLERS = re.compile(
    r"[^/]+\.dist-info/(?:RECORD(?:\.\w+)?|INSTALLER|REQUESTED|(?:direct|provenance)_url\.json|uv_\w+\.json)"
)
_SCHEME = re.compile(r"[^/-]+-[^/]+\.data/(?:(?P<packages>purelib|platlib)/)?")
_OUTSIDE = re.compile(r"/|\.\./|[A-Za-z]:")
_FIELDS = 3


def read_record(text: str) -> dict[str, Row]:
    """The rows of a RECORD file by path, with forward slashes.

    Raises:
        ValueError: It is no RECORD: a row has other than three fields, or no path.
    """
    rows: dict[str, Row] = {}
    try:
        for number, fields in enumerate(_table(text), start=1):
            if not fields:
                continue
            if len(fields) != _FIELDS or not fields[0]:
                problem = f"row {number} is no path, hash and size"
                raise ValueError(problem)
            path, digest, size = fields
            rows[path.replace("\\", "/")] = (digest.rstrip("="), size)
    except csv.Error as error:
        problem = f"it is no table ({error})"
        raise ValueError(problem) from error
    return rows


def is_of_installer(path: str) -> bool:
    """Whether a file beside a distribution is written, or decided about, by whoever installs it.

    Args:
        path: Relative to the folder of the packages.
    """
    return ".dist-info/" in path and _BY_INSTALLERS.fullmatch(path) is not None


def _table(text: str) -> Iterable[list[str]]:
    """The fields of every row; none for an empty one."""
    lines = text.split("\n")
    if '"' in text or "\r" in text or max(map(len, lines)) > csv.field_size_limit():
        return csv.reader(io.StringIO(text, newline=""))
    return [line.split(",") if line else [] for line in lines]  # the same, in half the time


def content_rows(rows: Mapping[str, Row]) -> dict[str, Row]:
    """The rows that say what a distribution holds, by the path it is installed to."""
    kept: dict[str, Row] = {}
    for path, row in rows.items():
        if not row[0]:
            continue
        scheme = _SCHEME.match(path) if ".data/" in path else None
        inside = path
        if scheme is not None:
            if not scheme["packages"]:
                continue
            inside = path[scheme.end() :]
        if inside.endswith(".pyc") or _OUTSIDE.match(inside) or is_of_installer(inside):
            continue
        kept[inside] = row
    return kept


def fingerprint(rows: Mapping[str, Row]) -> str:
    """The digest of what a distribution holds, hexadecimal.

    Args:
        rows: Of its RECORD, all of them.
    """
    lines = sorted([f"{path},{digest},{size}" for path, (digest, size) in content_rows(rows).items()])
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
