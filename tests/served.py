"""The local server over real sockets, for tests."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore

from builders import a_clock
from pytest_defend.server import application
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["REPOSITORIES", "a_store_at", "served"]

REPOSITORIES = (
    *("libs-local", "rc-local", "release-local", "incoming", "dev", "rc", "reports", "mirror", "third"),
    *("r", "a", "b", "c"),
)


@contextmanager
def served(folder: Path, **arguments: Any) -> Iterator[str]:
    """Serve a store in a thread; gives the URL."""
    repositories = {key: {"rclass": "local", "packageType": "generic"} for key in REPOSITORIES}
    app = application(folder, **{"repositories": repositories, "clock": a_clock, **arguments})
    server: Any = waitress.create_server(
        app, host="127.0.0.1", port=0, threads=16, ident=None, asyncore_loop_timeout=0.05
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/artifactory"
    finally:
        # in its own thread: what is kept alive keeps its loop alive
        with suppress(OSError):  # it was awake, and has closed the trigger before it was pulled
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
        thread.join(10)
        server.task_dispatcher.shutdown()


def a_store_at(url: str, **arguments: Any) -> ArtifactoryStore:
    """A store that does not wait long."""
    session = Session(sleep=lambda seconds: time.sleep(min(seconds, 0.1)), read_s=30)
    return ArtifactoryStore(url, session, a_clock, **{"settle_s": 0.01, **arguments})
