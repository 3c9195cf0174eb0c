"""A run being recorded: where its journal is, what it may say, what is read besides the tests.

Rules:
- The folder of a run is `.defend/spool/<run>` below the project, a temporary one in a dry run. It holds
  everything until the store has it, and goes when it has.
- Every reading of the world gives facts and gaps; one that fails becomes a gap.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import __version__
from pytest_defend.actions.pack import pack
from pytest_defend.assembly.eligibility import check_policy
from pytest_defend.assembly.extensions import announce, load_extensions, look_at_build, redactions
from pytest_defend.assembly.facts import read_facts
from pytest_defend.assembly.material import read_material
from pytest_defend.assembly.redaction import redactor_of
from pytest_defend.assembly.signing import open_key
from pytest_defend.assembly.store import check_locator, open_store
from pytest_defend.capture.journal import JournalFile
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.facts import Gap
from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.model.journal import VERSION, Header, header_line, read_lines

if TYPE_CHECKING:
    from pytest_defend.actions.stated import Key
    from pytest_defend.assembly.tracing import Tracing
    from pytest_defend.capture.imports import Imports
    from pytest_defend.capture.redaction import Redactor
    from pytest_defend.model.bundle import Manifest, Published
    from pytest_defend.model.ci import CiFacts
    from pytest_defend.model.record import RunFacts
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings
    from pytest_defend.stores.bodies import Progress

__all__ = ["Recording", "begin", "leave_spool", "resume", "spool_folder"]

_STATE = ".defend"
_SPOOL = "spool"


@dataclass(slots=True, kw_only=True)
class Recording:
    """One run on its way into a bundle.

    Attributes:
        settings: Resolved.
        project: Whose tests run.
        ci: The CI system this is, if any.
        hook: Where extension points are called.
        header: First line of the journal.
        journal: The journal's file.
        redactor: Masks secrets in everything that is written.
        gaps: What went wrong outside the journal, in the order it did.
        key: Signs the stage when it is published; None for nobody.
        tracing: What may say where packages came from; None before facts are read, and when taken up later.
        progress: Is told how far each file is on its way to or from a server; None for nobody.
        imports: Where modules came from, of each worker that ended.
        began_ns: When facts were read, since 1970; 0 for a run taken up later.
    """

    settings: Settings
    project: Project
    ci: CiFacts | None
    hook: Any
    header: Header
    journal: JournalFile
    redactor: Redactor
    gaps: list[Gap] = field(default_factory=list)
    key: Key | None = field(default=None, repr=False)
    tracing: Tracing | None = None
    progress: Progress | None = None
    imports: list[Imports] = field(default_factory=list)
    began_ns: int = 0
    _facts: RunFacts | None = None
    _store: Store | None = None

    def failed(self, topic: str, error: Exception) -> None:
        """Note that something of ours failed; the same failure once."""
        problem = self.redactor.text(f"{type(error).__name__}: {error}")
        if (topic, problem) not in {(gap.topic, gap.problem) for gap in self.gaps}:
            self.gaps.append(Gap(topic=topic, problem=problem))

    def store(self) -> Store:
        """The store the settings name; one for the whole run, so that a server is greeted once.

        Raises:
            UsageError: The locator names no store there is.
        """
        if self._store is None:
            self._store = open_store(self.settings, self.project.root, self._moved)
        return self._store

    def _moved(self, path: str, sent_bytes: int, total_bytes: int) -> None:
        if self.progress is not None:
            self.progress(path, sent_bytes, total_bytes)

    def read_facts(self, config: Any) -> RunFacts:
        """What the run runs on; what could not be read is noted."""
        self.began_ns = time.time_ns()
        self._facts, gaps = read_facts(self, config)
        self.gaps += map(self._shown, gaps)
        return self._facts

    def _shown(self, gap: Gap) -> Gap:
        """A gap whose sentence may hold what people, paths and exceptions say."""
        return replace(gap, problem=self.redactor.text(gap.problem))

    def record_path(self, started_in: Path) -> Path:
        """Where the record is to be written.

        Args:
            started_in: Folder pytest was started in, which a path on its command line is relative to.
        """
        from_file = self.settings.origins["record"] == "pyproject.toml"
        return (self.project.root if from_file else started_in) / Path(self.settings.record).expanduser()

    def pack(self, config: Any = None) -> tuple[Manifest, tuple[Gap, ...]]:
        """Finish the bundle.

        Args:
            config: Of the pytest run; None for a journal that is packed later.

        Returns:
            The manifest, and every gap there is.

        Raises:
            DefendError: The journal cannot be read.
            OSError: The bundle cannot be written.
        """
        self.journal.close()
        material = read_material(self, config, self._facts)
        material = replace(material, gaps=tuple(map(self._shown, material.gaps)))
        failed: list[Gap] = []
        look = look_at_build(self.hook, failed)
        manifest = pack(self.journal.folder, replace(material, modify=look))
        if failed:  # the build-info names the record by its digest: the record can only be told now
            material = replace(material, gaps=(*material.gaps, *map(self._shown, failed)))
            manifest = pack(self.journal.folder, material)
        return manifest, (*self.journal.gaps, *self.redactor.gaps, *self.gaps, *material.gaps)

    def announce(self, published: Published) -> None:
        """Tell extension points that a build is there."""
        announce(self.hook, published, self.redactor.text)

    def discard(self) -> None:
        """Remove the run's folder, and the spool when it was the last one in it."""
        self.journal.close()
        shutil.rmtree(self.journal.folder, ignore_errors=True)
        with suppress(OSError):
            self.journal.folder.parent.rmdir()


