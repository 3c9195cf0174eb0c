r"""What a credential looks like: names, values, shapes and spellings.

Rules:
- A variable is secret when its name holds a secret word, wherever; an option only when a whole word of it is
  one, because `--keyword` and `--author` hold no secret.
- Values that would ruin a record are no secrets: shorter than 4 characters, everyday words, numbers below
  6 digits, absolute paths that exist.
- A secret is looked for as it is, and as URLs, base64, XML, JSON and `repr` write it.
- A shape is an expression only credentials match. It starts with plain text, so that a search jumps from one
  candidate to the next, matches fewer than `LONGEST_SHAPE` characters, and never matches its own mask.
"""

from __future__ import annotations

import base64
import json
import os
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "LONGEST_SHAPE",
    "SHAPES",
    "forms",
    "looks_secret",
    "secret_arguments",
    "secrets_in",
    "split_arguments",
    "url_secrets",
]

_WORDS = ("auth", "credential", "key", "passwd", "password", "private", "psw", "pwd", "secret", "token")
_WHOLE_WORDS = frozenset({"pass", "passphrase", "passwords"})  # `BYPASS` holds no secret
# They hold such a word by accident, and their values (a directory, a plan, a person) stand in every record.
_PLAIN_NAMES = re.compile(
    r"(old)?pwd|ssh_auth_sock|xauthority|git_author_(name|email|date)|buildkite_step_key"
    r"|bamboo_((build|buildresult|plan|shortjob|shortplan)|repository_pr_)key"
)
_EVERYDAY = frozenset(
    {
        "auto",
        "basic",
        "bearer",
        "default",
        "disabled",
        "enabled",
        "false",
        "none",
        "null",
        "password",
        "secret",
        "test",
        "tests",
        "token",
        "true",
    }
)
_SHORTEST = 4
_SHORTEST_LINE = 16
_SHORTEST_NUMBER = 6

_OPTION = re.compile(r"-{0,2}[\w.-]+")
_OPTION_WORDS = frozenset(
    {"auth", "authorization", "cred", "credential", "key", "pass", "passphrase", "private", "psw", "pwd"}
)
_OPTION_ENDINGS = ("apikey", "passwd", "password", "secret", "token")

# The second form is a password with a slash in it, which SQLAlchemy reads, told from a port.
# `git@` is everybody's user name and `@sha256:` a container image.
_USERINFO = re.compile(
    r"://(?!git@|\*\*\*@)("
    r"[^\s/?#\"'<>\\]{1,512}"
    r"|[^\s:/?#@\[\"'<>\\]{0,128}:(?!\d{1,5}[/?#])[^\s@\"'<>\\]{1,256}+"
    r")@(?!sha256:)"
)
_KEY_LABEL = r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
LONGEST_SHAPE = 1 << 16
SHAPES = (
    _USERINFO,
    re.compile(r"(gh[oprsu]_[A-Za-z0-9]{20,255})"),
    re.compile(r"(github_pat_[A-Za-z0-9_]{20,255})"),
    re.compile(r"(gl[a-z]{2,5}-[A-Za-z0-9_-]{20,255})"),
    re.compile(r"(A(?<![A-Za-z0-9+/]A)[KS]IA[0-9A-Z]{16})(?![A-Za-z0-9+/])"),  # AWS
    re.compile(r"(AKCp[0-9A-Za-z]{20,255})"),  # Artifactory's API keys
    re.compile(r"(cmVmdGtuOj[0-9A-Za-z+/=_-]{20,255})"),  # base64 of `reftkn:`
    re.compile(r"(eyJ2ZXIi[\w-]{8,8192}(?:\.[\w-]{1,8192}){0,2})"),  # base64 of `{"ver"`
    re.compile(r"(eyJ[\w-]{5,8192}\.eyJ[\w-]{2,8192}(?:\.[\w-]{1,8192})?)"),  # JSON web tokens
    re.compile(r"(xox[abeoprs]-[A-Za-z0-9-]{10,255})"),
    re.compile(r"(sk-(?<![\w-]sk-)(?=[\w-]{0,255}\d)(?=[\w-]{0,255}[A-Z])[\w-]{20,255})"),
    re.compile(r"(pypi-AgE[\w-]{20,1024})"),
    re.compile(r"(npm_[A-Za-z0-9]{30,255})"),
    re.compile(
        r"uthorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?i:basic|bearer|token)\s{1,8}([\w.~+/=-]{6,8192})"
    ),
    re.compile(  # with its end line, or as much as is there of one that was cut off
        rf"(-----BEGIN {_KEY_LABEL}(?:(?s:.{{0,16384}}?)-----END {_KEY_LABEL}"
        r"|(?:(?:\s|\\[nrt]|[\"',]){0,8}+[A-Za-z0-9+/=]{16,128}+){0,256}))"
    ),
)
"""What a mask replaces is the first group."""


