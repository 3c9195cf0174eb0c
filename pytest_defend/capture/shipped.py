"""Are the tests run on what is shipped? The installed copy compared with a distribution file.

Rules:
- Compared is content, byte for byte. Who installed it, and byte code, make no difference.
- Content that is the same is not enough: nothing wrote to the copy while the tests ran, every process of the
  tests that imported the package did so from there, and one of them did.
- A wheel that this interpreter cannot install was not tested here, and that is nobody's fault.
- An editable install is the working tree, not the file, whatever its version; so are sources on the path.
- A source distribution has no RECORD: nothing is said about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.content import record_rows
from pytest_defend.capture.copies import Comparison, compare_copy, was_written
from pytest_defend.capture.imports import is_within, module_of, units_of
from pytest_defend.capture.wheels import wheel_rows
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fingerprint import fingerprint
from pytest_defend.model.fit import misfit, read_wheel_name, same_version
from pytest_defend.model.record import RanOn, Shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_defend.capture.imports import Imports
    from pytest_defend.model.distributions import DistFile, Distribution
    from pytest_defend.model.fingerprint import Row

__all__ = ["Ran", "compare"]

_NAMED = 100  # paths in the record; the count says how many there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What is known of a run besides what is installed.

    Attributes:
        imports: Where modules came from, of each process of the tests.
        look_up: Where a package would be imported from that nobody imported; empty when it is not found.
        tags: Of wheels that the interpreter can install; empty when that is not known.
        since_ns: When what is installed was read, since 1970.
    """

    imports: Sequence[Imports]
    look_up: Callable[[str], str]
    tags: frozenset[str]
    since_ns: int


def compare(file: DistFile, installed: Distribution | None, ran: Ran) -> RanOn | None:
    """What the tests of a package ran on, as seen from a file of it.

    Args:
        file: That is published.
        installed: The installed package of its name when the tests began, if there was one.
        ran: The run.

    Returns:
        None for a source distribution.
    """
    if file.kind != "whl":
        return None
    rows = wheel_rows(Path(file.path))
    shipped = fingerprint(rows) if rows else ""
    if installed is None or installed.editable or not same_version(file.version, installed.version):
        return _without_content(file, installed, shipped, ran)
    found = _content(file, installed, rows, ran.since_ns)
    what, named = _by_content(file, installed, found, ran)
    elsewhere = ""
    if what is Shipped.ARTIFACT:
        what, elsewhere = _by_imports(Path(installed.location), found.paths, ran)
    return RanOn(
        what=what,
        fingerprint=shipped,
        differs=named[:_NAMED],
        differs_count=len(named),
        imported_from=elsewhere,
    )


def _without_content(file: DistFile, installed: Distribution | None, shipped: str, ran: Ran) -> RanOn:
    """What is known when there is no copy to compare."""
    if not _fits_here(file, ran.tags):
        return RanOn(what=Shipped.NOT_FOR_HERE, fingerprint=shipped)
    if installed is None:
        return RanOn(what=Shipped.NOT_INSTALLED, fingerprint=shipped)
    if not installed.editable:
        return RanOn(what=Shipped.OTHER_VERSION, fingerprint=shipped)
    return RanOn(
        what=Shipped.TREE, fingerprint=shipped, tree=installed.origin.tree if installed.origin else None
    )


def _fits_here(file: DistFile, tags: frozenset[str]) -> bool:
    said = read_wheel_name(Path(file.path).name)
    return said is None or not tags or not said.tags.isdisjoint(tags)


def _content(file: DistFile, installed: Distribution, rows: Mapping[str, Row], since_ns: int) -> Comparison:
    """What is not the same; of a package imported from an archive, whether that is this very file."""
    location, wheel = Path(installed.location), Path(file.path)
    if not location.is_file():
        return compare_copy(wheel, rows, location, installed.metadata, since_ns)
    written = was_written(location, since_ns)
    try:
        with location.open("rb") as archive:
            same = Checksums.of_stream(archive).sha256 == file.checksums.sha256
    except OSError:
        same = False
    return Comparison(
        differs=() if same else (f"changed {location.name}",),
        written=(location.name,) if written else (),
        paths=tuple(rows),
    )


def _by_content(
    file: DistFile, installed: Distribution, found: Comparison, ran: Ran
) -> tuple[Shipped, tuple[str, ...]]:
    """What the copy is, and which files say so."""
    if found.defects:
        return Shipped.DEFECTIVE, found.defects
    if found.written or _was_replaced(installed):
        return Shipped.CHANGED, found.written or found.differs
    if not found.differs:
        return Shipped.ARTIFACT, ()
    if not _fits_here(file, ran.tags):
        return Shipped.NOT_FOR_HERE, ()
    said = read_wheel_name(Path(file.path).name)
    other = misfit(Path(file.path).name, installed) or (said and said.build_tag != installed.build_tag)
    return Shipped.OTHER_WHEEL if other else Shipped.DIFFERS, found.differs


def _was_replaced(installed: Distribution) -> bool:
    """Whether RECORD is not what it was when the tests began."""
    location = Path(installed.location)
    if location.is_file() or not installed.fingerprint:
        return False
    now = record_rows(location / installed.metadata)
    return not now or fingerprint(now) != installed.fingerprint


def _by_imports(location: Path, paths: Iterable[str], ran: Ran) -> tuple[Shipped, str]:
    """Whether the copy is what the tests imported; if they imported another, where from."""
    modules = {name for path in paths if (name := module_of(path))}
    units = units_of(paths)
    seen = {unit for unit in units if any(_related(unit, imports) for imports in ran.imports)}
    for unit in units:
        for imports in ran.imports:
            for root, names in _related(unit, imports):
                if Path(root).resolve() != location and (not names or not modules.isdisjoint(names)):
                    return Shipped.SHADOWED, _shown(root, unit)
        root = "" if unit in seen else ran.look_up(unit)
        if root and Path(root).resolve() != location:
            return Shipped.SHADOWED, _shown(root, unit)
    return (Shipped.ARTIFACT if seen or not units else Shipped.NOT_IMPORTED), ""


def _related(unit: str, imports: Imports) -> list[tuple[str, list[str]]]:
    """The folders a package, what is in it, or what it is in, was imported from."""
    return [
        told
        for name, folders in imports.items()
        if is_within(name, unit) or is_within(unit, name)
        for told in folders.items()
    ]


def _shown(root: str, unit: str) -> str:
    """Where a package was imported from, as people look for it."""
    folder = Path(root, *unit.split("."))
    found = (path for path in (folder / "__init__.py", folder.with_suffix(".py"), folder) if path.exists())
    return str(next(found, root))
