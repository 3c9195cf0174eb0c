"""A directory store as a server opens it: files, builds and accounts of one folder.

Rules:
- It is the same folder and the same ledger that `DirectoryStore` uses, at the same time if need be.
- The ledger is brought up to date when it is opened, and stays open until the store is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.stores.accounts import Accounts
from pytest_defend.stores.archive import Archive
from pytest_defend.stores.blobs import Blobs
from pytest_defend.stores.depot import Depot
from pytest_defend.stores.questions import Questions
from pytest_defend.stores.schema import Database

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Clock

__all__ = ["ServedStore"]


class ServedStore:
    """Everything a server does with one folder.

    Args:
        root: The folder; made when it is missing.
        clock: Says what time it is.
        patience_s: How long to wait for other processes that write.

    Attributes:
        files: What is stored.
        builds: What was published.
        accounts: Who may do what, and where.
        questions: Queries over all of it.
    """

    def __init__(self, root: Path, clock: Clock, *, patience_s: float = 30.0) -> None:
        root = root.absolute()
        locator = str(root)
        database = Database(root / "ledger.sqlite3", locator=locator, patience_s=patience_s, keep_open=True)
        with database.writing():
            pass
        self._database = database
        self.locator = locator
        self.files = Depot(database, Blobs(root / "blobs", locator=locator), clock, locator=locator)
        self.builds = Archive(database, clock, locator=locator)
        self.accounts = Accounts(database, clock)
        self.questions = Questions(database)

    def close(self) -> None:
        """Close the ledger."""
        self._database.close()
