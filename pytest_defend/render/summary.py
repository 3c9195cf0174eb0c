"""What a recorded run says in the terminal: plain lines, for pytest's own writer.

Rules:
- One line says the verdict, one the counts as pytest counts them, one where everything went.
- What is missing is named, each gap once; what to do next stands in the line that says what went wrong.
- Decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.model.record import Shipped
from pytest_defend.model.ruling import Ruling
from pytest_defend.model.signing import Signing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_defend.model.bundle import Manifest, Published
    from pytest_defend.model.eligibility import Eligibility
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.origins import Tree
    from pytest_defend.model.record import RanOn
    from pytest_defend.model.results import Tally, Verdict
    from pytest_defend.model.signing import SigningView

__all__ = [
    "counts",
    "eligible_lines",
    "header_line",
    "published_lines",
    "rungs",
    "signed_lines",
    "size",
    "stage_line",
    "subject_line",
    "summary_lines",
]

_WORKERS = 8  # named in a terminal
_PATHS = 3  # named in a terminal
_GAPS = 10  # named in a terminal; all of them are in the record
_KEY = 8  # digits of a key's id, as in names of files
_INSTEAD = {
    Shipped.NOT_IMPORTED: "it is installed, and no process of the tests imported it",
    Shipped.DIFFERS: "the installed copy differs",
    Shipped.CHANGED: "the installed copy was replaced or written to while the tests ran",
    Shipped.DEFECTIVE: "the file itself is defective, build it again",
    Shipped.OTHER_WHEEL: "the installed copy is of another wheel of this version",
    Shipped.NOT_FOR_HERE: "it is for another interpreter or platform",
    Shipped.OTHER_VERSION: "another version is installed",
    Shipped.NOT_INSTALLED: "it is not installed where the tests ran",
}
_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def header_line(*, build: str, stage: str, store: str) -> str:
    """The line under pytest's own header."""
    return f"defend: build {build}, stage {stage}, {store}"


def summary_lines(manifest: Manifest, verdict: Verdict, gaps: Sequence[Gap]) -> Iterator[str]:
    """Verdict, counts and gaps of a run."""
    yield stage_line(manifest.stage, verdict)
    yield f"recorded {counts(manifest.tally)}; {_times(manifest)}"
    for file, tested in sorted(manifest.tested.items()):
        yield subject_line(file, tested)
    if manifest.origins:
        yield f"packages: {rungs(manifest.origins)}{_more(manifest.origins)}{_drift(manifest.drift)}"
    for gap in gaps[:_GAPS]:
        yield f"gap in {gap.topic}: {gap.problem}"
    if len(gaps) > _GAPS:
        yield f"and {len(gaps) - _GAPS} more gaps, named in record.json"


def stage_line(stage: str, verdict: Verdict) -> str:
    """How a stage ended, and every reason why it is no better."""
    reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
    return f"stage {stage} {verdict.result.value}{reasons}"


def subject_line(file: str, tested: RanOn) -> str:
    """Whether the tests ran on a file that is published."""
    if tested.what is Shipped.ARTIFACT:
        return f"tested what {file} holds, byte for byte"
    perhaps = "perhaps " if tested.what is Shipped.NOT_IMPORTED else ""
    return f"{perhaps}not tested: {file}; {_tested_instead(tested)}"


def _tested_instead(tested: RanOn) -> str:
    if tested.what is Shipped.TREE:
        return f"the tests ran on a working tree{_tree(tested.tree)}"
    if tested.what is Shipped.SHADOWED:
        return f"the tests imported {tested.imported_from}, which hides it"
    return _INSTEAD[tested.what] + _named(tested)


def _named(tested: RanOn) -> str:
    """The first files that are not the same."""
    if not tested.differs_count:
        return ""
    more = f" and {tested.differs_count - _PATHS} more" if tested.differs_count > _PATHS else ""
    return f": {', '.join(tested.differs[:_PATHS])}{more}"


def _tree(tree: Tree | None) -> str:
    if tree is None or not tree.commit:
        return ""
    return f" of commit {tree.commit[:12]}{', with changes' if tree.dirty else ''}"


def rungs(origins: Mapping[str, int]) -> str:
    """How many packages stand on each rung."""
    return ", ".join(f"{count} {certainty}" for certainty, count in origins.items())


def _more(origins: Mapping[str, int]) -> str:
    """What to do about packages whose file nobody names."""
    return "; a lock, --defend-index or --defend-wheelhouse can say more" if "unknown" in origins else ""


def _drift(count: int) -> str:
    return f"; {count} installed files are not what RECORD says" if count else ""


def eligible_lines(told: Eligibility) -> Iterator[str]:
    """Whether a build may stand on its next level, and every reason why not."""
    if told.ruling is Ruling.PASS:
        left = f"; the gate will still ask {', '.join(told.left_open)}" if told.left_open else ""
        yield f"eligible for {told.level}{left}"
        return
    yield f"not eligible for {told.level}:"
    yield from (f"  {reason}" for reason in told.reasons)


def signed_lines(view: SigningView) -> Iterator[str]:
    """Who signed, by the beginning of the id of the key; below it what a service did not take."""
    for keyid in dict.fromkeys(row.keyid for row in view.rows if row.state is not Signing.NOT):
        yield f"signed by {keyid[:_KEY]}"
    yield from view.warnings


def published_lines(published: Published) -> Iterator[str]:
    """What publishing did, or would do; below it the page of the build, where there is one."""
    done = "would publish" if published.dry_run else "published"
    kept = f", {len(published.kept)} already there" if published.kept else ""
    files = f"{len(published.new)} files, {size(published.size_bytes)}{kept}"
    yield f"{done} {published.build} to {published.store} ({files})"
    if published.url:
        yield published.url
    if published.dry_run:
        yield from (f"  {path}" for path in published.new)


def counts(tally: Tally) -> str:
    """The counts that are not zero, in the words of pytest's summary line."""
    told = (
        (tally.failed, "failed"),
        (tally.passed, "passed"),
        (tally.skipped, "skipped"),
        (tally.deselected, "deselected"),
        (tally.xfailed, "xfailed"),
        (tally.xpassed, "xpassed"),
        (tally.warnings, "warning" if tally.warnings == 1 else "warnings"),
        (tally.errors, "error" if tally.errors == 1 else "errors"),
        (tally.rerun, "rerun"),
    )
    named = ", ".join(f"{count} {word}" for count, word in told if count)
    return f"{tally.finished} of {tally.collected} collected tests ({named or 'none ran'})"


def _times(manifest: Manifest) -> str:
    workers = [f"{worker} {_seconds(us)}" for worker, us in sorted(manifest.workers_us.items())]
    shared = f" ({', '.join(workers)})" if 0 < len(workers) <= _WORKERS else ""
    return f"wall {_seconds(manifest.build.duration_ms * 1000)}, work {_seconds(manifest.work_us)}{shared}"


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:.2f} s"


def size(size_bytes: int) -> str:
    """A size for people."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes} bytes"
