"""A small project, runs of it, and what was recorded of each: read from files, never from memory.

Rules:
- A plain run is made in the process of the test that asks for it. Any other has a process of its own; so has
  one that may crash, be killed, fail late, or change its process or warnings (`apart`).
- What a run recorded is read where a user finds it: in the store; in the spool when it was not published.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_clock
from pytest_defend.actions.show import show
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import JOURNAL, RECORD
from pytest_defend.model.record import RunRecord
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.verdict import judge
from pytest_defend.stores.directory import DirectoryStore
from runs import Finished, Running, a_project, environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_defend.model.replay import Summary
    from pytest_defend.model.results import Case, Tally, Verdict
    from pytest_defend.model.views import BuildView, StageView

__all__ = ["MODES", "WORKERS", "Demo", "Kept", "Run", "facts", "said"]

MODES: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "no xdist": ("-p", "no:xdist"),
    "n0": ("-p", "xdist", "-n0"),
    "n2": ("-p", "xdist", "-n2"),
    "loadgroup": ("-p", "xdist", "-n2", "--dist=loadgroup"),
    "worksteal": ("-p", "xdist", "-n2", "--dist=worksteal"),
    "each": ("-p", "xdist", "-n2", "--dist=each"),
}
"""Ways to run the same tests."""
WORKERS = ("n2", "loadgroup", "worksteal", "each")
HAS_XDIST = find_spec("xdist") is not None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is left of a run on disk.

    Attributes:
        folder: The project's.
    """

    folder: Path

    @property
    def store(self) -> DirectoryStore:
        """The embedded store of the project."""
        return DirectoryStore(self.folder / ".defend", a_clock)

    @property
    def spooled(self) -> list[Path]:
        """Folders of runs that are not published."""
        return sorted((self.folder / ".defend" / "spool").glob("*"))

    @cached_property
    def view(self) -> BuildView:
        """The latest build, as `pytest-defend show` answers."""
        return show(BuildId.parse("demo/latest"), self.store)

    @property
    def stage(self) -> StageView:
        """Its only stage."""
        (stage,) = self.view.stages
        return stage

    @cached_property
    def published(self) -> Mapping[str, str]:
        """Path in the store of each file of the stage, by its name."""
        module = next(module for module in self.view.build.modules if module.id == self.stage.module)
        return {made.name: f"{made.repository}/{made.path}" for made in module.artifacts}

    def file(self, name: str) -> bytes:
        """A file of the run."""
        if self.spooled:
            return (self.spooled[-1] / name).read_bytes()
        with self.store.open(self.published[name]) as stream:
            return stream.read()

    @cached_property
    def journal(self) -> list[bytes]:
        """Lines of the journal."""
        return self.file(JOURNAL).splitlines(keepends=True)

    @cached_property
    def summary(self) -> Summary:
        """What the journal says."""
        return summarise(self.journal)

    @property
    def tally(self) -> Tally:
        """Its counts."""
        return self.summary.tally

    @cached_property
    def verdict(self) -> Verdict:
        """Our judgement of it."""
        return judge(self.summary)

    @property
    def reasons(self) -> str:
        """Why it is no better."""
        return "; ".join(self.verdict.reasons)

    @cached_property
    def cases(self) -> list[Case]:
        """Every test with its attempts."""
        return list(cases(self.journal, self.summary))

    @cached_property
    def outcomes(self) -> dict[str, str]:
        """How each test ended, by node id without its file."""
        return {case.nodeid.partition("::")[2]: case.outcome.value for case in self.cases}

    @cached_property
    def record(self) -> RunRecord:
        """The record."""
        return RunRecord.from_bytes(self.file(RECORD))

    def gaps(self, topic: str) -> list[str]:
        """What could not be read."""
        return [gap.problem for gap in self.record.gaps if gap.topic == topic]


@dataclass(frozen=True, kw_only=True)
class Run(Kept):
    """A run that has ended, and what is left of it."""

    finished: Finished

    @property
    def status(self) -> int:
        """Exit status."""
        return self.finished.status

    @property
    def out(self) -> str:
        """What it printed."""
        return self.finished.out

    @property
    def err(self) -> str:
        """What it printed to standard error."""
        return self.finished.err


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A project.

    Attributes:
        folder: Its folder.
        pytester: Runs pytest in this process; without it every run is apart.
    """

    folder: Path
    pytester: pytest.Pytester | None = None

    def run(
        self,
        *arguments: str,
        mode: str = "plain",
        asked: tuple[str, ...] = ("--defend-publish",),
        apart: bool = False,
        **variables: str,
    ) -> Run:
        """Run the tests.

        Args:
            arguments: For pytest.
            mode: One of `MODES`.
            asked: What is asked of pytest-defend.
            apart: Whether the run needs a process of its own.
            variables: More of them in its environment.
        """
        plugins = ("-p", "pytest_defend.plugin", "-p", "pytest_rerunfailures", *MODES[mode])
        command = (*plugins, *asked, *arguments)
        if "xdist" in command and not HAS_XDIST:
            pytest.skip("needs pytest-xdist")
        if apart or mode != "plain" or self.pytester is None:
            return self.python("-m", "pytest", *command, **variables)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in environment(**variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "dont_write_bytecode", True)
            result = self.pytester.runpytest_inprocess(*command)
        out, err = ("".join(f"{line}\n" for line in lines) for lines in (result.outlines, result.errlines))
        return Run(folder=self.folder, finished=Finished(status=int(result.ret), out=out, err=err))

    def python(self, *arguments: str, **variables: str) -> Run:
        """Run a Python program."""
        with Running(self.folder, [sys.executable, *arguments], environment(**variables)) as running:
            return Run(folder=self.folder, finished=running.finish())

    def defend(self, *arguments: str, **variables: str) -> Run:
        """Run a command of ours."""
        return self.python("-m", "pytest_defend", *arguments, **variables)

    def holds(self, **files: str) -> Demo:
        """Put files into it: `test_a="..."` is `test_a.py`."""
        a_project(self.folder, {f"{name}.py": text for name, text in files.items()})
        return self


def facts(run: Kept) -> dict[str, list[list[dict[str, Any]]]]:
    """What a run's attempts say in every mode alike, by test: all but workers, times, folders, addresses."""
    told: dict[str, list[list[dict[str, Any]]]] = {}
    for case in run.cases:
        attempts = [json.loads(attempt.to_bytes(), object_hook=_timeless) for attempt in case.attempts]
        told.setdefault(case.nodeid, []).append(attempts)
    text = re.sub(r"\b0x[0-9a-f]+", "ADDRESS", json.dumps(told).replace(str(run.folder), "FOLDER"))
    return dict(json.loads(text))


def _timeless(told: dict[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in told.items() if name not in {"worker", "started_ms", "duration_us"}}


_WORDS = {
    "failed": "failed",
    "passed": "passed",
    "skipped": "skipped",
    "deselected": "deselected",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
    "warning": "warnings",
    "warnings": "warnings",
    "error": "errors",
    "errors": "errors",
    "rerun": "rerun",
}
_SUMMARY = re.compile(r"(?m)^=* ?((?:\d+ [a-z ]+, )*\d+ [a-z ]+) in [\d.]+s")


def said(out: str) -> dict[str, int]:
    """The counts of pytest's summary line, by their name in a `Tally`."""
    found = _SUMMARY.findall(out)
    if not found:
        return {}
    parts = [part.split(" ", 1) for part in found[-1].split(", ")]
    return {_WORDS[word]: int(count) for count, word in parts}
