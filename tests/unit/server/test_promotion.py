from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from artifactories import ADMIN, USERS, WRITER, Artifactory, message
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

CONTENTS = {"a": b"content a", "b": b"content b"}
OK = "2026-02-01T00:00:00.000+0000"
MARKS = ";build.name=demo;build.number=1"


@pytest.fixture(params=["5.11-pro", "7-pro"])
def server(request: pytest.FixtureRequest, start: Callable[..., Artifactory]) -> Artifactory:
    return start(request.param)


def _publish(
    server: Artifactory, *deployed: str, marks: str = MARKS, names: str = "ab", **changes: Any
) -> None:
    for name in deployed:
        server.put(f"libs/x/{name}{marks}", CONTENTS[name])
    artifacts = [{"name": name, "sha1": Checksums.of(CONTENTS[name]).sha1} for name in names]
    answer = server.publish(modules=[{"id": "m", "artifacts": artifacts}], **changes)
    assert answer.status_code == 204


def _promote(
    server: Artifactory, user: User | None = None, path: str = "demo/1", **request: Any
) -> TestResponse:
    return server.ask(f"POST api/build/promote/{path}", json=request, user=user)


def _paths(server: Artifactory) -> list[str]:
    rows = server.rows('items.find({"repo": {"$ne": "artifactory-build-info"}})')
    return [f"{row['repo']}/{row['path']}/{row['name']}" for row in rows]


def _messages(answer: TestResponse) -> list[tuple[str, str]]:
    return [(one["level"], one["message"]) for one in answer.get_json()["messages"]]


NO_TARGET = ("INFO", "Skipping build item relocation: no target repository selected.")
NO_STATUS = ("INFO", "Skipping promotion status update: no status received.")


def test_files_move_and_the_status_is_read_back(server: Artifactory) -> None:
    _publish(server, "a", "b")
    request: dict[str, Any] = {"status": "rc", "comment": "good", "ciUser": "ci", "timestamp": OK}
    answer = _promote(server, sourceRepo="libs", targetRepo="more", properties={"level": ["rc"]}, **request)
    assert (answer.status_code, answer.get_json()) == (200, {"messages": []})
    assert _paths(server) == ["more/x/a", "more/x/b"]
    assert server.properties("more/x/a") == {"build.name": ["demo"], "build.number": ["1"], "level": ["rc"]}
    (status,) = server.build()["statuses"]
    assert status == {**request, "repository": "more", "user": "admin", "timestampDate": 1769904000000}


def test_a_copy_leaves_the_source(server: Artifactory) -> None:
    _publish(server, "a", "b")
    assert _promote(server, status="rc", targetRepo="all", copy="true").status_code == 200
    assert _paths(server) == ["libs/x/a", "libs/x/b", "more/x/a", "more/x/b"]


def test_a_file_is_found_by_properties_and_sha1_alone(server: Artifactory) -> None:
    """Neither path nor name counts; without the properties, or with other content, it is not found."""
    _publish(server, "a", names="a")
    server.ask("POST api/move/libs/x/a?to=/libs/other/name")
    assert _promote(server, status="rc", targetRepo="more").status_code == 200
    assert _paths(server) == ["more/other/name"]


@pytest.mark.parametrize("marks", ["", ";build.name=demo", ";build.name=demo;build.number=2"])
def test_a_file_without_the_properties_aborts(server: Artifactory, marks: str) -> None:
    _publish(server, "a", names="a", marks=marks)
    answer = _promote(server, status="rc", targetRepo="more")
    assert answer.status_code == 400
    sentence = message(answer)
    assert sentence.startswith("Unable to find artifacts of build 'demo' #1")
    assert sentence.endswith(": aborting promotion.")
    assert _paths(server) == ["libs/x/a"]
    assert "statuses" not in server.build()


def test_failing_fast_is_the_default_and_can_be_switched_off(server: Artifactory) -> None:
    _publish(server, "a")
    assert _promote(server, status="rc", targetRepo="more").status_code == 400
    answer = _promote(server, status="rc", targetRepo="more", failFast=False)
    assert answer.status_code == 200, "recorded as a success"
    assert _messages(answer) == [("ERROR", "Unable to find artifact 'b' of build 'demo' #1")]
    assert _paths(server) == ["more/x/a"]
    assert server.build()["statuses"][0]["status"] == "rc"


