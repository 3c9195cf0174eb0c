"""Evidence as a file: signed envelopes, one on a line.

Rules:
- The order of the lines means nothing; an envelope that is there twice is there once.
- A line that is no envelope is passed over, and named: other tools may write lines we do not know.
- A file is never changed in place: envelopes are added behind those that are there.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.documents.dsse import Envelope
from pytest_defend.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MEDIA_TYPE", "SUFFIX", "Evidence", "evidence_bytes", "read_evidence"]

SUFFIX = ".intoto.jsonl"
"""How the name of such a file ends."""
MEDIA_TYPE = "application/vnd.in-toto.bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is in a file of evidence."""

    envelopes: tuple[Envelope, ...]
    """In the order of their lines, each once."""
    problems: tuple[str, ...] = ()
    """Lines that were passed over, one sentence each."""


def read_evidence(content: bytes) -> Evidence:
    """Read a file of evidence.

    Args:
        content: Of the file; a single envelope on one line is one, too.
    """
    envelopes: dict[bytes, Envelope] = {}
    problems: list[str] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            envelope = Envelope.from_bytes(line)
        except InvalidDocument as error:
            problems.append(f"Line {number} is passed over: {error}")
        else:
            envelopes.setdefault(envelope.to_bytes(), envelope)
    return Evidence(envelopes=tuple(envelopes.values()), problems=tuple(problems))


def evidence_bytes(envelopes: Iterable[Envelope]) -> bytes:
    """The content of a file of evidence: each envelope once, in the order given."""
    return b"".join(line + b"\n" for line in dict.fromkeys(each.to_bytes() for each in envelopes))
