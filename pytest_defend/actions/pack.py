"""Pack: what was heard and read becomes a complete bundle on disk; the first half of publishing.

Rules:
- Works on a folder that holds a journal; of a run that ended and of one that was killed alike.
- Passing over the journal twice, memory stays flat: once to judge, once to write the JUnit XML.
- The manifest is written last and atomically: a bundle is complete or has none.
- Packing again gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.actions.locks import write_locks
from pytest_defend.documents.build import Layout, Placed, build_info
from pytest_defend.documents.junit import Suite, write_junit
from pytest_defend.model.bundle import FORMAT, JOURNAL, JUNIT, MANIFEST, RECORD, BundledFile, Manifest
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.origins import Certainty
from pytest_defend.model.record import SCHEMA, RecordedFile, RunFacts, RunRecord, Subject
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildInfo, Issues
    from pytest_defend.model.distributions import DistFile, Distribution, Installed
    from pytest_defend.model.eligibility import Eligibility
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.journal import Header
    from pytest_defend.model.record import RanOn
    from pytest_defend.model.replay import Summary
    from pytest_defend.model.results import Verdict

__all__ = ["Ended", "Material", "pack"]

_DIST = "dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that has ended, before its bundle is complete.

    Attributes:
        folder: Of the bundle; holds the journal and the reports.
        record: Without what follows from it.
        summary: Of the journal.
        build: As it would be published; its stage does not name the record.
    """

    folder: Path
    record: RunRecord
    summary: Summary
    build: BuildInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What goes into a bundle besides its journal.

    Attributes:
        dists: Distribution files this run is evidence for.
        tested: By the path of such a file: whether the tests ran on what it holds.
        installed: What is installed, with all that is known of it by now; None for what the journal says.
        reports: Names in the bundle of reports of others, already copied there.
        sboms: The same of documents that packages carry about themselves.
        installed_changes: What was installed or removed while the tests ran.
        issues: Those the tested change touches; None for none.
        foresee: What the rules of the next level say of a run that has ended; None without a ladder.
        gaps: What could not be read after the journal was closed.
        modify: A last look of others at the build-info.
    """

    dists: Sequence[DistFile] = ()
    tested: Mapping[str, RanOn | None] = field(default_factory=dict)
    installed: Installed | None = None
    reports: Sequence[str] = ()
    sboms: Sequence[str] = ()
    installed_changes: tuple[str, ...] = ()
    issues: Issues | None = None
    foresee: Callable[[Ended], Sequence[Eligibility]] | None = None
    gaps: tuple[Gap, ...] = ()
    modify: Callable[[BuildInfo], BuildInfo] | None = None


def pack(folder: Path, material: Material) -> Manifest:
    """Make the folder of a run a complete bundle.

    Args:
        folder: Holds `journal.jsonl`, and `attachments/` where tests attached something.
        material: The rest.

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InvalidDocument: The journal cannot be read.
        OSError: The folder cannot be written.
    """
    with (folder / JOURNAL).open("rb") as lines:
        summary = summarise(lines)
    verdict = judge(summary)
    _write_junit(folder, summary)
    facts = RunFacts.from_dict(summary.facts)
    if material.installed is not None:
        facts = replace(facts, installed=material.installed)
    locks = tuple(write_locks(folder, summary.header, facts))
    subjects = tuple(_take_dists(folder, material))
    files = tuple(_files(folder, material, locks))
    record = _record(summary, facts, subjects, files, material)
    if material.foresee is not None:
        build, _ = _build(summary, record, verdict, material, {})
        ended = Ended(folder=folder, record=record, summary=summary, build=build)
        record = replace(record, eligibility=tuple(material.foresee(ended)))
    (folder / RECORD).write_bytes(record.to_bytes())
    manifest = _manifest(folder, summary, record, verdict, material)
    draft = folder / f"{MANIFEST}.draft"
    draft.write_bytes(manifest.to_bytes())
    draft.replace(folder / MANIFEST)
    return manifest


def _write_junit(folder: Path, summary: Summary) -> None:
    end = summary.end
    suite = Suite(
        name=summary.header.stage,
        timestamp=summary.header.started,
        properties={"run": summary.header.run, "build": _build_name(summary.header)},
        collection=tuple(summary.collection),
        duration_us=end.duration_us if end else summary.work_us,
    )
    with (folder / JOURNAL).open("rb") as lines, (folder / JUNIT).open("w+b") as out:
        write_junit(out, cases(lines, summary), suite=suite)


def _build_name(header: Header) -> str:
    return f"{header.build_name}/{header.build_number}"


def _take_dists(folder: Path, material: Material) -> Iterator[Subject]:
    for path, dist in [(Path(each.path), each) for each in material.dists]:
        (folder / _DIST).mkdir(mode=0o700, exist_ok=True)
        copy = folder / _DIST / path.name
        if path != copy:
            shutil.copyfile(path, copy)
        yield Subject(
            file=path.name,
            name=dist.name,
            version=dist.version,
            type=dist.kind,
            checksums=_checksums(copy),
            tested=material.tested.get(dist.path),
        )


def _record(
    summary: Summary,
    facts: RunFacts,
    subjects: tuple[Subject, ...],
    files: tuple[RecordedFile, ...],
    material: Material,
) -> RunRecord:
    header, end = summary.header, summary.end
    return RunRecord(
        schema=SCHEMA,
        run=header.run,
        stage=header.stage,
        build_name=header.build_name,
        build_number=header.build_number,
        started=header.started,
        recorder=header.recorder,
        exit_status=end.exit_status if end else None,
        wall_us=end.duration_us if end else 0,
        work_us=summary.work_us,
        workers_us={worker: us for worker, us in sorted(summary.workers_us.items()) if worker},
        facts=facts,
        installed_changes=material.installed_changes,
        subjects=subjects,
        files=files,
        gaps=(*summary.gaps, *material.gaps),
    )


def _files(folder: Path, material: Material, locks: Sequence[str]) -> Iterator[RecordedFile]:
    attachments = folder / "attachments"
    attached = sorted(path for path in attachments.rglob("*") if path.is_file())
    named = [(JOURNAL, "journal"), (JUNIT, "junit")]
    named += [(name, "lock") for name in locks]
    named += [(name, "report") for name in sorted(material.reports)]
    named += [(name, "sbom") for name in sorted(material.sboms)]
    named += [(path.relative_to(folder).as_posix(), "attachment") for path in attached]
    for name, role in named:
        yield RecordedFile(name=name, role=role, checksums=_checksums(folder / name))


def _manifest(
    folder: Path, summary: Summary, record: RunRecord, verdict: Verdict, material: Material
) -> Manifest:
    header = summary.header
    build, files = _build(summary, record, verdict, material, {RECORD: _checksums(folder / RECORD)})
    return Manifest(
        format=FORMAT,
        stage=header.stage,
        run=header.run,
        verdict=verdict,
        tally=summary.tally,
        build=material.modify(build) if material.modify else build,
        files=files,
        properties=_properties(header),
        gaps=len(record.gaps),
        tested={s.file: s.tested for s in record.subjects if s.tested is not None},
        origins=_rungs(record.facts.installed),
        eligibility=record.eligibility,
        drift=sum(len(each.drift) for each in _distributions(record.facts.installed)),
        work_us=record.work_us,
        workers_us=record.workers_us,
    )


def _build(
    summary: Summary,
    record: RunRecord,
    verdict: Verdict,
    material: Material,
    own: Mapping[str, Checksums],
) -> tuple[BuildInfo, tuple[BundledFile, ...]]:
    """The build-info of a run, and its files; `own` are those that are in no record: the record itself."""
    header = summary.header
    layout = Layout.of(record, repository=header.repository, project=header.package)
    told = [*own.items(), *((file.name, file.checksums) for file in record.files)]
    evidence = [Placed(name=name, path=layout.evidence(record, name), checksums=sums) for name, sums in told]
    build = build_info(
        record, layout, verdict=verdict, tally=summary.tally, evidence=evidence, url=header.build_url
    )
    packages = [
        BundledFile(name=f"{_DIST}/{s.file}", path=layout.package(s), checksums=s.checksums)
        for s in record.subjects
    ]
    files = (*packages, *(BundledFile(name=p.name, path=p.path, checksums=p.checksums) for p in evidence))
    return replace(build, issues=material.issues), files


def _properties(header: Header) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, _, value in (text.partition("=") for text in header.properties):
        found[name] = tuple(dict.fromkeys((*found.get(name, ()), value)))
    return found


def _distributions(installed: Installed | None) -> tuple[Distribution, ...]:
    return installed.distributions if installed else ()


def _rungs(installed: Installed | None) -> Mapping[str, int]:
    stand = Counter(each.origin.certainty for each in _distributions(installed) if each.origin)
    return {certainty.value: stand[certainty] for certainty in Certainty if stand[certainty]}


def _checksums(path: Path) -> Checksums:
    with path.open("rb") as stream:
        return Checksums.of_stream(stream)
