"""Files on their way into a store together, all or none of them.

Rules:
- Everything is looked up at once and refused before anything is sent: other bytes under a path, sources that
  are not what they say.
- What is there with the same content is not sent again; several files at a time, never more than allowed.
- What was sent is looked up again before it counts: its digest, and its properties, which a server drops
  without a word for who may not annotate.
- What fails is undone: what was new is deleted unless somebody else has marked or published it meanwhile,
  properties that were added are taken back. With an `incoming` repository nothing is in its place before all
  has arrived, and what has arrived waits there for the next try.
- When nobody says whether the build became visible, nothing is undone: publishing again decides.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_defend.errors import AccessDenied, Corrupt, NotFound, StoreError
from pytest_defend.stores import rules
from pytest_defend.stores.answers import NeedsPro, Unclear
from pytest_defend.stores.artifactory.crew import work_on
from pytest_defend.stores.bodies import check_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.protocols import Item, Upload
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.transfer import Transfer

__all__ = ["Named", "Placed", "Publication"]

Named: TypeAlias = "Mapping[str, Mapping[str, tuple[str, ...]]]"
"""Paths that something visible names, and the properties the files need for it."""

_MARKINGS = 5
_ELSEWHERE = "Somebody else publishes or deletes there (try again), or it is virtual (name a local one)."
_WORTH_BYTES = 4096  # below, sending a file costs no more than asking whether its content is there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is to be done for one file."""

    upload: Upload
    properties: Mapping[str, tuple[str, ...]]
    """Those it is given now; what it has already stays."""
    there: Item | None
    """What is under its path already."""
    waiting: str
    """sha256 of what waits for it in the incoming repository; empty when nothing does."""
    is_known: bool
    """Whether the server has the content somewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Files that are there."""

    items: Mapping[str, Item]
    """By path."""
    confirm: Callable[[], object]
    """Looks whether they are still as they should be, and marks them again."""


