from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from artifactories import ADMIN, BUILD_KIND, READER, USERS, WRITER, Artifactory, message
from builders import a_build_info
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = Checksums.of(b"demo")
STARTED = "2026-01-31T11:59:00.456+0000"
STARTED_MS = 1769860740456
FIRST, SECOND = "2026-01-01T00:00:00.000+0000", "2026-01-02T00:00:00.000+0000"


def test_a_build_is_published_and_read(each: Artifactory) -> None:
    answer = each.publish(url="https://ci.example/1", principal="ci")
    assert (answer.status_code, answer.data) == (204, b"")
    assert each.build() == {
        "version": "1.0.1",
        "name": "demo",
        "number": "1",
        "started": STARTED,
        "url": "https://ci.example/1",
        "principal": "ci",
        "artifactoryPrincipal": "admin",
    }


STARTS = [
    ("2024-01-02T03:04:05.678+0000", True),
    ("2024-01-02T03:04:05.678-0530", True),
    ("2024-01-02T03:04:05.678Z", True),
    ("2024-01-02T03:04:05.678+00:00", True),
    ("2024-01-02T03:04:05.678+02", True),
    ("2024-01-02T03:04:05.6+0000", True),
    ("2024-01-02T03:04:05.67+0000", True),
    ("2024-1-2T3:4:5.678+0000", True),
    ("2024-01-02T03:04:05Z", False),
    ("2024-01-02T03:04:05+0000", False),
    ("2024-01-02T03:04:05.678901+0000", False),
    ("2024-01-02T03:04:05.678", False),
    ("2024-01-02 03:04:05.678+0000", False),
    ("2024-01-02T03:04:05,678+0000", False),
    ("1704164645678", False),
    ("2024-02-30T03:04:05.678+0000", False),
    ("2024-01-02T24:04:05.678+0000", False),
    ("2024-01-02T03:04:60.678+0000", False),
]


@pytest.mark.parametrize(("started", "taken"), STARTS)
def test_started_is_read_strictly(each: Artifactory, started: str, taken: bool) -> None:
    answer = each.publish(started=started)
    assert answer.status_code == (204 if taken else 400)
    if taken:
        assert each.build()["started"] == started, "as it was sent"
    else:
        assert message(answer) == f'Invalid format: "{started}" is malformed'


@pytest.mark.parametrize("field", ["name", "number", "started"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_build_needs_its_identity(each: Artifactory, field: str, value: str | None) -> None:
    changes: dict[str, Any] = {field: value}
    answer = each.publish(**changes)
    assert answer.status_code == 400
    assert answer.text == "Build name, number or start date cannot be empty or null!"


WRONG_SHAPES: list[dict[str, Any]] = [
    {"name": ["demo"]},
    {"modules": {}},
    {"modules": ["m"]},
    {"vcs": {"url": "u"}},
    {"buildDependencies": {}},
    {"runParameters": {}},
    {"durationMillis": "long"},
    {"properties": {"k": None}},
    {"properties": ["k"]},
    {"modules": [{"id": "m", "properties": {"k": None}}]},
    {"modules": [{"id": "m", "dependencies": [{"id": "d", "scopes": "test"}]}]},
    {"issues": {"aggregateBuildIssues": "perhaps"}},
]


@pytest.mark.parametrize("changes", WRONG_SHAPES, ids=str)
def test_a_wrong_shape_refuses_the_document(each: Artifactory, changes: dict[str, Any]) -> None:
    answer = each.publish(**changes)
    assert (answer.status_code, message(answer)) == (400, "Error parsing json body")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b'{"a": NaN}'])
def test_what_is_no_json_is_refused(each: Artifactory, body: bytes) -> None:
    answer = each.ask("PUT api/build", body, content_type=BUILD_KIND)
    assert answer.status_code == 400
    assert message(answer).startswith("Unexpected content:")
    assert each.ask("PUT api/build", b"[]", content_type=BUILD_KIND).status_code == 400
    assert each.ask("PUT api/build", b"{}", content_type="text/plain").status_code == 415


