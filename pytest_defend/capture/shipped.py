"""Are the tests run on what is shipped? The installed copy compared with a distribution file.

Rules:
- Compared is content: the rows of RECORD of the file with those of the installed copy, and every installed
  file with the bytes on disk. Who installed it, and byte code, make no difference.
- An editable install is the working tree, not the file, whatever its version.
- A package that is imported from elsewhere was not tested, however well it is installed: a folder of its name
  that comes first on the path hides it.
- A source distribution has no RECORD: nothing is said about it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.content import drift, record_rows
from pytest_defend.capture.wheels import wheel_rows
from pytest_defend.model.fingerprint import content_rows, fingerprint
from pytest_defend.model.fit import same_version
from pytest_defend.model.record import RanOn, Shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_defend.model.distributions import DistFile, Distribution

__all__ = ["compare", "imported_from"]

_NAMED = 100  # paths in the record; the count says how many there are
_METADATA = (".dist-info", ".data", ".egg-info")


def compare(
    file: DistFile, installed: Distribution | None, imported: Callable[[str], Path | None]
) -> RanOn | None:
    """What the tests of a package ran on, as seen from a file of it.

    Args:
        file: That is published.
        installed: The installed package of its name, if there is one.
        imported: Where a module of a name is imported from; None when it cannot be imported from a file.

    Returns:
        None for a source distribution.
    """
    if file.kind != "whl":
        return None
    rows = wheel_rows(Path(file.path))
    shipped = fingerprint(rows) if rows else ""
    what = _by_metadata(file, installed)
    if what is not None or installed is None:
        tree = installed.origin.tree if installed and installed.origin else None
        return RanOn(what=what or Shipped.NOT_INSTALLED, fingerprint=shipped, tree=tree)
    folder = Path(installed.location)
    theirs = record_rows(folder / installed.metadata)
    changed = {line.partition(" ")[2] for line in drift(folder, theirs)}
    different = sorted(_different(content_rows(rows), content_rows(theirs)) | changed)
    if different or not theirs or not shipped:
        return RanOn(
            what=Shipped.DIFFERS,
            fingerprint=shipped,
            differs=tuple(different[:_NAMED]),
            differs_count=len(different),
        )
    elsewhere = _hidden_by(content_rows(rows), folder, imported)
    what = Shipped.SHADOWED if elsewhere else Shipped.ARTIFACT
    return RanOn(what=what, fingerprint=shipped, imported_from=elsewhere)


def _by_metadata(file: DistFile, installed: Distribution | None) -> Shipped | None:
    """What is known without looking at content."""
    if installed is None:
        return Shipped.NOT_INSTALLED
    if installed.editable:
        return Shipped.TREE
    return None if same_version(file.version, installed.version) else Shipped.OTHER_VERSION


def _hidden_by(paths: Iterable[str], folder: Path, imported: Callable[[str], Path | None]) -> str:
    """What is imported instead of the installed copy; empty when nothing is."""
    for module in _modules(paths):
        where = imported(module)
        if where is not None and not where.is_relative_to(folder):
            return str(where)
    return ""


def _different(one: dict[str, tuple[str, str]], other: dict[str, tuple[str, str]]) -> set[str]:
    return {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)}


def _modules(paths: Iterable[str]) -> Iterator[str]:
    """The names a package is imported by, sorted."""
    tops = {Path(path).parts[0] for path in paths}
    yield from sorted(
        top.partition(".")[0]
        for top in tops
        if not top.endswith(_METADATA) and top.partition(".")[0].isidentifier()
    )


def imported_from(name: str) -> Path | None:
    """The file or folder a top-level module was imported from, or would be.

    Nothing is imported. Namespace packages have several places and none of their own.
    """
    try:
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None) if module is not None else find_spec(name)
        origin = getattr(module, "__file__", None) or getattr(spec, "origin", None)
        return Path(origin).resolve() if origin and getattr(spec, "has_location", True) else None
    except (ImportError, AttributeError, TypeError, ValueError, OSError):  # finders of others are any code
        return None
