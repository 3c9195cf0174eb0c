"""What distributions say of themselves, and names any repository takes."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import string
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_defend.capture.files import read_dist, read_dists, safe_name
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import DistFile
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable


def _metadata(name: str = "Foo.Bar", version: str = "1.0", *requires: str) -> bytes:
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    return "\r\n".join([*lines, "Author: J\u00fcrgen", "", "Name: body"]).encode("latin-1")


def _zip(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def _tar(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


_WHEEL = "foo_bar-1.0-py3-none-any.whl"
_INFO = "foo_bar-1.0.dist-info/METADATA"
_SDIST = "foo_bar-1.0.tar.gz"
_PKG_INFO = "foo_bar-1.0/PKG-INFO"


def test_a_wheel_says_what_it_is(tmp_path: Path) -> None:
    metadata = _metadata("Foo.Bar", "1.0", "six>=1", "x @ https://u:secret@h/x.whl")
    decoy = ("foo_bar/vendored/other-2.0.dist-info/METADATA", _metadata("other", "2.0"))
    path = _zip(tmp_path / _WHEEL, ("foo_bar/__init__.py", b""), decoy, (_INFO, metadata))
    assert read_dist(path) == DistFile(
        path=str(path),
        name="foo-bar",
        version="1.0",
        kind="whl",
        metadata_name="Foo.Bar",
        requires_dist=("six>=1", "x @ https://h/x.whl"),
        checksums=Checksums.of(path.read_bytes()),
    )


def test_a_source_distribution_says_what_it_is(tmp_path: Path) -> None:
    decoy = ("foo_bar-1.0/src/foo_bar.egg-info/PKG-INFO", _metadata("other", "2.0"))
    tar = _tar(tmp_path / _SDIST, decoy, ("./" + _PKG_INFO, _metadata("Foo.Bar", "1.0", "six")))
    old = _zip(tmp_path / "foo_bar-1.0.zip", decoy, (_PKG_INFO, _metadata("Foo.Bar", "1.0", "six")))
    (one, other), gaps = read_dists(tmp_path, ["*"])
    assert (one.kind, other.kind, gaps) == ("tar.gz", "zip", ())
    assert (one.path, other.path) == (str(tar), str(old))
    assert {(each.id, each.metadata_name, each.requires_dist) for each in (one, other)} == {
        ("foo-bar:1.0", "Foo.Bar", ("six",))
    }


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("foo_bar-1.0-1-py3-none-any.whl", "foo-bar", "1.0"),
        ("foo_bar-1.0-1-py3-none-any-cuda12.whl", "foo-bar", "1.0"),
        ("Foo.Bar-1.0.0-py3-none-any.whl", "foo_bar", "1"),
        ("foo_bar-1.0+ab.c-py3-none-any.whl", "foo.bar", "1.0+AB-C"),
        ("foo_bar-1.0_1-py3-none-any.whl", "foo.bar", "1.0-1"),
        ("foo_bar-nightly-py3-none-any.whl", "foo.bar", "nightly"),
        ("foo-bar-1.0.tar.gz", "foo_bar", "1.0"),
        ("foo-bar-1.0-beta.tar.gz", "foo_bar", "1.0b0"),
        ("foo-2-1.0.zip", "foo-2", "1.0"),
    ],
)
def test_spellings_of_one_name_and_version_agree(tmp_path: Path, file: str, name: str, version: str) -> None:
    build = _tar if file.endswith(".tar.gz") else _zip
    found = read_dist(
        build(tmp_path / file, (_INFO, _metadata(name, version)), (_PKG_INFO, _metadata(name, version)))
    )
    assert isinstance(found, DistFile), found
    assert (found.metadata_name, found.version) == (name, version)


@pytest.mark.parametrize(
    ("file", "members", "problem"),
    [
        ("SHA256SUMS", [], "is neither a wheel nor a source distribution; leave it out of the pattern."),
        ("foo.whl.asc", [], "is neither a wheel nor a source distribution; leave it out of the pattern."),
        (_WHEEL, [], "holds no metadata where it should be; build it again."),
        (_WHEEL, [(_PKG_INFO, _metadata())], "holds no metadata where it should be; build it again."),
        (_SDIST, [(_INFO, _metadata())], "holds no metadata where it should be; build it again."),
        (
            _WHEEL,
            [(_INFO, _metadata()), ("other-1.dist-info/METADATA", _metadata())],
            "holds its metadata twice; build it again.",
        ),
        (
            _SDIST,
            [(_PKG_INFO, _metadata()), (_PKG_INFO, _metadata("other"))],
            "holds its metadata twice; build it again.",
        ),
        (_WHEEL, [(_INFO, b"")], "is named '' by its metadata, which no package can be; build it again."),
        (
            _WHEEL,
            [(_INFO, _metadata("no name"))],
            "is named 'no name' by its metadata, which no package can be; build it again.",
        ),
        (
            _WHEEL,
            [(_INFO, _metadata("foo-bar", ""))],
            "has no version in the metadata of foo-bar; build it again.",
        ),
        (
            _WHEEL,
            [(_INFO, _metadata("bar"))],
            "holds bar 1.0, which its file name contradicts; build it again.",
        ),
        (
            _SDIST,
            [(_PKG_INFO, _metadata("foo-bar", "1.1"))],
            "holds foo-bar 1.1, which its file name contradicts; build it again.",
        ),
        (
            "foo_bar-1.0.whl",
            [(_INFO, _metadata())],
            "holds Foo.Bar 1.0, which its file name contradicts; build it again.",
        ),
        (
            "foobar.zip",
            [(_PKG_INFO, _metadata())],
            "holds Foo.Bar 1.0, which its file name contradicts; build it again.",
        ),
        (
            _WHEEL,
            [(_INFO, bytes((10 << 20) + 1))],
            "holds 10485761 bytes of metadata, more than the 10485760 that are believed; build it again.",
        ),
        (
            _SDIST,
            [(_PKG_INFO, bytes((10 << 20) + 1))],
            "holds 10485761 bytes of metadata, more than the 10485760 that are believed; build it again.",
        ),
    ],
)
def test_what_is_no_distribution_is_a_gap(
    tmp_path: Path, file: str, members: Iterable[tuple[str, bytes]], problem: str
) -> None:
    build = _tar if file.endswith(".tar.gz") else _zip
    path = build(tmp_path / file, *members)
    assert read_dist(path) == Gap(topic="artifacts", problem=f"{file} {problem}")


def test_a_tar_that_claims_to_unpack_to_more_than_anybody_has_is_a_gap(tmp_path: Path) -> None:
    info = tarfile.TarInfo("foo_bar-1.0/huge")
    info.size = 5 << 30
    path = tmp_path / _SDIST
    path.write_bytes(gzip.compress(info.tobuf()))
    found = read_dist(path)
    assert isinstance(found, Gap)
    assert "more than the 4294967296 that are believed" in found.problem


def test_metadata_that_is_a_link_is_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / _SDIST
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo(_PKG_INFO)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    found = read_dist(path)
    assert isinstance(found, Gap)
    assert "no metadata" in found.problem


def test_a_file_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    found = read_dist(tmp_path / _WHEEL)
    assert isinstance(found, Gap)
    assert "FileNotFoundError" in found.problem


def test_an_encrypted_member_is_a_gap(tmp_path: Path) -> None:
    path = _zip(tmp_path / _WHEEL, (_INFO, _metadata()))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the local header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    found = read_dist(path)
    assert isinstance(found, Gap)
    assert "RuntimeError" in found.problem


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([_WHEEL, _SDIST, "foo_bar-1.0.zip"]),
    at=st.integers(min_value=0, max_value=400),
    junk=st.binary(max_size=8),
    cut=st.booleans(),
)
def test_no_damage_raises(tmp_path: Path, kind: str, at: int, junk: bytes, cut: bool) -> None:
    build = _tar if kind == _SDIST else _zip
    path = build(tmp_path / kind, (_INFO, _metadata()), (_PKG_INFO, _metadata()))
    content = path.read_bytes()
    path.write_bytes(content[:at] + junk + (b"" if cut else content[at + len(junk) :]))
    found = read_dist(path)
    assert isinstance(found, (DistFile, Gap))
    assert isinstance(found, Gap) or found.name == "foo-bar"


def test_a_pattern_without_a_file_is_a_gap(tmp_path: Path) -> None:
    wheel = _zip(tmp_path / _WHEEL, (_INFO, _metadata()))
    (tmp_path / "notes.txt").write_text("notes")
    found, gaps = read_dists(tmp_path, ["*.whl", "dist/*", "*.txt", _WHEEL])
    assert [each.path for each in found] == [str(wheel)]
    assert [gap.problem for gap in gaps] == [
        "notes.txt is neither a wheel nor a source distribution; leave it out of the pattern.",
        "No file matches 'dist/*'; build before the tests, or correct the pattern.",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "report-1.0+local_x.tar.gz",
        "\u00e9t\u00e9.txt",
        "\u65e5\u672c\u8a9e.log",
        "a..b",
        "~x@y=z",
        "a" * 120,
        "-",
        "console.log",
    ],
)
def test_safe_names_stay(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("", "_-{}"),
        (".", "_-{}"),
        ("..", "_-{}"),
        (".env", "_env-{}"),
        ("a/b.png", "a_b-{}.png"),
        ("..\\..\\etc", "__.._etc-{}"),
        ("a b;c|d#e?f%g'h\"i.log", "a_b_c_d_e_f_g_h_i-{}.log"),
        ("line\nbreak\x00\x7f\u202e.txt", "line_break___-{}.txt"),
        ("test[a:b]<c>*.xml", "test_a_b__c__-{}.xml"),
        ("dot.", "dot_-{}"),
        ("nul", "_nul-{}"),
        ("COM1.tar.gz", "_COM1-{}.tar.gz"),
        ("e\u0301.txt", "\u00e9-{}.txt"),
        ("\u037e.txt", "_-{}.txt"),
        ("\udc80.txt", "_-{}.txt"),
        ("x" * 200 + ".tar.gz", "x" * 102 + "-{}.tar.gz"),
        ("\u65e5" * 60 + ".png", "\u65e5" * 35 + "-{}.png"),
        ("x" * 200 + "." + "y" * 40, "x" * 109 + "-{}"),
    ],
)
def test_other_names_are_made_safe_and_marked(name: str, shape: str) -> None:
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    assert safe_name(name) == shape.format(mark)


_NAMES = st.text(st.characters(), max_size=150) | st.text("con.tar/;\u0301e \u65e5", max_size=150)


@given(_NAMES)
@example("con\u0301")
@example("a" * 119 + "\u65e5")
@example("a.tar." + "\U00020000" * 15)
def test_safe_names_are_safe(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert unicodedata.is_normalized("NFC", safe)
    assert 1 <= len(safe.encode()) <= 120
    assert Path(safe).name == safe
    assert not safe.startswith(".")
    assert not safe.endswith(".")
    ascii_part = {char for char in safe if char.isascii()}
    assert ascii_part <= {*string.ascii_letters, *string.digits, *"._-+@=~"}
    assert safe.isprintable()


@given(_NAMES, _NAMES)
@example("a/b", "a_b")
@example("a/b", "a:b")
@example("e\u0301", "\u00e9")
@example("x" * 130, "x" * 131)
def test_different_names_stay_apart(one: str, other: str) -> None:
    if safe_name(one) == safe_name(other):  # only when one of them is what the other became
        assert one == other or safe_name(one) in {one, other}


def test_a_safe_name_can_be_created(tmp_path: Path) -> None:
    name = safe_name("\u65e5" * 100 + "/..\\: .tar.gz")
    (tmp_path / name).write_bytes(b"")
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208  the name as the file system gives it back