def begin(
    settings: Settings, project: Project, ci: CiFacts | None, config: Any, *, each: bool = False
) -> Recording:
    """Begin to record a run of pytest: its folder, its journal with the header written.

    Args:
        settings: Resolved.
        project: Whose tests run.
        ci: The CI system this is, if any.
        config: Of the pytest run.
        each: Whether every worker runs every test.

    Raises:
        UsageError: An extension cannot be loaded, or asked for its redaction; the store is none we can use,
            the key none that signs.
        InvalidDocument: The project's policy is not understood.
    """
    if settings.publish or settings.dry_run:
        check_locator(settings)
    signs = settings.publish or settings.dry_run  # a record alone is signed by whoever publishes it
    key = open_key(settings, project, cwd=config.invocation_params.dir) if signs else None
    load_extensions(config.pluginmanager)
    check_policy(settings, project)
    redactor = redactor_of(settings, redactions(config.hook), config)
    header = _header(settings, project, each=each)
    journal = JournalFile(_folder(settings, project, header.run))
    journal.write(header_line(header))
    return Recording(
        settings=settings,
        project=project,
        ci=ci,
        hook=config.hook,
        header=header,
        journal=journal,
        redactor=redactor,
        key=key,
    )


def resume(settings: Settings, project: Project, folder: Path, hook: Any) -> Recording:
    """Take up a run whose process was killed before its bundle was complete.

    Args:
        settings: Of the command that takes it up; what was run is in the journal.
        project: Of that command.
        folder: Holds the journal.
        hook: Where extension points are called.

    Raises:
        InvalidDocument: There is no journal this version can read.
        OSError: It cannot be read.
    """
    with (folder / JOURNAL).open("rb") as lines:
        header = Header.from_dict(next(read_lines(lines)))
    return Recording(
        settings=settings,
        project=project,
        ci=None,
        hook=hook,
        header=header,
        journal=JournalFile(folder, over=True),
        redactor=redactor_of(settings, redactions(hook)),
    )


def spool_folder(project: Project) -> Path:
    """Where the records of a project wait for a store."""
    return project.root / _STATE / _SPOOL


def leave_spool(folder: Path, project: Project) -> None:
    """Remove a published bundle from the project's spool; one that lies elsewhere is the user's."""
    spool = spool_folder(project).resolve()
    if folder.resolve().parent == spool:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            spool.rmdir()


def _header(settings: Settings, project: Project, *, each: bool) -> Header:
    started = instant_from_ms(epoch_ms(datetime.now(UTC)))
    return Header(
        journal="pytest-defend",
        version=VERSION,
        run=f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}",
        stage=settings.stage,
        build_name=settings.build_name or project.name,
        build_number=settings.build_number or build_number(started),
        started=started,
        recorder=__version__,
        repository=settings.repository,
        root=str(project.root),
        package=project.name,
        dist=settings.dist,
        dist_asked=settings.origins["dist"] != "default",
        attach=settings.attach,
        properties=settings.properties,
        build_url=settings.build_url,
        project=settings.project,
        each=each,
    )


def build_number(started: datetime) -> str:
    """The number of a build outside CI: when it started, as a version any tool can sort."""
    return f"{started:%Y%m%d.%H%M%S}.{started.microsecond // 1000}"


def _folder(settings: Settings, project: Project, run: str) -> Path:
    if settings.dry_run or not settings.publish:
        return Path(tempfile.mkdtemp(prefix="pytest-defend-")) / run
    state = project.root / _STATE
    with suppress(OSError):  # the journal says what is wrong with the folder
        state.mkdir(mode=0o700, exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    return state / _SPOOL / run
