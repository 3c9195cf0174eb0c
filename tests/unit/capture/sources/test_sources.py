"""Finding sources, telling kinds apart, and what a file that cannot be used leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.sources import read_sources
from pytest_defend.capture.sources.reading import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_defend.model.origins import Offer

    Read = Callable[[str, str], tuple[list[Offer], list[str]]]

A = "a" * 64
FILE = f'{{ file = "basket-1.0-py3-none-any.whl", hash = "sha256:{A}" }}'
WHEEL = f'{{ url = "https://example.org/basket-1.0-py3-none-any.whl", hash = "sha256:{A}" }}'
PACKAGE = '[[package]]\nname = "basket"\nversion = "1.0"\n'
UV = f"version = 1\n{PACKAGE}wheels = [{WHEEL}]\n"
POETRY = f"{PACKAGE}files = [{FILE}]\n[metadata]\nlock-version = '2.1'\n"
PDM = f"{PACKAGE}files = [{FILE}]\n[metadata]\nlock_version = '4.5.1'\n"
PYLOCK = f"""
lock-version = "1.0"
created-by = "uv"
packages = [{{ name = "basket", wheels = [{WHEEL.replace("hash", "hashes").replace('"sha256:', "{sha256='").replace(A + '"', A + "'}")}] }}]
"""  # noqa: E501
PIPFILE = json.dumps({"_meta": {}, "default": {"basket": {"hashes": [f"sha256:{A}"]}}})
REQUIREMENTS = f"# pinned\nbasket==1.0 --hash=sha256:{A}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", UV),
        ("poetry.lock", POETRY),
        ("pdm.lock", PDM),
        ("Pipfile.lock", PIPFILE),
        ("pylock.toml", PYLOCK),
        ("pylock.linux.toml", PYLOCK),
        ("requirements.txt", REQUIREMENTS),
        ("requirements.in", REQUIREMENTS),
        ("a.lock", UV),
        ("a.lock", POETRY),
        ("a.lock", PDM),
        ("a.lock", f"\n  {PIPFILE}"),
        ("a.lock", PYLOCK),
        ("requirements.lock", REQUIREMENTS),
    ],
)
def test_name_or_content_decides_the_kind(read: Read, name: str, text: str) -> None:
    offers, gaps = read(name, text)
    assert gaps == []
    assert [offer.name for offer in offers] == ["basket"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("pylock.a.b.toml", "", "has a name that no lock file, requirements file or report has"),
        ("a.lock", "a = 1", "is no lock file of a kind that is read"),
        ("a.lock", UV[:-3], "is no TOML that can be read (Unclosed inline table (at end of document))"),
        ("uv.lock", "a", "is no TOML that can be read (Expected '=' after a key in a key/value pair"),
        ("uv.lock", f"a = {'9' * 5000}", "is no TOML that can be read (Exceeds the limit (4300 digits)"),
        ("uv.lock", f"a = {'[' * 100_000}", "is TOML nested too deeply to be read"),
        ("uv.lock", f"{'a.' * 33}a = 1", "holds more than 32 dots in one line, outside of texts"),
        ("uv.lock", f'a."\u2028"{".a" * 32} = 1', "holds more than 32 dots in one line, outside of texts"),
        ("uv.lock", f'a = ["""\n"""] # {"." * 33}\n{".a" * 33} = 1', "holds more than 32 dots in one line, "),
        ("Pipfile.lock", "{", "is no JSON that can be read (Expecting property name"),
        ("Pipfile.lock", "[" * 200_000, "is JSON nested too deeply to be read"),
        ("a.json", "3", "is JSON and no table"),
    ],
)  # fmt: skip
def test_a_file_of_no_kind_is_a_gap(read: Read, name: str, text: str, problem: str) -> None:
    offers, gaps = read(name, text)
    assert offers == []
    assert len(gaps) == 1
    assert gaps[0].startswith(f"{name} {problem}")
    assert gaps[0].endswith("; it was left out, write it again.")


def test_an_empty_lock_of_an_unknown_kind_holds_no_requirements(read: Read) -> None:
    assert read("a.lock", "# nothing\n") == ([], [])


def test_files_come_in_order_and_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("uv.lock", "b/uv.lock"):
        (tmp_path / name).write_text(UV)
    offers, gaps = read_sources(tmp_path, ["uv.lock", "**/uv.lock", "*/*"], asked=True, environment={})
    assert [offer.source for offer in offers] == ["b/uv.lock", "uv.lock"]
    assert gaps == ()


def test_a_file_elsewhere_is_shown_as_given(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lock = tmp_path / "uv.lock"
    lock.write_text(UV)
    for pattern, source in ((str(lock), str(lock)), ("../uv.lock", "../uv.lock")):
        offers, _ = read_sources(root, [pattern], asked=True, environment={})
        assert [offer.source for offer in offers] == [source]


def test_only_a_pattern_that_was_asked_for_must_match(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    patterns = ["uv.lock", "folder"]
    assert read_sources(tmp_path, patterns, asked=False, environment={}) == ((), ())
    _, gaps = read_sources(tmp_path, patterns, asked=True, environment={})
    assert [gap.problem for gap in gaps] == [
        "No file matches 'uv.lock'; write the lock file, or correct the pattern.",
        "No file matches 'folder'; write the lock file, or correct the pattern.",
    ]


def test_bytes_that_are_no_text_are_a_gap(tmp_path: Path) -> None:
    names = ["Pipfile.lock", "a.json", "a.lock", "a.txt", "pylock.toml", "uv.lock"]
    for name in names:
        (tmp_path / name).write_bytes(b"a = '\xff'")
    offers, gaps = read_sources(tmp_path, ["*"], asked=True, environment={})
    assert offers == ()
    assert [gap.problem for gap in gaps] == [
        f"{name} is not UTF-8 (byte 5); it was left out, write it again." for name in names
    ]


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "uv.lock").open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    _, gaps = read_sources(tmp_path, ["uv.lock"], asked=True, environment={})
    assert [gap.problem for gap in gaps] == [
        f"uv.lock has more than the {SIZE_LIMIT} bytes that are read; it was left out, write it again."
    ]


def test_a_file_that_may_not_be_read_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv.lock").write_text(UV)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)  # the superuser may read everything
    _, gaps = read_sources(tmp_path, ["uv.lock"], asked=True, environment={})
    assert [gap.problem for gap in gaps] == [
        "uv.lock cannot be read (Permission denied); it was left out, write it again."
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"a = '{'.' * 33}'",
        f'a = "\\"{"." * 33}"',
        f'a = """\n{"." * 33}"""',
        f"a = '''\n{'.' * 33}'''",
        f"# {'.' * 33}",
    ],
)
def test_dots_in_texts_are_no_parts_of_keys(read: Read, line: str) -> None:
    offers, gaps = read("uv.lock", f"{line}\n{UV}")
    assert [offer.name for offer in offers] == ["basket"]
    assert gaps == []


def test_an_entry_that_cannot_be_read_takes_those_of_the_same_package_along(read: Read) -> None:
    # one of two forks alone would be taken for what was installed
    bad = UV.removeprefix("version = 1\n").replace(A, "b")
    other = f'[[package]]\nname = "other"\nversion = "1.0"\nwheels = [{WHEEL}]\n'
    for text in (f"{UV}{bad}{other}", f"version = 1\n{bad}{other}{UV.removeprefix('version = 1')}"):
        offers, gaps = read("uv.lock", text)
        assert [offer.name for offer in offers] == ["other"]
        assert len(gaps) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", UV + "[[package]]\n" * 1001),
        ("requirements.txt", REQUIREMENTS + "a b\n" * 1001),
        ("report.json", json.dumps({"version": "1", "install": [3] * 1001})),
    ],
)
def test_a_file_of_malformed_entries_is_given_up(read: Read, name: str, text: str) -> None:
    offers, gaps = read(name, text.replace("a b\n", f"a b==1 --hash=sha256:{A}\n"))
    assert offers == []
    assert len(gaps) == 1
    assert gaps[0].startswith(f"{name} holds more than 1000 entries that cannot be used: ")


def test_many_malformed_entries_are_a_few_gaps(read: Read) -> None:
    offers, gaps = read(
        "uv.lock", f"{UV}[[package]]\nname = 3\nwheels = [1]\n" + "[[package]]\nname = 3\n" * 40
    )
    assert [offer.name for offer in offers] == ["basket"]
    assert len(gaps) == 21
    assert gaps[-1] == "uv.lock: 21 more entries were left out for the like reasons; write the file again."
