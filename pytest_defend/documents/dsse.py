"""Signed messages: the DSSE envelope, what is signed in it, and who signed it.

Rules:
- What is signed is the type of the payload and its bytes, never the envelope. Whoever reads a payload reads
  the bytes that were verified.
- The id of a key in an envelope is a hint: it decides nothing, neither for nor against a signature.
- A key counts once, however often it signed; so does a key that is given twice.
- Base64 is read in both alphabets, with or without padding, and in its one spelling only; it is written in
  the standard alphabet.
- Unknown fields are kept, and mean nothing.

Source: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.documents.canonical import read_json
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.fields import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_defend.protocols import Signer, Verifier

__all__ = [
    "IN_TOTO",
    "MAX_ENVELOPE_BYTES",
    "MAX_SIGNATURES",
    "Envelope",
    "Signature",
    "Verification",
    "pae",
    "sign",
    "verify",
]

IN_TOTO = "application/vnd.in-toto+json"
"""Type of a payload that is an in-toto statement."""

MAX_ENVELOPE_BYTES = 32 * 1024 * 1024
"""Of a whole envelope as JSON; the predicates of today's registries end at 16 MiB."""
MAX_SIGNATURES = 64
_MAX_SIGNATURE = 16 * 1024  # characters: the largest signatures of today have a third of it
_MAX_TEXT = 1024  # characters of a type or an id
_SHOWN = 80  # characters of an id that anybody may have written

_Extra = Mapping[str, Any]
_Problems = list[tuple[str, str]]


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: both parts with their lengths in bytes, so that neither can run into the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature of an envelope."""

    sig: bytes
    keyid: str = ""
    """Which key is said to have made it; empty when nothing is said."""
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message and its signatures."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...] = ()
    extra: _Extra = field(default_factory=dict)

    @property
    def signed(self) -> bytes:
        """What its signatures are made of."""
        return pae(self.payload_type, self.payload)

    @classmethod
    def from_bytes(cls, content: bytes) -> Envelope:
        """Read JSON text.

        Raises:
            InvalidDocument: It is no JSON, or no envelope, or too large.
        """
        if len(content) > MAX_ENVELOPE_BYTES:
            problem = f"has {len(content)} bytes, more than the {MAX_ENVELOPE_BYTES} that are read"
            raise InvalidDocument(_WHAT, [("", problem)])
        return cls.from_dict(read_json(content, _WHAT))

    @classmethod
    def from_dict(cls, document: object) -> Envelope:
        """Read a parsed JSON object.

        Raises:
            InvalidDocument: It is no envelope; every problem is named.
        """
        if not isinstance(document, Mapping):
            raise InvalidDocument(_WHAT, [("", "must be an object")])
        problems: _Problems = []
        # "Empty fields may be omitted", says the specification; the type is never empty.
        payload = _base64(document.get("payload"), "payload", MAX_ENVELOPE_BYTES, problems)
        payload_type = _text(document.get("payloadType"), "payloadType", problems)
        if not payload_type:
            problems.append(("payloadType", "is missing"))
        signatures = _signatures(document.get("signatures"), problems)
        if problems:
            raise InvalidDocument(_WHAT, problems)
        known = {"payload", "payloadType", "signatures"}
        extra = {key: value for key, value in document.items() if key not in known}
        return cls(payload=payload, payload_type=payload_type, signatures=signatures, extra=extra)

    def to_dict(self) -> dict[str, Any]:
        """This value as a JSON object."""
        return {
            **self.extra,
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {
                    **each.extra,
                    **({"keyid": each.keyid} if each.keyid else {}),
                    "sig": base64.b64encode(each.sig).decode(),
                }
                for each in self.signatures
            ],
        }

    def to_bytes(self) -> bytes:
        """The canonical bytes of `to_dict`, on one line."""
        return canonical_bytes(self.to_dict())


_WHAT = "DSSE envelope"


def _signatures(value: object, problems: _Problems) -> tuple[Signature, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(("signatures", "must be a list"))
        return ()
    if len(value) > MAX_SIGNATURES:
        problems.append(("signatures", f"holds {len(value)} signatures, more than {MAX_SIGNATURES}"))
        return ()
    return tuple(_signature(each, f"signatures[{index}]", problems) for index, each in enumerate(value))


def _signature(value: object, where: str, problems: _Problems) -> Signature:
    if not isinstance(value, Mapping):
        problems.append((where, "must be an object"))
        return Signature(sig=b"")
    sig = _base64(value.get("sig"), f"{where}.sig", _MAX_SIGNATURE, problems)
    if not value.get("sig"):
        problems.append((f"{where}.sig", "is missing"))
    keyid = _text(value.get("keyid"), f"{where}.keyid", problems)
    extra = {key: item for key, item in value.items() if key not in {"sig", "keyid"}}
    return Signature(sig=sig, keyid=keyid, extra=extra)


def _text(value: object, where: str, problems: _Problems) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        problems.append((where, "must be text"))
    elif len(value) > _MAX_TEXT:
        problems.append((where, f"has more than {_MAX_TEXT} characters"))
    elif not _is_unicode(value):
        problems.append((where, "holds half a character"))
    else:
        return value
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _base64(value: object, where: str, limit: int, problems: _Problems) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        problems.append((where, "must be text"))
        return b""
    if len(value) > limit:
        problems.append((where, f"has more than {limit} characters"))
        return b""
    alphabet = b"-_" if "-" in value or "_" in value else b"+/"
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), alphabet, validate=True)
        written = base64.b64encode(decoded, alphabet).decode()
    except (binascii.Error, ValueError):
        problems.append((where, "must be base64"))
        return b""
    if value not in (written, written.rstrip("=")):
        problems.append((where, "must be base64 in its one spelling: no other padding, no bits left over"))
        return b""
    return decoded


def sign(payload: bytes, payload_type: str, signers: Iterable[Signer]) -> Envelope:
    """Sign a message with every key given.

    Args:
        payload: The bytes to sign, as they are kept.
        payload_type: What they are, such as `IN_TOTO`.
        signers: The keys; a key that is given twice signs once.
    """
    message = pae(payload_type, payload)
    by_id = {signer.keyid: signer for signer in signers}
    signatures = tuple(Signature(sig=each.sign(message), keyid=keyid) for keyid, each in by_id.items())
    return Envelope(payload=payload, payload_type=payload_type, signatures=signatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Who signed an envelope, of those that are trusted."""

    accepted: tuple[str, ...]
    """Ids of the trusted keys that signed it, each once, sorted."""
    threshold: int
    """How many of them are needed."""
    problems: tuple[str, ...]
    """Why it is refused, and why signatures do not count; one sentence each."""

    @property
    def ok(self) -> bool:
        """Whether enough trusted keys signed it."""
        return len(self.accepted) >= self.threshold


