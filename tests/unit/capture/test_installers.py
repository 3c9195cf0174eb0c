"""What pip and uv are configured to use, by every variable and file they read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.installers import Installers, read_installers

if TYPE_CHECKING:
    from pytest_defend.model.facts import Gap

ONE, TWO, THREE = (f"https://{name}.example.org/simple" for name in ("one", "two", "three"))


class Machine:
    """A file system of its own: nothing of the machine the test runs on is read."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home = top / "home" / "someone"
        self.root = self.home / "code" / "project"
        self.prefix = self.root / ".venv"
        self.prefix.mkdir(parents=True)

    def write(self, path: str, text: str | bytes) -> Path:
        """A file by its path; `~` is the home folder, `.` the project."""
        place = {"~": self.home, ".": self.root}.get(path.partition("/")[0], self.top)
        file = place / path.partition("/")[2]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def read(self, *, system: str = "linux", **environ: Any) -> tuple[Installers, tuple[Gap, ...]]:
        return read_installers(
            {name: str(value) for name, value in environ.items()},
            root=self.root,
            prefix=self.prefix,
            home=self.home,
            requirements=sorted(self.root.glob("requirements*.txt")),
            top=self.top,
            system=system,
        )

    def installers(self, **environ: Any) -> Installers:
        found, gaps = self.read(**environ)
        assert gaps == ()
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _pip(**settings: str) -> str:
    return "[global]\n" + "".join(f"{name.replace('_', '-')} = {value}\n" for name, value in settings.items())


def test_nothing_is_configured(machine: Machine) -> None:
    assert machine.installers() == Installers(
        indexes=(),
        complete=False,
        complete_for=frozenset(),
        pages=(),
        find_links=(),
        pip_cache=machine.home / ".cache" / "pip",
        poetry_cache=machine.home / ".cache" / "pypoetry",
        cert="",
    )


def test_pip_by_variables(machine: Machine) -> None:
    found = machine.installers(
        PIP_INDEX_URL=ONE,
        PIP_EXTRA_INDEX_URL=f"{TWO}\n  {THREE} {TWO}",
        PIP_FIND_LINKS=f"wheels file:///house https://example.org/links ~/house links.html {machine.top}",
        PIP_CACHE_DIR="~/kept",
        PIP_CERT="~/ca.pem",
        POETRY_CACHE_DIR="/kept/poetry",
    )
    assert found.indexes == (ONE, TWO, THREE)
    assert found.find_links == (
        machine.root / "wheels",
        Path("/house"),
        machine.home / "house",
        machine.top,
    )
    assert found.pages == ("https://example.org/links", (machine.root / "links.html").as_uri())
    assert found.complete
    assert found.complete_for == {"pip"}
    assert found.pip_cache == machine.home / "kept"
    assert found.poetry_cache == Path("/kept/poetry")
    assert found.cert == str(machine.home / "ca.pem")


def test_a_default_index_that_nobody_named_leaves_it_incomplete(machine: Machine) -> None:
    found = machine.installers(PIP_EXTRA_INDEX_URL=ONE)
    assert found.indexes == (ONE,)
    assert not found.complete
    assert not machine.installers(PIP_FIND_LINKS="wheels").complete


@pytest.mark.parametrize("value", ["1", "true", "YES", "on", "t"])
def test_no_index_means_only_links(machine: Machine, value: str) -> None:
    found = machine.installers(
        PIP_NO_INDEX=value, PIP_INDEX_URL=ONE, PIP_EXTRA_INDEX_URL=TWO, PIP_FIND_LINKS="w"
    )
    assert found.indexes == ()
    assert found.find_links == (machine.root / "w",)
    assert found.complete


@pytest.mark.parametrize("value", ["0", "false", "no", "", " "])
def test_no_index_may_be_said_to_be_off(machine: Machine, value: str) -> None:
    assert machine.installers(PIP_NO_INDEX=value, PIP_INDEX_URL=ONE).indexes == (ONE,)


