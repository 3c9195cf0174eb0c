"""RECORD of wheels of which only parts are read."""

from __future__ import annotations

import io
import random
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.capture.parts import NoParts, fingerprint_at, fingerprint_of_parts
from pytest_defend.capture.wheels import wheel_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KIB = 1 << 10
RECORD = "demo-1.0.dist-info/RECORD"


def a_file(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.comment = comment
    return out.getvalue()


def rows(count: int) -> bytes:
    return b"".join(b"demo/%06d.py,sha256=%043d,%d\n" % (number, number, number) for number in range(count))


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # nothing here is secret


SMALL = a_file(("demo/__init__.py", b"pass"), (RECORD, rows(3)))
LARGE = a_file(("demo/data.bin", noise(900 * KIB)), (RECORD, rows(40)))
RECORD_FIRST = a_file((RECORD, rows(4)), ("demo/data.bin", noise(900 * KIB)))
LONG_RECORD = a_file(("demo/data.bin", noise(700 * KIB)), (RECORD, rows(20_000)))
MANY_MEMBERS = a_file(*((f"demo/{number:06d}.py", b"") for number in range(5000)), (RECORD, rows(5)))
COMMENTED = a_file(("demo/data.bin", noise(300 * KIB)), (RECORD, rows(6)), comment=b"x" * 65_000)


@dataclass
class Answer:
    content: bytes
    part: str = ""


@dataclass
class Server:
    """Gives parts of one file."""

    content: bytes
    asked: list[str] = field(default_factory=list)

    def get(self, headers: Mapping[str, str], limit_bytes: int) -> Answer:
        assert headers["Accept-Encoding"] == "identity"
        self.asked.append(headers["Range"])
        total = len(self.content)
        found = re.fullmatch(r"bytes=(\d*)-(\d+)", headers["Range"])
        assert found
        start = int(found[1]) if found[1] else max(total - int(found[2]), 0)
        end = min(int(found[2]) + 1 if found[1] else total, total)
        assert end - start <= limit_bytes
        return Answer(self.content[start:end], f"bytes {start}-{end - 1}/{total}")


def expected(content: bytes) -> str:
    digest = wheel_fingerprint(io.BytesIO(content))
    assert digest
    return digest


@pytest.mark.parametrize(
    ("content", "requests"),
    [
        pytest.param(SMALL, 1, id="small"),
        pytest.param(LARGE, 1, id="large"),
        pytest.param(RECORD_FIRST, 2, id="RECORD first"),
        pytest.param(LONG_RECORD, 6, id="long RECORD"),
        pytest.param(MANY_MEMBERS, 3, id="many members"),
        pytest.param(COMMENTED, 3, id="a long comment"),
    ],
)
def test_a_few_parts_say_what_a_wheel_holds(content: bytes, requests: int) -> None:
    server = Server(content)
    assert fingerprint_at(server.get) == expected(content)
    assert len(server.asked) <= requests
    assert server.asked[0] == "bytes=-65536"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(SMALL, id="small"),
        pytest.param(RECORD_FIRST, id="RECORD first"),
        pytest.param(LONG_RECORD, id="long RECORD"),
    ],
)
def test_a_store_gives_the_same(content: bytes) -> None:
    size = len(content)
    assert fingerprint_of_parts(size, lambda start, size: content[start : start + size]) == expected(content)


def test_a_server_that_gives_everything_is_read_once() -> None:
    asked = []

    def get(headers: Mapping[str, str], _limit_bytes: int) -> Answer:
        asked.append(headers)
        return Answer(SMALL)

    assert fingerprint_at(get) == expected(SMALL)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no archive", id="text"),
        pytest.param(a_file(("a", b"")), id="no RECORD"),
        pytest.param(a_file((RECORD, rows(1)), (f"x{RECORD}", rows(1))), id="two RECORDs"),
        pytest.param(SMALL[:-30], id="cut short"),
        pytest.param(LARGE[: 200 * KIB], id="half"),
        pytest.param(SMALL + b"\0" * 70_000, id="more behind it"),
    ],
)
def test_what_is_no_wheel_says_nothing(content: bytes) -> None:
    assert fingerprint_at(Server(content).get) == ""


def _then(first: Answer, second: Answer) -> Callable[[Mapping[str, str], int], Answer]:
    answers = iter([first, second])
    return lambda _headers, _limit_bytes: next(answers)


TOTAL = len(RECORD_FIRST)
END = Answer(RECORD_FIRST[-64 * KIB :], f"bytes {TOTAL - 64 * KIB}-{TOTAL - 1}/{TOTAL}")


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (Answer(b"x" * 10, "bytes 0-9/10"), "changes while it is read"),
        (Answer(b"x" * 9, f"bytes 0-9/{TOTAL}"), "changes while it is read"),
        (Answer(b"x" * 10, f"bytes 5-14/{TOTAL}"), "another part"),
        (Answer(b"x" * 10, f"bytes 0-9/{TOTAL}"), "not as long"),
        (Answer(b"x" * 10, "bytes 0-9/*"), "does not say which part"),
        (Answer(b"x" * 10, "unknown"), "does not say which part"),
    ],
)
def test_a_server_that_gives_something_else_is_not_believed(second: Answer, problem: str) -> None:
    with pytest.raises(NoParts, match=problem):
        fingerprint_at(_then(END, second))


def test_there_is_an_end_to_what_is_read() -> None:
    claimed = 10**12
    end = RECORD_FIRST[-64 * KIB :]
    asked = []

    def give(start: int, size: int) -> bytes:
        asked.append(size)
        return end if start + size == claimed else b"\0" * size

    assert fingerprint_of_parts(claimed, give) == ""  # the table of the archive is not where it should be
    table = bytearray(SMALL[SMALL.rindex(b"PK\x05\x06") :])
    table[12:20] = (0xFFFFFF0).to_bytes(4, "little") + (0).to_bytes(4, "little")  # a table of 256 MiB
    with pytest.raises(NoParts, match="too much"):
        fingerprint_of_parts(claimed, lambda _, size: (b"\0" * size + bytes(table))[-size:])
    assert sum(asked) < 32 << 20


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255), st.booleans())
def test_damage_is_no_crash(place: int, value: int, cut: bool) -> None:
    damaged = bytearray(SMALL)
    damaged[place] = value
    content = bytes(damaged[:place] if cut else damaged)
    try:
        found = fingerprint_at(Server(content).get)
    except NoParts:
        return
    assert found in ("", wheel_fingerprint(io.BytesIO(content)))
