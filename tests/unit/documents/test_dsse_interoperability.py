"""Envelopes of ours in the hands of securesystemslib, the reference of in-toto, and its envelopes in ours."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib import dsse as theirs
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey  # type: ignore[attr-defined]

from pytest_defend.documents.dsse import IN_TOTO, Envelope, sign, verify
from pytest_defend.keys import Kind, PrivateKey, PublicKey, generate, load_signer, load_verifier

PAYLOAD = '{"_type":"https://in-toto.io/Statement/v1","name":"käse"}'.encode()
OURS = {kind: load_signer(generate(kind).private_pem) for kind in Kind}
each_key = pytest.mark.parametrize("key", OURS.values(), ids=OURS)


def their_key(public: PublicKey) -> Key:
    return SSlibKey.from_crypto(load_pem_public_key(public.pem), public.keyid)


def their_reading(envelope: Envelope) -> theirs.Envelope:
    return theirs.Envelope.from_dict(json.loads(envelope.to_bytes()))


@each_key
def test_they_verify_ours(key: PrivateKey) -> None:
    envelope = their_reading(sign(PAYLOAD, IN_TOTO, [key]))
    assert envelope.payload == PAYLOAD
    assert envelope.pae() == sign(PAYLOAD, IN_TOTO, []).signed
    assert envelope.verify([their_key(key.public)], 1).keys() == {key.keyid}


def test_they_verify_several_of_ours() -> None:
    keys = [their_key(key.public) for key in OURS.values()]
    envelope = their_reading(sign(PAYLOAD, IN_TOTO, OURS.values()))
    assert envelope.verify(keys, 2).keys() == {key.keyid for key in OURS.values()}


@each_key
def test_they_refuse_what_we_refuse(key: PrivateKey) -> None:
    envelope = sign(PAYLOAD, IN_TOTO, [key])
    changed = Envelope(payload=PAYLOAD + b" ", payload_type=IN_TOTO, signatures=envelope.signatures)
    assert not verify(changed, [key.public]).ok
    with pytest.raises(VerificationError):
        their_reading(changed).verify([their_key(key.public)], 1)


THEIRS = {"ed25519": CryptoSigner.generate_ed25519, "ecdsa": CryptoSigner.generate_ecdsa}


@pytest.mark.parametrize("kind", THEIRS)
def test_we_verify_theirs(kind: str) -> None:
    """Its ids of keys are made otherwise than ours, which must not matter."""
    signer = THEIRS[kind]()
    envelope = theirs.Envelope(PAYLOAD, IN_TOTO, {})
    envelope.sign(signer)
    found = Envelope.from_bytes(json.dumps(envelope.to_dict()).encode())
    public = load_pem_private_key(signer.private_bytes, None).public_key()
    key = load_verifier(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert found.signatures[0].keyid != key.keyid
    assert verify(found, [key]).accepted == (key.keyid,)
    assert found.payload == PAYLOAD
    assert found.to_dict() == envelope.to_dict()


@pytest.mark.parametrize("kind", list(Kind))
def test_they_sign_with_our_keys(kind: Kind) -> None:
    pair = generate(kind)
    envelope = theirs.Envelope(PAYLOAD, IN_TOTO, {})
    envelope.sign(CryptoSigner(load_pem_private_key(pair.private_pem, None)))
    assert verify(Envelope.from_dict(envelope.to_dict()), [load_verifier(pair.public_pem)]).ok
