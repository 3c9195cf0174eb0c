"""Published stages that can be signed, and keys to sign them with.

Rules:
- The file at `PATH` was tested as it is installed, so that a statement can be about it.
- Two keys of each kind are made once: making one costs time.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from builders import a_bundle, a_dist_file
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, publish
from pytest_defend.actions.stated import Key
from pytest_defend.keys import Kind, generate, load_signer
from pytest_defend.model.bundle import Final
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.record import RanOn, Shipped

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.keys import KeyPair
    from pytest_defend.model.bundle import Manifest
    from pytest_defend.protocols import Store

__all__ = ["a_key", "a_pair", "a_stage"]


@cache
def _made(kind: Kind, number: int) -> KeyPair:
    del number
    return generate(kind)


def a_pair(kind: Kind = Kind.ED25519, number: int = 1) -> KeyPair:
    """A key as it is kept in files; the same one for the same arguments."""
    return _made(kind, number)


def a_key(kind: Kind = Kind.ED25519, number: int = 1) -> Key:
    """A key that signs, with its public half."""
    private = load_signer(a_pair(kind, number).private_pem)
    return Key(signer=private, verifier=private.public)


def a_stage(
    folder: Path,
    store: Store,
    stage: str = "tests",
    run: str = "r1",
    *lines: bytes,
    final: int | None = 0,
    number: str = "1",
    content: bytes = b"demo",
) -> Manifest:
    """A stage of build `demo/<number>`, published and marked; without a `final` only published."""
    dist = a_dist_file(folder / f"dist-{number}-{run}", content=content)
    installed = Installed(distributions=(Distribution(name="demo", version="1.0", scopes=("self",)),))
    tested = {dist.path: RanOn(what=Shipped.ARTIFACT)}
    material = Material(dists=[dist], tested=tested, installed=installed)
    started = parse_instant(f"2026-01-31T11:59:{int(run.removeprefix('r')):02}.456+0000")
    name = f"{number}-{run}"
    manifest = a_bundle(
        folder / name, *lines, material=material, run=run, stage=stage, build_number=number, started=started
    )
    publish(folder / name, manifest, store)
    if final is not None:
        mark(manifest, store, Final(exit_status=final))
    return manifest