def test_no_index_that_is_neither_is_a_gap(machine: Machine) -> None:
    found, (gap,) = machine.read(PIP_NO_INDEX="perhaps", PIP_INDEX_URL=ONE)
    assert "neither yes nor no" in gap.problem
    assert found.indexes == (ONE,)
    assert not found.complete


# The weakest first.
PIP_FILES = [
    "/etc/xdg/pip/pip.conf",
    "/etc/pip.conf",
    "~/.pip/pip.conf",
    "~/.config/pip/pip.conf",
    "./.venv/pip.conf",
]


@pytest.mark.parametrize("count", range(1, len(PIP_FILES) + 1))
def test_later_files_of_pip_override_earlier_ones(machine: Machine, count: int) -> None:
    for number, path in enumerate(PIP_FILES[:count]):
        machine.write(path, _pip(index_url=f"https://{number}.example.org", **{f"x{number}": "y"}))
    assert machine.installers().indexes == (f"https://{count - 1}.example.org",)


def test_settings_of_several_files_are_joined_by_name(machine: Machine) -> None:
    machine.write(PIP_FILES[0], _pip(index_url=ONE, extra_index_url=TWO, cert="/ca.pem"))
    machine.write(PIP_FILES[3], _pip(extra_index_url=THREE))
    found = machine.installers()
    assert found.indexes == (ONE, THREE)
    assert found.cert == "/ca.pem"


def test_the_section_of_the_command_goes_first_whatever_the_file(machine: Machine) -> None:
    machine.write(PIP_FILES[0], "[install]\nindex-url = " + ONE)
    machine.write(PIP_FILES[4], _pip(index_url=TWO) + "[download]\nindex-url = " + THREE)
    assert machine.installers().indexes == (ONE,)
    assert machine.installers(PIP_INDEX_URL=THREE).indexes == (THREE,)


def test_what_is_set_to_nothing_is_not_set(machine: Machine) -> None:
    machine.write(PIP_FILES[0], _pip(index_url=ONE) + "[install]\nindex-url =\n")
    assert machine.installers(PIP_INDEX_URL="").indexes == (ONE,)


def test_a_variable_of_blanks_takes_away_what_a_file_lists(machine: Machine) -> None:
    machine.write(PIP_FILES[0], _pip(index_url=ONE, extra_index_url=TWO))
    assert machine.installers(PIP_EXTRA_INDEX_URL=" ").indexes == (ONE,)
    assert machine.installers(PIP_INDEX_URL=" ").indexes == (TWO,)


def test_an_older_name_is_the_same_setting(machine: Machine) -> None:
    machine.write(PIP_FILES[0], f"{_pip(index_url=ONE)}[install]\npypi-url = {TWO}\n")
    assert machine.installers().indexes == (TWO,)
    assert machine.installers(PIP_PYPI_URL=THREE).indexes == (THREE,)
    machine.write(PIP_FILES[0], _pip(index_url=ONE, pypi_url=TWO))
    assert machine.installers().indexes == (TWO,)


@pytest.mark.parametrize("name", ["index_url", "INDEX-URL", "--index-url", "pypi-url", "Index_Url"])
def test_names_have_many_spellings(machine: Machine, name: str) -> None:
    machine.write(PIP_FILES[3], f"[global]\n{name}: {ONE}\n")
    assert machine.installers().indexes == (ONE,)


def test_lists_may_have_lines(machine: Machine) -> None:
    machine.write(PIP_FILES[3], f"[global]\nextra-index-url =\n    {ONE}\n    {TWO}\n# {THREE}\n")
    assert machine.installers().indexes == (ONE, TWO)


def test_percent_signs_are_only_themselves(machine: Machine) -> None:
    machine.write(PIP_FILES[3], _pip(index_url="https://us%40er:p%25w@example.org/%(home)s"))
    assert machine.installers().indexes == ("https://us%40er:p%25w@example.org/%(home)s",)


