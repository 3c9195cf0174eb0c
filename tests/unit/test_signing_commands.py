"""The commands about signed evidence: what they print, how they end, and what they never print."""

from __future__ import annotations

import getpass
import json
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from builders import PATH, a_clock
from places import Place, a_place
from pytest_defend import assembly, cli
from pytest_defend.keys import Kind, generate
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.signing import ApprovalView, EvidenceView, KeyView, Signing, SigningView
from pytest_defend.stores.directory import DirectoryStore
from signed import a_pair, a_stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEMO = BuildId(name="demo", number="1")
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project with a build and the keys of two people, outside of every CI."""
    place = a_place(tmp_path / "project")
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("DEFEND_USER", "jo")
    a_stage(place.root / "made", DirectoryStore(place.root / ".defend", a_clock))
    for name, kind in (("one", Kind.ED25519), ("two", Kind.ECDSA_P256)):
        (place.root / f"{name}.pem").write_bytes(a_pair(kind).private_pem)
        (place.root / f"{name}.pub").write_bytes(a_pair(kind).public_pem)
    return place


@pytest.fixture
def says(place: Place, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The exit code of a command, what it answers and what else it says."""
    del place

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def test_sign_and_verify(says: Callable[..., tuple[int, str, str]]) -> None:
    short = a_pair().keyid[:8]
    path = f"libs-local/demo/1.0/evidence/tests/r1/test-result-{short}.intoto.jsonl"
    started = "2026-01-31T11:59:01.456+0000"
    assert says("sign", "demo/1", "--key", "one.pem") == (
        0,
        f"build demo/1@{started}\nsigned by {short}  stage tests (r1) passed\n                    {path}\n",
        "",
    )
    code, out, err = says("sign", "demo/1", "--key", "one.pem", "--key", "two.pem", "--format", "json")
    view = SigningView.from_dict(json.loads(out))
    assert (code, err, [row.state for row in view.rows]) == (0, "", [Signing.ALREADY, Signing.SIGNED])
    code, out, err = says("verify-evidence", "demo/1", "--key", "one.pub", "--key", "two.pub")
    assert (code, err) == (0, "")
    assert out.startswith(f"build demo/1@{started}\nby {short}  stage tests passed\n             {path}\n")
    assert out.endswith("2 statements, all of it holds\n")


def test_an_unknown_key_is_refused(says: Callable[..., tuple[int, str, str]]) -> None:
    says("sign", "demo/1", "--key", "one.pem")
    code, out, err = says("verify-evidence", "demo/1", "--key", "two.pub")
    assert (code, err) == (1, "")
    assert "\nrefused  not believed\n" in out
    assert "Of the 1 trusted keys that are needed, 0 signed it." in out
    assert out.endswith("not signed: tests (r1)\n1 statement, refused\n")
    code, out, _ = says("verify-evidence", "demo/1", "--key", "two.pub", "--format", "json")
    assert (code, EvidenceView.from_dict(json.loads(out)).answer) == (1, Answer.NO)


