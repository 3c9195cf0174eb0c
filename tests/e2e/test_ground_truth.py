"""What we say about real environments is true, file by file.

Rules:
- The truth is pip's own report of what it installed, or the files that a local index served; it is written
  down beforehand and lies outside of the project.
- Saying less than can be known fails; saying a digest that is not true fails worse.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from installers import Captured, Place, call, our_house, user_of_uv, which_uv
from localindex import LocalIndex
from pytest_defend.model.origins import Certainty, Origin
from venvs import installing
from wheels import a_wheel, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

# Compiled ones, many with dozens of wheels per version, and pure ones; with what they bring along.
ASKED = (
    *("aiohttp", "bcrypt", "brotli", "cffi", "charset-normalizer", "coverage", "cryptography", "greenlet"),
    *("httptools", "jsonschema", "lxml", "lz4", "markupsafe", "msgpack", "numpy", "orjson", "pillow"),
    *("psutil", "pydantic", "pynacl", "pyyaml", "pyzmq", "rapidfuzz", "regex", "rpds-py", "simplejson"),
    *("sqlalchemy", "tornado", "ujson", "uvloop", "watchfiles", "websockets", "wrapt", "xxhash", "zstandard"),
    *("attrs", "beautifulsoup4", "click", "flask", "httpx", "jinja2", "more-itertools", "python-dateutil"),
    *("requests", "rich", "tomlkit", "tqdm"),
)


@pytest.fixture(scope="module")
def uv_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return which_uv(tmp_path_factory.mktemp("tools") / "uv")


# --- a real environment -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What pip said it installed, of one package."""

    version: str
    sha256: str
    file: str
    direct: bool


