"""From what a user names - a record, a bundle's folder, a journal - to a complete bundle."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.archive import extract
from pytest_defend.actions.publish import open_bundle
from pytest_defend.assembly.recording import resume
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import JOURNAL, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.bundle import Final, Manifest
    from pytest_defend.settings import Project, Settings

__all__ = ["complete_bundle"]


@contextmanager
def complete_bundle(
    given: Path, settings: Settings, project: Project, hook: Any
) -> Iterator[tuple[Path, Manifest, Final | None]]:
    """The bundle a user names, packed first when its run was killed.

    Args:
        given: A file written by `--defend-record`, a folder of the spool, or a `journal.jsonl`.
        settings: Of the command.
        project: Of the command.
        hook: Where extension points are called.

    Yields:
        Its folder, its manifest, and its last word if it has one.

    Raises:
        UsageError: It is none of these.
        InvalidDocument: It is damaged.
        OSError: It cannot be read, or not packed where it is.
    """
    if given.is_file() and given.name != JOURNAL:
        with tempfile.TemporaryDirectory(prefix="pytest-defend-") as temporary:
            folder = Path(temporary)
            extract(given, folder)
            if not (folder / MANIFEST).is_file():
                raise _no_record(given)
            yield folder, *open_bundle(folder)
        return
    folder = given.parent if given.is_file() else given
    if not (folder / JOURNAL).is_file():
        raise _no_record(given)
    if not (folder / MANIFEST).is_file():
        resume(settings, project, folder, hook).pack()
    yield folder, *open_bundle(folder)


def _no_record(given: Path) -> UsageError:
    what = "is no record of a run" if given.exists() else "does not exist"
    hint = "Give a file written by --defend-record, a folder below .defend/spool, or a journal.jsonl."
    return UsageError(f"{given} {what}.", hint=hint)
