"""Reads what the run runs on: interpreter, platform, process and environment variables.

Rules:
- Each `read_...` returns (fact, gaps) and never raises; what it cannot read is empty in the fact.
- Values of environment variables are kept by an allow-list, everything else by name only. An exact name the
  user includes is kept in any case; then the user's exclusions count, then the built-in list, which never
  keeps a name that looks secret.
- Every value goes through the redactor, also one that was included by name.
- Reading changes nothing in the process; it takes a few milliseconds.

Source: the allow-list begins with that of Debian's deb-buildinfo(5), made for the same purpose.
"""

from __future__ import annotations

import dataclasses
import hashlib
import locale
import os
import platform
import re
import sys
import sysconfig
import time
from fnmatch import fnmatchcase, translate
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.ci import SYSTEMS
from pytest_defend.capture.credentials import looks_secret
from pytest_defend.model.facts import Gap, Interpreter, Platform
from pytest_defend.model.fields import canonical_bytes
from pytest_defend.model.process import Environment, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_defend.capture.redaction import Redactor

__all__ = ["KEPT", "read_environment", "read_interpreter", "read_platform", "read_process"]

_TOOLS = "CC CPP CXX OBJC OBJCXX PC FC M2C AS LD AR RANLIB MAKE AWK LEX YACC"
_BUILD = "*FLAGS LD_LIBRARY_PATH LANG LC_* DEB_* DPKG_* SOURCE_DATE_EPOCH"
_PYTHON = "PYTHON* PYTEST_* TZ COVERAGE_* HYPOTHESIS_* VIRTUAL_ENV CONDA_PREFIX"
_THREADS = "OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS CUDA_VISIBLE_DEVICES"
_RUNNERS = (
    "AGENT_OS AGENT_OSARCHITECTURE AGENT_VERSION BUILD_REASON BUILDKITE_AGENT_NAME BUILDKITE_SOURCE"
    " CI_JOB_IMAGE CI_PIPELINE_SOURCE CI_RUNNER_DESCRIPTION CI_RUNNER_EXECUTABLE_ARCH CI_RUNNER_VERSION"
    " GITHUB_EVENT_NAME GITHUB_REF_NAME GITHUB_WORKFLOW_REF GITHUB_WORKFLOW_SHA"
    " ImageOS ImageVersion NODE_NAME RUNNER_ARCH RUNNER_ENVIRONMENT RUNNER_NAME RUNNER_OS"
)
# The names in the table of CI systems, so that a new row there is all a new system needs.
_ROWS = " ".join(str(dataclasses.astuple(system)) for system in SYSTEMS)
_IDENTIFIERS = re.findall(r"\{([A-Za-z]\w*)", _ROWS)

KEPT = tuple(sorted({*_IDENTIFIERS, *f"{_TOOLS} {_BUILD} {_PYTHON} {_THREADS} {_RUNNERS}".split()}))
"""Names and shell wildcards of the variables whose values are kept."""
_CHANGES_ALL_THE_TIME = "PYTEST_CURRENT_TEST"
_COMMAND_LINES = ("FLAGS", "OPTIONS", "OPTS")

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


def read_process(
    redactor: Redactor, environ: Mapping[str, str], argv: Sequence[str] | None = None
) -> tuple[Process, tuple[Gap, ...]]:
    """The process we are running in.

    Args:
        redactor: For the command line.
        environ: Variables by name.
        argv: The command; that of this process when not given.
    """
    cwd, gaps = _working_directory()
    now = time.localtime()
    fact = Process(
        pid=os.getpid(),
        argv=redactor.argv(sys.orig_argv if argv is None else argv),
        cwd=redactor.text(cwd),
        root=os.geteuid() == 0 if hasattr(os, "geteuid") else None,
        umask=_umask(Path("/proc/self/status")),
        timezone=now.tm_zone,
        utc_offset_minutes=now.tm_gmtoff // 60,
        locale=locale.setlocale(locale.LC_ALL),
        filesystem_encoding=sys.getfilesystemencoding(),
        flags=_flags(),
        hash_seed=redactor.text(environ.get("PYTHONHASHSEED", "")),
        source_date_epoch=redactor.text(environ.get("SOURCE_DATE_EPOCH", "")),
    )
    return fact, gaps


def _working_directory() -> tuple[str, tuple[Gap, ...]]:
    try:
        return str(Path.cwd()), ()
    except OSError as error:
        problem = f"The working directory could not be read: {error.strerror}; was it removed?"
        return "", (Gap(topic="process", problem=problem),)


def _umask(status: Path) -> str:
    try:
        found = re.search(r"^Umask:\s*([0-7]+)$", status.read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    if found:
        return found[1]
    # Elsewhere it can only be read by setting it: for that moment to what gives nobody anything.
    umask = os.umask(0o077)
    os.umask(umask)
    return f"{umask:04o}"


def _flags() -> dict[str, int]:
    names = (name for name in dir(sys.flags) if not name.startswith(("_", "n_")))
    values = {name: getattr(sys.flags, name) for name in names}
    return {name: int(value) for name, value in values.items() if isinstance(value, int) and value}


def read_environment(
    environ: Mapping[str, str],
    redactor: Redactor,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> tuple[Environment, tuple[Gap, ...]]:
    """The environment variables that may be kept, and the names of the others.

    Args:
        environ: Variables by name.
        redactor: For every name and value. One that looks secret by its name is masked although it is
            included, unless the redactor was told that it is plain.
        include: Exact names to keep.
        exclude: Shell wildcards of names not to keep; case does not count.
    """
    wanted, unwanted = frozenset(include), tuple(pattern.lower() for pattern in exclude)
    variables: dict[str, str] = {}
    dropped: set[str] = set()
    for name in sorted(environ):
        if name in wanted or _is_kept(name, unwanted):
            redact = redactor.command if name.endswith(_COMMAND_LINES) else redactor.text
            variables[redactor.text(name)] = redact(environ[name])
        else:
            dropped.add(redactor.text(name))
    return Environment(variables=variables, dropped=tuple(sorted(dropped))), ()


def _is_kept(name: str, unwanted: Sequence[str]) -> bool:
    if name == _CHANGES_ALL_THE_TIME or looks_secret(name):
        return False
    if any(fnmatchcase(name.lower(), pattern) for pattern in unwanted):
        return False
    return _kept().fullmatch(name) is not None


@cache
def _kept() -> re.Pattern[str]:
    """What matches the names and wildcards of `KEPT`; only a record of a run needs it."""
    return re.compile("|".join(map(translate, KEPT)))
