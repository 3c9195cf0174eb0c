"""Locators as they may be shown and kept: without the credentials people put into them.

Rules:
- Everything between `://` and the last `@` of the authority goes, user name included: a token is often
  written where the user name belongs.
- `user:token@host:path`, as git reads it, loses `user:token@`; plain `git@host:path` stays.
- The value of a query or fragment parameter whose name looks secret becomes `***`.
- When in doubt, too much is removed rather than too little. Stripping twice changes nothing.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

__all__ = ["path_of_file_url", "strip_user_information"]

_USER_INFORMATION = re.compile(r"(?<=://)[^/?#\s]*@")
# `https://user:pass/word@host` is no URL, and people write it: what follows the colon is no port.
_UNQUOTED_PASSWORD = re.compile(r"(?<=://)[^/?#\s@:\[]*:(?!\d*(?:[/?#\s]|$))[^/?#\s@]*[/?#][^\s@]*@")
_GIT_REMOTE_WITH_PASSWORD = re.compile(r"\A[^/@:\s]+:\S*@(?=[^/@:\s]+:)")
_PARAMETER = re.compile(r"([?&;#])([^=&;#?\s]+)=([^&;#\s]*)")
_SECRET_NAMES = ("token", "key", "passw", "pwd", "secret", "sig", "auth", "credential")
_MASK = "***"
_DRIVE = re.compile(r"^/(?=[A-Za-z]:)")  # of Windows, as a URL writes it


def strip_user_information(url: str) -> str:
    """`url` without user names, passwords and secret parameters.

    Args:
        url: A URL, a git remote or a path; text without any of them comes back as it is.
    """
    if "://" not in url:
        return _GIT_REMOTE_WITH_PASSWORD.sub("", url)
    stripped = _USER_INFORMATION.sub("", _UNQUOTED_PASSWORD.sub("", url))
    return _PARAMETER.sub(_masked, stripped)


def path_of_file_url(url: str) -> str:
    """The path that a `file:` URL of this machine names; empty for any other text.

    Not `urllib.request.url2pathname`: its module brings an HTTP client along.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # half an address in brackets
        return ""
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return ""
    return _DRIVE.sub("", unquote(parts.path))


def _masked(parameter: re.Match[str]) -> str:
    separator, name, _ = parameter.groups()
    if any(part in name.lower() for part in _SECRET_NAMES):
        return f"{separator}{name}={_MASK}"
    return parameter[0]
