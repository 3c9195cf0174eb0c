"""Fetch: the distribution files a build made, written to disk to be installed and tested.

Rules:
- Every file is compared with what the build recorded before it appears under its name.
- What is there already with the same bytes stays; other bytes of that name are replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.actions.get import get
from pytest_defend.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.views import FileView
    from pytest_defend.protocols import Store

__all__ = ["fetch"]

_DISTRIBUTIONS = ("whl", "tar.gz", "zip")


def fetch(build: BuildId, folder: Path, store: Store) -> tuple[FileView, ...]:
    """Write the distribution files of a build into a folder.

    Args:
        build: Which; without `started` the latest run of its number.
        folder: Where to; made if it is missing.
        store: Where they are.

    Returns:
        The files, as recorded.

    Raises:
        NotFound: There is no such build, or it made no distribution files.
        Corrupt: The store's bytes are not the recorded ones.
        OSError: The folder cannot be written.
    """
    kept = store.build(build)
    paths = [
        f"{file.repository}/{file.path}"
        for module in kept.modules
        if module.is_package
        for file in module.artifacts
        if file.type in _DISTRIBUTIONS
    ]
    if not paths:
        raise NotFound(f"A distribution file of {kept.id}", hint=f"See pytest-defend files {kept.id}.")
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(get(kept.id, path, folder / path.rpartition("/")[2], store) for path in sorted(paths))
