"""Which runs of builds there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import (
    STARTED,
    a_build_info,
)
from pytest_defend.actions.builds import builds
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.views import BuildRow

if TYPE_CHECKING:
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")


def test_builds_are_rows(store: Store) -> None:
    assert builds("", store) == ()
    later = "2026-02-01T00:00:00.000+0000"
    for build in (a_build_info(), a_build_info(number="2", started=later), a_build_info(name="other")):
        store.publish_build(build)
    demo = (
        BuildRow(name="demo", number="1", started=STARTED),
        BuildRow(name="demo", number="2", started=later),
    )
    assert builds("demo", store) == demo
    assert builds("", store) == (*demo, BuildRow(name="other", number="1", started=STARTED))
    assert builds("nobody", store) == ()
