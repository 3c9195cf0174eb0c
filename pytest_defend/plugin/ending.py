"""The end of a recorded run: pack, publish, say so; then the last word.

Rules:
- `finish` runs inside `pytest_sessionfinish`, after everybody else; `conclude` after `pytest_cmdline_main`.
- The mark that makes a build eligible is written by `conclude`; its absence is the safe state.
- Only status 0 is ever replaced, by 70, when publishing was asked for and failed under policy `fail`.
- The CI system's page of the run, if it has one, is told last, when everything is known.
- Whatever fails, the record stays on disk and the line that says so names the command that publishes it.
"""

from __future__ import annotations

import errno
import shlex
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pytest_defend import assembly
from pytest_defend.actions.archive import archive
from pytest_defend.actions.publish import mark, publish
from pytest_defend.assembly.store import page_of
from pytest_defend.errors import DefendError
from pytest_defend.model.bundle import FINAL, Final
from pytest_defend.render.markdown import summary_block
from pytest_defend.render.progress import Meter, Screen, is_drawable
from pytest_defend.render.summary import (
    eligible_lines,
    header_line,
    published_lines,
    signed_lines,
    summary_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from pytest_defend.assembly import Recording
    from pytest_defend.model.bundle import Manifest, Published
    from pytest_defend.model.eligibility import Eligibility
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.results import Verdict
    from pytest_defend.protocols import Store

__all__ = ["NOT_PUBLISHED", "Ending"]

NOT_PUBLISHED = 70
"""Exit status of a run whose tests passed and whose record could not be published."""

_PAGE_BYTES = 1 << 20
"""What GitHub shows of a step; it refuses a file that is larger."""


class Ending:
    """Sees a run to its end.

    Args:
        config: Of the run.
        run: What is recorded.
    """

    def __init__(self, config: pytest.Config, run: Recording) -> None:
        self._config = config
        self._run = run
        self._manifest: Manifest | None = None
        self._gaps: tuple[Gap, ...] = ()
        self._done: Published | None = None
        self._eligibility: tuple[Eligibility, ...] = ()
        self._problem = False
        self._missing = "MARKED"  # of what comes after publishing
        self._said = ""
        self.started = False

    def header(self) -> list[str]:
        """The line under pytest's header."""
        settings, header = self._run.settings, self._run.header
        store = "dry run, nothing is written" if settings.dry_run else f"store {settings.store}"
        if not settings.publish and not settings.dry_run:
            store = f"record {settings.record}"
        build = f"{header.build_name}/{header.build_number}"
        return [header_line(build=build, stage=header.stage, store=store)]

    def finish(self, status: int) -> int:
        """Pack and publish.

        Args:
            status: What pytest would exit with now.

        Returns:
            What it is to exit with.
        """
        self.started = True
        self._tell_title()
        try:
            self._manifest, self._gaps = self._run.pack(self._config)
            self._tell(summary_lines(self._manifest, self._manifest.verdict, self._gaps))
            self._eligibility = self._manifest.eligibility
            if not self._run.settings.publish or self._run.settings.dry_run:  # else the store is asked
                self._tell(line for told in self._eligibility for line in eligible_lines(told))
            self._publish(self._manifest)
        except KeyboardInterrupt:
            self._failed("interrupted")
        except Exception as error:  # noqa: BLE001  # the tests are not to suffer from it
            self._failed(_sentence(error) if self._run.journal.path.exists() else self._gone())
        return self._status(status)

    def conclude(self, status: int) -> int:
        """Speak the last word.

        Args:
            status: What pytest is about to exit with.

        Returns:
            What it is to exit with.
        """
        if self._manifest is None:
            self._leave()
            return self._status(status)
        final = Final(exit_status=0 if self._problem and status == NOT_PUBLISHED else int(status))
        folder = self._run.journal.folder
        try:
            (folder / FINAL).write_bytes(final.to_bytes())
            if self._run.settings.record and not self._run.settings.dry_run:
                archive(folder, self._run.record_path(self._config.invocation_params.dir))
                self._tell([f"record written to {self._run.settings.record}"])
            if self._published:
                self._mark(self._manifest, final)
        except Exception as error:  # noqa: BLE001  # the tests are not to suffer from it
            self._failed(_sentence(error))
        self._tell_ci(self._manifest, self._manifest.concluded(final))
        if self._run.settings.dry_run or not self._problem:
            self._run.discard()
        return self._status(status)

    def _publish(self, manifest: Manifest) -> None:
        settings = self._run.settings
        if not settings.publish and not settings.dry_run:
            return
        store = self._run.store()
        self._run.progress = meter = self._meter()
        sizes = [file.checksums.size_bytes for file in manifest.files]
        with meter.during("publishing", f"to {store.locator}", files=len(sizes), size_bytes=sum(sizes)):
            self._done = publish(
                self._run.journal.folder,
                manifest,
                store,
                dry_run=settings.dry_run,
                on_exists=settings.on_exists,
                page=partial(page_of, store, settings),
            )
        self._tell(published_lines(self._done))
        if self._published:
            self._run.announce(self._done)

    def _meter(self) -> Meter:
        """What shows how far publishing is, when anybody wants to know."""
        if self._run.settings.dry_run or self._config.get_verbosity() < 0:
            return Meter(None)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        screen = None
        if terminal is not None and terminal.isatty and self._run.ci is None and is_drawable():
            screen = Screen(
                partial(terminal.write_raw, flush=True),
                encoding=(sys.__stdout__ and sys.__stdout__.encoding) or "utf-8",
                color=terminal.hasmarkup,
                width=self._config.get_terminal_writer().fullwidth,
            )
        return Meter(lambda line: self._tell([line]), screen)

    @property
    def _published(self) -> bool:
        return self._done is not None and not self._done.dry_run

    def _mark(self, manifest: Manifest, final: Final) -> None:
        store = self._run.store()
        verdict = mark(manifest, store, final)
        if verdict != manifest.verdict:
            self._tell([f"stage {manifest.stage} {verdict.result.value}: {'; '.join(verdict.reasons)}"])
        self._missing = "SIGNED"
        if self._done is not None and self._run.key is not None:
            signed = assembly.sign_run(self._done.build, manifest.run, store, self._run.key)
            self._tell(signed_lines(signed))
        self._tell_eligibility(store)

    def _tell_eligibility(self, store: Store) -> None:
        """Ask the gate of the next level; a build that cannot be judged is not eligible."""
        run, done = self._run, self._done
        if done is None:
            return
        try:
            told = assembly.tell_eligibility(done.build, run.settings, run.project, store)
        except DefendError as error:
            self._tell([f"not judged for the next level: {run.redactor.text(_sentence(error))}"])
            return
        if told is not None:
            self._eligibility = (told,)
            self._tell(eligible_lines(told))

    def _leave(self) -> None:
        """The session never finished: keep what was heard, if anything was."""
        self._run.journal.close()
        if not self.started:
            self._run.discard()

    def _status(self, status: int) -> int:
        if self._problem and status == 0 and self._run.settings.on_error == "fail":
            return NOT_PUBLISHED
        return status

    def _gone(self) -> str:
        """Why there is no journal."""
        journal = self._run.journal
        stopped = [gap.problem for gap in journal.gaps if gap.topic == "journal"]
        return stopped[-1] if stopped else f"{journal.path} was removed while the tests ran."

    def _failed(self, problem: str) -> None:
        self._problem = True
        settings, folder = self._run.settings, self._run.journal.folder
        if settings.on_error == "ignore":
            return
        done = "RECORDED" if not (settings.publish or settings.dry_run) else "PUBLISHED"
        self._said = f"NOT {self._missing if self._published else done}: {self._run.redactor.text(problem)}"
        lines = [self._said]
        if folder.is_dir() and not settings.dry_run:
            lines.append(f"The record is kept: {self._later(folder)}")
        self._tell(lines)

    def _later(self, folder: Path) -> str:
        """The command that publishes the record to where it was meant to go."""
        settings = self._run.settings
        given = [
            text
            for name, flag in (("store", "--defend-store"), ("signing_key", "--defend-signing-key"))
            if settings.origins[name].startswith("command line")
            for text in (flag, getattr(settings, name))
        ]
        return shlex.join(("pytest-defend", "publish", *given, str(folder)))

    def _tell_ci(self, manifest: Manifest, verdict: Verdict) -> None:
        """Append to the file that the CI system shows with its run, if it has one."""
        file = self._run.ci.summary_file if self._run.ci else ""
        if not file:
            return
        try:
            block = summary_block(
                manifest,
                verdict,
                self._gaps,
                published=self._done,
                eligibility=self._eligibility,
                problem=self._said,
            )
            _append(file, block.encode())
        except Exception as error:  # noqa: BLE001  # the tests are not to suffer from it
            with suppress(OSError, ValueError):  # as below
                sys.stderr.write(f"pytest-defend: the summary for CI was not written: {_sentence(error)}\n")

    def _tell_title(self) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            with suppress(OSError, ValueError):  # as below
                terminal.write_sep("-", "pytest-defend")

    def _tell(self, lines: Iterable[str]) -> None:
        """Print lines, with pytest's writer when there is one; a broken terminal changes nothing."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        with suppress(OSError, ValueError):
            for line in lines:
                if terminal is not None:
                    terminal.write_line(line)
                else:
                    sys.stderr.write(f"pytest-defend: {line}\n")
            if terminal is not None:  # seen before anything that may take long, in a pipe too
                terminal.flush()


def _append(file: str, block: bytes) -> None:
    with open(file, "ab") as page:  # noqa: PTH123  # as the CI system writes it
        if page.tell() + len(block) > _PAGE_BYTES:
            raise OSError(errno.EFBIG, "it would have more than 1 MiB", file)
        page.write(block)


def _sentence(error: Exception) -> str:
    if isinstance(error, DefendError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename and error.strerror else str(error)
    return f"error in pytest-defend: {error!r}"
