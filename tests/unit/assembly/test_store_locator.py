"""From a locator to a store."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authorities import Authority, TlsServer
from builders import a_build_info, an_upload
from places import a_place
from pytest_defend.assembly.store import check_locator, open_store, page_of
from pytest_defend.errors import NotFound, Unavailable, UsageError
from pytest_defend.model.buildinfo import BuildId
from scripted import Canned, Scripted
from served import served

if TYPE_CHECKING:
    from typing import BinaryIO

BUILD = BuildId(name="demo", number="1", started="2026-01-31T23:59:59.123+0000")


@pytest.mark.parametrize("locator", [".defend", "a/b", "~/kept"])
def test_a_folder_is_found_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locator: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = a_place(tmp_path / "project", store=locator)
    store = open_store(place.settings, place.root)
    folder = Path(locator.replace("~", str(tmp_path / "home")))
    assert store.locator == str(place.root / folder)
    assert not Path(store.locator).exists()
    assert store.put(an_upload()).created.tzinfo is not None


@pytest.mark.parametrize("locator", ["https://art.example/artifactory", "http://127.0.0.1:8081"])
def test_a_server_is_an_artifactory(tmp_path: Path, locator: str) -> None:
    place = a_place(tmp_path / "project", store=locator)
    assert open_store(place.settings, place.root).locator.startswith(locator)


def test_whom_to_trust_and_who_we_are_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority.new(tmp_path, "ours")
    authority.signed("jo").rename(tmp_path / "jo.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    monkeypatch.setenv("NO_PROXY", "*")
    for number, bundle in enumerate(("system", "../ours.pem", str(authority.bundle))):
        environ = {"DEFEND_CA_BUNDLE": bundle, "DEFEND_CLIENT_CERT": "../jo.pem"}
        place = a_place(tmp_path / str(number), environ=environ)
        with TlsServer(authority.signed("127.0.0.1"), Canned(404), asks_for=authority.bundle) as server:
            store = open_store(replace(place.settings, store=server.url), place.root)
            with pytest.raises(NotFound):
                store.open("candidates/a/b")
            assert server.seen


def test_that_the_system_cannot_be_asked_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = a_place(tmp_path / "project", environ={"DEFEND_CA_BUNDLE": "system"})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the library truststore"):
        check_locator(replace(place.settings, store="https://a.example"))
    check_locator(place.settings)  # a folder trusts whom it likes


def test_how_long_a_server_is_waited_for_is_a_setting(tmp_path: Path) -> None:
    place = a_place(
        tmp_path / "project",
        environ={"DEFEND_READ_TIMEOUT": "0.1", "DEFEND_DEADLINE": "0.2", "DEFEND_CONNECT_TIMEOUT": "5"},
    )
    released = threading.Event()

    def wait(_: object) -> None:
        released.wait(60)

    with Scripted(Canned(instead=wait)) as server:
        settings = replace(place.settings, store=server.url)
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="it does not answer in time"):
            open_store(settings, place.root).stat("candidates/demo/1.0/demo.whl")
        took_s = time.monotonic() - begun
        released.set()
    assert took_s < 30
    assert len(server.seen) <= 2


@pytest.mark.parametrize("workers", [1, 3])
def test_how_many_files_are_sent_at_a_time_is_a_setting(tmp_path: Path, workers: int) -> None:
    place = a_place(tmp_path / "project", environ={"DEFEND_WORKERS": str(workers)})
    uploads = [an_upload(f"libs-local/a/1/{number}", b"%d" % number) for number in range(6)]
    sending: list[int] = [0]
    most: list[int] = [0]
    lock = threading.Lock()
    together = threading.Barrier(workers)

    def read(content: bytes) -> BinaryIO:
        with lock:
            sending[0] += 1
            most[0] = max(most[0], sending[0])
        together.wait(10)
        with lock:
            sending[0] -= 1
        return io.BytesIO(content)

    with served(tmp_path / "kept") as url:
        store = open_store(replace(place.settings, store=url), place.root)
        store.publish_build(
            a_build_info(),
            [replace(upload, open=partial(read, b"%d" % number)) for number, upload in enumerate(uploads)],
        )
    assert most == [workers]


@pytest.mark.parametrize(
    ("profile", "page"),
    [
        ("5.11-oss", "artifactory/webapp/#/builds/demo/1"),
        (
            "7-pro",
            "ui/builds/demo/1/1769903999123/published?buildRepo=fruit-build-info&projectKey=fruit",
        ),
    ],
)
def test_the_page_of_a_build_is_where_the_version_has_it(tmp_path: Path, profile: str, page: str) -> None:
    place = a_place(tmp_path / "project", project="fruit")
    with served(tmp_path / "kept", profile=profile) as url:
        store = open_store(replace(place.settings, store=url), place.root)
        assert page_of(store, place.settings, BUILD) == f"{url.removesuffix('artifactory')}{page}"


def test_the_page_of_a_build_is_that_of_7_when_the_server_does_not_say(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project")
    with Scripted(Canned(401)) as server:
        store = open_store(replace(place.settings, store=server.url), place.root)
        assert page_of(store, place.settings, BUILD).startswith(f"{server.url}/ui/builds/demo/1/")


def test_a_folder_has_no_pages(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project")
    assert page_of(open_store(place.settings, place.root), place.settings, BUILD) == ""


def test_another_kind_of_url_names_no_store(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project", store="s3://bucket")
    with pytest.raises(UsageError, match=r"s3://bucket \(command line --defend-store\) names no store\."):
        open_store(place.settings, place.root)
