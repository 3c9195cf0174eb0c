"""What can be asked about a store: the domains of Artifactory's query language, their fields and their edges.

Rules:
- A domain is a query of ours whose columns are its fields and its keys; nothing from outside gets into it.
- Items meet builds by sha1, as Artifactory joins them.
- What the document of a build says is read from the document.

Source: `AqlPhysicalFieldEnum` and `AqlDomainEnum` of Artifactory 5.11.
"""

# ruff: noqa: S608 - every query is put together from constants of this module

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DOMAINS", "ITEMS_AND_FOLDERS", "Domain", "Edge"]

_HEAD = "rtrim(path, replace(path, '/', ''))"  # up to and with the last slash
_PLACE = f"""
    path AS full, repository AS repo,
    COALESCE(NULLIF(rtrim(substr({_HEAD}, length(repository) + 2), '/'), ''), '.') AS path,
    CASE WHEN instr(path, '/') THEN substr(path, length({_HEAD}) + 1) ELSE '.' END AS name,
    length(path) - length(replace(path, '/', '')) AS depth
"""
_ITEMS = f"""
    SELECT {_PLACE}, 'file' AS type, rowid AS id, size_bytes AS size,
        created_ms AS created, COALESCE(modified_ms, created_ms) AS modified,
        COALESCE(modified_ms, created_ms) AS updated, created_by, modified_by,
        md5 AS actual_md5, md5 AS original_md5, sha1 AS actual_sha1, sha1 AS original_sha1, sha256,
        downloads, downloaded_ms AS downloaded
    FROM items
"""
# every folder above a file, and those that were made
ITEMS_AND_FOLDERS = f"""
    {_ITEMS} UNION ALL
    SELECT {_PLACE}, 'folder', 0, 0, created_ms, created_ms, created_ms, created_by, created_by,
        NULL, NULL, NULL, NULL, NULL, 0, 0
    FROM (
        WITH RECURSIVE above (path, repository, created_ms, created_by) AS (
            SELECT rtrim({_HEAD}, '/'), repository, created_ms, created_by FROM items
            UNION ALL SELECT path, repository, created_ms, created_by FROM folders
            UNION SELECT rtrim({_HEAD}, '/'), repository, created_ms, created_by
                FROM above WHERE instr(path, '/')
        )
        SELECT path, repository, MIN(created_ms) AS created_ms, created_by FROM above GROUP BY path
    )
"""
_DOCUMENT = "CAST(document AS TEXT)"
_BUILDS = f"""
    SELECT id, name, number, started_ms AS started, published_ms AS created, created_by,
        published_ms AS modified, created_by AS modified_by,
        json_extract({_DOCUMENT}, '$.url') AS url,
        CASE project WHEN '' THEN 'artifactory' ELSE project END || '-build-info' AS repo
    FROM builds
"""
_MODULES = f"builds, json_each({_DOCUMENT}, '$.modules') AS module"
_MODULE_KEY = "builds.id || ':' || module.key"


def _parts(what: str, fields: str) -> str:
    return f"""
        SELECT {_MODULE_KEY} AS module, {_MODULE_KEY} || ':' || part.key AS id, {fields},
            json_extract(part.value, '$.sha1') AS sha1, json_extract(part.value, '$.md5') AS md5
        FROM {_MODULES}, json_each(module.value, '$.{what}') AS part
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From a row of one domain to rows of another: a column here, and the equal column there."""

    to: str
    here: str
    there: str
    label: str
    """Of the list of those rows in a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One kind of row."""

    source: str
    """The query that gives its rows."""
    key: str
    """The column rows are ordered by."""
    fields: Mapping[str, str]
    """Kind of every field: `text`, `number` or `date`."""
    defaults: tuple[str, ...]
    """The fields of a row when none is asked for."""
    prefix: str
    """Before a field in a result."""
    edges: Mapping[str, Edge]
    """By the name used in a query."""


def _fields(texts: str, dates: str = "", numbers: str = "") -> dict[str, str]:
    kinds = {"text": texts, "date": dates, "number": numbers}
    return {name: kind for kind, names in kinds.items() for name in names.split()}


def _edges(*edges: tuple[str, str, str, str, str]) -> dict[str, Edge]:
    return {name: Edge(to=to, here=here, there=there, label=label) for name, to, here, there, label in edges}


def _properties(domain: str, source: str, prefix: str, *edges: tuple[str, str, str, str, str]) -> Domain:
    return Domain(
        source=f"SELECT {domain} AS owner, {source}",
        key="owner, key, value",
        fields=_fields("key value"),
        defaults=("key", "value"),
        prefix=prefix,
        edges=_edges(*edges),
    )


