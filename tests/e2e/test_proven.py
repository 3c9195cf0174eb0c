"""What is only found out by looking into the files of an index, where they lie.

Rules:
- The truth is the file that was served, hashed before it was installed.
- Everything here has the name, the version and the tags of a wheel that the index offers, and a lock that
  names it; only what is in the files tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from installers import Captured, Place, our_house, which_uv
from localindex import Dialect, LocalIndex
from pytest_defend.model.origins import Certainty
from wheels import a_wheel, an_sdist, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

_PASSWORD = "open-sesame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is installed, and what we say about it: without proof, and with it."""

    index: LocalIndex
    digests: dict[str, str]
    plain: Captured
    proven: Captured
    again: Captured
    parts: tuple[int, int]
    """How many parts of files the index has given when things were proven once, and again."""


@pytest.fixture(scope="module")
def scene(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    index = LocalIndex(folder / "index", Dialect(credentials=f"me:{_PASSWORD}"))
    made = [
        a_wheel(index.folder, "straight"),
        an_sdist(index.folder, "straight"),
        a_wheel(index.folder, "rebuilt"),
        an_sdist(index.folder, "rebuilt"),
        a_wheel(index.folder, "described", requires=("straight",)),
        an_sdist(index.folder, "described"),
        a_wheel(index.folder, "twice", build="1", files={"twice.py": "first = True\n"}),
        a_wheel(index.folder, "twice", build="2", files={"twice.py": "first = False\n"}),
    ]
    place = Place.made(folder / "place", which_uv(folder / "uv"), our_house(wheel, folder / "house"))
    with index:
        url = f"http://me:{_PASSWORD}@{index.host}/simple/"
        place.pip("-i", url, "straight", "twice")
        place.pip("-i", url, "--no-deps", "--no-binary", ":all:", "--no-cache-dir", "rebuilt", "described")
        for info in place.venv.folder.glob("lib/*/site-packages/twice-*.dist-info"):
            _forget_build_tag(info)
        lock = [_locked(index, name) for name in ("straight", "rebuilt")]
        text = "\n".join(['lock-version = "1.0"', 'created-by = "tests"', *lock])
        (place.project / "pylock.toml").write_text(text, encoding="utf-8")
        settings = {"PIP_INDEX_URL": url}
        plain = place.capture(**settings)
        proven = place.capture("--defend-prove", **settings)
        once = index.parts
        again = place.capture("--defend-prove", "--origins", **settings)
        yield Scene(
            index=index,
            digests={path.name: sha256(path) for path in made},
            plain=plain,
            proven=proven,
            again=again,
            parts=(once, index.parts),
        )


def _forget_build_tag(info: Path) -> None:
    """As tools do that rename wheels: WHEEL does not say the build tag that the name has."""
    text = (info / "WHEEL").read_text(encoding="utf-8")
    (info / "WHEEL").write_text(re.sub(r"(?m)^Build: .*\n", "", text), encoding="utf-8")


def _locked(index: LocalIndex, name: str) -> str:
    lines = ["[[packages]]", f'name = "{name}"', 'version = "1.0"']
    for path in index.files(name):
        kind = "[[packages.wheels]]" if path.suffix == ".whl" else "[packages.sdist]"
        lines += [kind, f'name = "{path.name}"', f'url = "http://{index.host}/files/{path.name}"']
        lines += [f'hashes = {{sha256 = "{sha256(path)}"}}']
    return "\n".join(lines)


def test_a_file_is_proven_where_it_lies(scene: Scene) -> None:
    before, after = (said.distributions["straight"].origin for said in (scene.plain, scene.proven))
    assert before
    assert after
    assert (before.certainty, after.certainty) == (Certainty.MATCHED, Certainty.PROVEN)
    assert after.sha256 == scene.digests[after.file]
    assert after.evidence[0].source == f"http://{scene.index.host}/files/{after.file}"
    assert after.evidence[0].says == "its RECORD, read where it lies, is that of what is installed"


def test_what_was_built_without_a_trace_is_found_out(scene: Scene) -> None:
    """pip built it, with its cache off, and the lock has a wheel of its name, version and tags."""
    origin = scene.proven.distributions["rebuilt"].origin
    assert origin
    assert (origin.certainty, origin.sha256) == (Certainty.BUILT, "")
    assert origin.built_from
    assert origin.built_from.sha256 == scene.digests[origin.built_from.file]
    assert [each.why for each in origin.rejected] == ["it holds something else than what is installed"]


def test_what_an_index_describes_otherwise_is_found_out_without_looking(scene: Scene) -> None:
    origin = scene.plain.distributions["described"].origin
    assert origin
    assert (origin.certainty, origin.sha256) == (Certainty.BUILT, "")
    assert origin.built_from
    assert origin.built_from.sha256 == scene.digests[origin.built_from.file]
    assert [each.why for each in origin.rejected] == ["its METADATA is not that of what is installed"]


def test_of_several_files_the_one_that_holds_it_is_known(scene: Scene) -> None:
    before, after = (said.distributions["twice"].origin for said in (scene.plain, scene.proven))
    assert before
    assert after
    assert (before.certainty, len(before.candidates)) == (Certainty.CONSTRAINED, 2)
    assert (after.certainty, after.file) == (Certainty.PROVEN, "twice-1.0-2-py3-none-any.whl")
    assert after.sha256 == scene.digests[after.file]


def test_what_was_read_once_is_remembered(scene: Scene) -> None:
    assert scene.again.text == scene.proven.text
    once, again = scene.parts
    assert again == once


def test_no_password_is_shown(scene: Scene) -> None:
    assert not any(_PASSWORD in said.text for said in (scene.plain, scene.proven))
    assert scene.proven.document["gaps"] == scene.plain.document["gaps"]
