from __future__ import annotations

import errno
import os

import pytest

from builders import a_build_info
from pytest_defend.errors import AccessDenied, Conflict, Unavailable
from pytest_defend.stores.rules import check_run, folder_failure, united


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        (errno.EACCES, AccessDenied, "Access to the store here is denied. Check who owns"),
        (errno.EPERM, AccessDenied, "Access to the store here is denied. Check who owns"),
        (errno.ENOSPC, Unavailable, "The disk of the store here is full. Free space"),
        (errno.EDQUOT, Unavailable, "The disk of the store here is full. Free space"),
        (errno.EROFS, Unavailable, "The store here is read-only. Choose a folder that can be written."),
        (errno.ENOTDIR, Unavailable, "The store here is a file, or lies in one. Choose a folder."),
        (errno.EEXIST, Unavailable, "The store here is a file, or lies in one. Choose a folder."),
        (errno.EIO, Unavailable, "The store here cannot be used: Input/output error. Check its folder"),
    ],
)
def test_an_error_of_the_system_says_what_to_do(code: int, kind: type[Exception], sentence: str) -> None:
    failure = folder_failure("here", OSError(code, os.strerror(code)))
    assert type(failure) is kind
    assert str(failure).startswith(sentence)
    assert failure.key == "here"


def test_an_error_without_a_number_says_what_it_says() -> None:
    assert "cannot be used: odd." in str(folder_failure("here", OSError("odd")))


def test_values_are_united_sorted_and_once() -> None:
    assert united({"b": ("2", "1"), "a": ("x",)}, {"b": ("1", "3"), "none": ()}) == {
        "a": ("x",),
        "b": ("1", "2", "3"),
    }
    assert list(united({"b": ("1",)}, {"a": ("1",)})) == ["a", "b"]


def test_a_finer_fraction_is_the_same_run() -> None:
    fine = a_build_info(started="2026-01-31T11:59:00.456789+0000")
    check_run(fine, kept=a_build_info(), locator="here")
    with pytest.raises(
        Conflict, match=r"demo/1 is kept in here, started .*456\+0000; this run started .*457"
    ):
        check_run(a_build_info(started="2026-01-31T11:59:00.457Z"), kept=a_build_info(), locator="here")
