from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import NOW
from predicates import broken_rules
from pytest_defend.documents.statements import Descriptor, read_statement
from pytest_defend.documents.summary import Decided, input_of, level_value, summary_statement
from pytest_defend.errors import UsageError

DECIDED = Decided(
    subjects=(Descriptor(name="demo.whl", digest={"sha256": "1" * 64}),),
    verifier="https://example.com/release-gate",
    versions={"pytest-defend": "0.1"},
    at=NOW,
    resource="https://store.example/qa/demo/1.0",
    policy=Descriptor(uri="https://example.com/ladder.toml", digest={"sha256": "2" * 64}),
    inputs=(input_of("3" * 64, uri="https://store.example/unit.intoto.jsonl", file_sha256="4" * 64),),
    passed=True,
    level="qa",
    dependencies={"qa": 2, "prod": 14},
)


def stated(decided: Decided) -> dict[str, Any]:
    """A statement as others read it; it breaks no public rule."""
    written = summary_statement(decided).to_bytes()
    read = read_statement(written).to_dict()
    assert broken_rules(read) == []
    return dict(read)


def test_a_decision_says_everything_a_verifier_asks() -> None:
    assert stated(DECIDED) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "demo.whl", "digest": {"sha256": "1" * 64}}],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {
            "verifier": {"id": "https://example.com/release-gate", "version": {"pytest-defend": "0.1"}},
            "timeVerified": "2026-01-31T12:00:00.123Z",
            "resourceUri": "https://store.example/qa/demo/1.0",
            "policy": {"uri": "https://example.com/ladder.toml", "digest": {"sha256": "2" * 64}},
            "inputAttestations": [
                {
                    "uri": "https://store.example/unit.intoto.jsonl",
                    "digest": {"sha256": "4" * 64},
                    "annotations": {"defend_statement": "3" * 64},
                }
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": ["DEFEND_LEVEL_qa"],
            "dependencyLevels": {"DEFEND_LEVEL_qa": 2, "DEFEND_LEVEL_prod": 14},
            "slsaVersion": "1.1",
        },
    }


def test_a_refusal_claims_no_level() -> None:
    predicate = stated(replace(DECIDED, passed=False))["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])


def test_nothing_known_about_dependencies_is_not_none_at_all() -> None:
    assert "dependencyLevels" not in stated(replace(DECIDED, dependencies=None))["predicate"]
    assert stated(replace(DECIDED, dependencies={}))["predicate"]["dependencyLevels"] == {}


def test_a_verifier_without_versions_has_an_id_alone() -> None:
    assert stated(replace(DECIDED, versions={}))["predicate"]["verifier"] == {"id": DECIDED.verifier}


def test_no_level_of_ours_is_one_of_slsa() -> None:
    assert level_value("SLSA_BUILD_LEVEL_3") == "DEFEND_LEVEL_SLSA_BUILD_LEVEL_3"
    assert level_value("a b") != level_value("a_b")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"subjects": ()}, "what it is about"),
        ({"subjects": (Descriptor(name="demo.whl"),)}, "what it is about"),
        ({"verifier": ""}, "who decided"),
        ({"resource": ""}, "where the files are"),
        ({"policy": Descriptor(digest={"sha256": "2" * 64})}, "its policy"),
        ({"inputs": (Descriptor(uri="https://store.example/x"),)}, "the digests of what it rests on"),
        ({"verifier": "", "resource": ""}, "who decided, where the files are"),
    ],
)
def test_a_decision_that_says_too_little_is_none(changes: dict[str, Any], missing: str) -> None:
    with pytest.raises(UsageError) as caught:
        summary_statement(replace(DECIDED, **changes))
    assert str(caught.value) == f"A decision has to say {missing}."
