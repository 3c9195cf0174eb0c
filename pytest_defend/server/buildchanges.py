"""`?diff=`: what changed from one build to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.model.buildinfo import BuildInfo

__all__ = ["changes"]


def changes(before: BuildInfo, after: BuildInfo) -> dict[str, Any]:
    """Artifacts, dependencies and properties that are new, gone, changed or the same."""
    return {
        "artifacts": _compared(_artifacts(before), _artifacts(after)),
        "dependencies": _compared(_dependencies(before), _dependencies(after)),
        "properties": _compared(_properties(before), _properties(after)),
    }


def _artifacts(build: BuildInfo) -> dict[str, dict[str, Any]]:
    return {
        f"{module.id}\0{part.name}": {
            "name": part.name,
            "module": module.id,
            "type": part.type,
            "sha1": part.sha1,
            "md5": part.md5,
        }
        for module in build.modules
        for part in module.artifacts
    }


def _dependencies(build: BuildInfo) -> dict[str, dict[str, Any]]:
    return {
        f"{module.id}\0{part.id.rpartition(':')[0] or part.id}": {
            "id": part.id,
            "module": module.id,
            "type": part.type,
            "scopes": list(part.scopes),
            "sha1": part.sha1,
            "md5": part.md5,
        }
        for module in build.modules
        for part in module.dependencies
    }


def _properties(build: BuildInfo) -> dict[str, dict[str, Any]]:
    return {name: {"key": name, "value": str(value)} for name, value in build.properties.items()}


def _compared(
    before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    kept = [name for name in after if name in before]
    return {
        "updated": [{**after[name], "diff": before[name]} for name in kept if after[name] != before[name]],
        "unchanged": [after[name] for name in kept if after[name] == before[name]],
        "removed": [told for name, told in before.items() if name not in after],
        "new": [told for name, told in after.items() if name not in before],
    }