# field of the document: what 5.11 keeps of it, what 7 keeps of it; ... for nothing
KEPT: list[tuple[dict[str, Any], Any, Any]] = [
    ({"vcsRevision": "r"}, "r", ...),
    ({"vcsUrl": "u"}, "u", ...),
    ({"licenseControl": {"a": 1}}, {"a": 1}, ...),
    ({"governance": {"a": 1}}, {"a": 1}, ...),
    ({"type": "GENERIC"}, "GENERIC", ...),
    ({"type": "PYTHON"}, 400, ...),
    ({"project": "p"}, ..., ...),
    ({"startedMillis": 1}, ..., ...),
    ({"foreign": 1}, ..., ...),
    ({"number": 5}, "5", "5"),
    ({"durationMillis": "12"}, 12, 12),
    ({"durationMillis": 1.5}, 1, 1),
    ({"durationMillis": None}, ..., ...),
    ({"agent": "pip"}, {"name": "pip"}, {"name": "pip"}),
    (
        {"buildAgent": {"name": "b", "version": "1", "x": 1}},
        {"name": "b", "version": "1"},
        {"name": "b", "version": "1"},
    ),
    (
        {"vcs": [{"revision": "r", "branch": "b", "message": "m"}]},
        [{"url": "", "revision": "r", "empty": False}],
        [{"url": "", "revision": "r", "branch": "b", "message": "m"}],
    ),
    ({"vcs": [{}]}, [{"url": "", "revision": "", "empty": True}], [{"url": "", "revision": ""}]),
    ({"properties": {"i": 1, "b": True}}, {"i": 1, "b": True}, {"i": "1", "b": "true"}),
    ({"properties": {"l": [1]}}, {"l": [1]}, 400),
    ({"modules": [{"id": "m", "type": "python"}]}, [{"id": "m"}], [{"id": "m", "type": "python"}]),
    ({"modules": [{"id": "m", "sha1": "a", "sha256": "b"}]}, [{"id": "m"}], [{"id": "m", "sha1": "a"}]),
    ({"modules": [{"id": "m", "parent": "p"}]}, [{"id": "m"}], [{"id": "m"}]),
    (
        {
            "modules": [
                {"artifacts": [{"name": "a", "path": "p", "originalDeploymentRepo": "r", "type": "t"}]}
            ]
        },
        [{"id": "", "artifacts": [{"name": "a", "type": "t"}]}],
        [{"artifacts": [{"name": "a", "path": "p", "originalDeploymentRepo": "r", "type": "t"}]}],
    ),
    (
        {
            "modules": [
                {"dependencies": [{"id": "d", "requestedBy": [["m"]], "repository": "r", "scopes": ["s"]}]}
            ]
        },
        [{"dependencies": [{"id": "d", "scopes": ["s"]}]}],
        [{"dependencies": [{"id": "d", "requestedBy": [["m"]], "scopes": ["s"]}]}],
    ),
    (
        {"modules": [{"dependencies": [{"id": "d", "requestedBy": ["m"]}]}]},
        [{"dependencies": [{"id": "d"}]}],
        400,
    ),
    ({"statuses": [{"status": "s"}]}, 500, 500),
    ({"statuses": [{"status": "s", "timestamp": "2026-01-01T00:00:00.000Z"}]}, 500, 500),
    (
        {"statuses": [{"status": "s", "timestamp": FIRST}]},
        [{"status": "s", "timestamp": FIRST, "timestampDate": 1767225600000}],
        [{"status": "s", "timestamp": FIRST, "timestampDate": 1767225600000}],
    ),
    ({"issues": {"tracker": {"name": "J"}, "x": 1}}, {"tracker": {"name": "J"}}, {"tracker": {"name": "J"}}),
]


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_defaults(one)
            for name, one in value.items()
            if one != "" or name in ("url", "revision")
        }
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("changes", "old", "new"), KEPT, ids=str)
@pytest.mark.parametrize("profile", ["5.11-oss", "7-pro"])
def test_every_version_keeps_its_own_fields(
    start: Callable[..., Artifactory], profile: str, changes: dict[str, Any], old: Any, new: Any
) -> None:
    server = start(profile)
    answer = server.publish(**changes)
    expected = new if profile == "7-pro" else old
    if isinstance(expected, int) and expected >= 400:
        assert answer.status_code == expected
        return
    assert answer.status_code == 204, answer.text
    (name,) = changes
    read = server.build(f"demo/{changes.get('number', 1)}")
    if expected is ...:
        assert name not in read
    else:
        assert _without_defaults(read[name]) == _without_defaults(expected)