def test_the_file_that_is_named_replaces_those_of_the_user(machine: Machine) -> None:
    machine.write(PIP_FILES[1], _pip(cert="/ca.pem"))
    machine.write(PIP_FILES[3], _pip(extra_index_url=TWO))
    machine.write(PIP_FILES[4], _pip(index_url=THREE))
    named = machine.write("/named.conf", _pip(index_url=ONE))
    found = machine.installers(PIP_CONFIG_FILE=named)
    assert found.indexes == (ONE,)
    assert found.cert == "/ca.pem"
    assert machine.installers(PIP_CONFIG_FILE="/absent").indexes == (THREE, TWO)
    machine.write("./named.conf", _pip(index_url=TWO))
    assert machine.installers(PIP_CONFIG_FILE="named.conf").indexes == (TWO,)


def test_the_null_device_means_no_files(machine: Machine) -> None:
    for path in PIP_FILES:
        machine.write(path, _pip(index_url=ONE))
    assert machine.installers(PIP_CONFIG_FILE=os.devnull, PIP_EXTRA_INDEX_URL=TWO).indexes == (TWO,)


def test_folders_of_xdg(machine: Machine) -> None:
    machine.write("/a/pip/pip.conf", _pip(index_url=ONE))
    machine.write("/b/pip/pip.conf", _pip(extra_index_url=TWO))
    machine.write("/c/pip/pip.conf", _pip(find_links="house"))
    found = machine.installers(
        XDG_CONFIG_DIRS=f"{machine.top / 'a'}:relative:{machine.top / 'b'}",
        XDG_CONFIG_HOME=machine.top / "c",
        XDG_CACHE_HOME=machine.top / "kept",
    )
    assert found.indexes == (ONE, TWO)
    assert found.find_links == (machine.root / "house",)
    assert found.pip_cache == machine.top / "kept" / "pip"
    assert found.poetry_cache == machine.top / "kept" / "pypoetry"
    assert machine.installers(XDG_CACHE_HOME="relative").pip_cache == machine.home / ".cache" / "pip"


def test_the_places_of_macos(machine: Machine) -> None:
    machine.write("/Library/Application Support/pip/pip.conf", _pip(index_url=ONE))
    machine.write("~/.config/pip/pip.conf", _pip(extra_index_url=TWO))
    found = machine.installers(system="darwin")
    assert found.indexes == (ONE, TWO)
    assert found.pip_cache == machine.home / "Library" / "Caches" / "pip"
    machine.write("~/Library/Application Support/pip/pip.conf", _pip(extra_index_url=THREE))
    assert machine.installers(system="darwin").indexes == (ONE, THREE)


def test_the_places_of_windows(machine: Machine) -> None:
    machine.write("/programs/pip/pip.ini", _pip(index_url=ONE))
    machine.write("~/pip/pip.ini", _pip(extra_index_url=TWO))
    machine.write("~/roaming/pip/pip.ini", _pip(find_links="house"))
    environ = {"ALLUSERSPROFILE": machine.top / "programs", "APPDATA": machine.home / "roaming"}
    found = machine.installers(system="win32", **environ)
    assert found.indexes == (ONE, TWO)
    assert found.find_links == (machine.root / "house",)
    assert found.pip_cache == machine.home / "AppData" / "Local" / "pip" / "Cache"
    machine.write("~/AppData/Roaming/uv/uv.toml", f"index-url = '{THREE}'")
    assert machine.installers(system="win32").indexes == (TWO, THREE)


def test_folders_may_be_indexes(machine: Machine) -> None:
    found = machine.installers(PIP_INDEX_URL="simple", PIP_EXTRA_INDEX_URL="file:///srv/a%20b")
    assert found.indexes == ((machine.root / "simple").as_uri(), "file:///srv/a%20b")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("index-url = https://u:s3cret@example.org", "cannot be parsed (line 1)"),
        ("[global]\ns3cret", "cannot be parsed (line 2)"),
        ("[global]\na=1\na=s3cret", "cannot be parsed (line 3)"),
        ("[global]\n[global]\n", "cannot be parsed (line 2)"),
        (b"[global]\nx = s3cret\xff", "is no UTF-8"),
    ],
)
def test_a_broken_file_of_pip_is_a_gap_and_the_others_count(
    machine: Machine, text: str | bytes, problem: str
) -> None:
    machine.write(PIP_FILES[1], _pip(index_url=ONE))
    broken = machine.write(PIP_FILES[3], text)
    found, (gap,) = machine.read()
    assert gap.topic == "origins"
    assert gap.problem.startswith(f"{broken} {problem}; ")
    assert "s3cret" not in gap.problem
    assert found.indexes == (ONE,)
    assert not found.complete
    assert found.complete_for == frozenset()


