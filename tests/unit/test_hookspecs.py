"""The extension points are few, typed and documented, and implementing them needs nothing of ours."""

from __future__ import annotations

import inspect
import typing

import pluggy
import pytest

from pytest_defend import hookspecs
from pytest_defend.assembly.extensions import plugin_manager

NAMES = hookspecs.__all__


def test_every_extension_point_is_a_specification_and_begins_as_ours() -> None:
    manager = pluggy.PluginManager("pytest")
    manager.add_hookspecs(hookspecs)
    specified = [name for name in vars(hookspecs) if manager.parse_hookspec_opts(hookspecs, name) is not None]
    assert sorted(specified) == NAMES
    assert all(name.startswith("pytest_defend_") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_typed_and_explained(name: str) -> None:
    hook = getattr(hookspecs, name)
    said = inspect.getdoc(hook) or ""
    signature = inspect.signature(hook)
    assert signature.return_annotation is not inspect.Signature.empty
    for argument in signature.parameters.values():
        assert argument.annotation is not inspect.Parameter.empty
        assert f"\n    {argument.name}: " in said


@pytest.mark.parametrize("name", NAMES)
def test_a_specification_itself_does_nothing(name: str) -> None:
    hook = getattr(hookspecs, name)
    arguments: dict[str, typing.Any] = dict.fromkeys(inspect.signature(hook).parameters)
    assert hook(**arguments) is None


def test_an_implementation_may_leave_arguments_out() -> None:
    class Extension:
        @staticmethod
        def pytest_defend_facts() -> dict[str, dict[str, str]]:
            return {"database": {"version": "16"}}

    manager = plugin_manager()
    marked = pluggy.HookimplMarker("pytest")(optionalhook=True)
    marked(Extension.pytest_defend_facts)
    manager.register(Extension())
    assert manager.hook.pytest_defend_facts(stage="tests") == [{"database": {"version": "16"}}]
