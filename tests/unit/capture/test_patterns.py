"""Which files a pattern names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.patterns import match

if TYPE_CHECKING:
    from pathlib import Path


def _tree(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file, encoding="utf-8")


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["a.xml"], "a.xml"),
        (["./a.xml", "a.xml", "d//../a.xml"], "a.xml"),
        (["*.xml"], "a.xml b.xml"),
        (["[ab].xml", "?.xml"], "a.xml b.xml"),
        (["[[]c].txt"], "[c].txt"),
        (["**/*.xml"], "a.xml b.xml d/c.xml d/e/f.xml"),
        (["**/**/f.xml"], "d/e/f.xml"),
        (["d/**"], "d/c.xml d/e/f.xml"),
        (["d/*"], "d/c.xml"),
        (["d"], ""),
        (["d/"], ""),
        ([""], ""),
        (["nothing/*.xml", "a.xml/*"], ""),
        ([".*"], ".hidden"),
        ([".hidden"], ".hidden"),
        ([".h/**/*.xml"], ".h/g.xml"),
        (["*/g.xml"], ""),
        ([".*/g.xml"], ".h/g.xml"),
        (["**/.i.xml"], "d/.i.xml"),
        (["link/*.xml"], "link/c.xml"),
        (["nul\0.xml", "nul\0*"], ""),
        ([], ""),
    ],
)
def test_patterns_name_files(tmp_path: Path, patterns: list[str], expected: str) -> None:
    _tree(tmp_path, "a.xml", "b.xml", "[c].txt", "d/c.xml", "d/.i.xml", "d/e/f.xml", ".hidden", ".h/g.xml")
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "up").symlink_to(tmp_path)
    (tmp_path / "dangling.xml").symlink_to(tmp_path / "absent")
    found = match(tmp_path, patterns)
    assert " ".join(file.relative_to(tmp_path).as_posix() for file in found) == expected


def test_patterns_leave_the_root_only_where_they_say_so(tmp_path: Path) -> None:
    _tree(tmp_path, "root/in.xml", "out.xml")
    assert match(tmp_path / "root", ["**/*.xml"]) == (tmp_path / "root" / "in.xml",)
    assert match(tmp_path / "root", ["../*.xml"]) == (tmp_path / "root" / ".." / "out.xml",)
    assert match(tmp_path / "root", [f"{tmp_path}/*.xml"]) == (tmp_path / "out.xml",)


def test_a_file_named_relatively_and_absolutely_is_one(tmp_path: Path) -> None:
    _tree(tmp_path, "d/a.xml")
    assert match(tmp_path, ["d/a.xml", f"{tmp_path}/d/a.xml"]) == (tmp_path / "d" / "a.xml",)


def test_a_name_too_long_to_exist_matches_nothing(tmp_path: Path) -> None:
    assert match(tmp_path, ["x" * 5000]) == ()
