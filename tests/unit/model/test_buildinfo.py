from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from builders import a_build_info
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.buildinfo import (
    Agent,
    Artifact,
    BuildId,
    BuildInfo,
    Dependency,
    Issue,
    Module,
    Status,
    Vcs,
)

DATA = Path(__file__).parents[2] / "data" / "buildinfo"
FOREIGN = sorted(path.name for path in DATA.glob("*.json"))


def _read(name: str) -> BuildInfo:
    return BuildInfo.from_bytes((DATA / name).read_bytes())


def test_there_are_documents_of_other_tools() -> None:
    assert len(FOREIGN) == 6
    listed = (DATA / "README.md").read_text(encoding="utf-8")
    assert [name for name in FOREIGN if f"`{name}`" not in listed] == []


@pytest.mark.parametrize("name", FOREIGN)
def test_a_document_of_another_tool_comes_back_unchanged(name: str) -> None:
    document = json.loads((DATA / name).read_bytes())
    build = BuildInfo.from_dict(document)
    assert json.dumps(build.to_dict(), sort_keys=True) == json.dumps(document, sort_keys=True)
    assert BuildInfo.from_bytes(build.to_bytes()) == build
    assert build.modules
    assert build.started_at.tzinfo is not None


def test_jfrog_cli() -> None:
    build = _read("jf-pip.json")
    assert build.version == ""
    assert build.agent == Agent(name="jfrog-cli-go", version="2.52.0")
    assert build.build_agent == Agent(name="GENERIC")
    assert str(build.id) == "demo-pip/1645699899@2022-02-24T12:51:39.657+0200"
    assert build.started_at == datetime(2022, 2, 24, 10, 51, 39, 657000, tzinfo=UTC)
    assert build.timestamp == "1645699899657"
    (module,) = build.modules
    assert (module.id, module.type) == ("demo:1.0.0", "python")
    assert module.artifacts[0].repository == "pypi-local"
    assert [(used.id, used.scopes) for used in module.dependencies] == [
        ("pyyaml:5.1.2", ()),
        ("nltk:3.4.5", ("test",)),
        ("six:1.17.0", ()),
    ]
    assert module.dependencies[2].requested_by == (("nltk:3.4.5", "demo:1.0.0"), ("demo:1.0.0",))
    assert module.dependencies[1].repository == "pypi-remote"
    assert build.vcs[0].branch == "main"
    assert build.issues is not None
    assert build.issues.aggregates
    assert build.issues.affected[1] == Issue(key="DEMO-2", summary="Older", aggregated=True)


def test_jenkins() -> None:
    build = _read("jenkins.json")
    assert build.id == BuildId(
        name="folder :: demo » main", number="128", started="2023-11-05T08:15:30.042+0000"
    )
    assert build.duration_ms == 48211
    assert (build.principal, build.artifactory_principal) == ("timer", "deployer")
    assert (build.parent_name, build.parent_number) == ("upstream", "41")
    assert build.modules[0].excluded_artifacts[0].name == "demo-1.2-sources.jar"
    assert build.modules[0].artifacts[0].properties == {"buildTag": "nightly"}
    assert build.retention["count"] == 30
    assert build.run_parameters == ({"key": "DEPLOY", "value": "false"},)
    assert build.build_dependencies[0]["name"] == "base"
    assert build.statuses == ()
    assert build.extra == {"statuses": []}


def test_conan() -> None:
    build = _read("conan.json")
    assert build.agent == Agent()
    assert [module.type for module in build.modules] == ["conan", "conan"]
    assert len(build.modules[0].artifacts) == 2
    assert build.modules[1].dependencies[0].id.endswith(" :: conan_package.tgz")


def test_what_5_11_reads_back() -> None:
    build = _read("server-5.11.json")
    assert build.statuses == (
        Status(
            status="qa",
            comment="nightly",
            repository="libs-qa",
            timestamp="2017-05-09T18:00:00.000+0200",
            user="promoter",
            ci_user="jane",
            extra={"timestampDate": 1494345600000},
        ),
        Status(
            status="released",
            repository="libs-release",
            timestamp="2017-05-10T09:30:00.250+0200",
            user="promoter",
            extra={"timestampDate": 1494401400250},
        ),
    )
    assert build.vcs[0] == Vcs(url="https://git.example/demo.git", revision="8304aa1", extra={"empty": False})
    assert build.vcs_revision == "8304aa1"
    assert build.properties == {"retries": 3, "strict": True, "tags": ["a", "b"]}
    assert build.modules[0].dependencies[0].extra == {"requiredBy": ["demo:51"]}
    assert build.license_control["autoDiscover"] is True
    assert "blackDuckProperties" in build.governance


def test_what_7_reads_back() -> None:
    build = _read("server-7.json")
    assert [(status.status, status.repository) for status in build.statuses] == [("PROMOTED", "pypi-prod")]
    assert build.statuses[0].extra == {"comment": "", "timestampDate": 1727786096789}
    assert build.type == "GENERIC"
    assert [(module.id, module.type) for module in build.modules] == [
        ("demo:7.1.2", "python"),
        ("parent:7", "build"),
    ]
    assert len(build.modules[1].sha256) == 64
    assert build.extra == {"durationMillis": 0, "buildDependencies": [], "runParameters": []}


