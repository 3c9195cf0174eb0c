"""The local server over real sockets, for tests."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from artifactories import over_a_socket
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
    with closing(app), over_a_socket(app) as url:
        yield url


def a_store_at(url: str, **arguments: Any) -> ArtifactoryStore:
    """A store that does not wait long."""
    session = Session(sleep=lambda seconds: time.sleep(min(seconds, 0.1)), read_s=30)
    return ArtifactoryStore(url, session, a_clock, **{"settle_s": 0.01, **arguments})
