"""One digest for what a distribution holds, wherever and by whomever it was installed."""

from __future__ import annotations

import pytest

from pytest_defend.model.fingerprint import content_rows, fingerprint, read_record

_WHEEL = """\
demo/__init__.py,sha256=aaa,10
"demo/a, b.py",sha256=bbb,20
demo-1.0.dist-info/METADATA,sha256=ccc,30
demo-1.0.dist-info/WHEEL,sha256=ddd,40
demo-1.0.dist-info/RECORD,,
"""
_INSTALLED = """\
../../../bin/demo,sha256=zzz,200
demo-1.0.dist-info/INSTALLER,sha256=eee,4
demo-1.0.dist-info/METADATA,sha256=ccc,30
demo-1.0.dist-info/RECORD,,
demo-1.0.dist-info/REQUESTED,sha256=fff,0
demo-1.0.dist-info/WHEEL,sha256=ddd,40
demo-1.0.dist-info/direct_url.json,sha256=ggg,90
demo-1.0.dist-info/provenance_url.json,sha256=ggg,90
demo-1.0.dist-info/uv_build.json,sha256=ggg,90
demo-1.0.dist-info/uv_cache.json,sha256=ggg,90
demo/__init__.py,sha256=aaa=,10
demo/__pycache__/__init__.cpython-311.pyc,,
"demo/a, b.py",sha256=bbb,20
"""


def _digest(text: str) -> str:
    return fingerprint(read_record(text))


def test_a_wheel_and_its_installed_copy_have_the_same() -> None:
    assert _digest(_WHEEL) == _digest(_INSTALLED)
    assert len(_digest(_WHEEL)) == 64


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("aaa", "AAA"),
        (",10", ",11"),
        ("demo/__init__", "demo/__main__"),
        ("METADATA,sha256=ccc", "METADATA,sha256=x"),
    ],
)
def test_other_content_has_another(was: str, becomes: str) -> None:
    assert _digest(_WHEEL.replace(was, becomes)) != _digest(_WHEEL)


@pytest.mark.parametrize(
    ("path", "installed_to"),
    [
        ("demo-1.0.data/purelib/demo.py", "demo.py"),
        ("demo-1.0.data/platlib/demo/x.so", "demo/x.so"),
        ("demo-1.0.data/scripts/run", ""),
        ("demo-1.0.data/data/share/man", ""),
        ("demo-1.0.data/headers/demo.h", ""),
        ("demo.data/x.txt", "demo.data/x.txt"),
        ("demo-1.0.dist-info/RECORD.jws", ""),
        ("demo-1.0.dist-info/RECORD.p7s", ""),
        ("demo-1.0.dist-info/licenses/RECORD", "demo-1.0.dist-info/licenses/RECORD"),
        ("demo/REQUESTED", "demo/REQUESTED"),
        ("demo/x.pyc", ""),
        ("../../bin/x", ""),
        ("/etc/x", ""),
        ("C:/x", ""),
    ],
)
def test_what_counts_and_where(path: str, installed_to: str) -> None:
    kept = content_rows({path: ("sha256=a", "1")})
    assert list(kept) == ([installed_to] if installed_to else [])


def test_backslashes_of_windows_are_folders() -> None:
    assert list(read_record("demo\\a.py,sha256=a,1\r\n..\\..\\Scripts\\demo.exe,sha256=b,2\r\n")) == [
        "demo/a.py",
        "../../Scripts/demo.exe",
    ]


def test_a_file_that_the_wheel_forgot_to_list_changes_nothing() -> None:
    assert _digest(f"{_WHEEL}demo/forgotten.py,,\n") == _digest(_WHEEL)


def test_names_may_hold_anything() -> None:
    assert list(read_record('"de""mo\u2028\x0b.py",sha256=a,1\n')) == ['de"mo\u2028\x0b.py']


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n", "row 1 is no path, hash and size"),
        ("a,b,c\n,b,c\n", "row 2 is no path"),
        ('"a\0,b,c', "row 1 is no path"),
    ],
)
def test_what_is_no_record_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_record(text)


def test_a_field_that_is_longer_than_any_is_refused() -> None:
    with pytest.raises(ValueError, match="no table"):
        read_record(f"{'x' * 200_000},a,1\n")
