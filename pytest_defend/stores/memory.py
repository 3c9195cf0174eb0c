"""A store over dicts: the reference implementation, and the store of dry runs and tests.

Rules:
- It does what `Store` says in the plainest way; what another store does differently is a fault of that store.
- Builds are kept as canonical bytes: what is read is what a document can hold.
- Safe for several threads; gone with the process.
"""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.model.buildinfo import BuildInfo
from pytest_defend.model.checksums import Hasher
from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.protocols import Item, Promoted, Run
from pytest_defend.stores import promotions, rules
from pytest_defend.stores.repositories import HeldRepositories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildId, Module
    from pytest_defend.protocols import Clock, Promotion, Upload

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps everything in this process."""

    locator = "memory"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._contents: dict[str, bytes] = {}  # by sha256
        self._items: dict[str, Item] = {}  # by path
        self._builds: dict[tuple[str, str], bytes] = {}  # by name and number
        self._originals: dict[tuple[str, str], bytes] = {}  # as they were published
        self._repositories = HeldRepositories(self._used, locator=self.locator)

    @property
    def repositories(self) -> HeldRepositories:
        """Those that were made, and those that files are in."""
        return self._repositories

    def put(self, upload: Upload) -> Item:
        """Keep one file; see `Store.put`."""
        rules.check_uploads([upload])
        with self._lock:
            self._items = self._with([upload])
            return self._items[upload.path]

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file; see `Store.open`."""
        return io.BytesIO(self._contents[self.stat(path).checksums.sha256])

    def part(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of a file; see `Store.part`."""
        return self._contents[self.stat(path).checksums.sha256][start : start + size]

    def stat(self, path: str) -> Item:
        """What is known about a file; see `Store.stat`."""
        with self._lock:
            if path not in self._items:
                raise rules.not_found(path, self.locator)
            return self._items[path]

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder; see `Store.list`."""
        folder = prefix.removesuffix("/")
        with self._lock:
            found = [
                path for path in self._items if not folder or path == prefix or path.startswith(f"{folder}/")
            ]
            return tuple(self._items[path] for path in sorted(found))

    def annotate(self, paths: Sequence[str], properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of files; see `Store.annotate`."""
        with self._lock:
            for item in [self.stat(path) for path in paths]:
                rules.check_properties(item.path, properties)
                kept = {name: values for name, values in item.properties.items() if name not in properties}
                self._items[item.path] = replace(item, properties=rules.united(kept, properties))

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing; see `Store.publish_build`."""
        rules.check_build(build)
        rules.check_uploads(uploads)
        with self._lock:
            content = self._originals.get((build.name, build.number))
            if content is None:
                self._items = self._with(uploads)
                self._builds[build.name, build.number] = build.to_bytes()
                self._originals[build.name, build.number] = build.to_bytes()
                return
            rules.check_run(build, kept=BuildInfo.from_bytes(content), locator=self.locator)
            self._check_parts(self.build(build.id), uploads)

    def append(self, build: BuildId, modules: Sequence[Module], uploads: Sequence[Upload] = ()) -> None:
        """Add modules and files to a run that is kept, all or nothing; see `Store.append`."""
        rules.check_uploads(uploads)
        with self._lock:
            kept = self.build(build)
            grown = promotions.appended(kept, modules)
            if grown is kept and modules:
                self._check_parts(kept, uploads)
                return
            self._items = self._with(uploads)
            self._builds[kept.name, kept.number] = grown.to_bytes()

    def promote(self, build: BuildId, promotion: Promotion) -> Promoted:
        """Move or copy the files of a build and record its status; see `Store.promote`."""
        rules.check_properties(str(build), promotion.properties)
        with self._lock:
            kept = self.build(build)
            plan = promotions.plan(
                kept,
                promotion,
                promotions.Shelves(
                    find=lambda sha256: self.find([sha256]).get(sha256, ()),
                    digest=self._digest,
                    locator=self.locator,
                ),
            )
            if not promotion.dry_run:
                self._check_local(target for _, target in plan.moves)
                for source, target in plan.moves:
                    self._move(source, target, copy=promotion.copy)
                self.annotate(plan.paths, promotion.properties)
                risen = promotions.with_status(kept, promotion, self._clock())
                self._builds[kept.name, kept.number] = risen.to_bytes()
            return Promoted(paths=plan.paths, messages=plan.messages)

    def build(self, build: BuildId) -> BuildInfo:
        """One build; see `Store.build`."""
        with self._lock:
            run = rules.chosen(self.builds(build.name), build) if build.name else None
            if run is None:
                raise rules.not_found(build, self.locator)
            return BuildInfo.from_bytes(self._builds[run.id.name, run.id.number])

    def builds(self, name: str = "") -> Sequence[Run]:
        """Every run of that name; see `Store.builds`."""
        with self._lock:
            kept = [BuildInfo.from_bytes(content) for content in self._builds.values()]
        runs = [
            Run(id=build.id, started_at=instant_from_ms(int(build.timestamp)))
            for build in kept
            if name in ("", build.name)
        ]
        return tuple(sorted(runs, key=lambda run: (run.id.name, run.started_at, run.id.number)))

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        """The files with these contents; see `Store.find`."""
        wanted = set(sha256s)
        found: dict[str, tuple[Item, ...]] = {}
        for item in self.list(""):
            if item.checksums.sha256 in wanted:
                found[item.checksums.sha256] = (*found.get(item.checksums.sha256, ()), item)
        return found

    def _used(self) -> set[str]:
        with self._lock:
            return {path.partition("/")[0] for path in self._items}

    def _digest(self, path: str) -> str:
        item = self._items.get(path)
        return item.checksums.sha256 if item else ""

    def _check_parts(self, kept: BuildInfo, uploads: Iterable[Upload]) -> None:
        for upload in uploads:
            there = promotions.digest_now(kept, upload, self._digest)
            rules.check_part(kept, upload, kept=there, locator=self.locator)

    def _move(self, source: str, target: str, *, copy: bool) -> None:
        item = self._items[source] if copy else self._items.pop(source)
        there = self._items.get(target) or replace(item, path=target, properties={})
        self._items[target] = replace(there, properties=rules.united(there.properties, item.properties))

    def _check_local(self, paths: Iterable[str]) -> None:
        for repository in self._repositories.find({path.partition("/")[0] for path in paths}).values():
            rules.check_local(repository)

    def _with(self, uploads: Sequence[Upload]) -> dict[str, Item]:
        """All files, with these among them; bytes that no file names harm nobody."""
        items = dict(self._items)
        created = instant_from_ms(epoch_ms(self._clock()))
        self._check_local(upload.path for upload in uploads)
        for upload in uploads:
            kept = items.get(upload.path)
            sha256 = upload.checksums.sha256
            if kept is not None:
                rules.check_bytes(upload.path, kept=kept.checksums.sha256, offered=sha256)
            hasher = Hasher()
            content = b"".join(hasher.through(rules.chunks(upload)))
            rules.check_checksums(upload.path, promised=upload.checksums, actual=hasher.checksums())
            self._contents[sha256] = content
            kept = kept or Item(path=upload.path, checksums=upload.checksums, properties={}, created=created)
            items[upload.path] = replace(kept, properties=rules.united(kept.properties, upload.properties))
        return items
