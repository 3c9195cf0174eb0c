"""An installed copy against its wheel, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.content import record_rows
from pytest_defend.capture.copies import Comparison, compare_copy
from pytest_defend.capture.wheels import wheel_rows
from wheels import a_wheel

if TYPE_CHECKING:
    from pathlib import Path

AFTER = 1 << 62
INFO = "demo-1.0.dist-info"
FILES = {"demo/__init__.py": "one\n", "demo/a.py": "two\n"}
SCRIPT = "#!python\nprint(1)\n"
DATA = {
    "demo-1.0.data/scripts/run": SCRIPT,
    "demo-1.0.data/scripts/plain": "#!/bin/sh\necho\n",
    "demo-1.0.data/headers/demo.h": "#define D\n",
    "demo-1.0.data/data/share/demo/text": "text\n",
    "demo-1.0.data/purelib/demo/pure.py": "pure\n",
}
PUT = {  # where an installer puts it, and what that is then
    "run": ("../../bin/run", f"#!/venv/bin/python\n{SCRIPT.partition(chr(10))[2]}"),
    "plain": ("../../bin/plain", "#!/bin/sh\necho\n"),
    "demo.h": ("../../include/site/python3/demo/demo.h", "#define D\n"),
    "text": ("../../share/demo/text", "text\n"),
    "pure.py": ("demo/pure.py", "pure\n"),
}


def _compared(wheel: Path, site: Path, since_ns: int = AFTER) -> Comparison:
    return compare_copy(wheel, wheel_rows(wheel), site, INFO, since_ns)


def _row(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text)}\n"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return a_wheel(tmp_path / "dist", "demo", files=FILES)


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    site = tmp_path / "venv/lib/site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    with (site / INFO / "RECORD").open("a") as record:
        record.write(
            f"{INFO}/INSTALLER,sha256=abc,4\n../../bin/demo,sha256=abc,4\ndemo/__pycache__/a.pyc,,\n"
        )
    (site / INFO / "INSTALLER").write_text("other")
    return site


def _with(wheel: Path, changes: dict[str, bytes | None], name: str = "") -> Path:
    """The same wheel with other members, whatever its RECORD says."""
    made = wheel.with_name(name or f"other-{wheel.name}")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w") as new:
        content = {info.filename: old.read(info) for info in old.infolist()} | changes
        for member, data in content.items():
            if data is not None:
                new.writestr(member, data)
    return made


def test_nothing_differs(wheel: Path, site: Path) -> None:
    paths = ("METADATA", "WHEEL")
    assert _compared(wheel, site) == Comparison(paths=(*(f"{INFO}/{name}" for name in paths), *sorted(FILES)))


def test_what_lies_on_disk_counts_and_not_what_record_says(wheel: Path, site: Path) -> None:
    (site / "demo/a.py").write_text("TWO\n")
    (site / "demo/__init__.py").unlink()
    record = site / INFO / "RECORD"
    record.write_text(record.read_text().replace(_row("demo/a.py", "two\n"), _row("demo/a.py", "TWO\n")))
    assert _compared(wheel, site).differs == ("changed demo/a.py", "missing demo/__init__.py")


def test_what_is_no_file_differs_and_is_not_opened(wheel: Path, site: Path) -> None:
    for path in ("demo/a.py", "demo/__init__.py"):
        (site / path).unlink()
    os.mkfifo(site / "demo/a.py")
    (site / "demo/__init__.py").mkdir()
    assert _compared(wheel, site).differs == ("changed demo/__init__.py", "changed demo/a.py")


def test_links_to_the_bytes_are_the_bytes(wheel: Path, site: Path, tmp_path: Path) -> None:
    (site / "demo/a.py").rename(tmp_path / "cached")
    (site / "demo/a.py").symlink_to(tmp_path / "cached")  # as `uv --link-mode=symlink` does
    assert _compared(wheel, site).differs == ()
    (tmp_path / "cached").write_text("TWO\n")
    assert _compared(wheel, site).differs == ("changed demo/a.py",)


# --- what lies outside the packages -----------------------------------------------------------------


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Path, Path]:
    """A wheel with every kind of data, and an installed copy."""
    wheel = a_wheel(tmp_path / "whole", "demo", files={**FILES, **DATA})
    site = tmp_path / "venv/lib/site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site, [name for name in archive.namelist() if ".data/" not in name])
    with (site / INFO / "RECORD").open("a") as record:
        for place, text in PUT.values():
            (site / place).parent.mkdir(parents=True, exist_ok=True)
            (site / place).write_text(text)
            record.write(_row(place, text))
        (site / "../../bin/demo").write_text("made by the installer")
        record.write(_row("../../bin/demo", "made by the installer"))
    return wheel, site


def test_data_is_found_where_it_was_put(whole: tuple[Path, Path]) -> None:
    wheel, site = whole
    found = _compared(wheel, site)
    assert (found.defects, found.differs) == ((), ())
    assert "demo/pure.py" in found.paths


@pytest.mark.parametrize("name", PUT)
def test_data_that_was_changed_or_is_gone(whole: tuple[Path, Path], name: str) -> None:
    wheel, site = whole
    place, text = PUT[name]
    member = next(member for member in DATA if member.endswith(f"/{name}"))
    shown = place if name == "pure.py" else member
    (site / place).write_text(f"{text[:-2]}?\n")
    assert f"changed {shown}" in _compared(wheel, site).differs
    (site / place).unlink()
    assert _compared(wheel, site).differs == (f"missing {shown}",)


@pytest.mark.parametrize("text", ["print(1)\n", f"{'#!' * 2000}\nprint(1)\n", "  /bin/python\nprint(1)\n"])
def test_a_script_begins_with_an_interpreter(whole: tuple[Path, Path], text: str) -> None:
    wheel, site = whole
    (site / "../../bin/run").write_text(text)
    assert "changed demo-1.0.data/scripts/run" in _compared(wheel, site).differs


def test_what_an_installer_made_is_what_it_says(whole: tuple[Path, Path]) -> None:
    wheel, site = whole
    (site / "../../bin/demo").write_text("patched")
    assert _compared(wheel, site).differs == ("changed ../../bin/demo",)
    (site / "../../bin/demo").unlink()  # `pip --target` moves it
    assert _compared(wheel, site).differs == ()


@pytest.mark.parametrize("kept", ["../../", ""], ids=["pip", "uv"])
def test_data_in_a_target(tmp_path: Path, whole: tuple[Path, Path], kept: str) -> None:
    wheel, site = whole
    target = tmp_path / "target"
    site.rename(target)
    for folder in ("bin", "include", "share"):
        (tmp_path / "venv" / folder).rename(target / folder)
    record = target / INFO / "RECORD"
    record.write_text(record.read_text().replace("../../", kept))
    found = _compared(wheel, target)
    assert (found.defects, found.differs) == ((), ())
    (target / "share/demo/text").write_text("TEXT\n")
    assert "changed demo-1.0.data/data/share/demo/text" in _compared(wheel, target).differs


# --- added files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "demo/extra.py",
        "demo/conftest.py",
        "demo/data.json",
        "demo/a/__init__.py",
        "demo/a.abi3.so",
        "demo/sub/b.pyc",
    ],
)
def test_a_file_that_was_dropped_into_a_package(wheel: Path, site: Path, path: str) -> None:
    (site / path).parent.mkdir(exist_ok=True)
    (site / path).write_text("")
    assert _compared(wheel, site).differs == (f"added {path}",)


@pytest.mark.parametrize(
    "path",
    [
        "demo/__pycache__/a.cpython-311.pyc",
        "demo/.cache/x",
        "demo/.hidden.py",
        "other.py",
        f"{INFO}/extra.json",
    ],
)
def test_what_is_nobodys_is_not_added(wheel: Path, site: Path, path: str) -> None:
    (site / path).parent.mkdir(exist_ok=True)
    (site / path).write_text("")
    assert _compared(wheel, site).differs == ()


def test_what_another_package_puts_there_is_its_own(wheel: Path, site: Path) -> None:
    (site / "demo/plugged.py").write_text("")
    (site / "plug-1.dist-info").mkdir()
    (site / "plug-1.dist-info/RECORD").write_text("demo/plugged.py,,\n")
    assert _compared(wheel, site).differs == ()


@pytest.mark.parametrize(
    ("files", "added"),
    [
        ({"six.py": ""}, "six/__init__.py"),
        ({"six.py": ""}, "six.abi3.so"),
        ({"space/one/__init__.py": ""}, "space/__init__.py"),
        ({"space/one/__init__.py": ""}, "space.py"),
        ({"loose/a.py": ""}, "loose/b.py"),
        ({"loose/a.py": ""}, "loose/a/__init__.py"),
    ],
)
def test_what_would_be_imported_instead(tmp_path: Path, files: dict[str, str], added: str) -> None:
    wheel = a_wheel(tmp_path / "dist", "demo", files=files)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for other in ("space/other/__init__.py", "sixteen.py", "loose/more/text"):
        (site / other).parent.mkdir(parents=True, exist_ok=True)
        (site / other).write_text("")
    assert _compared(wheel, site).differs == ()
    (site / added).parent.mkdir(exist_ok=True)
    (site / added).write_text("")
    assert _compared(wheel, site).differs == (f"added {added}",)


# --- a wheel that proves nothing --------------------------------------------------------------------


def test_a_record_that_is_not_true(wheel: Path, site: Path) -> None:
    (site / "demo/a.py").write_text("lie\n")
    assert _compared(_with(wheel, {"demo/a.py": b"lie\n"}), site).defects == ("false demo/a.py",)


@pytest.mark.parametrize("row", ["demo/a.py,md5=abc,4", "demo/a.py,sha256=abc,4", "demo/a.py,nonsense,4"])
def test_a_row_that_says_nothing_true(wheel: Path, site: Path, row: str) -> None:
    record = (site / INFO / "RECORD").read_text().replace(_row("demo/a.py", "two\n"), f"{row}\n")
    assert _compared(_with(wheel, {f"{INFO}/RECORD": record.encode()}), site).defects == (
        "absent ../../bin/demo",
        f"absent {INFO}/INSTALLER",
        "false demo/a.py",
    )


def test_a_file_that_record_leaves_out(wheel: Path, site: Path) -> None:
    (site / "demo/b.py").write_text("b")
    made = _with(wheel, {"demo/b.py": b"b"})
    assert _compared(made, site).defects == ("unlisted demo/b.py",)
    (site / "demo/b.py").write_text("B")
    assert _compared(made, site).differs == ("changed demo/b.py",)


def test_a_wheel_without_a_record(wheel: Path, site: Path) -> None:
    defects = _compared(_with(wheel, {f"{INFO}/RECORD": None}), site).defects
    assert defects[:2] == ("absent RECORD", f"unlisted {INFO}/METADATA")


def test_a_file_twice_and_a_file_outside(wheel: Path, site: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("demo/a.py", "two\n")
        archive.writestr("../up.py", "")
        archive.writestr("/etc/root.py", "")
        archive.writestr("demo-1.0.data/data/../../up", "")
    defects = _compared(wheel, site).defects
    assert defects == (
        "outside ../up.py",
        "outside /etc/root.py",
        "outside demo-1.0.data/data/../../up",
        "twice demo/a.py",
    )


def test_signatures_and_folders_are_no_content(wheel: Path, site: Path) -> None:
    made = _with(wheel, {f"{INFO}/RECORD.jws": b"x", f"{INFO}/RECORD.p7s": b"x", "demo/": b""})
    assert _compared(made, site).defects == ()


def test_byte_code_that_is_shipped_alone_counts(tmp_path: Path) -> None:
    files = {"demo/__init__.pyc": "one", "demo/__pycache__/a.cpython-311.pyc": "two"}
    wheel = a_wheel(tmp_path / "dist", "demo", files=files)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "demo/__pycache__/a.cpython-311.pyc").write_text("TWO")  # Python writes it anew
    assert _compared(wheel, site).differs == ()
    (site / "demo/__init__.pyc").write_text("ONE")
    assert _compared(wheel, site).differs == ("changed demo/__init__.pyc",)


def test_a_bomb_is_not_unpacked(wheel: Path, site: Path) -> None:
    made = _with(wheel, {})
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("demo/big", "w") as big:
        for _ in range(64):
            big.write(bytes(1 << 20))
    found = _compared(made, site)
    assert (found.defects, found.differs) == (("unlisted demo/big",), ("missing demo/big",))
    (site / "demo/big").write_text("")
    assert _compared(made, site).differs == ("changed demo/big",)


def test_whatever_a_wheel_is_it_is_no_error(wheel: Path, site: Path, tmp_path: Path) -> None:
    content = wheel.read_bytes()
    chance = random.Random(7)  # the same in each run
    good = Comparison(paths=_compared(wheel, site).paths)
    for number in range(300):
        spoiled = bytearray(content)
        for _ in range(1 + number % 3):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        path = tmp_path / "spoiled.whl"
        path.write_bytes(spoiled[: chance.randrange(len(spoiled))] if number % 5 == 0 else spoiled)
        found = _compared(path, site)
        assert found == good or found.defects or found.differs
    assert record_rows(site / INFO)
