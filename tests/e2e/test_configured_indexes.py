"""Which indexes pip and uv really ask, by a table of configurations, and which we would ask: the same.

Rules:
- pip and uv run as they are, against a server on loopback that has nothing and notes who asked for what.
- A place is named by the first part of its path; `@/` in a configuration is the server.
- The order does not count: a package may have come from any of the places. The credentials do.
- uv has two faces, and nobody knows which one installed a package: where they differ, both are asked.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from installers import which_uv
from pytest_defend.capture.installers import read_installers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

_SETTINGS = ("PIP_", "UV_", "XDG_", "NETRC", "VIRTUAL_ENV", "CONDA")
_PIP = """
import json, os, sys
from pip._internal.cli.main import main

variables = dict(os.environ)
for line in sys.stdin:
    case = json.loads(line)
    os.environ.clear()
    os.environ.update(variables | case["variables"])
    os.chdir(case["root"])
    sys.prefix = case["prefix"]
    main(["install", "--dry-run", "--no-cache-dir", "--disable-pip-version-check", "demo"])
    print("done", flush=True)
"""
_UV_FACES = {
    "uv pip": ("pip", "install", "--dry-run", "demo"),
    "uv pip -r": ("pip", "install", "--dry-run", "-r", "requirements.txt"),
    "uv lock": ("lock",),
}
_PROJECT = '[project]\nname = "it"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["demo"]\n'
_X = '[[tool.uv.index]]\nname = "x"\nurl = "@/x"\n'
_PIN = '[tool.uv.sources]\ndemo = { index = "x" }\n'


class Answering(BaseHTTPRequestHandler):
    """Has nothing; a page of links is an empty one."""

    asked: dict[str, str]

    def do_GET(self) -> None:
        place = self.path.split("/")[1]
        kind, _, secret = self.headers.get("Authorization", "").partition(" ")
        told = base64.b64decode(secret).decode() if kind == "Basic" else ""
        if place.startswith("links") or "/demo" in self.path:
            self.asked[place] = self.asked.get(place) or told
        content = b"<html></html>" if place.startswith("links") else b""
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base's
        """Say nothing: what a test prints is its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A configuration."""

    id: str
    files: Mapping[str, str] = field(default_factory=dict)
    """By path: `~` is the home folder, `.` the project, `V` the environment, `/` the top."""
    variables: Mapping[str, str] = field(default_factory=dict)
    faces: tuple[str, ...] = ("uv pip",)
    asked: str
    """The places that are asked, and the credentials they are told: `a b=user:password`."""


class Machine:
    """A user, a project and a server; nothing of the machine the test runs on is read but its /etc."""

    def __init__(self, top: Path, server: ThreadingHTTPServer, asked: dict[str, str]) -> None:
        self.top, self.asked = top, asked
        self.home = top / "home"
        self.root = self.home / "code" / "it"
        self.prefix = self.root / ".venv"
        self.host = f"127.0.0.1:{server.server_address[1]}"

    def set_up(self, case: Case, **more: str) -> dict[str, str]:
        """Write its files, and give its variables."""
        self.prefix.mkdir(parents=True)
        for name, text in case.files.items():
            start = {"~": self.home, ".": self.root, "V": self.prefix}.get(name.partition("/")[0], self.top)
            path = start / name.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._filled(text), encoding="utf-8")
        variables = {"HOME": str(self.home), "XDG_CONFIG_DIRS": str(self.top / "xdg"), **more}
        return variables | {name: self._filled(value) for name, value in case.variables.items()}

    def _filled(self, text: str) -> str:
        return (
            text.replace("@/", f"http://{self.host}/")
            .replace("HOST", self.host)
            .replace("~TOP", str(self.top))
        )

    def ours(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Which places we would ask, and what we would tell them."""
        found, _ = read_installers(
            variables,
            root=self.root,
            prefix=self.prefix,
            home=self.home,
            requirements=sorted(self.root.glob("requirements*.txt")),
        )
        said = {}
        for url in (*found.indexes, *found.pages):
            parts = urlsplit(url)
            said[parts.path.strip("/")] = unquote(parts.netloc.rpartition("@")[0])
        return said


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    noted: dict[str, str] = {}

    class Noting(Answering):
        asked = noted

    server = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Machine(tmp_path.resolve(), server, noted)
    server.shutdown()
    thread.join()
    server.server_close()


