"""Commands about signed evidence: keys, signing, verifying, approving.

Rules:
- A passphrase comes from its variable, or is asked for at a terminal; it is never an argument.
- Nothing is read from a store before the keys are.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend import assembly, render
from pytest_defend.cli.call import NO, UNKNOWN, YES, Command
from pytest_defend.cli.reading import BUILD
from pytest_defend.errors import UsageError
from pytest_defend.model.answer import Answer

if TYPE_CHECKING:
    from pytest_defend.actions.stated import Key
    from pytest_defend.cli.call import Argument, Call

__all__ = ["COMMANDS"]

_CODES = {Answer.YES: YES, Answer.NO: NO, Answer.UNKNOWN: UNKNOWN}
_STAGE: Argument = (
    ("--stage",),
    {"metavar": "STAGE", "action": "append", "default": [], "help": "only this stage; may be repeated"},
)


def _sign(call: Call) -> int:
    """Sign what the stages of a published build showed."""
    from pytest_defend.actions.sign import sign

    keys = _keys(call, call.given.key)
    if not keys:
        hint = "Give --key FILE, or set DEFEND_SIGNING_KEY; pytest-defend keygen makes one."
        raise UsageError("There is no key to sign with.", hint=hint)
    store = call.store()
    view = sign(
        call.build(),
        store,
        keys,
        stages=call.given.stage,
        builder=call.given.provenance,
        forward=assembly.forward_to(store),
    )
    call.answer(view.to_dict(), lambda: render.evidence.signing_view(view))
    for warning in view.warnings:
        sys.stderr.write(f"pytest-defend: {warning}\n")
    return _CODES[view.answer]


def _keys(call: Call, files: list[str]) -> list[Key]:
    """The keys of some files; without any, the one of the settings."""
    if files:
        return [assembly.read_key(Path(file).expanduser(), call.settings, call.ask) for file in files]
    key = assembly.open_key(call.settings, call.project, call.ask)
    return [key] if key else []


def _verify_evidence(call: Call) -> int:
    """Say who signed the evidence of a build, and whether all of it holds."""
    from pytest_defend.actions.verify_evidence import verify_evidence

    verifiers = assembly.read_verifiers(call.given.key)
    view = verify_evidence(
        call.build(), call.store(), verifiers, at_least=call.given.at_least, stages=call.given.stage
    )
    call.answer(view.to_dict(), lambda: render.evidence.evidence_view(view))
    return _CODES[view.answer]


def _keygen(call: Call) -> int:
    """Make a key that signs evidence."""
    passphrase = call.settings.signing_passphrase.reveal()
    if not passphrase and sys.stdin.isatty():
        passphrase = _new_passphrase()
    view = assembly.make_key(call.given.kind, call.given.output, passphrase)
    call.answer(view.to_dict(), lambda: render.evidence.key_view(view))
    return YES


def _new_passphrase() -> str:
    """What somebody at the terminal wants; empty to leave the key as it is."""
    import getpass

    passphrase = getpass.getpass("Passphrase (empty for none): ")
    if passphrase and getpass.getpass("The same again: ") != passphrase:
        raise UsageError("The two passphrases differ.", hint="Try again.")
    return passphrase


def _approve(call: Call) -> int:
    """Approve a build for a level of the ladder."""
    from pytest_defend.actions.approve import approve

    keys = _keys(call, call.given.key)
    store = call.store()
    if call.settings.policy or "ladder" in call.project.table:
        assembly.open_ladder(call.settings, call.project, store)[0].rank(call.given.level)
    view = approve(
        call.build(),
        store,
        level=call.given.level,
        now=datetime.now(UTC),
        reason=call.given.reason,
        user=assembly.decided_by(call.settings),
        key=keys[0] if keys else None,
    )
    call.answer(view.to_dict(), lambda: render.evidence.approval_view(view))
    return YES


COMMANDS = {
    "sign": Command(
        run=_sign,
        arguments=(
            BUILD,
            _STAGE,
            (
                ("--key",),
                {
                    "metavar": "FILE",
                    "action": "append",
                    "default": [],
                    "help": "private key that signs; that of the settings by default; may be repeated",
                },
            ),
            (
                ("--provenance",),
                {
                    "metavar": "BUILDER",
                    "default": "",
                    "help": "also state where the files came from; BUILDER is the URI of who built them",
                },
            ),
        ),
        flags=("store",),
    ),
    "verify-evidence": Command(
        run=_verify_evidence,
        arguments=(
            BUILD,
            (
                ("--key",),
                {
                    "metavar": "FILE",
                    "action": "append",
                    "required": True,
                    "help": "public keys that are trusted; may be repeated",
                },
            ),
            (
                ("--at-least",),
                {
                    "metavar": "N",
                    "type": int,
                    "default": 1,
                    "help": "how many of them must have signed the result of each run; 1 by default",
                },
            ),
            _STAGE,
        ),
        flags=("store",),
    ),
    "approve": Command(
        run=_approve,
        arguments=(
            BUILD,
            (("--level",), {"metavar": "LEVEL", "required": True, "help": "level of the ladder"}),
            (("--reason",), {"metavar": "TEXT", "default": "", "help": "why, for those who read it later"}),
            (
                ("--key",),
                {
                    "metavar": "FILE",
                    "action": "append",
                    "default": [],
                    "help": "private key that signs the approval; that of the settings by default",
                },
            ),
        ),
        flags=("store", "policy"),
    ),
    "keygen": Command(
        run=_keygen,
        arguments=(
            (
                ("--kind",),
                {"choices": ("ed25519", "ecdsa-p256"), "default": "ed25519", "help": "ed25519 by default"},
            ),
            (
                ("-o", "--output"),
                {
                    "metavar": "FILE",
                    "default": "defend-signing.pem",
                    "help": "file of the private half, defend-signing.pem by default; the public one ends"
                    " with .pub",
                },
            ),
        ),
        flags=(),
    ),
}
