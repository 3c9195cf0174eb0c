"""JFrog's evidence service, as its documentation has it: asked only where it is, and never in the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_defend import assembly
from pytest_defend.documents.dsse import IN_TOTO, Envelope, verify
from pytest_defend.documents.dsse import sign as sign_envelope
from scripted import Canned, Scripted
from served import a_store_at, served
from signed import a_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scripted import Seen

PATH = "libs-local/demo/1.0/demo 1.0.tar.gz"
ENVELOPE = sign_envelope(b"{}", IN_TOTO, [a_key().signer])
ENTERPRISE = {"version": "7.104.2", "addons": ["enterprise plus"], "license": "secret"}
SUBJECT = "POST /evidence/api/v1/subject/libs-local/demo/1.0/demo%201.0.tar.gz"


def a_platform(
    taken: Canned, version: dict[str, object] | None = None, service: Canned | None = None
) -> Callable[[Seen], Canned]:
    """A server: what it and its service say of themselves, and what becomes of a statement."""

    def answer(seen: Seen) -> Canned:
        if seen.target == "/artifactory/api/system/version":
            return Canned(body=json.dumps(ENTERPRISE if version is None else version))
        if seen.target == "/evidence/api/v1/system/version":
            return service or Canned(body='{"version": "7.646.1"}')
        return taken

    return answer


def test_a_statement_is_given_to_the_service() -> None:
    taken = Canned(201, json.dumps({"verified": True, "predicate_slug": "test-result"}))
    with Scripted(a_platform(taken)) as server:
        service = a_store_at(server.url).evidence
        assert service.offer(PATH, ENVELOPE) == service.offer(PATH, ENVELOPE) == ""
        asked = ["GET /artifactory/api/system/version", "GET /evidence/api/v1/system/version"]
        assert server.lines == [*asked, SUBJECT, SUBJECT]  # it is asked once what it is
        sent = server.seen[-1]
    assert sent.headers["Content-Type"] == "application/json"
    assert verify(Envelope.from_bytes(sent.body), [a_key().verifier]).ok


@pytest.mark.parametrize(
    ("taken", "why"),
    [
        (
            Canned(201, '{"verified": false}'),
            "knows no key for the statement about libs-local/demo/1.0/demo 1.0",
        ),
        (Canned(401, '{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}'), "DEFEND_ACCESS_TOKEN"),
        (Canned(403, '{"errors":[{"code":"FORBIDDEN","message":"no"}]}'), "may read and annotate the file"),
        (Canned(404, '{"errors":[{"code":"NOT_FOUND","message":"subject"}]}'), "does not find a file there"),
        (Canned(400, '{"errors":[{"code":"BAD_REQUEST","message":"No subject"}]}'), "No subject"),
        (Canned(201, "taken"), ""),
    ],
)
def test_what_it_does_not_take_is_a_sentence(taken: Canned, why: str) -> None:
    with Scripted(a_platform(taken)) as server:
        told = a_store_at(server.url).evidence.offer(PATH, ENVELOPE)
    assert why in told
    assert bool(told) is bool(why)
    assert told == "" or told.endswith(".")


@pytest.mark.parametrize(
    ("version", "service", "requests"),
    [
        ({"version": "7.98.1", "addons": ["enterprise plus"]}, None, 1),
        ({"version": "7.111.4", "addons": []}, None, 1),
        (None, Canned(404, "not found"), 2),
        (None, Canned(200, "<html>sign in</html>"), 2),
        (None, Canned(403, '{"errors":[{"code":"FORBIDDEN","message":"no"}]}'), 2),
    ],
    ids=["too old", "open source", "no service", "a page", "not for us"],
)
def test_where_it_is_not_nothing_is_said(
    version: dict[str, object] | None, service: Canned | None, requests: int
) -> None:
    with Scripted(a_platform(Canned(500), version, service)) as server:
        evidence = a_store_at(server.url).evidence
        assert evidence.offer(PATH, ENVELOPE) == evidence.offer(PATH, ENVELOPE) == ""
        assert len(server.lines) == requests


def test_a_server_that_is_below_another_name_has_none_we_know_of() -> None:
    with Scripted(a_platform(Canned(500))) as server:
        assert a_store_at(f"{server.url}/repository").evidence.offer(PATH, ENVELOPE) == ""
        assert [line for line in server.lines if "evidence" in line] == []


@pytest.mark.parametrize("profile", ["5.11-oss", "7-pro"])
def test_the_local_server_has_none(tmp_path: Path, profile: str) -> None:
    with served(tmp_path, profile=profile) as url:
        store = a_store_at(url)
        assert not store.evidence.is_there
        forward = assembly.forward_to(store)
        assert forward is not None
        assert forward(PATH, ENVELOPE) == ""
