"""Pack: what was heard and read becomes a complete bundle on disk; the first half of publishing.

Rules:
- Works on a folder that holds a journal; of a run that ended and of one that was killed alike.
- Passing over the journal twice, memory stays flat: once to judge, once to write the JUnit XML.
- The manifest is written last and atomically: a bundle is complete or has none.
- Packing again gives the same bytes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.documents.build import Layout, Placed, build_info
from pytest_defend.documents.junit import Suite, write_junit
from pytest_defend.model.bundle import FORMAT, JOURNAL, JUNIT, MANIFEST, RECORD, BundledFile, Manifest
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.record import SCHEMA, RecordedFile, RunFacts, RunRecord, Subject
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.distributions import DistFile
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.replay import Summary
    from pytest_defend.model.results import Verdict

__all__ = ["Material", "pack"]

_DIST = "dist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What goes into a bundle besides its journal.

    Attributes:
        dists: Distribution files this run is evidence for.
        reports: Names in the bundle of reports of others, already copied there.
        installed_changes: What was installed or removed while the tests ran.
        gaps: What could not be read after the journal was closed.
        modify: A last look of others at the build-info.
    """

    dists: Sequence[DistFile] = ()
    reports: Sequence[str] = ()
    installed_changes: tuple[str, ...] = ()
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
    subjects = tuple(_take_dists(folder, material))
    record = _record(folder, summary, subjects, material)
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
        properties={"run": summary.header.run, "build": _build(summary)},
        collection=tuple(summary.collection),
        duration_us=end.duration_us if end else summary.work_us,
    )
    with (folder / JOURNAL).open("rb") as lines, (folder / JUNIT).open("w+b") as out:
        write_junit(out, cases(lines, summary), suite=suite)


def _build(summary: Summary) -> str:
    return f"{summary.header.build_name}/{summary.header.build_number}"


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
        )


def _record(folder: Path, summary: Summary, subjects: tuple[Subject, ...], material: Material) -> RunRecord:
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
        facts=RunFacts.from_dict(summary.facts),
        installed_changes=material.installed_changes,
        subjects=subjects,
        files=tuple(_files(folder, material)),
        gaps=(*summary.gaps, *material.gaps),
    )


def _files(folder: Path, material: Material) -> Iterator[RecordedFile]:
    attachments = folder / "attachments"
    attached = sorted(path for path in attachments.rglob("*") if path.is_file())
    named = [(JOURNAL, "journal"), (JUNIT, "junit")]
    named += [(name, "report") for name in sorted(material.reports)]
    named += [(path.relative_to(folder).as_posix(), "attachment") for path in attached]
    for name, role in named:
        yield RecordedFile(name=name, role=role, checksums=_checksums(folder / name))


def _manifest(
    folder: Path, summary: Summary, record: RunRecord, verdict: Verdict, material: Material
) -> Manifest:
    header = summary.header
    layout = Layout.of(record, repository=header.repository, project=header.package)
    told = [(RECORD, _checksums(folder / RECORD)), *((f.name, f.checksums) for f in record.files)]
    evidence = [Placed(name=name, path=layout.evidence(record, name), checksums=sums) for name, sums in told]
    build = build_info(
        record, layout, verdict=verdict, tally=summary.tally, evidence=evidence, url=header.build_url
    )
    packages = [
        BundledFile(name=f"{_DIST}/{s.file}", path=layout.package(s), checksums=s.checksums)
        for s in record.subjects
    ]
    return Manifest(
        format=FORMAT,
        stage=header.stage,
        run=header.run,
        verdict=verdict,
        tally=summary.tally,
        build=material.modify(build) if material.modify else build,
        files=(*packages, *(BundledFile(name=p.name, path=p.path, checksums=p.checksums) for p in evidence)),
        gaps=len(record.gaps),
        work_us=record.work_us,
        workers_us=record.workers_us,
    )


def _checksums(path: Path) -> Checksums:
    with path.open("rb") as stream:
        return Checksums.of_stream(stream)
