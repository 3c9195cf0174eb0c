"""Which Artifactory the server is: version, edition, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One Artifactory.

    Attributes:
        name: As it is chosen.
        version: As `/api/system/version` tells it.
        pro: Whether the REST calls of the paid edition are there.
        seven: Whether it is 7.x: builds in a repository, projects, PATCH of properties.
    """

    name: str
    version: str
    pro: bool
    seven: bool

    @property
    def addons(self) -> tuple[str, ...]:
        """As `/api/system/version` tells them."""
        return ("build", "properties", "rest", "search") if self.pro else ()


_ALL = (
    Profile(name="5.11-oss", version="5.11.0", pro=False, seven=False),
    Profile(name="5.11-pro", version="5.11.0", pro=True, seven=False),
    Profile(name="7-pro", version="7.104.5", pro=True, seven=True),
)
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in _ALL}
