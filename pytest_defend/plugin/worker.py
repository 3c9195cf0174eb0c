"""What a worker of pytest-xdist does: attach files, and say at its end what only it knows.

Rules:
- Results need nothing of ours here: pytest-xdist sends every report to the controller.
- What is sent is one JSON text; no secret and no live object ever travels.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.assembly.redaction import arguments
from pytest_defend.capture.credentials import secret_arguments
from pytest_defend.capture.imports import read_imports
from pytest_defend.capture.marks import read_marks, registered
from pytest_defend.capture.redaction import Redactor
from pytest_defend.plugin.attach import Attaching, attaching

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Worker"]


class Worker:
    """Registered on workers of a recorded run."""

    def __init__(self, config: Any) -> None:
        told = json.loads(config.workerinput["defend"])
        self._config = config
        self._deselected: list[str] = []
        self._marks: dict[str, list[list[int]]] = {}
        given = secret_arguments(arguments(config))
        redactor = Redactor.from_environ(os.environ, told["patterns"], given)
        folder, worker = Path(told["folder"]), config.workerinput["workerid"]
        attaching(config, Attaching(lambda: folder, worker, told["limit"], redactor))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Remember what will not run by the user's choice."""
        self._deselected += [item.nodeid for item in items]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember which tests carry which markers."""
        self._marks = read_marks(session.items, registered(self._config.getini("markers")))

    def pytest_sessionfinish(self) -> None:
        """Hand it to the controller; it is sent when this hook's wrappers return."""
        told = {"deselected": self._deselected, "marks": self._marks, "imports": read_imports()}
        self._config.workeroutput["defend"] = json.dumps(told)
