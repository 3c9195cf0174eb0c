"""A repository of a store, in the words of Artifactory's REST.

Rules:
- What a store does not tell is empty, or None where empty would say something.
- Two that are to resolve and to hold the same are the same: descriptions do not count, nor does what is not
  told.

Source: JFrog's REST documentation of repository configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pytest_defend.model.fields import Document, named

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOCAL", "VIRTUAL", "Repository"]

LOCAL, VIRTUAL = "local", "virtual"
_SIMPLE = {"pypi", "generic"}  # of a layout that says nothing about paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(Document):
    """One repository."""

    key: str
    kind: str = LOCAL
    """`local`, `remote`, `virtual` or `federated`."""
    package_type: str = named("package-type", default="")
    """Empty when it is not told."""
    members: tuple[str, ...] | None = ()
    """Of a virtual one, in the order they are looked into; null when they are not told."""
    default_deployment: str = named("default-deployment", default="")
    """Of a virtual one: where files go that are sent to it; empty for nowhere, or when it is not told."""
    description: str = ""

    @classmethod
    def from_configuration(cls, key: str, configuration: Mapping[str, Any]) -> Self:
        """Read what a server says of one."""
        kind = str(configuration.get("rclass") or LOCAL).lower()
        members: tuple[str, ...] | None = ()
        if kind == VIRTUAL:
            told = configuration.get("repositories")
            members = tuple(map(str, told)) if isinstance(told, (list, tuple)) else None
        return cls(
            key=key,
            kind=kind,
            package_type=str(configuration.get("packageType") or "").lower(),
            members=members,
            default_deployment=str(configuration.get("defaultDeploymentRepo") or ""),
            description=str(configuration.get("description") or ""),
        )

    def configuration(self) -> dict[str, Any]:
        """Itself as `PUT /api/repositories/KEY` takes it."""
        told: dict[str, Any] = {"key": self.key, "rclass": self.kind}
        if self.package_type:
            told["packageType"] = self.package_type
        if self.description:
            told["description"] = self.description
        if self.package_type in _SIMPLE:
            told["repoLayoutRef"] = "simple-default"
        if self.kind == VIRTUAL:
            told |= {
                "repositories": list(self.members or ()),
                "defaultDeploymentRepo": self.default_deployment,
            }
        return told

    def is_like(self, other: Repository) -> bool:
        """Whether both are to resolve and to hold the same, as far as that is told."""
        if self.kind != other.kind or len({self.package_type, other.package_type} - {""}) > 1:
            return False
        if self.members is None or other.members is None:
            return True
        return (self.members, self.default_deployment) == (other.members, other.default_deployment)
