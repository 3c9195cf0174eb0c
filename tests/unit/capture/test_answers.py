"""An answer is given again as long as nothing it depends on has changed, and never longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_defend.capture.answers import question, recalled, remember

OLD_NS = time.time_ns() - 3_600_000_000_000


def _age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, ns=(OLD_NS, OLD_NS))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file whose content an answer depends on; `answer.json` beside it keeps that."""
    file = tmp_path / "world" / "file"
    file.parent.mkdir()
    file.write_text("content")
    _age(file, file.parent)
    return file


def _remember(kept: Path, *more: Path) -> Path:
    place = kept.parents[1] / "cache" / "answer.json"
    remember(str(place), "asked", "answer\n", map(str, (kept, *more)), time.time_ns())
    return place


def test_the_same_question_in_the_same_world(kept: Path) -> None:
    place = _remember(kept, kept.parent / "absent")
    assert recalled(str(place), "asked") == "answer\n"
    assert recalled(str(place), "another") is None
    assert place.stat().st_mode & 0o077 == 0


def test_content_that_changed(kept: Path) -> None:
    place = _remember(kept)
    kept.write_text("CONTENT")
    assert recalled(str(place), "asked") is None


def test_content_that_changed_behind_an_old_time(kept: Path) -> None:
    place = _remember(kept)
    time.sleep(0.02)  # longer than the clock of a file system takes to move on
    kept.write_text("CONTENT")
    _age(kept)
    assert recalled(str(place), "asked") is None


def test_another_file_in_its_place(kept: Path) -> None:
    place = _remember(kept)
    other = kept.with_name("other")
    other.write_text("CONTENT")
    _age(other)
    other.replace(kept)
    assert recalled(str(place), "asked") is None


def test_what_was_absent_and_came(kept: Path) -> None:
    absent = kept.with_name("absent")
    place = _remember(kept, absent)
    absent.write_text("")
    _age(absent)
    assert recalled(str(place), "asked") is None


def test_what_was_there_and_went(kept: Path) -> None:
    place = _remember(kept)
    kept.unlink()
    assert recalled(str(place), "asked") is None


def test_a_file_of_this_very_moment_is_not_relied_on(kept: Path) -> None:
    kept.touch()
    assert not _remember(kept).exists()


def test_its_own_folder_does_not_count(kept: Path) -> None:
    own = kept.parents[1] / "cache" / "packages.json"
    own.parent.mkdir()
    own.write_text("young")
    place = _remember(kept, own, own.parent)
    own.write_text("changed")
    assert recalled(str(place), "asked") == "answer\n"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_answer_is_none(kept: Path, content: bytes) -> None:
    place = _remember(kept)
    place.write_bytes(content)
    assert recalled(str(place), "asked") is None


@pytest.mark.parametrize(
    "wrong", [{"answer": 1}, {"paths": 7}, {"paths": [None]}, {"paths": ["\0"]}, {"state": None}]
)
def test_an_answer_that_was_made_up_is_none(kept: Path, wrong: dict[str, object]) -> None:
    place = _remember(kept)
    place.write_text(json.dumps({**json.loads(place.read_text()), **wrong}))
    assert recalled(str(place), "asked") is None


def test_what_cannot_be_written_is_not_kept(kept: Path) -> None:
    (kept.parents[1] / "cache").write_text("a file")
    assert not _remember(kept).is_file()


def test_the_question_is_who_asks_what_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = question(["environment"], "1")
    assert question(["environment"], "1") == asked
    others = [question(["environment", "--origins"], "1"), question(["environment"], "2")]
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/")
    others.append(question(["environment"], "1"))
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.syspath_prepend(tmp_path)
    others.append(question(["environment"], "1"))
    monkeypatch.chdir(tmp_path)
    others.append(question(["environment"], "1"))
    assert asked not in others
    assert len(set(others)) == len(others)


_WATCHED = """
import json, os, sys
sys.path.insert(0, {package!r})
from pytest_defend.capture.answers import LOOKED_AT, Watch
watch = Watch()
{looks}
found = watch.paths()
print(json.dumps(None if found is None else sorted(path for path in found if path.startswith(os.getcwd()))))
"""


def _watched(folder: Path, looks: str) -> list[str] | None:
    """What a process of its own notes; an audit hook can never be taken away again."""
    import pytest_defend  # noqa: PLC0415  # only for its place

    code = _WATCHED.format(package=str(Path(pytest_defend.__file__).parents[1]), looks=looks)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    found: list[str] | None = json.loads(done.stdout.splitlines()[-1])
    return None if found is None else [os.path.relpath(path, folder) for path in found]


@pytest.mark.parametrize(
    ("looks", "noted"),
    [
        ("open('file').read()", ["file"]),
        ("open(b'file').read()", ["file"]),
        ("os.path.exists('absent') or os.path.exists('file')", []),
        ("try: open('absent')\nexcept OSError: pass", ["absent"]),
        ("os.listdir('.'); list(os.scandir('folder'))", [".", "folder"]),
        ("__import__('pathlib').Path('file').read_text()", ["file"]),
        ("list(__import__('pathlib').Path('folder').glob('*.toml'))", ["folder"]),
        ("sys.audit(LOOKED_AT, 'store')", ["store"]),
        ("open('out', 'w').close(); open('out', 'a').close(); open('new', 'x').close()", []),
        ("open('code.py').close()", []),
        (
            "open('a-1.dist-info/METADATA').read()",
            ["a-1.dist-info", "a-1.dist-info/METADATA", "a-1.dist-info/RECORD"],
        ),
    ],
)
def test_what_is_noted(tmp_path: Path, looks: str, noted: list[str]) -> None:
    for name in ("file", "code.py", "a-1.dist-info/METADATA", "folder/x.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert _watched(tmp_path.resolve(), looks) == noted


@pytest.mark.parametrize(
    "looks",
    [
        "__import__('subprocess').run(['true'])",
        "__import__('sqlite3').connect(':memory:')",
        "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass",
        "import socket\ntry: socket.getaddrinfo('no such host', 1)\nexcept OSError: pass",
    ],
)
def test_what_depends_on_more_than_files(tmp_path: Path, looks: str) -> None:
    assert _watched(tmp_path, looks) is None
