"""Unmodified clients against the local server: pip, uv, twine, dohq-artifactory, pyartifactory.

Rules:
- Every client lives in an environment of its own and talks to the server over loopback.
- What one client writes, another reads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from artifactories import ADMIN, Artifactory, over_a_socket
from pytest_defend.model.checksums import Checksums
from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from venvs import Venv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clients(new_venv: Callable[..., Venv]) -> Venv:
    """Where the clients are installed."""
    return new_venv("uv", "twine", "dohq-artifactory", "pyartifactory", "setuptools")


@pytest.fixture(params=["5.11-pro", "7-pro"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server that asks who it is."""
    with over_a_socket(Artifactory(tmp_path / "served", request.param, users=[ADMIN]).app) as url:
        yield url.replace("//", f"//{ADMIN.name}:{ADMIN.password}@")


def _twine(clients: Venv, folder: Path, url: str, *files: Path) -> None:
    host = url.replace(f"{ADMIN.name}:{ADMIN.password}@", "")
    repository = ("--repository-url", f"{host}/api/pypi/pypi", "--non-interactive")
    credentials = {"TWINE_USERNAME": ADMIN.name, "TWINE_PASSWORD": ADMIN.password}
    done = clients.run(folder, "twine", "upload", *repository, *map(str, files), **credentials)
    assert done.status == 0, done.out + done.err


def test_twine_uploads_what_pip_and_uv_install(
    clients: Venv, new_venv: Callable[..., Venv], url: str, tmp_path: Path
) -> None:
    lib = a_wheel(tmp_path / "dist", "demo-lib", "2.0")
    app = a_wheel(tmp_path / "dist", "Demo.App", "1.0", requires=("demo-lib>=2",))
    _twine(clients, tmp_path, url, lib, app)
    index = f"{url}/api/pypi/pypi/simple"
    venv = new_venv("pip")
    done = venv.run(tmp_path, "pip", "install", "--index-url", index, "demo-app")
    assert done.status == 0, done.out + done.err
    listed = json.loads(venv.run(tmp_path, "pip", "list", "--format", "json").lines[0])
    assert {"demo-lib", "demo.app"} <= {one["name"].lower().replace("_", "-") for one in listed}
    target = tmp_path / "by-uv"
    cache = ("--cache-dir", str(tmp_path / "cache"), "--target", str(target))
    done = clients.run(tmp_path, "uv", "pip", "install", *cache, "--default-index", index, "demo-app")
    assert done.status == 0, done.out + done.err
    assert (target / "demo_lib.py").read_text() == 'version = "2.0"\n'


def test_uv_publishes_what_uv_installs(clients: Venv, url: str, tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "dist", "demo", "1.0")
    host = url.replace(f"{ADMIN.name}:{ADMIN.password}@", "")
    credentials = ("--username", ADMIN.name, "--password", ADMIN.password, "--trusted-publishing", "never")
    done = clients.run(
        tmp_path, "uv", "publish", *credentials, "--publish-url", f"{host}/api/pypi/pypi", str(wheel)
    )
    assert done.status == 0, done.out + done.err
    cache = ("--cache-dir", str(tmp_path / "cache"), "--target", str(tmp_path / "by-uv"))
    index = f"{url}/api/pypi/pypi/simple"
    done = clients.run(tmp_path, "uv", "pip", "install", *cache, "--default-index", index, "demo==1.0")
    assert done.status == 0, done.out + done.err


_DOHQ = """
import json, sys
from artifactory import ArtifactoryPath

url, user, password, folder = sys.argv[1:]
root = ArtifactoryPath(url, auth=(user, password))
path = root / "libs" / "a b" / "demo.txt"
path.deploy_file(folder + "/demo.txt", parameters={"build.name": "demo", "build.number": "1"})
print(json.dumps({
    "exists": path.exists(),
    "content": path.read_bytes().decode(),
    "sha256": path.stat().sha256,
    "size": path.stat().size,
    "properties": path.properties,
    "listed": sorted(str(one).rpartition("/")[2] for one in (root / "libs").glob("**/*.txt")),
    "found": [row["name"] for row in root.aql("items.find", {"repo": "libs"})],
}))
path.properties = {"level": ["rc", "ga"]}
(root / "more" / "there").mkdir()
path.copy(root / "more" / "there" / "copied.txt")
(root / "libs" / "a b" / "demo.txt").unlink()
print(json.dumps((root / "more" / "there" / "copied.txt").properties))
"""


