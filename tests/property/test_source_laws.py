"""Laws of sources: whatever stands in a file is offers and gaps that name it, and never half an offer."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_defend.capture.sources import read_sources
from strategies import json_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.model.origins import Offer

A, B = "a" * 64, "b" * 64
LINUX = {"python_full_version": "3.11.7", "python_version": "3.11", "sys_platform": "linux"}
NAME = "basket-1.0-py3-none-any.whl"
URL = f"https://example.org/{NAME}"
DIGEST = f"sha256:{A}"
HASHES = {"sha256": A}

DOCUMENTS: dict[str, dict[str, Any]] = {
    "uv.lock": {
        "version": 1,
        "requires-python": ">=3.11",
        "supported-markers": ["sys_platform == 'linux'"],
        "package": [
            {
                "name": "basket",
                "version": "1.0",
                "source": {"registry": "https://example.org/simple"},
                "resolution-markers": ["python_full_version < '3.12'", "os_name == 'nt'"],
                "sdist": {"url": "https://example.org/basket-1.0.tar.gz", "hash": f"sha256:{B}", "size": 7},
                "wheels": [{"url": URL, "hash": DIGEST, "size": 9}],
            },
            {
                "name": "flat",
                "version": "1.0",
                "source": {"registry": "../flat"},
                "wheels": [{"path": "flat-1.0-py3-none-any.whl"}],
            },
            {
                "name": "local",
                "version": "1.0",
                "source": {"path": "dist/local-1.0.zip"},
                "sdist": {"hash": DIGEST},
            },
            {"name": "shop", "version": "0", "source": {"editable": "."}},
        ],
    },
    "pylock.toml": {
        "lock-version": "1.0",
        "created-by": "uv",
        "environments": ["sys_platform == 'linux'"],
        "packages": [
            {
                "name": "basket",
                "version": "1.0",
                "marker": "os_name == 'posix'",
                "index": "https://example.org/simple",
                "sdist": {"url": "https://example.org/basket-1.0.tar.gz", "hashes": {"sha256": B}},
                "wheels": [{"name": NAME, "url": URL, "size": 9, "hashes": HASHES}],
            },
            {"name": "remote", "archive": {"path": "a/remote.zip", "hashes": HASHES}},
            {"name": "tree", "directory": {"path": "."}},
        ],
    },
    "poetry.lock": {
        "package": [
            {
                "name": "basket",
                "version": "1.0",
                "groups": ["main", "dev"],
                "markers": {"main": "os_name == 'nt'", "dev": "os_name == 'posix'"},
                "files": [{"file": NAME, "hash": DIGEST}],
                "source": {"type": "legacy", "url": "https://example.org/simple"},
            },
            {"name": "old", "version": "1.0", "markers": "os_name == 'nt'"},
        ],
        "metadata": {"lock-version": "2.1", "files": {"old": [{"file": "old-1.0.zip", "hash": DIGEST}]}},
    },
    "pdm.lock": {
        "metadata": {"lock_version": "4.5.1", "files": {"old 1.0": [{"url": URL, "hash": DIGEST}]}},
        "package": [
            {"name": "basket", "version": "1.0", "marker": "", "files": [{"file": NAME, "hash": DIGEST}]},
            {"name": "old", "version": "1.0"},
        ],
    },
    "Pipfile.lock": {
        "_meta": {"pipfile-spec": 6},
        "default": {"basket": {"hashes": [DIGEST], "version": "==1.0", "markers": "os_name == 'nt'"}},
        "develop": {"other": {"hashes": [DIGEST]}},
    },
    "report.json": {
        "version": "1",
        "install": [
            {
                "download_info": {"url": URL, "archive_info": {"hashes": HASHES}},
                "metadata": {"name": "basket", "version": "1.0"},
            }
        ],
        "environment": {"sys_platform": "linux"},
    },
}
REQUIREMENTS = f"""-r other.txt
basket[x]==1.0 ; os_name == 'posix' \\
    --hash={DIGEST} \\
    --hash=sha256:{B}