def test_a_place_no_file_can_have_is_a_gap(machine: Machine) -> None:
    _, gaps = machine.read(PIP_CONFIG_FILE="x" * 5000, UV_CONFIG_FILE="x" * 5000)
    assert len(gaps) == 2


def test_a_folder_in_the_place_of_a_file_is_a_gap(machine: Machine) -> None:
    (machine.home / ".config" / "pip" / "pip.conf").mkdir(parents=True)
    (machine.home / ".config" / "uv" / "uv.toml").mkdir(parents=True)
    _, gaps = machine.read()
    assert [gap.problem.partition(" (")[2].partition(")")[0] for gap in gaps] == ["IsADirectoryError"] * 2


def test_uv_by_variables(machine: Machine) -> None:
    found = machine.installers(
        UV_DEFAULT_INDEX=ONE, UV_INDEX=f"{TWO} named={THREE}", UV_FIND_LINKS="a b, https://example.org/c,"
    )
    assert found.indexes == (TWO, THREE, ONE)
    assert found.find_links == (machine.root / "a b",)
    assert found.pages == ("https://example.org/c",)
    assert found.complete
    assert found.complete_for == {"uv"}


def test_uv_by_older_variables(machine: Machine) -> None:
    found = machine.installers(UV_INDEX_URL=ONE, UV_EXTRA_INDEX_URL=f"{TWO} {THREE}")
    assert found.indexes == (TWO, THREE, ONE)
    assert found.complete
    assert not machine.installers(UV_EXTRA_INDEX_URL=ONE).complete


def test_uv_without_an_index(machine: Machine) -> None:
    machine.write("./uv.toml", f"index = [{{url = '{ONE}'}}]\nfind-links = ['house']\nno-index = true")
    found = machine.installers(UV_DEFAULT_INDEX=TWO)
    assert found.indexes == ()
    assert found.find_links == (machine.root / "house",)
    assert found.complete


def test_uv_has_no_variable_for_no_index(machine: Machine) -> None:
    assert machine.installers(UV_DEFAULT_INDEX=ONE, UV_NO_INDEX="1").indexes == (ONE,)


def test_credentials_of_a_named_index_come_from_variables(machine: Machine) -> None:
    found = machine.installers(
        UV_INDEX=f"my-Index.2={ONE} other={TWO}",
        UV_DEFAULT_INDEX=f"main={THREE}",
        UV_INDEX_MY_INDEX_2_USERNAME="us@er",
        UV_INDEX_MY_INDEX_2_PASSWORD="p/w:",
        UV_INDEX_MAIN_PASSWORD="new",
        UV_INDEX__USERNAME="nobody",
    )
    assert found.indexes == (
        "https://us%40er:p%2Fw%3A@one.example.org/simple",
        TWO,
        "https://:new@three.example.org/simple",
    )
    assert "p%2Fw" not in repr(found)
    assert "new@" not in repr(found)


@pytest.mark.parametrize(
    ("in_url", "expected"),
    [("me:old", "me:old"), ("me", "me:new"), ("you", "you"), ("m%65", "me:new"), (":old", ":old")],
)
def test_what_a_url_says_goes_before_variables(machine: Machine, in_url: str, expected: str) -> None:
    given = {"UV_INDEX_A_USERNAME": "me", "UV_INDEX_A_PASSWORD": "new"}
    found = machine.installers(UV_DEFAULT_INDEX=f"a=https://{in_url}@one.example.org/simple", **given)
    assert found.indexes == (f"https://{expected}@one.example.org/simple",)


