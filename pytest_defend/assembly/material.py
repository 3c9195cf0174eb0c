"""What goes into a bundle besides the journal: distribution files, reports of others, late facts.

Rules:
- Reports are copied into the bundle before they are named, texts redacted on the way.
- The user's own `--junitxml` file counts only when this run wrote it; where it and the record disagree, a gap
  gives both figures.
- A pattern the user gave and that names no file is a gap; our own default patterns may find nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.pack import Material
from pytest_defend.assembly.extensions import asked_artifacts
from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.files import match, read_dists, safe_name
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.distributions import diff
from pytest_defend.model.facts import Gap
from pytest_defend.model.replay import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.distributions import DistFile
    from pytest_defend.model.record import RunFacts

__all__ = ["read_material"]


def read_material(run: Recording, config: Any, facts: RunFacts | None) -> Material:
    """Gather what belongs to a run whose journal is closed.

    Args:
        run: The run.
        config: Of the pytest run; None for a run taken up later.
        facts: As read when it started; None for a run taken up later.
    """
    gaps: list[Gap] = []
    root = Path(run.header.root)
    dists = _dists(run, root, gaps)
    changes = _changes(run, facts, gaps)
    reports = [_kept(run, root, path, gaps) for path in _wanted(run, root, gaps)]
    junit = _users_junit(run, config, gaps) if config is not None else None
    if junit is not None:
        reports.append(_kept(run, root, junit, gaps))
    names = tuple(sorted({name for name in reports if name}))
    return Material(dists=dists, reports=names, installed_changes=changes, gaps=tuple(gaps))


def _dists(run: Recording, root: Path, gaps: list[Gap]) -> Sequence[DistFile]:
    patterns = run.header.dist
    if not run.header.dist_asked:
        patterns = tuple(pattern for pattern in patterns if match(root, [pattern]))
    dists, problems = read_dists(root, patterns)
    gaps += problems
    names = [Path(dist.path).name for dist in dists]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problem = f"Several files are called {name}; the first counts. Narrow --defend-dist."
        gaps.append(Gap(topic="artifacts", problem=problem))
    return list({Path(dist.path).name: dist for dist in reversed(dists)}.values())[::-1]


def _changes(run: Recording, facts: RunFacts | None, gaps: list[Gap]) -> tuple[str, ...]:
    if facts is None or facts.installed is None:
        return ()
    now, _ = read_distributions(project=run.project.name)
    changes = diff(facts.installed, now)
    if changes:
        problem = f"Distributions changed while the tests ran: {'; '.join(changes)}."
        gaps.append(Gap(topic="distributions", problem=run.redactor.text(problem)))
    return tuple(run.redactor.text(change) for change in changes)


def _wanted(run: Recording, root: Path, gaps: list[Gap]) -> Iterator[Path]:
    for pattern in run.header.attach:
        found = match(root, [pattern])
        if not found:
            problem = f"No file matches {pattern!r} of --defend-attach; the tests did not write it."
            gaps.append(Gap(topic="reports", problem=problem))
        yield from found
    given, problems = asked_artifacts(run.hook, run.header.stage, root)
    gaps += problems
    yield from given


def _users_junit(run: Recording, config: Any, gaps: list[Gap]) -> Path | None:
    """The file pytest's own junitxml plugin wrote in this run."""
    given = config.getoption("xmlpath", None)
    if not given:
        return None
    path: Path = config.invocation_params.dir / os.path.expandvars(os.path.expanduser(given))  # noqa: PTH111  # as pytest does
    try:
        fresh = path.stat().st_mtime >= run.header.started.timestamp()
    except OSError:
        gaps.append(Gap(topic="junit", problem=f"{path} of --junitxml was not written."))
        return None
    if not fresh:
        gaps.append(Gap(topic="junit", problem=f"{path} of --junitxml is of an earlier run and left out."))
        return None
    from pytest_defend.capture.junit import compare, read_junit  # its parser is large, and few runs need it

    counts, problems = read_junit(path)
    gaps += problems
    if counts is not None:
        with (run.journal.folder / JOURNAL).open("rb") as lines:
            gaps += compare(counts, summarise(lines).tally)
    return path


def _kept(run: Recording, root: Path, path: Path, gaps: list[Gap]) -> str:
    """Copy a file into the bundle; its name there, empty when it could not be read."""
    inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    name = "/".join(("reports", *map(safe_name, inside.parts)))
    target = run.journal.folder / name
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("rb") as source, target.open("wb") as out:
            masked = run.redactor.file(source, out)
    except OSError as error:
        gaps.append(Gap(topic="reports", problem=f"{path} could not be archived: {error.strerror}."))
        return ""
    if masked:
        gaps.append(
            Gap(topic="reports", problem=f"{name} is archived with {masked} places masked as secret.")
        )
    return name
