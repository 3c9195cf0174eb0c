"""The tutorial about three teams, followed command by command; the store is a folder, and a server."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from pages import Reader, blocks
from runs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/tutorial/three-teams.md"
ADDRESS = "http://127.0.0.1:8081/artifactory"

# what the index of each group shows after a block that ends so
SEEN = {
    "ladder apply": {"X": "", "Y": "", "Z": ""},
    "done": {"X": "", "Y": "banana", "Z": "cherry"},
    "promote cherry/1 --level 3": {"X": "banana cherry", "Y": "banana cherry", "Z": "banana cherry"},
    "promote apple/1 --level 3": {"X": "apple banana cherry", "Y": "banana cherry", "Z": "banana cherry"},
    "--with-dependencies": dict.fromkeys("XYZ", "apple banana cherry"),
}


def _sees(url: str, group: str) -> str:
    """The projects of a group's index."""
    with urlopen(f"{url}/api/pypi/{group}/simple/") as page:
        return " ".join(re.findall(r'<a href="([^"/]+)/"', page.read().decode()))


def _follow(folder: Path, *, with_server: bool) -> list[str]:
    """Follow the page; gives the ends of blocks after which the indexes were looked at."""
    looked = []
    with Reader(folder=folder, address=ADDRESS) as reader:
        (folder / "work" / "docs").symlink_to(ROOT / "docs")
        for block in blocks(PAGE):
            reader.follow(block)
            if with_server and reader.real_address:
                reader.variables["DEFEND_STORE"] = reader.real_address
            for end, seen in SEEN.items():
                if end not in looked and block.script.rstrip().endswith(end):
                    assert {group: _sees(reader.real_address, group) for group in seen} == seen, end
                    looked.append(end)
    for group in ("Y", "Z"):
        installed = folder / "work/three-teams/seen" / group
        assert sorted(path.stem for path in installed.glob("*.py")) == ["apple", "banana", "cherry"]
    return looked


def test_the_tutorial_does_what_it_says_with_a_folder_and_with_a_server(tmp_path: Path) -> None:
    # both at once: the server's store waits for others now and then
    with ThreadPoolExecutor() as both:
        folder = both.submit(_follow, tmp_path / "folder", with_server=False)
        server = both.submit(_follow, tmp_path / "server", with_server=True)
    assert folder.result() == server.result() == list(SEEN)
    assert (tmp_path / "folder/work/three-teams/store/ledger.sqlite3").is_file()


def test_the_ladder_of_the_page_is_that_of_the_example() -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert shown == (ROOT / "docs/examples/three-teams/ladder.toml").read_text("utf-8")
