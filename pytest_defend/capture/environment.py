"""Reads what the run runs in: its process and the environment variables.

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
import locale
import os
import re
import sys
import time
from fnmatch import fnmatchcase, translate
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.ci import SYSTEMS
from pytest_defend.capture.credentials import looks_secret
from pytest_defend.model.facts import Gap
from pytest_defend.model.process import Environment, Process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.capture.redaction import Redactor

__all__ = ["KEPT", "read_environment", "read_process"]

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
_KEPT = re.compile("|".join(map(translate, KEPT)))
_CHANGES_ALL_THE_TIME = "PYTEST_CURRENT_TEST"
_COMMAND_LINES = ("FLAGS", "OPTIONS", "OPTS")


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
    return _KEPT.fullmatch(name) is not None
