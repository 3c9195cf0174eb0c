"""Repositories of a server that refuses, tells half, or loses its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Response

from artifactories import ADMIN, USERS, WRITER
from builders import a_clock
from pytest_defend.errors import AccessDenied, StoreError, Unavailable
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.stores.answers import NeedsPro
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.credentials import Credentials
from pytest_defend.stores.session import Session
from served import a_store_at, served

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.server import User

A1 = Repository(key="A1", package_type="pypi")
X = Repository(key="X", kind=VIRTUAL, package_type="pypi", members=("A1",), default_deployment="A1")
_THERE = {each.key: each.configuration() for each in (A1, X)}


def _as(user: User, url: str, **arguments: Any) -> ArtifactoryStore:
    credentials = Credentials(user=user.name, password=user.password)
    return ArtifactoryStore(url, Session(credentials), a_clock, **arguments)


def test_the_open_source_edition_says_who_can_do_it(tmp_path: Path) -> None:
    with served(tmp_path, profile="5.11-oss", repositories=_THERE) as url:
        repositories = a_store_at(url).repositories
        found = repositories.find(["A1", "X"])
        assert found["A1"].kind == "local"
        assert (found["X"].kind, found["X"].members) == (VIRTUAL, None)
        for change, repository in ((repositories.create, replace(A1, key="A2")), (repositories.update, X)):
            with pytest.raises(NeedsPro, match="the open source edition") as refused:
                change(repository)
            assert "Let an administrator make" in refused.value.hint


def test_who_is_no_administrator_is_told_so(tmp_path: Path) -> None:
    with served(tmp_path, users=USERS, repositories=_THERE) as url:
        repositories = _as(WRITER, url).repositories
        with pytest.raises(AccessDenied) as refused:
            repositories.create(replace(A1, key="A2"))
        assert refused.value.hint.startswith("Let an administrator make A2")
        assert "A2" not in _as(ADMIN, url).repositories.find(["A2"])


def test_a_project_owns_what_is_made_for_it(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        store = a_store_at(url, project="shop")
        store.repositories.create(replace(A1, key="shop-A1"))
        assert "shop-A1" in store.repositories.find(["shop-A1"])
        with pytest.raises(StoreError, match="must begin with 'shop-'"):
            store.repositories.create(A1)


def test_what_was_done_is_not_done_twice_when_the_answer_was_lost(tmp_path: Path) -> None:
    asked: list[str] = []

    def lose(request: Any) -> Response | None:
        if request.method in ("PUT", "POST") and "/api/repositories/" in request.path:
            asked.append(request.method)
            if len(asked) == 2:  # it is there by then
                return Response("gone", status=400)
        return None

    with served(tmp_path, interfere=lose) as url:
        repositories = a_store_at(url).repositories
        repositories.create(A1)
        repositories.create(A1)
        assert asked == ["PUT", "PUT"]


def test_a_refusal_of_the_server_is_passed_on(tmp_path: Path) -> None:
    def refuse(request: Any) -> Response | None:
        return Response("starting", status=503) if request.method == "POST" else None

    with served(tmp_path, repositories=_THERE, interfere=refuse) as url, pytest.raises(Unavailable):
        a_store_at(url).repositories.update(replace(X, members=()))


def test_an_edition_that_shows_only_when_it_refuses(tmp_path: Path) -> None:
    sentence = "This REST API is available only in Artifactory Pro (see: the shop)"

    def refuse(request: Any) -> Response | None:
        return Response(sentence, status=400) if request.method == "PUT" else None

    with served(tmp_path, interfere=refuse) as url, pytest.raises(NeedsPro):
        a_store_at(url).repositories.create(A1)