_ITEM_TEXTS = (
    "repo path name type created_by modified_by actual_md5 actual_sha1 original_md5 original_sha1 sha256"
)
_PARTS_EDGES = _edges(
    ("item", "item", "sha1", "actual_sha1", "items"), ("module", "module", "module", "id", "modules")
)

DOMAINS: Mapping[str, Domain] = {
    "item": Domain(
        source=_ITEMS,
        key="full",
        fields=_fields(_ITEM_TEXTS, "created modified updated", "size depth id"),
        defaults=tuple(
            "repo path name type size created created_by modified modified_by updated".split()  # noqa: SIM905
        ),
        prefix="",
        edges=_edges(
            ("property", "property", "full", "owner", "properties"),
            ("stat", "stat", "full", "full", "stats"),
            ("artifact", "artifact", "actual_sha1", "sha1", "artifacts"),
            ("dependency", "dependency", "actual_sha1", "sha1", "dependencies"),
        ),
    ),
    "property": _properties(
        "path",
        "name AS key, value FROM properties UNION ALL SELECT path, name, value FROM folder_properties",
        "property.",
        ("item", "item", "owner", "full", "items"),
    ),
    "stat": Domain(
        source=_ITEMS,
        key="full",
        fields=_fields("", "downloaded", "downloads"),
        defaults=("downloaded", "downloads"),
        prefix="stat.",
        edges=_edges(("item", "item", "full", "full", "items")),
    ),
    "build": Domain(
        source=_BUILDS,
        key="name, started, id",
        fields=_fields("url name number created_by modified_by repo", "created modified started", "id"),
        defaults=("url", "name", "number", "created", "created_by", "modified", "modified_by"),
        prefix="build.",
        edges=_edges(
            ("module", "module", "id", "build", "modules"),
            ("property", "build.property", "id", "owner", "properties"),
            ("promotion", "build.promotion", "id", "build", "promotions"),
        ),
    ),
    "build.property": _properties(
        "builds.id",
        f"part.key AS key, part.value AS value FROM builds, json_each({_DOCUMENT}, '$.properties') AS part",
        "build.property.",
        ("build", "build", "owner", "id", "builds"),
    ),
    "build.promotion": Domain(
        source=f"""
            SELECT builds.id AS build, json_extract(part.value, '$.timestamp') AS created,
                json_extract(part.value, '$.user') AS created_by,
                json_extract(part.value, '$.ciUser') AS user,
                json_extract(part.value, '$.status') AS status,
                json_extract(part.value, '$.repository') AS repo,
                json_extract(part.value, '$.comment') AS comment
            FROM builds, json_each({_DOCUMENT}, '$.statuses') AS part
        """,
        key="build, created",
        fields=_fields("created created_by status repo comment user"),
        defaults=("created", "created_by", "status", "repo", "comment", "user"),
        prefix="build.promotion.",
        edges=_edges(("build", "build", "build", "id", "builds")),
    ),
    "module": Domain(
        source=f"""
            SELECT builds.id AS build, {_MODULE_KEY} AS id, json_extract(module.value, '$.id') AS name
            FROM {_MODULES}
        """,
        key="build, id",
        fields=_fields("name id"),
        defaults=("name",),
        prefix="module.",
        edges=_edges(
            ("build", "build", "build", "id", "builds"),
            ("artifact", "artifact", "id", "module", "artifacts"),
            ("dependency", "dependency", "id", "module", "dependencies"),
            ("property", "module.property", "id", "owner", "properties"),
        ),
    ),
    "module.property": _properties(
        _MODULE_KEY,
        f"part.key AS key, part.value AS value FROM {_MODULES},"
        " json_each(module.value, '$.properties') AS part",
        "module.property.",
        ("module", "module", "owner", "id", "modules"),
    ),
    "artifact": Domain(
        source=_parts(
            "artifacts",
            "json_extract(part.value, '$.name') AS name, json_extract(part.value, '$.type') AS type",
        ),
        key="id",
        fields=_fields("name type sha1 md5 id"),
        defaults=("name", "type"),
        prefix="artifact.",
        edges=_PARTS_EDGES,
    ),
    "dependency": Domain(
        source=_parts(
            "dependencies",
            "json_extract(part.value, '$.id') AS name, json_extract(part.value, '$.type') AS type,"
            " json_extract(part.value, '$.scopes[0]') AS scope",
        ),
        key="id",
        fields=_fields("name type scope sha1 md5 id"),
        defaults=("name", "scope"),
        prefix="dependency.",
        edges=_PARTS_EDGES,
    ),
}
