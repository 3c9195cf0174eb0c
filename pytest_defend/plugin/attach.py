"""Files that tests attach.

Rules:
- The file goes straight into the bundle's folder, which workers share with the controller; the test's
  teardown report carries its name and digest.
- Names are made safe; a file over the limit is left out and told as a gap. A test never fails because
  its attachment could not be kept; it does fail, recorded or not, when it attaches a file that is not there.
- Nothing is registered in a process before the first attachment.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from pytest_defend.capture.files import safe_name
from pytest_defend.capture.reports import ATTACHMENTS
from pytest_defend.model.checksums import Checksums

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_defend.capture.redaction import Redactor

__all__ = ["Attach", "Attaching", "attaching"]

_ATTACHING = pytest.StashKey["Attaching"]()
_TOLD = pytest.StashKey[list[dict[str, Any]]]()


class Attaching:
    """What a process needs to attach files; also carries them on reports once there are some.

    Args:
        folder: Gives the bundle's folder, which can move when a disk is full.
        worker: Id of the worker; empty in a run without workers.
        limit: Bytes a file may have.
        redactor: Masks secrets in texts.
    """

    def __init__(self, folder: Callable[[], Path], worker: str, limit: int, redactor: Redactor) -> None:
        self._folder = folder
        self._worker = worker or "main"
        self._limit = limit
        self._redactor = redactor
        self._numbers = count(1)

    def keep(self, nodeid: str, source: BinaryIO, size: int, name: str) -> dict[str, Any]:
        """Put bytes into the bundle.

        Returns:
            The attachment as a document; or its `problem`.
        """
        if size > self._limit:
            hint = "raise --defend-attachment-limit to keep it"
            return {"problem": f"{name} has {size} bytes, {self._limit} are allowed; {hint}."}
        test = hashlib.sha256(nodeid.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        shown = self._redactor.text(name)
        inside = f"attachments/{test}/{self._worker}-{next(self._numbers)}-{safe_name(shown)}"
        target = self._folder() / inside
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("w+b") as out:
                self._redactor.file(source, out)
                out.seek(0)
                kept = Checksums.of_stream(out)
        except OSError as error:
            return {"problem": f"{name} could not be kept in {target.parent}: {error.strerror}."}
        return {"name": shown, "path": inside, "sha256": kept.sha256, "size_bytes": kept.size_bytes}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Let the teardown report carry what the test attached."""
        report = yield
        if call.when == "teardown" and item.stash.get(_TOLD, None):
            setattr(report, ATTACHMENTS, json.dumps(item.stash[_TOLD]))
            del item.stash[_TOLD]
        return report


def attaching(config: pytest.Config, way: Attaching) -> None:
    """Make attachments work in this process."""
    config.stash[_ATTACHING] = way


class Attach:
    """What the fixture `defend_attach` gives to a test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._item = request.node
        self._config = request.config

    def __call__(self, content: Path | str | bytes, name: str = "") -> None:
        """Attach a file, or bytes under a name.

        Args:
            content: Path of a file, or the bytes themselves.
            name: Shown to people; the file's own name when empty.

        Raises:
            OSError: There is no such file.
            ValueError: Bytes without a name.
        """
        if isinstance(content, bytes):
            if not name:
                raise ValueError("Bytes need a name: defend_attach(content, 'response.json').")
            self._keep(io.BytesIO(content), len(content), name)
            return
        path = Path(content)
        with path.open("rb") as source:
            self._keep(source, os.fstat(source.fileno()).st_size, name or path.name)

    def _keep(self, source: BinaryIO, size: int, name: str) -> None:
        way = self._config.stash.get(_ATTACHING, None)
        if way is None:
            return
        if not self._config.pluginmanager.is_registered(way):
            self._config.pluginmanager.register(way, "defend-attaching")
        told = way.keep(self._item.nodeid, source, size, name)
        self._item.stash.setdefault(_TOLD, []).append(told)