def test_indexes_and_pages_of_one_server_share_credentials(machine: Machine) -> None:
    server = "https://one.example.org"
    machine.write("./uv.toml", f"index = [{{name = 'a', url = '{server}/a'}}]")
    found = machine.installers(
        UV_DEFAULT_INDEX=f"{server}/b",
        UV_FIND_LINKS=f"{server}/c,https://you:and@one.example.org/d,http://one.example.org/e,{server}:1/f",
        UV_INDEX_A_USERNAME="me",
        UV_INDEX_A_PASSWORD="pass",
    )
    assert found.indexes == (
        "https://me:pass@one.example.org/a",
        "https://me:pass@one.example.org/b",
    )
    assert found.pages == (
        "https://me:pass@one.example.org/c",
        "https://you:and@one.example.org/d",
        "http://one.example.org/e",
        f"{server}:1/f",
    )
    assert "pass@" not in repr(found)


def test_a_flat_index_is_told_its_credentials(machine: Machine) -> None:
    machine.write("./uv.toml", f"index = [{{name = 'a', url = '{ONE}', format = 'flat'}}]")
    found = machine.installers(UV_INDEX_A_USERNAME="me", UV_INDEX_A_PASSWORD="pass")
    assert found.pages == ("https://me:pass@one.example.org/simple",)


PYPROJECT = f"""
[project]
name = "demo"

[[tool.uv.index]]
name = "extra"
url = "{ONE}"
explicit = true

[[tool.uv.index]]
url = "flat"
format = "flat"

[[tool.uv.index]]
name = "main"
url = "{TWO}"
default = true

[[tool.uv.index]]
name = "extra"
url = "https://shadowed.example.org"

[[tool.uv.index]]
url = "https://second.example.org"
default = true

[[tool.uv.index]]
url = "simple"

[tool.uv]
find-links = ["../house", "https://example.org/links"]
"""


def test_uv_by_the_project(machine: Machine) -> None:
    machine.write("./pyproject.toml", PYPROJECT)
    found = machine.installers()
    assert found.indexes == (ONE, (machine.root / "simple").as_uri(), TWO)
    assert found.find_links == (machine.root / "../house", machine.root / "flat")
    assert found.pages == ("https://example.org/links",)
    assert found.complete


def test_variables_go_before_the_project_before_the_user_before_the_machine(machine: Machine) -> None:
    for number, path in enumerate(["./pyproject.toml", "~/.config/uv/uv.toml", "/etc/uv/uv.toml"], 1):
        table = (
            f"extra-index-url = ['https://e{number}.example.org']\nindex-url = 'https://{number}.example.org'"
        )
        machine.write(path, f"[tool.uv]\n{table}" if "pyproject" in path else table)
    extra = tuple(f"https://e{number}.example.org" for number in range(4))
    assert machine.installers().indexes == (*extra[1:], "https://1.example.org")
    found = machine.installers(UV_INDEX_URL="https://0.example.org", UV_EXTRA_INDEX_URL=extra[0])
    assert found.indexes == (*extra, "https://0.example.org")
    assert machine.installers(UV_DEFAULT_INDEX=ONE).indexes == (*extra[1:], ONE)


def test_the_first_file_of_the_machine_is_the_only_one(machine: Machine) -> None:
    machine.write("/etc/uv/uv.toml", f"index-url = '{ONE}'")
    machine.write("/etc/xdg/uv/uv.toml", f"extra-index-url = ['{TWO}']")
    assert machine.installers().indexes == (TWO,)


def test_uv_looks_upwards_for_the_first_file_with_settings(machine: Machine) -> None:
    machine.write("./pyproject.toml", "[project]\nname = 'demo'\n[tool.black]\n")
    machine.write("~/code/pyproject.toml", f"[tool.uv]\nindex-url = '{TWO}'")
    machine.write("~/uv.toml", f"index-url = '{THREE}'")
    assert machine.installers().indexes == (TWO,)
    machine.write("./uv.toml", f"index-url = '{ONE}'")
    assert machine.installers().indexes == (ONE,)


