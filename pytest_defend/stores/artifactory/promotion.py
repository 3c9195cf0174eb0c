"""A build rises: its files move, then its status is written.

Rules:
- What belongs to the build and where it goes is decided here, by path and sha256, as every store does; the
  server alone would join by sha1 and properties, and take files of other paths.
- One promotion call moves everything when the server would move nothing else, so that whoever reads the
  target sees all files of a build or none; what it leaves (of equal files it takes one) and what it cannot do
  is moved file by file. When nobody says what was done, it is looked up, and the call is made again.
- A call replaces the properties of what is in the target already: those are given to the source before.
- Properties are set with one request for each folder that holds nothing else, else file by file.
- The status comes last, with a timestamp of ours: when nobody says whether it was written, it is read back.

Source: Artifactory 5.11, `BuildPromotionHelper`, `BaseBuildPromoter`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import AccessDenied, StoreError
from pytest_defend.model.fields import started_text
from pytest_defend.protocols import Promoted
from pytest_defend.stores import promotions, rules
from pytest_defend.stores.answers import NeedsPro, Unclear, said
from pytest_defend.stores.artifactory.crew import work_on
from pytest_defend.stores.artifactory.names import encoded, property_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.protocols import Item, Promotion
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.ledger import Ledger
    from pytest_defend.stores.artifactory.marking import Marking
    from pytest_defend.stores.artifactory.site import Site
    from pytest_defend.stores.artifactory.transfer import Transfer

__all__ = ["Promoter"]

_TRIES = 3
_VERSION_DEPTH = 3  # `repository/name/version`


class Promoter:
    """Promotes builds of a server.

    Args:
        site: The server.
        ledger: Its builds.
        catalogue: Its files.
        transfer: Moves them.
        marking: Sets their properties.
        workers: How many at a time.
    """

    def __init__(
        self,
        site: Site,
        ledger: Ledger,
        catalogue: Catalogue,
        transfer: Transfer,
        marking: Marking,
        *,
        workers: int,
    ) -> None:
        self._site = site
        self._ledger = ledger
        self._catalogue = catalogue
        self._transfer = transfer
        self._marking = marking
        self._workers = workers

    def promote(self, build: BuildId, promotion: Promotion, now: datetime) -> Promoted:
        """Move the files and record the status; see `Store.promote`."""
        kept = self._ledger.build(build)
        self._check_edition(kept, promotion)
        plan, items = self._planned(kept, promotion)
        if promotion.dry_run:
            return Promoted(paths=plan.paths, messages=plan.messages)
        first = plan
        for _ in range(_TRIES):
            if not _is_one_call(kept, plan, items):
                break
            before, is_clear = plan, self._promote_files(kept, promotion, plan, items)
            plan, items = self._planned(kept, promotion)
            if is_clear or plan != before:
                break
        work_on(
            plan.moves,
            lambda move: self._move(items[move[0]], move[1], items.get(move[1]), copy=promotion.copy),
            workers=self._workers,
        )
        if promotion.properties:
            self._mark(first.paths, promotion.properties)
        self._record(kept, promotion, now)
        return Promoted(paths=first.paths, messages=first.messages)

    def _check_edition(self, kept: BuildInfo, promotion: Promotion) -> None:
        """Refuse before anything moves where the status could not be written afterwards."""
        if promotion.status and self._site.facts().edition == "oss":
            key = str(kept.id)
            message = (
                f"{key}: promotion needs Artifactory Pro; {self._site.locator} is the open source edition."
            )
            raise NeedsPro(key, message, hint="Use Artifactory Pro, or mark files with properties instead.")

    def _move(self, item: Item, target: str, there: Item | None, *, copy: bool) -> None:
        if there is None:
            self._transfer.move(item.path, target, copy=copy)
        else:
            self._transfer.merge(item, there, copy=copy)

    def _planned(self, kept: BuildInfo, promotion: Promotion) -> tuple[promotions.Plan, Mapping[str, Item]]:
        """What is to move, and the files as they are now by path."""
        digests = {artifact.sha256 for module in kept.modules for artifact in module.artifacts}
        if promotion.dependencies:
            digests |= {used.sha256 for module in kept.modules for used in module.dependencies}
        homes = {
            f"{promotion.target}/{artifact.path}"
            for module in kept.modules
            for artifact in module.artifacts
            if promotion.target
        }
        found = self._catalogue.look(homes, digests) if promotion.target or promotion.properties else ()
        items = {item.path: item for item in found}
        by_digest: dict[str, list[Item]] = {}
        for item in found:
            by_digest.setdefault(item.checksums.sha256, []).append(item)
        shelves = promotions.Shelves(
            find=lambda sha256: by_digest.get(sha256, ()),
            digest=lambda path: self._digest(items, homes, path),
            locator=self._site.locator,
        )
        return promotions.plan(kept, promotion, shelves), items

    def _digest(self, items: dict[str, Item], homes: set[str], path: str) -> str:
        """The place of a dependency is known only when it was found: that one is looked up by itself."""
        if path not in items and path not in homes:
            homes.add(path)
            items |= {item.path: item for item in self._catalogue.look([path])}
        return items[path].checksums.sha256 if path in items else ""

    def _promote_files(
        self, kept: BuildInfo, promotion: Promotion, plan: promotions.Plan, items: Mapping[str, Item]
    ) -> bool:
        """Let the server move the files; whether it said what it did."""
        source = _repository(plan.moves[0][0])
        for one, other in plan.moves:
            if other in items:  # the same bytes
                self._transfer.annotate(
                    items[one], rules.united(items[other].properties, items[one].properties)
                )
        document = {
            "sourceRepo": source,
            "targetRepo": promotion.target,
            "copy": promotion.copy,
            "artifacts": True,
            "dependencies": False,
            "failFast": True,
            "properties": {
                property_text(name): list(values) for name, values in promotion.properties.items() if values
            },
        }
        try:
            self._call(kept, document)
        except AccessDenied:
            raise
        except Unclear:
            return False
        except StoreError:
            return True  # whatever it did is looked up, and the rest is moved file by file
        return True

    def _mark(self, paths: Sequence[str], properties: Mapping[str, Sequence[str]]) -> None:
        """Set properties of the files of a build, on all files of a version at once where they are alone."""
        folders: dict[str, set[str]] = {}
        for path in paths:
            folders.setdefault("/".join(path.split("/")[:_VERSION_DEPTH]), set()).add(path)
        single: list[str] = []
        for folder, inside in sorted(folders.items()):
            alone = len(inside) > 1 and {item.path for item in self._catalogue.below(folder)} == inside
            if not (alone and self._transfer.annotate_folder(folder, properties)):
                single += sorted(inside)
        if single:
            self._marking.annotate(single, properties)

    def _record(self, kept: BuildInfo, promotion: Promotion, now: datetime) -> None:
        """Write the status, once."""
        # the server adds who it was
        told = replace(kept, statuses=tuple(replace(status, user="") for status in kept.statuses))
        taken = {status.timestamp for status in told.statuses}
        while promotion.timestamp is None and started_text(now) in taken:
            now += timedelta(milliseconds=1)  # two statuses of one instant are an error there
        risen = promotions.with_status(told, promotion, now)
        if risen is told:
            return
        status = risen.statuses[-1]
        document = {
            "status": status.status,
            "comment": status.comment,
            "ciUser": status.ci_user,
            "timestamp": status.timestamp,
            "targetRepo": promotion.target,
            "artifacts": False,
            "dependencies": False,
            "failFast": False,
        }
        document = {name: value for name, value in document.items() if value != ""}
        for attempt in range(_TRIES):
            try:
                self._call(kept, document)
            except Unclear:
                written = self._ledger.build(kept.id).statuses
                if any((one.status, one.timestamp) == (status.status, status.timestamp) for one in written):
                    return
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def _call(self, kept: BuildInfo, document: Mapping[str, Any]) -> None:
        key = str(kept.id)
        path = f"/promote/{encoded(kept.name)}/{encoded(kept.number)}"
        answer = self._site.build_api("POST", path, key=key, document=document)
        try:
            messages: Sequence[Mapping[str, Any]] = answer.document().get("messages", ())
        except (ValueError, AttributeError):
            message = f"{key}: the answer to the promotion was cut off."
            raise Unclear(key, message, hint="Promote again.") from None
        if any(message.get("level") == "ERROR" for message in messages):  # with status 200
            hint = "Check the permissions for both repositories."
            raise StoreError(key, f"{key}: {self._site.locator} answers: {said(answer)}.", hint=hint)


def _is_one_call(kept: BuildInfo, plan: promotions.Plan, items: Mapping[str, Item]) -> bool:
    """Whether the server, which goes by properties and sha1, would move nothing but what is planned."""
    sources = {source: items[source] for source, _ in plan.moves}
    sha1s = {item.checksums.sha1 for item in sources.values()}
    repositories = {_repository(source) for source in sources}
    rivals = {
        path
        for path, item in items.items()
        if item.checksums.sha1 in sha1s and _repository(path) in repositories and _is_marked(item, kept)
    }
    made = {artifact.sha1 for module in kept.modules for artifact in module.artifacts}
    return (
        len(plan.moves) > 1
        and not plan.messages
        and len(repositories) == 1
        and sha1s == made
        and rivals == set(sources)
    )


def _repository(path: str) -> str:
    return path.partition("/")[0]


def _is_marked(item: Item, kept: BuildInfo) -> bool:
    names = {"build.name": kept.name, "build.number": kept.number}
    return all(value in item.properties.get(name, ()) for name, value in names.items())
