"""Pages: what an index shows, from a network or from disk.

Rules:
- A page is read up to a limit; what is larger is an error, never a part of it.
- A URL that is shown, in a page or in an error, holds no credentials.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from pytest_defend.errors import AccessDenied, NotFound, Unavailable

__all__ = ["Page", "check_size", "read_file", "reason", "split", "unavailable"]

_TYPES = {".htm": "text/html", ".html": "text/html", ".json": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was found at a URL.

    Attributes:
        url: Where it was in the end, after every redirect, without credentials.
        content_type: As the server says it, parameters included; empty when it does not.
        content: All of it, or the part of it that was asked for.
        part: Which part that is, as `Content-Range` has it; empty for all of it.
    """

    url: str
    content_type: str
    content: bytes = field(repr=False)
    part: str = ""


def unavailable(shown: str, problem: str, hint: str, *, retry_after_s: int | None = None) -> Unavailable:
    """The error of a page that cannot be read."""
    return Unavailable(shown, f"{shown} cannot be read: {problem}.", hint=hint, retry_after_s=retry_after_s)


def split(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without its user information, and that.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(url)
    user_information, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = user_information.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def check_size(size_bytes: int, limit_bytes: int, shown: str) -> None:
    """Refuse what is larger than allowed.

    Raises:
        Unavailable: It is.
    """
    if size_bytes > limit_bytes:
        raise unavailable(
            shown, f"it is larger than {limit_bytes} bytes", "Check that the URL is that of an index."
        )


def reason(error: BaseException, words: str = "") -> str:
    """What the system says of it; never what a library says, which shows URLs and headers."""
    cause: BaseException | None = error
    for _ in range(10):  # a chain may be a circle
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
        cause = cause and (cause.__cause__ or cause.__context__)
    return words or type(error).__name__


def read_file(url: str, shown: str, limit_bytes: int) -> Page:
    """The page at a `file:` URL, where a folder means its `index.html`.

    Raises:
        NotFound: There is nothing.
        AccessDenied: It may not be read.
        Unavailable: Everything else.
    """
    try:
        parts = urlsplit(url)
        path = Path(url2pathname(parts.path))
        if parts.netloc not in ("", "localhost"):
            raise unavailable(shown, "it is on another host", "Write file:///.")
        if path.is_dir():
            path /= "index.html"
        if not path.exists():
            raise NotFound(shown)
        if not path.is_file():  # a pipe would never end
            raise unavailable(shown, "it is no file", "Check the URL.")
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
        check_size(len(content), limit_bytes, shown)
        return Page(url=path.as_uri(), content_type=_TYPES.get(path.suffix.lower(), ""), content=content)
    except PermissionError:
        message = f"{shown} may not be read."
        raise AccessDenied(shown, message, hint="Check who owns the file.") from None
    except (OSError, ValueError) as error:
        raise unavailable(shown, reason(error), "Check the URL.") from None