@pytest.fixture(scope="module")
def place(wheel: Path, uv_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An environment that is still empty."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copy(wheel, folder)
    return Place.made(folder / "it", uv_program)


@pytest.fixture(scope="module")
def reported(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Reported]:
    """What pip says while it fills the environment from the user's index."""
    report = tmp_path_factory.mktemp("truth") / "report.json"
    (wheel,) = place.folder.parent.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", place.python, "install", "-q", "--no-compile")
    call(*pip, "--report", report, wheel, *ASKED, folder=place.folder, **installing())
    found: dict[str, Reported] = {}
    for entry in json.loads(report.read_text(encoding="utf-8"))["install"]:
        info, metadata = entry["download_info"], entry["metadata"]
        found[canonicalize_name(metadata["name"])] = Reported(
            version=metadata["version"],
            sha256=info["archive_info"]["hashes"]["sha256"],
            file=info["url"].rpartition("/")[2].replace("%2B", "+"),
            direct=entry["is_direct"],
        )
    return found


@pytest.fixture(scope="module")
def locked(place: Place, reported: Mapping[str, Reported]) -> Place:
    """The same environment, and a project with two locks of it."""
    pins = sorted(f"{name}=={each.version}" for name, each in reported.items() if not each.direct)
    lines = ["[project]", 'name = "the-project"', 'version = "1.0"', f"dependencies = {json.dumps(pins)}"]
    major, minor, patch = sys.version_info[:3]
    lines += [f'requires-python = ">={major}.{minor}.{patch},<{major}.{minor + 1}"', ""]
    (place.project / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    place.uv("lock", "--project", place.project, **user_of_uv())
    export = ("--format", "pylock.toml", "--no-emit-project", "-o", place.project / "pylock.toml")
    place.uv("export", "--frozen", *export, "--project", place.project, **user_of_uv())
    return place


@pytest.fixture(scope="module")
def captured(locked: Place) -> Captured:
    return locked.capture()


def test_a_large_real_environment_is_known_file_by_file(
    captured: Captured, reported: Mapping[str, Reported], locked: Place
) -> None:
    from_index = {name: each for name, each in reported.items() if not each.direct}
    assert len(from_index) >= 60
    compiled = [name for name, each in from_index.items() if not each.file.endswith("-any.whl")]
    assert len(compiled) >= 30

    listed = call(
        *(sys.executable, "-m", "pip", "--python", locked.python, "list", "--format", "json"),
        folder=locked.folder,
        **locked.variables,
    )
    installed = {canonicalize_name(each["name"]): each["version"] for each in json.loads(listed)}
    assert {name: each.version for name, each in captured.distributions.items()} == installed

    origins = {name: _origin(captured, name) for name in from_index}
    vague = {name: origin for name, origin in origins.items() if not origin.certainty.exact}
    assert vague == {}
    said = {name: (origin.file, origin.sha256) for name, origin in origins.items()}
    assert said == {name: (each.file, each.sha256) for name, each in from_index.items()}
    assert [name for name, origin in origins.items() if not origin.evidence] == []
    sys.stdout.write(f"{len(said)} of {len(from_index)} files known, {len(compiled)} of them compiled\n")


def test_what_was_named_by_its_path_is_proven(captured: Captured, wheel: Path) -> None:
    origin = _origin(captured, "pytest-defend")
    assert (origin.certainty, origin.file) == (Certainty.PROVEN, wheel.name)
    assert origin.sha256 == sha256(wheel)


def test_two_captures_are_the_same_bytes_in_order(captured: Captured, locked: Place) -> None:
    assert locked.capture().document["installed"] == captured.document["installed"]
    assert locked.capture().text == captured.text
    names = [each["name"] for each in captured.document["installed"]["distributions"]]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def _origin(captured: Captured, name: str) -> Origin:
    origin = captured.distributions[name].origin
    assert origin is not None
    return origin


# --- traps --------------------------------------------------------------------------------------

FORKED = """\
[project]
name = "the-project"
version = "1.0"
requires-python = ">=3.11"
dependencies = [
  "forked==1.0; sys_platform == 'win32'",
  "forked==2.0; sys_platform != 'win32'",
  "twin==1.0",
]

[tool.uv.sources]
twin = [
  {{ index = "first", marker = "sys_platform == 'win32'" }},
  {{ index = "second", marker = "sys_platform != 'win32'" }},
]

[[tool.uv.index]]
name = "first"
url = "{first}"
default = true

[[tool.uv.index]]
name = "second"
url = "{second}"
explicit = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Something that has fooled others.

    Attributes:
        package: Of what is installed.
        why: What is special about it.
        certainty: The rung it must stand on.
        known: Whether the digest can be known.
    """

    package: str
    why: str
    certainty: Certainty
    known: bool


def _trap(package: str, why: str, certainty: Certainty, *, known: bool) -> Trap:
    return Trap(package=package, why=why, certainty=certainty, known=known)


TRAPS = (
    _trap("forked", "the lock has two versions, for two platforms", Certainty.MATCHED, known=True),
    _trap(
        "twin", "the lock has one version from two indexes, for two platforms", Certainty.MATCHED, known=True
    ),
    _trap(
        "rebuilt",
        "uploaded twice, with build tags; the older one is installed",
        Certainty.MATCHED,
        known=True,
    ),
    _trap("twofold", "two indexes have one name with two contents", Certainty.CONSTRAINED, known=False),
    _trap("twofold-lock", "the same, but a lock allows one", Certainty.MATCHED, known=True),
    _trap("twofold-report", "the same, but pip reported one", Certainty.RECORDED, known=True),
    _trap("twofold-bytes", "the same, but one is at hand", Certainty.PROVEN, known=True),
    _trap("foo-bar-baz", "everybody spells it in another way", Certainty.MATCHED, known=True),
    _trap("stale", "the lock is about another version", Certainty.UNKNOWN, known=False),
    _trap("torn", "two locks contradict each other", Certainty.CONSTRAINED, known=False),
    _trap(
        "remade",
        "in the wheelhouse is a rebuild, same content, other bytes",
        Certainty.CONSTRAINED,
        known=False,
    ),
    _trap("changed", "its file on disk has other content now", Certainty.RECORDED, known=True),
    _trap("repacked", "its file on disk has other bytes now", Certainty.RECORDED, known=True),
    _trap("changed-uv", "the same, but uv kept no digest", Certainty.CONSTRAINED, known=False),
    _trap("repacked-uv", "the same, but uv kept no digest", Certainty.CONSTRAINED, known=False),
)


class Snares:
    """Where the traps are laid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = LocalIndex(folder / "first")
        self.second = LocalIndex(folder / "second")
        self.untold = LocalIndex(folder / "untold")
        self.house = folder / "house"
        self.truths: dict[str, str] = {}
        self.asked: Counter[str] = Counter()

    def offer(self) -> None:
        """Put files where they will be installed from."""
        first, second, untold = self.first.folder, self.second.folder, self.untold.folder
        a_wheel(first, "forked", "1.0")
        self.truths["forked"] = sha256(a_wheel(first, "forked", "2.0"))
        a_wheel(first, "twin", files={"twin.py": "index = 1\n"})
        self.truths["twin"] = sha256(a_wheel(second, "twin", files={"twin.py": "index = 2\n"}))
        self.truths["rebuilt"] = sha256(a_wheel(first, "rebuilt", build="1"))
        for name in ("twofold", "twofold-lock", "twofold-report", "twofold-bytes"):
            module = f"{name.replace('-', '_')}.py"
            self.truths[name] = sha256(a_wheel(first, name, files={module: "index = 1\n"}))
            a_wheel(second, name, files={module: "index = 2\n"})
        self.house.mkdir()
        shutil.copy2(self.first.files("twofold-bytes")[0], self.house)  # it is at hand before it is installed
        self.truths["foo-bar-baz"] = sha256(a_wheel(first, "Foo.Bar_baz", spelled="Foo.Bar_baz"))
        for name in ("stale", "torn", "remade"):
            self.truths[name] = sha256(a_wheel(untold, name, "2.0"))
        for name in ("changed", "repacked", "changed-uv", "repacked-uv"):
            self.truths[name] = sha256(a_wheel(self.folder, name))

    def install(self, place: Place) -> None:
        """Install everything, each from where it is known to come from."""
        first, second = ("--index-url", self.first.url), ("--index-url", self.second.url)
        twofold = ("twofold", "twofold-lock", "twofold-bytes")
        place.pip(*first, "forked==2.0", "rebuilt", "FOO_bar.baz", *twofold)
        place.pip(*first, "--report", place.project / "pip-report.json", "twofold-report")
        place.pip(*second, "twin")
        place.pip("--index-url", self.untold.url, "stale", "torn", "remade")
        place.pip("--no-index", *self._disk("changed", "repacked"))
        place.uv("pip", "install", "--no-index", *self._disk("changed-uv", "repacked-uv"))

    def _disk(self, *names: str) -> list[Path]:
        return [next(self.folder.glob(f"{name.replace('-', '_')}-1.0-*.whl")) for name in names]

    def mislead(self, place: Place) -> None:
        """Change the world after the installation, and write locks."""
        a_wheel(self.first.folder, "rebuilt", build="2")
        for name in ("changed", "changed-uv"):
            a_wheel(self.folder, name, files={f"{name.replace('-', '_')}.py": "changed = True\n"})
        for name in ("repacked", "repacked-uv"):
            a_wheel(self.folder, name, dated=(2021, 1, 1))
        a_wheel(self.house, "remade", "2.0", dated=(2021, 1, 1))
        (place.project / "pyproject.toml").write_text(
            FORKED.format(first=self.first.url, second=self.second.url), encoding="utf-8"
        )
        place.uv("lock", "--project", place.project)
        lock = [
            ("stale", "1.0", "0" * 64),
            *((name, "2.0", self.truths[name]) for name in ("torn", "remade")),
            ("twofold-lock", "1.0", self.truths["twofold-lock"]),
        ]
        (place.project / "pylock.toml").write_text(_pylock(lock), encoding="utf-8")
        other = _pylock([("torn", "2.0", "1" * 64)])
        (place.project / "pylock.other.toml").write_text(other, encoding="utf-8")

    @property
    def options(self) -> tuple[str, ...]:
        """What the command is told."""
        indexes = ("--defend-index", self.first.url, "--defend-index", self.second.url)
        return (*indexes, "--defend-wheelhouse", str(self.house))


def _pylock(files: list[tuple[str, str, str]]) -> str:
    lines = ['lock-version = "1.0"', 'created-by = "tests"']
    for name, version, digest in files:
        file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        lines += ["[[packages]]", f'name = "{name}"', f'version = "{version}"', "[[packages.wheels]]"]
        lines += [f'name = "{file}"', f'url = "https://example.org/{file}"']
        lines += [f'hashes = {{sha256 = "{digest}"}}']
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def snares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snares]:
    made = Snares(tmp_path_factory.mktemp("snares"))
    with made.first, made.second, made.untold:
        yield made


@pytest.fixture(scope="module")
def trapped(
    snares: Snares, wheel: Path, uv_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Captured:
    house = our_house(wheel, tmp_path_factory.mktemp("house"))
    place = Place.made(tmp_path_factory.mktemp("trapped") / "it", uv_program, house)
    snares.offer()
    snares.install(place)
    snares.mislead(place)
    before = Counter(snares.first.counts)
    captured = place.capture(*snares.options)
    snares.asked = snares.first.counts - before
    return captured


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.package)
def test_no_trap_makes_us_say_what_is_not_true(trap: Trap, trapped: Captured, snares: Snares) -> None:
    origin = _origin(trapped, trap.package)
    truth = snares.truths[trap.package]
    assert origin.sha256 in {"", truth}, f"{trap.why}: {origin}"
    assert (origin.certainty, bool(origin.sha256)) == (trap.certainty, trap.known), f"{trap.why}: {origin}"


def test_what_cannot_be_known_is_listed(trapped: Captured, snares: Snares) -> None:
    twofold = {sha256(index.files("twofold")[0]) for index in (snares.first, snares.second)}
    assert {each.sha256 for each in _origin(trapped, "twofold").candidates} == twofold
    torn = {snares.truths["torn"], "1" * 64}
    assert {each.sha256 for each in _origin(trapped, "torn").candidates} == torn
    remade = {snares.truths["remade"], sha256(next(snares.house.glob("remade-*")))}
    assert {each.sha256 for each in _origin(trapped, "remade").candidates} == remade


def test_what_was_not_installed_is_rejected_with_its_reason(trapped: Captured) -> None:
    (stale,) = _origin(trapped, "stale").rejected
    assert stale.files == ("stale-1.0-py3-none-any.whl",)
    assert "1.0" in stale.why
    rebuilt = {file for each in _origin(trapped, "rebuilt").rejected for file in each.files}
    assert "rebuilt-1.0-2-py3-none-any.whl" in rebuilt


def test_contradictions_are_gaps(trapped: Captured) -> None:
    problems = " ".join(gap["problem"] for gap in trapped.document["gaps"])
    assert "torn:2.0" in problems
    assert "remade:2.0" in problems
    assert "forked" not in problems


def test_an_index_is_asked_once_and_only_about_what_is_open(trapped: Captured, snares: Snares) -> None:
    assert trapped.distributions
    pages = {path for path in snares.asked if path.startswith("/simple/")}
    assert pages == snares.asked.keys(), "a file was downloaded"
    known = ("forked", "twin", "twofold-lock", "twofold-report", "twofold-bytes", "changed")
    assert not [name for name in known if f"/simple/{name}/" in pages]
    assert [snares.asked[f"/simple/{name}/"] for name in ("rebuilt", "twofold", "foo-bar-baz")] == [1, 1, 1]
