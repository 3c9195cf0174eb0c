from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactories import ADMIN, READER, USERS, WRITER, Artifactory, message
from builders import a_build_info
from pytest_defend.errors import UsageError
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User
from pytest_defend.server.aql import parse
from pytest_defend.stores.conditions import Comparison, Group, as_sql
from pytest_defend.stores.questions import Include, Question

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = Checksums.of(b"demo")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
URI = "http://localhost/artifactory/api/storage"


@pytest.fixture
def filled(each: Artifactory) -> Artifactory:
    """Four files, two of the same content, and the build `demo/1` that made and used some."""
    each.put("libs/top;level=rc;level=beta")
    each.put("libs/a/one.txt;level=dev", b"one")
    each.put("libs/a/b/two%5B1%5D.whl", b"lib")
    each.put("more/a/one.txt;other=1", b"one more")
    each.publish(**a_build_info(properties={"team": "x"}).to_dict())
    each.ask("POST api/build/promote/demo/1", json={"status": "ok", "failFast": False})
    return each


FINDS: list[tuple[str, list[str]]] = [
    ("", ["libs/a/b/two[1].whl", "libs/a/one.txt", "libs/top", "more/a/one.txt"]),
    ("{}", ["libs/a/b/two[1].whl", "libs/a/one.txt", "libs/top", "more/a/one.txt"]),
    ('{"repo": "more"}', ["more/a/one.txt"]),
    ('{"repo": {"$eq": "more"}}', ["more/a/one.txt"]),
    ('{"repo": {"$ne": "libs"}}', ["more/a/one.txt"]),
    ('{"path": "."}', ["libs/top"]),
    ('{"path": "a/b"}', ["libs/a/b/two[1].whl"]),
    ('{"name": {"$match": "*.txt"}}', ["libs/a/one.txt", "more/a/one.txt"]),
    ('{"name": {"$match": "t?p"}}', ["libs/top"]),
    ('{"name": {"$match": "two[1]*"}}', ["libs/a/b/two[1].whl"]),
    ('{"name": {"$nmatch": "*.txt"}}', ["libs/a/b/two[1].whl", "libs/top"]),
    ('{"repo": "libs", "path": "a"}', ["libs/a/one.txt"]),
    ('{"repo": "libs"}, {"path": "a"}', ["libs/a/one.txt"]),
    ('{"repo": "libs", "path": "a", "name": "one.txt"}', ["libs/a/one.txt"]),
    ('{"repo": "libs", "path": ".", "name": "top"}', ["libs/top"]),
    ('{"repo": "libs", "path": "a", "name": "one.txt", "size": 4}', []),
    ('{"repo": "libs", "path": "a", "name": "one.txt", "name": "two"}', []),
    ('{"repo": "libs", "path": "a", "name": "b/two[1].whl"}', []),
    ('{"repo": "libs", "path": "a", "$or": [{"name": "one.txt"}]}', ["libs/a/one.txt"]),
    ('{"repo": "libs", "path": "a", "name": "one.txt", "@level": "dev"}', ["libs/a/one.txt"]),
    ('{"repo": "libs", "path": "a", "name": "b", "type": "any"}', ["libs/a/b"]),
    (
        '{"$or": [{"$and": [{"repo": "libs"}, {"path": "a/b"}, {"name": "two[1].whl"}]}, {"repo": "more"}]}',
        ["libs/a/b/two[1].whl", "more/a/one.txt"],
    ),
    ('{"$and": [{"repo": "libs"}, {"path": "a"}]}', ["libs/a/one.txt"]),
    ('{"$or": [{"repo": "more"}, {"path": "."}]}', ["libs/top", "more/a/one.txt"]),
    ('{"repo": "libs", "$or": [{"path": "."}, {"path": "a"}]}', ["libs/a/one.txt", "libs/top"]),
    ('{"size": {"$gt": 4}}', ["more/a/one.txt"]),
    ('{"size": {"$gte": "3", "$lt": 4}}', ["libs/a/b/two[1].whl", "libs/a/one.txt"]),
    ('{"size": {"$lte": 3}}', ["libs/a/b/two[1].whl", "libs/a/one.txt"]),
    ('{"depth": 1}', ["libs/top"]),
    ('{"@level": "rc"}', ["libs/top"]),
    ('{"@level": {"$eq": "beta"}}', ["libs/top"]),
    ('{"@level": "*"}', ["libs/a/one.txt", "libs/top"]),
    ('{"@level": {"$match": "?e*"}}', ["libs/a/one.txt", "libs/top"]),
    ('{"@level": {"$ne": "rc"}}', ["libs/a/b/two[1].whl", "libs/a/one.txt", "more/a/one.txt"]),
    ('{"@level": {"$nmatch": "*"}}', ["libs/a/b/two[1].whl", "more/a/one.txt"]),
    ('{"@*": "1"}', ["more/a/one.txt"]),
    ('{"@level": "rc", "@level": "beta"}', ["libs/top"]),
    ('{"property.key": "other"}', ["more/a/one.txt"]),
    (f'{{"sha256": "{DEMO.sha256}"}}', ["libs/top"]),
    (f'{{"actual_sha1": "{DEMO.sha1}"}}', ["libs/top"]),
    (f'{{"original_md5": "{DEMO.md5}"}}', ["libs/top"]),
    (
        '{"created": {"$gt": "2026-01-31"}}',
        ["libs/a/b/two[1].whl", "libs/a/one.txt", "libs/top", "more/a/one.txt"],
    ),
    ('{"created": {"$gt": "2026-01-31T12:00:00.123Z"}}', []),
    ('{"created": {"$lt": "1769860800124"}, "repo": "more"}', ["more/a/one.txt"]),
    ('{"modified": {"$before": "1d"}}', []),
    ('{"modified": {"$last": "2w"}, "repo": "more"}', ["more/a/one.txt"]),
    ('{"created_by": null}', []),
    ('{"artifact.name": "demo-1.0.tar.gz"}', ["libs/top"]),
    ('{"artifact.module.build.name": "demo", "artifact.module.build.number": "1"}', ["libs/top"]),
    ('{"artifact.module.build.name": "demo", "artifact.module.build.number": "2"}', []),
    ('{"artifact.module.build.@team": "x"}', ["libs/top"]),
    ('{"dependency.module.build.name": "demo"}', ["libs/a/b/two[1].whl"]),
    ('{"stat.downloads": 0, "repo": "more"}', ["more/a/one.txt"]),
    ('{"type": "folder", "repo": "libs"}', ["libs", "libs/a", "libs/a/b"]),
    ('{"type": "any", "repo": "more"}', ["more", "more/a", "more/a/one.txt"]),
    ('{"item.repo": "more"}', ["more/a/one.txt"]),
]


