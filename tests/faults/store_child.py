"""A process of its own that works on a directory store; the tests of faults start it.

`die ROOT STEP` publishes one build and kills itself just before step STEP of everything it does to the disk.
`alarm ROOT MICROSECONDS` publishes one build and is killed after that time, wherever it is by then.
`publish ROOT NAME STARTED` publishes build NAME/LINE for every line it is told, and says how each went.
`forks` does what each line says that it is told, `["die", ROOT, STEP]`, in a copy of itself that may die.
`watch ROOT COUNT` reads until it has seen COUNT builds, and fails when it sees a part of one.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builders import a_build_with_files, a_clock
from pytest_defend.errors import Conflict
from pytest_defend.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable


def check_whole(store: DirectoryStore) -> int:
    """Fail unless every file belongs to a build that is there, and every build has its files.

    Returns:
        The number of builds.
    """
    seen = {item.properties["build.number"][0]: item.properties["build.name"][0] for item in store.list("")}
    runs = store.builds()  # read after the files: the build of each must be there by now
    known = {(run.id.name, run.id.number) for run in runs}
    assert {(name, number) for number, name in seen.items()} <= known
    for run in runs:
        (module,) = store.build(run.id).modules
        for artifact in module.artifacts:
            with store.open(f"{artifact.repository}/{artifact.path}") as file:
                file.read()  # compared with its digest before it is handed out
    return len(runs)


def die(root: str, step: str) -> None:
    counted = itertools.count(1)
    last = int(step)

    def tick(*_: object) -> None:
        if next(counted) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"open", "os.mkdir", "os.rename", "sqlite3.connect"} and root in str(arguments[0]):
            tick()

    flush = os.fsync

    def ticking_flush(descriptor: int) -> None:
        tick()
        flush(descriptor)
        tick()

    class Ticking(sqlite3.Connection):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.set_trace_callback(tick)  # before every statement

        def close(self) -> None:
            tick()  # after the last one, and before the log is folded into the ledger
            super().close()

    sys.addaudithook(audit)
    os.fsync = ticking_flush  # type: ignore[assignment]  # this process is made to be broken
    sqlite3.connect = partial(sqlite3.connect, factory=Ticking)  # type: ignore[assignment]
    DirectoryStore(Path(root), a_clock).publish_build(*a_build_with_files("demo", "1"))


def alarm(root: str, microseconds: str) -> None:
    signal.setitimer(signal.ITIMER_REAL, int(microseconds) / 1_000_000)  # SIGALRM, unhandled, kills
    DirectoryStore(Path(root), a_clock).publish_build(*a_build_with_files("demo", "1"))
    signal.setitimer(signal.ITIMER_REAL, 0)


def publish(root: str, name: str, started: str) -> None:
    store = DirectoryStore(Path(root), a_clock)
    for line in sys.stdin:
        number = line.strip()
        build, uploads = a_build_with_files(name, number)
        try:
            store.publish_build(replace(build, started=started), uploads)
        except Conflict as error:
            print(type(error).__name__, flush=True)  # noqa: T201 - what the test reads
        else:
            print("kept", flush=True)  # noqa: T201


def watch(root: str, count: str) -> None:
    store = DirectoryStore(Path(root), a_clock)
    while check_whole(store) < int(count):
        pass


def forks() -> None:
    """Spare every one of them the start of Python and the imports."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            part, *arguments = json.loads(line)
            PARTS[part](*arguments)
            return  # and end as any process ends
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


PARTS: dict[str, Callable[..., None]] = {
    "die": die,
    "alarm": alarm,
    "publish": publish,
    "watch": watch,
    "forks": forks,
}

if __name__ == "__main__":
    PARTS[sys.argv[1]](*sys.argv[2:])
