"""What is installed, as text, with rich.

Rules:
- As in `render/text.py`: decides nothing, cuts nothing, shows control characters as escapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pytest_defend.render.summary import rungs
from pytest_defend.render.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.environmentview import EnvironmentView
    from pytest_defend.model.origins import Candidate, Origin, Tree

__all__ = ["environment_view"]

_COLOURS = {
    "proven": "green",
    "recorded": "green",
    "matched": "green",
    "narrowed": "yellow",
    "constrained": "yellow",
    "built": "yellow",
    "tree": "yellow",
    "foreign": "red",
    "unknown": "red",
}
_DIGITS = 12  # of a digest people compare by eye
_FILES = 3  # named in a line


def environment_view(view: EnvironmentView, *, origins: bool) -> RenderableType:
    """Packages, one a line; with `origins` how each is known, below it."""
    installed = view.installed
    parts: list[RenderableType] = []
    if view.interpreter is not None:
        python = (
            f"{view.interpreter.implementation} {view.interpreter.version} on {view.interpreter.platform}"
        )
        parts += [shown(python, style="bold"), shown(f"  {view.interpreter.prefix}")]
    stand: dict[str, int] = {}
    for each in installed.distributions:
        certainty = _certainty(each)
        stand[certainty] = stand.get(certainty, 0) + 1
    ordered = {name: stand[name] for name in _COLOURS if name in stand}
    parts += [shown(f"  {len(installed.distributions)} packages: {rungs(ordered)}"), Text()]
    if origins:
        parts += [part for each in installed.distributions for part in _told(each)]
    else:
        parts.append(_table(installed.distributions))
    parts += [line for each in installed.distributions for line in _drift(each)]
    parts += [shown(f"gap in {gap.topic}: {gap.problem}", style="yellow") for gap in view.gaps]
    return Group(*parts)


def _certainty(distribution: Distribution) -> str:
    return distribution.origin.certainty.value if distribution.origin else "unknown"


def _table(distributions: tuple[Distribution, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("package", "version", "origin", "sha256", "file"):
        table.add_column(title, overflow="fold", no_wrap=title in ("origin", "sha256"))
    for each in distributions:
        certainty = _certainty(each)
        table.add_row(
            shown(each.name),
            shown(each.version),
            shown(certainty, style=_COLOURS[certainty]),
            shown(each.origin.sha256[:_DIGITS] if each.origin else ""),
            shown(_from(each.origin)),
        )
    return table


def _from(origin: Origin | None) -> str:
    """What it came from, in a few words."""
    if origin is None:
        return ""
    if origin.built_from is not None:
        return f"built from {origin.built_from.file}"
    if origin.tree is not None:
        return _source(origin.tree)
    if origin.candidates:
        return f"one of {len(origin.candidates)} files"
    return origin.file or origin.package


def _source(tree: Tree) -> str:
    dirty = " with changes" if tree.dirty else ""
    commit = f" at {tree.commit[:_DIGITS]}{dirty}" if tree.commit else ""
    return f"{tree.url}{commit}"


def _told(distribution: Distribution) -> Iterator[RenderableType]:
    """A package and everything that is known of its origin."""
    origin, certainty = distribution.origin, _certainty(distribution)
    head = shown(f"{distribution.name} {distribution.version} ", style="bold")
    head.append_text(shown(certainty, style=_COLOURS[certainty]))
    head.append_text(shown(f" {_from(origin)}".rstrip()))
    yield head
    if origin is None:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in _pairs(origin):
        table.add_row(name, shown(value))
    if table.row_count:
        yield Padding(table, (0, 0, 0, 2), expand=False)


def _pairs(origin: Origin) -> Iterator[tuple[str, str]]:
    for name in ("sha256", "sha1", "md5", "url", "index"):
        if value := getattr(origin, name):
            yield name, value
    if origin.built_from is not None and origin.built_from.sha256:
        yield "source", f"{origin.built_from.file} sha256 {origin.built_from.sha256}"
    for kept in origin.kept:
        build = f", of build {kept.build_name}/{kept.build_number}" if kept.build_name else ""
        level = f", level {kept.level}" if kept.level else ""
        yield "kept", f"{kept.path}{build}{level}"
    for each in origin.evidence:
        yield "because", f"{each.source}: {each.says}"
    for candidate in origin.candidates:
        yield "one of", _candidate(candidate)
    for rejected in origin.rejected:
        named = ", ".join(rejected.files[:_FILES])
        more = f" and {len(rejected.files) - _FILES} more" if len(rejected.files) > _FILES else ""
        yield "not", f"{named}{more}: {rejected.why} ({rejected.source})"


def _candidate(candidate: Candidate) -> str:
    return f"{candidate.file} sha256 {candidate.sha256 or 'not known'}".strip()


def _drift(distribution: Distribution) -> Iterator[Text]:
    for line in distribution.drift:
        yield shown(f"drift in {distribution.name} {distribution.version}: {line}", style="red")
