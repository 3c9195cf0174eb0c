"""Which wheels on this machine prove a digest by themselves, and which need a source that names it."""

from __future__ import annotations

import os
import time
import zipfile
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.localfiles import LocalFiles
from pytest_defend.capture.memory import NoMemory
from pytest_defend.capture.origins import Sources, read_origins
from pytest_defend.capture.wheels import wheel_fingerprint
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Candidate, Certainty, Offer, Tree
from wheels import a_wheel, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.origins import Origin

A_WHILE_S = 0.02  # longer than the clock of a file system takes to move on
_HOUR_S = 3600


def _install(wheel: Path, site: Path) -> Distribution:
    """What an installer leaves that takes from an index."""
    time.sleep(A_WHILE_S)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (info,) = site.glob("*.dist-info")
    time.sleep(A_WHILE_S)
    return Distribution(
        name="demo",
        version="1.0",
        tags=("py3-none-any",),
        location=str(site),
        metadata=info.name,
        installer="pip",
        fingerprint=wheel_fingerprint(wheel),
    )


def _origin(distribution: Distribution, local: LocalFiles, *offers: Offer) -> Origin:
    sources = Sources(
        offers={"demo": offers}, local=local, tree=lambda _: Tree(), environment={}, memory=NoMemory()
    )
    found, _ = read_origins(Installed(distributions=(distribution,)), sources)
    origin = found.distributions[0].origin
    assert origin is not None
    return origin


def _set(path: Path, seconds: float) -> None:
    os.utime(path, (seconds, seconds))


@pytest.fixture
def again(tmp_path: Path) -> Any:
    """Makes the same wheel again: the same content in other bytes, as most who build write them."""
    return partial(a_wheel, tmp_path / "house", "demo", dated=(2024, 1, 1))


def test_a_wheel_that_was_there_before_proves_its_digest(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "house", "demo")
    origin = _origin(_install(wheel, tmp_path / "site"), LocalFiles([wheel.parent]))
    assert (origin.certainty, origin.sha256) == (Certainty.PROVEN, sha256(wheel))


def test_a_wheel_that_was_made_later_does_not(tmp_path: Path, again: Any) -> None:
    installed = _install(a_wheel(tmp_path, "demo"), tmp_path / "site")
    origin = _origin(installed, LocalFiles([again().parent]))
    assert (origin.certainty, origin.sha256) == (Certainty.CONSTRAINED, "")


def test_a_wheel_that_was_brought_later_with_an_older_time_does_not(tmp_path: Path, again: Any) -> None:
    installed = _install(a_wheel(tmp_path, "demo"), tmp_path / "site")
    wheel = again()
    _set(wheel, time.time() - _HOUR_S)
    origin = _origin(installed, LocalFiles([wheel.parent]))
    assert (origin.certainty, origin.sha256) == (Certainty.CONSTRAINED, "")


def test_a_wheel_that_was_made_after_uv_unpacked_another_does_not(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "house", "demo")
    installed = _install(wheel, tmp_path / "site")
    _set(tmp_path / "site" / installed.metadata / "METADATA", time.time() - _HOUR_S)  # linked from its cache
    assert _origin(installed, LocalFiles([wheel.parent])).sha256 == ""
    _set(tmp_path / "site" / installed.metadata / "METADATA", time.time() + _HOUR_S)
    assert _origin(installed, LocalFiles([wheel.parent])).sha256 == sha256(wheel)
    (tmp_path / "site" / installed.metadata / "METADATA").unlink()
    assert _origin(installed, LocalFiles([wheel.parent])).sha256 == ""


def test_in_an_image_only_the_times_of_content_count(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "house", "demo")
    installed = _install(wheel, tmp_path / "site")
    for name in ("METADATA", "RECORD"):
        _set(tmp_path / "site" / installed.metadata / name, time.time() - _HOUR_S)
    _set(wheel, time.time() - 2 * _HOUR_S)  # an image unpacks its files in any order
    origin = _origin(installed, LocalFiles([wheel.parent]))
    assert (origin.certainty, origin.sha256) == (Certainty.PROVEN, sha256(wheel))


def test_a_source_that_names_its_digest_makes_a_late_wheel_the_file(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "house", "demo")
    installed = _install(wheel, tmp_path / "site")
    _set(wheel, time.time() + _HOUR_S)
    offer = Offer(source="a lock", name="demo", files=(Candidate(file=wheel.name, sha256=sha256(wheel)),))
    origin = _origin(installed, LocalFiles([wheel.parent]), offer)
    assert (origin.certainty, origin.sha256) == (Certainty.PROVEN, sha256(wheel))


def test_what_poetry_keeps_may_be_built_by_it(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "artifacts" / "ab" / "cd" / "ef" / "01", "demo")
    installed = _install(wheel, tmp_path / "site")
    local = LocalFiles([], poetry_cache=tmp_path)
    assert _origin(installed, local).certainty is Certainty.CONSTRAINED
    offer = Offer(source="a lock", name="demo", hashes=(sha256(wheel),))
    assert _origin(installed, local, offer).sha256 == sha256(wheel)


def test_bytes_that_were_altered_never_prove(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path / "house", "demo")
    installed = _install(wheel, tmp_path / "site")
    named = sha256(wheel)
    offer = Offer(source="a lock", name="demo", files=(Candidate(file=wheel.name, sha256=named),))
    wheel.write_bytes(wheel.read_bytes() + b"more")
    origin = _origin(installed, LocalFiles([wheel.parent]), offer)
    assert not origin.certainty.exact
    wheel.write_bytes(wheel.read_bytes()[:100])
    origin = _origin(installed, LocalFiles([wheel.parent]), offer)
    assert (origin.certainty, origin.sha256) == (Certainty.MATCHED, named)


def test_a_wheel_that_holds_something_else_is_hashed_only_if_a_source_may_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = _install(a_wheel(tmp_path, "demo"), tmp_path / "site")
    other = a_wheel(tmp_path / "house", "demo", files={"demo.py": "another content"})
    local = LocalFiles([other.parent])
    size = other.stat().st_size
    for size_bytes, certainty in ((0, Certainty.UNKNOWN), (size, Certainty.UNKNOWN), (1, Certainty.MATCHED)):
        named = Candidate(file=other.name, sha256=sha256(other), size_bytes=size_bytes)
        origin = _origin(installed, local, Offer(source="a lock", name="demo", files=(named,)))
        assert origin.certainty is certainty
    monkeypatch.setattr(LocalFiles, "checksums", None)
    assert _origin(installed, local).certainty is Certainty.UNKNOWN
