"""An environment as a PEP 751 lock that installs these files, or fails.

Rules:
- True for one platform and one minor version of Python, and says so.
- One file or commit for each package; what cannot be installed again is listed in
  `tool.pytest-defend.not-reproducible` with the reason, so that each distribution is named once.
- A file lies beside the lock: `path` is its name. With a URL, pip and uv would ask for it there, and nobody
  could install from the files that an archive keeps. The URL is told among our keys.
- Our own keys stand under `tool.pytest-defend` only; no installer needs them.
- What is written has been validated; the same arguments give the same bytes.

Source: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli_w
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_defend.documents.occasion import file_names, heading
from pytest_defend.documents.pins import Pin, Unpinned, Way, pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_defend.documents.occasion import Occasion
    from pytest_defend.model.distributions import Installed

__all__ = ["SCHEMA", "pylock"]

SCHEMA = "pytest-defend/lock/1"

_US = "pytest-defend"
# What decides which files fit: the tags of a wheel name system, machine, implementation and minor version of
# Python, and markers of requirements hardly ask for more. A patch release or another kernel takes the same
# files; named here, they would make installers refuse a lock that works.
_DECIDE = ("implementation_name", "platform_machine", "python_version", "sys_platform")
_VALUE = re.compile(r"[A-Za-z0-9._+-]+")  # as in every marker; needs no quoting
_MINOR = re.compile(r"(\d+\.\d+)\b", re.ASCII)
_LARGEST = 2**63 - 1  # of TOML's whole numbers


def pylock(installed: Installed, occasion: Occasion) -> str:
    """The lock as TOML.

    Args:
        installed: With the origin of each distribution; a marker variable that its environment does not have
            does not restrict the lock.
        occasion: The run.
    """
    judged = pins(installed, occasion.project)
    kept = sorted((pin for pin in judged if isinstance(pin, Pin)), key=lambda pin: pin.distribution.name)
    others = [one for one in judged if isinstance(one, Unpinned)]
    names = {pin.distribution.name for pin in kept}
    minor = _MINOR.match(occasion.interpreter.version)
    known = {
        "implementation_name": occasion.interpreter.implementation,
        **({"python_version": minor[1]} if minor else {}),
        **installed.environment,
    }
    ours = {
        "schema": SCHEMA,
        "build": _clean(occasion.build),
        "run": _clean(occasion.run),
        "stage": _clean(occasion.stage),
        "not-reproducible": [_listed(one) for one in others],
    }
    lock = Pylock(
        lock_version=Version("1.0"),
        environments=list(_environments(known)),
        requires_python=SpecifierSet(f"=={minor[1]}.*") if minor else None,
        created_by=_US,
        packages=[_package(pin, names) for pin in kept],
        tool={_US: ours},
    )
    lock.validate()
    commands = _commands(occasion, commits=any(pin.way is Way.COMMIT for pin in kept))
    head = heading(occasion, *commands, pinned=len(kept), others=len(others), where="at the end")
    return f"{head}\n{tomli_w.dumps(lock.to_dict())}"


def _commands(occasion: Occasion, *, commits: bool) -> tuple[str, str]:
    """What installs from it.

    pip wants a digest of everything as soon as anything has one, unless it is told not to; then it still
    compares those that are there.
    """
    name, _ = file_names(occasion.build_name, occasion.build_number)
    options, since = ("--no-deps --no-require-hashes", "26.2") if commits else ("--no-deps", "26.1")
    return (
        f"pip install {options} -r {name}  # pip {since} or newer",
        f"uv pip sync {name}  # uv 0.8 or newer",
    )


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
    if pin.note:
        ours["note"] = pin.note
    if pin.url and pin.way is not Way.COMMIT:
        ours["url"] = pin.url
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
    return {"archive": PackageArchive(subdirectory=pin.subdirectory or None, **_place(pin))}


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
        "url": None if pin.file else pin.url,
        "path": pin.file or None,
        "size": pin.size_bytes if 0 < pin.size_bytes <= _LARGEST else None,
        "hashes": {"sha256": pin.sha256},
    }


def _listed(one: Unpinned) -> dict[str, Any]:
    found = one.distribution
    listed = {"name": _clean(found.name), "version": _clean(found.version), "reason": _clean(one.reason)}
    return {**listed, **({"sha256": list(one.hashes)} if one.hashes else {})}


def _clean(text: str) -> str:
    """`text` as TOML may hold it: bytes that are no UTF-8, which Python reads as surrogates, are spelled."""
    return text.encode("utf-8", "backslashreplace").decode()
