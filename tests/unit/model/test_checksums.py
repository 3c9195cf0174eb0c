from __future__ import annotations

import hashlib
import io
from itertools import pairwise

import pytest

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.checksums import Checksums, Hasher

# of the empty text, as every server and tool knows them
EMPTY = Checksums(
    sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    sha1="da39a3ee5e6b4b0d3255bfef95601890afd80709",
    md5="d41d8cd98f00b204e9800998ecf8427e",
    size_bytes=0,
)


def test_nothing_has_the_checksums_everybody_knows() -> None:
    assert Checksums.of(b"") == Hasher().checksums() == EMPTY


def test_all_digests_are_of_the_same_bytes() -> None:
    content = bytes(range(256)) * 10
    found = Checksums.of(content)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.sha1 == hashlib.sha1(content, usedforsecurity=False).hexdigest()
    assert found.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert found.size_bytes == 2560


@pytest.mark.parametrize("cuts", [[0, 10], [0, 1, 2, 10], [0, 0, 5, 5, 10]])
def test_how_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    content = b"0123456789"
    hasher = Hasher()
    pieces = [content[start:stop] for start, stop in pairwise(cuts)]
    assert b"".join(hasher.through(pieces)) == content
    assert hasher.checksums() == Checksums.of(content)


def test_bytes_are_hashed_as_they_pass() -> None:
    hasher = Hasher()
    passing = hasher.through([b"de", b"mo"])
    assert next(passing) == b"de"
    assert hasher.checksums() == Checksums.of(b"de")
    assert next(passing) == b"mo"
    assert hasher.checksums() == Checksums.of(b"demo")


def test_checksums_are_a_document_of_ours() -> None:
    assert EMPTY.to_dict() == {
        "sha256": EMPTY.sha256,
        "sha1": EMPTY.sha1,
        "md5": EMPTY.md5,
        "size_bytes": 0,
    }
    assert Checksums.from_dict(EMPTY.to_dict()) == EMPTY
    with pytest.raises(InvalidDocument) as caught:
        Checksums.from_dict({"sha256": 1, "crc": "x"})
    assert caught.value.problems == (
        ("sha256", "must be text, not a whole number"),
        ("sha1", "is missing"),
        ("md5", "is missing"),
        ("size_bytes", "is missing"),
        ("crc", "is not known"),
    )


@pytest.mark.parametrize("size", [0, 4, 1 << 20, (1 << 20) + 1])
def test_a_stream_is_read_from_where_it_stands_to_its_end(size: int) -> None:
    stream = io.BytesIO(b"skipped" + b"x" * size)
    stream.seek(len("skipped"))
    assert Checksums.of_stream(stream) == Checksums.of(b"x" * size)
    assert stream.read() == b""
