"""What files a server has: looked up for many at once.

Rules:
- One query in AQL asks for hundreds of contents and places; repository, path and name are always asked for,
  which those who are no administrators must do.
- An answer the server has limited is an error: half a catalogue looks like missing files.
- The repositories that keep build-info as files hold no files of ours: they are found by name only.
- A server or user that may not use AQL is asked file by file, folder by folder, and by checksum.

Source: JFrog's Artifactory Query Language; Artifactory 5.11, `AqlQueryValidator`.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pytest_defend.errors import AccessDenied, NotFound, Unavailable, UsageError
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.paths import check_path
from pytest_defend.protocols import Item
from pytest_defend.stores import rules
from pytest_defend.stores.artifactory.names import encoded, property_name, split_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_defend.stores.artifactory.site import Site

__all__ = ["Catalogue", "exists"]

_AT_ONCE = 400
_QUERIES = 4  # at a time
_MANY = 50
_FIELDS = ("repo", "path", "name", "size", "created", "actual_sha1", "actual_md5", "sha256", "property")
_INCLUDE = ", ".join(f'"{name}"' for name in _FIELDS)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUILDS = "*-build-info"
_NO_AQL = (AccessDenied, NotFound)


def exists(path: str) -> bool:
    """Whether a file may have this path."""
    try:
        check_path(path)
    except UsageError:
        return False
    return True


class Catalogue:
    """The files of a server."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._has_aql = True

    def item(self, path: str) -> Item:
        """What is known about a file.

        Raises:
            NotFound: No such file.
        """
        place = _api_path(path) if exists(path) else ""
        found = self._site.read(f"storage/{place}", key=path, also=(404,)) if place else None
        if found is None or "children" in found or "checksums" not in found:
            raise rules.not_found(path, self._site.locator)
        more = self._site.read(f"storage/{place}?properties", key=path, also=(404,)) or {}
        properties = more.get("properties", {})
        return _item(path, found, found["checksums"], properties)

    def look(self, paths: Iterable[str], sha256s: Iterable[str] = ()) -> Sequence[Item]:
        """The files under these paths, and those with these contents, sorted by path."""
        places = {path for path in paths if exists(path)}
        digests = {digest for digest in sha256s if _SHA256.fullmatch(digest)}
        clauses = [*_at(places), *({"sha256": digest} for digest in sorted(digests))]
        found = {item.path: item for item in self._asked_in_parts(clauses)}
        if not self._has_aql:
            return _sorted([*self._one_by_one(sorted(places)), *self._by_checksum(sorted(digests))])
        return _sorted(
            item
            for item in found.values()
            if item.path in places or (item.checksums.sha256 in digests and not _is_record(item.path))
        )

    def confirm(self, expected: Mapping[str, str]) -> Mapping[str, Item]:
        """Those of the files that are there with these contents, by path.

        Args:
            expected: sha256 by path.
        """
        clauses = [{"$and": [{"sha256": sha256}, *_place(path)]} for path, sha256 in sorted(expected.items())]
        found: dict[str, Item] = {}
        for start in range(0, len(clauses), _AT_ONCE):
            found |= {item.path: item for item in self._asked(clauses[start : start + _AT_ONCE], "files")}
        if not self._has_aql:
            found = {item.path: item for item in self._one_by_one(sorted(expected))}
        return {
            path: found[path]
            for path, sha256 in expected.items()
            if path in found and found[path].checksums.sha256 == sha256
        }

    def below(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder, and the one under that path."""
        if not rules.speakable(prefix):
            return ()
        folder = prefix.removesuffix("/")
        items: Iterable[Item] = list(self._asked(_below(prefix), prefix or self._site.locator))
        if not self._has_aql:
            items = self._walked(folder)
        return _sorted(
            item for item in items if not folder or item.path == prefix or item.path.startswith(f"{folder}/")
        )

    def of_build(self, name: str, number: str) -> Sequence[Item]:
        """The files whose properties name a build; none where AQL may not be used."""
        named = [{"$and": [{"@build.name": name}, {"@build.number": number}]}]
        return _sorted(item for item in self._asked(named, f"{name}/{number}") if not _is_record(item.path))

    def build_files(self, repository: str, folder: str = "") -> Sequence[Item]:
        """The files of a build-info repository; one folder is the runs of one build."""
        return self.below("/".join(filter(None, (repository, folder))) + "/")

    def _asked_in_parts(self, clauses: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        """The same for many clauses: no query gets too long, and none waits for the one before."""
        parts = [clauses[start : start + _AT_ONCE] for start in range(0, len(clauses), _AT_ONCE)]
        if len(parts) <= 1:
            return list(self._asked(clauses, "files"))
        with ThreadPoolExecutor(min(_QUERIES, len(parts)), thread_name_prefix="pytest-defend") as crew:
            answers = crew.map(lambda part: list(self._asked(part, "files")), parts)
            return [item for answer in answers for item in answer]

    def _asked(self, clauses: Sequence[Mapping[str, Any]], key: str) -> Iterator[Item]:
        """What AQL says; nothing, and never again, when it may not be used."""
        if not self._has_aql or not clauses:
            return
        where = json.dumps({"$or": clauses}, ensure_ascii=False)
        try:
            answer = self._site.query(f"items.find({where}).include({_INCLUDE})", key=key)
        except _NO_AQL:
            self._has_aql = False
            return
        limits = answer.get("range", {})
        if limits.get("limit") and limits.get("total", 0) >= limits["limit"]:
            message = f"{key}: {self._site.locator} answers with {limits['limit']} files only."
            hint = "Raise artifactory.search.userQueryLimit on the server, or ask for less."
            raise Unavailable(key, message, hint=hint)
        for row in answer["results"]:
            place = [row["repo"], *([] if row["path"] == "." else [row["path"]]), row["name"]]
            checksums = {
                "sha256": row.get("sha256"),
                "sha1": row.get("actual_sha1"),
                "md5": row.get("actual_md5"),
            }
            properties: dict[str, list[str]] = {}
            for pair in row.get("properties", ()):
                properties.setdefault(pair["key"], []).append(pair.get("value", ""))
            yield _item("/".join(place), row, checksums, properties)

    def _one_by_one(self, paths: Iterable[str]) -> Iterator[Item]:
        for path in paths:
            with suppress(NotFound):
                yield self.item(path)

    def _by_checksum(self, digests: Iterable[str]) -> Iterator[Item]:
        for digest in digests:
            answer = self._site.read(f"search/checksum?sha256={digest}", key=digest, also=(404,)) or {}
            for found in answer.get("results", ()):
                place = unquote(urlsplit(found["uri"]).path.partition("/api/storage/")[2])
                yield from self._one_by_one([place])

    def _walked(self, folder: str) -> Iterator[Item]:
        if not folder:
            repositories = self._site.read("repositories?type=local", key=self._site.locator)
            for repository in repositories:
                yield from self._walked(repository["key"])
            return
        found = self._site.read(f"storage/{_api_path(folder)}", key=folder, also=(404,))
        if found is None:
            return
        if "children" not in found:
            yield from self._one_by_one([folder])
        for child in found.get("children", ()):
            path = f"{folder}{unquote(child['uri'])}"
            yield from self._walked(path) if child["folder"] else self._one_by_one([path])


def _api_path(path: str) -> str:
    return "/".join(map(encoded, path.split("/")))


def _at(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Files by place; folders of which many are asked for, whole."""
    names: dict[tuple[str, str], list[str]] = {}
    for path in sorted(paths):
        repository, folder, name = split_path(path)
        names.setdefault((repository, folder), []).append(name)
    clauses: list[dict[str, Any]] = []
    for (repository, folder), wanted in names.items():
        place: list[dict[str, Any]] = [{"repo": repository}, {"path": folder}]
        if len(wanted) >= _MANY:
            clauses.append({"$and": place})
        else:
            clauses += [{"$and": [*place, {"name": name}]} for name in wanted]
    return clauses


def _place(path: str) -> list[dict[str, Any]]:
    repository, folder, name = split_path(path)
    return [{"repo": repository}, {"path": folder}, {"name": name}]


def _is_record(path: str) -> bool:
    return path.partition("/")[0].endswith(_BUILDS[1:])


def _below(prefix: str) -> list[dict[str, Any]]:
    folder = prefix.removesuffix("/")
    if not folder:
        return [{"repo": {"$nmatch": _BUILDS}}]
    repository, _, inside = folder.partition("/")
    if not inside:
        return [{"repo": repository}]
    below: list[dict[str, Any]] = [
        {"$and": [{"repo": repository}, {"path": inside}]},
        {"$and": [{"repo": repository}, {"path": {"$match": f"{inside}/*"}}]},
    ]
    return below if prefix.endswith("/") else [{"$and": _place(folder)}, *below]


def _item(
    path: str,
    known: Mapping[str, Any],
    checksums: Mapping[str, str | None],
    properties: Mapping[str, Sequence[str]],
) -> Item:
    named = {property_name(name): tuple(sorted({*values})) for name, values in properties.items()}
    return Item(
        path=path,
        checksums=Checksums(
            sha256=checksums.get("sha256") or "",
            sha1=checksums.get("sha1") or "",
            md5=checksums.get("md5") or "",
            size_bytes=int(known["size"]),
        ),
        properties={name: named[name] for name in sorted(named)},
        created=parse_instant(known["created"]),
    )


def _sorted(items: Iterable[Item]) -> Sequence[Item]:
    unique = {item.path: item for item in items}
    return tuple(unique[path] for path in sorted(unique))