def test_a_uv_toml_hides_the_pyproject_beside_it(machine: Machine) -> None:
    machine.write("./pyproject.toml", f"[tool.uv]\nextra-index-url = ['{TWO}']")
    machine.write("./uv.toml", f"index-url = '{ONE}'")
    assert machine.installers().indexes == (ONE,)


@pytest.mark.parametrize(
    ("members", "exclude", "expected"),
    [
        ('["project"]', "[]", TWO),
        ('["p*"]', "[]", TWO),
        ('["**"]', "[]", TWO),
        ('["x/**/y", "**/project"]', "[]", TWO),
        ('["p*"]', '["proj*"]', ONE),
        ('["other/*"]', "[]", ONE),
        ('["*/*"]', "[]", ONE),
        ("7", "[]", ONE),
        ("[7]", "[]", ONE),
    ],
)
def test_a_member_begins_at_its_workspace(
    machine: Machine, members: str, exclude: str, expected: str
) -> None:
    machine.write("./pyproject.toml", f"[project]\n[tool.uv]\nindex-url = '{ONE}'")
    machine.write(
        "~/code/pyproject.toml",
        f"[tool.uv]\nindex-url = '{TWO}'\n[tool.uv.workspace]\nmembers = {members}\nexclude = {exclude}",
    )
    assert machine.installers().indexes == (expected,)


def test_a_workspace_that_is_none_is_no_start(machine: Machine) -> None:
    machine.write("./pyproject.toml", f"[project]\n[tool.uv]\nindex-url = '{ONE}'")
    machine.write("~/code/pyproject.toml", f"[tool.uv]\nindex-url = '{TWO}'\nworkspace = 7")
    assert machine.installers().indexes == (ONE,)


def test_a_folder_within_a_project_begins_at_the_project(machine: Machine) -> None:
    machine.write("./uv.toml", f"index-url = '{ONE}'")
    machine.write("~/code/pyproject.toml", "[tool.black]\n")
    assert machine.installers().indexes == (ONE,)
    machine.write("~/code/pyproject.toml", "[project]\n")
    assert machine.installers().indexes == ()
    machine.write("~/code/pyproject.toml", f"[project]\n[tool.uv]\nindex-url = '{TWO}'")
    assert machine.installers().indexes == (TWO,)
    machine.write("~/code/pyproject.toml", f"[tool.uv]\nindex-url = '{THREE}'\n[tool.uv.workspace]\n")
    assert machine.installers().indexes == (THREE,)


def test_an_older_variable_goes_before_every_file(machine: Machine) -> None:
    machine.write("./uv.toml", f"index = [{{url = '{TWO}', default = true}}]\nindex-url = '{THREE}'")
    assert machine.installers().indexes == (TWO,)
    assert machine.installers(UV_INDEX_URL=ONE).indexes == (ONE,)


def test_the_file_that_is_named_replaces_every_other(machine: Machine) -> None:
    machine.write("./uv.toml", f"index-url = '{TWO}'")
    machine.write("~/.config/uv/uv.toml", f"extra-index-url = ['{TWO}']")
    machine.write("~/named/uv.toml", f"index-url = '{ONE}'\nfind-links = ['house']")
    found = machine.installers(UV_CONFIG_FILE="../../named/uv.toml", UV_NO_CONFIG="1")
    assert found.indexes == (ONE,)
    assert found.find_links == (machine.root / "../../named/house",)


def test_no_config_means_no_files(machine: Machine) -> None:
    machine.write("./uv.toml", f"index-url = '{TWO}'")
    assert machine.installers(UV_NO_CONFIG="1").indexes == ()
    assert machine.installers(UV_NO_CONFIG="0").indexes == (TWO,)


def test_no_system_config_means_no_files_of_the_machine(machine: Machine) -> None:
    machine.write("/etc/uv/uv.toml", f"extra-index-url = ['{TWO}']")
    machine.write("~/.config/uv/uv.toml", f"index-url = '{ONE}'")
    assert machine.installers().indexes == (TWO, ONE)
    assert machine.installers(UV_NO_SYSTEM_CONFIG="1").indexes == (ONE,)


