"""Version: one PEP 440 version for each change-set, for build back ends to use.

Rules:
- In CI it is `BASE.<build number>`: the system numbers every run, attempts included. The base is that of the
  last tag, `X.Y`.
- Elsewhere it is `BASE.<commits since the last tag>`. The base is the whole release of the last tag, `X.Y.Z`:
  every tag starts the counting anew, and two change-sets must never have one version.
- A tree with changes gets `+g<commit>`, so that it is never taken for the commit itself.

Source: https://packaging.python.org/en/latest/specifications/version-specifiers/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from pytest_defend.errors import UsageError
from pytest_defend.model.views import VersionView

if TYPE_CHECKING:
    from pytest_defend.model.ci import CiFacts
    from pytest_defend.model.gitfacts import VersionFacts

__all__ = ["version"]

_RELEASE = re.compile(r"\d+(\.\d+)*", re.ASCII)
_NONE = (0, 0)


def version(*, base: str, project_version: str, ci: CiFacts | None, git: VersionFacts | None) -> VersionView:
    """The version of the change-set that is checked out.

    Args:
        base: `X.Y` to count under; empty for that of the last tag, else of the project. A last tag below it
            is counted from in git.
        project_version: As the project's files say; may be empty.
        ci: The CI system this is, if any.
        git: What git says, if this is a checkout.

    Raises:
        UsageError: Nothing numbers this change-set, or the parts make no version.
    """
    if base and not _RELEASE.fullmatch(base):
        raise UsageError(f"{base!r} is no release to count under.", hint="Give --base X.Y.")
    tag = _release(git.tag) if git else ()
    under = base or _text((tag or _release(project_version) or _NONE)[:2])
    if ci is not None and ci.build_number:
        chosen, number, source = under, ci.build_number, "ci"
    elif git is not None:
        wanted = Version(under).release
        below = tag[: len(wanted)] == wanted
        chosen, number, source = _text(tag) if below else under, str(git.distance), "git"
    else:
        hint = "Run it in a git checkout or in CI."
        raise UsageError("Nothing numbers this change-set: no git commit, no CI run.", hint=hint)
    dirty = git is not None and git.dirty
    text = f"{chosen}.{number}" + (f"+g{git.commit}" if git is not None and dirty else "")
    try:
        made = Version(text)
    except InvalidVersion as error:
        hint = "A CI build number must be numbers and dots."
        raise UsageError(f"{text!r} is no PEP 440 version.", hint=hint) from error
    return VersionView(
        version=str(made), base=chosen, source=source, commit=git.commit if git else "", dirty=dirty
    )


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a release, two at least; none when it is no version."""
    try:
        release = Version(text).release
    except InvalidVersion:
        return ()
    return release if len(release) > 1 else (*release, 0)


def _text(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
