"""Locks: what is needed to install the environment of a run again, as files of its bundle.

Rules:
- They are made from what is installed, not from what a lock of the project asks for.
- Without facts about packages or interpreter there is nothing to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.documents.occasion import Occasion, file_names
from pytest_defend.documents.pylock import pylock
from pytest_defend.documents.requirements import hashed_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_defend.model.journal import Header
    from pytest_defend.model.record import RunFacts

__all__ = ["write_locks"]


def write_locks(folder: Path, header: Header, facts: RunFacts) -> Iterator[str]:
    """Write the locks of a run, and give the names of the files.

    Args:
        folder: The bundle.
        header: Of the journal.
        facts: What the run ran on.

    Raises:
        OSError: The folder cannot be written.
    """
    if facts.installed is None or facts.interpreter is None:
        return
    occasion = Occasion(
        project=header.package,
        build_name=header.build_name,
        build_number=header.build_number,
        run=header.run,
        stage=header.stage,
        interpreter=facts.interpreter,
    )
    texts = (pylock(facts.installed, occasion), hashed_requirements(facts.installed, occasion))
    for name, text in zip(file_names(header.build_name, header.build_number), texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        yield name
