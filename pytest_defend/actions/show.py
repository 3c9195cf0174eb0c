"""Show: one build, its stages and what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.actions.stages import stage_mark
from pytest_defend.model.results import Result
from pytest_defend.model.views import BuildView, StageView

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildId, Module
    from pytest_defend.protocols import Store

__all__ = ["show"]

_TESTS = "defend.tests."
_GREEN = (Result.PASSED, Result.WARNED)
_TOLD = ("defend.stage", "defend.result", "defend.reasons", "defend.run")


def show(build: BuildId, store: Store) -> BuildView:
    """Read a build and the marks of its stages.

    Args:
        build: Which; without `started` the latest run of its number.
        store: Where.

    Raises:
        NotFound: There is no such build.
        StoreError: The store cannot be read.
    """
    found = store.build(build)
    stages = tuple(_stage(module, store) for module in found.modules if "defend.stage" in module.properties)
    return BuildView(store=store.locator, stages=stages, build=found)


def _stage(module: Module, store: Store) -> StageView:
    said = {name: str(value) for name, value in module.properties.items()}
    name, result = said["defend.stage"], said.get("defend.result", "")
    mark = stage_mark(module, name, store)
    counted = {key.removeprefix(_TESTS): value for key, value in said.items() if key.startswith(_TESTS)}
    return StageView(
        name=name,
        module=module.id,
        result=result,
        mark=mark,
        reasons=said.get("defend.reasons", "") or _unsaid(result, mark),
        run=said.get("defend.run", ""),
        tests={key: int(value) for key, value in counted.items() if value.isdecimal() and int(value)},
        facts={k: v for k, v in said.items() if k not in _TOLD and not k.startswith(_TESTS)},
    )


def _unsaid(result: str, mark: str) -> str:
    """Why a stage is no better than its mark, when its record was written before that was known."""
    if result in _GREEN and not mark:
        return "its process never spoke its last word, or files of it are gone"
    return "its process ended badly after its session" if result in _GREEN and mark not in _GREEN else ""
