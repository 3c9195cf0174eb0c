"""A `Pipfile.lock` as pipenv 2026.10 writes it, made small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.model.origins import Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str, str], tuple[list[Offer], list[str]]]

A, B = "a" * 64, "b" * 64
LEFT_OUT = "; what it belongs to was left out, write the file again."
META = {"hash": {"sha256": A}, "pipfile-spec": 6, "requires": {}, "sources": []}
LOCK = {
    "_meta": META,
    "default": {
        "Basket": {
            "hashes": [f"sha256:{B}", f"sha256:{A.upper()}"],
            "index": "pypi",
            "markers": "python_version >= '3.10'",
            "version": "==8.5.1",
        },
        "not-for-here": {"markers": "sys_platform == 'win32'", "version": "*"},
        "by-url": {"file": "https://example.org/by_url-1.zip", "hashes": [f"sha256:{A}"]},
        "sha512-too": {"hashes": [f"sha256:{A}", "sha512:x"], "version": "==1.0"},
        "any": {"hashes": [f"sha256:{A}"], "version": "*"},
        "commit": {"git": "https://example.org/commit.git", "ref": "abc"},
        "tree": {"editable": True, "path": "."},
    },
    "develop": {"basket": {"hashes": [f"sha256:{B}"], "version": "===8.5.2"}},
    "docs": {"six": {"hashes": [f"sha256:{A}"], "version": "== 1.17.0"}},
}


def test_every_category_counts(read: Read) -> None:
    offers, gaps = read("Pipfile.lock", json.dumps(LOCK))
    source = "Pipfile.lock"
    assert gaps == []
    assert offers == [
        Offer(
            source=source,
            name="basket",
            version="8.5.1",
            marker="python_version >= '3.10'",
            hashes=(A, B),
        ),
        Offer(source=source, name="by-url", hashes=(A,)),
        Offer(source=source, name="any", hashes=(A,)),
        Offer(source=source, name="basket", version="8.5.2", hashes=(B,)),
        Offer(source=source, name="six", version="1.17.0", hashes=(A,)),
    ]


@pytest.mark.parametrize(
    ("package", "problem"),
    [
        (3, " is no table"),
        ({"hashes": 3}, ".hashes is no list"),
        ({"hashes": [f"sha256:{A}", 3]}, ".hashes[1] is no text"),
        ({"hashes": [f"sha256:{A}"], "version": 3}, ".version is no text"),
        ({"hashes": [f"sha256:{A}"], "version": ">=1"}, ".version is no exact version: >=1"),
        ({"hashes": [f"sha256:{A}"], "version": "==1.*"}, ".version is no exact version: ==1.*"),
        ({"hashes": [f"sha256:{A}"], "version": "=="}, ".version is no exact version: =="),
        ({"hashes": [f"sha256:{A}"], "version": "\ud800"}, ".version holds a control character"),
        ({"hashes": [f"sha256:{A}"], "markers": "a b"}, ".markers is no environment marker: a b"),
    ],
)
def test_a_malformed_package_costs_itself(read: Read, package: Any, problem: str) -> None:
    good = {"hashes": [f"sha256:{A}"]}
    text = json.dumps({"_meta": META, "default": {"good": good, "bad": package}, "more": {"good": good}})
    offers, gaps = read("Pipfile.lock", text)
    assert [offer.name for offer in offers] == ["good"]
    assert gaps == [f"Pipfile.lock: default.bad{problem}{LEFT_OUT}"]


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        ({}, ["Pipfile.lock is no lock file of pipenv: it has no `_meta`; it was left out, write it again."]),
        ([], ["Pipfile.lock is JSON and no table; it was left out, write it again."]),
        (
            {"_meta": {}, "a b": 3, "develop": {"\x1b": {}}},
            [
                f"Pipfile.lock: ['a b'] is no table{LEFT_OUT}",
                f"Pipfile.lock: develop holds a key with a control character{LEFT_OUT}",
            ],
        ),
        (
            {"_meta": {}, "develop": {"a b": {"hashes": [f"sha256:{A}"]}}},
            [f"Pipfile.lock: develop['a b'] is 'a b', which no package can be named{LEFT_OUT}"],
        ),
    ],
)
def test_what_is_no_lock_offers_nothing(read: Read, document: Any, sentences: list[str]) -> None:
    assert read("Pipfile.lock", json.dumps(document)) == ([], sentences)
