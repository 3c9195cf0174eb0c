"""Answers that are no: the error envelope of Artifactory, and the ways it does not use it.

Rules:
- A refusal is raised wherever it is found, and becomes an answer in one place.
- The sentences are Artifactory's own: clients match them.

Source: `docs/reference/server.md`, "Errors".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNEXPECTED", "Refused", "as_json", "as_long_json", "as_text", "refusal_answer"]

UNEXPECTED = "An unexpected error has occurred, please check Artifactory logs for further details."
_PRO_ONLY = (
    "This REST API is available only in Artifactory Pro (see: http://www.jfrog.com/addons.php). If you are "
    "already running Artifactory Pro please make sure your server is activated with a valid license key.\n"
)
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Artifactory Realm"'}


class Refused(Exception):
    """The request is refused.

    Attributes:
        status: Of the answer.
        message: Its sentence; empty for an answer without a body.
        envelope: Whether it is told in the error envelope, or as bare text.
        told_status: `status` in the envelope, where that is another one.
        headers: More of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        envelope: bool = True,
        told_status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.envelope = envelope
        self.told_status = told_status or status
        self.headers = dict(headers or {})

    @classmethod
    def pro_only(cls) -> Refused:
        """The open-source edition is asked for what only the paid one does."""
        return cls(400, _PRO_ONLY, envelope=False)

    @classmethod
    def unauthorized(cls, message: str) -> Refused:
        """Nobody we know is asking."""
        return cls(401, message, headers=_CHALLENGE)


def refusal_answer(refused: Refused) -> Response:
    """The answer that tells it."""
    if refused.envelope and refused.message:
        errors = [{"status": refused.told_status, "message": refused.message}]
        answer = as_json({"errors": errors}, status=refused.status)
    else:
        answer = as_text(refused.message, status=refused.status)
    answer.headers.update(refused.headers)
    return answer


def as_json(document: Any, *, status: int = 200, kind: str = "application/json") -> Response:
    """A JSON answer, printed as Artifactory prints."""
    return Response(f"{json.dumps(document, indent=2)}\n", status=status, content_type=kind)


def as_long_json(document: Any) -> Response:
    """A JSON answer that only machines read; printing it nicely takes longer than finding it."""
    return Response(json.dumps(document), content_type="application/json")


def as_text(text: str, *, status: int = 200) -> Response:
    """A bare text."""
    return Response(text, status=status, content_type="text/plain")
