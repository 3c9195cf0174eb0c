"""The builds of a server: read, published and appended to.

Rules:
- A build is PUT once. When nobody says whether that was done, it is read back: there with the same document
  means done, not there means it may be sent again.
- Modules are appended, read back, and appended again until they are there twice in a row: a server that
  writes whole documents forgets one of two that append at once.
- The links in lists are written as queries are: a space is `+`.
- Who may not read `/api/build` reads the files of the build-info repository.

Source: Artifactory 5.11, `BuildResource`, `BuildServiceImpl`; RTFACT-19039 and jfrog-cli#2129 for what
newer ones answer to the same build twice.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from pytest_defend.errors import AccessDenied, Conflict, Corrupt, InvalidDocument, NotFound, StoreError
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.fields import epoch_ms, instant_from_ms, parse_instant, started_text
from pytest_defend.protocols import Run
from pytest_defend.stores import promotions, rules
from pytest_defend.stores.answers import Unclear
from pytest_defend.stores.artifactory import documents
from pytest_defend.stores.artifactory.names import (
    build_folder,
    build_of_file,
    build_repository,
    encoded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.model.buildinfo import Module
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.site import Site
    from pytest_defend.stores.artifactory.transfer import Transfer

__all__ = ["Ledger"]

_PUBLICATIONS = 3
_APPENDS = 30
_OTHER_NAME = "Name it otherwise (--defend-build NAME/NUMBER)."
_NOT_INSERTED = "Could not insert build"  # of two requests at once


class Ledger:
    """The builds of a server.

    Args:
        site: The server.
        catalogue: Its files.
        transfer: Reads them.
        settle_s: How long another writer may take between reading a build and writing it.
    """

    def __init__(self, site: Site, catalogue: Catalogue, transfer: Transfer, *, settle_s: float) -> None:
        self._site = site
        self._catalogue = catalogue
        self._transfer = transfer
        self._settle_s = settle_s

    def names(self) -> Sequence[str]:
        """The names of all builds, sorted."""
        try:
            answer = self._read("", key=self._site.locator)
        except AccessDenied:
            return sorted({run.id.name for run in self._runs_of_files("")})
        return sorted({unquote_plus(entry["uri"][1:]) for entry in (answer or {}).get("builds", ())})

    def runs(self, name: str) -> Sequence[Run]:
        """The runs of one build, sorted by `started`, then number."""
        if not _is_name(name):
            return ()
        try:
            answer = self._read(f"/{encoded(name)}", key=name)
        except AccessDenied:
            return _sorted(run for run in self._runs_of_files(name) if run.id.name == name)
        return _sorted(
            _run(name, unquote_plus(entry["uri"][1:]), parse_instant(entry["started"]))
            for entry in (answer or {}).get("buildsNumbers", ())
        )

    def build(self, build: BuildId) -> BuildInfo:
        """One build, with what was appended and promoted since.

        Raises:
            NotFound: No such build.
        """
        if build.number == "latest" and not build.started:
            run = rules.chosen(self.runs(build.name), build)
            raw = self._raw(run.id) if run else None
        else:
            raw = self._raw(build)
        if raw is None:
            raise rules.not_found(build, self._site.locator)
        return _parsed(documents.current, raw, build)

    def check_names(self, build: BuildId) -> None:
        """Refuse a name that no URL can hold.

        Raises:
            StoreError: It is `.` or `..`.
        """
        if not _is_name(build.name) or not _is_name(build.number):
            raise StoreError(
                str(build), f"{str(build)!r} cannot be kept: no URL can name it.", hint=_OTHER_NAME
            )

    def kept(self, build: BuildInfo) -> BuildInfo | None:
        """This run as it is now; None when no run of its number is there.

        Raises:
            Conflict: Another run has the number, or it was published with another document.
        """
        raw = self._raw(BuildId(name=build.name, number=build.number))
        if raw is None:
            return None
        published = _parsed(documents.original, raw, build.id)
        rules.check_run(build, kept=published, locator=self._site.locator)
        return _parsed(documents.current, raw, build.id)

    def has_run(self, build: BuildId) -> bool:
        """Whether this run is there."""
        return self._raw(build) is not None

    def delete_latest(self, build: BuildId) -> None:
        """Delete one run of a number, which is the latest.

        Raises:
            NeedsPro: The edition deletes none.
        """
        path = f"/{encoded(build.name)}"
        self._site.build_api("DELETE", path, key=str(build), buildNumbers=build.number)

    def has_modules(self, build: BuildId, modules: Sequence[Module]) -> bool:
        """Whether the run has any of these modules."""
        there = {module.id for module in self.build(build).modules}
        return any(module.id in there for module in modules)

    def publish(self, build: BuildInfo) -> None:
        """Make a build visible.

        Raises:
            Conflict: Another document is there meanwhile.
            Unclear: It cannot be found out whether it is visible.
        """
        document = documents.to_wire(build)
        for attempt in range(_PUBLICATIONS):
            try:
                self._site.build_api("PUT", "", key=str(build.id), document=document)
            except StoreError as error:
                if self._is_there(build, error):
                    return
                again = isinstance(error, Unclear) or _NOT_INSERTED in error.message
                if not again or attempt == _PUBLICATIONS - 1:
                    raise
                self._site.pause(0.2 * (attempt + 1) * (1 + random.random()))  # noqa: S311
            else:
                return

    def _is_there(self, build: BuildInfo, error: StoreError) -> bool:
        try:
            return self.kept(build) is not None
        except Conflict:
            raise
        except StoreError as second:
            if isinstance(error, Unclear):
                raise error from second
            return False

    def append(self, build: BuildId, modules: Sequence[Module]) -> None:
        """Add modules and see that they stay.

        Raises:
            NotFound: No such build.
            Conflict: Another module has the id of one of these.
        """
        missing = self._missing(build, modules)
        is_settled = not missing
        for attempt in range(_APPENDS):
            if missing:
                self._append_once(build, missing)
            elif is_settled:
                return
            else:
                self._site.pause(self._settle_s * (1 + random.random()) * min(attempt + 1, 5))  # noqa: S311
                is_settled = True
            try:
                missing = self._missing(build, modules)
            except NotFound:  # while another one writes it, the document is gone for a moment
                is_settled = False
                self._site.pause(self._settle_s)
            if missing:
                is_settled = False
        message = f"{build}: the modules do not stay in {self._site.locator}: others append all the time."
        raise Unclear(str(build), message, hint="Append again when they have finished.")

    def _append_once(self, build: BuildId, modules: Sequence[Module]) -> None:
        path = f"/append/{encoded(build.name)}/{encoded(build.number)}"
        body = [documents.module_to_wire(module) for module in modules]
        try:
            self._site.build_api("POST", path, key=str(build), document=body, started=build.started)
        except Unclear:
            return  # read back by the caller
        except StoreError as error:
            if _NOT_INSERTED not in error.message and not isinstance(error, NotFound):
                raise

    def _missing(self, build: BuildId, modules: Sequence[Module]) -> list[Module]:
        kept = self.build(build)
        grown = promotions.appended(kept, modules)
        return list(grown.modules[len(kept.modules) :])

    def _raw(self, build: BuildId) -> Mapping[str, Any] | None:
        """The document of the server; None when there is no such run."""
        if not _is_name(build.name) or not _is_name(build.number):
            return None
        try:
            started = started_text(parse_instant(build.started)) if build.started else ""
        except ValueError:
            return None
        path = f"/{encoded(build.name)}/{encoded(build.number)}"
        try:
            answer = self._read(path, key=str(build), started=started)
        except AccessDenied as denied:
            return self._raw_of_file(build, denied)
        if answer is None:
            return None
        document: Mapping[str, Any] = answer["buildInfo"]
        return document

    def _read(self, path: str, *, key: str, **query: str) -> Any:
        for _ in range(_PUBLICATIONS):
            answer = self._site.build_api("GET", path, key=key, also=(404,), **query)
            if not answer.is_fine:
                return None
            try:
                return answer.document()
            except ValueError:
                self._site.pause(0.1)
        raise self._site.cut_off(key)

    def _raw_of_file(self, build: BuildId, denied: AccessDenied) -> Mapping[str, Any] | None:
        runs = [run for run in self._runs_of_files(build.name) if run.id.name == build.name]
        run = rules.chosen(_sorted(runs), build)
        if run is None:
            raise denied
        repository = build_repository(self._site.project)
        name = f"{build_folder(run.id.number)}-{epoch_ms(run.started_at)}.json"
        with self._transfer.open(f"{repository}/{build_folder(run.id.name)}/{name}") as file:
            document: Mapping[str, Any] = json.load(file)
        return document

    def _runs_of_files(self, name: str) -> list[Run]:
        repository = build_repository(self._site.project)
        items = self._catalogue.build_files(repository, build_folder(name))
        found = [build_of_file(*item.path.split("/", 2)[1:]) for item in items if item.path.count("/") > 1]
        return [
            _run(name, number, instant_from_ms(milliseconds))
            for name, number, milliseconds in filter(None, found)
        ]


def _is_name(text: str) -> bool:
    """Whether a URL can hold it: `.` and `..` are steps there, whatever they are encoded as."""
    return text not in ("", ".", "..") and rules.speakable(text)


def _run(name: str, number: str, started_at: Any) -> Run:
    return Run(id=BuildId(name=name, number=number, started=started_text(started_at)), started_at=started_at)


def _sorted(runs: Any) -> tuple[Run, ...]:
    return tuple(sorted(runs, key=lambda run: (run.id.name, run.started_at, run.id.number)))


def _parsed(read: Any, raw: Mapping[str, Any], build: BuildId) -> BuildInfo:
    try:
        document: BuildInfo = read(raw)
    except InvalidDocument as error:
        hint = "Another client published something this version cannot read, or it was altered."
        raise Corrupt(str(build), expected="a build", actual=f"none ({error})", hint=hint) from error
    return document
