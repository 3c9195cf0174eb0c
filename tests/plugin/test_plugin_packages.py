"""What a run records of packages: what it tested, where each came from, and what is archived of them."""

from __future__ import annotations

import io
import json
import os
import tomllib
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock, is_valid_pylock_path

from builders import a_clock
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.bundle import RECORD
from pytest_defend.model.origins import Certainty
from pytest_defend.model.record import RunRecord, Shipped
from pytest_defend.stores.directory import DirectoryStore
from runs import Finished, a_project, environment, run
from wheels import a_wheel, an_sdist, sha256

FILES = {"demo/__init__.py": "VALUE = 1\n", "demo/more.py": ""}
USES = "import demo\n\ndef test_it(): assert demo.VALUE == 1\n"


@dataclass
class Scene:
    """A project, the folder its package is installed in, and the wheel of it that is published."""

    project: Path
    site: Path

    def run(self, *arguments: str) -> Finished:
        known = environment().get("PYTHONPATH", "")
        path = os.pathsep.join(filter(None, (str(self.site), known)))
        finished = run(self.project, "--defend-publish", *arguments, PYTHONPATH=path)
        assert finished.status == 0, finished
        assert [line for line in finished.lines if line.startswith("published ")], finished
        return finished

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.project / ".defend", clock=a_clock)

    @property
    def record(self) -> RunRecord:
        return RunRecord.from_bytes(self.read(RECORD))

    @property
    def build(self) -> BuildInfo:
        return self.store.build(BuildId(name="demo", number="latest"))

    def read(self, ending: str) -> bytes:
        """The one file of the project's own package that ends so."""
        found = [item for item in self.store.list("candidates/demo") if item.path.endswith(f"/{ending}")]
        (item,) = found
        with self.store.open(item.path) as file:
            return file.read()


