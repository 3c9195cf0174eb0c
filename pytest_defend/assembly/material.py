"""What goes into a bundle besides the journal: distribution files, reports of others, packages, late facts.

Rules:
- Reports are copied into the bundle before they are named, texts redacted on the way.
- The user's own `--junitxml` file counts only when this run wrote it; where it and the record disagree, a gap
  gives both figures.
- A pattern the user gave and that names no file is a gap; our own default patterns may find nothing.
- Of a run that is taken up later only files count that are older than the last line of its journal: what was
  built or written since is nothing it has seen.
- Nor can reports be redacted then, when its arguments held secrets: these are left out, and a gap says so.
- Every name in the bundle belongs to one file; of several that would get it the first counts, and a gap
  says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.pack import Material
from pytest_defend.assembly.eligibility import foreseeing
from pytest_defend.assembly.extensions import asked_artifacts
from pytest_defend.assembly.issues import issues
from pytest_defend.assembly.packages import changes, fetched, keep_sboms, settled
from pytest_defend.assembly.shipping import ran_on
from pytest_defend.capture.files import read_dists, safe_name
from pytest_defend.capture.patterns import match
from pytest_defend.capture.redaction import MASK
from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.facts import Gap
from pytest_defend.model.record import RunFacts
from pytest_defend.model.replay import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.distributions import DistFile

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
    later = config is None
    dists = _dists(run, root, gaps, later=later)
    found = changes(run, facts, gaps)
    begun = _of_journal(run) if later else facts
    installed = settled(run, begun, gaps)
    touched = issues(run, begun, gaps)
    wanted = list(_wanted(run, root, gaps))
    if later:
        wanted = [path for path in _readable(run, wanted, gaps) if _seen(run, path, gaps)]
    junit = None if later else _users_junit(run, config, gaps)
    if junit is not None:
        wanted.append(junit)
    names = tuple(_keep(run, root, wanted, gaps))
    # what is installed now, and where modules come from, is known of a run of this process alone
    sboms = () if later else keep_sboms(run, installed, gaps)
    return Material(
        dists=dists,
        tested={} if later else ran_on(run, dists, installed),
        installed=installed,
        reports=names,
        sboms=sboms,
        installed_changes=found,
        issues=touched,
        foresee=foreseeing(run, gaps),
        gaps=tuple(gaps),
    )


def _of_journal(run: Recording) -> RunFacts:
    """What the run read when it started."""
    with (run.journal.folder / JOURNAL).open("rb") as lines:
        return RunFacts.from_dict(summarise(lines).facts)


def _readable(run: Recording, wanted: list[Path], gaps: list[Gap]) -> list[Path]:
    """What may be copied now that the secrets in the arguments of the run are known to nobody."""
    facts = _of_journal(run).pytest
    given = (*facts.args, *facts.environment_args, *facts.ini_args) if facts else ()
    if not wanted or not any(MASK in argument for argument in given):
        return wanted
    problem = f"{len(wanted)} reports are left out: secrets in the run's arguments cannot be masked any more."
    gaps.append(Gap(topic="reports", problem=problem))
    return []


def _seen(run: Recording, path: Path, gaps: list[Gap]) -> bool:
    """Whether a run that is over can have seen a file as it is now."""
    try:
        if path.stat().st_mtime <= run.journal.path.stat().st_mtime:
            return True
    except OSError:
        return True  # reading it will say what is wrong
    problem = f"{path} was written after the run had ended and is left out."
    gaps.append(Gap(topic="artifacts", problem=run.redactor.text(problem)))
    return False


def _dists(run: Recording, root: Path, gaps: list[Gap], *, later: bool) -> Sequence[DistFile]:
    if run.settings.artifact_from and not later:
        return fetched(run, gaps)
    patterns = run.header.dist
    if not run.header.dist_asked:
        patterns = tuple(pattern for pattern in patterns if match(root, [pattern]))
    dists, problems = read_dists(root, patterns)
    gaps += problems
    dists = tuple(dist for dist in dists if not later or _seen(run, Path(dist.path), gaps))
    names = [Path(dist.path).name for dist in dists]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problem = f"Several files are called {name}; the first counts. Narrow --defend-dist."
        gaps.append(Gap(topic="artifacts", problem=problem))
    return list({Path(dist.path).name: dist for dist in reversed(dists)}.values())[::-1]


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


def _keep(run: Recording, root: Path, paths: Iterable[Path], gaps: list[Gap]) -> Iterator[str]:
    """Copy files into the bundle, and give their names there, sorted."""
    named: dict[str, Path] = {}
    for path in paths:
        inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        name = "/".join(("reports", *(safe_name(run.redactor.text(part)) for part in inside.parts)))
        first = named.setdefault(name, path)
        if first != path:
            problem = f"{path} would be archived as {name}, which is {first}; rename one of them."
            gaps.append(Gap(topic="reports", problem=run.redactor.text(problem)))
    for name, path in sorted(named.items()):
        try:
            masked = _copy(run, path, name)
        except OSError as error:
            gaps.append(Gap(topic="reports", problem=f"{path} could not be archived: {error.strerror}."))
            continue
        yield name
        if masked:
            problem = f"{name} is archived with {masked} places masked as secret."
            gaps.append(Gap(topic="reports", problem=problem))


def _copy(run: Recording, path: Path, name: str) -> int:
    """Copy a file, redacted; how many places were masked."""
    target = run.journal.folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("wb") as out:
        return run.redactor.file(source, out)
