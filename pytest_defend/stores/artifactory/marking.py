"""Properties of many files, changed on all of them or on none.

Rules:
- All files are looked up before the first is changed; when one fails, those that were changed get back what
  they had.
- Where properties can only be replaced all together (open source edition), two that change one file at the
  same moment undo each other: what was written is looked up after a pause, and written again.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_defend.errors import StoreError
from pytest_defend.stores import rules
from pytest_defend.stores.answers import Unclear
from pytest_defend.stores.artifactory.crew import work_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.protocols import Item
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.site import Site
    from pytest_defend.stores.artifactory.transfer import Transfer

__all__ = ["Marking"]

_TURNS = 60


class Marking:
    """Changes properties.

    Args:
        site: The server.
        catalogue: What it has.
        transfer: Changes one file.
        workers: How many at a time.
        settle_s: How long another writer may take between reading properties and writing them.
    """

    def __init__(
        self, site: Site, catalogue: Catalogue, transfer: Transfer, *, workers: int, settle_s: float
    ) -> None:
        self._site = site
        self._catalogue = catalogue
        self._transfer = transfer
        self._workers = workers
        self._settle_s = settle_s

    def annotate(self, paths: Sequence[str], properties: Mapping[str, Sequence[str]]) -> None:
        """Set properties of files; see `Store.annotate`."""
        before = {item.path: item for item in self._catalogue.look(paths)}
        for path in paths:
            if path not in before:
                raise rules.not_found(path, self._site.locator)
        changed: list[str] = []
        try:
            self._converge(list(before.values()), properties, changed)
        except StoreError:
            for path in changed:
                self._restore(before[path])
            raise

    def _converge(
        self, items: Sequence[Item], properties: Mapping[str, Sequence[str]], changed: list[str]
    ) -> None:
        for turn in range(_TURNS):
            replaced: list[str] = []

            def annotate(item: Item, replaced: list[str] = replaced) -> None:
                changed.append(item.path)
                if self._transfer.annotate(item, properties):
                    replaced.append(item.path)

            work_on(items, annotate, workers=self._workers)
            if not replaced:
                return
            self._site.pause(self._settle_s * (1 + random.random() * min(turn + 1, 10)))  # noqa: S311
            items = [item for item in self._catalogue.look(replaced) if not _has(item, properties)]
            if not items:
                return
        path = items[0].path
        message = f"{path}: properties do not stay in {self._site.locator}: others replace them all the time."
        raise Unclear(path, message, hint="Set them again when the others have finished.")

    def _restore(self, item: Item) -> None:
        with suppress(StoreError):
            now = self._catalogue.item(item.path)
            gone = {name: () for name in now.properties if name not in item.properties}
            self._transfer.annotate(now, {**item.properties, **gone})


def _has(item: Item, properties: Mapping[str, Sequence[str]]) -> bool:
    return all(
        item.properties.get(name, ()) == tuple(sorted({*values})) for name, values in properties.items()
    )
