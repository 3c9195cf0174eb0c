"""A process that has everything loaded and starts runs: the tests of faults in whole runs tell it which.

For each line, `{"cwd": ..., "out": ..., "pytest": [...]}` or `{..., "defend": [...]}`, it starts one process
of its own, says its id, and when it has ended how it ended.
"""

from __future__ import annotations

import json
import os
import sys

import pytest

import pytest_defend.cli.publishing
import pytest_defend.plugin.controller
import pytest_defend.plugin.ending
import pytest_defend.stores.artifactory
import pytest_defend.stores.http  # noqa: F401  # loaded once instead of in every run
from pytest_defend.__main__ import main


def run(task: dict[str, object]) -> int:
    os.chdir(str(task["cwd"]))
    out = os.open(str(task["out"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    if "pytest" in task:
        code = int(pytest.main(list(map(str, task["pytest"]))))  # type: ignore[call-overload]
    else:
        sys.argv[1:] = list(map(str, task["defend"]))  # type: ignore[call-overload]
        code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


for line in sys.stdin:
    pid = os.fork()
    if not pid:
        os._exit(run(json.loads(line)))
    print(pid, flush=True)  # noqa: T201 - what the test reads
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
