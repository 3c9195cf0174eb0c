from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture import environment
from pytest_defend.capture.credentials import looks_secret
from pytest_defend.capture.environment import (
    KEPT,
    read_environment,
    read_process,
)
from pytest_defend.capture.redaction import MASK, Redactor
from pytest_defend.model.process import Environment, Process

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Redactor([])


def test_the_process() -> None:
    environ = {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1700000000"}
    fact, gaps = read_process(NOTHING, environ, ["python", "-m", "pytest", "--password", "x"])
    assert gaps == ()
    assert fact.pid == os.getpid()
    assert fact.argv == ("python", "-m", "pytest", "--password", MASK)
    assert fact.cwd == os.getcwd()  # noqa: PTH109  # another way to the same answer
    assert fact.filesystem_encoding == sys.getfilesystemencoding()
    assert (fact.hash_seed, fact.source_date_epoch) == ("7", "1700000000")
    assert fact.locale
    assert fact.flags.get("utf8_mode", 0) == sys.flags.utf8_mode
    assert fact.flags.get("hash_randomization", 0) == sys.flags.hash_randomization
    assert {"n_fields", "count"}.isdisjoint(fact.flags)
    assert 0 not in fact.flags.values()
    assert Process.from_bytes(fact.to_bytes()) == fact


def test_the_own_command_line_is_read_when_none_is_given() -> None:
    assert read_process(NOTHING, {})[0].argv == NOTHING.argv(sys.orig_argv)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no superuser here")
def test_the_superuser() -> None:
    assert read_process(NOTHING, {})[0].root is (os.geteuid() == 0)


def test_a_folder_that_is_gone_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    fact, gaps = read_process(NOTHING, {})
    assert fact.cwd == ""
    assert [gap.topic for gap in gaps] == ["process"]


@pytest.mark.parametrize("status", ["Name:\tpython\nUmask:\t0027\n", "Name:\tpython\n", None])
def test_the_umask_is_read_and_stays(status: str | None, tmp_path: Path) -> None:
    file = tmp_path / "status"
    if status is not None:
        file.write_text(status)
    before = os.umask(0o027)
    try:
        assert environment._umask(file) == "0027"
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set here")
def test_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "ABC-05:30")
    time.tzset()
    try:
        fact, _ = read_process(NOTHING, {})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (fact.timezone, fact.utc_offset_minutes) == ("ABC", 330)


def test_variables_by_the_built_in_list() -> None:
    environ = {
        "CC": "gcc",
        "CFLAGS": "-O2",
        "PYTHONPATH": "src",
        "PYTEST_ADDOPTS": "-q  --token x",
        "PYTEST_CURRENT_TEST": "test_x",
        "PYTEST_API_TOKEN": "abc",
        "LC_ALL": "C",
        "GITHUB_SHA": "0" * 40,
        "HOME": "/home/me",
        "ACCC": "no",
    }
    fact, gaps = read_environment(environ, NOTHING)
    assert gaps == ()
    assert fact.variables == {
        "CC": "gcc",
        "CFLAGS": "-O2",
        "GITHUB_SHA": "0" * 40,
        "LC_ALL": "C",
        "PYTEST_ADDOPTS": f"-q --token {MASK}",
        "PYTHONPATH": "src",
    }
    assert fact.dropped == ("ACCC", "HOME", "PYTEST_API_TOKEN", "PYTEST_CURRENT_TEST")
    assert list(fact.variables) == sorted(fact.variables)
    assert Environment.from_bytes(fact.to_bytes()) == fact


@pytest.mark.parametrize(
    ("name", "include", "exclude", "kept"),
    [
        ("LANG", (), (), True),
        ("LANG", (), ("lan*",), False),
        ("LANG", ("LANG",), ("*",), True),
        ("HOME", (), (), False),
        ("HOME", ("HOME",), (), True),
        ("HOME", ("home", "HOM*"), (), False),
        ("projectKey", ("projectKey",), ("*key*",), True),
        ("PYTEST_CURRENT_TEST", ("PYTEST_CURRENT_TEST",), (), True),
        ("COVERAGE_KEY", (), (), False),
    ],
)
def test_who_decides_about_a_variable(
    name: str, include: tuple[str, ...], exclude: tuple[str, ...], kept: bool
) -> None:
    fact, _ = read_environment({name: "value"}, NOTHING, include=include, exclude=exclude)
    expected = Environment(variables={name: "value"}) if kept else Environment(dropped=(name,))
    assert fact == expected


def test_secrets_are_masked_in_values_and_names() -> None:
    environ = {
        "DEPLOY_TOKEN": "hunter22",
        "LANG": "https://ci:swordfish@host/x",
        "PYTHONPATH": "/opt/hunter22/lib",
        "X_hunter22_X": "1",
        "OMP_NUM_THREADS": "4",
    }
    fact, _ = read_environment(environ, Redactor.from_environ(environ), include=["DEPLOY_TOKEN"])
    assert fact.variables == {
        "DEPLOY_TOKEN": MASK,
        "LANG": f"https://{MASK}@host/x",
        "OMP_NUM_THREADS": "4",
        "PYTHONPATH": f"/opt/{MASK}/lib",
    }
    assert fact.dropped == (f"X_{MASK}_X",)


def test_names_of_the_list_are_wanted_in_records() -> None:
    # A name here that looks secret belongs into the list of plain names in `capture.credentials`.
    assert [name for name in KEPT if looks_secret(name)] == []
    assert {"BUILD_NUMBER", "CI_PIPELINE_ID", "GITHUB_RUN_ID", "TF_BUILD", "bamboo_planKey"} <= set(KEPT)
    assert list(KEPT) == sorted(set(KEPT))
