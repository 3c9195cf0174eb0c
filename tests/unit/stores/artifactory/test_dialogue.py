"""What is asked and in which order, and what is done about what a server answers; canned answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, STARTED, a_build_info, a_clock, an_upload
from pytest_defend.errors import (
    AccessDenied,
    Conflict,
    Corrupt,
    NotFound,
    StoreError,
    Unavailable,
    UsageError,
)
from pytest_defend.model.buildinfo import BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.repositories import Repository
from pytest_defend.protocols import Promotion
from pytest_defend.stores.answers import NeedsPro, Unclear
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.artifactory.documents import module_to_wire, to_wire
from pytest_defend.stores.session import Session
from scripted import Canned, Scripted, Seen, reset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo

DEMO = BuildId(name="demo", number="1")
MADE = Checksums.of(b"demo")
FULL = "%2B0000"
RESET = Canned(instead=reset)
NOTHING = Canned(404, '{"errors":[{"status":404,"message":"No build was found"}]}')
NO_CONTENT = Canned(204)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")


def _store(server: Scripted, **arguments: Any) -> ArtifactoryStore:
    session = Session(sleep=lambda _: None, tries=2)
    return ArtifactoryStore(f"{server.url}/artifactory", session, a_clock, **arguments)


def _json(document: object, status: int = 200) -> Canned:
    return Canned(status, json.dumps(document))


def _served(build: BuildInfo, *modules: Module) -> Canned:
    document = to_wire(build)
    document["modules"] += [module_to_wire(module) for module in modules]
    return _json({"uri": "u", "buildInfo": document})


def _row(path: str = PATH, content: bytes = b"demo", **properties: Any) -> dict[str, Any]:
    repository, folder, name = (
        path.split("/", 1)[0],
        path.split("/", 1)[1].rpartition("/")[0],
        path.rsplit("/", maxsplit=1)[-1],
    )
    made = Checksums.of(content)
    return {
        "repo": repository,
        "path": folder or ".",
        "name": name,
        "size": made.size_bytes,
        "created": "2026-01-31T12:00:00.123+02:00",
        "actual_sha1": made.sha1,
        "actual_md5": made.md5,
        "sha256": made.sha256,
        "properties": [{"key": key, "value": value} for key, value in properties.items()],
    }


def _rows(*rows: Mapping[str, Any], **limits: int) -> Canned:
    told = {"start_pos": 0, "end_pos": len(rows), "total": len(rows)}
    return _json({"results": rows, "range": told | limits})


def _version(version: str = "7.104.5", **more: object) -> Canned:
    return _json({"version": version, "revision": "1", "addons": ["build", "rest"], "license": "x", **more})


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://example.org", "https://example.org/artifactory"),
        ("https://example.org/", "https://example.org/artifactory"),
        ("https://example.org/artifactory/", "https://example.org/artifactory"),
        ("http://example.org:8081/other/place", "http://example.org:8081/other/place"),
    ],
)
def test_the_locator_is_where_artifactory_is(url: str, base: str) -> None:
    assert ArtifactoryStore(url, Session(), a_clock).locator == base


@pytest.mark.parametrize(
    "url",
    [
        "",
        "folder",
        "ftp://example.org",
        "https://",
        "http://[::1",
        "https://u:s3cret@example.org",
        "https://x/?a=1",
    ],
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        ArtifactoryStore(url, Session(), a_clock)
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


PUBLISHED = "PUT /artifactory/api/build"
READ = "GET /artifactory/api/build/demo/1"


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        ([NO_CONTENT], [PUBLISHED]),
        ([Canned(200)], [PUBLISHED]),
        ([Canned(201)], [PUBLISHED]),
        ([RESET, NOTHING, NO_CONTENT], [PUBLISHED, READ, PUBLISHED]),
        ([RESET, _served(a_build_info())], [PUBLISHED, READ]),
        ([Canned(500), _served(a_build_info())], [PUBLISHED, READ]),
        ([Canned(502, "<html>"), RESET, NOTHING, NO_CONTENT], [PUBLISHED, READ, READ, PUBLISHED]),
        ([Canned(400, "Could not insert build x"), NOTHING, NO_CONTENT], [PUBLISHED, READ, PUBLISHED]),
        ([Canned(429), NO_CONTENT], [PUBLISHED, PUBLISHED]),
        (
            [RESET, NOTHING, Canned(403, "needs delete"), _served(a_build_info())],
            [PUBLISHED, READ, PUBLISHED, READ],
        ),
    ],
)
def test_a_build_is_published_once(answers: list[Canned], lines: list[str]) -> None:
    with Scripted(NOTHING, *answers) as server:
        _store(server).publish_build(a_build_info())
        assert server.lines == [READ, *lines]


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([Canned(403, "no"), NOTHING], AccessDenied),
        ([Canned(401)], AccessDenied),
        ([RESET, RESET, RESET, RESET], Unclear),
        ([Canned(500), NOTHING, Canned(500), NOTHING, Canned(500), NOTHING], Unclear),
        ([RESET, _served(a_build_info(url="https://ci.example/2"))], Conflict),
        ([RESET, _served(a_build_info(started="2026-01-31T11:59:00.457+0000"))], Conflict),
    ],
)
def test_a_build_that_is_not_published_is_an_error(answers: list[Canned], kind: type[StoreError]) -> None:
    with Scripted(NOTHING, *answers) as server, pytest.raises(StoreError) as caught:
        _store(server).publish_build(a_build_info())
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("name", "number", "target"),
    [
        ("demo", "1", "demo/1"),
        ("a/b", "1/2", "a%2Fb/1%2F2"),
        ("50%", "#1 / β", "50%25/%231%20%2F%20%CE%B2"),
        ("ünï 日本", "2026-01-31T00:00:00", "%C3%BCn%C3%AF%20%E6%97%A5%E6%9C%AC/2026-01-31T00%3A00%3A00"),
        ("it's; x", "a+b", "it%27s%3B%20x/a%2Bb"),
    ],
)
def test_names_of_builds_in_urls(name: str, number: str, target: str) -> None:
    with Scripted(NOTHING) as server:
        for started in ("", STARTED):
            with pytest.raises(NotFound):
                _store(server, project="web").build(BuildId(name=name, number=number, started=started))
        query = "?started=2026-01-31T11%3A59%3A00.456%2B0000&project=web"
        assert server.lines == [
            f"GET /artifactory/api/build/{target}?project=web",
            f"GET /artifactory/api/build/{target}{query}",
        ]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_no_url_can_hold_is_refused(name: str) -> None:
    with Scripted(Canned(500)) as server:
        with pytest.raises(StoreError, match="no URL can name it"):
            _store(server).publish_build(a_build_info(name=name))
        assert _store(server).builds(name) == ()
        assert server.seen == []


def test_runs_are_read_in_any_order_and_zone() -> None:
    runs = [
        {"uri": "/2%2F0", "started": "2025-09-05T21:55:28.040+0200"},
        {"uri": "/1", "started": "2025-09-05T19:55:09.593+0000"},
        {"uri": "/1", "started": "2025-09-05T19:55:08.000Z"},
    ]
    with Scripted(_json({"uri": "u", "buildsNumbers": runs})) as server:
        found = _store(server).builds("a b")
    assert [str(run.id) for run in found] == [
        "a b/1@2025-09-05T19:55:08.000+0000",
        "a b/1@2025-09-05T19:55:09.593+0000",
        "a b/2/0@2025-09-05T19:55:28.040+0000",
    ]


def test_a_missing_build_may_be_an_empty_list() -> None:
    with Scripted(_json({"uri": "u", "buildsNumbers": []})) as server:
        assert _store(server).builds("demo") == ()
    with Scripted(Canned(404, '{"errors":[{"status":404,"message":"No builds were found"}]}')) as server:
        assert _store(server).builds() == ()


def test_who_may_not_read_builds_reads_their_files() -> None:
    file = json.dumps(to_wire(a_build_info()))
    place = "artifactory-build-info/demo/1-1769860740456.json"
    rows = _rows(_row(place, file.encode()), _row("artifactory-build-info/demo/notes.txt"))
    download = Canned(200, file, {"X-Checksum-Sha256": Checksums.of(file.encode()).sha256})
    with Scripted(Canned(403), rows, download, Canned(403), rows, Canned(403), rows) as server:
        store = _store(server)
        assert store.build(DEMO) == a_build_info()
        assert server.lines[2] == f"GET /artifactory/{place}"
        (run,) = store.builds("demo")
        assert run.id == a_build_info().id
        with pytest.raises(AccessDenied):
            store.build(replace(DEMO, number="2"))


def test_a_page_instead_of_a_document_is_an_error() -> None:
    with Scripted(Canned(200, "<html>sign in</html>")) as server:
        for ask in (
            lambda: _store(server).build(DEMO),
            lambda: _store(server).list("r"),
            lambda: _store(server).stat(PATH),
        ):
            with pytest.raises(Unavailable, match="no whole JSON"):
                ask()
        with pytest.raises(StoreError, match="is no Artifactory"):
            _store(server).inspection.server()


def test_a_build_that_is_none_is_corrupt() -> None:
    with Scripted(_json({"buildInfo": {"name": "demo", "number": 1}})) as server, pytest.raises(Corrupt):
        _store(server).build(DEMO)


def test_a_query_that_was_cut_off_is_asked_again() -> None:
    whole = _rows(_row())
    with Scripted(Canned(200, b'{"results": [{"repo"'), whole) as server:
        assert [item.path for item in _store(server).list("libs-local")] == [PATH]
        assert server.seen[0].headers["Content-Type"] == "text/plain"
        assert server.seen[0].body.startswith(
            b'items.find({"$or": [{"repo": "libs-local"}]}).include("repo", "path", '
        )


def test_a_query_that_was_limited_is_an_error() -> None:
    with Scripted(_rows(_row(), limit=1)) as server, pytest.raises(Unavailable, match="userQueryLimit"):
        _store(server).list("libs-local")


@pytest.mark.parametrize("denied", [Canned(403), Canned(404)])
def test_without_aql_files_are_asked_for_one_by_one(denied: Canned) -> None:
    row = _row()
    checksums = {"sha1": row["actual_sha1"], "md5": row["actual_md5"], "sha256": row["sha256"]}
    known = {
        f"search/checksum?sha256={MADE.sha256}": {
            "results": [{"uri": f"https://example.org/artifactory/api/storage/{PATH}"}]
        },
        "repositories?type=local": [{"key": "libs-local", "type": "LOCAL"}],
        f"storage/{PATH}": {"size": str(row["size"]), "created": row["created"], "checksums": checksums},
        f"storage/{PATH}?properties": {"properties": {"a": ["2", "1"]}},
        "storage/libs-local": {"children": [{"uri": "/demo", "folder": True}]},
        "storage/libs-local/demo": {"children": [{"uri": "/1.0", "folder": True}]},
        "storage/libs-local/demo/1.0": {"children": [{"uri": "/demo-1.0.tar.gz", "folder": False}]},
    }

    def answer(seen: Seen) -> Canned:
        path = seen.target.removeprefix("/artifactory/api/")
        if path == "search/aql":
            return denied
        return _json(known[path]) if path in known else Canned(404)

    with Scripted(answer) as server:
        store = _store(server)
        (item,) = store.list("")
        assert item.path == PATH
        assert item.properties == {"a": ("1", "2")}
        assert store.list("libs-local/demo") == (item,)
        assert store.list(PATH) == (item,)
        assert store.list("other") == ()
        assert store.find([MADE.sha256]) == {MADE.sha256: (item,)}
        store.annotate([PATH], {})
        assert sum("search/aql" in line for line in server.lines) == 1


def test_a_folder_is_no_file() -> None:
    with Scripted(_json({"children": [], "created": "x"})) as server, pytest.raises(NotFound):
        _store(server).stat("libs-local/demo")


def test_a_file_is_deployed_in_one_call() -> None:
    properties = {"build.name": ("a;b",), "n": ("1", "2")}
    row = _row(PATH, b"demo", **{"build.name": "a;b"})
    row["properties"] += [{"key": "n", "value": "1"}, {"key": "n", "value": "2"}]
    with Scripted(_rows(), Canned(201, json.dumps({"checksums": MADE.to_dict()})), _rows(row)) as server:
        _store(server).put(an_upload(properties=properties))
        assert server.lines[1] == f"PUT /artifactory/{PATH};build.name=a%3Bb;n=1;n=2"
        headers = server.seen[1].headers
        assert headers["X-Checksum-Sha256"] == MADE.sha256
        assert headers["X-Checksum-Sha1"] == MADE.sha1
        assert headers["X-Checksum-Md5"] == MADE.md5
        assert headers["Content-Length"] == "4"
        assert server.seen[1].body == b"demo"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("r/with space/and+plus", "r/with%20space/and%2Bplus"),
        ("r/50%/a%2Fb", "r/50%25/a%252Fb"),
        ("r/ünï/🎉", "r/%C3%BCn%C3%AF/%F0%9F%8E%89"),
        ("r/a;b=c/d&e#f", "r/a%3Bb%3Dc/d%26e%23f"),
        ("r/t[x|y]", "r/t%5Bx%7Cy%5D"),
        ("r/.hidden/..x", "r/.hidden/..x"),
    ],
)
def test_paths_in_urls(path: str, target: str) -> None:
    with Scripted(Canned(404)) as server:
        with pytest.raises(NotFound):
            _store(server).open(path)
        with pytest.raises(NotFound):
            _store(server).stat(path)
        assert server.lines == [f"GET /artifactory/{target}", f"GET /artifactory/api/storage/{target}"]


BIG = b"x" * 5000


def test_content_that_is_there_is_not_sent_again() -> None:
    known = _row("other/place", BIG)
    with Scripted(_rows(known), Canned(201), _rows(known, _row(PATH, BIG))) as server:
        _store(server).put(an_upload(content=BIG))
        assert server.seen[1].headers["X-Checksum-Deploy"] == "true"
        assert server.seen[1].body == b""


def test_content_that_is_gone_meanwhile_is_sent() -> None:
    failed = Canned(404, '{"errors":[{"status":404,"message":"Checksum deploy failed. No existing file"}]}')
    rows = _rows(_row("other/place", BIG))
    with Scripted(rows, failed, Canned(201), _rows(_row(PATH, BIG))) as server:
        _store(server).put(an_upload(content=BIG))
        assert server.seen[2].body == BIG


def test_a_server_that_has_other_bytes_than_were_sent_keeps_nothing() -> None:
    other = Canned(201, json.dumps({"checksums": {"sha256": "0" * 64}}))
    with Scripted(_rows(), other, NO_CONTENT, _rows()) as server:
        with pytest.raises(Corrupt):
            _store(server).put(an_upload())
        assert server.lines[2] == f"DELETE /artifactory/{PATH}"


def test_properties_that_are_dropped_are_found_out() -> None:
    bare = _rows(_row())
    with Scripted(_rows(), Canned(201), bare, _version(), Canned(403), bare, NO_CONTENT) as server:
        with pytest.raises(AccessDenied):
            _store(server).put(an_upload(properties={"a": ("1",)}))
        assert not any(line.startswith("PUT /artifactory/api") for line in server.lines)


VALUES = {"level": ("rc",), "gone": ()}
KEPT = {"gone": "x", "level": "dev", "other": "o"}
PLACE = "/artifactory/api/storage/" + PATH
METADATA = f"PATCH /artifactory/api/metadata/{PATH}?recursiveProperties=0"
AQL = "POST /artifactory/api/search/aql"
REDEPLOYED = f"PUT /artifactory/{PATH};level=rc;other=o"
BEFORE = _rows(_row(PATH, b"demo", **KEPT))
AFTER = _rows(_row(PATH, b"demo", level="rc", other="o"))
PRO = Canned(400, "This REST API is available only in Artifactory Pro (see: x).")


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        ([_version("7.9"), NO_CONTENT], [METADATA]),
        (
            [_version("7.9"), Canned(405), NO_CONTENT, NO_CONTENT],
            [
                METADATA,
                f"PUT {PLACE}?properties=level%3Drc&recursive=0",
                f"DELETE {PLACE}?properties=gone&recursive=0",
            ],
        ),
        (
            [_version("5.11.0"), NO_CONTENT, NO_CONTENT],
            [f"PUT {PLACE}?properties=level%3Drc&recursive=0", f"DELETE {PLACE}?properties=gone&recursive=0"],
        ),
        (
            [_version("5.11.0", addons=[]), PRO, BEFORE, Canned(201), AFTER],
            [f"PUT {PLACE}?properties=level%3Drc&recursive=0", AQL, REDEPLOYED, AQL],
        ),
        ([_version("7.9", addons=[]), PRO, BEFORE, Canned(201), AFTER], [METADATA, AQL, REDEPLOYED, AQL]),
        (  # somebody else has replaced them meanwhile
            [_version("7.9", addons=[]), PRO, BEFORE, Canned(201), BEFORE, PRO, BEFORE, Canned(201), AFTER],
            [METADATA, AQL, REDEPLOYED, AQL] * 2,
        ),
    ],
)
def test_properties_are_set_as_the_server_takes_them(answers: list[Canned], lines: list[str]) -> None:
    with Scripted(BEFORE, *answers) as server:
        _store(server).annotate([PATH], VALUES)
        assert server.lines[2:] == lines
        if lines[0] == METADATA:
            assert json.loads(server.seen[2].body) == {"props": {"level": ["rc"], "gone": None}}
        if REDEPLOYED in lines:
            assert server.seen[-2].headers["X-Checksum-Deploy"] == "true"


@pytest.mark.parametrize("value", ["", " x", "x ", "x\\"])
def test_what_the_query_form_cannot_say_is_said_otherwise(value: str) -> None:
    answers = _rows(_row()), _version("5.11.0"), _rows(_row()), Canned(201), _rows(_row(a=value))
    with Scripted(*answers) as server:
        _store(server).annotate([PATH], {"a": (value,)})
        assert server.seen[-2].headers["X-Checksum-Deploy"] == "true"


def test_the_last_property_needs_pro() -> None:
    one = _rows(_row(a="1"))
    answers = one, _version("5.11.0"), PRO, one
    with Scripted(*answers) as server, pytest.raises(NeedsPro, match="last property"):
        _store(server).annotate([PATH], {"a": ()})


def test_a_download_that_was_altered_is_never_handed_out() -> None:
    with Scripted(Canned(200, b"demo", {"X-Checksum-Sha256": "0" * 64})) as server, pytest.raises(Corrupt):
        _store(server).open(PATH)


def test_a_server_that_gives_whole_files_gives_no_part() -> None:
    whole = b"0123456789" * 100_000
    with Scripted(Canned(200, whole)) as server, pytest.raises(Unavailable, match="only as a whole"):
        _store(server).part(PATH, 3, 4)
    (seen,) = server.seen
    assert seen.headers["Range"] == "bytes=3-6"
    assert seen.headers["Accept-Encoding"] == "identity"  # a part of what was packed is no part


def test_a_module_that_is_forgotten_is_appended_again() -> None:
    build = a_build_info()
    smoke, load = Module(id="smoke"), Module(id="load")
    # another one that read the build before we wrote it writes it after
    answers = [
        _served(build),
        _served(build),
        NO_CONTENT,
        _served(build, smoke),
        _served(build, load),
        RESET,
        _served(build, load, smoke, smoke),
        _served(build, load, smoke, smoke),
    ]
    with Scripted(*answers) as server:
        _store(server).append(DEMO, [smoke])
        appended = [line for line in server.lines if line.startswith("POST")]
        query = "?started=2026-01-31T11%3A59%3A00.456%2B0000"
        assert appended == [f"POST /artifactory/api/build/append/demo/1{query}"] * 2


def test_a_promotion_that_failed_with_status_200_is_an_error() -> None:
    failed = _json({"messages": [{"level": "ERROR", "message": "Unable to find artifact"}]})
    with (
        Scripted(_served(a_build_info()), _version(), failed) as server,
        pytest.raises(StoreError, match="Unable to find artifact"),
    ):
        _store(server).promote(DEMO, Promotion(status="rc"))


def test_a_status_nobody_confirmed_is_read_back() -> None:
    status = {"status": "rc", "timestamp": "2026-01-31T12:00:00.123+0000", "user": "x", "timestampDate": 1}
    risen = {"uri": "u", "buildInfo": {**to_wire(a_build_info()), "statuses": [status]}}
    with Scripted(_served(a_build_info()), _version(), RESET, _json(risen)) as server:
        _store(server).promote(DEMO, Promotion(status="rc"))
        assert [seen.method for seen in server.seen] == ["GET", "GET", "POST", "GET"]
    with Scripted(_served(a_build_info()), _version(), RESET, _served(a_build_info()), _json({})) as server:
        _store(server).promote(DEMO, Promotion(status="rc"))
        assert [seen.method for seen in server.seen] == ["GET", "GET", "POST", "GET", "POST"]


def test_the_open_source_edition_does_not_promote() -> None:
    with (
        Scripted(_served(a_build_info()), _version(addons=[], license="")) as server,
        pytest.raises(NeedsPro, match="open source"),
    ):
        _store(server).promote(DEMO, Promotion(status="rc"))


@pytest.mark.parametrize(
    ("answer", "edition", "patches"),
    [
        (_version("7.104.5"), "pro", True),
        (_version("6.1.0", addons=[], license="Enterprise Plus"), "pro", True),
        (_version("6.0.9"), "pro", False),
        (_version("5.11.0", addons=[], license=None), "oss", False),
        (Canned(403), "", True),
        (_json({}), "", True),
    ],
)
def test_a_server_says_what_it_is(answer: Canned, edition: str, patches: bool) -> None:
    with Scripted(replace(answer, headers={"Date": "Sat, 31 Jan 2026 12:00:00 GMT"})) as server:
        store = _store(server)
        facts = store.inspection.server()
        assert (facts.edition, facts.patches) == (edition, patches)
        assert facts.date is not None
        assert store.inspection.server() is facts
        assert len(server.seen) == 1


def test_bad_credentials_are_said() -> None:
    bad = Canned(401, '{"errors":[{"status":401,"message":"Bad credentials"}]}')
    with Scripted(bad) as server, pytest.raises(AccessDenied, match="Bad credentials"):
        _store(server).inspection.server()


def test_repositories_and_permissions_are_told() -> None:
    listed = [{"key": "b", "type": "VIRTUAL", "packageType": "Pypi"}, {"key": "a", "type": "LOCAL"}]
    rights = {"principals": {"users": {"jo": ["r", "w", "x"]}}}
    with Scripted(
        Canned(200, "OK"), _json(listed), _json(rights), _json(rights), Canned(400, "no"), PRO
    ) as server:
        inspection = _store(server, project="web").inspection
        inspection.ping()
        assert inspection.repositories() == (
            Repository(key="a", kind="local", package_type=""),
            Repository(key="b", kind="virtual", package_type="pypi", members=None),
        )
        assert inspection.permissions("a", "jo") == frozenset({"read", "deploy"})
        assert inspection.permissions("a", "else") == frozenset()
        assert inspection.permissions("b", "jo") is None
        assert inspection.permissions("b", "jo") is None
        assert server.lines[1:3] == [
            "GET /artifactory/api/repositories?project=web",
            "GET /artifactory/api/storage/a?permissions",
        ]
