"""Distribution files that lie on this machine: wheelhouses, and what pip and poetry keep.

Rules:
- Looked at are folders somebody named, the artifacts of poetry, and what pip downloaded or built. The layout
  of the caches is theirs and may change: what is not found there is not there.
- Folders are listed once, when the first name is asked for; a cache entry is looked up by its URL.
- A file is hashed once while its path, times and size stay what they are.
- What cannot be read is not there. Nothing is written, moved or downloaded.

Source: `pip/_internal/cache.py` and `pip/_internal/network/cache.py` of pip 26.3; `poetry/utils/cache.py`
of poetry 2.2
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.direct_url import DirectUrl, DirectUrlValidationError
from packaging.utils import canonicalize_name

from pytest_defend.capture.memory import key_of_file
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.origins import Candidate
from pytest_defend.model.urls import path_of_file_url, strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_defend.capture.content import Memory

__all__ = ["LocalFiles"]

_WHEEL = ".whl"
_SDISTS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"([^:/?#]+)://([^/?#]+)([^?#]*)(?:\?([^#]*))?")
_LEVELS = 5  # folders named by the first five digits of a key


class LocalFiles:
    """Finds the bytes of distribution files.

    Args:
        folders: Wheelhouses; a file stands for itself.
        pip_cache: Folder of pip's cache; None for none.
        poetry_cache: Folder of poetry's cache; None for none.
        memory: Where checksums are remembered from run to run; None for nowhere.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        *,
        pip_cache: Path | None = None,
        poetry_cache: Path | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._folders = tuple(folders)
        self._downloads = pip_cache and pip_cache / "http-v2"
        self._built_by_pip = pip_cache and pip_cache / "wheels"
        self._artifacts = poetry_cache and poetry_cache / "artifacts"
        self._memory = memory
        self._known: dict[str, Checksums] = {}

    def named(self, file_name: str) -> tuple[Path, ...]:
        """Every file of that very name, sorted."""
        return self._by_name.get(file_name, ())

    def of(self, name: str) -> tuple[Path, ...]:
        """Every wheel of a package, sorted, but for those that pip built from a commit.

        Whoever has one of these has a `direct_url.json` beside it that says so: it is nobody else's.

        Args:
            name: In PEP 503 form.
        """
        return tuple(path for path in self._by_package.get(name, ()) if not self._is_of_commit(path))

    def by_url(self, url: str) -> Path | None:
        """The bytes of what is, or once was, at a URL; the name of that file says nothing.

        Args:
            url: `file:`, or one that pip downloaded.
        """
        path = _on_disk(url) if url[:5].lower() == "file:" else self._downloaded(url)
        return path if path is not None and _is_file(path) else None

    def built(self, path: Path) -> Candidate | None:
        """What a wheel in a cache was built from; None for a wheel that nobody built here.

        Returns:
            A source distribution; a candidate without a name where that is not known.
        """
        if path.suffix != _WHEEL:
            return None
        if self._is_built_by_pip(path):
            return _source(_origin(path)) or Candidate(file="")
        if self._artifacts and path.is_relative_to(self._artifacts):
            # poetry builds next to what it downloaded, and downloads each file to a folder of its own
            sources = [each for each in _children(path.parent) if each.name.endswith(_SDISTS)]
            checksums = self.checksums(sources[0]) if len(sources) == 1 else None
            if checksums is not None:
                return Candidate(
                    file=sources[0].name,
                    sha256=checksums.sha256,
                    sha1=checksums.sha1,
                    md5=checksums.md5,
                    size_bytes=checksums.size_bytes,
                )
        return None

    def may_be_built(self, path: Path) -> bool:
        """Whether a wheel may be one that nobody published.

        Poetry keeps what it builds from a commit beside what it downloads, and nothing tells them apart.
        """
        return self._artifacts is not None and path.is_relative_to(self._artifacts)

    def checksums(self, path: Path) -> Checksums | None:
        """Of the bytes of a file; None when it cannot be read, or changes meanwhile."""
        if not _is_file(path):  # a pipe would never end
            return None
        try:
            with path.open("rb") as file:
                told = os.fstat(file.fileno())
                key = f"{key_of_file(path.absolute(), told)} checksums"
                known = self._known.get(key) or self._remembered(key, told.st_size)
                if known is None:
                    known = Checksums.of_stream(file)
                    after = os.fstat(file.fileno())
                    if (
                        key_of_file(path, after) != key_of_file(path, told)
                        or known.size_bytes != told.st_size
                    ):
                        return None
                    if self._memory is not None:
                        self._memory.put(key, known.to_dict())
        except (OSError, ValueError):
            return None
        self._known[key] = known
        return known

    def _remembered(self, key: str, size_bytes: int) -> Checksums | None:
        document = self._memory.get(key) if self._memory is not None else None
        if document is None:
            return None
        try:
            checksums = Checksums.from_dict(document)
        except InvalidDocument:  # written by another version, or by somebody else
            return None
        return checksums if checksums.size_bytes == size_bytes else None

    def _is_built_by_pip(self, path: Path) -> bool:
        return self._built_by_pip is not None and path.is_relative_to(self._built_by_pip)

    def _is_of_commit(self, path: Path) -> bool:
        origin = _origin(path) if self._is_built_by_pip(path) else None
        return origin is not None and origin.archive_info is None

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Path, ...]]:
        found: dict[str, set[Path]] = defaultdict(set)
        for path in self._listed():
            if path.name.endswith((_WHEEL, *_SDISTS)):
                found[path.name].add(path)
        return {name: tuple(sorted(paths)) for name, paths in found.items()}

    @cached_property
    def _by_package(self) -> Mapping[str, tuple[Path, ...]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for name, paths in sorted(self._by_name.items()):
            if name.endswith(_WHEEL):
                found[canonicalize_name(name.partition("-")[0])] += paths
        return {name: tuple(sorted(paths)) for name, paths in found.items()}

    def _listed(self) -> Iterator[Path]:
        for folder in self._folders:
            yield from [folder] if _is_file(folder) else filter(_is_file, _children(folder))
        for cache in (self._built_by_pip, self._artifacts):
            if cache:
                yield from (Path(folder, file) for folder, _, files in os.walk(cache) for file in files)

    def _downloaded(self, url: str) -> Path | None:
        match = _URL.match(url)
        if match is None or not self._downloads:
            return None
        scheme, host, path, query = match.groups()
        normal = f"{scheme.lower()}://{host.lower()}{path or '/'}{'?' * bool(query)}{query or ''}"
        key = hashlib.sha224(normal.encode("utf-8", "surrogatepass")).hexdigest()
        entry = self._downloads.joinpath(*key[:_LEVELS], key)
        # As pip does: without the file that says what it is, a body is not to be believed.
        return entry.with_name(f"{key}.body") if _is_file(entry) else None


def _on_disk(url: str) -> Path | None:
    path = path_of_file_url(url)
    return Path(path) if path else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # may not be looked at; can be no path
        return False


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def _origin(path: Path) -> DirectUrl | None:
    """What pip wrote beside a wheel that it built."""
    try:
        return DirectUrl.from_dict(json.loads(path.with_name("origin.json").read_bytes()))
    except (OSError, AttributeError, RecursionError, TypeError, ValueError, DirectUrlValidationError):
        return None


def _source(origin: DirectUrl | None) -> Candidate | None:
    """The source distribution that an origin names."""
    if origin is None or origin.archive_info is None:
        return None
    try:
        file = unquote(urlsplit(origin.url).path.rpartition("/")[2])
    except ValueError:  # half an address in brackets
        return None
    sha256 = str((origin.archive_info.hashes or {}).get("sha256", ""))
    digest = sha256 if _SHA256.fullmatch(sha256) else ""
    return Candidate(file=file, sha256=digest, url=strip_user_information(origin.url)) if file else None
