"""Spool: the records on disk that no store has yet.

Rules:
- Each run has a folder; it goes when a store has everything. What is there is either still being heard, was
  killed, or could not be published.
- A folder that cannot be understood is listed as damaged, never skipped.
- Only what is named is dropped, and nothing outside the spool is.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pytest_defend.actions.publish import open_bundle
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.bundle import JOURNAL, MANIFEST
from pytest_defend.model.fields import started_text
from pytest_defend.model.journal import Header, read_lines
from pytest_defend.model.views import SpoolRow

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["chosen", "drop", "spool"]


def spool(folder: Path) -> tuple[SpoolRow, ...]:
    """Every run that waits, the oldest first.

    Args:
        folder: The spool; need not exist.

    Raises:
        OSError: It cannot be read.
    """
    if not folder.is_dir():
        return ()
    rows = [_row(run) for run in sorted(folder.iterdir()) if run.is_dir()]
    return tuple(sorted(rows, key=lambda row: (row.started, row.run)))


def _row(folder: Path) -> SpoolRow:
    files = [path for path in folder.rglob("*") if path.is_file()]
    size_bytes = sum(path.stat().st_size for path in files)
    told = {"run": folder.name, "folder": str(folder)}
    try:
        if (folder / MANIFEST).is_file():
            manifest, final = open_bundle(folder)
            verdict = manifest.concluded(final)
            return SpoolRow(
                **told,
                state="complete" if final else "packed",
                build=f"{manifest.build.name}/{manifest.build.number}",
                stage=manifest.stage,
                started=manifest.build.started,
                result=verdict.result.value,
                reasons="; ".join(verdict.reasons),
                files=len(files),
                size_bytes=size_bytes,
            )
        with (folder / JOURNAL).open("rb") as lines:
            header = Header.from_dict(next(read_lines(lines)))
    except (OSError, InvalidDocument, StopIteration) as error:
        reasons = str(error) or "it holds no journal"
        return SpoolRow(**told, state="damaged", reasons=reasons, files=len(files), size_bytes=size_bytes)
    return SpoolRow(
        **told,
        state="heard",
        build=f"{header.build_name}/{header.build_number}",
        stage=header.stage,
        started=started_text(header.started),
        reasons="still being heard, or killed",
        files=len(files),
        size_bytes=size_bytes,
    )


def drop(folder: Path, run: str) -> SpoolRow:
    """Remove one run from the spool.

    Args:
        folder: The spool.
        run: Its id, as listed.

    Returns:
        What was removed.

    Raises:
        UsageError: No such run waits there.
        OSError: It cannot be removed.
    """
    row = chosen(spool(folder), run, folder)
    shutil.rmtree(folder / row.run)
    return row


def chosen(rows: tuple[SpoolRow, ...], run: str, folder: Path) -> SpoolRow:
    """The row of a run.

    Raises:
        UsageError: There is none.
    """
    for row in rows:
        if row.run == run:
            return row
    hint = f"There are {', '.join(row.run for row in rows)}." if rows else "Nothing waits there."
    raise UsageError(f"No run {run!r} waits in {folder}.", hint=hint)
