from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.errors import UsageError
from pytest_defend.settings import Project, find_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout below a folder whose `pyproject.toml` must not speak for it."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'home'\n")
    folder = tmp_path / "basket"
    (folder / ".git").mkdir(parents=True)
    (folder / "tests" / "unit").mkdir(parents=True)
    return folder


def test_the_nearest_project_above_counts(checkout: Path) -> None:
    text = "[project]\nname = 'fruit-basket'\nversion = '1.4'\n[tool.pytest-defend]\nstage = 'unit'\n"
    (checkout / "pyproject.toml").write_text(text)
    assert find_project(checkout / "tests" / "unit") == Project(
        root=checkout, table={"stage": "unit"}, name="fruit-basket", version="1.4"
    )


def test_a_project_within_the_checkout_is_nearer(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("[project]\nname = 'outer'\n")
    (checkout / "tests" / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    assert find_project(checkout / "tests" / "unit").name == "inner"


def test_the_search_does_not_leave_the_checkout(checkout: Path) -> None:
    start = checkout / "tests"
    assert find_project(start) == Project(root=start, table={}, name="tests", version="")
    assert find_project(checkout.parent).name == "home"


def test_a_relative_start_is_a_folder_of_the_process(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    assert find_project(type(checkout)("tests")).root == checkout / "tests"


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "name", "version"),
    [
        ("[project]\nname = 'a'\nversion = '1'", "[metadata]\nname = c\nversion = 3", "a", "1"),
        ("[project]\nname = 'a'\ndynamic = ['version']", "", "a", ""),
        ("[tool.poetry]\nname = 'b'\nversion = '2'", "", "b", "2"),
        ("[project]\nname = ' '\n[tool.poetry]\nname = 'b'", "", "b", ""),
        ("[build-system]", "[metadata]\nname = c\nversion = 3", "c", "3"),
        ("", "[metadata]\nname = c\nversion = attr: c.__version__", "c", ""),
        ("", "[metadata]\nversion = file: VERSION", "basket", ""),
        ("", "[options]\nzip_safe = no", "basket", ""),
        ("", "no section", "basket", ""),
        ("", "[metadata]\nname = %(c)s", "%(c)s", ""),
        ("project = 3\ntool = 4", "", "basket", ""),
    ],
)
def test_name_and_version(checkout: Path, pyproject: str, setup_cfg: str, name: str, version: str) -> None:
    (checkout / "pyproject.toml").write_text(pyproject)
    (checkout / "setup.cfg").write_text(setup_cfg)
    project = find_project(checkout)
    assert (project.name, project.version) == (name, version)


def test_what_dependency_groups_require_is_read_of_every_tool(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(
        """
        [dependency-groups]
        test = ["pytest>=8", {include-group = "more"}, 3]
        more = ["coverage[toml]"]
        none = "text"
        [tool.poetry]
        dev-dependencies = {black = "^24"}
        [tool.poetry.group.docs.dependencies]
        sphinx = {version = "*", extras = ["x"]}
        [tool.poetry.group.odd]
        dependencies = "text"
        [tool.pdm.dev-dependencies]
        lint = ["-e file:///here#egg=here", "ruff"]
        [tool.uv]
        dev-dependencies = ["mypy"]
        """
    )
    expected = ("pytest>=8", "coverage[toml]", "ruff", "mypy", "black", "sphinx")
    assert find_project(checkout).group_requires == expected


@pytest.mark.parametrize(
    "pyproject",
    ["", "dependency-groups = 3", "tool.poetry.group = 3\ntool.uv.dev-dependencies = 3\ntool.pdm = 3"],
)
def test_a_project_may_have_no_groups(checkout: Path, pyproject: str) -> None:
    (checkout / "pyproject.toml").write_text(pyproject)
    assert find_project(checkout).group_requires == ()


def test_a_name_is_found_without_any_pyproject(checkout: Path) -> None:
    (checkout / "setup.cfg").write_bytes(b"[metadata]\nname = old\n")
    assert find_project(checkout).name == "old"
    (checkout / "setup.cfg").write_bytes(b"[metadata]\nname = \xff\n")
    assert find_project(checkout).name == "basket"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[project]\nname = \n", "pyproject.toml is not valid TOML: Invalid value (at line 2, column 8)."),
        (b"[project]\nname = 'a'\nx = '\xff'", "pyproject.toml is not valid TOML: no UTF-8 at line 3."),
        (b"[tool]\npytest-defend = 3", "pyproject.toml: tool.pytest-defend must be a table."),
    ],
)
def test_a_file_that_cannot_be_read_is_named(checkout: Path, content: bytes, sentence: str) -> None:
    (checkout / "pyproject.toml").write_bytes(content)
    with pytest.raises(UsageError) as refusal:
        find_project(checkout / "tests")
    assert str(refusal.value) == f"{checkout}/{sentence}"


def test_a_folder_in_place_of_the_file_is_named(checkout: Path) -> None:
    (checkout / "pyproject.toml").mkdir()
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read: "):
        find_project(checkout)


def test_the_root_of_the_file_system_has_no_name(tmp_path: Path) -> None:
    root = type(tmp_path)(tmp_path.anchor)
    assert find_project(root) == Project(root=root, table={}, name="unnamed", version="")
