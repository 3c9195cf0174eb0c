"""in-toto statements: what is said about which files.

Rules:
- A statement is about files by their digests; names are for people.
- A descriptor has at least one of uri, digest and content.
- Unknown fields are kept, and mean nothing. Fields of our own begin with `defend_`; leaving one out never
  makes a statement say more than it did.
- What we write is canonical JSON; what we read is any JSON with one meaning.

Source: https://github.com/in-toto/attestation/tree/main/spec/v1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pytest_defend.documents.canonical import read_json
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import Document, named

__all__ = ["STATEMENT", "Descriptor", "Statement", "read_statement", "timestamp"]

STATEMENT = "https://in-toto.io/Statement/v1"

_Extra = Mapping[str, Any]
_Problems = list[tuple[str, str]]

_WHAT = "in-toto statement"
# Digits of the digests we compare ourselves; others are anybody's business.
_DIGITS = {"sha1": (40,), "sha256": (64,), "sha512": (128,), "gitCommit": (40, 64)}
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor(Document):
    """A file or another resource: a `ResourceDescriptor`."""

    name: str = ""
    """Tells it from others in the same place."""
    uri: str = ""
    """Names it for everybody."""
    digest: Mapping[str, str] = field(default_factory=dict)
    """By algorithm, lower-case hexadecimal."""
    content: str = ""
    """The resource itself, when it is small; base64."""
    download_location: str = named("downloadLocation", default="")
    """Where it can be had, when that is not `uri`."""
    media_type: str = named("mediaType", default="")
    annotations: Mapping[str, Any] = field(default_factory=dict)
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Document):
    """What is said about which files."""

    type: str = named("_type")
    subject: tuple[Descriptor, ...]
    """The files it is about, each with a digest."""
    predicate_type: str = named("predicateType")
    """What kind of thing is said."""
    predicate: Mapping[str, Any] = field(default_factory=dict)
    """What is said."""
    extra: _Extra = field(default_factory=dict)


def read_statement(payload: bytes) -> Statement:
    """Read the payload of an envelope that was verified.

    Args:
        payload: Exactly the bytes that were verified.

    Raises:
        InvalidDocument: It is no statement; every problem is named.
    """
    document = read_json(payload, _WHAT)
    try:
        statement = Statement.from_dict(document)
    except InvalidDocument as error:
        raise InvalidDocument(_WHAT, error.problems) from error
    problems: _Problems = []
    if statement.type != STATEMENT:
        problems.append(("_type", f"must be {STATEMENT}"))
    if not statement.predicate_type:
        problems.append(("predicateType", "is empty"))
    if not statement.subject:
        problems.append(("subject", "names nothing"))
    for index, each in enumerate(statement.subject):
        where = f"subject[{index}].digest"
        problems += [(where, "is missing")] if not each.digest else _digest_problems(each.digest, where)
    if problems:
        raise InvalidDocument(_WHAT, problems)
    return statement


def _digest_problems(digest: Mapping[str, str], where: str) -> _Problems:
    return [
        (f"{where}.{algorithm}", f"must be {' or '.join(map(str, digits))} lower-case hexadecimal digits")
        for algorithm, digits in _DIGITS.items()
        if algorithm in digest
        and not (len(digest[algorithm]) in digits and _HEX.fullmatch(digest[algorithm]))
    ]


def timestamp(instant: datetime) -> str:
    """`instant` as predicates write it: RFC 3339, milliseconds, UTC."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
