"""Keys that sign and keys that are trusted: Ed25519 and ECDSA P-256, as PEM files.

Rules:
- A private key is PKCS #8, encrypted when there is a passphrase; a public one is SubjectPublicKeyInfo.
- The id of a key is the sha256 of its public half in DER, hexadecimal: the same for both halves, and for
  every tool that reads the file.
- ECDSA signs with SHA-256; its signatures are DER. Ed25519 signs the message itself.
- No error, `repr` or file name shows a private key or a passphrase.
- A file of a private key is for its owner only, appears whole or not at all, and replaces nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pytest_defend.errors import UsageError

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
        load_pem_public_key,
    )
except ImportError as missing:
    raise UsageError(
        "Signing needs cryptography, which is not installed.", hint="Install pytest-defend[sign]."
    ) from missing

__all__ = [
    "KeyPair",
    "Kind",
    "PrivateKey",
    "PublicKey",
    "generate",
    "load_signer",
    "load_verifier",
    "load_verifiers",
    "write_pair",
]

_ECDSA = ec.ECDSA(SHA256())
_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_MAX_PASSPHRASE = 1023  # bytes; more than OpenSSL takes
_SUPPORTED = "Use an Ed25519 or an ECDSA P-256 key; pytest-defend keygen makes one."

_AnyPrivate = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_AnyPublic = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class Kind(StrEnum):
    """A kind of key."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that is trusted; a `Verifier`."""

    keyid: str
    """Sha256 of the key in DER (SubjectPublicKeyInfo), hexadecimal."""
    kind: Kind
    """Which algorithm it is for."""
    pem: bytes = field(repr=False)
    """The key as a file."""
    _key: _AnyPublic = field(repr=False, compare=False)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature of this message."""
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(signature, message, _ECDSA)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A key that signs; a `Signer`."""

    public: PublicKey
    """Its other half."""
    _key: _AnyPrivate = field(repr=False, compare=False)

    @property
    def keyid(self) -> str:
        """Which key it is: the id of its public half."""
        return self.public.keyid

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, _ECDSA)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """Both halves of a new key, as they are written to files."""

    keyid: str
    """Which key it is."""
    private_pem: bytes = field(repr=False)
    """For its owner only."""
    public_pem: bytes
    """For everybody who is to verify."""


def generate(kind: Kind = Kind.ED25519, passphrase: str = "") -> KeyPair:
    """Make a new key.

    Args:
        kind: Which algorithm it is for.
        passphrase: Encrypts the private half; empty to leave it as it is.

    Raises:
        UsageError: The passphrase is longer than keys allow.
    """
    key: _AnyPrivate = (
        ed25519.Ed25519PrivateKey.generate()
        if kind is Kind.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    secret = _bytes(passphrase)
    if len(secret) > _MAX_PASSPHRASE:
        raise UsageError(f"A passphrase has at most {_MAX_PASSPHRASE} bytes.", hint="Choose a shorter one.")
    encryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    public = _public(key.public_key(), "the new key")
    return KeyPair(
        keyid=public.keyid,
        private_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
        public_pem=public.pem,
    )


def _bytes(passphrase: str) -> bytes:
    return passphrase.encode("utf-8", "surrogateescape")  # as the environment gave it


def load_signer(pem: bytes, passphrase: str = "", *, name: str = "the private key") -> PrivateKey:
    """Read a private key.

    Args:
        pem: Content of its file.
        passphrase: Of an encrypted key; empty when there is none.
        name: How the key is called in errors: the path of its file.

    Raises:
        UsageError: It is no private key of a kind we use, or the passphrase does not open it.
    """
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise UsageError(f"{name} is encrypted and there is no passphrase.", hint="Give the passphrase.")
    try:
        # A passphrase that is set for other keys, too, is no mistake.
        key = load_pem_private_key(pem, _bytes(passphrase) if encrypted else None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise UsageError(f"The passphrase does not open {name}.", hint="Check both.") from error
        raise UsageError(f"{name} is no private key in PEM (PKCS #8).", hint=_SUPPORTED) from error
    if not isinstance(key, _AnyPrivate):
        raise UsageError(f"{name} is of a kind that is not used here.", hint=_SUPPORTED)
    return PrivateKey(public=_public(key.public_key(), name), _key=key)


def load_verifier(pem: bytes, *, name: str = "the public key") -> PublicKey:
    """Read one public key.

    Args:
        pem: Content of its file.
        name: How the key is called in errors: the path of its file.

    Raises:
        UsageError: It is no public key of a kind we use.
    """
    if b"PRIVATE KEY" in pem:
        hint = "Give its public half; keep the private one to yourself."
        raise UsageError(f"{name} is a private key.", hint=hint)
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} is no public key in PEM.", hint=_SUPPORTED) from error
    return _public(key, name)


def load_verifiers(pem: bytes, *, name: str = "the public keys") -> tuple[PublicKey, ...]:
    """Read a file of one or more public keys, one behind the other.

    Args:
        pem: Content of the file; text between the keys is ignored.
        name: How the file is called in errors.

    Raises:
        UsageError: There is no key in it, a private one, or one of a kind we do not use.
    """
    found = [] if b"PRIVATE KEY" in pem else _PUBLIC.findall(pem)
    return tuple(load_verifier(each, name=name) for each in found or [pem])


def _public(key: object, name: str) -> PublicKey:
    if isinstance(key, ed25519.Ed25519PublicKey):
        kind = Kind.ED25519
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        kind = Kind.ECDSA_P256
    else:
        raise UsageError(f"{name} is of a kind that is not used here.", hint=_SUPPORTED)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(keyid=hashlib.sha256(der).hexdigest(), kind=kind, pem=pem, _key=key)


def write_pair(pair: KeyPair, private: Path, public: Path) -> None:
    """Write both halves of a key; neither is there when one cannot be written.

    Args:
        pair: The key.
        private: File of the private half, readable by its owner only.
        public: File of the public half.

    Raises:
        UsageError: One of the files is there already, or both are one.
        OSError: One of them cannot be written.
    """
    if private == public:
        raise UsageError(f"{private} cannot hold both halves of a key.", hint="Name two files.")
    _write(public, pair.public_pem, 0o644)
    try:
        _write(private, pair.private_pem, 0o600)
    except BaseException:
        public.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes, mode: int) -> None:
    """A new file that appears whole: written under another name, then linked, which replaces nothing."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(mode)
        os.link(draft, path)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already.", hint="Choose another name.") from error
    finally:
        Path(draft).unlink()
