"""Where the modules of a process come from.

Rules:
- A package counts once, by the folder on the import path: `demo.a` of `/site/demo/a.py` is `demo`, from
  `/site`. Only a package that comes from several folders is told module by module.
- A namespace package has no place of its own: what is in it counts, `space.demo` and not `space`.
- Nothing is imported, and no module is touched in a way that would load it.
- A module counts under its own name: what only stands in for another under that one's name does not.
"""

from __future__ import annotations

import sys
from importlib.machinery import all_suffixes
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Imports", "is_within", "looked_up", "module_of", "read_imports", "units_of"]

Imports = dict[str, dict[str, list[str]]]
"""By package the folders it was imported from; by folder the modules, when there is more than one."""

_WITHOUT_A_FILE = ("built-in", "frozen")


def read_imports() -> Imports:
    """Where everything comes from that this process has imported."""
    every = list(sys.modules.items())  # others may import meanwhile
    origins = {name: origin for name, module in every if (origin := _origin(name, module))}
    found: Imports = {}
    for name in sorted(origins):
        folders = found.setdefault(_unit(name, origins), {})
        folders.setdefault(_root(name, origins[name]), []).append(name)
    return {
        unit: {root: names if len(folders) > 1 else [] for root, names in folders.items()}
        for unit, folders in found.items()
    }


def _origin(name: object, module: object) -> str:
    """The file a module was imported from; empty for what has none, and for what stands in for another."""
    try:
        spec = object.__getattribute__(module, "__dict__").get("__spec__")  # a lazy module stays lazy
        if not isinstance(name, str) or spec is None or spec.name != name:
            return ""
        return str(spec.origin) if spec.origin and _is_placed(spec) else ""
    except Exception:  # noqa: BLE001  # anything may stand in `sys.modules`
        return ""


def _is_placed(spec: Any) -> bool:
    return bool(spec.has_location) or spec.origin in _WITHOUT_A_FILE


def _unit(name: str, origins: Mapping[str, str]) -> str:
    """The outermost package of a module that has a place."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts)))
    return next((prefix for prefix in prefixes if prefix in origins), name)


def _root(name: str, origin: str) -> str:
    """The folder on the import path; the file itself, when it does not lie where its name says."""
    if origin in _WITHOUT_A_FILE:
        return origin
    parts, path = name.split("."), PurePath(Path(origin).absolute())
    lies = [*path.parts[1:-1], path.name.partition(".")[0]]
    if lies[-1:] == ["__init__"] and parts[-1] != "__init__":
        lies.pop()
        path = path.parent
    if lies[-len(parts) :] != parts:
        return origin
    return str(path.parents[len(parts) - 1])


def module_of(path: str) -> str:
    """The name a file of a distribution is imported by; empty when it cannot be.

    Args:
        path: Relative to a folder on the import path, with forward slashes.
    """
    suffix = max((end for end in all_suffixes() if path.endswith(end)), key=len, default="")
    parts = path.removesuffix(suffix).split("/")
    if len(parts) > 1 and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if suffix and all(part.isidentifier() for part in parts) else ""


def units_of(paths: Iterable[str]) -> dict[str, str]:
    """The packages that files make up, as `read_imports` counts them, each with one of its files.

    Args:
        paths: Of the files, relative to a folder on the import path.
    """
    modules = {name: path for path in sorted(paths, reverse=True) if (name := module_of(path))}
    return {name: path for name, path in sorted(modules.items()) if _unit(name, modules) == name}


def is_within(one: str, other: str) -> bool:
    """Whether a package is another, or in it."""
    return one == other or one.startswith(f"{other}.")


def looked_up(name: str) -> str:
    """The folder a package that nobody imported would be imported from; empty when there is none."""
    parts = name.split(".")
    path: Any = None
    spec: Any = None
    try:
        for length in range(1, len(parts) + 1):
            spec = _find(".".join(parts[:length]), path)
            if spec is None:
                return ""
            path = spec.submodule_search_locations
        return _root(name, str(spec.origin)) if spec.origin and _is_placed(spec) else ""
    except Exception:  # noqa: BLE001  # finders of others are any code
        return ""


def _find(name: str, path: Any) -> Any:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None
