"""Files: every file a build made, and whether the store still has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.errors import NotFound
from pytest_defend.model.views import FilesView, FileView

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import Artifact, BuildId, Module
    from pytest_defend.model.checksums import Checksums
    from pytest_defend.protocols import Item, Store

__all__ = ["difference", "files"]


def files(build: BuildId, store: Store) -> FilesView:
    """List the files of a build, by module and path.

    Args:
        build: Which; without `started` the latest run of its number.
        store: Where.

    Raises:
        NotFound: There is no such build.
        StoreError: The store cannot be read.
    """
    found = store.build(build)
    views = (_view(module, artifact, store) for module in found.modules for artifact in module.artifacts)
    return FilesView(build=str(found.id), files=tuple(views))


def _view(module: Module, artifact: Artifact, store: Store) -> FileView:
    path = "/".join(filter(None, (artifact.repository, artifact.path or artifact.name)))
    item: Item | None
    try:
        item = store.stat(path)
    except NotFound:
        item = None
    return FileView(
        path=path,
        module=module.id,
        type=artifact.type,
        sha256=artifact.sha256,
        sha1=artifact.sha1,
        md5=artifact.md5,
        kept=item is not None and difference(artifact, item.checksums) is None,
        size_bytes=item.checksums.size_bytes if item else None,
        properties=item.properties if item else {},
    )


def difference(recorded: Artifact | FileView, actual: Checksums) -> tuple[str, str] | None:
    """The strongest digest a build recorded of a file, and that of its bytes; None when they are the same.

    Documents of other tools need not have every digest; a file without any is never the same.
    """
    for name in ("sha256", "sha1", "md5"):
        expected, found = getattr(recorded, name), getattr(actual, name)
        if expected:
            return None if expected == found else (f"{name} {expected}", f"{name} {found}")
    return "no digest", f"sha256 {actual.sha256}"
