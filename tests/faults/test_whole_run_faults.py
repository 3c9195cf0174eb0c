"""Kill a whole run at a request, and break requests of one: publishing its record makes it whole.

The suite takes a few requests, a kill and two faults. By hand: all faults at every request, passing ones and
those that last, with `WHOLE_RUN_FAULTS=all pytest -n0 tests/faults/test_whole_run_faults.py`; on
another server with `WHOLE_RUN_PROFILE=5.11-oss`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.actions.publish import open_bundle
from pytest_defend.errors import NotFound
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import JOURNAL, MANIFEST
from pytest_defend.model.checksums import Checksums
from scripted import FAULTS, Gate
from served import a_store_at, served
from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL and no fork there"),
]

ALL = os.environ.get("WHOLE_RUN_FAULTS") == "all"
SINGLE = (*FAULTS, "altered") if ALL else ("reset after",)
LASTING = (*FAULTS, "altered") if ALL else ("502",)
EVERY = 1 if ALL else 9  # of the requests
REQUESTS = 60  # more than a run takes
NOT_PUBLISHED = 70
TESTS = "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n"
TIMED = re.compile(r"duration|started|timestamp|\.run$|agent")


class Runs:
    """Starts processes of runs, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "DEFEND_DEADLINE": "1"}
        self._parent = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("whole_run_child.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            text=True,
        )

    def close(self) -> None:
        self._parent.communicate(timeout=30)

    def start(self, project: Path, **what: list[str]) -> int:
        """Start a run; gives the id of its process."""
        assert self._parent.stdin is not None
        task = {"cwd": str(project), "out": str(project / "out"), **what}
        self._parent.stdin.write(json.dumps(task) + "\n")
        self._parent.stdin.flush()
        return self._said()

    def _said(self) -> int:
        assert self._parent.stdout is not None
        return int(self._parent.stdout.readline())

    def ended(self) -> int:
        """How it ended."""
        return self._said()

    def project(self, name: str) -> Path:
        """A checkout with two tests and a package."""
        project = self.folder / name
        a_wheel(project / "dist", "demo")
        (project / "test_it.py").write_text(TESTS)
        (project / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n')
        return project

    def test(self, project: Path, url: str) -> int:
        """Start pytest there."""
        given = ["-q", "-p", "no:cacheprovider", "-p", "pytest_defend.plugin", "--defend-publish"]
        build = f"--defend-build={project.name}/1"
        return self.start(project, pytest=[*given, build, f"--defend-store={url}", "--defend-repository=r"])

    def publish(self, project: Path, url: str) -> None:
        """Publish what the run has left, if it has left anything."""
        for folder in spooled(project):
            self.start(project, defend=["publish", f"--defend-store={url}", str(folder)])
            assert self.ended() == 0, (project / "out").read_text()
        assert spooled(project) == []


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    made = Runs(tmp_path_factory.mktemp("projects"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    profile = os.environ.get("WHOLE_RUN_PROFILE", "7-pro")
    with served(tmp_path_factory.mktemp("served"), profile=profile) as url:
        yield url


@pytest.fixture(scope="module")
def undisturbed(runs: Runs, url: str) -> BuildInfo:
    """What a run publishes that nobody disturbs."""
    project = runs.project("calm")
    runs.test(project, url)
    assert runs.ended() == 0, (project / "out").read_text()
    return a_store_at(url).build(BuildId(name="calm", number="1"))


def spooled(project: Path) -> list[Path]:
    spool = project / ".defend" / "spool"
    return [path.parent for path in sorted(spool.glob(f"*/{JOURNAL}"))] if spool.is_dir() else []


def check_whole_or_absent(store: Store, name: str) -> bool:
    """What a reader sees that follows build-info; whether there is anything."""
    try:
        build = store.build(BuildId(name=name, number="1"))
    except NotFound:
        return False
    artifacts = [artifact for module in build.modules for artifact in module.artifacts]
    assert len(artifacts) > len(build.modules)
    for artifact in artifacts:
        with store.open(f"{artifact.repository}/{artifact.path}") as file:
            assert Checksums.of_stream(file).sha256 == artifact.sha256
    return True


def look(store: Store, name: str) -> None:
    """Fail when a reader sees a part."""
    check_whole_or_absent(store, name)


def kill(pids: list[int]) -> None:
    os.kill(pids[0], signal.SIGKILL)


def check_spool(project: Path) -> BuildInfo | None:
    """What is left of a run is complete; the document it publishes, when it is packed."""
    for folder in spooled(project):
        journal = (folder / JOURNAL).read_bytes()
        assert journal.endswith(b"\n")
        assert journal.count(b'"n":') >= TESTS.count("def ")
        if (folder / MANIFEST).exists():
            manifest, _ = open_bundle(folder)
            for file in manifest.files:
                with (folder / file.name).open("rb") as stream:
                    assert Checksums.of_stream(stream) == file.checksums
            return manifest.build
    return None


def comparable(build: BuildInfo) -> Any:
    """A document without what differs from run to run: names, times, and digests of what holds them."""
    text = json.dumps(build.to_dict()).replace(build.name, "BUILD")
    run = next(m.properties["defend.run"] for m in build.modules if "defend.run" in m.properties)
    return _timeless(json.loads(text.replace(run, "RUN")))


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    evidence = "evidence/" in str(value.get("path", ""))
    skipped = ("sha256", "sha1", "md5") if evidence else ()
    return {
        name: _timeless(each)
        for name, each in value.items()
        if name not in skipped and not TIMED.search(name)
    }


def gaps(build: BuildInfo) -> list[str]:
    return [module.properties.get("defend.gaps", "") for module in build.modules]


def check_converged(store: Store, project: Path, packed: BuildInfo | None, undisturbed: BuildInfo) -> None:
    """Exactly one build is there: to the byte what the run had packed, else what an undisturbed one packs."""
    assert len(store.builds(project.name)) == 1
    assert check_whole_or_absent(store, project.name)
    build = store.build(BuildId(name=project.name, number="1"))
    if packed is not None:
        assert build.to_bytes() == packed.to_bytes()
        if gaps(build) == gaps(undisturbed):  # a server that is away leaves a gap, and less is known
            assert comparable(build) == comparable(undisturbed)
    assert [module.id for module in build.modules] == ["demo:1.0", "demo:1.0/stage/tests"]
    names = {made.name for module in build.modules for made in module.artifacts}
    assert names >= {"demo-1.0-py3-none-any.whl", "record.json", "junit.xml", "journal.jsonl"}
    for module in build.modules:
        for made in module.artifacts:
            marked = store.stat(f"{made.repository}/{made.path}").properties
            assert marked["defend.stage.tests"] in (("passed",), ("failed",), ("unknown",))


def test_a_run_that_is_killed_at_any_request_is_published_later(
    runs: Runs, url: str, undisturbed: BuildInfo
) -> None:
    """Before the server sees the request and after it has answered, in turn."""
    reader = a_store_at(url)
    for n in range(1, REQUESTS, EVERY):
        project = runs.project(f"killed{n}")
        with Gate(url) as gate:
            gate.after = partial(look, reader, project.name)
            pids: list[int] = []
            gate.broken = partial(kill, pids)
            gate.faults = {n: "reset before" if n % 2 else "reset after"}
            pids.append(runs.test(project, f"{gate.url}/artifactory"))
            ended = runs.ended()
            killed = len(gate.seen) >= n
            assert ended == (-signal.SIGKILL if killed else 0), (project / "out").read_text()
            gate.faults = {}
            check_whole_or_absent(reader, project.name)
            packed = check_spool(project)
            runs.publish(project, f"{gate.url}/artifactory")
        check_converged(reader, project, packed, undisturbed)
        if not killed:
            return
    pytest.fail("a run takes more requests than are broken here")


@pytest.mark.parametrize("fault", SINGLE)
def test_a_fault_that_passes(runs: Runs, url: str, undisturbed: BuildInfo, fault: str) -> None:
    """Pytest says what the tests said, or that publishing failed; publishing again makes it whole."""
    reader = a_store_at(url)
    for n in range(1, REQUESTS, EVERY):
        if not _broken(runs, url, reader, undisturbed, f"{fault.replace(' ', '-')}-{n}", {n: fault}):
            return
    pytest.fail("a run takes more requests than are broken here")


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_stays(runs: Runs, url: str, undisturbed: BuildInfo, fault: str) -> None:
    reader = a_store_at(url)
    for n in range(1, REQUESTS, EVERY):
        faults = dict.fromkeys(range(n, n + 1000), fault)
        if not _broken(runs, url, reader, undisturbed, f"lasting-{fault.replace(' ', '-')}-{n}", faults):
            return
    pytest.fail("a run takes more requests than are broken here")


def _broken(
    runs: Runs, url: str, reader: Store, undisturbed: BuildInfo, name: str, faults: dict[int, str]
) -> bool:
    """One run; whether a request of it was broken."""
    project = runs.project(name)
    with Gate(url) as gate:
        gate.silence_s = 2
        gate.after = partial(look, reader, name)
        gate.faults = dict(faults)
        runs.test(project, f"{gate.url}/artifactory")
        ended = runs.ended()
        broken = len(gate.seen) >= min(faults)
        gate.faults = {}
        out = (project / "out").read_text()
        assert "2 passed" in out
        assert ended in ((0, NOT_PUBLISHED) if broken else (0,)), out
        assert bool(spooled(project)) is (ended == NOT_PUBLISHED), out
        packed = check_spool(project)
        runs.publish(project, f"{gate.url}/artifactory")
    check_converged(reader, project, packed, undisturbed)
    return broken
