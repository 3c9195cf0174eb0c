from __future__ import annotations

import base64
import io
import logging
from typing import Any

import pytest

from pytest_defend.capture.redaction import MASK, Redactor
from pytest_defend.model.facts import Gap

SECRET = "hunter2-Üx"
TOKEN = "ghp_" + "aB3" * 13


def masked_file(redactor: Redactor, content: bytes) -> tuple[bytes, int]:
    target = io.BytesIO()
    places = redactor.file(io.BytesIO(content), target)
    return target.getvalue(), places


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"password is {SECRET}!", f"password is {MASK}!"),
        (f"{SECRET}{SECRET}", MASK),
        ("url?p=hunter2-%C3%9Cx", f"url?p={MASK}"),
        (f"b64 {base64.b64encode(SECRET.encode()).decode()}", f"b64 {MASK}"),
        (r'{"p": "hunter2-\u00dcx"}', f'{{"p": "{MASK}"}}'),
        (f"token {TOKEN}", f"token {MASK}"),
        ("https://alice:pw@host/x", f"https://{MASK}@host/x"),
        (f"https://alice:{SECRET}@host/x", f"https://{MASK}@host/x"),
        ("Authorization: Basic YWxpY2U6cHc=", f"Authorization: Basic {MASK}"),
        ("a secret-looking text without one", "a secret-looking text without one"),
    ],
)
def test_texts(text: str, clean: str) -> None:
    redactor = Redactor([SECRET])
    assert redactor.text(text) == clean
    assert redactor.text(clean) is clean


def test_overlapping_secrets_leave_no_half() -> None:
    assert Redactor(["abcdef", "defghi"]).text("xabcdefghix") == f"x{MASK}x"
    assert Redactor(["abcdefgh", "cdef"]).text("xabcdefghx") == f"x{MASK}x"
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcde") == f"{MASK} {MASK}e"


def test_what_a_mask_lays_bare_is_masked_too() -> None:
    assert Redactor(["task"]).text("tasksk-abcdefghijKLMNOPQRST1234567890") == f"{MASK}{MASK}"
    assert Redactor(["x***y", "abcd"]).text("xabcdy") == MASK


def test_nothing_known_still_masks_shapes() -> None:
    assert Redactor([]).text(f"x {TOKEN}") == f"x {MASK}"


def test_secrets_of_an_environment() -> None:
    redactor = Redactor.from_environ(
        {
            "API_TOKEN": "value-one",
            "PROJECT_KEY": "value-two",
            "ACME_LICENSE": "value-three",
            "PIP_INDEX_URL": "https://ci:value-four@host/simple",
            "HOME": "value-five",
            "DEBUG_TOKEN": "true",
        },
        extra_patterns=["*license*"],
        more_secrets=["value-six"],
        plain=["PROJECT_KEY"],
    )
    seen = "value-one value-two value-three value-four value-five value-six true"
    assert redactor.text(seen) == f"{MASK} value-two {MASK} {MASK} value-five {MASK} true"


def test_a_plain_name_does_not_make_url_passwords_plain() -> None:
    redactor = Redactor.from_environ({"X_KEY": "https://ci:hunter22@host"}, plain=["X_KEY"])
    assert redactor.text("hunter22") == MASK


def test_command_lines() -> None:
    redactor = Redactor([SECRET])
    arguments = ["pytest", "--password", "x", "--token=y", f"--url=http://{SECRET}/", "-k", "z"]
    assert redactor.argv(arguments) == (
        "pytest",
        "--password",
        MASK,
        f"--token={MASK}",
        f"--url=http://{MASK}/",
        "-k",
        "z",
    )


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("-k 'a  b'  -q", "-k 'a  b'  -q"),
        ("--token 'a b' -q", f"--token {MASK} -q"),
        (f"-k {SECRET}", f"-k {MASK}"),
        ("-k 'open --token x", f"-k 'open --token {MASK}"),
    ],
)
def test_command_lines_in_one_text(line: str, clean: str) -> None:
    assert Redactor([SECRET]).command(line) == clean


def test_a_text_file_is_masked_and_other_bytes_stay() -> None:
    content = b"one \xff\xfe\r\n" + SECRET.encode() + b"\ntwo " + TOKEN.encode() + b"\n\xe2\x82"
    assert masked_file(Redactor([SECRET]), content) == (b"one \xff\xfe\r\n***\ntwo ***\n\xe2\x82", 2)


def test_a_file_without_secrets_is_copied() -> None:
    assert masked_file(Redactor([SECRET]), b"nothing\n") == (b"nothing\n", 0)
    assert masked_file(Redactor([SECRET]), b"") == (b"", 0)
    assert masked_file(Redactor([SECRET]), b"nothing\n" * 3000) == (b"nothing\n" * 3000, 0)


def test_a_binary_file_is_copied_whatever_it_holds() -> None:
    content = b"\0" + SECRET.encode() + bytes(100_000)
    assert masked_file(Redactor([SECRET]), content) == (content, 0)


@pytest.mark.parametrize("line_end", ["\n", ""], ids=["lines", "one line"])
def test_secrets_are_found_wherever_a_large_file_is_cut(line_end: str) -> None:
    block = f"{'x' * 40} {SECRET} {'y' * 40}{line_end}"
    count = 3 * (1 << 20) // len(block)
    clean, places = masked_file(Redactor([SECRET]), (block * count).encode())
    assert places == count
    assert clean.decode() == block.replace(SECRET, MASK) * count


def test_a_secret_of_many_lines_is_not_cut_in_a_file() -> None:
    secret = "\n".join(["a b c"] * 1000)
    clean, places = masked_file(
        Redactor([secret]), ("\n".join(["text"] * 200_000) + secret + "\nend").encode()
    )
    assert (places, clean[-8:]) == (1, b"t***\nend")
    start = b"z" * ((1 << 20) + 8192 - (1 << 16) - 100) + b"\n"
    clean, places = masked_file(Redactor([secret]), start + secret.encode() + b"\n" + b"z" * (1 << 17))
    assert (places, len(clean)) == (1, len(start) + 4 + (1 << 17))


def test_extensions_come_last_and_their_changes_count() -> None:
    redactor = Redactor([SECRET], more=(str.upper, lambda text: text.replace("WORD", "-")))
    assert redactor.text(f"word {SECRET}") == f"- {MASK}"
    assert masked_file(redactor, b"word\n") == (b"-\n", 2)
    assert redactor.gaps == ()


def broken(text: str) -> str:
    raise ValueError(text)


def silent(text: str) -> Any:
    return len(text)


def test_a_failing_extension_withholds_the_text_and_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    redactor = Redactor([], more=(silent, broken))
    with caplog.at_level(logging.WARNING):
        assert redactor.text("private words") == MASK
        assert redactor.text("more of them") == MASK
    problem = "the texts it was given are withheld: repair or remove it."
    assert redactor.gaps == (
        Gap(topic="redaction", problem=f"Redaction broken raised ValueError; {problem}"),
        Gap(topic="redaction", problem=f"Redaction silent returned int; {problem}"),
    )
    assert len(caplog.records) == 2
    assert "private" not in caplog.text


def test_no_secret_in_its_repr() -> None:
    assert repr(Redactor([SECRET, "true"])) == "<Redactor of 1 secrets>"
