"""What a server answered, and which error of ours it means.

Rules:
- An answer is read in every shape servers and what stands before them are known to send: the envelope
  `errors` with `status` or `code`, `messages`, `message`, `error`, a bare text, a page of HTML, nothing.
- A status is believed only together with its text: 404 may mean forbidden, 400 that a licence is missing,
  403 that other bytes are there.
- The sentence of an error names what was asked and what was said; the hint says what to do.

Source: Artifactory 5.11, `rest/common/exception`; bodies recorded from live servers.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import AccessDenied, Conflict, Corrupt, NotFound, StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Answer", "Broken", "NeedsPro", "Unclear", "failure", "said"]

_SHOWN = 400  # characters of what others say
_EMPTY_SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
_HTML = re.compile(r"\s*<(!doctype|html|head|body)", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_CHECKSUM = re.compile(r"original='([^']*)', actual='([^']*)'")
_PRO = "available only in Artifactory Pro"
_OVERWRITE = re.compile(r"overwrite", re.IGNORECASE)
_HIDDEN = "Could not locate artifact"
_UNCLEAR = range(500, 600)


class Broken(Exception):
    """A try brought no whole answer.

    Attributes:
        reason: Part of a sentence; no library's words.
        final: Whether another try would bring the same.
        sent: Whether the server may have seen the request.
    """

    def __init__(self, reason: str, *, final: bool, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.sent = sent


class Unclear(Unavailable):
    """Nobody said whether it was done; it is to be read back before it is asked for again."""


class NeedsPro(StoreError):
    """The server's edition does not do this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One whole answer."""

    method: str
    url: str
    """Without credentials."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    wait_s: float = 0
    """How long the server asks to wait; 0 when it does not."""

    @property
    def is_fine(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300  # noqa: PLR2004

    def document(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)


def said(answer: Answer) -> str:
    """What an answer says in words, on one line; empty when it says nothing."""
    text = answer.body.decode(errors="replace")
    if _HTML.match(text):
        title = _TITLE.search(text)
        text = re.sub(r"<[^>]*>", " ", title[2]) if title else "a page of HTML"
    else:
        with suppress(ValueError, RecursionError):  # a bare text
            text = "; ".join(_messages(json.loads(text)))
    return " ".join(text.split())[:_SHOWN]


def _messages(document: Any) -> list[str]:
    """The texts of every known envelope."""
    if isinstance(document, str):
        return [document]
    if isinstance(document, list):
        return [text for part in document for text in _messages(part)]
    if not isinstance(document, dict):
        return []
    found = _messages(document.get("message"))
    for name in ("errors", "error", "error massages", "messages"):  # the third as it is spelt
        found += _messages(document.get(name))
    code = document.get("code")
    return found or ([code] if isinstance(code, str) else [])


def failure(answer: Answer, key: str, locator: str, *, size_bytes: int = 0) -> StoreError:
    """The error an answer means.

    Args:
        answer: One that is not fine.
        key: What was asked for.
        locator: The store.
        size_bytes: Of the body that was sent.
    """
    text = said(answer)
    status = answer.status
    quoted = f"{locator} answers HTTP {status}" + (f": {text}" if text else "")
    if status == 400 and _PRO in text:  # noqa: PLR2004
        hint = "Use Artifactory Pro for this, or leave it out."
        return NeedsPro(
            key, f"{key}: this needs Artifactory Pro; {locator} is the open source edition.", hint=hint
        )
    if status == 409 and size_bytes and _EMPTY_SHA1 in text:  # noqa: PLR2004
        message = f"{key} arrived at {locator} without its content: a redirect on the way dropped the body."
        return Unavailable(key, message, hint="Write the URL it redirects to, often https instead of http.")
    if status == 409 and (found := _CHECKSUM.search(text)):  # noqa: PLR2004
        hint = "The file changed on its way or while it was read; try again."
        return Corrupt(key, expected=found[1], actual=found[2], hint=hint)
    replaces = answer.method != "DELETE" and _OVERWRITE.search(text)  # deleting is refused in the same words
    if status in (403, 404) and (replaces or (_HIDDEN in text and answer.method == "PUT")):
        message = f"{key} is kept with other bytes: {quoted}."
        return Conflict(key, message, hint="A published version is never replaced; build a new version.")
    by_status = _BY_STATUS.get(status)
    if by_status is not None:
        return by_status(key, quoted, text, locator)
    return _other(answer, key, quoted)


def _other(answer: Answer, key: str, quoted: str) -> StoreError:
    if answer.status in _UNCLEAR or answer.status == 429:  # noqa: PLR2004
        hint = "It may be starting, overloaded or behind a proxy that lost it; try again later."
        return Unavailable(key, f"{key}: {quoted}.", hint=hint, retry_after_s=round(answer.wait_s) or None)
    if 300 <= answer.status < 400:  # noqa: PLR2004
        target = answer.headers.get("location", "nowhere").partition("?")[0].rpartition("@")[2]
        hint = "Write the URL it redirects to."
        return Unavailable(key, f"{key}: {quoted}, a redirect to {target}.", hint=hint)
    return StoreError(
        key, f"{key}: {quoted}.", hint="Check the URL of the store and what is configured there."
    )


def _unauthorised(key: str, quoted: str, *_: str) -> StoreError:
    hint = "Set DEFEND_ACCESS_TOKEN, or DEFEND_USER and DEFEND_PASSWORD, to valid credentials."
    return AccessDenied(key, f"{key}: {quoted}.", hint=hint)


def _forbidden(key: str, quoted: str, *_: str) -> StoreError:
    hint = "The user lacks a permission, is locked, or the licence does not cover this; ask an administrator."
    return AccessDenied(key, f"{key}: {quoted}.", hint=hint)


def _absent(key: str, _quoted: str, text: str, locator: str) -> StoreError:
    also = "which is also said of what you may not see"
    return NotFound(
        key, hint=f"Looked in {locator}: {text}, {also}." if text else f"Looked in {locator}, {also}."
    )


def _no_target(key: str, quoted: str, *_: str) -> StoreError:
    hint = "Publish to a local repository, or give the virtual one a default deployment repository."
    return StoreError(key, f"{key}: {quoted}.", hint=hint)


def _proxy(key: str, quoted: str, *_: str) -> StoreError:
    return AccessDenied(key, f"{key}: {quoted}.", hint="Put the credentials of the proxy into HTTPS_PROXY.")


def _refused(key: str, quoted: str, *_: str) -> StoreError:
    hint = "The patterns or the layout of the repository refuse it; ask who administers the repository."
    return StoreError(key, f"{key}: {quoted}.", hint=hint)


def _too_large(key: str, quoted: str, *_: str) -> StoreError:
    hint = "The disk of the server is full, or a proxy before it limits the size of a request."
    return Unavailable(key, f"{key}: {quoted}.", hint=hint)


_BY_STATUS: dict[int, Callable[[str, str, str, str], StoreError]] = {
    401: _unauthorised,
    403: _forbidden,
    404: _absent,
    405: _no_target,
    407: _proxy,
    409: _refused,
    413: _too_large,
}
