"""Every way of installing, as a real install: which rung of certainty it reaches, and which digest it gives.

Rules:
- The truth is the file that was served or named, hashed before it was installed; nothing of ours is asked.
- A package is installed in one way only and named after it, so that many ways share an environment.
- The rows are those of the table in `docs/reference/origins.md`, word for word and in the same order.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from installers import Captured, Place, a_tool, call, our_house, which_uv
from localindex import Dialect, LocalIndex
from pytest_defend.model.origins import Certainty
from runs import ROOT
from wheels import a_source, a_wheel, an_sdist, sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_defend.model.origins import Origin

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/reference/origins.md"
PASSWORD = "open-sesame"
DEBIAN = Path("/usr/lib/python3/dist-packages")


class Digest(Enum):
    """Whose digest an origin gives."""

    WHEEL = "of the wheel"
    SDIST = "of the sdist it was built from"
    SET = "a set"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A way of installing, and what is known afterwards."""

    installer: str
    way: str
    scene: str
    package: str
    certainty: Certainty
    digest: Digest

    @property
    def cells(self) -> tuple[str, ...]:
        """As the page has it."""
        return (self.installer, self.way, f"`{self.certainty.value}`", self.digest.value)


def _rows(scene: str, installer: str, *rows: tuple[str, str, str, Digest]) -> tuple[Row, ...]:
    return tuple(
        Row(
            installer=installer,
            way=way,
            scene=scene,
            package=package,
            certainty=Certainty(rung),
            digest=digest,
        )
        for way, package, rung, digest in rows
    )


