"""What was installed can be installed again from our documents: with pip, with uv, without an index.

Rules:
- Original and copies are environments without pip in them; pip and uv of an environment of tools fill them.
- Nothing but the files of one folder is there to install from: no index, no configuration, no cache.
- The commands are those that the first lines of the documents tell.
- The same means: the same distributions, and each with the same fingerprint.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from packaging.markers import default_environment
from packaging.utils import canonicalize_name, parse_wheel_filename

from auditing import commands, contents, empty_venv, found, in_sealed_shell, said_in
from pytest_defend.capture.interpreter import read_interpreter
from pytest_defend.documents.occasion import Occasion, file_names
from pytest_defend.documents.pylock import pylock
from pytest_defend.documents.requirements import hashed_requirements
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.fingerprint import fingerprint, read_record
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree
from runs import environment
from venvs import pip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import Distribution as Found
    from pathlib import Path

    from runs import Finished
    from venvs import Venv

pytestmark = pytest.mark.slow

PUBLISHED = ("attrs", "markupsafe", "packaging", "pyyaml", "six")

# A build backend inside the source: to build it, nothing has to be installed.
BACKEND = """\
import base64, hashlib, zipfile
from pathlib import Path

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "NAME-1.0-py3-none-any.whl"
    files = {
        "NAME.py": Path("NAME.py").read_bytes(),
        "NAME-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: NAME\\nVersion: 1.0\\n",
        "NAME-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = ["NAME-1.0.dist-info/RECORD,,"]
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(content)}")
    files["NAME-1.0.dist-info/RECORD"] = "\\n".join(rows).encode()
    with zipfile.ZipFile(Path(folder, name), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return name
"""


def _source(name: str) -> Mapping[str, str]:
    """The files of a source tree that builds itself."""
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    return {
        "pyproject.toml": f'{build}\n[project]\nname = "{name}"\nversion = "1.0"\n',
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "backend.py": BACKEND.replace("NAME", name),
        f"{name}.py": f"name = {name!r}\n",
    }


def _wheel(folder: Path, file: str, files: Mapping[str, str], metadata: str = "") -> Path:
    """A pure wheel with these files."""
    name, version, *_ = file.split("-")
    info = f"{name}-{version}.dist-info"
    tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if file.count("-") == 5:
        tag += f"Build: {file.split('-')[2]}\n"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": tag,
    }
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.writerow((path, f"sha256={digest}", len(text.encode())))
    rows.writerow((f"{info}/RECORD", "", ""))
    with zipfile.ZipFile(folder / file, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": table.getvalue()}.items():
            archive.writestr(path, text)
    return folder / file


def _sdist(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in _source(name).items():
            member = tarfile.TarInfo(f"{name}-1.0/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A git repository with one package."""

    url: str
    commit: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything there is to install: small files of every shape, and published wheels."""
    folder = tmp_path_factory.mktemp("house")
    _wheel(folder, "shop-1.0-py3-none-any.whl", {"shop.py": ""}, "Requires-Dist: till[card]\n")
    _wheel(
        folder,
        "till-2.0-py3-none-any.whl",
        {"till/__init__.py": "def main(): pass\n", "till-2.0.dist-info/entry_points.txt": _SCRIPT},
        "Provides-Extra: card\nRequires-Dist: paper; extra == 'card'\n",
    )
    _wheel(folder, "paper-1.0-2local-py3-none-any.whl", {"paper.py": "white = True\n"})
    _wheel(
        folder,
        "Shelf.Wood-1.0.dev1+oak-py3-none-any.whl",
        {"Shelf.Wood-1.0.dev1+oak.data/purelib/shelf.py": "", "shelf_data/a,b.txt": "a\n"},
    )
    _wheel(folder, "direct-1.0-py3-none-any.whl", {"direct.py": ""})
    _sdist(folder, "brewed")
    pip(sys.executable, "download", "--no-deps", "--only-binary", ":all:", "-d", str(folder), *PUBLISHED)
    return folder


_SCRIPT = "[console_scripts]\ntill = till:main\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("grown")
    for file, text in _source("grown").items():
        (folder / file).write_text(text, encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(folder)]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *command], check=True, env=environment())
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    return Repository(url=folder.as_uri(), commit=commit.strip())


@pytest.fixture(scope="module")
def tools(new_venv: Callable[..., Venv]) -> Venv:
    """With a pip that reads locks and takes commits, and with uv."""
    return new_venv("--upgrade", "pip>=26.2", "uv")


@pytest.fixture
def empty(tmp_path: Path) -> Venv:
    return empty_venv(tmp_path / "venv")


def _pip(tools: Venv, venv: Venv, *arguments: str) -> Finished:
    asked = ("--python", str(venv.folder), "--isolated", "--disable-pip-version-check", "--no-cache-dir")
    return tools.run(venv.folder, "pip", *asked, "install", "--no-index", "--no-compile", *arguments)


def _uv(tools: Venv, venv: Venv, *arguments: str) -> Finished:
    asked = ("--python", str(venv.folder), "--offline", "--no-index", "--no-cache", "--no-config")
    return tools.run(venv.folder, "uv", "pip", "install", *asked, *arguments)


@pytest.fixture(scope="module")
def original(
    house: Path, repository: Repository, tools: Venv, tmp_path_factory: pytest.TempPathFactory
) -> Venv:
    """An environment where everything was installed with pip, each in its own way."""
    venv = empty_venv(tmp_path_factory.mktemp("original") / "venv")
    vcs = f"grown @ git+{repository.url}@main"
    direct = (house / "direct-1.0-py3-none-any.whl").as_uri()
    asked = ("shop", "shelf-wood", "brewed", *PUBLISHED, vcs, direct)
    done = _pip(tools, venv, "--find-links", str(house), "--pre", *asked)
    assert done.status == 0, f"{done.out}\n{done.err}"
    return venv


@pytest.fixture(scope="module")
def installed(original: Venv, house: Path, repository: Repository) -> Installed:
    """What capture tells of the original."""
    wheels = {parse_wheel_filename(path.name)[0]: path for path in house.glob("*.whl")}
    made = [
        _distribution(name, each, wheels.get(canonicalize_name(name)), house, repository)
        for name, each in sorted(found(original).items())
    ]
    marks = {name: str(value) for name, value in default_environment().items()}
    return Installed(distributions=tuple(made), environment=marks)


def _distribution(
    name: str, each: Found, wheel: Path | None, house: Path, repository: Repository
) -> Distribution:
    direct_url: dict[str, object] = {}
    if name == "grown":
        info = {"vcs": "git", "commit_id": repository.commit, "requested_revision": "main"}
        direct_url = {"url": repository.url, "vcs_info": info}
        tree = Tree(url=repository.url, commit=repository.commit)
        origin = Origin(certainty=Certainty.BUILT, tree=tree)
    elif wheel is None:
        sdist = house / f"{name}-{each.version}.tar.gz"
        candidate = Candidate(file=sdist.name, sha256=_sha256(sdist), url=sdist.as_uri())
        origin = Origin(certainty=Certainty.BUILT, built_from=candidate)
    else:
        origin = Origin(
            certainty=Certainty.MATCHED,
            file=wheel.name,
            sha256=_sha256(wheel),
            size_bytes=wheel.stat().st_size,
            url=wheel.as_uri(),
        )
        if name == "direct":
            direct_url = {"url": wheel.as_uri(), "archive_info": {"hashes": {"sha256": origin.sha256}}}
    edges = {"shop": ("till",), "till": ("paper",)}.get(name, ())
    return Distribution(
        name=name,
        version=each.version,
        fingerprint=fingerprint(read_record(each.read_text("RECORD") or "")),
        direct_url=direct_url,
        requires=tuple(Edge(target=edge, requirement=edge) for edge in edges),
        origin=origin,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The files an auditor is given."""

    lock: Path
    requirements: Path


def _written(folder: Path, house: Path, installed: Installed) -> Documents:
    """Both locks, in a folder with the files they want."""
    shutil.copytree(house, folder)
    interpreter, _ = read_interpreter()
    occasion = Occasion(
        project="somewhere-else",
        build_name="demo",
        build_number="1.0",
        run="r1",
        stage="tests",
        interpreter=interpreter,
    )
    lock, requirements = (folder / name for name in file_names("demo", "1.0"))
    lock.write_text(pylock(installed, occasion), encoding="utf-8")
    requirements.write_text(hashed_requirements(installed, occasion), encoding="utf-8")
    return Documents(lock=lock, requirements=requirements)


@pytest.fixture
def documents(installed: Installed, house: Path, tmp_path: Path) -> Documents:
    return _written(tmp_path / "audit of 1", house, installed)


@pytest.mark.parametrize("program", ["pip install", "uv pip sync"])
@pytest.mark.parametrize("kind", ["lock", "requirements"])
def test_the_first_lines_of_a_lock_install_from_it(
    program: str, kind: str, tools: Venv, documents: Documents, empty: Venv, original: Venv
) -> None:
    file = getattr(documents, kind)
    (command,) = (command for command in commands(file) if command.startswith(program))
    done = in_sealed_shell(command, file.parent, tools, empty)
    assert done.returncode == 0, said_in(done)
    assert contents(empty) == (contents(original) if kind == "lock" else _hashed(original))


def test_uv_installs_from_both(
    tools: Venv, documents: Documents, empty: Venv, house: Path, tmp_path: Path, original: Venv
) -> None:
    done = _uv(tools, empty, "-r", str(documents.lock))
    assert (done.status, contents(empty)) == (0, contents(original)), done
    other = empty_venv(tmp_path / "other")
    files = ("--find-links", str(house), "--no-deps", "-r", str(documents.requirements))
    done = _uv(tools, other, "--require-hashes", *files)
    assert (done.status, contents(other)) == (0, _hashed(original)), done


def test_nothing_of_the_original_is_left_out(original: Venv, documents: Documents) -> None:
    lock = tomllib.loads(documents.lock.read_text(encoding="utf-8"))
    assert [package["name"] for package in lock["packages"]] == sorted(contents(original))
    assert lock["tool"]["pytest-defend"]["not-reproducible"] == []
    assert len(lock["packages"]) == 12


def test_a_lock_without_commits_asks_for_every_digest(
    tools: Venv, installed: Installed, house: Path, tmp_path: Path, original: Venv
) -> None:
    hashed = tuple(each for each in installed.distributions if each.name != "grown")
    beside = _written(tmp_path / "beside", house, replace(installed, distributions=hashed))
    for number, command in enumerate(commands(beside.lock)):
        venv = empty_venv(tmp_path / f"venv{number}")
        strict = re.sub("(install|sync) ", r"\1 --require-hashes ", command, count=1)
        done = in_sealed_shell(strict, tmp_path / "beside", tools, venv)
        assert done.returncode == 0, said_in(done)
        assert contents(venv) == _hashed(original)


def test_another_file_of_that_name_is_refused(tools: Venv, documents: Documents, empty: Venv) -> None:
    _wheel(documents.lock.parent, "paper-1.0-2local-py3-none-any.whl", {"paper.py": "white = Nope\n"})
    for command in (*commands(documents.lock), *commands(documents.requirements)):
        refused = in_sealed_shell(command, documents.lock.parent, tools, empty)
        assert refused.returncode != 0
        assert re.search("(?i)hash(es)?.*mismatch|do not match", said_in(refused)), said_in(refused)
    assert contents(empty) == {}


def _hashed(venv: Venv) -> dict[str, str]:
    """Of those that have a digest."""
    return {name: said for name, said in contents(venv).items() if name != "grown"}
