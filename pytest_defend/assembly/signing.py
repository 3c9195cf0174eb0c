"""Keys of those who sign and of those who are trusted, from files; and who is offered what was signed.

Rules:
- A key is read before anything else is done: a run that cannot sign says so at its start.
- A passphrase comes from its setting, or from whoever is asked at a terminal; never from an argument.
- A path in pyproject.toml is relative to that file, any other to where the process was started.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_defend.actions.stated import Key
    from pytest_defend.documents.dsse import Envelope
    from pytest_defend.model.signing import KeyView, SigningView
    from pytest_defend.protocols import Store, Verifier
    from pytest_defend.settings import Project, Settings

__all__ = ["forward_to", "make_key", "open_key", "read_key", "read_verifiers", "sign_run"]

_ENCRYPTED = b"ENCRYPTED"
_VARIABLE = "DEFEND_SIGNING_PASSPHRASE"


def open_key(
    settings: Settings, project: Project, ask: Callable[[str], str] | None = None, *, cwd: Path | None = None
) -> Key | None:
    """The key that the settings name; None when they name none.

    Args:
        settings: Resolved.
        project: Whose pyproject.toml may have named it.
        ask: Gives the passphrase of the file it is told; None when nobody can be asked.
        cwd: Where the process was started; the present folder when not given.

    Raises:
        UsageError: It cannot be read or used, or cryptography is not installed.
    """
    if not settings.signing_key:
        return None
    from_file = settings.origins["signing_key"] == "pyproject.toml"
    folder = project.root if from_file else cwd or Path.cwd()
    return read_key(folder / Path(settings.signing_key).expanduser(), settings, ask)


def read_key(path: Path, settings: Settings, ask: Callable[[str], str] | None = None) -> Key:
    """A key from its file.

    Args:
        path: Of the private half.
        settings: With the passphrase, if there is one.
        ask: As for `open_key`.

    Raises:
        UsageError: It cannot be read or used, or cryptography is not installed.
    """
    from pytest_defend.actions.stated import Key
    from pytest_defend.keys import load_signer

    pem = _read(path, "Name a file with a private key in PEM; pytest-defend keygen makes one.")
    passphrase = settings.signing_passphrase.reveal()
    if _ENCRYPTED in pem and not passphrase:
        if ask is None:
            raise UsageError(f"{path} is encrypted and there is no passphrase.", hint=f"Set {_VARIABLE}.")
        passphrase = ask(str(path))
    private = load_signer(pem, passphrase, name=str(path))
    return Key(signer=private, verifier=private.public)


def read_verifiers(files: Iterable[str]) -> tuple[Verifier, ...]:
    """The public keys in some files; each of them may hold several.

    Raises:
        UsageError: One cannot be read, holds no public key or a private one; cryptography is not installed.
    """
    from pytest_defend.keys import load_verifiers

    found: list[Verifier] = []
    for file in files:
        path = Path(file).expanduser()
        found += load_verifiers(_read(path, "Name a file with public keys in PEM."), name=file)
    return tuple(found)


def _read(path: Path, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}.", hint=hint) from error


def make_key(kind: str, output: str, passphrase: str) -> KeyView:
    """A new key, in two files.

    Args:
        kind: `ed25519` or `ecdsa-p256`.
        output: File of the private half; the public one is beside it and ends with `.pub`.
        passphrase: Encrypts the private half; empty to leave it as it is.

    Raises:
        UsageError: One of the files is there already, or cryptography is not installed.
        OSError: One of them cannot be written.
    """
    from pytest_defend.keys import Kind, generate, write_pair
    from pytest_defend.model.signing import KeyView

    pair = generate(Kind(kind), passphrase)
    private = Path(output).expanduser()
    public = private.with_name(f"{private.name}.pub")
    write_pair(pair, private, public)
    return KeyView(
        keyid=pair.keyid, kind=kind, private=str(private), public=str(public), encrypted=bool(passphrase)
    )


def sign_run(build: str, run: str, store: Store, key: Key) -> SigningView:
    """Sign one run that was published and marked.

    Args:
        build: `NAME/NUMBER@STARTED`, as it was published.
        run: Id of the run.
        store: Where it is.
        key: Signs it.

    Raises:
        StoreError: The store could not do it, or the statement cannot be made; publishing again tries again.
    """
    from pytest_defend.actions.sign import sign
    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.signing import Signing

    view = sign(BuildId.parse(build), store, [key], run=run, forward=forward_to(store))
    for row in view.rows:
        if row.state is Signing.NOT:
            raise StoreError(build, f"stage {row.stage} is not signed: {row.reason.rstrip('.')}.")
    return view


def forward_to(store: Store) -> Callable[[str, Envelope], str] | None:
    """Who is offered what was signed: the evidence service of a server, where it has one."""
    service = getattr(store, "evidence", None)
    return None if service is None else service.offer