@pytest.mark.parametrize(("criteria", "paths"), FINDS)
def test_files_are_found(filled: Artifactory, criteria: str, paths: list[str]) -> None:
    rows = filled.rows(f"items.find({criteria})")
    rows = [row for row in rows if row["repo"] != "artifactory-build-info"]
    assert [
        "/".join(part for part in (row["repo"], row["path"], row["name"]) if part != ".") for row in rows
    ] == paths


def test_a_row_has_the_usual_fields(filled: Artifactory) -> None:
    at = "2026-01-31T12:00:00.123Z"
    assert filled.query('items.find({"name": "top"})').get_json() == {
        "results": [
            {
                "repo": "libs",
                "path": ".",
                "name": "top",
                "type": "file",
                "created_by": "admin",
                "modified_by": "admin",
                "created": at,
                "modified": at,
                "updated": at,
                "size": 4,
            }
        ],
        "range": {"start_pos": 0, "end_pos": 1, "total": 1},
    }


def test_what_is_included_is_told(filled: Artifactory) -> None:
    top = 'items.find({"name": "top"}).include'
    (row,) = filled.rows(f'{top}("repo", "path", "name", "sha256", "property", "artifact.module.build.name")')
    assert row == {
        "repo": "libs",
        "path": ".",
        "name": "top",
        "sha256": DEMO.sha256,
        "properties": [{"key": "level", "value": "beta"}, {"key": "level", "value": "rc"}],
        "artifacts": [
            {
                "artifact.name": "demo-1.0.tar.gz",
                "artifact.type": "tar.gz",
                "modules": [{"module.name": "demo:1.0", "builds": [{"build.name": "demo"}]}],
            }
        ],
    }
    (row,) = filled.rows(f'{top}("*", "property.*", "stat")')
    assert row["actual_sha1"] == DEMO.sha1
    assert row["stats"] == [{"downloads": 0, "downloaded": "1970-01-01T00:00:00.000Z"}]


