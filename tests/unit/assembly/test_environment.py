"""Which store is asked about the environment, and when."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from builders import an_upload
from places import a_place
from pytest_defend.assembly import environment
from pytest_defend.assembly.looking import look
from pytest_defend.assembly.store import open_store
from pytest_defend.errors import UsageError
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Certainty, Origin

if TYPE_CHECKING:
    from pathlib import Path

located = partial(environment.located, looking=partial(look, None, []))
WHEEL = "lib-1.0-py3-none-any.whl"
NOWHERE = "http://127.0.0.1:9/artifactory"  # nobody listens there, and asking is an error


def _installed(sha256: str = "") -> Installed:
    found = Origin(certainty=Certainty.MATCHED, file=WHEEL, sha256=sha256)
    return Installed(distributions=(Distribution(name="lib", version="1.0", origin=found),))


KNOWN = _installed(Checksums.of(b"lib").sha256)


def test_a_store_that_can_say_nothing_is_not_opened(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project", store=NOWHERE)
    assert located(_installed(), place.settings, place.project) == _installed()


@pytest.mark.parametrize("installed", [_installed(), KNOWN], ids=["nothing", "something"])
def test_a_locator_that_names_no_store_is_refused_whatever_there_is_to_ask(
    tmp_path: Path, installed: Installed
) -> None:
    place = a_place(tmp_path / "project", store="ftp://example.org/")
    with pytest.raises(UsageError, match=r"ftp://example\.org/ .* names no store"):
        located(installed, place.settings, place.project)


def test_a_folder_is_asked_as_soon_as_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = a_place(tmp_path / "project", store="~/kept")
    assert located(KNOWN, place.settings, place.project) == KNOWN
    assert not (tmp_path / "home").exists()

    open_store(place.settings, place.root).put(an_upload(f"qa/lib/1.0/{WHEEL}", b"lib"))
    (lib,) = located(KNOWN, place.settings, place.project).distributions
    assert lib.origin is not None
    assert [kept.path for kept in lib.origin.kept] == [f"qa/lib/1.0/{WHEEL}"]


def test_a_program_always_finds_what_could_not_be_read(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project")
    view = environment.read_whole_environment(place.settings, place.project)
    assert replace(view, gaps=()).to_dict()["gaps"] == []
