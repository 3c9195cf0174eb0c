"""How a record becomes a build-info document, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from builders import STARTED, a_record
from pytest_defend.documents.build import Layout, Placed, build_info
from pytest_defend.model.buildinfo import Artifact, BuildInfo, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.record import RunFacts, RunRecord, Subject
from pytest_defend.model.results import Result, Tally, Verdict

SUMS = Checksums.of(b"evidence")
TALLY = Tally(collected=3, finished=3, passed=2, subtests_passed=1)


def a_layout(record: RunRecord, project: str = "demo") -> Layout:
    return Layout.of(record, repository="libs-local", project=project)


def made(
    record: RunRecord | None = None, *names: str, verdict: Verdict | None = None, **told: Any
) -> BuildInfo:
    record = record or a_record()
    layout = a_layout(record, told.pop("project", "demo"))
    evidence = [Placed(name=name, path=layout.evidence(record, name), checksums=SUMS) for name in names]
    judged = verdict or Verdict(result=Result.PASSED)
    return build_info(record, layout, verdict=judged, tally=TALLY, evidence=evidence, url=told.pop("url", ""))


def a_subject(name: str, version: str = "1.0", content: bytes = b"demo", kind: str = "tar.gz") -> Subject:
    file = f"{name}-{version}.{kind}"
    return Subject(file=file, name=name, version=version, type=kind, checksums=Checksums.of(content))


def modules(build: BuildInfo) -> dict[str, Module]:
    return {module.id: module for module in build.modules}


def test_the_head_of_the_document() -> None:
    build = made(url="https://ci.example/1")
    document = build.to_dict()
    del document["modules"]
    assert document == {
        "version": "1.0.1",
        "name": "demo",
        "number": "1",
        "started": STARTED,
        "agent": {"name": "Jenkins"},
        "buildAgent": {"name": "pytest", "version": "9.0"},
        "durationMillis": 5000,
        "url": "https://ci.example/1",
        "vcs": [
            {
                "url": "https://git.example/demo.git",
                "revision": "0" * 40,
                "branch": "main",
                "message": "Begin",
            }
        ],
        "properties": {"buildInfo.env.EMPTY": "", "buildInfo.env.LANG": "C"},
    }


def test_without_facts_little_is_said_and_nothing_made_up() -> None:
    build = made(a_record(facts=RunFacts(), subjects=(), wall_us=0))
    assert build.to_dict() == {
        "version": "1.0.1",
        "name": "demo",
        "number": "1",
        "started": STARTED,
        "agent": {"name": "pytest-defend", "version": "0"},
        "buildAgent": {"name": "pytest"},
        "modules": [
            {"id": "demo:1", "type": "python"},
            {"id": "demo:1/stage/tests", "type": "python", "properties": dict(build.modules[1].properties)},
        ],
    }


def test_a_package_has_its_files_and_what_it_needs_to_run() -> None:
    package = modules(made())["demo:1.0"]
    sums = Checksums.of(b"demo")
    assert package.type == "python"
    assert package.properties == {}
    assert package.artifacts == (
        Artifact(
            name="demo-1.0.tar.gz",
            type="tar.gz",
            repository="libs-local",
            path="demo/1.0/demo-1.0.tar.gz",
            sha256=sums.sha256,
            sha1=sums.sha1,
            md5=sums.md5,
        ),
    )
    assert [(d.id, d.scopes, d.requested_by) for d in package.dependencies] == [
        ("lib:2.0", ("runtime",), (("demo:1.0",),))
    ]


def test_a_stage_has_its_evidence_and_what_it_was_tested_with() -> None:
    stage = modules(made(None, "record.json", "reports/a.b/log"))["demo:1.0/stage/tests"]
    assert [(a.name, a.path, a.repository, a.type) for a in stage.artifacts] == [
        ("record.json", "demo/1.0/evidence/tests/r1/record.json", "libs-local", "json"),
        ("reports/a.b/log", "demo/1.0/evidence/tests/r1/reports/a.b/log", "libs-local", ""),
    ]
    assert {(a.sha256, a.sha1, a.md5) for a in stage.artifacts} == {(SUMS.sha256, SUMS.sha1, SUMS.md5)}
    assert [(d.id, d.scopes, d.requested_by) for d in stage.dependencies] == [
        ("pluggy:1.6", ("test", "transitive"), (("pytest:9.0", "demo:1.0/stage/tests"),)),
        ("pytest:9.0", ("test", "transitive"), (("demo:1.0/stage/tests",),)),
    ]


def test_a_stage_says_what_its_run_said_as_texts() -> None:
    verdict = Verdict(result=Result.FAILED, reasons=("1 failed", "killed"))
    properties = modules(made(verdict=verdict))["demo:1.0/stage/tests"].properties
    counts = {key: value for key, value in properties.items() if key.startswith("defend.tests.")}
    assert len(counts) == 17
    assert {key: value for key, value in counts.items() if value != "0"} == {
        "defend.tests.collected": "3",
        "defend.tests.finished": "3",
        "defend.tests.passed": "2",
        "defend.tests.subtests-passed": "1",
    }
    assert {key: value for key, value in properties.items() if key not in counts} == {
        "defend.schema": "pytest-defend/run-record/1",
        "defend.recorder": "pytest-defend 0",
        "defend.run": "r1",
        "defend.stage": "tests",
        "defend.result": "failed",
        "defend.reasons": "1 failed; killed",
        "defend.exit-status": "0",
        "defend.duration.wall-us": "5000999",
        "defend.duration.work-us": "12",
        "defend.duration.worker.gw0-us": "5",
        "defend.duration.worker.gw1-us": "7",
        "defend.gaps": "1",
        "defend.subject.demo-1.0.tar.gz": f"sha256:{Checksums.of(b'demo').sha256}",
        "defend.source.commit": "0" * 40,
        "defend.source.dirty": "false",
        "defend.python": "cpython 3.11.7",
        "defend.platform": "linux-x86_64",
    }
    assert list(properties) == sorted(properties)


def test_a_run_that_was_killed_has_no_exit_status() -> None:
    stage = modules(made(a_record(exit_status=None)))["demo:1.0/stage/tests"]
    assert "defend.exit-status" not in stage.properties


@pytest.mark.parametrize(
    ("number", "version"),
    [
        ("17", "17"),
        ("a b/ü#1", "a-b-1"),
        ("1!2.0+local", "1!2.0+local"),
        ("..", "unnamed"),
        (" ", "unnamed"),
        ("x/../../y", "x-..-..-y"),
        ("ü", "unnamed"),
    ],
)
def test_without_dist_files_the_version_is_the_builds_number(number: str, version: str) -> None:
    record = a_record(subjects=(), build_number=number)
    build = made(record, "record.json")
    assert [module.id for module in build.modules] == [f"demo:{version}", f"demo:{version}/stage/tests"]
    (artifact,) = build.modules[1].artifacts
    assert artifact.path == f"demo/{version}/evidence/tests/r1/record.json"
    assert build.number == number


@pytest.mark.parametrize(
    ("project", "build_name", "name"),
    [
        ("My_Demo.Project", "ignored", "my-demo-project"),
        ("", "group/Demo", "demo"),
        ("Größe x", "ignored", "gr-e-x"),
        ("../..", "ignored", "unnamed"),
    ],
)
def test_a_package_without_files_is_the_project(project: str, build_name: str, name: str) -> None:
    record = a_record(subjects=(), build_name=build_name)
    assert a_layout(record, project).module == f"{name}:1"


def test_each_distribution_is_a_module_and_evidence_lies_with_the_projects_own() -> None:
    subjects = (a_subject("zeta"), a_subject("demo"), a_subject("demo", kind="whl"), a_subject("alpha", "2"))
    build = made(a_record(subjects=subjects), "record.json")
    files = {module.id: [artifact.name for artifact in module.artifacts] for module in build.modules}
    assert files == {
        "alpha:2": ["alpha-2.tar.gz"],
        "demo:1.0": ["demo-1.0.tar.gz", "demo-1.0.whl"],
        "zeta:1.0": ["zeta-1.0.tar.gz"],
        "demo:1.0/stage/tests": ["record.json"],
    }
    elsewhere = a_layout(a_record(subjects=(a_subject("zeta"), a_subject("alpha", "2"))))
    assert elsewhere.module == "alpha:2"


def test_each_distribution_has_what_it_asks_for_itself() -> None:
    installed = Installed(
        distributions=(
            Distribution(name="demo", version="1.0", requires=(Edge(target="a", requirement="a"),)),
            Distribution(name="a", version="1", scopes=("runtime",)),
            Distribution(name="b", version="2", scopes=("test",)),
            Distribution(
                name="tool", version="1.0", scopes=("test",), requires=(Edge(target="b", requirement="b"),)
            ),
        ),
        roots=("a", "tool"),
    )
    facts = replace(a_record().facts, installed=installed)
    subjects = (a_subject("demo"), a_subject("tool"), a_subject("absent"))
    found = modules(made(a_record(facts=facts, subjects=subjects)))
    needed = {name: [(d.id, d.requested_by) for d in module.dependencies] for name, module in found.items()}
    assert needed == {
        "absent:1.0": [],
        "demo:1.0": [("a:1", (("demo:1.0",),))],
        "tool:1.0": [("b:2", (("tool:1.0",),))],
        "demo:1.0/stage/tests": [
            ("b:2", (("tool:1.0", "demo:1.0/stage/tests"),)),
            ("tool:1.0", (("demo:1.0/stage/tests",),)),
        ],
    }


def test_every_chain_ends_at_its_module() -> None:
    for module in made().modules:
        assert all(chain[-1] == module.id for d in module.dependencies for chain in d.requested_by)


def test_two_equal_files_under_two_paths_are_two_artifacts() -> None:
    subjects = (a_subject("demo"), a_subject("demo", kind="zip"))
    build = made(a_record(subjects=subjects), "reports/a.xml", "reports/b.xml")
    paths = [artifact.path for module in build.modules for artifact in module.artifacts]
    assert len(set(paths)) == 4


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("junit.xml", "xml"),
        ("journal.jsonl", "jsonl"),
        ("reports/cover.2026.01/index.html", "html"),
        ("reports/log.v1.2.txt", "txt"),
        ("reports/.hidden", ""),
        ("reports/README", ""),
        ("reports/x." + "y" * 64, "y" * 64),
        ("reports/x." + "y" * 65, ""),
    ],
)
def test_a_type_is_the_last_suffix_as_far_as_a_server_keeps_it(name: str, kind: str) -> None:
    (artifact,) = modules(made(None, name))["demo:1.0/stage/tests"].artifacts
    assert artifact.type == kind


def test_odd_names_and_versions_stay_one_part_of_a_path() -> None:
    odd = Subject(file="x.zip", name="a/b", version="1/2", type="zip", checksums=SUMS)
    record = a_record(subjects=(odd,))
    layout = a_layout(record)
    assert layout.package(odd) == "libs-local/a-b/1-2/x.zip"
    assert layout.evidence(record, "r") == "libs-local/a-b/1-2/evidence/tests/r1/r"


def _values(value: Any) -> list[Any]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(found for one in inner for found in _values(one))]


def test_the_document_is_one_that_every_server_takes() -> None:
    facts = replace(a_record().facts, ci=CiFacts(system="GitHub Actions"))
    build = made(a_record(facts=facts), "record.json", "junit.xml")
    document = json.loads(build.to_bytes())
    assert BuildInfo.from_dict(document) == build
    assert None not in _values(document)
    for module in document["modules"]:
        assert all(isinstance(value, str) for value in module.get("properties", {}).values())
        assert all(len(artifact.get("type", "")) <= 64 for artifact in module.get("artifacts", []))
        assert all(artifact["sha1"] for artifact in module.get("artifacts", []))
    assert all(isinstance(value, str) for value in document["properties"].values())
    assert isinstance(document["vcs"], list)
