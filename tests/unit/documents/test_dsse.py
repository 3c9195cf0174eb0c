from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pytest_defend.documents.dsse import (
    IN_TOTO,
    MAX_ENVELOPE_BYTES,
    MAX_SIGNATURES,
    Envelope,
    Signature,
    pae,
    sign,
    verify,
)
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.keys import Kind, PublicKey, generate, load_signer, load_verifier

# The test vector of the specification: protocol.md, "Test Vectors".
TYPE, BODY = "http://example.com/HelloWorld", b"hello world"
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
D = 97358161215184420915383655311931858321456579547487070936769975997791359926199
VECTOR = {
    "payload": "aGVsbG8gd29ybGQ=",
    "payloadType": TYPE,
    "signatures": [
        {"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}
    ],
}

ONE, TWO, THREE = (load_signer(generate(kind).private_pem) for kind in (*Kind, Kind.ED25519))
STRANGER = load_signer(generate().private_pem)
TRUSTED = (ONE.public, TWO.public, THREE.public)


@pytest.mark.parametrize(
    ("payload_type", "payload", "message"),
    [
        (TYPE, BODY, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        ("ä", b"\x00 1", b"DSSEv1 2 \xc3\xa4 3 \x00 1"),
    ],
)
def test_lengths_are_signed_with_both_parts(payload_type: str, payload: bytes, message: bytes) -> None:
    assert pae(payload_type, payload) == message
    assert Envelope(payload=payload, payload_type=payload_type).signed == message


def vector_key() -> PublicKey:
    numbers = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1())
    pem = numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return load_verifier(pem)


def test_the_envelope_of_the_specification_is_verified() -> None:
    """Its signature is the bare numbers r and s; ours are DER."""
    envelope = Envelope.from_dict(VECTOR)
    assert (envelope.payload, envelope.payload_type) == (BODY, TYPE)
    bare = envelope.signatures[0].sig
    der = encode_dss_signature(int.from_bytes(bare[:32], "big"), int.from_bytes(bare[32:], "big"))
    in_der = replace(envelope, signatures=(Signature(sig=der),))
    assert verify(in_der, [vector_key()]).accepted == (vector_key().keyid,)
    assert not verify(envelope, [vector_key()]).ok


def test_the_private_key_of_the_specification_signs_the_same_message() -> None:
    private = ec.derive_private_key(D, ec.SECP256R1())
    signer = load_signer(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert signer.public == vector_key()
    assert verify(sign(BODY, TYPE, [signer]), [vector_key()]).ok


def test_an_envelope_is_one_line_of_json() -> None:
    envelope = sign(b"{}", IN_TOTO, [ONE])
    written = envelope.to_bytes()
    assert b"\n" not in written
    assert json.loads(written) == {
        "payload": "e30=",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": ONE.keyid, "sig": base64.b64encode(envelope.signatures[0].sig).decode()}],
    }
    assert Envelope.from_bytes(written) == envelope


def test_a_key_that_is_given_twice_signs_once() -> None:
    assert [each.keyid for each in sign(b"x", "t", [ONE, TWO, ONE]).signatures] == [ONE.keyid, TWO.keyid]


# --- reading ----------------------------------------------------------------------------------------


def document(**changes: Any) -> dict[str, Any]:
    return {"payload": "e30=", "payloadType": "t", "signatures": [{"keyid": "k", "sig": "AAA="}], **changes}


@pytest.mark.parametrize("text", ["-_-_", "+/+/", "+/8=", "-_8=", "-_8", "+/8", "AAA", "AA", ""])
def test_both_alphabets_are_read_with_and_without_padding(text: str) -> None:
    expected = base64.b64decode(text.replace("-", "+").replace("_", "/") + "==")
    assert Envelope.from_dict(document(payload=text)).payload == expected


@pytest.mark.parametrize(
    "text", ["A", "A===", "+/-_", "AA=", "AB==", "AAA==", "AA==AA==", " AAA=", "AAA=\n", "ä", "=", "AA\ud800"]
)
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    for changed in (document(payload=text), document(signatures=[{"sig": text}])):
        with pytest.raises(InvalidDocument, match="must be base64"):
            Envelope.from_dict(changed)


def test_what_may_be_left_out_may_be_left_out() -> None:
    assert Envelope.from_dict({"payloadType": "t"}) == Envelope(payload=b"", payload_type="t")
    for keyid in ({}, {"keyid": ""}, {"keyid": None}):
        signatures = [{**keyid, "sig": "AAA="}]
        assert Envelope.from_dict(document(signatures=signatures)).signatures == (Signature(sig=b"\0\0"),)


def test_unknown_fields_are_kept() -> None:
    told = document(more={"a": [1.5]}, signatures=[{"keyid": "k", "sig": "AAA=", "cert": "c"}])
    envelope = Envelope.from_dict(told)
    assert envelope.to_dict() == told
    assert json.loads(envelope.to_bytes()) == told


PROBLEMS: list[tuple[object, list[tuple[str, str]]]] = [
    ([], [("", "must be an object")]),
    (None, [("", "must be an object")]),
    ({}, [("payloadType", "is missing")]),
    (document(payloadType=""), [("payloadType", "is missing")]),
    (document(payload=7), [("payload", "must be text")]),
    (
        document(payloadType="\ud800"),
        [("payloadType", "holds half a character"), ("payloadType", "is missing")],
    ),
    (
        document(payloadType="t" * 1025),
        [("payloadType", "has more than 1024 characters"), ("payloadType", "is missing")],
    ),
    (document(signatures={}), [("signatures", "must be a list")]),
    (document(signatures=[7]), [("signatures[0]", "must be an object")]),
    (document(signatures=[{}]), [("signatures[0].sig", "is missing")]),
    (document(signatures=[{"sig": ""}]), [("signatures[0].sig", "is missing")]),
    (
        document(signatures=[{"sig": "AAA="}, {"sig": 1, "keyid": []}]),
        [("signatures[1].sig", "must be text"), ("signatures[1].keyid", "must be text")],
    ),
    (
        document(signatures=[{"sig": "A" * 20000}]),
        [("signatures[0].sig", "has more than 16384 characters")],
    ),
    (
        document(signatures=[{"sig": "AAA="}] * (MAX_SIGNATURES + 1)),
        [("signatures", "holds 65 signatures, more than 64")],
    ),
]


@pytest.mark.parametrize(("told", "problems"), PROBLEMS)
def test_every_problem_is_named_where_it_is(told: object, problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidDocument, match="DSSE envelope is not valid") as caught:
        Envelope.from_dict(told)
    assert list(caught.value.problems) == problems


def test_a_huge_envelope_is_not_even_read() -> None:
    with pytest.raises(InvalidDocument, match=f"more than the {MAX_ENVELOPE_BYTES} that are read"):
        Envelope.from_bytes(b" " * (MAX_ENVELOPE_BYTES + 1))


def test_json_with_two_meanings_is_no_envelope() -> None:
    with pytest.raises(InvalidDocument, match="names 'payload' twice"):
        Envelope.from_bytes(b'{"payload":"","payloadType":"t","payload":"e30="}')


# --- verifying --------------------------------------------------------------------------------------


def test_every_trusted_key_counts_once() -> None:
    envelope = sign(b"x", "t", [ONE, TWO])
    found = verify(envelope, [*TRUSTED, ONE.public], 2)
    assert found.ok
    assert found.accepted == tuple(sorted([ONE.keyid, TWO.keyid]))
    assert found.problems == ()


def test_a_second_signature_of_a_key_does_not_count() -> None:
    twice = sign(b"x", "t", [ONE]).signatures + sign(b"x", "t", [ONE]).signatures
    found = verify(Envelope(payload=b"x", payload_type="t", signatures=twice), TRUSTED, 2)
    assert not found.ok
    assert found.problems == (
        "Of the 2 trusted keys that are needed, 1 signed it.",
        f"Signature 2 was made with key {ONE.keyid}, which counts already.",
    )


def test_a_second_signature_under_another_name_does_not_count() -> None:
    """ECDSA signs in a new way each time, and an id is written by anybody."""
    first, again = sign(b"x", "t", [TWO]).signatures + sign(b"x", "t", [TWO]).signatures
    assert first.sig != again.sig
    renamed = replace(again, keyid=ONE.keyid)
    found = verify(Envelope(payload=b"x", payload_type="t", signatures=(first, renamed)), TRUSTED, 2)
    assert found.accepted == (TWO.keyid,)
    assert not found.ok


@pytest.mark.parametrize("keyid", ["", "unknown", TWO.keyid], ids=["none", "unknown", "another"])
def test_the_id_of_a_key_is_a_hint_only(keyid: str) -> None:
    (signature,) = sign(b"x", "t", [ONE]).signatures
    envelope = Envelope(payload=b"x", payload_type="t", signatures=(replace(signature, keyid=keyid),))
    assert verify(envelope, TRUSTED).accepted == (ONE.keyid,)


def test_a_stranger_who_names_a_trusted_key_is_no_friend() -> None:
    (signature,) = sign(b"x", "t", [STRANGER]).signatures
    envelope = Envelope(payload=b"x", payload_type="t", signatures=(replace(signature, keyid=ONE.keyid),))
    found = verify(envelope, TRUSTED)
    assert not found.ok
    reason = f"Signature 1 is not of key {ONE.keyid} and this content: one of them was changed."
    assert found.problems == ("Of the 1 trusted keys that are needed, 0 signed it.", reason)


def test_a_stranger_is_named_as_he_names_himself() -> None:
    (signature,) = sign(b"x", "t", [STRANGER]).signatures
    for keyid, said in [
        ("", "names no key"),
        ("\x1b[2J", "names key '\\x1b[2J'"),
        ("z" * 200, f"names key '{'z' * 80}'"),
    ]:
        envelope = Envelope(payload=b"x", payload_type="t", signatures=(replace(signature, keyid=keyid),))
        assert verify(envelope, TRUSTED).problems[1] == f"Signature 1 {said}, and no trusted key made it."


def test_a_bad_signature_does_not_spoil_a_good_one() -> None:
    envelope = sign(b"x", "t", [STRANGER, ONE])
    found = verify(envelope, TRUSTED)
    assert found.ok
    assert found.problems == (f"Signature 1 names key '{STRANGER.keyid}', and no trusted key made it.",)


def test_without_signatures_or_keys_nothing_is_verified() -> None:
    assert verify(Envelope(payload=b"x", payload_type="t"), TRUSTED).problems == ("It is not signed.",)
    found = verify(sign(b"x", "t", [ONE]), [])
    assert not found.ok
    assert found.problems[0] == "No key is trusted, so that nothing can be verified."


@pytest.mark.parametrize("threshold", [0, -1])
def test_no_signature_is_no_proof(threshold: int) -> None:
    with pytest.raises(UsageError, match="are no proof"):
        verify(sign(b"x", "t", [ONE]), TRUSTED, threshold)


@pytest.mark.parametrize("signer", [ONE, TWO], ids=["ed25519", "ecdsa"])
def test_every_changed_byte_is_refused(signer: Any) -> None:
    envelope = sign(b'{"result":"FAILED"}', IN_TOTO, [signer])
    assert verify(envelope, [signer.public]).ok
    for place in range(len(envelope.payload)):
        for bit in range(8):
            changed = bytearray(envelope.payload)
            changed[place] ^= 1 << bit
            assert not verify(replace(envelope, payload=bytes(changed)), [signer.public]).ok
    for place in range(len(IN_TOTO)):
        changed_type = IN_TOTO[:place] + chr(ord(IN_TOTO[place]) ^ 1) + IN_TOTO[place + 1 :]
        assert not verify(replace(envelope, payload_type=changed_type), [signer.public]).ok


@pytest.mark.parametrize("signer", [ONE, TWO], ids=["ed25519", "ecdsa"])
def test_every_changed_bit_of_a_signature_is_refused(signer: Any) -> None:
    envelope = sign(b"x", "t", [signer])
    (signature,) = envelope.signatures
    for place in range(len(signature.sig)):
        for bit in range(8):
            changed = bytearray(signature.sig)
            changed[place] ^= 1 << bit
            wrong = replace(envelope, signatures=(replace(signature, sig=bytes(changed)),))
            assert not verify(wrong, [signer.public]).ok


def test_bytes_cannot_move_between_type_and_payload() -> None:
    envelope = sign(b"body 4 more", "type", [ONE])
    moved = Envelope(payload=b"more", payload_type="type 11 body", signatures=envelope.signatures)
    assert not verify(moved, TRUSTED).ok


@dataclass(frozen=True)
class Foreign:
    """Any key there is: the envelope does not know how it signs."""

    keyid: str

    def sign(self, message: bytes) -> bytes:
        return hashlib.sha256(self.keyid.encode() + message).digest()

    def verify(self, message: bytes, signature: bytes) -> bool:
        return signature == self.sign(message)


def test_any_key_can_sign() -> None:
    keys = [Foreign("a"), Foreign("b")]
    assert verify(sign(b"x", "t", keys), keys, 2).accepted == ("a", "b")
    assert verify(sign(b"x", "t", keys[:1]), keys[1:]).accepted == ()