def test_what_is_asked_of_builds(filled: Artifactory) -> None:
    (row,) = filled.rows(
        'builds.find({"name": "demo"}).include("name", "number", "module", "module.artifact", "property")'
    )
    assert row["build.number"] == "1"
    assert row["properties"] == [{"key": "team", "value": "x"}]
    (module,) = row["modules"]
    assert module["artifacts"][0]["artifact.name"] == "demo-1.0.tar.gz"
    (row,) = filled.rows('builds.find({"module.dependency.item.repo": "libs"})')
    assert row["build.name"] == "demo"
    assert row["build.created"] == "2026-01-31T12:00:00.123Z", "when it was published"
    assert filled.rows('builds.find({"module.artifact.item.repo": "more"})') == []
    assert filled.rows("modules.find()") == [{"module.name": "demo:1.0"}]
    assert filled.rows("artifacts.find()") == [
        {"artifact.name": "demo-1.0.tar.gz", "artifact.type": "tar.gz"}
    ]
    assert filled.rows("dependencies.find()") == [{"dependency.name": "lib:2.0"}]
    assert {"property.key": "other", "property.value": "1"} in filled.rows("properties.find()")
    assert filled.rows("build.properties.find()") == [
        {"build.property.key": "team", "build.property.value": "x"}
    ]
    assert filled.rows("module.properties.find()") == []
    promotions = filled.rows("build.promotions.find()")
    assert [row["build.promotion.status"] for row in promotions] in ([], ["ok"])


def test_rows_are_sorted_skipped_and_limited(start: Callable[..., Artifactory]) -> None:
    server = start()
    for name in "abc":
        server.put(f"libs/{name}", name.encode() * (4 - ord(name) + ord("a")))
    query = 'items.find({"repo": "libs"}).include("repo", "path", "name", "size").sort({"$%s": ["%s"]})'
    assert [row["name"] for row in server.rows(query % ("asc", "size"))] == ["c", "b", "a"]
    assert [row["name"] for row in server.rows(query % ("desc", "name"))] == ["c", "b", "a"]
    answer = server.query(f"{query % ('asc', 'name')}.offset(1).limit(1)").get_json()
    assert [row["name"] for row in answer["results"]] == ["b"]
    assert answer["range"] == {"start_pos": 1, "end_pos": 1, "total": 1, "limit": 1}, "total is what is told"
    assert server.query(query % ("asc", "created")).status_code == 400, "what is sorted by must be included"
    assert server.rows("items.find().limit(0)") == []


