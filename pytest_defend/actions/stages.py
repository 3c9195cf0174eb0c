"""Stages: what a later run adds to a build that is there already.

Rules:
- A run joins a build of its name and number when it tested the same: the very files the build made, or the
  same source revision. Other bytes of a package, or another revision, are another build, and refused.
- A stage of the build's own is added as its module, with its evidence; modules that are there stay as they
  are. The same run again changes nothing.
- A stage that is there is refused, unless it was asked for beside it: always (`new-run`), or only where the
  one that is there never reached its end (`resume`).
- A run without files of its own puts its evidence beside the package of the build.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.documents.build import path_part
from pytest_defend.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo, Module
    from pytest_defend.model.bundle import Manifest
    from pytest_defend.protocols import Store

__all__ = ["ON_EXISTS", "Joined", "joined", "package_of", "placed", "stage_mark", "stage_property"]

ON_EXISTS = ("fail", "new-run", "resume")
_NUMBER = "Run again under another number (--defend-build NAME/NUMBER)."


def stage_property(stage: str) -> str:
    """Name of the property that says how a stage ended."""
    return f"defend.stage.{stage}"


def stage_mark(module: Module, stage: str, store: Store) -> str:
    """What stands on the files of a stage; files that disagree, or are gone, give no mark.

    Raises:
        StoreError: The store cannot be read.
    """
    marks = set()
    for artifact in module.artifacts:
        try:
            item = store.stat(f"{artifact.repository}/{artifact.path}")
        except NotFound:
            return ""
        marks.add(item.properties.get(stage_property(stage), ("",))[0])
    return marks.pop() if len(marks) == 1 else ""


def package_of(build: BuildInfo, name: str) -> tuple[str, str] | None:
    """Name and version of the package a build made; of several the one of that name, else the first.

    Args:
        build: That is there.
        name: Of the project, in PEP 503 form.
    """
    found = [module.id.rpartition(":") for module in _packages(build.modules) if module.artifacts]
    named = [(package, version) for package, _, version in found if package and version]
    return next((each for each in named if each[0] == name), named[0] if named else None)


def placed(manifest: Manifest, kept: BuildInfo) -> Manifest:
    """The bundle of a run without files of its own, beside the package of the build it adds to.

    Args:
        manifest: As it was packed, when nobody had asked for the build.
        kept: The build that is there.
    """
    (stage,) = [each for each in manifest.build.modules if "defend.stage" in each.properties]
    if not stage.artifacts or any(each.artifacts for each in _packages(manifest.build.modules)):
        return manifest
    before = "/".join(stage.artifacts[0].path.split("/")[:2])
    project = before.partition("/")[0]
    own = [each for each in kept.modules if each.properties.get("defend.run") == manifest.run]
    if own and own[0].artifacts:  # it stays where it is
        after, name = "/".join(own[0].artifacts[0].path.split("/")[:2]), own[0].id
    elif (package := package_of(kept, project)) is not None:
        after, name = "/".join(map(path_part, package)), f"{':'.join(package)}/stage/{manifest.stage}"
    else:
        return manifest

    def moved(path: str) -> str:
        return path.replace(f"{before}/", f"{after}/", 1)

    there = replace(
        stage,
        id=name,
        artifacts=tuple(replace(made, path=moved(made.path)) for made in stage.artifacts),
        dependencies=tuple(
            replace(used, requested_by=tuple(_renamed(each, stage.id, name) for each in used.requested_by))
            for used in stage.dependencies
        ),
    )
    modules = tuple(there if each is stage else each for each in manifest.build.modules)
    files = tuple(replace(file, path=moved(file.path)) for file in manifest.files)
    return replace(manifest, build=replace(manifest.build, modules=modules), files=files)


def _renamed(chain: Sequence[str], before: str, after: str) -> tuple[str, ...]:
    return tuple(after if name == before else name for name in chain)


def _packages(modules: Sequence[Module]) -> Iterator[Module]:
    return (module for module in modules if module.is_package)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a run adds.

    Attributes:
        build: That is there.
        modules: To append.
    """

    build: BuildInfo
    modules: tuple[Module, ...]


def joined(manifest: Manifest, kept: BuildInfo, store: Store, *, on_exists: str = "fail") -> Joined:
    """What a run adds to a build that is there.

    Args:
        manifest: Of the run.
        kept: The build.
        store: Where it is.
        on_exists: What to do about a stage that is there: one of `ON_EXISTS`.

    Raises:
        Conflict: It may not join.
        StoreError: The store cannot be read.
    """
    _check_same(manifest, kept, store.locator)
    there = {module.id for module in kept.modules}
    packages = [each for each in _packages(manifest.build.modules) if each.artifacts and each.id not in there]
    (stage,) = [each for each in manifest.build.modules if "defend.stage" in each.properties]
    return Joined(build=kept, modules=(*packages, _stage(manifest, stage, kept, store, on_exists)))


def _check_same(manifest: Manifest, kept: BuildInfo, locator: str) -> None:
    """Refuse what tested something else."""
    known = {(module.id, file.name): file.sha256 for module in kept.modules for file in module.artifacts}
    own = [(module.id, file) for module in _packages(manifest.build.modules) for file in module.artifacts]
    for module, file in own:
        sha256 = known.get((module, file.name), file.sha256)
        if sha256 != file.sha256:
            message = (
                f"{kept.id} in {locator} has {file.name} with sha256 {sha256}; this run has {file.sha256}."
            )
            raise Conflict(str(kept.id), message, hint=f"A published version is never replaced. {_NUMBER}")
    if own and all((module, file.name) in known for module, file in own):
        return  # it tested the very files of the build
    theirs, ours = _revision(kept), _revision(manifest.build)
    if theirs != ours:
        message = (
            f"{kept.id} in {locator} is of revision {theirs or 'unknown'}, this run of {ours or 'unknown'}."
        )
        hint = f"Test the files of the build (--defend-artifact-from), or: {_NUMBER[0].lower()}{_NUMBER[1:]}"
        raise Conflict(str(kept.id), message, hint=hint)


def _revision(build: BuildInfo) -> str:
    return next((vcs.revision for vcs in build.vcs), "")


def _stage(manifest: Manifest, stage: Module, kept: BuildInfo, store: Store, on_exists: str) -> Module:
    """The module of the stage, under an id that is free or its own."""
    others = [module for module in kept.modules if module.properties.get("defend.stage") == manifest.stage]
    if not others:
        return stage
    again = [module for module in others if module.properties.get("defend.run") == manifest.run]
    if again:
        return again[0]
    ended = [module for module in others if stage_mark(module, manifest.stage, store)]
    if on_exists == "new-run" or (on_exists == "resume" and not ended):
        return replace(stage, id=f"{stage.id}/{manifest.run}")
    runs = ", ".join(str(module.properties.get("defend.run", "")) for module in others)
    message = f"{kept.id} in {store.locator} has stage {manifest.stage} already, of run {runs}."
    hint = (
        "Name another stage (--defend-stage), another number (--defend-build NAME/NUMBER), or say"
        " --defend-on-exists new-run."
    )
    raise Conflict(str(kept.id), message, hint=hint)
