from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import STARTED, a_record
from predicates import broken_rules
from pytest_defend.documents.chain import link_of
from pytest_defend.documents.provenance import provenance_statement
from pytest_defend.documents.statements import read_statement
from pytest_defend.errors import UsageError
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Certainty, Kept, Origin
from pytest_defend.model.pytestfacts import PytestFacts
from pytest_defend.model.record import RecordedFile, RunFacts, RunRecord, Subject

BUILD = BuildId(name="demo", number="1", started=STARTED)
BUILDER = "https://ci.example/runners/linux"
FILES = tuple(
    Subject(file=file, name="demo", version="1.0", type=file[-3:], checksums=Checksums.of(file.encode()))
    for file in ("demo-1.0.zip", "demo-1.0-py3-none-any.whl")
)


def stated(record: RunRecord, **changes: Any) -> dict[str, Any]:
    """A statement as others read it; it breaks no public rule."""
    given: dict[str, Any] = {"build": BUILD, "builder": BUILDER, "previous": (), "locations": {}}
    written = provenance_statement(record, **{**given, **changes}).to_bytes()
    read = read_statement(written).to_dict()
    assert broken_rules(read) == []
    return dict(read)


def with_facts(**changes: Any) -> RunRecord:
    record = a_record(subjects=FILES)
    return replace(record, facts=replace(record.facts, **changes))


def resolved(*distributions: Distribution) -> list[dict[str, Any]]:
    record = with_facts(installed=Installed(distributions=distributions), git=None)
    found = stated(record)["predicate"]["buildDefinition"]["resolvedDependencies"]
    return list(found)


def test_it_is_about_every_file_that_was_published() -> None:
    assert stated(a_record(subjects=FILES))["subject"] == [
        {"name": each.file, "digest": {"sha256": each.checksums.sha256}} for each in reversed(FILES)
    ]


def test_it_says_what_was_asked_for_and_what_ran() -> None:
    options = PytestFacts(version="9.0", rootdir="/src", args=("-m", "smoke"), environment_args=("-x",))
    ci = CiFacts(system="CI", url="https://ci.example/run/7", job="tests")
    predicate = stated(with_facts(pytest=options, ci=ci))["predicate"]
    definition = predicate["buildDefinition"]
    assert definition["buildType"] == "urn:pytest-defend:build-type:test-run:1"
    assert definition["externalParameters"] == {
        "stage": "tests",
        "repository": "https://git.example/demo.git",
        "ref": "main",
        "args": ["-m", "smoke"],
        "environmentArgs": ["-x"],
    }
    assert definition["internalParameters"] == {
        "ci": {"system": "CI", "url": "https://ci.example/run/7", "job": "tests"},
        "python": "cpython 3.11.7",
        "platform": "linux-x86_64",
        "dirty": False,
    }
    assert predicate["runDetails"]["builder"] == {
        "id": BUILDER,
        "version": {"pytest-defend": "0", "pytest": "9.0"},
    }
    assert predicate["runDetails"]["metadata"] == {
        "invocationId": "https://ci.example/run/7#r1",
        "startedOn": "2026-01-31T11:59:00.456Z",
        "finishedOn": "2026-01-31T11:59:05.456Z",
    }


def test_source_is_a_dependency() -> None:
    record = with_facts(installed=None)
    git = record.facts.git
    assert git is not None
    found = {}
    for url, branch in [(git.url, "main"), (git.url, ""), ("", "main")]:
        changed = replace(record, facts=replace(record.facts, git=replace(git, url=url, branch=branch)))
        found[url, branch] = stated(changed)["predicate"]["buildDefinition"]["resolvedDependencies"]
    commit = {"gitCommit": "0" * 40}
    assert list(found.values()) == [
        [{"uri": "git+https://git.example/demo.git@main", "digest": commit}],
        [{"uri": "git+https://git.example/demo.git", "digest": commit}],
        [{"name": "source", "digest": commit}],
    ]


def test_a_dependency_has_a_digest_when_its_file_is_known() -> None:
    origin = Origin(
        certainty=Certainty.MATCHED,
        file="lib-2.0+local.1-py3-none-any.whl",
        sha256="5" * 64,
        url="https://index.example/lib.whl",
        kept=(Kept(path="libs/lib.whl", build_name="lib", build_number="7"),),
    )
    assert resolved(
        Distribution(name="demo", version="1.0", origin=origin),
        Distribution(name="lib", version="2.0+local.1", origin=origin),
    ) == [
        {
            "uri": "pkg:pypi/lib@2.0%2Blocal.1",
            "name": "lib-2.0+local.1-py3-none-any.whl",
            "digest": {"sha256": "5" * 64},
            "downloadLocation": "https://index.example/lib.whl",
            "annotations": {"defend_certainty": "matched", "defend_build": "lib/7"},
        }
    ]


@pytest.mark.parametrize("certainty", [each for each in Certainty if not each.exact])
def test_a_dependency_has_no_digest_when_its_file_is_a_guess(certainty: Certainty) -> None:
    origin = Origin(certainty=certainty, file="lib.whl", sha256="5" * 64, kept=(Kept(path="libs/lib.whl"),))
    assert resolved(Distribution(name="lib", version="2.0", origin=origin)) == [
        {"uri": "pkg:pypi/lib@2.0", "annotations": {"defend_certainty": certainty.value}}
    ]
    assert resolved(Distribution(name="lib", version="2.0")) == [{"uri": "pkg:pypi/lib@2.0"}]


def test_the_files_of_the_run_are_byproducts() -> None:
    files = (RecordedFile(name="junit.xml", role="junit", checksums=Checksums.of(b"x")),)
    record = a_record(subjects=FILES, files=files)
    where = "https://store.example/junit.xml"
    assert stated(record, locations={"junit.xml": where})["predicate"]["runDetails"]["byproducts"] == [
        {"name": "junit.xml", "digest": {"sha256": Checksums.of(b"x").sha256}, "downloadLocation": where}
    ]


def test_it_is_a_link_of_the_chain() -> None:
    statement = provenance_statement(
        a_record(subjects=FILES), build=BUILD, builder=BUILDER, previous=["b" * 64, "a" * 64], locations={}
    )
    link = link_of(statement, "c" * 64)
    assert link.previous == ("a" * 64, "b" * 64)
    assert link.build == {"name": "demo", "number": "1", "started": STARTED}


def test_a_minimal_record_is_enough() -> None:
    predicate = stated(replace(a_record(subjects=FILES), facts=RunFacts(), files=()))["predicate"]
    assert predicate["buildDefinition"]["externalParameters"] == {"stage": "tests"}
    assert predicate["buildDefinition"]["resolvedDependencies"] == []
    assert predicate["runDetails"]["metadata"]["invocationId"] == "r1"


def test_what_comes_from_nowhere_has_no_provenance() -> None:
    with pytest.raises(UsageError, match="Stage tests published no file"):
        stated(a_record(subjects=()))
    with pytest.raises(UsageError, match="who built the files"):
        stated(a_record(subjects=FILES), builder="")