WRONG = [
    "",
    "items",
    "items.find",
    "items.find(",
    "items.find({)",
    "items.find({})x",
    "items.find({}).",
    "items.find({}).find({})",
    "things.find({})",
    "archives.find({})",
    "items.find([])",
    'items.find("x")',
    'items.find({"repo": ["x"]})',
    'items.find({"repo": {"$eq": ["x"]}})',
    'items.find({"repo": {"$like": "x"}})',
    'items.find({"nothing": "x"})',
    'items.find({"module.name": "x"})',
    'items.find({"size": "big"})',
    'items.find({"created": "yesterday"})',
    'items.find({"created": {"$last": "long"}})',
    'items.find({"created": {"$last": "99999999y"}})',
    f'items.find({{"created": {{"$last": "{"9" * 5000}d"}}}})',
    'items.find({"$and": {}})',
    'items.find({"$and": ["x"]})',
    'items.find({"": "x"})',
    'items.find({"@": "x"})',
    'items.find({"a" "b"})',
    "items.find({}).limit(x)",
    "items.find({}).limit(-1)",
    "items.find({}).limit()",
    "items.find({}).limit(99999999999999999999)",
    'items.find({}).limit(1).include("name")',
    "items.find({}).limit(1).limit(1)",
    'items.find({}).sort({"$up": ["name"]})',
    'items.find({}).sort({"$asc": "name"})',
    'items.find({}).sort("name")',
    'items.find({}).sort({"$asc": ["nothing"]})',
    'items.find({}).include("nothing")',
    'items.find({}).include("module")',
    'items.find({}).include("build.name")',
    'dependencies.find({"@k": "v"})',
    "items.find({'repo': 'x'})",
    f"items.find({'[' * 100})",
    'items.find({"a": 1',
    "\x00",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_query_is_refused_in_plain_text(server: Artifactory, text: str) -> None:
    answer = server.query(text)
    assert answer.status_code == 400
    assert answer.content_type.startswith("text/plain")
    assert answer.text


def test_a_query_is_plain_text(server: Artifactory) -> None:
    answer = server.ask("POST api/search/aql", "items.find()", content_type="application/json")
    assert answer.status_code == 415
    assert server.ask("POST api/search/aql?query=items.find()", content_type="text/plain").status_code == 200
    assert server.ask("POST api/search/aql", "items.find()").status_code == 200, "requests says nothing"


def test_who_is_no_administrator_must_include_what_rights_are_about(
    start: Callable[..., Artifactory],
) -> None:
    server = start(users=(*USERS, User(name="far", password="f", rights="w")), anonymous=True)
    server.ask("PUT libs/a", b"x", user=ADMIN)
    server.publish(user=ADMIN)
    answer = server.query('items.find().include("name")', user=READER)
    assert (answer.status_code, answer.text) == (
        400,
        "For permissions reasons AQL demands the following fields: repo, path and name.",
    )
    assert server.query('items.find().include("name")', user=ADMIN).status_code == 200
    everything = 'items.find({"repo": "libs"})'
    assert len(server.query(everything, user=READER).get_json()["results"]) == 1
    assert (
        server.query(everything, user=USERS[0].__class__(name="far", password="f")).get_json()["results"]
        == []
    )
    assert server.query('builds.find().include("name")', user=READER).status_code == 400
    told = server.query('builds.find().include("name", "number", "repo")', user=READER).get_json()
    assert len(told["results"]) == 1
    assert server.query("items.find()").status_code == 401, "nobody asks"


def test_version_5_tells_no_builds_to_others(start: Callable[..., Artifactory]) -> None:
    server = start("5.11-pro", users=USERS)
    server.publish(user=WRITER)
    answer = server.query("builds.find()", user=WRITER)
    assert (answer.status_code, answer.get_json()["results"]) == (200, [])
    assert len(server.query("builds.find()", user=ADMIN).get_json()["results"]) == 1


def test_the_open_source_edition_neither_sorts_nor_filters_properties(
    start: Callable[..., Artifactory],
) -> None:
    server = start("5.11-oss")
    answer = server.query('items.find().sort({"$asc": ["name"]})')
    assert answer.text == "Sorting is not supported by AQL in the open source version"
    answer = server.query('items.find().include("@level")')
    assert answer.text == "Filtering properties result is not supported by AQL in the open source version"
    assert server.query('items.find().include("property")').status_code == 200
    assert server.query('items.find({"name": {"$eqic": "X"}})').status_code == 400, "that is 7.x"


def test_a_property_is_included_by_its_name(start: Callable[..., Artifactory]) -> None:
    server = start()
    server.put("libs/A;k=v;l=w")
    (row,) = server.rows(
        'items.find({"name": {"$eqic": "a"}}).include("repo", "path", "name", "@k").distinct(true)'
    )
    assert row["properties"] == [{"key": "k", "value": "v"}]
    assert len(server.rows('items.find({"name": {"$matchic": "a*"}})')) == 1


def test_what_a_query_becomes() -> None:
    text = r'items.find({"a.b":"x\"y\\z","$or":[{"size":{"$gt":5}}]}).include("name","property").limit(3)'
    assert parse(text, now=NOW, seven=True) == Question(
        domain="item",
        where=Group(
            parts=(
                Group(
                    parts=(
                        Comparison(path=("a",), field="b", operator="$eq", value='x"y\\z'),
                        Group(
                            parts=(Group(parts=(Comparison(field="size", operator="$gt", value="5"),)),),
                            any=True,
                        ),
                    )
                ),
            )
        ),
        include=(Include(field="name"), Include(path=("property",))),
        limit=3,
    )


def test_a_place_is_looked_up_by_its_whole_path() -> None:
    where = parse('items.find({"repo": "r", "path": "a"}, {"name": "n"})', now=NOW, seven=True).where
    assert as_sql(where, "item") == ("(full = ?)", ["r/a/n"])
    where = parse('items.find({"repo": "r", "path": "a"})', now=NOW, seven=True).where
    sql, values = as_sql(where, "item")
    assert sql.startswith("(full > ? AND full < ? AND ")
    assert values == ["r/a/", "r/a0", "r", "a"]


few = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_WORDS = (
    'items . find ( ) { } [ ] : , "repo" "$or" "$and" "@k" "*" 1 "x" .include .sort .limit .offset "$asc" '
    'null "size" "created" "$last" "2d"'
)
_pieces = st.sampled_from(_WORDS.split())


@few
@given(text=st.text() | st.lists(_pieces, max_size=12).map("".join))
def test_every_text_is_a_query_or_refused(text: str) -> None:
    for whole in (text, f"items.find({text})", f"items.find({{{text}}})"):
        with suppress(UsageError):
            assert parse(whole, now=NOW, seven=True).domain


_fields = st.sampled_from(["repo", "size", "created", "@k", "type", "artifact.name", "property.key", "depth"])
_operators = st.sampled_from(
    ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$match", "$nmatch", "$before", "$last"]
)
_values = st.one_of(
    st.text(max_size=8),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["2d", "2026-01-31", "*", "file", "any"]),
)


