"""Files of signed envelopes, one on a line.

Rules:
- The order of the lines means nothing, and neither does an envelope that is there twice.
- A line that is no envelope counts for nothing, and says why: other tools may write lines we do not know.
- Envelopes are added behind those that are there; none is ever changed in place.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.documents.dsse import Envelope
from pytest_defend.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MEDIA_TYPE", "SUFFIX", "Line", "envelope_lines", "read_lines"]

SUFFIX = ".intoto.jsonl"
"""How the name of such a file ends."""
MEDIA_TYPE = "application/vnd.in-toto.bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that is not empty."""

    number: int
    """From 1."""
    envelope: Envelope | None = None
    """What is on it; None with a problem."""
    problem: str = ""
    """Why it counts for nothing, in one sentence."""


def read_lines(content: bytes) -> tuple[Line, ...]:
    """Read a file of envelopes; a single envelope on one line is one, too.

    Args:
        content: Of the file.
    """
    return tuple(
        _read(number, text) for number, text in enumerate(content.split(b"\n"), start=1) if text.strip()
    )


def _read(number: int, text: bytes) -> Line:
    try:
        return Line(number=number, envelope=Envelope.from_bytes(text))
    except InvalidDocument as error:
        return Line(number=number, problem=str(error))


def envelope_lines(envelopes: Iterable[Envelope]) -> bytes:
    """The content of a file of envelopes: each once, in the order given."""
    return b"".join(text + b"\n" for text in dict.fromkeys(each.to_bytes() for each in envelopes))