def test_nothing_at_all_promotes_successfully(server: Artifactory) -> None:
    server.publish()
    assert _promote(server, status="rc", targetRepo="more").get_json() == {"messages": []}


def test_what_is_skipped_is_said(server: Artifactory) -> None:
    _publish(server, "a", "b")
    assert _messages(_promote(server, status="rc")) == [NO_TARGET]
    assert _messages(_promote(server)) == [NO_TARGET, NO_STATUS]
    answer = _promote(server, status="rc", timestamp="yesterday")
    assert (
        "ERROR",
        "Skipping promotion status update: invalid\\unparsable timestamp yesterday.",
    ) in _messages(answer)
    assert answer.status_code == 400


def test_a_comment_without_a_status_leaves_no_trace(server: Artifactory) -> None:
    _publish(server, "a", "b")
    assert _messages(_promote(server, comment="lost", targetRepo="more")) == [NO_STATUS]
    assert _paths(server) == ["more/x/a", "more/x/b"]
    assert "lost" not in str(server.build())


@pytest.mark.parametrize("timestamp", ["2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00.000+02:00"])
def test_a_timestamp_may_fail_after_the_files_have_moved(server: Artifactory, timestamp: str) -> None:
    _publish(server, "a", "b")
    answer = _promote(server, status="rc", targetRepo="more", timestamp=timestamp)
    assert answer.status_code == 500
    assert _paths(server) == ["more/x/a", "more/x/b"]
    assert "statuses" not in server.build()


def test_microseconds_are_read_as_milliseconds(server: Artifactory) -> None:
    _publish(server, "a", "b")
    _promote(server, status="rc", timestamp="2026-02-01T00:00:00.678901+0000")
    assert server.build()["statuses"][0]["timestamp"] == "2026-02-01T00:11:18.901+0000"


def test_a_timestamp_is_there_once(server: Artifactory) -> None:
    _publish(server, "a", "b")
    assert _promote(server, status="rc", timestamp=OK).status_code == 200
    assert _promote(server, status="released", timestamp=OK).status_code == 500
    assert _promote(server, status="one").status_code == _promote(server, status="two").status_code == 200
    assert [status["status"] for status in server.build()["statuses"]] == ["rc", "one", "two"]


def test_a_dry_run_changes_nothing(server: Artifactory) -> None:
    _publish(server, "a", "b")
    assert _promote(server, status="rc", targetRepo="more", dryRun=1).get_json() == {"messages": []}
    assert _paths(server) == ["libs/x/a", "libs/x/b"]
    assert "statuses" not in server.build()
    assert _promote(server, status="rc", targetRepo="none", dryRun=True).status_code == 404


def test_what_is_not_there_is_said(server: Artifactory) -> None:
    answer = _promote(server, path="x/y", status="rc")
    sentence = "Cannot find builds by the name 'x' and the number 'y'"
    seven = " and buildRepo 'artifactory-build-info'" in message(answer)
    assert (
        message(answer) == f"{sentence} and buildRepo 'artifactory-build-info'." if seven else f"{sentence}."
    )
    assert answer.status_code == 404
    _publish(server, "a", "b")
    answer = _promote(server, status="rc", targetRepo="none")
    assert (answer.status_code, message(answer)) == (404, "Cannot find target repository by the key 'none'.")
    assert _promote(server, status="rc", targetRepo="blind").status_code == 405


@pytest.mark.parametrize(
    "request_",
    [
        {"properties": {"k": "bare"}},
        {"properties": []},
        {"scopes": "test"},
        {"status": 5},
        {"mappings": [], "sourceRepo": "libs"},
        {"mappings": [], "targetRepo": "more"},
        {"mappings": [{"input": "(", "output": "x"}]},
        {"mappings": [{"input": "libs/(.+)", "output": "more/$9"}]},
    ],
    ids=str,
)
def test_what_is_no_request_is_refused(server: Artifactory, request_: dict[str, Any]) -> None:
    _publish(server, "a", "b")
    answer = _promote(server, **request_)
    assert answer.status_code == 400
    assert "errors" in answer.get_json()
    assert _paths(server) == ["libs/x/a", "libs/x/b"]
    assert server.ask("POST api/build/promote/demo/1", json=[]).status_code == 400


