from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from pytest_defend.errors import UsageError
from pytest_defend.keys import (
    Kind,
    generate,
    load_signer,
    load_verifier,
    load_verifiers,
    write_pair,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Signer, Verifier

each_kind = pytest.mark.parametrize("kind", list(Kind))
PAIRS = {kind: generate(kind) for kind in Kind}
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P384 = ec.generate_private_key(ec.SECP384R1())


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@each_kind
def test_a_key_verifies_what_its_other_half_signed(kind: Kind) -> None:
    signer: Signer = load_signer(PAIRS[kind].private_pem)
    verifier: Verifier = load_verifier(PAIRS[kind].public_pem)
    signature = signer.sign(b"message")
    assert verifier.verify(b"message", signature)
    assert not verifier.verify(b"massage", signature)
    assert not verifier.verify(b"message", signature[:-1])
    assert not verifier.verify(b"message", b"")
    assert not load_verifier(generate(kind).public_pem).verify(b"message", signature)


@each_kind
def test_kinds_do_not_verify_each_other(kind: Kind) -> None:
    signature = load_signer(PAIRS[kind].private_pem).sign(b"message")
    (other,) = [load_verifier(pair.public_pem) for each, pair in PAIRS.items() if each is not kind]
    assert not other.verify(b"message", signature)


@each_kind
def test_the_id_is_the_digest_of_the_public_half(kind: Kind) -> None:
    pair = PAIRS[kind]
    der = load_pem_public_key(pair.public_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert pair.keyid == hashlib.sha256(der).hexdigest()
    assert load_signer(pair.private_pem).keyid == load_verifier(pair.public_pem).keyid == pair.keyid


@each_kind
def test_a_key_says_of_which_kind_it_is(kind: Kind) -> None:
    key = load_signer(PAIRS[kind].private_pem)
    assert key.public == load_verifier(PAIRS[kind].public_pem)
    assert key.public.kind is kind
    assert key.public.pem == PAIRS[kind].public_pem


@each_kind
def test_every_key_is_new(kind: Kind) -> None:
    assert generate(kind).keyid != PAIRS[kind].keyid


@each_kind
def test_a_passphrase_opens_a_key(kind: Kind) -> None:
    pair = generate(kind, "sesame \udcff")
    assert b"ENCRYPTED" in pair.private_pem
    assert load_signer(pair.private_pem, "sesame \udcff").keyid == pair.keyid
    with pytest.raises(UsageError, match=r"a\.key is encrypted and there is no passphrase"):
        load_signer(pair.private_pem, name="a.key")
    with pytest.raises(UsageError, match=r"does not open a\.key") as caught:
        load_signer(pair.private_pem, "barley", name="a.key")
    assert "barley" not in str(caught.value)


def test_a_passphrase_too_many_is_no_mistake() -> None:
    pair = PAIRS[Kind.ED25519]
    assert load_signer(pair.private_pem, "for the other keys").keyid == pair.keyid


def test_a_passphrase_that_no_tool_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 1023 bytes"):
        generate(passphrase="x" * 1024)


@pytest.mark.parametrize(
    "pem",
    [b"", b"nonsense", PAIRS[Kind.ED25519].public_pem, PAIRS[Kind.ED25519].private_pem[:80]],
    ids=["empty", "nonsense", "public", "cut"],
)
def test_what_is_no_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(UsageError, match=r"a\.key is no private key in PEM"):
        load_signer(pem, name="a.key")


@pytest.mark.parametrize(
    "pem", [b"", b"nonsense", PAIRS[Kind.ED25519].public_pem[:60]], ids=["empty", "nonsense", "cut"]
)
def test_what_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(UsageError, match=r"a\.pub is no public key in PEM"):
        load_verifier(pem, name="a.pub")
    with pytest.raises(UsageError, match=r"a\.pub is no public key in PEM"):
        load_verifiers(pem, name="a.pub")


@each_kind
def test_a_private_key_is_not_taken_for_a_public_one(kind: Kind) -> None:
    for load in (load_verifier, load_verifiers):
        with pytest.raises(UsageError, match=r"a\.key is a private key\. Give its public half"):
            load(PAIRS[kind].public_pem + PAIRS[kind].private_pem, name="a.key")


@pytest.mark.parametrize("key", [RSA, P384], ids=["rsa", "p384"])
def test_other_kinds_are_refused(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(UsageError, match=r"a\.key is of a kind that is not used here\. Use an Ed25519"):
        load_signer(private_pem(key), name="a.key")
    with pytest.raises(UsageError, match=r"a\.pub is of a kind"):
        load_verifier(public_pem(key), name="a.pub")


def test_a_file_may_hold_several_public_keys() -> None:
    pems = [pair.public_pem for pair in PAIRS.values()]
    found = load_verifiers(b"# ours\n" + b"# theirs\n".join(pems))
    assert [key.keyid for key in found] == [pair.keyid for pair in PAIRS.values()]
    with pytest.raises(UsageError, match="of a kind"):
        load_verifiers(pems[0] + public_pem(RSA))


@each_kind
def test_nothing_shows_a_private_key(kind: Kind) -> None:
    pair = generate(kind)
    secret = pair.private_pem.splitlines()[1].decode()
    shown = repr((pair, load_signer(pair.private_pem))) + str(pair)
    assert secret not in shown
    assert "PRIVATE" not in shown


def read(folder: Path) -> dict[str, tuple[str, bytes]]:
    return {
        path.name: (oct(stat.S_IMODE(path.stat().st_mode)), path.read_bytes()) for path in folder.iterdir()
    }


def test_a_pair_is_written_for_its_owner_and_for_everybody(tmp_path: Path) -> None:
    pair = generate()
    write_pair(pair, tmp_path / "a.key", tmp_path / "a.pub")
    assert read(tmp_path) == {"a.key": ("0o600", pair.private_pem), "a.pub": ("0o644", pair.public_pem)}


@pytest.mark.parametrize("taken", ["a.key", "a.pub"])
def test_a_key_that_is_there_is_never_replaced(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"precious")
    with pytest.raises(UsageError, match=f"{taken} is there already"):
        write_pair(generate(), tmp_path / "a.key", tmp_path / "a.pub")
    assert {name: content for name, (_, content) in read(tmp_path).items()} == {taken: b"precious"}


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"a\.key is there already"):
        write_pair(generate(), tmp_path / "a.key", tmp_path / "a.pub")
    assert [path.name for path in tmp_path.iterdir()] == ["a.key"]


def test_halves_have_files_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold both halves"):
        write_pair(generate(), tmp_path / "a.key", tmp_path / "a.key")
    assert read(tmp_path) == {}


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_pair(generate(), tmp_path / "no" / "a.key", tmp_path / "a.pub")
    assert read(tmp_path) == {}


def test_without_cryptography_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pytest_defend.errors import UsageError\n"
        "try: import pytest_defend.keys\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "Signing needs cryptography, which is not installed. Install pytest-defend[sign].\n"