def verify(envelope: Envelope, verifiers: Iterable[Verifier], threshold: int = 1) -> Verification:
    """Find out which trusted keys signed an envelope.

    Args:
        envelope: What is to be trusted.
        verifiers: The trusted keys; a key that is given twice counts once.
        threshold: How many different keys must have signed, at least 1.

    Raises:
        UsageError: `threshold` is less than 1: nothing would have to be signed.
    """
    if threshold < 1:
        raise UsageError(f"{threshold} signatures are no proof.", hint="Ask for 1 or more.")
    trusted = {verifier.keyid: verifier for verifier in verifiers}
    message = envelope.signed
    accepted: set[str] = set()
    problems: list[str] = []
    for number, signature in enumerate(envelope.signatures, start=1):
        keyid = _made_by(signature, message, trusted)
        if keyid is None:
            problems.append(f"Signature {number} {_doubt(signature, trusted)}.")
        elif keyid in accepted:
            problems.append(f"Signature {number} was made with key {keyid}, which counts already.")
        else:
            accepted.add(keyid)
    if len(accepted) < threshold:
        problems.insert(0, _shortage(envelope.signatures, trusted, len(accepted), threshold))
    return Verification(accepted=tuple(sorted(accepted)), threshold=threshold, problems=tuple(problems))


def _made_by(signature: Signature, message: bytes, trusted: Mapping[str, Verifier]) -> str | None:
    """Id of the key that made a signature; the one it names is tried first, then every other one."""
    ids = sorted(trusted, key=lambda keyid: keyid != signature.keyid)
    return next((keyid for keyid in ids if trusted[keyid].verify(message, signature.sig)), None)


def _doubt(signature: Signature, trusted: Mapping[str, Verifier]) -> str:
    if signature.keyid in trusted:
        return f"is not of key {signature.keyid} and this content: one of them was changed"
    named = f"names key {signature.keyid[:_SHOWN]!r}" if signature.keyid else "names no key"
    return f"{named}, and no trusted key made it"


def _shortage(
    signatures: Sequence[Signature], trusted: Mapping[str, Verifier], accepted: int, threshold: int
) -> str:
    if not trusted:
        return "No key is trusted, so that nothing can be verified."
    if not signatures:
        return "It is not signed."
    return f"Of the {threshold} trusted keys that are needed, {accepted} signed it."
