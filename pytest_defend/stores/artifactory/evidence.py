"""JFrog's evidence service: keeps signed statements with the files they are about.

Rules:
- Whether a server has it is asked once: a version and an edition that can, and a service that answers.
- A server without it is not told of. What the service does not take is a sentence, never an error: the
  statement is kept beside the package in any case.
- It takes tokens only, and says by itself whether it knows the key that signed.

Source: https://jfrog.com/help/r/jfrog-rest-apis/deploy-evidence (Artifactory 7.104.2 and later, Enterprise+).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_defend.errors import AccessDenied, DefendError, NotFound, StoreError
from pytest_defend.stores.artifactory.names import encoded

if TYPE_CHECKING:
    from pytest_defend.documents.dsse import Envelope
    from pytest_defend.stores.artifactory.site import Site

__all__ = ["EvidenceService"]

_SINCE = (7, 104)
_API = "evidence/api/v1"
_SILENT = (400, 401, 403, 404, 405, 501, 503)  # answers of a platform that has no such service for us


class EvidenceService:
    """Gives signed statements to the service.

    Args:
        site: The server.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._is_there: bool | None = None
        self._asking = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether the server has the service; asked once."""
        with self._asking:
            if self._is_there is None:
                self._is_there = self._asked()
            return self._is_there

    def _asked(self) -> bool:
        try:
            facts = self._site.facts()
            if not self._site.platform or facts.numbers < _SINCE or facts.edition == "oss":
                return False
            answer = self._site.service("GET", f"{_API}/system/version", key="evidence", also=_SILENT)
            return answer.is_fine and isinstance(answer.document(), dict)
        except (StoreError, ValueError):  # whatever stands there, it is no service we could use
            return False

    def offer(self, path: str, envelope: Envelope) -> str:
        """Give the service a statement about a file.

        Args:
            path: Of the file: `repository/folder/.../file`.
            envelope: The statement, signed.

        Returns:
            Why it was not taken, or does not count there, with the next step; empty when all is well, or the
            server has no such service.
        """
        if not self.is_there:
            return ""
        place = "/".join(map(encoded, path.split("/")))
        try:
            answer = self._site.service("POST", f"{_API}/subject/{place}", key=path, body=envelope.to_bytes())
            taken = answer.document()
        except DefendError as error:
            return (
                f"JFrog Evidence did not take the statement about {path}: {_why(error)} It is kept beside it."
            )
        except ValueError:  # an answer, and no document: taken, as far as anybody can say
            return ""
        if isinstance(taken, dict) and taken.get("verified") is False:
            return f"JFrog Evidence knows no key for the statement about {path}. Add the public one there."
        return ""


def _why(error: DefendError) -> str:
    if isinstance(error, AccessDenied):
        return "it needs an access token that may read and annotate the file (DEFEND_ACCESS_TOKEN)."
    if isinstance(error, NotFound):
        return "it does not find a file there with that sha256."
    return error.message