def _places(text: str) -> dict[str, str]:
    return {place: secret for place, _, secret in (each.partition("=") for each in text.split())}


# --- pip ----------------------------------------------------------------------------------------

_USER = "~/.config/pip/pip.conf"
_G = "[global]\n"

PIP = (
    Case(
        id="a variable", variables={"PIP_INDEX_URL": "@/a", "PIP_EXTRA_INDEX_URL": "@/b\n @/c"}, asked="a b c"
    ),
    Case(
        id="an older name in a variable",
        files={_USER: f"{_G}index-url = @/a"},
        variables={"PIP_PYPI_URL": "@/b"},
        asked="b",
    ),
    Case(id="both names", files={_USER: f"{_G}index-url = @/a\npypi-url = @/b"}, asked="b"),
    Case(id="sections", files={_USER: f"[install]\nindex-url = @/a\n{_G}index-url = @/b"}, asked="a"),
    Case(
        id="sections of others",
        files={_USER: "[download]\nindex-url = @/a\n[list]\nindex-url = @/b\n[install]\npypi-url = @/c\n"},
        asked="c",
    ),
    Case(id="the default section", files={_USER: f"[DEFAULT]\nindex-url = @/a\n{_G}timeout = 5"}, asked="a"),
    Case(id="the older file of the user", files={"~/.pip/pip.conf": f"{_G}index-url = @/a"}, asked="a"),
    Case(
        id="the file of the environment",
        files={"V/pip.conf": f"{_G}index-url = @/a", _USER: f"{_G}index-url = @/b\nextra-index-url = @/c"},
        asked="a c",
    ),
    Case(
        id="files of the machine",
        files={"/x/pip/pip.conf": f"{_G}index-url = @/a", "/y/pip/pip.conf": f"{_G}extra-index-url = @/b"},
        variables={"XDG_CONFIG_DIRS": "~TOP/x:~TOP/y"},
        asked="a b",
    ),
    Case(
        id="a file that is named",
        files={_USER: f"{_G}extra-index-url = @/b", "./named.conf": f"{_G}index-url = @/a"},
        variables={"PIP_CONFIG_FILE": "named.conf"},
        asked="a",
    ),
    Case(
        id="set to nothing",
        files={_USER: f"{_G}index-url = @/a\nextra-index-url = @/b"},
        variables={"PIP_INDEX_URL": "", "PIP_EXTRA_INDEX_URL": ""},
        asked="a b",
    ),
    Case(
        id="set to blanks",
        files={_USER: f"{_G}index-url = @/a\nextra-index-url = @/b"},
        variables={"PIP_EXTRA_INDEX_URL": " "},
        asked="a",
    ),
    Case(
        id="lines and comments",
        files={_USER: f"{_G}index-url = @/a\nextra-index-url =\n  @/b\n  # @/c\n  @/d\n; @/e\n"},
        asked="a b d",
    ),
    Case(
        id="percent signs",
        files={_USER: f"{_G}index-url = http://me:p%40w%25@HOST/a\n"},
        asked="a=me:p@w%",
    ),
    Case(
        id="one server, one password",
        variables={"PIP_INDEX_URL": "http://me:pass@HOST/a", "PIP_EXTRA_INDEX_URL": "@/b"},
        asked="a=me:pass b=me:pass",
    ),
    Case(
        id="pages",
        files={"./links.html": "<html></html>"},
        variables={"PIP_INDEX_URL": "@/a", "PIP_FIND_LINKS": "@/links1 @/links2"},
        asked="a links1 links2",
    ),
    Case(id="pages alone", variables={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "@/links"}, asked="links"),
    Case(
        id="no index, taken back",
        files={_USER: f"{_G}no-index = true\nindex-url = @/a\n[install]\nno-index = false"},
        asked="a",
    ),
    Case(
        id="requirements always",
        files={"./always.txt": "--extra-index-url @/b", "./bounds.txt": "-f @/links\n--extra-index-url=@/c"},
        variables={"PIP_INDEX_URL": "@/a", "PIP_REQUIREMENT": "always.txt", "PIP_CONSTRAINT": "bounds.txt"},
        asked="a b c links",
    ),
)