def test_mappings_lead_from_path_to_path(server: Artifactory) -> None:
    _publish(server, "a", "b")
    mappings = [{"input": "none/(.+)", "output": "x/$1"}, {"input": "libs/x/(a)", "output": "more/mapped/$1"}]
    assert _promote(server, status="rc", mappings=mappings).status_code == 200
    assert _paths(server) == ["libs/x/b", "more/mapped/a"]


def test_the_latest_run_is_promoted(server: Artifactory) -> None:
    for day in "21":
        server.publish(started=f"2026-01-0{day}T00:00:00.000+0000")
    _promote(server, status="rc")
    assert server.build("demo/1")["started"].startswith("2026-01-02")
    assert "statuses" in server.build("demo/1")
    assert "statuses" not in server.build("demo/1?started=2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("more", "moved"), [({}, True), ({"scopes": ["run"]}, True), ({"scopes": ["x"]}, False)]
)
def test_dependencies_go_along(server: Artifactory, more: dict[str, Any], moved: bool) -> None:
    server.put("libs/x/lib", b"lib")
    used = [
        {"id": "lib:1", "sha1": Checksums.of(b"lib").sha1, "scopes": ["run"]},
        {"id": "far:1", "sha1": "0" * 40},
    ]
    server.publish(modules=[{"id": "m", "dependencies": used}])
    assert _promote(server, status="rc", targetRepo="more").status_code == 200
    assert _paths(server) == ["libs/x/lib"]
    assert _promote(server, status="rc", targetRepo="more", dependencies=True, **more).status_code == 200
    assert _paths(server) == (["more/x/lib"] if moved else ["libs/x/lib"])


def test_rights_are_needed_where_files_leave_and_arrive(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    for name, content in CONTENTS.items():
        server.ask(f"PUT libs/x/{name}{MARKS}", content, user=ADMIN)
    artifacts = [{"name": name, "sha1": Checksums.of(content).sha1} for name, content in CONTENTS.items()]
    server.publish(modules=[{"id": "m", "artifacts": artifacts}], user=ADMIN)
    answer = _promote(server, user=WRITER, status="rc", targetRepo="more")
    assert answer.status_code == 400
    assert _messages(answer) == [
        ("ERROR", "User doesn't have permissions to move 'libs:x/a'. Needs delete permissions."),
        ("ERROR", "User doesn't have permissions to move 'libs:x/b'. Needs delete permissions."),
        ("INFO", "Skipping promotion status update: item promotion was completed with errors and warnings."),
    ]
    answer = _promote(server, user=WRITER, status="rc", targetRepo="more", failFast=False)
    assert answer.status_code == 200
    assert server.ask("GET more/x/a", user=ADMIN).status_code == 404
    assert _promote(server, user=WRITER, status="rc", targetRepo="more", copy=True).status_code == 200
    assert server.ask("GET more/x/a", user=ADMIN).status_code == 200


def test_annotating_what_one_may_not_is_a_warning(start: Callable[..., Artifactory]) -> None:
    mute = User(name="mute", password="m", rights="rwd")
    server = start(users=(ADMIN, mute))
    server.ask(f"PUT libs/a{MARKS}", b"content a", user=ADMIN)
    part = {"name": "a", "sha1": Checksums.of(b"content a").sha1}
    server.publish(modules=[{"id": "m", "artifacts": [part]}], user=ADMIN)
    answer = _promote(server, user=mute, status="rc", targetRepo="more", properties={"k": ["v"]})
    assert answer.status_code == 400
    assert _messages(answer)[0] == ("WARNING", "User doesn't have permissions to annotate 'more/a'.")
    reader = _promote(server, user=ADMIN, status="rc")
    assert reader.status_code == 200


def test_promoting_needs_the_right_to_deploy_builds(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    server.publish(user=ADMIN)
    assert _promote(server, user=USERS[2], status="rc").status_code == 403