direct @ {URL}#sha256={A}
"""


def written(name: str, document: Mapping[str, Any]) -> bytes:
    return (
        json.dumps(document) if name.endswith(("Pipfile.lock", ".json")) else tomli_w.dumps(document)
    ).encode()


SEEDS = {name: written(name, document) for name, document in DOCUMENTS.items()}
SEEDS |= {"requirements.txt": REQUIREMENTS.encode()}
SEEDS |= {f"any-{name}.lock": content for name, content in SEEDS.items() if name != "report.json"}

each_seed = pytest.mark.parametrize("name", SEEDS)
each_document = pytest.mark.parametrize("name", DOCUMENTS)
INSIDE_A_LIST_OF_AN_ENTRY = 4
quick = settings(max_examples=60, deadline=None)


def read(name: str, content: bytes) -> tuple[tuple[Offer, ...], list[str]]:
    """What a file offers, and the sentences of its gaps, each of which must name it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        offers, gaps = read_sources(path.parent, [name], asked=True, environment=LINUX)
    sentences = [gap.problem for gap in gaps]
    assert all(sentence.startswith(name) for sentence in sentences)
    assert all(sentence.endswith((" again.", " pattern.")) and "\n" not in sentence for sentence in sentences)
    for offer in offers:
        check(offer)
    return offers, sentences


def check(offer: Offer) -> None:
    """Every offer is whole, and all it says is of the form it should be."""
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", offer.name)
    assert bool(offer.files) != bool(offer.hashes)
    digests = [*offer.hashes, *(each.sha256 for each in offer.files if each.sha256)]
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in digests)
    for each in offer.files:
        assert each.file not in ("", ".", "..")
        assert not re.search(r"[/\\\x00-\x1f\x7f]", each.file)
        assert 0 <= each.size_bytes <= 1 << 53
        each.to_bytes()
    json.dumps([offer.version, offer.marker, offer.environment]).encode()


@each_seed
def test_each_seed_is_read_without_a_gap(name: str) -> None:
    offers, gaps = read(name, SEEDS[name])
    assert offers
    # the included file is not there
    assert [gap for gap in gaps if "other.txt" not in gap] == []


@each_seed
@quick
@given(data=st.data())
def test_no_change_of_bytes_does_worse_than_a_gap(name: str, data: st.DataObject) -> None:
    content = SEEDS[name]
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 40))
    new = data.draw(st.binary(max_size=8) | st.sampled_from([b"\n", b'"', b"[", b"{", b"\\", b"= ", b"#"]))
    read(name, content[:start] + new + content[start + length :])


@each_seed
@quick
@given(data=st.data())
def test_no_end_of_a_file_does_worse_than_a_gap(name: str, data: st.DataObject) -> None:
    content = SEEDS[name]
    read(name, content[: data.draw(st.integers(0, len(content)))])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a document something stands."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in below for place in places(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def without_null(value: Any) -> Any:
    """`value` with what TOML cannot write replaced."""
    if isinstance(value, dict):
        return {without_null(key): without_null(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without_null(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return False if value is None else value


NASTY = st.sampled_from([
    "../../etc/passwd", "..", "", " ", "\x00", "\x1b[31m", "sha256:", DIGEST.upper(), "md5:abc", "https://[",
    "https://u:p@example.org/%2e%2e", "a b", "os_name == 'x' or", "((", "==1.0", -1, 1 << 60,
    0.5, True, [[]], {},
])  # fmt: skip


@each_document
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_anywhere_costs_at_most_what_holds_it(name: str, data: st.DataObject) -> None:
    document = DOCUMENTS[name]
    path = data.draw(st.sampled_from(places(document)[1:]))
    new = data.draw(json_values | NASTY)
    is_toml = not name.endswith(("Pipfile.lock", ".json"))
    changed = replaced(document, path, without_null(new) if is_toml else new)
    offers, _ = read(name, written(name, changed))
    whole, _ = read(name, written(name, document))
    if path[0] in ("package", "packages", "install") and len(path) > 1:
        kept = [comparable(offer) for offer in offers]
        assert len([offer for offer in whole if comparable(offer) in kept]) >= len(whole) - 1
    if len(path) >= INSIDE_A_LIST_OF_AN_ENTRY:
        files = {offer.name: len(offer.files) for offer in whole}
        assert all(len(offer.files) == files.get(offer.name, len(offer.files)) for offer in offers)


def comparable(offer: Offer) -> tuple[Any, ...]:
    """What does not depend on where and when the file was written."""
    return offer.name, offer.version, offer.marker, offer.hashes, tuple(each.file for each in offer.files)


@each_seed
def test_reading_twice_is_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SEEDS[name])
    first, second = (read_sources(tmp_path, ["*"], asked=True, environment=LINUX) for _ in range(2))
    assert first == second


@quick
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_file_name_in_a_url_is_kept_or_refused(text: str) -> None:
    package = DOCUMENTS["uv.lock"]["package"][0] | {
        "wheels": [{"url": f"https://example.org/{quote(text, safe='')}"}]
    }
    offers, gaps = read("uv.lock", written("uv.lock", {"version": 1, "package": [package]}))
    if offers:
        assert offers[0].files[-1].file == text
    else:
        assert len(gaps) == 1
