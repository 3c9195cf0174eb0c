"""What a recorded run says in the terminal: plain lines, for pytest's own writer.

Rules:
- One line says the verdict, one the counts as pytest counts them, one where everything went.
- What is missing is named, each gap once; what to do next stands in the line that says what went wrong.
- Decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.bundle import Manifest, Published
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.results import Tally, Verdict

__all__ = ["counts", "header_line", "published_lines", "size", "stage_line", "summary_lines"]

_WORKERS = 8  # named in a terminal
_GAPS = 10  # named in a terminal; all of them are in the record
_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def header_line(*, build: str, stage: str, store: str) -> str:
    """The line under pytest's own header."""
    return f"defend: build {build}, stage {stage}, {store}"


def summary_lines(manifest: Manifest, verdict: Verdict, gaps: Sequence[Gap]) -> Iterator[str]:
    """Verdict, counts and gaps of a run."""
    yield stage_line(manifest.stage, verdict)
    yield f"recorded {counts(manifest.tally)}; {_times(manifest)}"
    for gap in gaps[:_GAPS]:
        yield f"gap in {gap.topic}: {gap.problem}"
    if len(gaps) > _GAPS:
        yield f"and {len(gaps) - _GAPS} more gaps, named in record.json"


def stage_line(stage: str, verdict: Verdict) -> str:
    """How a stage ended, and every reason why it is no better."""
    reasons = f": {'; '.join(verdict.reasons)}" if verdict.reasons else ""
    return f"stage {stage} {verdict.result.value}{reasons}"


def published_lines(published: Published) -> Iterator[str]:
    """What publishing did, or would do."""
    done = "would publish" if published.dry_run else "published"
    kept = f", {len(published.kept)} already there" if published.kept else ""
    files = f"{len(published.new)} files, {size(published.size_bytes)}{kept}"
    yield f"{done} {published.build} to {published.store} ({files})"
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
