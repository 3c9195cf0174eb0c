"""What a recorded run says on the page of its CI run: a block of Markdown.

Rules:
- No text can begin or end anything - a table, a link, code, HTML: white space becomes one space, every other
  character that cannot be seen is shown as an escape, and punctuation is written as entities, which are never
  structure.
- At most `MOST_BYTES`, cut between lines, and the last line says so.
- Decides nothing.

Source: CommonMark 0.31, section 2.5.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_defend.render.summary import eligible_lines, published_lines, subject_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_defend.model.bundle import Manifest, Published
    from pytest_defend.model.eligibility import Eligibility
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.results import Verdict

__all__ = ["MOST_BYTES", "summary_block"]

MOST_BYTES = 64 << 10
"""Of one block, as UTF-8."""

_LISTED = 10  # reasons and gaps; all of them are in the record
_LONGEST = 1000  # characters of one text
_CUT = "This summary is cut here; all of it is in the record."
_ALWAYS = ("collected", "finished")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_IN_A_LINK = "/:?&=%#~,;@$!'()*+[]"


def summary_block(
    manifest: Manifest,
    verdict: Verdict,
    gaps: Sequence[Gap],
    *,
    published: Published | None = None,
    eligibility: Sequence[Eligibility] = (),
    problem: str = "",
) -> str:
    """The block of one run: an empty line, then lines that end as lines do.

    Args:
        manifest: Of the run.
        verdict: The last one.
        gaps: Everything that could not be read.
        published: What publishing did; None when it was not asked for, or failed.
        eligibility: What the gate of the next level says.
        problem: Why the run was not published or not marked; empty when nothing went wrong.
    """
    lines = (
        *_lines(manifest, verdict, gaps),
        *_eligible(eligibility),
        *_where(published, problem),
    )
    return "".join(f"{line}\n" for line in _fitting(lines))


def _fitting(lines: Iterable[str]) -> Iterator[str]:
    left = MOST_BYTES - len(_CUT) - 2
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            yield from ("", _CUT)
            return
        yield line


def _lines(manifest: Manifest, verdict: Verdict, gaps: Sequence[Gap]) -> Iterator[str]:
    build = f"{manifest.build.name}/{manifest.build.number}"
    yield from ("", f"### Stage {_escaped(manifest.stage)} of {_escaped(build)}: {verdict.result.value}", "")
    yield from _list(verdict.reasons, "reasons")
    counts = dataclasses.asdict(manifest.tally)
    yield from _table("tests", {name: n for name, n in counts.items() if n or name in _ALWAYS})
    yield from _list([subject_line(file, tested) for file, tested in sorted(manifest.tested.items())])
    yield from _table("packages", manifest.origins)
    yield from _list([f"{manifest.drift} installed files are not what RECORD says"] * bool(manifest.drift))
    yield from _list([f"gap in {gap.topic}: {gap.problem}" for gap in gaps], "gaps")


def _eligible(eligibility: Sequence[Eligibility]) -> Iterator[str]:
    for told in eligibility:
        first, *reasons = (line.strip() for line in eligible_lines(told))
        yield from (_escaped(first), "")
        yield from _list(reasons, "reasons")


def _where(published: Published | None, problem: str) -> Iterator[str]:
    if published is not None:
        done = _escaped(next(published_lines(published)))
        page = quote(published.url, safe=_IN_A_LINK, errors="replace")
        yield from (f"{done}: [page of the build](<{page}>)" if page else done, "")
    if problem:
        yield from (f"**{_escaped(problem)}**", "")


def _list(texts: Sequence[str], named: str = "") -> Iterator[str]:
    """A list; of a named one the first few texts.

    Args:
        texts: Of the items.
        named: What they are, for the line that counts the rest; empty for all of them.
    """
    listed = texts[:_LISTED] if named else texts
    yield from (f"- {_escaped(text)}" for text in listed)
    if len(listed) < len(texts):
        yield f"- and {len(texts) - len(listed)} more {named}, named in record.json"
    if texts:
        yield ""


def _table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    """A table of one row: a count below each name."""
    if not counts:
        return
    names = (_escaped(name.replace("_", " ")) for name in counts)
    for cells in ((title, *names), ("---", *("---:" for _ in counts)), ("", *map(str, counts.values()))):
        yield f"| {' | '.join(cells)} |"
    yield ""


def _escaped(text: str) -> str:
    long = f"{text[:_LONGEST]}..." if len(text) > _LONGEST else text
    words = " ".join(long.split())
    seen = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found[0])};", seen)
