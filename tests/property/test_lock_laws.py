"""Laws of the two locks, for any packages of any origin."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from packaging.pylock import Pylock, is_valid_pylock_path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_defend.documents.occasion import Occasion, file_names
from pytest_defend.documents.pins import Pin, Unpinned, Way, pins
from pytest_defend.documents.pylock import pylock
from pytest_defend.documents.requirements import hashed_requirements
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.facts import Interpreter
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree
from strategies import documents, json_values, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

some = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)

NAMES = ("a", "demo", "lib", "lib-two", "x1")


def mostly(real: st.SearchStrategy[Any], strange: st.SearchStrategy[Any] = texts) -> st.SearchStrategy[Any]:
    """What makes sense, seven times of eight."""
    return st.integers(0, 7).flatmap(lambda number: strange if number == 7 else real)


_VERSIONS = mostly(st.sampled_from(["1.0", "1", "2!1.0rc1", "1.0-1", "1.0+local.1"]))
_DIGESTS = mostly(st.sampled_from(["1" * 64, "AB" * 32]), st.sampled_from(["", "2" * 63]) | texts)
_DIRECT: list[dict[str, Any]] = [
    {},
    {"vcs_info": {"vcs": "git", "requested_revision": "main"}},
    {"vcs_info": {"vcs": "svn"}},
    {"archive_info": {}},
    {"archive_info": {"hashes": {"sha256": "3" * 64}}},
    {"archive_info": {"hash": "sha256=4"}},
    {"dir_info": {"editable": True}},
]
_PLACES = [
    "",
    "https://example.org/files/",
    "file:///files/",
    "https://[bad/",
    "ftp://example.org/",
    "HTTP://x:9/",
]


@st.composite
def files(draw: st.DrawFn, name: str, version: str) -> str:
    """The name of a file: of this package, of another one, or nonsense."""
    written = name.replace("-", "_")
    endings = ["-py3-none-any.whl", "-2a-cp311-abi3-manylinux_2_17_x86_64.whl", ".tar.gz", ".zip"]
    real = st.sampled_from([f"{written}-{version}{ending}" for ending in endings])
    found: str = draw(
        mostly(real, st.sampled_from(["other-1.0-py3-none-any.whl", "../a-1.0.tar.gz"]) | texts)
    )
    return found


@st.composite
def candidates(draw: st.DrawFn, name: str, version: str) -> Candidate:
    file = draw(files(name, version))
    return Candidate(
        file=file,
        sha256=draw(_DIGESTS),
        url=draw(mostly(st.sampled_from(_PLACES).map(lambda place: f"{place}{file}"))),
        index=draw(mostly(st.sampled_from(["", "https://example.org/simple/"]))),
        size_bytes=draw(st.integers(-1, 2**64)),
    )


@st.composite
def direct_urls(draw: st.DrawFn) -> dict[str, Any]:
    """`direct_url.json` as installers write it, and as nobody does."""
    strange = st.dictionaries(st.sampled_from(["vcs_info", "archive_info"]), json_values)
    urls = st.sampled_from(
        ["https://example.org/a.zip", "file:///a b", "file:///here/a b.zip", "ssh://example.org/a;$HOME\\"]
    )
    return {
        **draw(mostly(st.sampled_from(_DIRECT), strange)),
        "url": draw(mostly(urls, json_values)),
        "subdirectory": draw(mostly(st.sampled_from(["", "part"]), json_values)),
    }


@st.composite
def origins(draw: st.DrawFn, name: str, version: str) -> Origin:
    own = draw(candidates(name, version))
    tree = Tree(
        url=draw(mostly(st.sampled_from(["", "https://example.org/a.git"]))),
        commit=draw(mostly(st.sampled_from(["c" * 40, "7"]))),
        dirty=draw(mostly(st.sampled_from([None, False]), st.just(True))),
        subdirectory=draw(texts),
    )
    return Origin(
        certainty=draw(st.sampled_from(Certainty)),
        file=own.file,
        sha256=own.sha256,
        url=own.url,
        index=own.index,
        size_bytes=own.size_bytes,
        candidates=tuple(draw(st.lists(candidates(name, version), max_size=2))),
        built_from=draw(st.none() | candidates(name, version)),
        tree=draw(mostly(st.just(tree), st.none())),
        package=draw(texts),
    )


_MARKS = ("implementation_name", "platform_machine", "python_version", "sys_platform", "os_name")
marks = st.dictionaries(st.sampled_from(_MARKS), st.sampled_from(["linux", "3.12", "x86_64"]) | texts)


@st.composite
def environments(draw: st.DrawFn) -> Installed:
    names = draw(st.lists(mostly(st.sampled_from(NAMES)), unique=True, min_size=1, max_size=4))
    found = tuple(draw(distributions(name)) for name in sorted(names))
    return Installed(distributions=found, environment=draw(marks))


@st.composite
def distributions(draw: st.DrawFn, name: str) -> Distribution:
    version = draw(_VERSIONS)
    targets = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    return Distribution(
        name=name,
        version=version,
        editable=draw(mostly(st.just(value=False), st.booleans())),
        direct_url=draw(st.just({}) | direct_urls()),
        requires=tuple(Edge(target=target, requirement=target) for target in targets),
        fingerprint=draw(texts),
        origin=draw(mostly(origins(name, version), st.none())),
    )


occasions = st.builds(
    Occasion,
    project=st.just("Demo") | texts,
    build_name=texts,
    build_number=texts,
    run=texts,
    stage=texts,
    interpreter=documents(Interpreter)
    | documents(Interpreter).map(lambda one: replace(one, version="3.12.1")),
)


def _kind(one: Pin | Unpinned) -> str:
    if isinstance(one, Pin):
        return one.way.value
    return "one of several" if one.hashes else "none"


@pytest.mark.parametrize("kind", [*(way.value for way in Way), "one of several", "none"])
def test_every_kind_is_drawn(kind: str) -> None:
    always = settings(some, derandomize=True, max_examples=2000, database=None, phases=[Phase.generate])
    find(environments(), lambda drawn: any(_kind(one) == kind for one in pins(drawn, "")), settings=always)


@some
@given(environments(), occasions)
def test_a_lock_is_valid_and_names_each_distribution_once(installed: Installed, occasion: Occasion) -> None:
    text = pylock(installed, occasion)
    assert text == pylock(installed, occasion)
    found = tomllib.loads(text.encode().decode())
    Pylock.from_dict(found)
    locked = [package["name"] for package in found["packages"]]
    others = [one["name"] for one in found["tool"]["pytest-defend"]["not-reproducible"]]
    names = [_spelled(distribution.name) for distribution in installed.distributions]
    assert Counter(locked + others) == Counter(names)
    assert locked == sorted(locked)
    assert canonicalize_name(occasion.project) not in locked
    assert len(found["environments"]) <= 1
    for package in found["packages"]:
        assert {one["name"] for one in package.get("dependencies", [])} <= set(locked) - {package["name"]}
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert len(files) == ("vcs" not in package and "archive" not in package)
        for file in [*files, *([package["archive"]] if "archive" in package else [])]:
            assert file.get("path", "") == file.get("path", "").rpartition("/")[2]
            assert ("path" in file) != ("url" in file)
            assert not file.get("url", "").startswith("file:")


def _spelled(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@some
@given(environments(), occasions)
def test_requirements_are_one_for_each_distribution_with_a_digest(
    installed: Installed, occasion: Occasion
) -> None:
    text = hashed_requirements(installed, occasion)
    assert text == hashed_requirements(installed, occasion)
    expected: dict[str, set[str]] = {}
    for one in pins(installed, occasion.project):
        if isinstance(one, Pin):
            if one.way in (Way.WHEEL, Way.SDIST) or (one.way is Way.ARCHIVE and one.url):
                expected[one.distribution.name] = {one.sha256}
        elif one.hashes:
            expected[one.distribution.name] = set(one.hashes)
    found: dict[str, set[str]] = {}
    for line in _logical_lines(text.encode().decode()):
        requirement, _, options = line.partition(" --hash=")
        parsed = Requirement(requirement)
        assert parsed.name not in found
        assert parsed.marker is None
        found[parsed.name] = set(shlex.split(options.replace("--hash=", "").replace("sha256:", "")))
    assert found == expected
    comments = [line for line in text.splitlines() if line.startswith("# not here: ")]
    assert len(comments) + len(found) == len(installed.distributions)


def _logical_lines(text: str) -> Iterator[str]:
    """As pip reads a requirements file: lines joined at `\\`, without comments.

    Source: `preprocess` in pip's `req_file.py`.
    """
    parts: list[str] = []
    for line in text.splitlines():
        comment = re.match(r"(^|\s+)#.*$", line)
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        whole = "".join([*parts, f" {line}" if comment else line])
        parts = []
        if stripped := re.sub(r"(^|\s+)#.*$", "", whole).strip():
            assert "${" not in stripped
            yield re.sub(r"\s+", " ", stripped)
    assert not parts


@given(texts | st.text(), texts | st.text())
def test_file_names_are_names_of_locks(name: str, number: str) -> None:
    lock, requirements = file_names(name, number)
    assert is_valid_pylock_path(Path(lock))
    assert Path(requirements).name == requirements
    assert re.fullmatch(r"[A-Za-z0-9_.-]{,112}", lock)
    assert re.fullmatch(r"[A-Za-z0-9_.-]{,117}", requirements)
