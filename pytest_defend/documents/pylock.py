"""An environment as a PEP 751 lock that installs these files, or fails.

Rules:
- True for one platform and one minor version of Python, and says so.
- One file or commit for each package; what cannot be installed again is listed in
  `tool.pytest-defend.not-reproducible` with the reason, so that each distribution is named once.
- Where no URL is known, `path` is the name of the file: it is looked for beside the lock.
- Our own keys stand under `tool.pytest-defend` only; no installer needs them.
- What is written has been validated; the same arguments give the same bytes.

Source: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_defend.documents.pins import Pin, Way, pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_defend.documents.pins import Unpinned
    from pytest_defend.model.distributions import Installed
    from pytest_defend.model.facts import Interpreter

__all__ = ["SCHEMA", "file_names", "pylock"]

SCHEMA = "pytest-defend/lock/1"

_US = "pytest-defend"
# What decides which files fit: the tags of a wheel name system, machine, implementation and minor version of
# Python, and markers of requirements hardly ask for more. A patch release or another kernel takes the same
# files; named here, they would make installers refuse a lock that works.
_DECIDE = ("implementation_name", "platform_machine", "python_version", "sys_platform")
_VALUE = re.compile(r"[A-Za-z0-9._+-]+")  # as in every marker; needs no quoting
_MINOR = re.compile(r"(\d+\.\d+)\b", re.ASCII)
_LONGEST = 100  # characters of a build in the name of a file
_DIGEST = 8  # characters that tell builds apart whose names had to be cut
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_DRIVE = re.compile(r"^/(?=[A-Za-z]:/)")  # of Windows, as a URL writes it
_LARGEST = 2**63 - 1  # of TOML's whole numbers


def pylock(
    installed: Installed,
    *,
    interpreter: Interpreter,
    environment: Mapping[str, str],
    project: str,
    build: str,
    run: str,
    stage: str,
) -> str:
    """The lock as TOML.

    Args:
        installed: With the origin of each distribution.
        interpreter: That has them.
        environment: Its PEP 508 marker variables; what is missing does not restrict the lock.
        project: Name of the package under test.
        build: The build that ran there.
        run: Id of the run.
        stage: Its stage.
    """
    judged = pins(installed, project)
    kept = [pin for pin in judged if isinstance(pin, Pin)]
    names = {pin.distribution.name for pin in kept}
    minor = _MINOR.match(interpreter.version)
    known = {
        "implementation_name": interpreter.implementation,
        **({"python_version": minor[1]} if minor else {}),
        **environment,
    }
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=list(_environments(known)),
        requires_python=SpecifierSet(f"=={minor[1]}.*") if minor else None,
        created_by=_US,
        packages=[_package(pin, names) for pin in sorted(kept, key=lambda pin: pin.distribution.name)],
        tool={
            _US: {
                "schema": SCHEMA,
                "build": _clean(build),
                "run": _clean(run),
                "stage": _clean(stage),
                "not-reproducible": [_listed(one) for one in judged if not isinstance(one, Pin)],
            }
        },
    )
    lock.validate()
    return tomli_w.dumps(lock.to_dict())


def file_names(build_name: str, build_number: str) -> tuple[str, str]:
    """Names of the files of a build: its pylock, its hashed requirements.

    PEP 751 allows no dot between `pylock.` and `.toml`; one character takes the place of all that are unsafe.
    """
    build = _UNSAFE.sub("-", f"{build_name}-{build_number}")
    if len(build) > _LONGEST:
        whole = f"{build_name}\0{build_number}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()[:_DIGEST]
        build = f"{build[: _LONGEST - _DIGEST - 1]}-{digest}"
    return f"pylock.{build}.toml", f"requirements.{build}.txt"


def _environments(known: Mapping[str, str]) -> Iterator[Marker]:
    clauses = [f'{name} == "{known[name]}"' for name in _DECIDE if _VALUE.fullmatch(known.get(name, ""))]
    if clauses:
        yield Marker(" and ".join(clauses))


def _package(pin: Pin, names: set[str]) -> Package:
    source: dict[str, Any] = _SOURCES[pin.way](pin)
    found = pin.distribution
    ours = {"certainty": pin.certainty.value}
    if found.fingerprint:
        ours["fingerprint"] = _clean(found.fingerprint)
    of_tree = pin.way in (Way.COMMIT, Way.ARCHIVE)
    if of_tree:
        ours["version"] = pin.version  # the lock may not promise it: a build of the source decides it
    asked = sorted({edge.target for edge in found.requires} & names - {found.name})
    return Package(
        name=canonicalize_name(found.name),
        version=None if of_tree else Version(pin.version),
        dependencies=[{"name": name} for name in asked] or None,
        index=pin.index or None,
        tool={_US: ours},
        **source,
    )


def _wheel(pin: Pin) -> dict[str, Any]:
    return {"wheels": [PackageWheel(name=pin.file, **_place(pin))]}


def _sdist(pin: Pin) -> dict[str, Any]:
    return {"sdist": PackageSdist(name=pin.file, **_place(pin))}


def _archive(pin: Pin) -> dict[str, Any]:
    place = _place(pin)
    parts = urlsplit(pin.url)
    if parts.scheme == "file":  # uv 0.13 reads an archive of this machine by its path only
        place |= {"url": None, "path": _DRIVE.sub("", unquote(parts.path))}
    return {"archive": PackageArchive(subdirectory=pin.subdirectory or None, **place)}


def _commit(pin: Pin) -> dict[str, Any]:
    vcs = PackageVcs(
        type=pin.vcs,
        url=pin.url,
        commit_id=pin.commit,
        requested_revision=pin.revision or None,
        subdirectory=pin.subdirectory or None,
    )
    return {"vcs": vcs}


_SOURCES = {Way.WHEEL: _wheel, Way.SDIST: _sdist, Way.ARCHIVE: _archive, Way.COMMIT: _commit}


def _place(pin: Pin) -> dict[str, Any]:
    """Where the file is and what it has to be."""
    return {
        "url": pin.url or None,
        "path": None if pin.url else pin.file,
        "size": pin.size_bytes if 0 < pin.size_bytes <= _LARGEST else None,
        "hashes": {"sha256": pin.sha256},
    }


def _listed(one: Unpinned) -> dict[str, str]:
    found = one.distribution
    return {"name": _clean(found.name), "version": _clean(found.version), "reason": _clean(one.reason)}


def _clean(text: str) -> str:
    """`text` as TOML may hold it: bytes that are no UTF-8, which Python reads as surrogates, are spelled."""
    return text.encode("utf-8", "backslashreplace").decode()