def test_missing_checksums_are_filled_from_what_is_stored(each: Artifactory) -> None:
    each.put("libs/a")
    parts = [{"name": "a", "sha1": DEMO.sha1}, {"name": "b", "sha256": "0" * 64}, {"name": "c"}]
    used = [{"id": "d", "md5": DEMO.md5}]
    each.publish(modules=[{"id": "m", "artifacts": parts, "dependencies": used}])
    (module,) = each.build()["modules"]
    digests = {"sha1": DEMO.sha1, "sha256": DEMO.sha256, "md5": DEMO.md5}
    assert module["artifacts"] == [{"name": "a", **digests}, parts[1], parts[2]]
    assert module["dependencies"] == [{"id": "d", **digests}]
    assert each.properties("libs/a") == {}, "files are not touched"


def test_issues_go_on_until_a_status_is_reached(each: Artifactory) -> None:
    issues = {
        "affectedIssues": [{"key": "A"}],
        "aggregateBuildIssues": True,
        "aggregationBuildStatus": "Released",
    }
    each.publish(issues=issues)
    each.publish(
        number="2",
        started="2026-02-01T00:00:00.000+0000",
        issues={**issues, "affectedIssues": [{"key": "B"}]},
    )
    told = each.build("demo/2")["issues"]["affectedIssues"]
    assert told == [{"key": "B"}, {"key": "A", "aggregated": True}]
    status = [{"status": "released", "timestamp": FIRST}]
    each.publish(number="3", started="2026-02-02T00:00:00.000+0000", issues=issues, statuses=status)
    each.publish(number="4", started="2026-02-03T00:00:00.000+0000", issues=issues)
    assert each.build("demo/4")["issues"]["affectedIssues"] == [{"key": "A"}]


# --- runs ---------------------------------------------------------------------------------------


def test_a_number_may_have_several_runs(each: Artifactory) -> None:
    each.publish(started=SECOND, url="second")
    each.publish(started=FIRST, url="first")
    assert each.build()["url"] == "second"
    assert each.build(f"demo/1?started={FIRST.replace('+', '%2B')}")["url"] == "first"
    assert each.build("demo/1?started=2026-01-01T00:00:00.000Z")["url"] == "first"
    told = each.ask("GET api/build/demo").get_json()
    assert told["uri"] == "http://localhost/artifactory/api/build/demo"
    runs = [(run["uri"], run["started"]) for run in told["buildsNumbers"]]
    assert sorted(runs) == [("/1", FIRST), ("/1", SECOND)]


def test_runs_are_listed_in_no_order(each: Artifactory) -> None:
    for number in range(12):
        each.publish(number=str(number), started=f"2026-01-{number + 1:02}T00:00:00.000+0000")
    told = each.ask("GET api/build/demo").get_json()["buildsNumbers"]
    numbers = [int(run["uri"][1:]) for run in told]
    assert sorted(numbers) == list(range(12))
    assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))


def test_every_build_is_listed_with_its_last_run(each: Artifactory) -> None:
    each.publish(name="a b/c", started=FIRST)
    each.publish(name="a b/c", number="2", started=SECOND)
    told = each.ask("GET api/build").get_json()
    assert told["builds"] == [{"uri": "/a+b%2Fc", "lastStarted": SECOND}]
    assert each.build("a%20b%2Fc/1")["name"] == "a b/c"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("api/build", "No builds were found"),
        ("api/build/x", "No build was found for build name: x"),
        ("api/build/x/1", "No build was found for build name: x, build number: 1 "),
        (
            "api/build/x/1?started=2026-01-01T00:00:00.000Z",
            "No build was found for build name: x, build number: 1 , build started: 2026-01-01T00:00:00.000Z",
        ),
    ],
)
def test_what_is_not_there_is_said(each: Artifactory, path: str, sentence: str) -> None:
    answer = each.ask(f"GET {path}")
    assert (answer.status_code, message(answer)) == (404, sentence)
    assert each.ask("GET api/build/x/1?started=yesterday").status_code == 400


