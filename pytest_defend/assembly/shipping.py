"""Whether the tests ran on what is shipped, with what is known when they are over.

Rules:
- What was installed is what was installed when the run began; files are compared as they are now.
- With workers each of them says what it imported: the controller collects no tests, and may see another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.tags import sys_tags

from pytest_defend.capture.imports import looked_up, read_imports
from pytest_defend.capture.shipped import Ran, compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.distributions import DistFile, Installed
    from pytest_defend.model.record import RanOn

__all__ = ["ran_on"]


def ran_on(
    run: Recording, dists: Sequence[DistFile], installed: Installed | None
) -> Mapping[str, RanOn | None]:
    """Whether the tests ran on what each distribution file holds, by its path.

    Args:
        run: The run, in the process that heard it.
        dists: Files that are published with it.
        installed: What was installed when it began; None when that was not read.
    """
    if installed is None:
        return {}
    known = {each.name: each for each in installed.distributions}
    ran = Ran(
        imports=(read_imports(), *run.imports),
        look_up=looked_up,
        tags=frozenset(map(str, sys_tags())) if dists else frozenset(),
        since_ns=run.began_ns,
    )
    return {dist.path: compare(dist, known.get(dist.name), ran) for dist in dists}
