"""Values for tests, every field defaulted: a test names only what matters to it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.pack import Material, pack
from pytest_defend.actions.publish import mark, publish
from pytest_defend.model.buildinfo import Agent, Artifact, BuildInfo, Dependency, Module, Vcs
from pytest_defend.model.bundle import JOURNAL, Final
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.distributions import DistFile, Distribution, Edge, Installed
from pytest_defend.model.facts import Gap, Interpreter
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.gitfacts import GitFacts
from pytest_defend.model.journal import VERSION, End, Header, header_line, ids_line, line
from pytest_defend.model.process import Environment
from pytest_defend.model.pytestfacts import PytestFacts
from pytest_defend.model.record import SCHEMA, RecordedFile, RunFacts, RunRecord, Subject
from pytest_defend.model.results import Attempt, Outcome, Phase
from pytest_defend.protocols import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_defend.model.bundle import Manifest
    from pytest_defend.protocols import Store

__all__ = [
    "IDS",
    "NOW",
    "PATH",
    "STARTED",
    "a_build_info",
    "a_build_with_files",
    "a_bundle",
    "a_clock",
    "a_dist_file",
    "a_header",
    "a_journal",
    "a_published",
    "a_record",
    "an_attempt",
    "an_ended",
    "an_upload",
]

NOW = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
STARTED = "2026-01-31T11:59:00.456+0000"
PATH = "libs-local/demo/1.0/demo-1.0.tar.gz"
IDS = ("tests/test_demo.py::test_a", "tests/test_demo.py::test_b")


def a_clock() -> datetime:
    return NOW


def a_build_info(**changes: Any) -> BuildInfo:
    """Build `demo/1`: one module, one artifact at `PATH`, one dependency."""
    made = Checksums.of(b"demo")
    used = Checksums.of(b"lib")
    module = Module(
        id="demo:1.0",
        type="python",
        artifacts=(
            Artifact(
                name="demo-1.0.tar.gz",
                type="tar.gz",
                path="demo/1.0/demo-1.0.tar.gz",
                repository="libs-local",
                sha1=made.sha1,
                md5=made.md5,
                sha256=made.sha256,
            ),
        ),
        dependencies=(
            Dependency(
                id="lib:2.0",
                type="whl",
                requested_by=(("demo:1.0",),),
                sha1=used.sha1,
                md5=used.md5,
                sha256=used.sha256,
            ),
        ),
    )
    build = BuildInfo(
        name="demo",
        number="1",
        started=STARTED,
        version="1.0.1",
        agent=Agent(name="pytest-defend", version="0"),
        vcs=(Vcs(url="https://git.example/demo.git", revision="0" * 40),),
        modules=(module,),
    )
    return replace(build, **changes)


def an_upload(
    path: str = PATH,
    content: bytes = b"demo",
    *,
    checksums: Checksums | None = None,
    properties: Mapping[str, tuple[str, ...]] | None = None,
) -> Upload:
    """`content` under `path`, with its own checksums unless told to lie."""
    return Upload(
        path=path,
        checksums=checksums or Checksums.of(content),
        open=lambda: io.BytesIO(content),
        properties=properties or {},
    )


def a_build_with_files(name: str, number: str) -> tuple[BuildInfo, list[Upload]]:
    """A build that made two files, one with the same content in every build; the files name their build."""
    properties = {"build.name": (name,), "build.number": (number,)}
    folder = f"libs-local/{name}/{number}"
    uploads = [
        an_upload(f"{folder}/own", f"{name}/{number}".encode(), properties=properties),
        an_upload(f"{folder}/shared", b"the same in every build", properties=properties),
    ]
    artifacts = tuple(
        Artifact(
            name=upload.path.rpartition("/")[2],
            repository="libs-local",
            path=upload.path.partition("/")[2],
            sha256=upload.checksums.sha256,
        )
        for upload in uploads
    )
    return a_build_info(name=name, number=number, modules=(Module(id=name, artifacts=artifacts),)), uploads


def an_attempt(**changes: Any) -> Attempt:
    """One passed try of one test, in three phases."""
    phases = tuple(
        Phase(when=when, outcome=Outcome.PASSED, duration_us=1000) for when in ("setup", "call", "teardown")
    )
    return replace(Attempt(nodeid="tests/test_demo.py::test_it", phases=phases), **changes)


def an_ended(outcome: str = "passed", when: str = "call", **changes: Any) -> Attempt:
    """A try that one phase ended."""
    phase = Phase(when=when, outcome=Outcome(outcome), duration_us=1000, message=f"{when} {outcome}")
    return an_attempt(phases=(phase,), **changes)


def a_header(**changes: Any) -> Header:
    """The header of run `r1` of build `demo/1`, stage `tests`."""
    header = Header(
        journal="pytest-defend",
        version=VERSION,
        run="r1",
        stage="tests",
        build_name="demo",
        build_number="1",
        started=parse_instant(STARTED),
        recorder="0",
        repository="libs-local",
        package="demo",
    )
    return replace(header, **changes)


def a_journal(
    *lines: bytes, ids: Sequence[str] | None = IDS, end: int | None = 0, **header: Any
) -> list[bytes]:
    """Header, what was collected (None: that was never heard), `lines`, the end (None: there is none)."""
    told = [header_line(a_header(**header))]
    told += [] if ids is None else [ids_line("", 0, ids, len(ids))]
    told += lines
    told += [] if end is None else [line("end", End(exit_status=end, duration_us=5_000_000))]
    return told


def a_dist_file(folder: Path, name: str = "demo", version: str = "1.0", content: bytes = b"demo") -> DistFile:
    """A file `NAME-VERSION.tar.gz` that is there, and what was read from it."""
    path = folder / f"{name}-{version}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return DistFile(
        path=str(path),
        name=name,
        version=version,
        kind="tar.gz",
        metadata_name=name,
        checksums=Checksums.of(content),
    )


def a_bundle(folder: Path, *lines: bytes, material: Material | None = None, **journal: Any) -> Manifest:
    """A packed bundle in a new folder; its run passed unless `lines` say something else."""
    folder.mkdir(parents=True)
    passed = [b'{"n":%d,"s":1700000000000,"d":[1,2,3]}\n' % row for row in range(len(IDS))]
    (folder / JOURNAL).write_bytes(b"".join(a_journal(*(lines or passed), **journal)))
    return pack(folder, material or Material())


def a_published(
    folder: Path, store: Store, *lines: bytes, final: int | None = 0, marked: bool = True
) -> Manifest:
    """A bundle with the file at `PATH`, published, and marked with the status its process ended with."""
    material = Material(dists=[a_dist_file(folder / "dist")])
    manifest = a_bundle(folder / "run", *lines, material=material)
    publish(folder / "run", manifest, store)
    if marked:
        mark(manifest, store, None if final is None else Final(exit_status=final))
    return manifest


def a_record(**changes: Any) -> RunRecord:
    """A record with facts of every kind: `demo` is installed, asks for `lib`, and is tested with pytest."""
    made = Checksums.of(b"demo")
    installed = Installed(
        distributions=(
            Distribution(name="demo", version="1.0", requires=(Edge(target="lib", requirement="lib>=2"),)),
            Distribution(name="lib", version="2.0", scopes=("runtime",)),
            Distribution(
                name="pluggy", version="1.6", scopes=("test", "transitive"), direct_url={"url": "file:///p"}
            ),
            Distribution(
                name="pytest",
                version="9.0",
                scopes=("test", "transitive"),
                requires=(Edge(target="pluggy", requirement="pluggy"),),
            ),
        ),
        roots=("lib", "pytest"),
    )
    facts = RunFacts(
        interpreter=Interpreter(
            implementation="cpython", version="3.11.7", version_text="3.11.7 (main)", platform="linux-x86_64"
        ),
        environment=Environment(variables={"LANG": "C", "EMPTY": ""}, dropped=("SECRET",)),
        git=GitFacts(
            commit="0" * 40, tree="1" * 40, url="https://git.example/demo.git", branch="main", subject="Begin"
        ),
        ci=CiFacts(system="Jenkins", build_name="demo", build_number="1"),
        pytest=PytestFacts(version="9.0", rootdir="/src", seeds={"p": "1"}),
        installed=installed,
        more={"database": {"version": "16"}},
    )
    record = RunRecord(
        schema=SCHEMA,
        run="r1",
        stage="tests",
        build_name="demo",
        build_number="1",
        started=parse_instant(STARTED),
        recorder="0",
        exit_status=0,
        wall_us=5_000_999,
        work_us=12,
        workers_us={"gw0": 5, "gw1": 7},
        facts=facts,
        installed_changes=("added x==1",),
        subjects=(
            Subject(file="demo-1.0.tar.gz", name="demo", version="1.0", type="tar.gz", checksums=made),
        ),
        files=(RecordedFile(name="journal.jsonl", role="journal", checksums=Checksums.of(b"{}")),),
        gaps=(Gap(topic="git", problem="It is shallow."),),
    )
    return replace(record, **changes)
