from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.pylock import is_valid_pylock_path

from pytest_defend.documents.occasion import Occasion, file_names, heading
from pytest_defend.model.facts import Interpreter

PYTHON = Interpreter(
    implementation="cpython", version="3.11.7", version_text="3.11.7 (main)", platform="linux-x86_64"
)


def head(**changes: str) -> str:
    facts = {"project": "demo", "build_name": "demo", "build_number": "1", "run": "r1", "stage": "tests"}
    occasion = Occasion(**{**facts, **changes}, interpreter=PYTHON)
    return heading(occasion, "this", "that", pinned=2, others=1, where="below")


def test_the_first_lines_say_what_to_do() -> None:
    assert head() == (
        "# What one test run had installed, written by pytest-defend.\n"
        "# Put the files with these digests beside this one, and install them into an empty environment:\n"
        "#     this\n"
        "#     that\n"
        "# Build demo/1, run r1, stage tests\n"
        "# cpython 3.11.7 on linux-x86_64\n"
        "# 2 of 3 packages; the others, and why, below.\n"
    )


@pytest.mark.parametrize("evil", ["a\nb==1", "a\\", "a\x0cb", "a\u2028b", "a\x85b", "a\r", "a\udcff", "\x00"])
def test_no_text_leaves_its_line(evil: str) -> None:
    written = head(build_name=evil, build_number=evil, run=evil, stage=evil)
    assert len(written.splitlines()) == len(head().splitlines())
    assert all(line.startswith("# ") and not line.endswith("\\") for line in written.splitlines())
    assert written.encode()


def test_no_text_chooses_the_encoding() -> None:
    first, second = head(build_name="coding: utf-16", run="coding: utf-16").splitlines()[:2]
    assert "coding" not in first + second


@pytest.mark.parametrize(
    ("name", "number", "build"),
    [
        ("demo", "1", "demo-1"),
        ("team/demo", "1.0+a", "team-demo-1-0-a"),
        ("a_b", "../x\n", "a_b----x-"),
        ("my build", "", "my-build-"),
        ("", "", "-"),
    ],
)
def test_files_are_named_after_the_build(name: str, number: str, build: str) -> None:
    assert file_names(name, number) == (f"pylock.{build}.toml", f"requirements.{build}.txt")
    assert is_valid_pylock_path(Path(file_names(name, number)[0]))


def test_names_that_cannot_be_spelled_are_told_apart() -> None:
    builds = [("ä", "1"), ("ö", "1"), ("\udcff", ""), ("", "\udcff")]
    locks = [file_names(*build)[0] for build in builds]
    assert len(set(locks)) == len(builds)
    assert all(re.fullmatch(r"pylock\.-+1?-[0-9a-f]{8}\.toml", lock) for lock in locks)


def test_a_long_name_is_cut_and_still_its_own() -> None:
    lock, requirements = file_names("a" * 200, "1")
    assert len(lock) == len("pylock..toml") + 100
    assert len(requirements) == len("requirements..txt") + 100
    assert lock != file_names("a" * 200, "2")[0]
    assert file_names("a" * 98, "1")[0] == f"pylock.{'a' * 98}-1.toml"