ROWS = (
    *_rows(
        "pip",
        "pip",
        ("from an index that speaks JSON", "from-json", "matched", Digest.WHEEL),
        ("from an index of HTML pages", "from-html", "matched", Digest.WHEEL),
        ("from an index that says no digests", "from-bare", "constrained", Digest.NONE),
        ("from an index that asks for a password", "from-secret", "matched", Digest.WHEEL),
        ("from any index, with `pylock.toml`", "in-lock", "matched", Digest.WHEEL),
        ("from any index, with hashed requirements", "in-hashes", "constrained", Digest.SET),
        ("from any index, with pip's report of it", "in-report", "recorded", Digest.WHEEL),
        ("from any index, of which nothing is known", "in-nothing", "unknown", Digest.NONE),
        ("from a wheelhouse", "from-house", "proven", Digest.WHEEL),
        ("a wheel on disk", "local-wheel", "proven", Digest.WHEEL),
        ("a wheel on disk that is gone since", "gone-wheel", "recorded", Digest.WHEEL),
        ("a wheel by its URL", "url-wheel", "recorded", Digest.WHEEL),
        ("an sdist from an index", "cached-sdist", "built", Digest.SDIST),
        ("an sdist from an index, compiled, without pip's cache", "compiled-sdist", "built", Digest.SDIST),
        (
            "an sdist from an index without wheels, without pip's cache",
            "lone-sdist",
            "built",
            Digest.SDIST,
        ),
        ("an sdist on disk", "local-sdist", "built", Digest.SDIST),
        ("a commit of a git repository", "from-git", "built", Digest.NONE),
        ("a folder", "from-folder", "tree", Digest.NONE),
        ("a folder, editable", "from-editable", "tree", Digest.NONE),
    ),
    *_rows("target", "pip", ("with `--target`", "from-json", "matched", Digest.WHEEL)),
    *_rows(
        "system",
        "pip",
        ("into the Python below an environment that sees it", "from-html", "matched", Digest.WHEEL),
    ),
    *_rows(
        "uv",
        "uv",
        ("from an index that speaks JSON", "from-json", "matched", Digest.WHEEL),
        ("from an index of HTML pages", "from-html", "matched", Digest.WHEEL),
        ("from a wheelhouse", "from-house", "proven", Digest.WHEEL),
        ("a wheel on disk", "local-wheel", "proven", Digest.WHEEL),
        ("a wheel on disk that is gone since", "gone-wheel", "constrained", Digest.NONE),
        ("an sdist from an index", "cached-sdist", "built", Digest.SDIST),
        ("an sdist on disk", "local-sdist", "built", Digest.NONE),
        ("a commit of a git repository", "from-git", "built", Digest.NONE),
        ("a folder", "from-folder", "tree", Digest.NONE),
        ("a folder, editable", "from-editable", "tree", Digest.NONE),
    ),
    *_rows(
        "uv-sync",
        "uv sync",
        ("with `uv.lock`", "in-lock", "matched", Digest.WHEEL),
        ("the project itself", "the-project", "tree", Digest.NONE),
    ),
    *_rows("poetry", "Poetry", ("with `poetry.lock`", "in-lock", "proven", Digest.WHEEL)),
    *_rows(
        "poetry-later",
        "Poetry",
        ("with `poetry.lock`, its cache emptied since", "in-lock", "matched", Digest.WHEEL),
    ),
    *_rows(
        "poetry-export",
        "pip",
        ("from any index, with what `poetry export` wrote", "in-lock", "constrained", Digest.SET),
    ),
    *_rows("pdm", "PDM", ("with `pdm.lock`", "in-lock", "matched", Digest.WHEEL)),
    *_rows(
        "system",
        "Debian",
        ("a package of the system", "from-debian", "foreign", Digest.NONE),
        ("a package of the system that has a `RECORD`", "patched", "foreign", Digest.NONE),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The file a package was installed from."""

    file: str
    sha256: str
    built: bool
    """Whether it is a source distribution."""
    allowed: frozenset[str] = frozenset()
    """Digests of all files of the package."""
    commit: str = ""


class World:
    """All that can be installed, and who offers it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truths: dict[str, Truth] = {}
        self.json = LocalIndex(folder / "json")
        self.html = LocalIndex(folder / "html", Dialect(json=False))
        self.bare = LocalIndex(folder / "bare", Dialect(json=False, hashes=False, metadata=False))
        self.secret = LocalIndex(folder / "secret", Dialect(metadata=False, credentials=f"me:{PASSWORD}"))
        self.untold = LocalIndex(folder / "untold")
        self.house = folder / "house"
        self.disk = folder / "disk"
        self.repository = folder / "repository"
        for place, name in (
            (self.json.folder, "from-json"),
            (self.html.folder, "from-html"),
            (self.bare.folder, "from-bare"),
            (self.secret.folder, "from-secret"),
            *((self.untold.folder, name) for name in ("in-lock", "in-hashes", "in-report", "in-nothing")),
            (self.house, "from-house"),
            (self.disk, "local-wheel"),
            (self.disk, "gone-wheel"),
            (self.untold.folder, "url-wheel"),
        ):
            self._wheel(place, name)
        for place, name, tags in (
            (self.json.folder, "cached-sdist", "py3-none-any"),
            (self.json.folder, "compiled-sdist", _native()),
            (self.json.folder, "lone-sdist", "py3-none-any"),
            (self.disk, "local-sdist", "py3-none-any"),
        ):
            self._sdist(place, name, tags)
        for name in ("cached-sdist", "compiled-sdist"):  # wheels that are passed over
            a_wheel(self.json.folder, name, tags=_published())
        a_wheel(self.html.folder, "patched")
        for name in ("from-folder", "from-editable"):
            a_source(folder / name, name)
        self._git()

    @property
    def indexes(self) -> tuple[LocalIndex, ...]:
        return (self.json, self.html, self.bare, self.secret, self.untold)

    @property
    def told(self) -> tuple[str, ...]:
        """Options that name every index but the untold one, and the wheelhouse."""
        indexes = (self.json, self.html, self.bare, self.secret)
        options = [part for index in indexes for part in ("--defend-index", index.url)]
        return (*options, "--defend-wheelhouse", str(self.house))

    @property
    def netrc(self) -> Path:
        """Who has the password."""
        path = self.folder / "netrc"
        host = self.secret.host.partition(":")[0]
        path.write_text(f"machine {host} login me password {PASSWORD}\n", encoding="utf-8")
        return path

    def _wheel(self, place: Path, name: str) -> None:
        """The wheel that fits here, beside one that does not and the source."""
        made = a_wheel(place, name, tags=_published())
        other = a_wheel(place, name, tags=_tag("win_amd64"))
        source = an_sdist(place, name)
        allowed = frozenset(map(sha256, (made, other, source)))
        self.truths[name] = Truth(file=made.name, sha256=sha256(made), built=False, allowed=allowed)

    def _sdist(self, place: Path, name: str, tags: str) -> None:
        made = an_sdist(place, name, tags=tags)
        self.truths[name] = Truth(file=made.name, sha256=sha256(made), built=True)

    def _git(self) -> None:
        a_source(self.repository, "from-git")
        person = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        call("git", "init", "-q", folder=self.repository)
        call("git", "add", ".", folder=self.repository)
        call("git", *person, "commit", "-q", "-m", "Begin", folder=self.repository)
        commit = call("git", "rev-parse", "HEAD", folder=self.repository).strip()
        self.truths["from-git"] = Truth(file="", sha256="", built=True, commit=commit)


def _tag(platform: str) -> str:
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{version}-{version}-{platform}"


def _native() -> str:
    """Of what is compiled here: the platform alone, which no index takes."""
    return _tag(re.sub(r"\W", "_", sysconfig.get_platform()))


def _published() -> str:
    """Of what is published for machines like this one, with two tags in one name."""
    machine = sysconfig.get_platform().partition("-")[2]
    return _tag(f"manylinux2014_{machine}.manylinux_2_17_{machine}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    with made.json, made.html, made.bare, made.secret, made.untold:
        yield made


@pytest.fixture(scope="module")
def new_place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Makes environments that have pytest-defend."""
    uv_program = which_uv(tmp_path_factory.mktemp("tools") / "uv")
    house = our_house(wheel, tmp_path_factory.mktemp("house"))

    def make(*options: str) -> Place:
        return Place.made(tmp_path_factory.mktemp("place") / "it", uv_program, house, options)

    return make


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Installs programs of other people."""
    folder = tmp_path_factory.mktemp("tools")
    return lambda program, *requirements: a_tool(folder / program, program, *requirements)


# --- the scenes ---------------------------------------------------------------------------------


def _on_disk(world: World, name: str) -> Path:
    return world.disk / world.truths[name].file


def _pip(world: World, place: Place) -> Captured:
    others = [part for index in world.indexes[1:] for part in ("--extra-index-url", index.url)]
    index = ("-i", world.json.url, *others)
    names = ("from-json", "from-html", "from-bare", "from-secret", "in-lock", "in-nothing")
    place.pip(*index, *names, NETRC=str(world.netrc))
    report = place.project / "pip-report.json"
    place.pip("-i", world.untold.url, "--report", report, "in-report")
    hashed = place.project / "requirements.txt"
    hashed.write_text(_hashed(world, "in-hashes"), encoding="utf-8")
    place.pip("-i", world.untold.url, "-r", hashed)
    place.pip("--no-index", "--find-links", world.house, "from-house")
    url = f"http://{world.untold.host}/files/{world.truths['url-wheel'].file}"
    gone = shutil.copy(_on_disk(world, "gone-wheel"), place.folder)
    place.pip("--no-index", _on_disk(world, "local-wheel"), gone, url)
    Path(gone).unlink()
    place.pip("-i", world.json.url, "--no-binary", ":all:", "cached-sdist")
    place.pip("-i", world.json.url, "--no-binary", ":all:", "--no-cache-dir", "compiled-sdist", "lone-sdist")
    place.pip(
        *("--no-index", _on_disk(world, "local-sdist"), f"git+{world.repository.as_uri()}"),
        *(world.folder / "from-folder", "-e", world.folder / "from-editable"),
    )
    (place.project / "pylock.toml").write_text(_pylock(world, "in-lock"), encoding="utf-8")
    return place.capture(*world.told, NETRC=str(world.netrc))


def _hashed(world: World, name: str) -> str:
    return " ".join(
        [f"{name}==1.0", *(f"--hash=sha256:{digest}" for digest in sorted(world.truths[name].allowed))]
    )


def _pylock(world: World, name: str) -> str:
    lines = ['lock-version = "1.0"', 'created-by = "tests"', "[[packages]]"]
    lines += [f'name = "{name}"', 'version = "1.0"']
    for path in world.untold.files(name):
        kind = "[[packages.wheels]]" if path.suffix == ".whl" else "[packages.sdist]"
        lines += [kind, f'name = "{path.name}"', f'url = "http://{world.untold.host}/files/{path.name}"']
        lines += [f'hashes = {{sha256 = "{sha256(path)}"}}']
    return "\n".join([*lines, ""])


def _target(world: World, place: Place) -> Captured:
    target = place.folder / "target"
    place.pip("-i", world.json.url, "--target", target, "from-json")
    return place.capture(*world.told, PYTHONPATH=str(target), NETRC=str(world.netrc))


def _system(world: World, place: Place) -> Captured:
    """An environment whose Python is one with packages of its own: pip's and the system's."""
    base = place.folder / "base"
    stdlib = Path(sysconfig.get_path("stdlib"))
    packages = base / stdlib.parent.name / stdlib.name / "site-packages"
    packages.mkdir(parents=True)
    for path in stdlib.iterdir():
        if path.name != packages.name:
            (packages.parent / path.name).symlink_to(path)
    (base / "bin").mkdir()
    (base / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}").symlink_to(
        Path(sys.executable).resolve()
    )
    place.pip("-i", world.html.url, "--target", packages, "from-html")
    for name, gone in (("from-debian", "RECORD"), ("patched", "INSTALLER")):
        _as_debian(place, packages, name, gone)
    settings = place.venv.folder / "pyvenv.cfg"
    text = re.sub(r"(?m)^home = .*$", f"home = {base / 'bin'}", settings.read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^include-system-site-packages = .*$", "include-system-site-packages = true", text)
    settings.write_text(text, encoding="utf-8")
    return place.capture(*world.told, NETRC=str(world.netrc))


def _as_debian(place: Place, packages: Path, name: str, gone: str) -> None:
    """Install as packages of Debian do: with patches, without `RECORD` or without `INSTALLER`."""
    made = a_wheel(place.folder, name, files={f"{name.replace('-', '_')}.py": "patched = True\n"})
    place.pip("--no-index", "--target", packages, made)
    (info,) = packages.glob(f"{made.name.partition('-')[0]}-*.dist-info")
    (info / "direct_url.json").unlink()
    (info / "INSTALLER").write_text("debian\n", encoding="utf-8")
    (info / gone).unlink()


def _uv(world: World, place: Place) -> Captured:
    index = ("pip", "install", "--default-index", world.json.url, "--index", world.html.url)
    place.uv(*index, "from-json", "from-html")
    place.uv("pip", "install", "--no-index", "--find-links", world.house, "from-house")
    place.uv(*index, "--no-binary", "cached-sdist", "cached-sdist")
    gone = shutil.copy(_on_disk(world, "gone-wheel"), place.folder)
    place.uv(
        *("pip", "install", "--no-index", _on_disk(world, "local-wheel"), _on_disk(world, "local-sdist")),
        *(gone, f"git+{world.repository.as_uri()}", world.folder / "from-folder"),
        *("-e", world.folder / "from-editable"),
    )
    Path(gone).unlink()
    return place.capture(*world.told, NETRC=str(world.netrc))


def _project(place: Place, more: str) -> None:
    """A project that requires `in-lock`."""
    a_source(place.project, "the-project", requires=("in-lock",))
    settings = place.project / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    text += f'requires-python = ">=3.11"\ndependencies = ["in-lock"]\n\n{more}'
    settings.write_text(text, encoding="utf-8")


def _uv_sync(world: World, place: Place) -> Captured:
    _project(place, f'[[tool.uv.index]]\nname = "local"\nurl = "{world.untold.url}"\ndefault = true\n')
    place.uv("sync", "--active", "--inexact", "--project", place.project)
    return place.capture()


_POETRY = """\
[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "local"
url = "{url}"
priority = "primary"
"""


def _poetry_call(world: World, place: Place, program: Path, *arguments: str) -> None:
    if not (place.project / "pyproject.toml").exists():
        _project(place, _POETRY.format(url=world.untold.url))
    more = {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONDONTWRITEBYTECODE": "",  # it is large, and runs three times
    }
    call(program, "-n", "-q", *arguments, folder=place.project, **place.variables, **more)


def _poetry(world: World, place: Place, program: Path) -> Captured:
    _poetry_call(world, place, program, "install")
    return place.capture()


def _poetry_later(place: Place) -> Captured:
    shutil.rmtree(place.folder / "cache/pypoetry")
    return place.capture()


def _poetry_export(world: World, place: Place, program: Path) -> Captured:
    _poetry_call(world, place, program, "lock")
    _poetry_call(world, place, program, "export", "-o", "requirements.txt")
    (place.project / "poetry.lock").unlink()
    place.pip("--require-hashes", "-r", place.project / "requirements.txt")
    return place.capture()


def _pdm(world: World, place: Place, program: Path) -> Captured:
    source = f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{world.untold.url}"\n'
    _project(place, f"[tool.pdm]\ndistribution = false\n{source}")
    call(program, "-q", "install", folder=place.project, **place.variables, PDM_CHECK_UPDATE="0")
    return place.capture()


@pytest.fixture(scope="module")
def scene_of(
    world: World, new_place: Callable[..., Place], tool: Callable[..., Path]
) -> Callable[[str], Captured]:
    """Plays a scene once."""
    poetry = ("poetry", "poetry", "poetry-plugin-export")
    of_poetry: list[Place] = []

    def with_poetry() -> Captured:
        of_poetry.append(new_place())
        return _poetry(world, of_poetry[0], tool(*poetry))

    def with_poetry_later() -> Captured:
        play("poetry")
        return _poetry_later(of_poetry[0])

    scenes: dict[str, Callable[[], Captured]] = {
        "pip": lambda: _pip(world, new_place()),
        "target": lambda: _target(world, new_place()),
        "system": lambda: _system(world, new_place()),
        "uv": lambda: _uv(world, new_place()),
        "uv-sync": lambda: _uv_sync(world, new_place()),
        "poetry": with_poetry,
        "poetry-later": with_poetry_later,
        "poetry-export": lambda: _poetry_export(world, new_place(), tool(*poetry)),
        "pdm": lambda: _pdm(world, new_place(), tool("pdm", "pdm[locked]")),
    }
    played: dict[str, Captured] = {}

    def play(name: str) -> Captured:
        if name in scenes:
            played[name] = scenes.pop(name)()
        assert name in played, "the scene has failed before"
        return played[name]

    return play


# --- the tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.scene}-{row.package}")
def test_a_way_of_installing_reaches_its_rung(
    row: Row, world: World, scene_of: Callable[[str], Captured]
) -> None:
    captured = scene_of(row.scene)
    origin = captured.distributions[row.package].origin
    assert origin is not None
    truth = world.truths.get(row.package, Truth(file="", sha256="", built=False))
    assert (origin.certainty, _digest(origin, truth)) == (row.certainty, row.digest), origin
    assert origin.evidence or row.certainty is Certainty.UNKNOWN
    if row.certainty.exact:
        assert origin.file == truth.file
    if row.certainty is Certainty.TREE or truth.commit:
        assert origin.tree is not None
        assert origin.tree.url.startswith("file:")
        assert origin.tree.commit == truth.commit


def _digest(origin: Origin, truth: Truth) -> Digest | None:
    """Whose digest an origin gives; nothing when one of them is not true."""
    if origin.sha256:
        return Digest.WHEEL if (origin.sha256, truth.built) == (truth.sha256, False) else None
    if origin.built_from is not None and origin.built_from.sha256:
        return Digest.SDIST if (origin.built_from.sha256, truth.built) == (truth.sha256, True) else None
    digests = {candidate.sha256 for candidate in origin.candidates} - {""}
    if digests:
        return Digest.SET if truth.sha256 in digests and digests <= truth.allowed else None
    return Digest.NONE


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="this machine has no Python of Debian")
def test_the_packages_of_debian_itself_are_foreign(new_place: Callable[..., Place]) -> None:
    python = DEBIAN.parents[2] / "bin/python3"
    version = call(python, "-c", "import sys; print(*sys.version_info[:2])").split()
    if version != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(f"Debian's Python here is {'.'.join(version)}, and our wheelhouse is for another")
    captured = new_place("--system-site-packages", "--python", str(python)).capture()
    paths = (*DEBIAN.glob("*.dist-info"), *DEBIAN.glob("*.egg-info"))
    asked = subprocess.run(["dpkg", "-S", *paths], capture_output=True, text=True, check=False)
    owned: dict[str, str] = {}  # what root installed with pip is not the system's
    for line in asked.stdout.splitlines():
        package, _, path = line.partition(": ")
        owned[canonicalize_name(Path(path).stem.partition("-")[0])] = package.partition(":")[0]
    told = {name: each for name, each in captured.distributions.items() if each.location == str(DEBIAN)}
    found = {name: each.origin for name, each in told.items() if name in owned}
    assert found
    wrong = {
        name: origin for name, origin in found.items() if origin is None or _package(origin) != owned[name]
    }
    assert wrong == {}


def _package(origin: Origin) -> str:
    """The package of a foreign origin, without what system it is of and its version."""
    return origin.package.split()[1] if origin.certainty is Certainty.FOREIGN and origin.package else ""


def test_no_password_is_said(scene_of: Callable[[str], Captured], world: World) -> None:
    text = scene_of("pip").text
    assert "from-secret" in text
    assert world.secret.host in text
    assert PASSWORD not in text


def test_an_index_that_refuses_to_answer_leaves_its_packages_open(
    world: World, new_place: Callable[..., Place]
) -> None:
    place = new_place()
    place.uv("pip", "install", "--default-index", world.json.url, "from-json")
    captured = place.capture("--defend-index", world.json.url, "--defend-index", world.secret.url)
    origin = captured.distributions["from-json"].origin
    assert origin is not None
    truth = world.truths["from-json"]
    assert (origin.certainty, _digest(origin, truth)) == (Certainty.CONSTRAINED, Digest.SET)
    assert [gap for gap in captured.document["gaps"] if world.secret.host in gap["problem"]]


def test_the_page_has_the_same_rows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("| installer |")[2].partition("\n\n")[0]
    rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in table.splitlines()[2:]]
    assert rows == [row.cells for row in ROWS]


def test_every_rung_of_the_ladder_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    explained = re.findall(
        r"^\| `(\w+)` \|", text.partition("| rung |")[2].partition("\n\n")[0], re.MULTILINE
    )
    assert explained == [rung.value for rung in Certainty]


def test_what_is_printed_is_one_document(scene_of: Callable[[str], Captured]) -> None:
    captured = scene_of("pip")
    assert json.loads(captured.text) == captured.document
    names = [distribution.name for distribution in captured.distributions.values()]
    assert names == sorted(names)