def test_the_search_begins_where_variables_say(machine: Machine) -> None:
    machine.write("./uv.toml", f"index-url = '{ONE}'")
    machine.write("./a/uv.toml", f"index-url = '{TWO}'")
    machine.write("./a/b/uv.toml", f"index-url = '{THREE}'")
    assert machine.installers(UV_WORKING_DIR="a").indexes == (TWO,)
    assert machine.installers(UV_PROJECT="a/b").indexes == (THREE,)
    assert machine.installers(UV_WORKING_DIR="a", UV_PROJECT="b").indexes == (THREE,)
    assert machine.installers(UV_WORKING_DIR="a", UV_PROJECT=machine.root).indexes == (ONE,)


PINNING = f"""
[project]
name = "demo"
[[tool.uv.index]]
name = "x"
url = "{ONE}"
default = true
[[tool.uv.index]]
name = "y"
url = "{TWO}"
[tool.uv.sources]
lib = {{ index = "x" }}
other = {{ path = "y" }}
odd = 7
"""


def test_a_pinned_index_is_asked_whatever_the_settings_are(machine: Machine) -> None:
    machine.write("./pyproject.toml", PINNING)
    assert machine.installers().indexes == (TWO, ONE)
    for variables in ({"UV_NO_CONFIG": "1"}, {"UV_CONFIG_FILE": os.devnull}):
        found = machine.installers(UV_DEFAULT_INDEX=THREE, **variables)
        assert found.indexes == (ONE, THREE)
    machine.write("./uv.toml", f"index-url = '{THREE}'")
    assert machine.installers().indexes == (ONE, THREE)


def test_a_member_of_a_workspace_pins_for_itself(machine: Machine) -> None:
    machine.write("./pyproject.toml", PINNING.replace('lib = { index = "x" }', 'lib = [7, { index = "x" }]'))
    declared = f"[tool.uv]\nindex-url = '{THREE}'\n[tool.uv.workspace]\nmembers = ['project']"
    machine.write("~/code/pyproject.toml", declared)
    assert machine.installers().indexes == (ONE, THREE)
    machine.write("~/code/pyproject.toml", declared.replace("project", "other"))
    assert machine.installers().indexes == (TWO, ONE)


def test_requirements_say_more(machine: Machine) -> None:
    machine.write(
        "./requirements.txt",
        f"-i {ONE}\n-f ./house # more\n--find-links=links.html\n-r more/deep.txt\ndemo --hash=sha256:00\n",
    )
    machine.write(
        "./more/deep.txt", f"--extra-index-url \\\n  '{TWO}'\n-c ../requirements.txt\n-f ${{PLACE}}\n"
    )
    found = machine.installers(PIP_EXTRA_INDEX_URL=THREE, PLACE="wheels")
    assert found.indexes == (THREE, ONE, TWO)
    assert found.find_links == (machine.root / "house", machine.root / "more/wheels")
    assert found.pages == ((machine.root / "links.html").as_uri(),)
    assert not found.complete


def test_pip_may_name_requirements_for_every_installation(machine: Machine) -> None:
    machine.write("./always.txt", f"--extra-index-url {TWO}")
    machine.write("./bounds.txt", f"--extra-index-url {THREE}")
    found = machine.installers(
        PIP_INDEX_URL=ONE,
        PIP_REQUIREMENT="always.txt",
        PIP_CONSTRAINT=f"{machine.root}/bounds.txt https://x.org/c",
    )
    assert found.indexes == (ONE, TWO, THREE)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"-i",
        b"-i 'half",
        b"-i ''",
        b"--index-urls https://x.example.org",
        b"-r absent.txt",
        b"-r a\0b.txt",
        b"-r https://x.example.org/r.txt",
        b"-r .",
        b"# -i https://x.example.org",
        b"demo -i https://x.example.org",
        b"\\",
    ],
)
def test_what_cannot_be_read_of_requirements_says_nothing(machine: Machine, text: bytes) -> None:
    machine.write("./requirements.txt", text)
    assert machine.installers(PIP_INDEX_URL=ONE).indexes == (ONE,)