def test_dohq_artifactory_reads_and_writes(clients: Venv, tmp_path: Path) -> None:
    """On 7.x only: it patches properties, which 5.11 does not know."""
    (tmp_path / "demo.txt").write_text("demo")
    (tmp_path / "script.py").write_text(_DOHQ)
    with over_a_socket(Artifactory(tmp_path / "served", users=[ADMIN]).app) as url:
        done = clients.run(tmp_path, "python", "script.py", url, ADMIN.name, ADMIN.password, str(tmp_path))
    assert done.status == 0, done.out + done.err
    first, second = map(json.loads, done.out.splitlines())
    assert first == {
        "exists": True,
        "content": "demo",
        "sha256": Checksums.of(b"demo").sha256,
        "size": 4,
        "properties": {"build.name": ["demo"], "build.number": ["1"]},
        "listed": ["demo.txt"],
        "found": ["demo.txt"],
    }
    assert second == {"level": ["ga", "rc"]}


_PYARTIFACTORY = """
import json, sys
from pyartifactory import Artifactory
from pyartifactory.models import BuildPromotionRequest

url, user, password, folder = sys.argv[1:]
art = Artifactory(url=url, auth=(user, password), api_version=1)
art.artifacts.deploy(folder + "/demo.txt", "libs/x/demo.txt")
info = art.artifacts.info("libs/x/demo.txt")
art.artifacts.set_properties("libs/x/demo.txt", {"build.name": ["demo"], "build.number": ["1"]})
runs = art.builds.get_build_runs("demo")
build = art.builds.get_build_info("demo", "1")
request = BuildPromotionRequest(sourceRepo="libs", targetRepo="more", status="rc",
                                timestamp="2026-02-01T00:00:00.000+0000")
promoted = art.builds.promote_build("demo", "1", request)
print(json.dumps({
    "size": info.size,
    "listed": [file.uri for file in art.artifacts.list("more/x").files],
    "properties": art.artifacts.properties("more/x/demo.txt").properties,
    "runs": [run.uri for run in runs.buildsNumbers],
    "module": build.buildInfo.modules[0].artifacts[0].name,
    "promoted": promoted.messages,
    "repositories": sorted(one.key for one in art.repositories.list()),
}))
"""


def test_pyartifactory_reads_and_promotes(clients: Venv, tmp_path: Path) -> None:
    server = Artifactory(tmp_path / "served", users=[ADMIN])
    known = Checksums.of(b"demo")
    part = {
        "name": "demo.txt",
        "path": "x/demo.txt",
        "sha1": known.sha1,
        "sha256": known.sha256,
        "md5": known.md5,
    }
    server.publish(modules=[{"id": "m", "artifacts": [part]}], user=ADMIN)
    (tmp_path / "demo.txt").write_text("demo")
    (tmp_path / "script.py").write_text(_PYARTIFACTORY)
    with over_a_socket(server.app) as url:
        done = clients.run(tmp_path, "python", "script.py", url, ADMIN.name, ADMIN.password, str(tmp_path))
    assert done.status == 0, done.out + done.err
    told = json.loads(done.out.splitlines()[-1])
    assert told["listed"] == ["/demo.txt"]
    assert told["properties"] == {"build.name": ["demo"], "build.number": ["1"]}
    assert (told["size"], told["runs"], told["module"], told["promoted"]) == (4, ["/1"], "demo.txt", [])
    assert {"libs", "more", "pypi"} <= set(told["repositories"])
