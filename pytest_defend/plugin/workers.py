"""What the controller hears of pytest-xdist's workers.

Rules:
- Every hook is one of pytest-xdist, and optional: without it, nothing is heard.
- A worker that died has no `workeroutput`; a worker may be reported down twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.model.journal import WorkerEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_defend.plugin.controller import Controller

__all__ = ["Workers"]


class Workers:
    """Passes on what workers say."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where attachments go."""
        with self._controller.safely("workers"):
            node.workerinput["defend"] = json.dumps(self._controller.told_to_workers())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Hear that a worker is ready, and what it runs on."""
        with self._controller.safely("workers"):
            info = node.workerinfo
            python = ".".join(map(str, info["version_info"][:3]))
            event = WorkerEvent(id=node.gateway.id, event="ready", python=python, platform=info["platform"])
            self._controller.recorder.worker(event)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Hear that a worker ended, or died."""
        with self._controller.safely("workers"):
            worker = node.gateway.id
            output = getattr(node, "workeroutput", None)
            told = json.loads(output.pop("defend", "{}")) if output is not None else {}
            if told.get("deselected"):
                self._controller.recorder.deselected(worker, told["deselected"])
            self._controller.recorder.marked(worker, told.get("marks", {}))
            self._controller.run.imports += [told["imports"]] if "imports" in told else []
            ended = error is None and output is not None
            problem = "" if ended else str(error or "it sent no end")
            self._controller.recorder.worker(
                WorkerEvent(id=worker, event="ended" if ended else "died", error=problem)
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Hear what a worker collected."""
        with self._controller.safely("workers"):
            self._controller.recorder.collected(node.gateway.id, ids)
