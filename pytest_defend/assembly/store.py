"""From a locator to a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.errors import UsageError
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Settings

__all__ = ["open_store"]


def open_store(settings: Settings, root: Path) -> Store:
    """The store the settings name.

    Args:
        settings: Resolved.
        root: Folder a relative directory is relative to.

    Raises:
        UsageError: The locator names no store this version can use.
    """
    locator = settings.store
    if "://" in locator:
        shown = strip_user_information(locator)
        hint = "Give a directory with --defend-store (or DEFEND_STORE); a server comes with a later version."
        raise UsageError(f"{shown} is a server, and this version publishes to directories only.", hint=hint)
    from pytest_defend.stores.directory import DirectoryStore

    return DirectoryStore(root / Path(locator).expanduser(), clock=_now)


def _now() -> datetime:
    return datetime.now(UTC)
