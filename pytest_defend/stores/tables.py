"""The tables of the ledger, version by version.

Rules:
- A version is a list of statements that lead from the version before it to it; a new ledger goes through all.
- Names and meanings of columns of version 1 stay: a ledger that nobody can write is read as it is.
- Where the document of a build says something already, no column says it again, but for the edges that are
  looked up.
"""

from __future__ import annotations

__all__ = ["VERSION", "VERSIONS"]

_FIRST = (
    "CREATE TABLE repositories (name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL)",
    """CREATE TABLE items (
        path TEXT PRIMARY KEY,
        repository TEXT NOT NULL REFERENCES repositories (name),
        sha256 TEXT NOT NULL,
        sha1 TEXT NOT NULL,
        md5 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
    )""",
    "CREATE INDEX items_by_repository ON items (repository)",
    "CREATE INDEX items_by_sha256 ON items (sha256)",
    "CREATE INDEX items_by_sha1 ON items (sha1)",
    """CREATE TABLE properties (
        path TEXT NOT NULL REFERENCES items (path) ON UPDATE CASCADE ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (path, name, value)
    ) WITHOUT ROWID""",
    "CREATE INDEX properties_by_value ON properties (name, value)",
    """CREATE TABLE builds (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        number TEXT NOT NULL,
        started TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        published_ms INTEGER NOT NULL,
        document BLOB NOT NULL,
        sha256 TEXT NOT NULL,
        UNIQUE (name, number)
    )""",
    # who made a file, who uses it: one indexed look-up; NULL where the document says nothing
    """CREATE TABLE build_artifacts (
        build INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
        module TEXT, path TEXT, sha256 TEXT, sha1 TEXT
    )""",
    "CREATE INDEX build_artifacts_by_build ON build_artifacts (build)",
    "CREATE INDEX build_artifacts_by_path ON build_artifacts (path)",
    "CREATE INDEX build_artifacts_by_sha256 ON build_artifacts (sha256)",
    "CREATE INDEX build_artifacts_by_sha1 ON build_artifacts (sha1)",
    """CREATE TABLE build_dependencies (
        build INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
        module TEXT, id TEXT, sha256 TEXT, sha1 TEXT
    )""",
    "CREATE INDEX build_dependencies_by_build ON build_dependencies (build)",
    "CREATE INDEX build_dependencies_by_sha256 ON build_dependencies (sha256)",
    "CREATE INDEX build_dependencies_by_sha1 ON build_dependencies (sha1)",
)

# several runs of a number, projects, and the document as it was before modules and statuses came to it
_BUILDS = (
    "DROP INDEX build_artifacts_by_build",
    "DROP INDEX build_artifacts_by_path",
    "DROP INDEX build_artifacts_by_sha256",
    "DROP INDEX build_artifacts_by_sha1",
    "DROP INDEX build_dependencies_by_build",
    "DROP INDEX build_dependencies_by_sha256",
    "DROP INDEX build_dependencies_by_sha1",
    "ALTER TABLE build_artifacts RENAME TO build_artifacts_1",
    "ALTER TABLE build_dependencies RENAME TO build_dependencies_1",
    "ALTER TABLE builds RENAME TO builds_1",
    """CREATE TABLE builds (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        number TEXT NOT NULL,
        started TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        published_ms INTEGER NOT NULL,
        document BLOB NOT NULL,
        sha256 TEXT NOT NULL,
        original BLOB,
        project TEXT NOT NULL DEFAULT '',
        created_by TEXT NOT NULL DEFAULT '',
        UNIQUE (name, number, started_ms, project)
    )""",
    """INSERT INTO builds (id, name, number, started, started_ms, published_ms, document, sha256)
        SELECT id, name, number, started, started_ms, published_ms, document, sha256 FROM builds_1""",
    *(
        statement
        for statement in _FIRST
        if "build_artifacts" in statement or "build_dependencies" in statement
    ),
    "INSERT INTO build_artifacts SELECT * FROM build_artifacts_1",
    "INSERT INTO build_dependencies SELECT * FROM build_dependencies_1",
    "DROP TABLE build_artifacts_1",
    "DROP TABLE build_dependencies_1",
    "DROP TABLE builds_1",
)
# what a server is asked about files, and who may ask
_SERVED = (
    "ALTER TABLE repositories ADD COLUMN configuration TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE items ADD COLUMN created_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE items ADD COLUMN modified_ms INTEGER",
    "ALTER TABLE items ADD COLUMN modified_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE items ADD COLUMN claimed TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE items ADD COLUMN downloads INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE items ADD COLUMN downloaded_ms INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX items_by_md5 ON items (md5)",
    """CREATE TABLE folders (
        path TEXT PRIMARY KEY,
        repository TEXT NOT NULL REFERENCES repositories (name),
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL
    )""",
    """CREATE TABLE folder_properties (
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (path, name, value)
    ) WITHOUT ROWID""",
    "CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT NOT NULL, admin INTEGER NOT NULL)",
    """CREATE TABLE tokens (
        sha256 TEXT PRIMARY KEY,
        user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE
    )""",
    """CREATE TABLE permissions (
        user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
        repository TEXT NOT NULL,
        rights TEXT NOT NULL,
        PRIMARY KEY (user, repository)
    )""",
)

VERSIONS = (_FIRST, _SERVED + _BUILDS)
VERSION = len(VERSIONS)
