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

__all__ = ["open_store", "refuse_servers"]


def open_store(settings: Settings, root: Path) -> Store:
    """The store the settings name.

    Args:
        settings: Resolved.
        root: Folder a relative directory is relative to.

    Raises:
        UsageError: The locator names no store this version can use.
    """
    refuse_servers(settings)
    from pytest_defend.stores.directory import DirectoryStore

    return DirectoryStore(root / Path(settings.store).expanduser(), clock=_now)


def refuse_servers(settings: Settings) -> None:
    """Say at once, not when everything has run, that this version cannot publish there.

    Raises:
        UsageError: The locator names a server.
    """
    if "://" in settings.store:
        shown, origin = strip_user_information(settings.store), settings.origins["store"]
        hint = "Give a directory with --defend-store (or DEFEND_STORE); a server comes with a later version."
        raise UsageError(
            f"{shown} ({origin}) is a server, and this version publishes to directories only.", hint=hint
        )


def _now() -> datetime:
    return datetime.now(UTC)
