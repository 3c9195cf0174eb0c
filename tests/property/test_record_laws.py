"""RECORD is read as the table of commas that it is, by whichever way is quicker."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from pytest_defend.model.fingerprint import read_record

FIELDS = st.text(st.sampled_from('ab/\\.=" \x00\x0b\x0c\x1c\x85\u2028\ud800'), max_size=4)
ROWS = st.lists(st.lists(FIELDS, min_size=3, max_size=3) | st.lists(FIELDS, max_size=4), max_size=4)
TEXTS = st.builds(
    lambda rows, end, last: end.join(",".join(row) for row in rows) + last,
    ROWS,
    st.sampled_from(["\n", "\n\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n", "\r\n"]),
)


def _read(text: str) -> dict[str, tuple[str, str]] | str:
    try:
        return read_record(text)
    except ValueError as error:
        return str(error)


def _told(text: str) -> dict[str, tuple[str, str]] | str:
    """As the reader of tables of the standard library has it."""
    rows = {}
    try:
        for number, fields in enumerate(csv.reader(io.StringIO(text, newline="")), start=1):
            if fields and (len(fields) != 3 or not fields[0]):
                return f"row {number} is no path, hash and size"
            if fields:
                rows[fields[0].replace("\\", "/")] = (fields[1].rstrip("="), fields[2])
    except csv.Error as error:
        return f"it is no table ({error})"
    return rows


@given(TEXTS)
@example("a,,\n\nb,sha256=c=,1\n")
@example('"a,b",,\n')
@example("a,,\nb\n")
@example("")
def test_record_is_what_a_reader_of_tables_reads(text: str) -> None:
    assert _read(text) == _told(text)
