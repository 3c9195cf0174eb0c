"""Whether a marker may hold where not everything is known."""

from __future__ import annotations

import pytest

from pytest_defend.model.markers import may_hold

HERE = {
    "os_name": "posix",
    "platform_release": "6.8.0-45-generic",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
}


@pytest.mark.parametrize(
    "marker",
    [
        "",
        "sys_platform == 'linux'",
        "extra == 'x'",
        "extra != 'x'",
        "'x' in extras",
        "'x'not  in dependency_groups",
        "extra == 'x' and sys_platform == 'linux'",
        "sys_platform == 'win32' or 'x' in extras",
        "('x' in extras and sys_platform == 'win32') or ('y' in extras and os_name == \"posix\")",
        "sys_platform != \"extra == 'x'\"",
        # nobody can judge these
        "nonsense",
        "'x' in groups",
        "(" * 5000 + "os_name == 'nt'" + ")" * 5000,
    ],
)
def test_what_may_hold(marker: str) -> None:
    assert may_hold(marker, HERE)


@pytest.mark.parametrize(
    "marker",
    [
        "sys_platform == 'win32'",
        "python_full_version < '3.11'",
        "extra == 'x' and sys_platform == 'win32'",
        "'win32' == sys_platform and \"x\" in extras",
        "sys_platform == 'win32' and ('x' in extras or 'y' not in dependency_groups)",
        "sys_platform == \"extra == 'x'\"",
        "sys_platform in 'extras'",
    ],
)
def test_what_cannot_hold(marker: str) -> None:
    assert not may_hold(marker, HERE)
