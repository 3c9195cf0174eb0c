"""Wheels, source trees and source distributions, made byte by byte.

Rules:
- The same arguments give the same bytes; `dated` alone makes other bytes with the same content.
- A source tree carries its own build backend, which is a copy of this module: nothing has to be downloaded
  to build it. Therefore this module imports the standard library only.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["a_source", "a_wheel", "an_sdist", "sha256"]

_BACKEND = """\
import json
from pathlib import Path

from wheels import a_wheel

PROJECT = json.loads(Path(__file__).with_name("project.json").read_text(encoding="utf-8"))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return a_wheel(Path(wheel_directory), generator="a backend in the tree", **PROJECT).name


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    link = {f"{PROJECT['name']}.pth": str(Path(__file__).parents[1])}
    return a_wheel(Path(wheel_directory), **{**PROJECT, "files": link}).name
"""
_PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["build_backend"]

[project]
name = "{name}"
version = "{version}"
"""


def sha256(path: Path) -> str:
    """Of a file, 64 digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def a_wheel(  # noqa: PLR0913  # each of them makes another wheel
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tags: str = "py3-none-any",
    build: str = "",
    files: Mapping[str, str] | None = None,
    requires: tuple[str, ...] = (),
    sboms: Mapping[str, str] | None = None,
    spelled: str = "",
    generator: str = "tests",
    dated: tuple[int, int, int] = (2020, 1, 1),
) -> Path:
    """Write a wheel.

    Args:
        folder: Where to; made if it is missing.
        name: As in its metadata.
        version: The same.
        tags: As in the name of the file, `cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64`.
        build: Build tag.
        files: What it installs, by path; by default a module of its name that says its version.
        requires: `Requires-Dist` of its metadata.
        sboms: What is in `.dist-info/sboms`, by name.
        spelled: The name as the file has it, when that is not the normalised one.
        generator: What wrote it.
        dated: Of everything in the archive.
    """
    stem = f"{spelled or _snake(name)}-{version}"
    info = f"{stem}.dist-info"
    content = dict(_module(name, version) if files is None else files)
    content[f"{info}/METADATA"] = _metadata(name, version, requires)
    content[f"{info}/WHEEL"] = _wheel(tags, build, generator)
    content |= {f"{info}/sboms/{path}": text for path, text in (sboms or {}).items()}
    content[f"{info}/RECORD"] = _record(content, f"{info}/RECORD")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "-".join(filter(None, (stem, build, f"{tags}.whl")))
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in content.items():
            archive.writestr(zipfile.ZipInfo(inside, (*dated, 0, 0, 0)), text)
    return path


def _snake(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _module(name: str, version: str) -> dict[str, str]:
    return {f"{_snake(name)}.py": f'version = "{version}"\n'}


def _metadata(name: str, version: str, requires: tuple[str, ...]) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*lines, *(f"Requires-Dist: {requirement}" for requirement in requires), "", ""])


def _wheel(tags: str, build: str, generator: str) -> str:
    pure = str(tags.endswith("-none-any")).lower()
    lines = ["Wheel-Version: 1.0", f"Generator: {generator}", f"Root-Is-Purelib: {pure}"]
    lines += [f"Build: {build}"] if build else []
    return "\n".join([*lines, *(f"Tag: {tag}" for tag in _expanded(tags)), ""])


def _expanded(tags: str) -> Iterator[str]:
    """Every tag that the name of a file means."""
    for parts in itertools.product(*(part.split(".") for part in tags.split("-"))):
        yield "-".join(parts)


def _record(content: Mapping[str, str], itself: str) -> str:
    rows = []
    for path, text in content.items():
        data = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join([*rows, f"{itself},,\n"])


def a_source(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tags: str = "py3-none-any",
    requires: tuple[str, ...] = (),
) -> Path:
    """Write a source tree that builds offline.

    Args:
        folder: The tree.
        name: Of the project.
        version: The same.
        tags: Of the wheel it builds, as in the name of a file.
        requires: What the project requires.
    """
    project = {
        "name": name,
        "version": version,
        "tags": tags,
        "files": _module(name, version),
        "requires": requires,
    }
    texts = {
        "pyproject.toml": _PYPROJECT.format(name=name, version=version),
        "PKG-INFO": _metadata(name, version, requires),
        "build_backend/backend.py": _BACKEND,
        "build_backend/wheels.py": Path(__file__).read_text(encoding="utf-8"),
        "build_backend/project.json": json.dumps(project),
        **_module(name, version),
    }
    for inside, text in texts.items():
        path = folder / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def an_sdist(folder: Path, name: str, version: str = "1.0", *, tags: str = "py3-none-any") -> Path:
    """Write a source distribution that builds offline.

    Args:
        folder: Where to; made if it is missing. The tree it is made of stays beside it.
        name: Of the project.
        version: The same.
        tags: Of the wheel it builds, as in the name of a file.
    """
    stem = f"{_snake(name)}-{version}"
    tree = a_source(folder / "trees" / stem, name, version, tags=tags)
    path = folder / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(file for file in tree.rglob("*") if file.is_file()):
            data = file.read_bytes()
            member = tarfile.TarInfo(f"{stem}/{file.relative_to(tree).as_posix()}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
