"""Where modules come from."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.imports import is_within, looked_up, module_of, read_imports, units_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec

SITE = str(Path(pytest.__file__).parents[1])


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Forget what a test imported."""
    before, path = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]
    sys.path[:] = path
    importlib.invalidate_caches()


def _tree(folder: Path, *files: str) -> str:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")
    return str(folder)


def _imported(path: str, *names: str) -> None:
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    for name in names:
        importlib.import_module(name)


def test_each_package_by_its_folder() -> None:
    found = read_imports()
    assert found["pytest"] == {SITE: []}
    assert found["sys"] == {"built-in": []}
    assert "_pytest.config" not in found


def test_a_namespace_is_what_is_in_it(tmp_path: Path) -> None:
    here = _tree(tmp_path, "xspace/one/__init__.py", "xspace/one/deep.py", "xspace/two.py")
    _imported(here, "xspace.one.deep", "xspace.two")
    found = {name: folders for name, folders in read_imports().items() if name.startswith("xspace")}
    assert found == {"xspace.one": {here: []}, "xspace.two": {here: []}}


def test_a_package_of_several_folders_is_told_module_by_module(tmp_path: Path) -> None:
    here = _tree(tmp_path / "here", "xparts/__init__.py", "xparts/one.py")
    there = _tree(tmp_path / "there", "xparts/two.py")
    _imported(here, "xparts.one")
    sys.modules["xparts"].__path__.append(f"{there}/xparts")
    importlib.import_module("xparts.two")
    assert read_imports()["xparts"] == {here: ["xparts", "xparts.one"], there: ["xparts.two"]}


def test_a_module_that_lies_elsewhere_is_told_by_its_file(tmp_path: Path) -> None:
    file = Path(_tree(tmp_path, "strange/name.py"), "strange/name.py")
    spec = importlib.util.spec_from_file_location("xother", file)
    assert spec is not None
    sys.modules["xother"] = importlib.util.module_from_spec(spec)
    assert read_imports()["xother"] == {str(file): []}


def test_a_zip_on_the_path(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("xzipped/__init__.py", "")
    assert looked_up("xzipped") == ""
    _imported(str(tmp_path / "x.zip"), "xzipped")
    assert read_imports()["xzipped"] == {str(tmp_path / "x.zip"): []}


class _Loads(ModuleType):
    def __getattribute__(self, name: str) -> Any:
        if name in ("__dict__", "__file__", "__spec__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("strange", [None, object(), _Loads("xstrange"), ModuleType("xstrange")])
def test_what_is_no_module_is_left_alone(strange: Any) -> None:
    sys.modules["xstrange"] = strange
    assert "xstrange" not in read_imports()


def test_what_stands_in_for_another_is_that_other() -> None:
    sys.modules["xmoves.json"] = importlib.import_module("json")
    assert [name for name in read_imports() if name.startswith("xmoves")] == []


def test_looking_up_imports_nothing(tmp_path: Path) -> None:
    here = _tree(tmp_path, "xnever/__init__.py", "xnever/deep.py", "xonly/a.py")
    (tmp_path / "xnever/__init__.py").write_text("raise RuntimeError")
    assert looked_up("xnever") == ""
    _imported(here)
    assert [looked_up(name) for name in ("xnever", "xnever.deep", "xonly.a")] == [here] * 3
    assert not {"xnever", "xonly"} & sys.modules.keys()
    assert [looked_up(name) for name in ("xonly", "xnever.gone", "xgone.a")] == [""] * 3
    assert (looked_up("sys"), looked_up("os")) == ("built-in", "frozen")


def test_a_finder_that_fails_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, path: object) -> ModuleSpec:
            raise KeyError(name, path)

    monkeypatch.setattr(sys, "meta_path", [object(), Broken()])
    assert looked_up("pytest") == ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("six.py", "six"),
        ("demo/__init__.py", "demo"),
        ("demo/sub/a.pyc", "demo.sub.a"),
        ("demo/_c.abi3.so", "demo._c"),
        ("demo/_c.cpython-27-x86_64-linux-gnu.so", ""),
        ("demo-stubs/__init__.pyi", ""),
        ("demo-1.0.dist-info/a.py", ""),
        ("README.md", ""),
        ("demo/__pycache__/a.cpython-311.pyc", ""),
        (".py", ""),
    ],
)
def test_the_name_of_a_file(path: str, name: str) -> None:
    assert module_of(path) == name


def test_the_packages_that_files_make_up() -> None:
    files = (
        "six.py",
        "demo/__init__.py",
        "demo/a.py",
        "space/one/__init__.py",
        "space/one/b.py",
        "space/c.py",
    )
    assert units_of(files) == {
        "demo": "demo/__init__.py",
        "six": "six.py",
        "space.c": "space/c.py",
        "space.one": "space/one/__init__.py",
    }
    assert is_within("demo.a", "demo")
    assert not is_within("demonstration", "demo")
