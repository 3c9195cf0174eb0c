"""Builds: which runs of which builds there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.model.views import BuildRow

if TYPE_CHECKING:
    from pytest_defend.protocols import Store

__all__ = ["builds"]


def builds(name: str, store: Store) -> tuple[BuildRow, ...]:
    """List runs, by name, then by when they started.

    Args:
        name: Of the builds; empty for all.
        store: Where.

    Raises:
        StoreError: The store cannot be read.
    """
    return tuple(
        BuildRow(name=run.id.name, number=run.id.number, started=run.id.started) for run in store.builds(name)
    )