def looks_secret(name: str, extra_patterns: Iterable[str] = ()) -> bool:
    """Whether the value of an environment variable with this name is a secret.

    Args:
        name: Of the variable; case does not count.
        extra_patterns: Shell wildcards (`*license*`) beside the built-in words.
    """
    lowered = name.lower()
    if any(fnmatchcase(lowered, pattern.lower()) for pattern in extra_patterns):
        return True
    words = re.split(r"[\W_]+", lowered)
    named = any(word in lowered for word in _WORDS) or not _WHOLE_WORDS.isdisjoint(words)
    return named and not _PLAIN_NAMES.fullmatch(lowered)


def secret_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """The values given to options whose name says that they are secret: `--password X`, `--token=X`."""
    return tuple(hidden for _, hidden in split_arguments(arguments) if hidden)


def split_arguments(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each argument of a command line as (what may be seen, what may not)."""
    expected = False
    for argument in arguments:
        if expected and not argument.startswith("-"):
            expected = False
            yield "", argument
            continue
        visible, hidden = _split_assignment(argument)
        expected = argument.startswith("-") and not hidden and _asks_for_secret(argument)
        yield visible, hidden


def _split_assignment(argument: str) -> tuple[str, str]:
    start = 0
    for match in re.finditer("=", argument):
        if _asks_for_secret(argument[start : match.start()]):
            return argument[: match.end()], argument[match.end() :]
        start = match.end()
    return argument, ""


def _asks_for_secret(option: str) -> bool:
    if not _OPTION.fullmatch(option) or option.startswith("--no-"):
        return False
    words = re.split(r"[\W\d_]+", option.lower())
    singular = [word.removesuffix("s") for word in words]
    return not _OPTION_WORDS.isdisjoint([*words, *singular]) or any(
        word.endswith(_OPTION_ENDINGS) for word in singular
    )


def url_secrets(value: str) -> Iterator[str]:
    """The passwords in the URLs of a text, and the tokens that stand where a user name belongs."""
    for match in _USERINFO.finditer(value):
        user, _, password = match[1].partition(":")
        if password not in ("", "x-oauth-basic"):
            yield from (password, unquote(password))
        elif not value[: match.start()].lower().endswith("ssh"):  # there, a user is only a name
            yield from (user, unquote(user))


def secrets_in(value: str) -> Iterator[str]:
    """What to look for when `value` is secret: all of it, its long lines, the password of `user:password`.

    Empty when masking it would ruin a record, see the rules.
    """
    whole = value.strip()
    lines = (line.strip() for line in whole.splitlines())
    candidates = [whole, *(line for line in lines if len(line) >= _SHORTEST_LINE and " " not in line)]
    if match := re.fullmatch(r"[^\s:/]+:([^\s/]\S*)", whole):
        candidates.append(match[1])
    return filter(_is_worth_masking, dict.fromkeys(candidates))


def _is_worth_masking(value: str) -> bool:
    if len(value) < _SHORTEST or value.lower() in _EVERYDAY:
        return False
    if value.isdigit() and len(value) < _SHORTEST_NUMBER:
        return False
    return not (os.path.isabs(value) and os.path.exists(value))  # noqa: PTH110, PTH117  # Path raises on long texts


def forms(secret: str) -> Iterator[str]:
    """Every spelling of a secret that is looked for."""
    octets = secret.encode("utf-8", "surrogateescape" if _from_bytes(secret) else "surrogatepass")
    yield from (quote(octets, safe=""), quote(octets), quote_plus(octets))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        padded = encode(octets).decode()
        yield from (padded, padded.rstrip("="))
    written = {secret, repr(octets)[2:-1], *_literals(secret)}
    for text in written | {again for once in written for again in _literals(once)}:  # the repr of a repr
        yield text
        yield from _xml(text)


def _literals(text: str) -> Iterator[str]:
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (repr(text)[1:-1], ascii(text)[1:-1])


def _xml(text: str) -> Iterator[str]:
    xml = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quoted = xml.replace('"', "&quot;")
    yield quoted.replace("\t", "&#09;").replace("\n", "&#10;").replace("\r", "&#13;")  # as ElementTree does
    yield from (xml, quoted, *(quoted.replace("'", mark) for mark in ("&#x27;", "&#39;", "&apos;")))


def _from_bytes(secret: str) -> bool:
    """Whether lone surrogates in it stand for bytes that are no UTF-8, as in what the system hands over."""
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in secret)
