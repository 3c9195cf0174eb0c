"""Certificates made on the spot, and servers that show them: TLS over real sockets on this machine."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripted import Canned, Scripted

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Authority", "TlsServer"]


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs certificates.

    Attributes:
        folder: Where its files are.
        name: Of the authority.
        key: Its own.
        certificate: Its own.
    """

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path, name: str) -> Authority:
        """An authority nobody has heard of."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            **dict.fromkeys(
                (
                    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
                    *("key_agreement", "encipher_only", "decipher_only"),
                ),
                False,
            ),
            key_cert_sign=True,
            crl_sign=True,
        )
        certificate = (
            _begun(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        authority = cls(folder=folder, name=name, key=key, certificate=certificate)
        authority.bundle.write_bytes(_pem(certificate))
        return authority

    @property
    def bundle(self) -> Path:
        """Its certificate, for those who are to trust it."""
        return self.folder / f"{self.name}.pem"

    def signed(self, name: str, *, days: int = 1) -> Path:
        """A file with a certificate and its key: of an address, or of a user."""
        key = ec.generate_private_key(ec.SECP256R1())
        named = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        certificate = (
            _begun(name, self.name, key, days=days)
            .add_extension(x509.SubjectAlternativeName([named]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / f"{self.name}-{name}-{days}.pem"
        path.write_bytes(private + _pem(certificate))
        return path


def _begun(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, days: int = 1
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class TlsServer(Scripted):
    """Answers over TLS.

    Args:
        certificate: File with its certificate and key.
        asks_for: Bundle of the authority a client has to be known to; None for any client.
        hang_ups: How many connections just end before TLS is agreed on.
        answers: One by one; the last one stays.
    """

    def __init__(
        self, certificate: Path, *answers: Canned, asks_for: Path | None = None, hang_ups: int = 0
    ) -> None:
        super().__init__(*(answers or (Canned(200, b"ok"),)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if asks_for is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(asks_for)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.hang_ups = hang_ups

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self.hang_ups:
            self.hang_ups -= 1
            socket.socket.recv(connection, 1 << 16)  # below TLS: what is left unread would be a reset
            connection.shutdown(socket.SHUT_RDWR)
        return connection, address

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")
