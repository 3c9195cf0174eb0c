"""Reads what the run runs on: the interpreter and the platform.

Rules:
- Each `read_...` returns (fact, gaps) and never raises; what it cannot read is empty in the fact.
- Reading changes nothing in the process; it takes a few milliseconds.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.model.facts import Gap, Interpreter, Platform
from pytest_defend.model.fields import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["read_interpreter", "read_platform"]

_LARGEST_EXECUTABLE = 64 << 20


def read_interpreter() -> tuple[Interpreter, tuple[Gap, ...]]:
    """The Python we are running in."""
    digest, gaps = _executable_sha256(sys.executable)
    variables = sysconfig.get_config_vars()
    gil = getattr(sys, "_is_gil_enabled", None)  # since 3.13
    fact = Interpreter(
        implementation=sys.implementation.name,
        version=platform.python_version(),
        version_text=sys.version,
        platform=sysconfig.get_platform(),
        cache_tag=sys.implementation.cache_tag or "",
        abi_flags=getattr(sys, "abiflags", ""),
        ext_suffix=variables.get("EXT_SUFFIX") or "",
        executable=sys.executable,
        executable_sha256=digest,
        prefix=sys.prefix,
        base_prefix=sys.base_prefix,
        virtual_environment=sys.prefix != sys.base_prefix,
        externally_managed=Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists(),
        gil=gil() if gil else None,
        build_config_sha256=_build_config_sha256(variables),
    )
    return fact, gaps


def _executable_sha256(executable: str) -> tuple[str, tuple[Gap, ...]]:
    try:
        with Path(executable).open("rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST_EXECUTABLE:
                return "", ()
            return hashlib.file_digest(file, "sha256").hexdigest(), ()
    except OSError as error:
        named = executable or "without a path (sys.executable is empty)"
        problem = f"The interpreter {named} could not be read: {error.strerror}; its digest is missing."
        return "", (Gap(topic="interpreter", problem=problem),)


def _build_config_sha256(variables: Mapping[str, object]) -> str:
    # The lower-case ones say where this Python stands now, the upper-case ones how it was built.
    built = {name: str(value) for name, value in variables.items() if name.isupper()}
    return hashlib.sha256(canonical_bytes(built)).hexdigest()


def read_platform(
    os_release: Callable[[], Mapping[str, str]] = platform.freedesktop_os_release,
) -> tuple[Platform, tuple[Gap, ...]]:
    """The machine and operating system we are running on.

    Args:
        os_release: Reads the os-release file.
    """
    system = platform.system()
    (os_id, os_version), gaps = _os_identity(system, os_release)
    fact = Platform(
        system=system,
        machine=platform.machine(),
        kernel=platform.release(),
        os_id=os_id,
        os_version=os_version,
        libc=_libc(),
        cpu_count=os.cpu_count() or 0,
        hostname_sha256=hashlib.sha256(os.fsencode(platform.node())).hexdigest(),
    )
    return fact, gaps


def _os_identity(
    system: str, os_release: Callable[[], Mapping[str, str]]
) -> tuple[tuple[str, str], tuple[Gap, ...]]:
    try:
        release = os_release()
    except (OSError, UnicodeDecodeError):
        if system != "Linux":
            return (system.lower(), platform.mac_ver()[0] or platform.version()), ()
        problem = "The file os-release is missing or unreadable; which distribution this is stays unknown."
        return ("", ""), (Gap(topic="platform", problem=problem),)
    return (release.get("ID", ""), release.get("VERSION_ID", "")), ()


def _libc(variable: str = "CS_GNU_LIBC_VERSION") -> str:
    try:
        return os.confstr(variable) or ""
    except (AttributeError, OSError, ValueError):  # Windows; musl; macOS
        return "musl" if "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")) else ""
