"""What becomes known of packages when the tests are over.

Rules:
- What changed while the tests ran is said; the record keeps what was there when they began.
- Indexes and the store are asked now, about what was there then; a store that cannot be read is a gap.
- The files a package carries about itself (PEP 770) are archived byte for byte: they are published already.
"""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.actions.fetch import fetch
from pytest_defend.actions.locate import locate
from pytest_defend.assembly.looking import look
from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.files import read_dists
from pytest_defend.errors import DefendError
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.distributions import diff
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.distributions import DistFile, Distribution, Installed
    from pytest_defend.model.record import RunFacts

__all__ = ["changes", "fetched", "keep_sboms", "settled"]

_SBOM_BYTES = 64 << 20
_SBOMS = "sboms.zip"
_DIST = "dist"


def changes(run: Recording, facts: RunFacts | None, gaps: list[Gap]) -> tuple[str, ...]:
    """What was installed, removed or replaced while the tests ran."""
    if facts is None or facts.installed is None or run.tracing is None:
        return ()
    project = run.project
    now, _ = read_distributions(
        project=project.name, build_requires=project.build_requires, memory=run.tracing.memory
    )
    found = diff(facts.installed, now)
    if found:
        problem = f"Distributions changed while the tests ran: {'; '.join(found)}."
        gaps.append(Gap(topic="distributions", problem=run.redactor.text(problem)))
    return tuple(run.redactor.text(change) for change in found)


def settled(run: Recording, facts: RunFacts | None, gaps: list[Gap]) -> Installed | None:
    """What is installed, with everything that is known of it by now.

    Args:
        run: The run.
        facts: As read when it started; of a run taken up later, as its journal has them.
        gaps: Takes what could not be asked.
    """
    installed = facts.installed if facts else None
    if installed is None:
        return None
    if run.tracing is not None:
        installed, unanswered = run.tracing.finish(installed)
        gaps += unanswered
    looked = partial(look, run.tracing, gaps)
    if run.settings.record and not run.settings.publish:  # nobody named a store
        return looked(installed, {})
    try:
        store = run.store()
        return locate(installed, store, partial(looked, part=store.part))
    except DefendError as error:
        problem = f"The store was not asked which dependencies it keeps: {error}"
        gaps.append(Gap(topic="origins", problem=problem))
        return looked(installed, {})


def fetched(run: Recording, gaps: list[Gap]) -> tuple[DistFile, ...]:
    """The distribution files of the build that is to be tested, written into the bundle."""
    folder = run.journal.folder / _DIST
    try:
        store = run.store()
        fetch(BuildId.parse(run.settings.artifact_from), folder, store)
    except (DefendError, OSError) as error:
        problem = f"The files of {run.settings.artifact_from} could not be fetched: {error}"
        gaps.append(Gap(topic="artifacts", problem=problem))
        return ()
    dists, problems = read_dists(folder, ["*"])
    gaps += problems
    return dists


def keep_sboms(run: Recording, installed: Installed | None, gaps: list[Gap]) -> tuple[str, ...]:
    """Put the SBOMs of installed packages into one archive in the bundle; its name there, if there are any.

    Equal environments give equal archives, so that a store keeps one.
    """
    found = {
        "/".join((distribution.id.replace(":", "-"), *path.relative_to(_folder(distribution)).parts)): path
        for distribution in (installed.distributions if installed else ())
        for path in _sboms(distribution)
    }
    if not found:
        return ()
    with zipfile.ZipFile(run.journal.folder / _SBOMS, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in sorted(found.items()):
            try:
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
            except OSError as error:
                gaps.append(Gap(topic="sboms", problem=f"{path} could not be archived: {error.strerror}."))
    return (_SBOMS,)


def _folder(distribution: Distribution) -> Path:
    return Path(distribution.location, distribution.metadata, "sboms")


def _sboms(distribution: Distribution) -> list[Path]:
    folder = _folder(distribution)
    if not distribution.metadata or not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size <= _SBOM_BYTES)