class Pip:
    """pip, started once for all cases."""

    def __init__(self) -> None:
        env = {name: text for name, text in os.environ.items() if not name.startswith(_SETTINGS)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PIP], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def install(self, machine: Machine, variables: Mapping[str, str]) -> None:
        """Install a package that nobody has."""
        assert self._process.stdin
        assert self._process.stdout
        case = {
            "variables": variables,
            "root": str(machine.root),
            "prefix": str(machine.prefix),
        }
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line == "done\n":
                return
        pytest.fail("pip has ended")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module")
def pip() -> Iterator[Pip]:
    started = Pip()
    yield started
    started.close()


@pytest.mark.parametrize("case", PIP, ids=lambda case: case.id)
def test_pip(case: Case, machine: Machine, pip: Pip) -> None:
    variables = machine.set_up(case, PIP_NO_INPUT="1", PIP_RETRIES="0")
    pip.install(machine, variables)
    assert machine.asked == _places(case.asked)
    assert machine.ours(variables) == machine.asked


# --- uv -----------------------------------------------------------------------------------------

_ROOT = "[tool.uv.workspace]\nmembers = ['it']\n[[tool.uv.index]]\nurl = '@/a'\ndefault = true\n"

UV = (
    Case(id="variables", variables={"UV_DEFAULT_INDEX": "@/a", "UV_INDEX": "@/b\nc=@/c"}, asked="a b c"),
    Case(
        id="older variables",
        variables={"UV_INDEX_URL": "@/a", "UV_EXTRA_INDEX_URL": "@/b @/c", "UV_INDEX": "@/d"},
        asked="a b c d",
    ),
    Case(id="both", variables={"UV_INDEX_URL": "@/a", "UV_DEFAULT_INDEX": "@/b"}, asked="b"),
    Case(
        id="a variable before files",
        files={"./uv.toml": "index-url = '@/a'\nextra-index-url = ['@/b']"},
        variables={"UV_DEFAULT_INDEX": "@/c", "UV_NO_INDEX": "1"},
        asked="b c",
    ),
    Case(
        id="project, user and machine",
        files={
            "./pyproject.toml": f"{_PROJECT}[tool.uv]\nextra-index-url = ['@/a']\n",
            "~/.config/uv/uv.toml": "extra-index-url = ['@/b']\nindex-url = '@/c'",
            "/xdg/uv/uv.toml": "index = [{url = '@/d'}]\nindex-url = '@/e'",
        },
        faces=("uv pip", "uv lock"),
        asked="a b c d",
    ),
    Case(
        id="no files of the machine",
        files={"~/.config/uv/uv.toml": "index-url = '@/a'", "/xdg/uv/uv.toml": "extra-index-url = ['@/b']"},
        variables={"UV_NO_SYSTEM_CONFIG": "1"},
        asked="a",
    ),
    Case(
        id="no files",
        files={"./uv.toml": "extra-index-url = ['@/a']"},
        variables={"UV_NO_CONFIG": "true", "UV_DEFAULT_INDEX": "@/b"},
        asked="b",
    ),
    Case(
        id="a file that is named",
        files={"./uv.toml": "index-url = '@/a'", "/named.toml": "index-url = '@/b'"},
        variables={"UV_CONFIG_FILE": "~TOP/named.toml"},
        asked="b",
    ),
    Case(
        id="a uv.toml beside a pyproject.toml",
        files={"./pyproject.toml": f"{_PROJECT}{_X}", "./uv.toml": "index-url = '@/a'"},
        faces=("uv pip", "uv lock"),
        asked="a",
    ),
    Case(
        id="a working directory and a project",
        files={"./uv.toml": "index-url = '@/a'", "./one/two/uv.toml": "index-url = '@/b'"},
        variables={"UV_WORKING_DIR": "one", "UV_PROJECT": "two"},
        asked="b",
    ),
    Case(
        id="a member of a workspace",
        files={"~/code/pyproject.toml": _ROOT, "./pyproject.toml": f"{_PROJECT}{_X}"},
        faces=("uv pip", "uv lock"),
        asked="a",
    ),
    Case(
        id="a member pins",
        files={"~/code/pyproject.toml": _ROOT, "./pyproject.toml": f"{_PROJECT}{_X}{_PIN}"},
        faces=("uv pip", "uv lock"),
        asked="a x",
    ),
    Case(
        id="a project pins, whatever its uv.toml says",
        files={"./pyproject.toml": f"{_PROJECT}{_X}{_PIN}", "./uv.toml": "index-url = '@/a'"},
        faces=("uv pip", "uv lock"),
        asked="a x",
    ),
    Case(
        id="a project pins, whatever a variable says",
        files={"./pyproject.toml": f"{_PROJECT}{_X}explicit = true\n{_PIN}"},
        variables={"UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": "@/a"},
        faces=("uv pip", "uv lock"),
        asked="a x",
    ),
    Case(
        id="a pinned index that a variable names",
        files={"./pyproject.toml": f"{_PROJECT}{_X}{_PIN}"},
        variables={"UV_DEFAULT_INDEX": "@/a", "UV_INDEX": "x=@/b"},
        faces=("uv pip", "uv lock"),
        asked="a b",
    ),
    Case(
        id="settings of uv pip",
        files={
            "./pyproject.toml": f"{_PROJECT}[tool.uv]\nindex-url = '@/a'\n[tool.uv.pip]\nindex-url = '@/b'"
        },
        faces=("uv pip", "uv lock"),
        asked="a b",
    ),
    Case(
        id="pages",
        files={
            "./uv.toml": "index = [{url = '@/links1', format = 'flat'}, {url = '@/a', default = true}]",
        },
        variables={"UV_FIND_LINKS": "@/links2,@/links3"},
        asked="a links1 links2 links3",
    ),
    Case(
        id="a password in variables",
        variables={
            "UV_DEFAULT_INDEX": "my-in.dex=@/a",
            "UV_INDEX_MY_IN_DEX_USERNAME": "me",
            "UV_INDEX_MY_IN_DEX_PASSWORD": "p@w%",
        },
        asked="a=me:p@w%",
    ),
    Case(
        id="a password in the URL",
        variables={
            "UV_DEFAULT_INDEX": "n=http://me:old@HOST/a",
            "UV_INDEX_N_USERNAME": "me",
            "UV_INDEX_N_PASSWORD": "new",
        },
        asked="a=me:old",
    ),
    Case(
        id="a user in the URL",
        variables={
            "UV_DEFAULT_INDEX": "n=http://me@HOST/a",
            "UV_INDEX_N_USERNAME": "me",
            "UV_INDEX_N_PASSWORD": "new",
        },
        asked="a=me:new",
    ),
    Case(
        id="requirements",
        files={
            "./requirements.txt": "--extra-index-url @/a\n-f @/links\n-r more.txt",
            "./more.txt": "-i ${PLACE}b\ndemo",
        },
        variables={"PLACE": "@/"},
        faces=("uv pip -r",),
        asked="a b links",
    ),
)


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return which_uv(tmp_path_factory.mktemp("tools"))


@pytest.mark.parametrize("case", UV, ids=lambda case: case.id)
def test_uv(case: Case, machine: Machine, uv: Path) -> None:
    variables = machine.set_up(case)
    env = {name: text for name, text in os.environ.items() if not name.startswith(_SETTINGS)}
    for face in case.faces:
        subprocess.run(
            [uv, "--no-cache", "--no-python-downloads", *_UV_FACES[face]],
            cwd=machine.root,
            env={**env, "UV_PYTHON": sys.executable, **variables},
            capture_output=True,
            check=False,  # nobody has the package
        )
    assert machine.asked == _places(case.asked)
    assert machine.ours(variables) == machine.asked
