"""The tutorial about three teams, followed command by command; the store is a folder, and a server."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from builders import a_clock, an_upload
from ladders import provisioned
from pages import Reader, blocks
from pytest_defend.stores.directory import DirectoryStore
from runs import ROOT, Running, secluded
from served import served
from wheels import a_wheel

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
    store = tmp_path.joinpath("folder", "work", "three-teams", "store")
    assert (store / "ledger.sqlite3").is_file()


def _downloaded(folder: Path, url: str, group: str) -> set[str]:
    """What pip gets for a group."""
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
    index = ["--index-url", f"{url}/api/pypi/{group}/simple"]
    with Running(folder, [*pip, *index, "apple", "banana", "cherry"], secluded()) as running:
        ended = running.finish()
    assert ended.status == 0, ended
    return {path.name.removesuffix("-py3-none-any.whl") for path in folder.iterdir()}


def test_each_group_gets_the_newest_that_it_may_see(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store", a_clock)
    provisioned(store)
    for subsystem, name in (("A", "apple"), ("B", "banana"), ("C", "cherry")):
        for version, top in (("1.0", 3), ("1.1", 2), ("1.2", 1)):
            wheel = a_wheel(tmp_path / "dist", name, version)
            for level in range(1, top + 1):
                path = f"{subsystem}{level}/{name}/{version}/{wheel.name}"
                store.put(an_upload(path, wheel.read_bytes()))
    with served(tmp_path / "store") as url, ThreadPoolExecutor() as all_at_once:
        got = {group: all_at_once.submit(_downloaded, tmp_path / group, url, group) for group in "XYZ"}
        assert {group: downloaded.result() for group, downloaded in got.items()} == {
            "X": {"apple-1.2", "banana-1.1", "cherry-1.0"},
            "Y": {"apple-1.0", "banana-1.2", "cherry-1.1"},
            "Z": {"apple-1.0", "banana-1.1", "cherry-1.2"},
        }


def test_the_ladder_of_the_page_is_that_of_the_example() -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert shown == (ROOT / "docs/examples/three-teams/ladder.toml").read_text("utf-8")