def test_too_little_to_say(says: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = says("verify-evidence", "demo/1", "--key", "one.pub")
    assert (code, out.splitlines()[1:]) == (3, ["not signed: tests (r1)", "0 statements: too little to say"])


def test_a_stage_that_cannot_be_signed(says: Callable[..., tuple[int, str, str]], place: Place) -> None:
    store = DirectoryStore(place.root / ".defend", a_clock)
    a_stage(place.root / "more", store, "smoke", "r2", final=None)
    code, out, err = says("sign", "demo/1", "--key", "one.pem")
    assert (code, err) == (3, "")
    assert "\nnot signed          stage smoke (r2)\n" in out
    assert "it has no last word" in out


def test_what_a_service_did_not_take_is_a_warning(
    says: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "forward_to", lambda _: lambda path, _: f"It did not take {path}.")
    code, out, err = says("sign", "demo/1", "--key", "one.pem")
    assert (code, "signed by" in out) == (0, True)
    assert err == f"pytest-defend: It did not take {PATH}.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sign", "demo/1"), "There is no key to sign with. Give --key FILE"),
        (("sign", "demo/1", "--key", "none.pem"), "none.pem cannot be read: No such file or directory."),
        (("sign", "demo/1", "--key", "one.pub"), "one.pub is no private key in PEM"),
        (("sign", "demo/1", "--key", "one.pem", "--stage", "x"), "has no stage x. It has tests."),
        (("verify-evidence", "demo/1", "--key", "one.pem"), "one.pem is a private key."),
        (("verify-evidence", "demo/1", "--key", "one.pub", "--at-least", "2"), "cannot be had"),
        (("keygen", "-o", "one.pem"), "one.pem is there already."),
    ],
)
def test_what_is_not_understood(
    says: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], sentence: str
) -> None:
    code, out, err = says(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_keygen(
    says: Callable[..., tuple[int, str, str]], place: Place, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    (place.root / "one.pem").unlink()
    monkeypatch.setenv("DEFEND_SIGNING_PASSPHRASE", PASSPHRASE)
    code, out, err = says("keygen", "--kind", kind, "-o", "one.pem", "--format", "json")
    view = KeyView.from_dict(json.loads(out))
    assert (code, err, view.kind, view.encrypted) == (0, "", kind, True)
    private = place.root / "one.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in private.read_bytes()
    assert says("sign", "demo/1", "--key", "one.pem")[0] == 0
    assert says("verify-evidence", "demo/1", "--key", "one.pem.pub")[0] == 0
    monkeypatch.delenv("DEFEND_SIGNING_PASSPHRASE")
    code, _, err = says("sign", "demo/1", "--key", "one.pem")
    assert code == 2
    assert err.endswith("one.pem is encrypted and there is no passphrase. Set DEFEND_SIGNING_PASSPHRASE.\n")


def test_keygen_says_what_it_made(says: Callable[..., tuple[int, str, str]], place: Place) -> None:
    code, out, _ = says("keygen")
    assert code == 0
    assert (place.root / "defend-signing.pem").is_file()
    assert out.splitlines()[1:] == [
        "kind     ed25519",
        "private  defend-signing.pem, not encrypted: keep it to yourself",
        "public   defend-signing.pem.pub: for everybody who is to verify",
    ]


@pytest.mark.parametrize(("typed", "code"), [((PASSPHRASE, PASSPHRASE), 0), ((PASSPHRASE, "x"), 2)])
def test_a_passphrase_is_asked_for_at_a_terminal(
    says: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    typed: tuple[str, ...],
    code: int,
) -> None:
    answers = iter([*typed, PASSPHRASE])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    found = says("keygen", "-o", "new.pem")
    assert found[0] == code
    if not code:
        assert says("sign", "demo/1", "--key", "new.pem")[0] == 0
    else:
        assert found[2] == "pytest-defend: The two passphrases differ. Try again.\n"


def test_the_key_of_the_settings_signs(
    says: Callable[..., tuple[int, str, str]], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyproject = place.root / "pyproject.toml"
    pyproject.write_text(f"{pyproject.read_text()}\n[tool.pytest-defend]\nsigning-key = 'two.pem'\n")
    (place.root / "below").mkdir()
    monkeypatch.chdir(place.root / "below")
    code, out, _ = says("sign", "demo/1")
    assert (code, a_pair(Kind.ECDSA_P256).keyid[:8] in out) == (0, True)
    monkeypatch.setenv("DEFEND_SIGNING_KEY", os.path.join("..", "one.pem"))  # noqa: PTH118  # as it is typed
    assert a_pair().keyid[:8] in says("sign", "demo/1")[1]


def test_approve(says: Callable[..., tuple[int, str, str]], place: Place) -> None:
    started = "2026-01-31T11:59:01.456+0000"
    assert says("approve", "demo/1", "--level", "rc", "--reason", "It is good.") == (
        0,
        f"demo/1@{started} approved for rc by jo\n",
        "",
    )
    code, out, _ = says("approve", "demo/1", "--level", "rc", "--reason", "It is good.", "--key", "one.pem")
    short = a_pair().keyid[:8]
    assert (code, out.splitlines()) == (
        0,
        [
            f"demo/1@{started} approved for rc by jo, as it was already",
            f"signed by {short}: libs-local/demo/1.0/evidence/approval/rc/approval-{short}.intoto.jsonl",
        ],
    )
    code, out, _ = says("approve", "demo/1", "--level", "release", "--format", "json")
    assert ApprovalView.from_dict(json.loads(out)).status == "approved:release"
    store = DirectoryStore(place.root / ".defend", a_clock)
    assert [each.status for each in store.build(DEMO).statuses] == ["approved:rc", "approved:release"]


def test_a_level_the_ladder_does_not_have_is_not_approved(
    says: Callable[..., tuple[int, str, str]], place: Place
) -> None:
    pyproject = place.root / "pyproject.toml"
    ladder = '\n[[tool.pytest-defend.ladder.levels]]\nname = "rc"\nrepository = "rc-local"\n'
    pyproject.write_text(pyproject.read_text() + ladder)
    code, out, err = says("approve", "demo/1", "--level", "release")
    assert (code, out) == (2, "")
    assert "release" in err
    assert says("approve", "demo/1", "--level", "rc")[0] == 0


def test_no_secret_is_ever_printed(
    says: Callable[..., tuple[int, str, str]], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = generate(Kind.ED25519, PASSPHRASE)
    (place.root / "locked.pem").write_bytes(pair.private_pem)
    monkeypatch.setenv("DEFEND_SIGNING_PASSPHRASE", "wrong")
    code, out, err = says("sign", "demo/1", "--key", "locked.pem")
    assert (code, out) == (2, "")
    assert err == "pytest-defend: The passphrase does not open locked.pem. Check both.\n"
    monkeypatch.setenv("DEFEND_SIGNING_PASSPHRASE", PASSPHRASE)
    told = [
        says("sign", "demo/1", "--key", "locked.pem"),
        says("settings"),
        says("settings", "--format=json"),
    ]
    assert [code for code, _, _ in told] == [0, 0, 0]
    assert PASSPHRASE not in str(told)
    kept = [path for path in (place.root / ".defend").rglob("*") if path.is_file()]
    assert not any(PASSPHRASE.encode() in path.read_bytes() for path in kept)
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in kept)
