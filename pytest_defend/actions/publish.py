"""Publish: a bundle on disk becomes a build in a store; then, last of all, the mark.

Rules:
- The files and the build-info go in together: a reader sees all of it or nothing.
- Publishing the same bundle again changes nothing.
- A run whose build is there already adds its stage to it (`actions/stages.py`), or is refused.
- `defend.stage.<stage>` is written after everything else, by `mark`: to every file of the run and to the
  package of its build, wherever promotions took it. Its absence is the safe state.
- What the user wants to be set is set on the package alone, before the mark, when the stage has passed; when
  it has not, it is taken away.
- A dry run only reads.
- A bundle may come from another machine: its manifest is checked before it is believed.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pytest_defend.actions.stages import joined, placed, stage_property
from pytest_defend.errors import Conflict, InvalidDocument, NotFound
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import FINAL, FORMAT, MANIFEST, Final, Manifest, Published
from pytest_defend.protocols import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pytest_defend.actions.stages import Joined
    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.bundle import BundledFile
    from pytest_defend.model.results import Verdict
    from pytest_defend.protocols import Store

__all__ = ["mark", "open_bundle", "publish"]

_VERSION_DEPTH = 3  # `repository/name/version`


def open_bundle(folder: Path) -> tuple[Manifest, Final | None]:
    """Read a bundle's manifest and its last word, if it has one.

    Raises:
        InvalidDocument: One of them is damaged, of another version, or names a file outside the bundle.
        OSError: There is no manifest.
    """
    manifest = Manifest.from_bytes((folder / MANIFEST).read_bytes())
    problems = list(_problems(manifest))
    if problems:
        raise InvalidDocument("Manifest document", problems)
    final = folder / FINAL
    return manifest, Final.from_bytes(final.read_bytes()) if final.exists() else None


def _problems(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.format != FORMAT:
        yield "format", f"is {manifest.format!r}; this pytest-defend reads {FORMAT}"
    try:
        manifest.build.started_at  # noqa: B018  # asked for its error
    except ValueError as error:
        yield "build.started", str(error)
    for index, file in enumerate(manifest.files):
        name = PurePosixPath(file.name)
        if name.is_absolute() or ".." in name.parts:
            yield f"files[{index}].name", f"{file.name!r} is a place outside the bundle"


def _no_page(_: BuildId) -> str:
    return ""


def publish(
    folder: Path,
    manifest: Manifest,
    store: Store,
    *,
    dry_run: bool = False,
    on_exists: str = "fail",
    page: Callable[[BuildId], str] = _no_page,
) -> Published:
    """Put a bundle into a store.

    Args:
        folder: The bundle.
        manifest: Its manifest.
        store: Where it goes.
        dry_run: Only read, and say what would be done.
        on_exists: What to do when the build has this stage already: `fail`, `new-run` or `resume`.
        page: Says where people look at a run of a build that is there; empty where they cannot.

    Raises:
        Conflict: The build has this stage already or is of something else, or other bytes are there under one
            of its paths.
        StoreError: The store could not do it; nothing is half visible, trying again is safe.
    """
    there = _there(manifest, store)
    own = manifest
    if there is not None:
        manifest = placed(own, there)
    join = joined(manifest, there, store, on_exists=on_exists) if there else None
    kept = _kept(manifest, store)
    if not dry_run:
        try:
            _write(folder, manifest, store, join)
        except Conflict:
            if there is not None or (there := _there(own, store)) is None:
                raise
            manifest = placed(own, there)  # somebody else was first, just now
            _write(folder, manifest, store, joined(manifest, there, store, on_exists=on_exists))
    build = there or manifest.build
    return Published(
        build=str(build.id),
        store=store.locator,
        stage=manifest.stage,
        new=tuple(file.path for file in manifest.files if file.path not in kept),
        kept=tuple(sorted(kept)),
        size_bytes=sum(f.checksums.size_bytes for f in manifest.files if f.path not in kept),
        dry_run=dry_run,
        url="" if dry_run else page(build.id),
    )


def _there(manifest: Manifest, store: Store) -> BuildInfo | None:
    """The build of this name and number that another run began; the latest of several.

    Two runs may begin in one millisecond: the instant alone does not say whose build it is.
    """
    build = manifest.build
    try:
        kept = store.build(BuildId(name=build.name, number=build.number))
    except NotFound:
        return None
    own = any(module.properties.get("defend.run") == manifest.run for module in kept.modules)
    return None if own and kept.started_at == build.started_at else kept


def _write(folder: Path, manifest: Manifest, store: Store, join: Joined | None) -> None:
    build = join.build if join else manifest.build
    identity = {
        "build.name": (build.name,),
        "build.number": (build.number,),
        "build.timestamp": (build.timestamp,),
    }
    uploads = [_upload(folder, file, identity) for file in manifest.files]
    if join is None:
        store.publish_build(build, uploads)
    else:
        store.append(build.id, join.modules, uploads)


def mark(manifest: Manifest, store: Store, final: Final | None) -> Verdict:
    """Write how the stage ended to every file of a published bundle, and to the package of its build.

    Args:
        manifest: Of the bundle.
        store: Where it was published.
        final: The last word of the run; None when there is none.

    Returns:
        The verdict that was written.

    Raises:
        StoreError: The store could not do it; the build stays without the mark, hence not eligible.
    """
    verdict = manifest.concluded(final)
    kept = store.build(BuildId(name=manifest.build.name, number=manifest.build.number))
    manifest = placed(manifest, kept)
    packages = _packages(kept, store)
    if manifest.properties:
        wanted = manifest.properties if verdict.green else dict.fromkeys(manifest.properties, ())
        store.annotate(packages, wanted)
    paths = dict.fromkeys((*(file.path for file in manifest.files), *packages))
    store.annotate(list(paths), {stage_property(manifest.stage): (verdict.mark,)})
    return verdict


def _packages(kept: BuildInfo, store: Store) -> Sequence[str]:
    """Where the package of the build is: where it was published, and where promotions took it."""
    packages = [module for module in kept.modules if module.is_package]
    inside = {made.path: made.sha256 for module in packages for made in module.artifacts}
    found = store.find(sorted(set(inside.values()))) if inside else {}
    return sorted(
        item.path
        for items in found.values()
        for item in items
        if inside.get(item.path.partition("/")[2]) == item.checksums.sha256
    )


def _upload(folder: Path, file: BundledFile, properties: Mapping[str, tuple[str, ...]]) -> Upload:
    def read() -> BinaryIO:
        return (folder / file.name).open("rb")

    return Upload(path=file.path, checksums=file.checksums, open=read, properties=properties)


def _kept(manifest: Manifest, store: Store) -> frozenset[str]:
    """The paths of the files that are there already.

    Asked by the folder of a version, for on a server a request costs more than a row.

    Raises:
        Conflict: Other bytes are there under one of the paths.
    """
    folders = {"/".join(file.path.split("/")[:_VERSION_DEPTH]) for file in manifest.files}
    there = {item.path: item.checksums for folder in sorted(folders) for item in store.list(folder)}
    for file in manifest.files:
        found = there.get(file.path)
        if found is not None and found.sha256 != file.checksums.sha256:
            ours = file.checksums.sha256
            message = f"{file.path} is kept with sha256 {found.sha256}; this build has {ours}."
            hint = "A published version is never replaced: build and publish a new version."
            raise Conflict(file.path, message, hint=hint)
    return frozenset(file.path for file in manifest.files if file.path in there)