def _install(wheel: Path, site: Path, *, direct_url: dict[str, Any] | None = None) -> Path:
    """Unpack a wheel and write what pip would."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (info,) = [path for path in site.glob("*.dist-info") if path.name.startswith(wheel.name.split("-")[0])]
    (info / "INSTALLER").write_text("pip\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return info


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    project = a_project(tmp_path / "project", {"tests/test_demo.py": USES})
    scene = Scene(project=project, site=tmp_path / "site")
    _install(a_wheel(project / "dist", "demo", files=FILES), scene.site)
    return scene


def _what(scene: Scene) -> Shipped:
    (subject,) = [each for each in scene.record.subjects if each.type == "whl"]
    assert subject.tested is not None
    return subject.tested.what


def test_the_installed_copy_of_what_is_shipped(scene: Scene) -> None:
    finished = scene.run()
    assert "tested what demo-1.0-py3-none-any.whl holds, byte for byte" in finished.lines
    assert _what(scene) is Shipped.ARTIFACT
    said = {key: value for module in scene.build.modules for key, value in module.properties.items()}
    assert said["defend.tested.demo-1.0-py3-none-any.whl"] == "artifact"


def test_an_installed_copy_that_was_patched(scene: Scene) -> None:
    (scene.site / "demo/more.py").write_text("patched = True\n")
    line = "not tested: demo-1.0-py3-none-any.whl; the installed copy differs: changed demo/more.py"
    assert line in scene.run().lines
    assert _what(scene) is Shipped.DIFFERS


def test_a_folder_that_hides_the_installed_copy(scene: Scene) -> None:
    (scene.project / "demo").mkdir()
    (scene.project / "demo/__init__.py").write_text("VALUE = 1\n")
    (line,) = [line for line in scene.run().lines if line.startswith("not tested: ")]
    assert line.endswith(f"the tests imported {scene.project.resolve()}/demo/__init__.py, which hides it")
    assert _what(scene) is Shipped.SHADOWED


def test_a_working_tree(scene: Scene) -> None:
    url = {"url": scene.project.as_uri(), "dir_info": {"editable": True}}
    _install(scene.project / "dist/demo-1.0-py3-none-any.whl", scene.site, direct_url=url)
    line = "not tested: demo-1.0-py3-none-any.whl; the tests ran on a working tree"
    assert line in scene.run().lines
    assert _what(scene) is Shipped.TREE


def test_another_version(scene: Scene) -> None:
    a_wheel(scene.project / "dist", "demo", "2.0", files=FILES)
    (scene.project / "dist/demo-1.0-py3-none-any.whl").unlink()
    assert "not tested: demo-2.0-py3-none-any.whl; another version is installed" in scene.run().lines
    assert _what(scene) is Shipped.OTHER_VERSION


def test_a_source_distribution_is_not_compared(scene: Scene) -> None:
    an_sdist(scene.project / "dist", "demo")
    finished = scene.run()
    assert [line for line in finished.lines if "demo-1.0.tar.gz" in line] == []
    assert {each.type: each.tested is None for each in scene.record.subjects} == {
        "whl": False,
        "tar.gz": True,
    }


def test_dependencies_have_the_digests_of_the_file_they_came_from(scene: Scene, tmp_path: Path) -> None:
    house = tmp_path / "house"
    lib = a_wheel(house, "lib")
    _install(lib, scene.site)
    built = an_sdist(house, "built")
    url = {
        "url": "https://index.example/built-1.0.tar.gz",
        "archive_info": {"hashes": {"sha256": sha256(built)}},
    }
    _install(a_wheel(tmp_path / "made", "built"), scene.site, direct_url=url)
    _install(a_wheel(tmp_path / "made", "lost"), scene.site)
    demo = a_wheel(scene.project / "dist", "demo", files=FILES, requires=("lib", "built", "lost>=1"))
    _install(demo, scene.site)
    finished = scene.run(f"--defend-wheelhouse={house}")
    (line,) = [line for line in finished.lines if line.startswith("packages: ")]
    assert line.endswith("unknown; a lock, --defend-index or --defend-wheelhouse can say more")
    installed = scene.record.facts.installed
    assert installed is not None
    rungs = {each.name: each.origin.certainty for each in installed.distributions if each.origin}
    assert (rungs["lib"], rungs["built"], rungs["lost"]) == (
        Certainty.PROVEN,
        Certainty.BUILT,
        Certainty.UNKNOWN,
    )

    (module,) = [module for module in scene.build.modules if module.id == "demo:1.0"]
    told = {each.id: each for each in module.dependencies}
    assert (told["lib:1.0"].type, told["lib:1.0"].sha256) == ("whl", sha256(lib))
    assert len(told["lib:1.0"].sha1) == 40
    assert (told["built:1.0"].type, told["built:1.0"].sha256) == ("tar.gz", sha256(built))
    assert (told["lost:1.0"].type, told["lost:1.0"].sha256) == ("", "")
    assert told["lost:1.0"].requested_by == (("demo:1.0",),)
    said = {key: value for module in scene.build.modules for key, value in module.properties.items()}
    counted = Counter(certainty.value for certainty in rungs.values())
    assert {key: said[f"defend.origins.{key}"] for key in counted} == {
        key: str(count) for key, count in counted.items()
    }


def test_what_the_store_keeps_is_named_with_the_build_that_made_it(scene: Scene, tmp_path: Path) -> None:
    lib = a_wheel(tmp_path / "lib/dist", "lib")
    a_project(tmp_path / "lib", {"test_lib.py": "def test_it(): pass\n"})
    store = str(scene.project / ".defend")
    made = run(tmp_path / "lib", "--defend-publish", "--defend-build", "lib/7", "--defend-store", store)
    assert made.status == 0, made
    _install(lib, scene.site)
    (scene.project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "lib"\nversion = "1.0"\n'
        f'wheels = [{{path = "{lib.name}", hashes = {{sha256 = "{sha256(lib)}"}}}}]\n'
    )
    scene.run("--defend-build", "demo/1")
    installed = scene.record.facts.installed
    assert installed is not None
    origin = {each.name: each.origin for each in installed.distributions}["lib"]
    assert origin is not None
    assert (origin.certainty, origin.sha256) == (Certainty.MATCHED, sha256(lib))
    (kept,) = origin.kept
    assert (kept.path, kept.build_name, kept.build_number) == (f"candidates/lib/1.0/{lib.name}", "lib", "7")
    assert (len(origin.sha1), len(origin.md5)) == (40, 32)


def test_locks_and_sboms_are_archived(scene: Scene, tmp_path: Path) -> None:
    lib = a_wheel(tmp_path / "house", "lib", sboms={"lib.cdx.json": '{"bomFormat": "CycloneDX"}'})
    _install(lib, scene.site)
    scene.run(f"--defend-wheelhouse={tmp_path / 'house'}", "--defend-build", "demo/1.2")
    roles = {file.name: file.role for file in scene.record.files}
    assert roles["sboms.zip"] == "sbom"
    with zipfile.ZipFile(io.BytesIO(scene.read("sboms.zip"))) as archive:
        assert archive.read("lib-1.0/lib.cdx.json") == b'{"bomFormat": "CycloneDX"}'
    assert roles["pylock.demo-1-2.toml"] == roles["requirements.demo-1-2.txt"] == "lock"
    assert is_valid_pylock_path(Path("pylock.demo-1-2.toml"))
    lock = Pylock.from_dict(tomllib.loads(scene.read("pylock.demo-1-2.toml").decode()))
    lock.validate()
    (package,) = [package for package in lock.packages if package.name == "lib"]
    assert package.wheels is not None
    assert package.wheels[0].hashes == {"sha256": sha256(lib)}
    assert f"lib==1.0 \\\n    --hash=sha256:{sha256(lib)}" in scene.read("requirements.demo-1-2.txt").decode()


def test_a_later_stage_tests_the_files_of_the_build(scene: Scene) -> None:
    scene.run("--defend-build", "demo/1")
    (scene.project / "dist/demo-1.0-py3-none-any.whl").unlink()
    told = ("--defend-build", "demo/1", "--defend-stage", "smoke", "--defend-artifact-from", "demo/1")
    assert "tested what demo-1.0-py3-none-any.whl holds, byte for byte" in scene.run(*told).lines
    modules = {module.id: module for module in scene.build.modules}
    assert list(modules) == ["demo:1.0", "demo:1.0/stage/tests", "demo:1.0/stage/smoke"]
    smoke = modules["demo:1.0/stage/smoke"].properties
    assert smoke["defend.tested.demo-1.0-py3-none-any.whl"] == "artifact"
    (package,) = [item for item in scene.store.list("candidates/demo/1.0") if item.path.endswith(".whl")]
    assert {name for name in package.properties if name.startswith("defend.stage.")} == {
        "defend.stage.tests",
        "defend.stage.smoke",
    }


def test_a_stage_without_files_joins_the_package(scene: Scene) -> None:
    scene.run("--defend-build", "demo/1")
    (scene.project / "dist/demo-1.0-py3-none-any.whl").unlink()
    scene.run("--defend-build", "demo/1", "--defend-stage", "load")
    assert [module.id for module in scene.build.modules][-1] == "demo:1.0/stage/load"
    assert scene.store.list("candidates/demo/1.0/evidence/load")


def test_a_build_whose_files_cannot_be_fetched_is_a_gap(scene: Scene) -> None:
    (line,) = [
        line
        for line in scene.run("--defend-artifact-from", "nobody/1").lines
        if line.startswith("gap in artifacts: The files of nobody/1 could not be fetched: ")
    ]
    assert "is not in the store" in line
    assert scene.record.subjects == ()


def test_files_that_are_not_what_record_says(scene: Scene, tmp_path: Path) -> None:
    _install(a_wheel(tmp_path / "house", "lib"), scene.site)
    (scene.site / "lib.py").write_text("patched\n")
    finished = scene.run("--defend-verify-files")
    (line,) = [line for line in finished.lines if line.startswith("packages: ")]
    installed = scene.record.facts.installed
    assert installed is not None
    assert installed.verified
    drift = {each.name: each.drift for each in installed.distributions if each.drift}
    assert drift["lib"] == ("changed lib.py",)
    count = sum(map(len, drift.values()))  # certificates of other packages are often patched
    assert line.endswith(f"; {count} installed files are not what RECORD says")


def test_content_that_was_replaced_while_the_tests_ran(scene: Scene, tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "other", "demo", files={**FILES, "demo/new.py": ""})
    swap = f"zipfile.ZipFile({str(wheel)!r}).extractall({str(scene.site)!r})"
    (scene.project / "tests/test_swap.py").write_text(f"import zipfile\n\ndef test_swap():\n    {swap}\n")
    scene.run()
    (change,) = scene.record.installed_changes
    assert change.startswith("changed demo==1.0 holding ")


def test_locks_that_contradict_each_other_are_a_gap(scene: Scene, tmp_path: Path) -> None:
    _install(a_wheel(tmp_path / "house", "lib"), scene.site)
    for number, name in enumerate(("poetry.lock", "pdm.lock")):
        (scene.project / name).write_text(
            f'[[package]]\nname = "lib"\nversion = "1.0"\n'
            f'files = [{{file = "lib-1.0-py3-none-any.whl", hash = "sha256:{str(number) * 64}"}}]\n'
            '[metadata]\nlock-version = "2.1"\n'
        )
    finished = scene.run()
    assert [line for line in finished.lines if "gap in origins: lib:1.0: " in line and "contradict" in line]
