"""The build-info repositories of 7.x: one JSON file for each run, readable as any other.

Rules:
- The key is `artifactory-build-info`, or `PROJECT-build-info`.
- The name of a file is the number of the build and its `started` in milliseconds, its folder the name of the
  build; what a path cannot hold is percent-encoded, and the single quote becomes `%22`.

Source: `aqlquerybuilder.go` of jfrog-client-go.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pytest_defend.server.shapes import told_build
from pytest_defend.stores.entries import Deposit

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.server.profiles import Profile
    from pytest_defend.stores.archive import Kept
    from pytest_defend.stores.served import ServedStore

__all__ = ["build_file", "build_repository", "shelve", "unshelve"]

_ENCODED = {"'": "%22", **{char: f"%{ord(char):02X}" for char in "/\\|*?:;%"}}


def build_repository(project: str) -> str:
    """The key of the repository the builds of a project are in."""
    return f"{project or 'artifactory'}-build-info"


def build_file(kept: Kept) -> str:
    """The path of the file of a run."""
    run = kept.run.id
    folder = build_repository(kept.project)
    return f"{folder}/{_encoded(run.name)}/{_encoded(run.number)}-{kept.started_ms}.json"


def _encoded(text: str) -> str:
    return "".join(_ENCODED.get(char, char) for char in re.sub(r"\s", " ", text))


def shelve(store: ServedStore, kept: Kept, build: BuildInfo, profile: Profile) -> str:
    """Write the file of a run, or write it anew.

    Returns:
        Its sha256; empty on a version without such files.
    """
    if not profile.seven:
        return ""
    path = build_file(kept)
    key = path.partition("/")[0]
    if key not in store.accounts.repositories():
        store.accounts.configure(key, {"rclass": "local", "packageType": "buildinfo"})
    content = json.dumps(told_build(build, profile), indent=2).encode()
    checksums = store.files.receive([content])
    properties = {
        "build.name": (kept.run.id.name,),
        "build.number": (kept.run.id.number,),
        "build.timestamp": (str(kept.started_ms),),
    }
    store.files.deposit(Deposit(path=path, checksums=checksums, user=kept.user, properties=properties))
    return checksums.sha256


def unshelve(store: ServedStore, kept: Kept, profile: Profile) -> None:
    """Delete the file of a run."""
    if profile.seven:
        store.files.remove([build_file(kept)])
