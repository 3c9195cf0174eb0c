"""Values for tests, every field defaulted: a test names only what matters to it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_defend.model.buildinfo import Agent, Artifact, BuildInfo, Dependency, Module, Vcs
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.results import Attempt, Outcome, Phase
from pytest_defend.protocols import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "NOW",
    "PATH",
    "STARTED",
    "a_build_info",
    "a_build_with_files",
    "a_clock",
    "an_attempt",
    "an_upload",
]

NOW = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
STARTED = "2026-01-31T11:59:00.456+0000"
PATH = "libs-local/demo/1.0/demo-1.0.tar.gz"


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
