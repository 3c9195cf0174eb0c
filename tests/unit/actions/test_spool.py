"""Records that wait on disk for a store: listed as what they are, dropped only by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import a_bundle, a_journal
from pytest_defend.actions.spool import drop, spool
from pytest_defend.errors import UsageError
from pytest_defend.model.bundle import FINAL, JOURNAL, MANIFEST, Final

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A spool with a run in every state."""
    folder = tmp_path / "spool"
    a_bundle(folder / "c-complete", run="c-complete")
    (folder / "c-complete" / FINAL).write_bytes(Final(exit_status=0).to_bytes())
    a_bundle(folder / "b-packed", run="b-packed", build_number="2")
    (folder / "a-heard").mkdir()
    (folder / "a-heard" / JOURNAL).write_bytes(b"".join(a_journal(end=None, run="a-heard")))
    (folder / "d-empty").mkdir()
    (folder / "e-damaged").mkdir()
    (folder / "e-damaged" / MANIFEST).write_text("{}")
    (folder / "a file").write_text("nobody's run")
    return folder


def test_every_run_with_its_state(waiting: Path) -> None:
    rows = {row.run: row for row in spool(waiting)}
    assert {run: (row.state, row.build, row.stage, row.result) for run, row in rows.items()} == {
        "a-heard": ("heard", "demo/1", "tests", ""),
        "b-packed": ("packed", "demo/2", "tests", "incomplete"),
        "c-complete": ("complete", "demo/1", "tests", "passed"),
        "d-empty": ("damaged", "", "", ""),
        "e-damaged": ("damaged", "", "", ""),
    }
    assert "last word" in rows["b-packed"].reasons
    assert "format" in rows["e-damaged"].reasons
    assert rows["c-complete"].files == len(list((waiting / "c-complete").rglob("*")))
    assert rows["c-complete"].size_bytes > 1000
    assert rows["c-complete"].folder == str(waiting / "c-complete")


def test_no_spool_is_an_empty_one(tmp_path: Path) -> None:
    assert spool(tmp_path / "nowhere") == ()


def test_only_what_is_named_is_dropped(waiting: Path) -> None:
    assert drop(waiting, "c-complete").build == "demo/1"
    assert not (waiting / "c-complete").exists()
    assert len(spool(waiting)) == 4


@pytest.mark.parametrize("run", ["", ".", "..", "../spool/b-packed", "nobody", "a file"])
def test_nothing_else_is(waiting: Path, run: str) -> None:
    before = sorted(waiting.parent.rglob("*"))
    with pytest.raises(UsageError, match=r"There are .*b-packed"):
        drop(waiting, run)
    assert sorted(waiting.parent.rglob("*")) == before


def test_dropping_from_an_empty_spool(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Nothing waits there"):
        drop(tmp_path, "nobody")
