from __future__ import annotations

import hashlib
import os
import platform
import socket
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture import interpreter
from pytest_defend.capture.interpreter import read_interpreter, read_platform
from pytest_defend.model.facts import Interpreter, Platform

if TYPE_CHECKING:
    from collections.abc import Mapping


def no_os_release() -> Mapping[str, str]:
    raise FileNotFoundError


def test_the_interpreter() -> None:
    fact, gaps = read_interpreter()
    assert gaps == ()
    assert fact.implementation == sys.implementation.name
    assert fact.version == platform.python_version()
    assert fact.version_text == sys.version
    assert fact.platform == sysconfig.get_platform()
    assert fact.cache_tag == sys.implementation.cache_tag
    assert fact.ext_suffix == sysconfig.get_config_var("EXT_SUFFIX")
    assert fact.executable == sys.executable
    assert fact.executable_sha256 == hashlib.sha256(Path(sys.executable).read_bytes()).hexdigest()
    assert fact.virtual_environment is (sys.prefix != sys.base_prefix)
    assert len(fact.build_config_sha256) == 64
    assert Interpreter.from_bytes(fact.to_bytes()) == fact
    assert read_interpreter() == (fact, gaps)


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled"), reason="only Python 3.13 and newer can say")
def test_the_lock() -> None:
    assert read_interpreter()[0].gil is sys._is_gil_enabled()  # type: ignore[attr-defined, unused-ignore]


@pytest.mark.parametrize(
    ("executable", "named"), [("", "sys.executable is empty"), ("/no/such/python", "/no/such")]
)
def test_an_interpreter_that_cannot_be_read_is_a_gap(
    executable: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    fact, gaps = read_interpreter()
    assert fact.executable_sha256 == ""
    assert [gap.topic for gap in gaps] == ["interpreter"]
    assert named in gaps[0].problem


def test_a_very_large_interpreter_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "python"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    monkeypatch.setattr(sys, "executable", str(large))
    fact, gaps = read_interpreter()
    assert (fact.executable_sha256, gaps) == ("", ())


def test_the_build_configuration_does_not_depend_on_the_place() -> None:
    digest = interpreter._build_config_sha256
    assert digest({"CC": "gcc", "N": 1, "prefix": "/a"}) == digest({"N": 1, "CC": "gcc", "prefix": "/b"})
    assert digest({"CC": "gcc"}) != digest({"CC": "clang"})


def test_the_platform() -> None:
    fact, gaps = read_platform(lambda: {"ID": "debian", "VERSION_ID": "12"})
    assert gaps == ()
    assert (fact.os_id, fact.os_version) == ("debian", "12")
    assert (fact.system, fact.machine, fact.kernel) == (
        platform.system(),
        platform.machine(),
        platform.release(),
    )
    assert fact.cpu_count == os.cpu_count()
    assert fact.hostname_sha256 == hashlib.sha256(socket.gethostname().encode()).hexdigest()
    assert Platform.from_bytes(fact.to_bytes()) == fact


def test_a_rolling_distribution_has_no_version() -> None:
    assert read_platform(lambda: {"ID": "arch"})[0].os_version == ""


def test_an_unknown_distribution_is_a_gap_on_linux_only() -> None:
    assert interpreter._os_identity("Linux", no_os_release)[0] == ("", "")
    assert [gap.topic for gap in interpreter._os_identity("Linux", no_os_release)[1]] == ["platform"]
    (name, version), gaps = interpreter._os_identity("Darwin", no_os_release)
    assert (name, gaps) == ("darwin", ())
    assert version


def test_the_c_library() -> None:
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        assert interpreter._libc() == " ".join(platform.libc_ver())
    expected = "musl" if "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")) else ""
    assert interpreter._libc("NO_SUCH_VARIABLE") == expected