def test_a_document_of_2014() -> None:
    build = _read("maven-2014.json")
    assert (build.version, build.type) == ("1.0.2", "MAVEN")
    assert build.started_at == datetime(2014, 9, 30, 9, 0, 19, 893000, tzinfo=UTC)
    assert [module.id for module in build.modules] == ["org.demo:multi:2.18", "org.demo:multi1:2.18"]
    assert build.modules[1].dependencies[0].scopes == ("compile",)
    assert build.modules[0].artifacts[0].sha256 == ""
    assert build.extra == {"deployedBy": "jenkins"}


def test_a_missing_value_is_null_in_the_documents_of_some() -> None:
    document: dict[str, Any] = {
        "name": "demo",
        "number": "1",
        "started": "2014-09-30T12:00:19.893+0300",
        "agent": None,
        "durationMillis": None,
        "modules": [
            {"id": "m", "artifacts": None, "dependencies": [{"id": "d", "type": None, "scopes": None}]}
        ],
    }
    build = BuildInfo.from_dict(document)
    assert build.agent is None
    assert build.duration_ms == 0
    assert build.modules[0].dependencies[0].type == ""
    assert build.to_dict() == document
    with pytest.raises(InvalidDocument, match="number: must be text, not null"):
        BuildInfo.from_dict({**document, "number": None})


def test_problems_are_named_where_they_are() -> None:
    document = {
        "name": ["demo"],
        "number": 1,
        "vcs": {},
        "durationMillis": 1.5,
        "modules": [{}, {"artifacts": [{"sha1": True}], "dependencies": [{"id": "a", "requestedBy": ["b"]}]}],
        "runParameters": [1],
    }
    with pytest.raises(InvalidDocument) as caught:
        BuildInfo.from_dict(document)
    assert caught.value.problems == (
        ("name", "must be text, not a list"),
        ("number", "must be text, not a whole number"),
        ("started", "is missing"),
        ("durationMillis", "must be a whole number, not a number with a fraction"),
        ("vcs", "must be a list, not an object"),
        ("modules[1].artifacts[0].name", "is missing"),
        ("modules[1].artifacts[0].sha1", "must be text, not true or false"),
        ("modules[1].dependencies[0].requestedBy[0]", "must be a list, not text"),
        ("runParameters[0]", "must be an object, not a whole number"),
    )


def test_what_we_write_has_the_names_of_jfrog() -> None:
    build = a_build_info(
        modules=(
            Module(
                artifacts=(Artifact(name="a", repository="r"),),
                dependencies=(Dependency(id="d", requested_by=(("m",),)),),
            ),
        ),
        duration_ms=5,
        vcs=(),
        agent=None,
        version="",
    )
    assert build.to_dict() == {
        "name": "demo",
        "number": "1",
        "started": "2026-01-31T11:59:00.456+0000",
        "durationMillis": 5,
        "modules": [
            {
                "artifacts": [{"name": "a", "originalDeploymentRepo": "r"}],
                "dependencies": [{"id": "d", "requestedBy": [["m"]]}],
            }
        ],
    }


def test_a_started_nobody_accepts_is_no_instant() -> None:
    with pytest.raises(ValueError, match="'soon' is no instant like"):
        str(a_build_info(started="soon").started_at)


@pytest.mark.parametrize(
    ("text", "name", "number", "started"),
    [
        ("demo/1", "demo", "1", ""),
        ("demo/latest", "demo", "latest", ""),
        ("a/b/c/1", "a/b/c", "1", ""),
        ("@scope/pkg/1", "@scope/pkg", "1", ""),
        ("demo@home/1", "demo@home", "1", ""),
        ("demo/1@home", "demo", "1@home", ""),
        ("demo/1@", "demo", "1@", ""),
        ("demo with space/#1", "demo with space", "#1", ""),
        ("demo//1", "demo/", "1", ""),
        ("demo/1@2026-01-31T11:59:00.456+0000", "demo", "1", "2026-01-31T11:59:00.456+0000"),
        ("demo/1@2026-01-31T11:59:00.456Z", "demo", "1", "2026-01-31T11:59:00.456Z"),
        ("@a/b@c/1@2@2026-01-31T11:59:00.456+01:00", "@a/b@c", "1@2", "2026-01-31T11:59:00.456+01:00"),
        ("demo/1@2026-02-30T11:59:00.456Z", "demo", "1@2026-02-30T11:59:00.456Z", ""),
    ],
)
def test_a_build_is_named_by_a_locator(text: str, name: str, number: str, started: str) -> None:
    build = BuildId.parse(text)
    assert build == BuildId(name=name, number=number, started=started)
    assert str(build) == text


@pytest.mark.parametrize(
    "text",
    ["", "demo", "/", "demo/", "/1", "demo@2026-01-31T11:59:00.456Z", "demo/@2026-01-31T11:59:00.456Z"],
)
def test_a_locator_without_name_or_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"names no build\. Write NAME/NUMBER, NAME/NUMBER@STARTED"):
        BuildId.parse(text)
