"""Hearing a run: the one object registered when recording was asked for.

Rules:
- It passes on what pytest says to the recorder; results are never changed.
- Nothing of ours raises into the run: a failure becomes a gap and one line at the end.
- Publishing happens when every other `pytest_sessionfinish` has ended and the failures are on the screen.
- SIGTERM ends the run as Ctrl-C does, with status 143.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend import assembly
from pytest_defend.capture.marks import read_marks, registered
from pytest_defend.capture.reports import ReportReader
from pytest_defend.capture.results import Recorder
from pytest_defend.model.facts import Gap
from pytest_defend.model.journal import End
from pytest_defend.model.results import Attempt
from pytest_defend.plugin.asked import RUNNING
from pytest_defend.plugin.attach import Attaching, attaching
from pytest_defend.plugin.ending import Ending

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator, Iterator, Sequence

    from pytest_defend.plugin.asked import Asked

__all__ = ["Controller"]

TERMINATED = 128 + signal.SIGTERM
_INTERNAL_ERROR = 3


class Controller:
    """Hears a run and sees to its end.

    Args:
        config: Of the run.
        asked: What was asked for.

    Raises:
        UsageError: A setting cannot be understood.
    """

    def __init__(self, config: pytest.Config, asked: Asked) -> None:
        self._config = config
        self._settings = asked.settings
        mode = config.getoption("dist", "no")
        each, groups = mode == "each", mode == "loadgroup"
        self.run = assembly.begin(asked.settings, asked.project, asked.ci, config, each=each)
        reader = ReportReader(
            self.run.redactor.text, output=asked.settings.output, limit=asked.settings.output_limit
        )
        self._look = assembly.look_at_attempts(config.hook)
        look = None if self._look is None else self._looked
        self.recorder = Recorder(self.run.journal.write, reader, groups=groups, each=each, look=look)
        limit = asked.settings.attachment_limit
        attaching(config, Attaching(lambda: self.run.journal.folder, "", limit, self.run.redactor))
        self._ending = Ending(config, self.run)
        self._outer = os.environ.get(RUNNING)
        os.environ[RUNNING] = self.run.header.run
        self._session: pytest.Session | None = None
        self._began = time.monotonic()
        self._reason = ""
        self._terminated = False
        self._handler: Any = None

    @contextmanager
    def safely(self, topic: str) -> Iterator[None]:
        """Turn a failure of ours into a gap."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # a record with a gap is worth more than a broken run
            self.run.failed(topic, error)

    def _looked(self, attempt: Attempt) -> Attempt:
        """An attempt as extensions want it written; as it is when they fail."""
        try:
            looked = attempt if self._look is None else self._look(attempt)
            return Attempt.from_bytes(looked.to_bytes())  # what cannot be read again is not written
        except Exception as error:  # noqa: BLE001  # code of others
            what = f"pytest_defend_test_record failed ({type(error).__name__}: {error})"
            problem = f"An implementation of {what}. Repair or remove it."
            gap = Gap(topic="extensions", problem=self.run.redactor.text(problem))
            if gap not in self.run.gaps:
                self.run.gaps.append(gap)
            return attempt

    def told_to_workers(self) -> dict[str, Any]:
        """What a worker needs to attach files; no secret is among it."""
        return {
            "folder": str(self.run.journal.folder),
            "limit": self._settings.attachment_limit,
            "patterns": list(self._settings.env_exclude),
        }

    def pytest_report_header(self) -> list[str]:
        """One line: where to, which build, which stage."""
        return self._ending.header()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Read what the run runs on, before any test can change it."""
        self._session = session
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._handler = signal.signal(signal.SIGTERM, self._terminate)
        with self.safely("facts"):
            self.recorder.facts(self.run.read_facts(self._config))

    def _terminate(self, *_: object) -> None:
        self._terminated, self._reason = True, "terminated (SIGTERM)"
        if self._session is not None:  # for a test that catches what is raised here
            self._session.shouldstop = self._reason
        if not self._ending.started:
            pytest.exit(self._reason, returncode=TERMINATED)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Hear what was collected, in a run without workers."""
        with self.safely("collection"):
            self.recorder.collected("", [item.nodeid for item in session.items])
            self.recorder.marked("", read_marks(session.items, registered(self._config.getini("markers"))))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Hear of collectors that failed or skipped."""
        if not report.passed:
            with self.safely("collection"):
                self.recorder.problem(report)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Hear what will not run by the user's choice, in a run without workers."""
        with self.safely("collection"):
            self.recorder.deselected("", [item.nodeid for item in items])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test is open."""
        try:
            self.recorder.began(nodeid)
        except Exception as error:  # noqa: BLE001  # as in `safely`, which would cost time here
            self.run.failed("results", error)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear how a phase ended; last, because pytest itself corrects reports with failed subtests."""
        try:
            self.recorder.hear(report)
        except Exception as error:  # noqa: BLE001  # as in `safely`, which would cost time here
            self.run.failed("results", error)

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Hear a warning."""
        with self.safely("warnings"):
            where = f"{location[0]}:{location[1]}" if location else ""
            where = where or f"{warning_message.filename}:{warning_message.lineno}"
            text = str(warning_message.message)
            self.recorder.warned(warning_message.category.__name__, text, nodeid, where)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Hear that pytest or a plugin failed."""
        with self.safely("internal error"):
            self.recorder.internal_error(str(excrepr))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Hear why the run stopped early."""
        self._reason = self._reason or str(excinfo.value) or excinfo.typename

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Finish the record and publish it once everybody else has finished."""
        try:
            result = yield
        except BaseException as error:
            self._finish(_INTERNAL_ERROR, f"pytest_sessionfinish raised {type(error).__name__}")
            raise
        if self._terminated:
            session.exitstatus = TERMINATED
        reason = self._reason or str(session.shouldfail or session.shouldstop or "")
        session.exitstatus = self._finish(int(session.exitstatus), reason)
        if self._terminated:  # while publishing: what is begun is finished, and nothing becomes eligible
            session.exitstatus = TERMINATED
        return result

    def _finish(self, status: int, reason: str) -> int:
        with self.safely("journal"):
            self.run.gaps += self.recorder.gaps
            for gap in (*self.run.journal.gaps, *self.run.redactor.gaps, *self.run.gaps):
                self.recorder.gap(gap)
            self.recorder.end(
                End(
                    exit_status=status,
                    reason=self.run.redactor.text(reason),
                    duration_us=int((time.monotonic() - self._began) * 1_000_000),
                    warnings=self.recorder.warnings,
                )
            )
            self.recorder.forget()
        return self._ending.finish(status)

    def last_word(self, status: Any) -> Any:
        """Conclude: the status is final, nothing of pytest runs any more.

        Args:
            status: What pytest is about to end with.

        Returns:
            What it ends with.
        """
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
        if self._outer is None:
            os.environ.pop(RUNNING, None)
        else:
            os.environ[RUNNING] = self._outer
        try:
            return self._ending.conclude(status)
        except Exception as error:  # noqa: BLE001  # the tests' own status stands
            sys.stderr.write(f"pytest-defend: {self.run.redactor.text(repr(error))}\n")
            return status
