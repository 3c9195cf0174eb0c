"""The rules of the public specifications of in-toto and SLSA, restated as JSON Schemas.

Sources: https://github.com/in-toto/attestation/tree/main/spec (statement, resource descriptor, test-result),
https://slsa.dev/spec/v1.1/verification_summary, https://slsa.dev/spec/v1.1/provenance.
What they leave open stays open: unknown fields are allowed everywhere.
"""

from __future__ import annotations

import re
from typing import Any

import jsonschema

__all__ = ["broken_rules"]

_TEXT = {"type": "string"}
_URI = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"}
_TIMESTAMP = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_COUNT = {"type": "integer", "minimum": 0}
_DIGESTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"},
    "properties": {"sha256": {"pattern": "^[0-9a-f]{64}$"}, "gitCommit": {"pattern": "^[0-9a-f]{40}$"}},
}
_DESCRIPTOR = {
    "type": "object",
    "properties": {
        "name": _TEXT,
        "uri": _URI,
        "digest": _DIGESTS,
        "content": {"type": "string", "contentEncoding": "base64"},
        "downloadLocation": _URI,
        "mediaType": {"type": "string", "pattern": "^[a-z]+/[A-Za-z0-9.+-]+$"},
        "annotations": {"type": "object"},
    },
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
}
_DESCRIPTORS = {"type": "array", "items": _DESCRIPTOR}
_TESTS = {"type": "array", "items": _TEXT, "uniqueItems": True}
_LEVEL = {"type": "string", "pattern": r"^(SLSA_BUILD_LEVEL_[0-3]|FAILED|(?!SLSA_).+)$"}

_STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {
            "type": "array",
            "minItems": 1,
            "items": {**_DESCRIPTOR, "required": ["digest"]},
        },
        "predicateType": _URI,
        "predicate": {"type": "object"},
    },
}

_PREDICATES: dict[str, Any] = {
    "https://in-toto.io/attestation/test-result/v0.1": {
        "required": ["result", "configuration"],
        "properties": {
            "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
            "configuration": _DESCRIPTORS,
            "url": _URI,
            "passedTests": _TESTS,
            "warnedTests": _TESTS,
            "failedTests": _TESTS,
        },
    },
    "https://slsa.dev/verification_summary/v1": {
        "required": [
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
            "verifiedLevels",
        ],
        "properties": {
            "verifier": {"type": "object", "required": ["id"], "properties": {"id": _URI}},
            "timeVerified": _TIMESTAMP,
            "resourceUri": _URI,
            "policy": {**_DESCRIPTOR, "required": ["uri"]},
            "inputAttestations": {"type": "array", "items": {**_DESCRIPTOR, "required": ["digest"]}},
            "verificationResult": {"enum": ["PASSED", "FAILED"]},
            "verifiedLevels": {"type": "array", "items": _LEVEL, "minItems": 1},
            "dependencyLevels": {"type": "object", "propertyNames": _LEVEL, "additionalProperties": _COUNT},
            "slsaVersion": {"type": "string", "pattern": r"^\d+\.\d+$"},
        },
        "if": {"properties": {"verificationResult": {"const": "FAILED"}}},
        "then": {"properties": {"verifiedLevels": {"contains": {"const": "FAILED"}}}},
        "else": {"properties": {"verifiedLevels": {"items": {"not": {"const": "FAILED"}}}}},
    },
    "https://slsa.dev/provenance/v1": {
        "required": ["buildDefinition", "runDetails"],
        "properties": {
            "buildDefinition": {
                "required": ["buildType", "externalParameters"],
                "properties": {
                    "buildType": _URI,
                    "externalParameters": {"type": "object"},
                    "internalParameters": {"type": "object"},
                    "resolvedDependencies": _DESCRIPTORS,
                },
            },
            "runDetails": {
                "required": ["builder"],
                "properties": {
                    "builder": {
                        "required": ["id"],
                        "properties": {
                            "id": _URI,
                            "version": {"type": "object", "additionalProperties": _TEXT},
                            "builderDependencies": _DESCRIPTORS,
                        },
                    },
                    "metadata": {
                        "properties": {
                            "invocationId": _TEXT,
                            "startedOn": _TIMESTAMP,
                            "finishedOn": _TIMESTAMP,
                        }
                    },
                    "byproducts": _DESCRIPTORS,
                },
            },
        },
    },
}


def broken_rules(statement: dict[str, Any]) -> list[str]:
    """Every rule a statement breaks, with where; a predicate that is not known here breaks one."""
    schema = _PREDICATES.get(statement.get("predicateType", ""))
    if schema is None:
        return ["predicateType: not known here"]
    found = [
        f"{error.json_path}: {error.message}"
        for document, rules in ((statement, _STATEMENT), (statement.get("predicate", {}), schema))
        for error in jsonschema.Draft202012Validator(rules).iter_errors(document)
    ]
    for names in ("name", "uri"):
        said = [
            each[names] for each in statement.get("subject", []) if isinstance(each, dict) and names in each
        ]
        if len(set(said)) != len(said):
            found.append(f"$.subject: a {names} is there twice")
    return found + _odd_extensions(statement.get("predicate", {}), statement["predicateType"])


def _odd_extensions(predicate: dict[str, Any], kind: str) -> list[str]:
    """Fields that are in no specification and are not told from later ones by their name."""
    known = _PREDICATES[kind]["properties"].keys() | {"successes", "warnings", "failures"}
    return [
        f"$.{name}: odd name"
        for name in predicate
        if name not in known and not re.match(r"defend_\w+$", name)
    ]
