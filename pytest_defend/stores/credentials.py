"""Who we are to a server.

Rules:
- No text of a credential is in a `repr`, a message or a URL; `hidden` cuts them out of what others say.
- An access token comes first, then user and password, then netrc. An API key is known by its shape and may
  stand in place of either.

Source: JFrog's client, `artifactory/auth` and `http/jfroghttpclient`; requests for API keys have the header
`X-JFrog-Art-Api`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote

__all__ = ["Credentials"]

_KEY_BEGINS = "AKC"
_KEY_LENGTH = 73
_MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What to show a server; nothing at all asks anonymously."""

    token: str = field(default="", repr=False)
    """Access, identity or reference token, or an API key."""
    user: str = ""
    password: str = field(default="", repr=False)
    """Password, API key or token of `user`."""

    def __bool__(self) -> bool:
        return bool(self.token or self.password)

    @property
    def headers(self) -> dict[str, str]:
        """What to send with every request."""
        secret = self.token or self.password
        if not secret:
            return {}
        if self.user and (not self.token or _is_key(self.token)):
            return {"Authorization": f"Basic {self._basic(secret)}"}
        if _is_key(secret):
            return {"X-JFrog-Art-Api": secret}
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        return {"Authorization": f"Basic {self._basic(secret)}"}

    def hidden(self, text: str) -> str:
        """`text` without any of our secrets, in whatever spelling they were sent."""
        for secret in filter(None, (self.token, self.password)):
            for spelling in (self._basic(secret), secret, quote(secret, safe="")):
                text = text.replace(spelling, _MASK)
        return text

    def _basic(self, secret: str) -> str:
        return base64.b64encode(f"{self.user}:{secret}".encode()).decode()


def _is_key(secret: str) -> bool:
    return secret.startswith(_KEY_BEGINS) and len(secret) >= _KEY_LENGTH
