"""Whether a lock is for this interpreter at all, by what it says about the whole of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.sources.values import Malformed, shown
from pytest_defend.model.markers import may_hold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.capture.sources.values import Value

__all__ = ["concerns"]


def concerns(environment: Mapping[str, str], python: Value, markers: Sequence[Value]) -> bool:
    """Whether a lock may be about an interpreter.

    Args:
        environment: The marker variables of the interpreter; what they leave open excludes nothing.
        python: The versions of Python the lock is for; all when absent.
        markers: The environments the lock is for, one of which must hold; all when there are none.

    Raises:
        Malformed: One of these is neither.
    """
    wanted = python.text()
    try:
        versions = SpecifierSet(wanted)
    except InvalidSpecifier as error:
        raise Malformed(python.place, f"is no range of versions: {shown(wanted)}") from error
    version = _python(environment)
    fits = version is None or versions.contains(version)
    texts = [each.marker() for each in markers]
    return fits and (not texts or any(may_hold(each, environment) for each in texts))


def _python(environment: Mapping[str, str]) -> Version | None:
    """Its version, without the `+` of a checkout; a candidate is compared like its release."""
    try:
        return Version(Version(environment.get("python_full_version", "").removesuffix("+")).base_version)
    except InvalidVersion:
        return None
