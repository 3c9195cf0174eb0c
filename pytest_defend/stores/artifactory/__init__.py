"""A store on JFrog Artifactory, from 5.11 to 7.x, open source or Pro.

Rules:
- Build-info is PUT last: who follows it never sees half a build. Files are looked up, sent, looked up again
  and only then named by a build; see `publication`.
- What a server or edition cannot do is found out from its answers, and said with the next step.
- Two that publish other bytes under one path at the same moment are only told apart by a server that lets
  nobody overwrite: give the permission to deploy without the one to delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.stores import promotions, rules
from pytest_defend.stores.artifactory.beginning import Beginning
from pytest_defend.stores.artifactory.catalogue import Catalogue
from pytest_defend.stores.artifactory.crew import work_on
from pytest_defend.stores.artifactory.evidence import EvidenceService
from pytest_defend.stores.artifactory.inspection import Inspection
from pytest_defend.stores.artifactory.ledger import Ledger
from pytest_defend.stores.artifactory.marking import Marking
from pytest_defend.stores.artifactory.parts import read_part
from pytest_defend.stores.artifactory.promotion import Promoter
from pytest_defend.stores.artifactory.publication import Named, Publication
from pytest_defend.stores.artifactory.repositories import ServerRepositories
from pytest_defend.stores.artifactory.site import ServerFacts, Site
from pytest_defend.stores.artifactory.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.protocols import Clock, Item, Promoted, Promotion, Run, Upload
    from pytest_defend.stores.bodies import Progress
    from pytest_defend.stores.session import Session

__all__ = ["ArtifactoryStore", "ServerFacts"]


class ArtifactoryStore:
    """Keeps everything on an Artifactory server; threads may share it.

    Args:
        url: Of Artifactory, or of the platform it belongs to.
        session: Speaks with it.
        clock: Says when something was promoted.
        project: Key of the JFrog project the builds belong to; empty for none.
        workers: How many files to send at a time.
        incoming: Key of a repository where files wait for each other before they go to their places; empty
            for none.
        progress: Is told how far each file is; None for nobody.
        settle_s: How long another writer may take between reading a build and writing it.

    Raises:
        UsageError: `url` is none, or holds credentials.
    """

    def __init__(  # noqa: PLR0913  # each of them is a setting
        self,
        url: str,
        session: Session,
        clock: Clock,
        *,
        project: str = "",
        workers: int = 8,
        incoming: str = "",
        progress: Progress | None = None,
        settle_s: float = 0.5,
    ) -> None:
        self._site = Site(url, session, project=project)
        self._clock = clock
        self._evidence = EvidenceService(self._site)
        self._workers = workers
        self._catalogue = Catalogue(self._site)
        self._transfer = Transfer(self._site, self._catalogue, progress)
        self._ledger = Ledger(self._site, self._catalogue, self._transfer, settle_s=settle_s)
        self._publication = Publication(self._catalogue, self._transfer, workers=workers, incoming=incoming)
        self._beginning = Beginning(self._site, self._catalogue, self._ledger, settle_s=settle_s)
        self._marking = Marking(
            self._site, self._catalogue, self._transfer, workers=workers, settle_s=settle_s
        )
        self._promoter = Promoter(
            self._site, self._ledger, self._catalogue, self._transfer, self._marking, workers=workers
        )

    @property
    def locator(self) -> str:
        """Its URL."""
        return self._site.locator

    @property
    def inspection(self) -> Inspection:
        """What there is to know about the server itself."""
        return Inspection(self._site)

    @property
    def evidence(self) -> EvidenceService:
        """The service that collects signed evidence, where the server has one."""
        return self._evidence

    @property
    def repositories(self) -> ServerRepositories:
        """Those of the server."""
        return ServerRepositories(self._site)

    def put(self, upload: Upload) -> Item:
        """Keep one file; see `Store.put`."""
        rules.check_uploads([upload])
        with self._publication.files([upload]) as placed:
            return placed.items[upload.path]

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file; see `Store.open`."""
        return self._transfer.open(path)

    def part(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of a file; see `Store.part`."""
        return read_part(self._site, path, start, size)

    def stat(self, path: str) -> Item:
        """What is known about a file; see `Store.stat`."""
        return self._catalogue.item(path)

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder; see `Store.list`."""
        return self._catalogue.below(prefix)

    def annotate(self, paths: Sequence[str], properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of files, of all or of none; see `Store.annotate`."""
        for path in paths:
            rules.check_properties(path, properties)
        self._marking.annotate(paths, properties)

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing; see `Store.publish_build`."""
        rules.check_build(build)
        rules.check_uploads(uploads)
        self._ledger.check_names(build.id)
        kept = self._ledger.kept(build)
        if kept is not None:
            self._check_parts(kept, uploads)
            return
        paths = [upload.path for upload in uploads]
        with self._publication.files(uploads, named=lambda: self._beginning.named(build, paths)) as placed:
            self._beginning.begin(build, placed)

    def append(self, build: BuildId, modules: Sequence[Module], uploads: Sequence[Upload] = ()) -> None:
        """Add modules and files to a run that is kept; see `Store.append`."""
        rules.check_uploads(uploads)
        kept = self._ledger.build(build)
        grown = promotions.appended(kept, modules)
        if grown is kept and modules:
            self._check_parts(kept, uploads)
            return
        new = grown.modules[len(kept.modules) :]
        paths = [upload.path for upload in uploads]

        def named() -> Named:
            return {path: {} for path in paths} if self._ledger.has_modules(kept.id, new) else {}

        with self._publication.files(uploads, named=named):
            self._ledger.append(kept.id, new)

    def promote(self, build: BuildId, promotion: Promotion) -> Promoted:
        """Move or copy the files of a build and record its status; see `Store.promote`."""
        rules.check_properties(str(build), promotion.properties)
        return self._promoter.promote(build, promotion, self._clock())

    def build(self, build: BuildId) -> BuildInfo:
        """One build; see `Store.build`."""
        return self._ledger.build(build)

    def builds(self, name: str = "") -> Sequence[Run]:
        """Every run of that name; see `Store.builds`."""
        if name:
            return self._ledger.runs(name)
        found: dict[str, Sequence[Run]] = {}

        def read(one: str) -> None:
            found[one] = self._ledger.runs(one)

        names = self._ledger.names()
        work_on(names, read, workers=self._workers)
        return tuple(run for one in names for run in found[one])

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        """The files with these contents; see `Store.find`."""
        found: dict[str, tuple[Item, ...]] = {}
        for item in self._catalogue.look((), sha256s):
            found[item.checksums.sha256] = (*found.get(item.checksums.sha256, ()), item)
        return found

    def _check_parts(self, kept: BuildInfo, uploads: Sequence[Upload]) -> None:
        """Refuse files that a run which is kept does not have; promotions have moved them."""
        repositories = {status.repository for status in kept.statuses if status.repository}
        places = {
            place
            for upload in uploads
            for place in (
                upload.path,
                *(f"{repository}/{upload.path.partition('/')[2]}" for repository in repositories),
            )
        }
        there = {item.path: item.checksums.sha256 for item in self._catalogue.look(places)}
        for upload in uploads:
            now = promotions.digest_now(kept, upload, lambda path: there.get(path, ""))
            rules.check_part(kept, upload, kept=now, locator=self.locator)
