from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import pytest_defend
from pytest_defend.capture.journal import JournalFile
from pytest_defend.model.bundle import JOURNAL

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system's temporary folder is during the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _fill(journal: JournalFile) -> None:
    """From now on writing fails as on a disk that is full; reading by name does not."""
    assert journal._file is not None
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, journal._file.fileno())
    os.close(full)


def test_lines_are_there_when_the_call_returns(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "spool" / "run")

    journal.write(b"one\n")
    assert journal.path.read_bytes() == b"one\n"
    journal.write(b"two\n")
    assert journal.path.read_bytes() == b"one\ntwo\n"

    assert journal.works
    assert journal.gaps == []
    assert journal.folder == tmp_path / "spool" / "run"
    journal.close()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "run")
    journal.close()

    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_after_closing_nothing_is_written(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "run")
    journal.write(b"one\n")
    journal.close()

    journal.write(b"two\n")
    journal.close()

    assert not journal.works
    assert journal.path.read_bytes() == b"one\n"


def test_a_run_that_is_over_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"one\n")

    journal = JournalFile(tmp_path, over=True)
    journal.write(b"two\n")

    assert not journal.works
    assert journal.path.read_bytes() == b"one\n"


@pytest.mark.parametrize("in_the_way", ["spool", "spool/run"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, temporary: Path, in_the_way: str) -> None:
    wanted = tmp_path / "spool" / "run"
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).write_text("")

    journal = JournalFile(wanted)
    journal.write(b"one\n")
    journal.close()

    assert journal.folder.parent.parent == temporary
    assert journal.folder.name == "run"
    assert journal.path.read_bytes() == b"one\n"
    (gap,) = journal.gaps
    assert gap.topic == "journal"
    reason = "Not a directory" if in_the_way == "spool" else "File exists"
    expected = f"{wanted} cannot be written ({reason}); the record is kept in {journal.folder} instead."
    assert gap.problem == expected


@needs_full
def test_a_disk_that_fills_up(tmp_path: Path, temporary: Path) -> None:
    journal = JournalFile(tmp_path / "run")
    journal.write(b"one\n")
    (journal.folder / "attachments").mkdir()
    (journal.folder / "attachments" / "file").write_bytes(b"content")

    _fill(journal)
    journal.write(b"two\n")
    journal.write(b"three\n")
    journal.close()

    assert journal.folder.parent.parent == temporary
    assert journal.path.read_bytes() == b"one\ntwo\nthree\n"
    assert (journal.folder / "attachments" / "file").read_bytes() == b"content"
    assert not (tmp_path / "run").exists()
    (gap,) = journal.gaps
    assert "cannot be written (No space left on device); the record is kept in" in gap.problem


@needs_full
def test_two_disks_that_fill_up(tmp_path: Path, temporary: Path) -> None:
    journal = JournalFile(tmp_path / "run")
    journal.write(b"one\n")

    for line in (b"two\n", b"three\n"):
        _fill(journal)
        journal.write(line)
    journal.write(b"four\n")

    assert not journal.works
    assert journal.folder.parent.parent == temporary
    assert journal.path.read_bytes() == b"one\ntwo\n"
    expected = f"Recording stopped: {journal.folder} cannot be written (No space left on device)."
    assert journal.gaps[-1].problem == f"{expected} Free some space and run again."
    assert len(journal.gaps) == 2


@needs_full
def test_nowhere_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    journal = JournalFile(tmp_path / "run")
    journal.write(b"one\n")

    _fill(journal)
    journal.write(b"two\n")

    assert not journal.works
    assert journal.path.read_bytes() == b"one\n"
    assert journal.folder == tmp_path / "run"
    (gap,) = journal.gaps
    assert gap.problem == (
        f"Recording stopped: neither {tmp_path}/run (No space left on device) nor the temporary folder"
        " (No such file or directory) can be written. Free some space and run again."
    )


@needs_full
def test_what_cannot_be_copied_stays_where_it_is(tmp_path: Path, temporary: Path) -> None:
    journal = JournalFile(tmp_path / "run")
    journal.write(b"one\n")
    (journal.folder / "dangling").symlink_to(tmp_path / "none")

    _fill(journal)
    journal.write(b"two\n")

    assert not journal.works
    assert list(temporary.iterdir()) == []
    assert journal.path.read_bytes() == b"one\n"
    (gap,) = journal.gaps
    assert "nor the temporary folder ([Errno 2] No such file or directory: " in gap.problem


def test_a_line_that_fits_in_part_is_taken_back(tmp_path: Path) -> None:
    """A limit on the size of files behaves as a disk that fills up in the middle of a line."""
    program = f"""
import resource, signal, sys, tempfile
from pathlib import Path
from pytest_defend.capture.journal import JournalFile

tempfile.tempdir = {str(tmp_path / "none")!r}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = JournalFile(Path({str(tmp_path / "run")!r}))
journal.write(b"one\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (6, 6))
journal.write(b"too long\\n")
print(journal.works, journal.gaps[0].problem)
"""
    folder = str(Path(pytest_defend.__file__).parents[1])

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.startswith("False Recording stopped: neither ")
    assert "(File too large)" in ended.stdout
    assert (tmp_path / "run" / JOURNAL).read_bytes() == b"one\n"


def test_what_was_written_survives_the_process(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from pytest_defend.capture.journal import JournalFile

journal = JournalFile(Path({str(tmp_path / "run")!r}))
for i in range(100):
    journal.write(b"line %d\\n" % i)
os.kill(os.getpid(), signal.SIGKILL)
"""
    folder = str(Path(pytest_defend.__file__).parents[1])

    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": folder}, check=False
    )

    assert ended.returncode == -9
    assert (tmp_path / "run" / JOURNAL).read_bytes() == b"".join(b"line %d\n" % i for i in range(100))