def test_both_faces_of_uv_are_united(machine: Machine) -> None:
    machine.write(
        "./uv.toml", f"index-url = '{ONE}'\n[pip]\nindex-url = '{TWO}'\nextra-index-url = ['{THREE}']"
    )
    found = machine.installers()
    assert found.indexes == (ONE, THREE, TWO)
    assert found.complete
    machine.write("./uv.toml", f"[pip]\nindex-url = '{TWO}'")
    assert not machine.installers().complete


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("index-url = 's3cret", "is no TOML (at end of document)"),
        ("index-url = 's3cret'\nindex-url = 's3cret'", "is no TOML (at end of document)"),
        (b"x = 's3cret\xff'", "is no UTF-8"),
        ("index-url = ''", "holds a setting 'index-url' that is none"),
        ("index-url = 7", "holds a setting 'index-url' that is none"),
        ("no-index = 'yes'", "holds a setting 'no-index' that is none"),
        ("extra-index-url = 's3cret'", "holds a setting 'extra-index-url' that is none"),
        ("find-links = [7]", "holds a setting 'find-links' that is none"),
        ("index = [{name = 's3cret'}]", "holds a setting 'index' that is none"),
        ("index = 7", "holds a setting 'index' that is none"),
        ("pip = 7", "holds a table that is none"),
        ("x = " + "[" * 20_000, ""),
    ],
)
def test_a_broken_file_of_uv_is_a_gap_and_the_others_count(
    machine: Machine, text: str | bytes, problem: str
) -> None:
    broken = machine.write("./uv.toml", text)
    machine.write("~/.config/uv/uv.toml", f"index-url = '{ONE}'")
    found, (gap,) = machine.read()
    assert gap.topic == "origins"
    assert gap.problem.startswith(f"{broken} {problem}")
    assert "s3cret" not in gap.problem
    assert found.indexes == (ONE,)
    assert not found.complete
    assert found.complete_for == frozenset()


def test_a_broken_pyproject_is_one_gap(machine: Machine) -> None:
    broken = machine.write("./pyproject.toml", "[tool.uv\n")
    _, (gap,) = machine.read()
    assert gap.problem.startswith(
        f"{broken} is no TOML (at line 1, column 9); what uv uses is not fully known"
    )


def test_all_installers_are_united_and_each_must_be_complete(machine: Machine) -> None:
    found = machine.installers(PIP_INDEX_URL=ONE, UV_DEFAULT_INDEX=TWO, UV_INDEX=ONE)
    assert found.indexes == (ONE, TWO)
    assert found.complete
    assert found.complete_for == {"pip", "uv"}
    found = machine.installers(PIP_INDEX_URL=ONE, UV_INDEX=TWO)
    assert not found.complete
    assert found.complete_for == {"pip"}


def test_no_repr_shows_a_credential(machine: Machine) -> None:
    secret = "https://user:s3cret@example.org/simple"
    found = machine.installers(PIP_INDEX_URL=secret, PIP_FIND_LINKS=secret, UV_DEFAULT_INDEX=secret)
    assert found.indexes == (secret,)
    assert found.pages == (secret,)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("text", ["http://[::1", "file://[::1", "file://example.org/x", "c:", "::", "\x00"])
def test_a_place_that_is_none_is_kept_as_it_is_or_as_a_path(machine: Machine, text: str) -> None:
    found = machine.installers(
        PIP_FIND_LINKS=text, PIP_INDEX_URL=text, UV_INDEX=f"x={text}", UV_INDEX_X_USERNAME="u"
    )
    assert found.find_links or found.pages


def test_relative_roots_are_made_absolute(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(machine.root)
    found, _ = read_installers(
        {"PIP_INDEX_URL": "simple"}, root=Path(), prefix=machine.prefix, home=machine.home, top=machine.top
    )
    assert found.indexes == ((machine.root / "simple").as_uri(),)
