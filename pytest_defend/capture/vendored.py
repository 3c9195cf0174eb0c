"""Folders on the import path that are a part of what another distribution holds.

Rules:
- setuptools puts its own copies of other packages on the import path when it is imported. They were never
  installed, no installer lists them, and whether they are there depends on when one looks.
- Only RECORD can say so: a folder inside another that nobody's RECORD names holds packages of its own.

Source: `setuptools/__init__.py`, which appends `setuptools/_vendor` to `sys.path`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_defend.model.distributions import Distribution

__all__ = ["vendored_folders"]


def vendored_folders(distributions: Sequence[Distribution]) -> frozenset[str]:
    """Those locations whose content the RECORD of a distribution around them lists."""
    locations = {each.location for each in distributions}
    return frozenset(
        inner
        for inner in locations
        for outer in locations & {str(parent) for parent in Path(inner).parents}
        if _is_listed(
            Path(inner).relative_to(outer), [each for each in distributions if each.location == outer]
        )
    )


def _is_listed(inner: Path, around: Sequence[Distribution]) -> bool:
    row = f"\n{inner.as_posix()}/".encode()
    likely = sorted(around, key=lambda each: each.name != inner.parts[0])
    return any(row in b"\n" + _record(each) for each in likely)


def _record(distribution: Distribution) -> bytes:
    try:
        return Path(distribution.location, distribution.metadata, "RECORD").read_bytes()
    except OSError:
        return b""