def test_version_5_fails_on_the_same_run_again(start: Callable[..., Artifactory]) -> None:
    server = start("5.11-pro")
    server.publish(url="first")
    answer = server.publish(started="2026-01-31T11:59:00.456Z", url="second")
    assert answer.status_code == 500
    assert message(answer).startswith("Could not insert build Build{name='demo', number='1'")
    assert server.build()["url"] == "first"


def test_version_7_replaces_the_same_run_for_who_may_delete(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    server.publish(url="first", user=WRITER)
    answer = server.publish(url="second", user=WRITER)
    assert answer.status_code == 403
    path = f"demo/1-{STARTED_MS}.json"
    expected = f"User jo is not permitted to delete/overwrite '{path}' into 'artifactory-build-info:{path}'."
    assert message(answer) == expected
    assert server.publish(url="second", user=ADMIN).status_code == 204
    told = server.ask("GET api/build/demo/1", user=ADMIN).get_json()["buildInfo"]
    assert (told["url"], told["artifactoryPrincipal"]) == ("second", "root")


@pytest.mark.parametrize(
    ("profile", "reads", "body"),
    [("5.11-pro", 403, ""), ("7-pro", 200, "is not permitted to deploy 'demo/2-")],
)
def test_publishing_and_reading_need_rights(
    start: Callable[..., Artifactory], profile: str, reads: int, body: str
) -> None:
    server = start(profile, users=USERS, anonymous=True)
    assert server.publish(user=WRITER).status_code == 204
    answer = server.publish(number="2", user=READER)
    assert answer.status_code == 403
    assert body in answer.text
    assert server.ask("GET api/build/demo/1", user=READER).status_code == reads
    assert server.ask("GET api/build/demo", user=READER).status_code == 200
    answer = server.publish(number="3")
    assert (answer.status_code, answer.text) == (403, "Anonymous access to build info is disabled")


# --- append -------------------------------------------------------------------------------------


def test_modules_are_appended_without_a_look(each: Artifactory) -> None:
    each.put("libs/a")
    each.publish(modules=[])
    for _ in range(2):
        sent = [{"id": "m", "artifacts": [{"name": "a", "sha1": DEMO.sha1}]}]
        answer = each.ask("POST api/build/append/demo/1", json=sent)
        assert (answer.status_code, answer.data) == (204, b"")
    modules = each.build()["modules"]
    assert [module["id"] for module in modules] == ["m", "m"]
    assert modules[0]["artifacts"][0]["sha256"] == DEMO.sha256


def test_a_run_is_appended_to_by_its_start(each: Artifactory) -> None:
    each.publish(started=FIRST, modules=[])
    each.publish(started=SECOND, modules=[])
    started = FIRST.replace("+", "%2B")
    assert each.ask(f"POST api/build/append/demo/1?started={started}", json=[{"id": "m"}]).status_code == 204
    assert each.build(f"demo/1?started={started}")["modules"] == [{"id": "m"}]
    assert each.build()["modules"] == []


def test_what_cannot_be_appended_is_refused(each: Artifactory) -> None:
    answer = each.ask("POST api/build/append/demo/1", json=[])
    assert (answer.status_code, message(answer)) == (404, "No builds were found")
    each.publish()
    assert each.ask("POST api/build/append/demo/1", json=[{"id": "m"}]).status_code == 500, (
        "it has no modules"
    )
    assert each.ask("POST api/build/append/demo/1", json={"id": "m"}).status_code == 400
    assert each.ask("POST api/build/append/demo/1?started=x", json=[]).status_code == 400


def test_appending_needs_the_rights_to_replace(start: Callable[..., Artifactory]) -> None:
    old, new = start("5.11-pro", users=USERS), start("7-pro", users=USERS)
    old.publish(modules=[], user=WRITER)
    for server, user, status in (
        (old, READER, 403),
        (old, WRITER, 204),
        (new, WRITER, 403),
        (new, ADMIN, 204),
    ):
        assert server.ask("POST api/build/append/demo/1", json=[], user=user).status_code == status


# --- build-info repository ----------------------------------------------------------------------


def test_a_run_is_a_file_of_its_repository(server: Artifactory) -> None:
    answer = server.publish(modules=[])
    path = f"artifactory-build-info/demo/1-{STARTED_MS}.json"
    content = server.content(path)
    assert content is not None
    assert json.loads(content)["name"] == "demo"
    assert answer.headers["X-Checksum-Sha256"] == Checksums.of(content).sha256
    server.ask("POST api/build/append/demo/1", json=[{"id": "m"}])
    assert json.loads(server.content(path) or b"")["modules"] == [{"id": "m"}]
    query = 'items.find({"repo": "artifactory-build-info"}).sort({"$desc": ["created"]}).limit(1)'
    assert [row["name"] for row in server.rows(query)] == [f"1-{STARTED_MS}.json"]


def test_names_of_builds_become_names_of_files(server: Artifactory) -> None:
    server.publish(name="a/b c\\d|e*f?g'h:i;j%k", number="n/1")
    (row,) = server.rows('items.find({"repo": "artifactory-build-info"})')
    assert row["path"] == "a%2Fb c%5Cd%7Ce%2Af%3Fg%22h%3Ai%3Bj%25k"
    assert row["name"] == f"n%2F1-{STARTED_MS}.json"


def test_projects_have_builds_of_their_own(server: Artifactory) -> None:
    server.publish("?project=p", url="in p")
    assert server.ask("GET api/build/demo/1").status_code == 404
    assert server.ask("GET api/build").status_code == 404
    assert server.build("demo/1?project=p")["url"] == "in p"
    assert server.build("demo/1?buildRepo=p-build-info")["url"] == "in p"
    server.publish(url="outside")
    assert server.build("demo/1?project=default")["url"] == "outside"
    assert server.build("demo/1?project=p")["url"] == "in p"
    assert server.content(f"p-build-info/demo/1-{STARTED_MS}.json")


def test_version_5_knows_no_projects_and_no_files(start: Callable[..., Artifactory]) -> None:
    server = start("5.11-pro")
    assert "X-Checksum-Sha256" not in server.publish("?project=p").headers
    assert server.build()["name"] == "demo"
    assert server.rows("items.find()") == []


def test_a_build_that_was_published_into_the_folder_is_served(start: Callable[..., Artifactory]) -> None:
    start("5.11-pro").publish()
    server = start("7-pro")
    assert server.build()["name"] == "demo"
    assert server.content(f"artifactory-build-info/demo/1-{STARTED_MS}.json")


# --- diff, delete, rename, retention ------------------------------------------------------------


def test_two_builds_are_compared(start: Callable[..., Artifactory]) -> None:
    server = start("5.11-pro")
    part = {"type": "t", "sha1": "1", "md5": "1"}
    old = [{"name": "same", **part}, {"name": "changed", **part}, {"name": "gone", **part}]
    new = [{"name": "same", **part}, {"name": "changed", **part, "sha1": "2"}, {"name": "new", **part}]
    used = [[{"id": f"lib:{version}", "sha1": version}] for version in "12"]
    for number, artifacts, dependencies, started in (("1", old, used[0], FIRST), ("2", new, used[1], SECOND)):
        module = {"id": "m", "artifacts": artifacts, "dependencies": dependencies}
        server.publish(number=number, started=started, modules=[module], properties={"n": number})
    told = server.ask("GET api/build/demo/2?diff=1").get_json()
    names = {kind: [one["name"] for one in told["artifacts"][kind]] for kind in told["artifacts"]}
    assert names == {"updated": ["changed"], "unchanged": ["same"], "removed": ["gone"], "new": ["new"]}
    assert [one["id"] for one in told["dependencies"]["updated"]] == ["lib:2"]
    assert told["properties"]["updated"] == [{"key": "n", "value": "2", "diff": {"key": "n", "value": "1"}}]
    answer = server.ask("GET api/build/demo/2?diff=9")
    assert message(answer) == "No build was found for build name: demo , build number: 9 "
    answer = server.ask("GET api/build/demo/1?diff=2")
    assert message(answer) == "Build number should be greater than the build number to compare against."


def _two_runs(server: Artifactory) -> None:
    for started in (FIRST, SECOND):
        server.publish(started=started)
    server.publish(number="2")


def _numbers(server: Artifactory, name: str = "demo") -> list[str]:
    answer = server.ask(f"GET api/build/{name}")
    return (
        []
        if answer.status_code == 404
        else sorted(run["uri"][1:] for run in answer.get_json()["buildsNumbers"])
    )


@pytest.mark.parametrize("profile", ["5.11-pro", "7-pro"])
def test_a_number_given_deletes_one_run(start: Callable[..., Artifactory], profile: str) -> None:
    server = start(profile)
    _two_runs(server)
    answer = server.ask("DELETE api/build/demo?buildNumbers=1,2")
    assert answer.text == "The following builds has been deleted successfully: 'demo#1', 'demo#2'.\n"
    assert _numbers(server) == ["1"]
    assert server.build()["started"] == FIRST
    answer = server.ask("DELETE api/build/demo?buildNumbers=2")
    assert message(answer) == "Cannot find builds by the name 'demo' and the number '2'."
    answer = server.ask("DELETE api/build/demo?deleteAll=1")
    assert answer.text == "All 'demo' builds have been deleted successfully.\n"
    assert _numbers(server) == []
    assert server.rows("items.find()") == []
    assert server.ask("DELETE api/build/demo?deleteAll=1").status_code == 404


def test_many_are_deleted_with_their_files(server: Artifactory) -> None:
    server.publish("?project=p")
    server.put(f"libs/own;build.name=demo;build.number=1;build.timestamp={STARTED_MS}")
    server.put("libs/orphan;build.name=demo;build.number=1;build.timestamp=1")
    sent = {"buildName": "demo", "buildNumbers": ["1"], "deleteArtifacts": True}
    assert server.ask("POST api/build/delete?project=p", json=sent).status_code == 404, (
        "it is in the body only"
    )
    assert server.ask("POST api/build/delete", json={**sent, "project": "p"}).status_code == 200
    assert [row["name"] for row in server.rows("items.find()")] == ["orphan"]
    assert server.ask("POST api/build/delete", json=[]).status_code == 400


def test_a_build_is_renamed_with_the_properties_of_its_files(server: Artifactory) -> None:
    server.publish()
    server.put("libs/a;build.name=demo;build.number=1")
    answer = server.ask("POST api/build/rename/demo?to=other")
    assert answer.text == "Build renaming of 'demo' to 'other' was successfully started.\n"
    assert (_numbers(server), _numbers(server, "other")) == ([], ["1"])
    assert server.properties("libs/a")["build.name"] == ["other"]
    assert [row["path"] for row in server.rows('items.find({"repo": "artifactory-build-info"})')] == ["other"]
    assert server.ask("POST api/build/rename/none?to=x").status_code == 404
    assert server.ask("POST api/build/rename/other").status_code == 400


RULES: list[tuple[dict[str, Any], list[str]]] = [
    ({"count": 1}, ["4"]),
    ({"count": "2"}, ["3", "4"]),
    ({"count": -1}, ["1", "2", "3", "4"]),
    ({"count": 1, "buildNumbersNotToBeDiscarded": ["2"]}, ["2", "4"]),
    ({"minimumBuildDate": "2026-01-03"}, ["3", "4"]),
    ({"minimumBuildDate": 1767312000000}, ["2", "3", "4"]),
    ({"minimumBuildDate": "2026-01-03T00:00:00.000Z"}, ["3", "4"]),
    ({"minimumBuildDate": "Sat, 03 Jan 2026 00:00:00 GMT"}, ["3", "4"]),
]


@pytest.mark.parametrize(("rule", "left"), RULES, ids=str)
def test_old_builds_are_discarded(each: Artifactory, rule: dict[str, Any], left: list[str]) -> None:
    for number in "1234":
        each.publish(number=number, started=f"2026-01-0{number}T00:00:00.000+0000")
    each.put(f"libs/a;build.name=demo;build.number=1;build.timestamp={1767225600000}")
    answer = each.ask(
        "POST api/build/retention/demo?async=false", json={**rule, "deleteBuildArtifacts": True}
    )
    assert (answer.status_code, answer.data) == (204, b"")
    pro = each.ask("GET api/system/version").get_json()["addons"]
    expected = left if pro else ["1", "2", "3", "4"]
    assert _numbers(each) == expected, "the open source edition says nothing and does nothing"
    assert (each.content("libs/a") is not None) == ("1" in expected)


@pytest.mark.parametrize("rule", [{"count": 0}, {"count": None}, None])
def test_a_rule_needs_a_count(each: Artifactory, rule: Any) -> None:
    answer = each.ask("POST api/build/retention/demo", json.dumps(rule) if rule else b"")
    assert (answer.status_code, answer.text) == (400, "Max count retention needs to be a positive number")
    assert each.ask("POST api/build/retention/demo", json={"count": "x"}).status_code == 400
    if "7" in each.ask("GET api/system/version").get_json()["version"]:
        for date in ("yesterday", "Sat, 99", "9" * 5000):
            rule = {"count": 1, "minimumBuildDate": date}
            assert each.ask("POST api/build/retention/demo", json=rule).status_code == 400
    assert each.ask("POST api/build/retention/unknown", json={"count": 1}).status_code == 204


def test_a_published_build_may_discard_those_before_it(server: Artifactory) -> None:
    server.publish(started=FIRST)
    server.publish(number="2", started=SECOND, statuses=[{"status": "ok", "timestamp": FIRST}])
    assert server.publish(number="3", buildRetention={"count": 1}).status_code == 204
    assert _numbers(server) == ["2", "3"], "what was promoted stays"


def test_files_of_a_build_are_found(server: Artifactory) -> None:
    server.put("libs/a")
    build = a_build_info().to_dict()
    server.publish(**build)
    where = [{"downloadUri": "http://localhost/artifactory/libs/a"}]
    for sent in ({"buildNumber": "1"}, {"buildNumber": "LATEST"}, {"buildNumber": "1", "repos": ["all"]}):
        answer = server.ask("POST api/search/buildArtifacts", json={"buildName": "demo", **sent})
        assert answer.get_json() == {"results": where}
    for sent, status in (
        ({"buildName": "demo", "buildNumber": "2"}, 404),
        ({"buildName": "demo", "buildNumber": "1", "repos": ["more"]}, 404),
        ({"buildName": "demo", "buildStatus": "ok"}, 404),
        ({"buildName": "demo"}, 400),
        ({"buildName": "demo", "buildNumber": "1", "buildStatus": "ok"}, 400),
        ({}, 400),
    ):
        assert server.ask("POST api/search/buildArtifacts", json=sent).status_code == status
    server.ask("POST api/build/promote/demo/1", json={"status": "ok"})
    by_status = {"buildName": "demo", "buildStatus": "ok"}
    assert server.ask("POST api/search/buildArtifacts", json=by_status).get_json() == {"results": where}


def test_who_may_not_delete_deletes_no_builds(start: Callable[..., Artifactory]) -> None:
    server = start(users=(ADMIN, User(name="jo", password="j0", rights="rnw")))
    server.publish(user=WRITER)
    for request in ("DELETE api/build/demo?deleteAll=1", "POST api/build/rename/demo?to=x"):
        assert server.ask(request, user=WRITER).status_code == 403
    assert server.ask("POST api/build/retention/demo", json={"count": 1}, user=WRITER).status_code == 403