class Publication:
    """Puts files into a store.

    Args:
        catalogue: What is there.
        transfer: Moves bytes.
        workers: How many files at a time.
        incoming: Key of the repository where files wait for each other; empty for none.
    """

    def __init__(self, catalogue: Catalogue, transfer: Transfer, *, workers: int, incoming: str) -> None:
        self._catalogue = catalogue
        self._transfer = transfer
        self._workers = workers
        self._incoming = incoming

    @contextmanager
    def files(self, uploads: Sequence[Upload], named: Callable[[], Named] = dict) -> Iterator[Placed]:
        """Have the files there while the block makes them visible; undo them when it fails.

        Args:
            uploads: The files.
            named: What something visible names all the same: another process published it.

        Yields:
            The files.

        Raises:
            Conflict: Other bytes are under one of the paths.
            Corrupt: Bytes are not what they say, here or there.
            AccessDenied: The server dropped properties.
        """
        steps = self._planned(uploads)
        there = {step.upload.path: step.there for step in steps if step.there is not None}
        new = [step for step in steps if step.there is None]
        old = [step for step in steps if step.there is not None]
        work_on(old, lambda step: check_source(step.upload), workers=self._workers)
        try:
            self._sent(new)
            self._mark(old, there)
            yield Placed(items=self._checked(steps), confirm=lambda: self._checked(steps))
        except Unclear:
            raise
        except BaseException:
            self._undone(steps, named)
            raise

    def _planned(self, uploads: Sequence[Upload]) -> list[_Step]:
        by_path: dict[str, Upload] = {}
        properties: dict[str, dict[str, tuple[str, ...]]] = {}
        for upload in uploads:
            by_path.setdefault(upload.path, upload)
            properties[upload.path] = rules.united(properties.get(upload.path, {}), upload.properties)
        digests = {
            upload.checksums.sha256 for upload in uploads if upload.checksums.size_bytes >= _WORTH_BYTES
        }
        places = [place for path in by_path for place in {path, self._waiting(path)}]
        found = self._catalogue.look(places, digests)
        there = {item.path: item for item in found}
        known = {item.checksums.sha256 for item in found}
        steps = []
        for path, upload in by_path.items():
            item = there.get(path)
            if item is not None:
                rules.check_bytes(path, kept=item.checksums.sha256, offered=upload.checksums.sha256)
            waiting = there.get(self._waiting(path)) if self._incoming else None
            steps.append(
                _Step(
                    upload=upload,
                    properties=properties[path],
                    there=item,
                    waiting=waiting.checksums.sha256 if waiting else "",
                    is_known=upload.checksums.sha256 in known,
                )
            )
        return steps

    def _waiting(self, path: str) -> str:
        return f"{self._incoming}/{path}" if self._incoming else path

    def _sent(self, steps: Sequence[_Step]) -> None:
        """Send what is new: one content once, its further places by reference."""
        first: dict[str, _Step] = {}
        for step in steps:
            first.setdefault(step.upload.checksums.sha256, step)
        others = [step for step in steps if first[step.upload.checksums.sha256] is not step]
        # the largest first: at the end nobody waits for one of them alone
        largest_first = sorted(first.values(), key=lambda step: -step.upload.checksums.size_bytes)
        work_on(largest_first, self._send, workers=self._workers)
        work_on(
            others, lambda step: self._refer(step, self._waiting(step.upload.path)), workers=self._workers
        )
        if self._incoming:
            work_on(steps, self._placed, workers=self._workers)

    def _send(self, step: _Step) -> None:
        path = self._waiting(step.upload.path)
        if step.waiting == step.upload.checksums.sha256:  # of a publication that failed
            check_source(step.upload)
            return
        if step.waiting:
            self._transfer.remove(path)
        if step.is_known:
            self._refer(step, path)
        else:
            self._transfer.send(step.upload, path, step.properties)

    def _refer(self, step: _Step, path: str) -> None:
        self._transfer.refer(step.upload, path, step.properties)

    def _placed(self, step: _Step) -> None:
        """From the incoming repository to its place."""
        waiting = self._waiting(step.upload.path)
        try:
            self._transfer.move(waiting, step.upload.path)
        except NeedsPro:
            self._refer(step, step.upload.path)
            self._transfer.remove(waiting)

    def _checked(self, steps: Sequence[_Step]) -> Mapping[str, Item]:
        """The files as they are there, when they are as they should be.

        Two builds that mark one file at the same moment may undo each other: what is missing is added again.
        """
        expected = {step.upload.path: step.upload.checksums.sha256 for step in steps}
        for _ in range(_MARKINGS):
            there = self._catalogue.confirm(expected)
            for path, sha256 in expected.items():
                if path not in there:
                    raise Corrupt(path, expected=sha256, actual="something else", hint=_ELSEWHERE)
            unmarked = [step for step in steps if not _is_marked(step, there)]
            if not unmarked:
                return there
            self._mark(unmarked, there)
        raise _unmarked(unmarked[0])

    def _mark(self, steps: Sequence[_Step], there: Mapping[str, Item]) -> None:
        def mark(step: _Step) -> None:
            item = there[step.upload.path]
            kept = {name: item.properties.get(name, ()) for name in step.properties}
            try:
                self._transfer.annotate(item, rules.united(kept, step.properties))
            except NotFound as error:  # it was there a moment ago: what we may not do is hidden from us
                raise _unmarked(step) from error

        work_on(steps, mark, workers=self._workers)

    def _undone(self, steps: Sequence[_Step], named: Callable[[], Named]) -> None:
        """Take back what can be; what cannot be is harmless: no build names it."""
        with suppress(StoreError):
            stand = named()
            there = {item.path: item for item in self._catalogue.look([step.upload.path for step in steps])}
            work_on(
                [step for step in steps if step.upload.path in there],
                lambda step: self._undo(step, there[step.upload.path], stand.get(step.upload.path)),
                workers=self._workers,
            )

    def _undo(self, step: _Step, item: Item, needed: Mapping[str, tuple[str, ...]] | None) -> None:
        with suppress(StoreError):
            if needed is not None:  # sending or marking it may have replaced what the other one had set
                self._transfer.annotate(item, _instead(step.properties, needed, item))
            elif step.there is not None:
                before = {name: step.there.properties.get(name, ()) for name in step.properties}
                self._transfer.annotate(item, before)
            elif item.properties == step.properties and _is_same(item, step):  # nobody else has marked it
                self._transfer.remove(item.path)


def _unmarked(step: _Step) -> AccessDenied:
    path = step.upload.path
    message = f"{path} has not got its properties: the server dropped them, or somebody replaces them."
    return AccessDenied(path, message, hint="Get the permission to annotate.")


def _instead(
    own: Mapping[str, tuple[str, ...]], needed: Mapping[str, tuple[str, ...]], item: Item
) -> Mapping[str, tuple[str, ...]]:
    """The properties of an item with the values another one needs in place of ours."""
    return {
        name: tuple({*item.properties.get(name, ())} - {*own[name]} | {*values})
        for name, values in needed.items()
        if name in own
    }


def _is_marked(step: _Step, there: Mapping[str, Item]) -> bool:
    has = there[step.upload.path].properties
    return all({*values} <= {*has.get(name, ())} for name, values in step.properties.items())


def _is_same(item: Item, step: _Step) -> bool:
    return item.checksums.sha256 == step.upload.checksums.sha256
