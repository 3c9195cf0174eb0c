"""What users may rely on: the front door, the entry points, the metadata."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

import pytest_defend
from pytest_defend import errors

PACKAGE = Path(pytest_defend.__file__).parent
PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
ENTRY_POINTS = {**PROJECT["scripts"], **PROJECT["entry-points"]["pytest11"]}


def _modules() -> list[str]:
    names = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in PACKAGE.rglob("*.py")]
    return sorted(".".join(parts).removesuffix(".__init__") for parts in names if parts[-1] != "__main__")


@pytest.mark.parametrize("name", pytest_defend.__all__)
def test_the_front_door_leads_to_every_name(name: str) -> None:
    assert getattr(pytest_defend, name) is not None


@pytest.mark.parametrize("module", _modules())
def test_every_listed_name_is_there_and_documented(module: str) -> None:
    room = importlib.import_module(module)
    for name in getattr(room, "__all__", ()):
        value = getattr(room, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module}.{name} says nothing"


def test_every_error_has_the_one_root() -> None:
    assert [
        name for name in errors.__all__ if not issubclass(getattr(errors, name), errors.DefendError)
    ] == []


@pytest.mark.parametrize("target", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_every_entry_point_leads_somewhere(target: str) -> None:
    module, _, name = target.partition(":")
    room = importlib.import_module(module)
    assert not name or callable(getattr(room, name))


def test_the_version_is_said_once_and_the_same_everywhere() -> None:
    assert pytest_defend.__version__ == PROJECT["version"]


def test_the_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()