@few
@given(field=_fields, operator=_operators, value=_values)
def test_no_comparison_breaks_the_server(server: Artifactory, field: str, operator: str, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    query = f'items.find({{"{field}": {{"{operator}": "{quoted}"}}}})'
    assert server.query(query.encode("utf-8", "replace").decode()).status_code in (200, 400)


# --- the older searches -------------------------------------------------------------------------


def _found(server: Artifactory, query: str, **headers: str) -> list[Any]:
    answer = server.ask(f"GET api/search/{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.get_json()["results"])


@pytest.mark.parametrize("profile", ["5.11-pro", "7-pro"])
def test_files_are_found_by_checksum(start: Callable[..., Artifactory], profile: str) -> None:
    server = start(profile)
    server.put("libs/a;k=v")
    server.put("more/a")
    for kind in ("sha256", "sha1", "md5"):
        found = _found(server, f"checksum?{kind}={getattr(DEMO, kind).upper()}")
        assert found == [{"uri": f"{URI}/libs/a"}, {"uri": f"{URI}/more/a"}]
    assert _found(server, f"checksum?sha1={DEMO.sha1}&repos=more,none") == [{"uri": f"{URI}/more/a"}]
    assert _found(server, f"checksum?sha1={'0' * 40}") == []
    assert server.ask("GET api/search/checksum").status_code == 400
    detail = {"X-Result-Detail": "info, properties"}
    (row,) = _found(server, f"checksum?sha1={DEMO.sha1}&repos=libs", **detail)
    assert row["properties"] == {"k": ["v"]}
    assert row["checksums"]["sha256"] == DEMO.sha256


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("k=v", ["a"]),
        ("k=v,w", ["a", "b"]),
        ("k=*", ["a", "b"]),
        ("k", ["a", "b"]),
        ("k=v&l=1", ["a"]),
        ("k=x", []),
    ],
)
def test_files_are_found_by_property(each: Artifactory, query: str, names: list[str]) -> None:
    each.put("libs/a;k=v;l=1")
    each.put("libs/b;k=w")
    assert [row["uri"].rpartition("/")[2] for row in _found(each, f"prop?{query}")] == names


@pytest.mark.parametrize(
    ("query", "sentence"), [("", "cannot be empty"), ("*=*", "only wildcards"), ("=", "cannot be empty")]
)
def test_a_search_needs_a_term(each: Artifactory, query: str, sentence: str) -> None:
    answer = each.ask(f"GET api/search/prop?{query}")
    assert (answer.status_code, answer.content_type) == (400, "text/plain")
    assert sentence in answer.text
    assert each.ask("GET api/search/artifact").status_code == 400


@pytest.mark.parametrize(
    ("name", "found"), [("de", ["demo"]), ("demo", ["demo"]), ("*mo", ["demo"]), ("x", [])]
)
def test_files_are_found_by_name(each: Artifactory, name: str, found: list[str]) -> None:
    each.put("libs/a/demo")
    assert [
        row["uri"].rpartition("/")[2] for row in _found(each, f"artifact?name={name}&repos=libs")
    ] == found


def test_builds_are_found_by_what_they_used(start: Callable[..., Artifactory]) -> None:
    server = start()
    server.put("libs/lib", b"lib")
    server.publish(**a_build_info(name="a b").to_dict())
    lib = Checksums.of(b"lib")
    expected = [{"uri": "http://localhost/artifactory/api/build/a%20b/1"}]
    assert _found(server, f"dependency?sha1={lib.sha1}") == expected
    assert _found(server, f"dependency?sha256={lib.sha256}") == expected
    assert _found(server, f"dependency?sha256={'0' * 64}") == []
    assert message(server.ask("GET api/search/dependency")) == "Required query parameter 'sha1' is missing."
