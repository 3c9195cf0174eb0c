"""Packages, release files, their comparison, and who asks for what."""

from __future__ import annotations

import email.parser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import (
    MAX_CHAINS,
    CoreMetadata,
    DistFile,
    Distribution,
    Edge,
    Installed,
    chains,
    diff,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def _installed(graph: Mapping[str, str], version: str = "1") -> Installed:
    """Packages by name, each with the names it requires, separated by blanks."""
    distributions = tuple(
        Distribution(
            name=name,
            version=version,
            requires=tuple(Edge(target=target, requirement=f"{target}>=0") for target in targets.split()),
        )
        for name, targets in sorted(graph.items())
    )
    return Installed(distributions=distributions)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", CoreMetadata()),
        ("no header at all", CoreMetadata()),
        ("\nName: late\n", CoreMetadata()),
        ("Name: Foo\nVersion: 1.0\n\nName: body\n", CoreMetadata(name="Foo", version="1.0")),
        ("name:Foo\nVERSION:  1.0  \n", CoreMetadata(name="Foo", version="1.0")),
        ("\ufeffName: Foo\r\nVersion: 1\r\n\r\nRequires-Dist: body", CoreMetadata(name="Foo", version="1")),
        ("Name: Foo\nName: Bar\n", CoreMetadata(name="Foo")),
        ("Name:\nName: Bar\n", CoreMetadata(name="Bar")),
        ("Name: Foo\nbroken line\nVersion: 1\n", CoreMetadata(name="Foo")),
        (" folded before anything\nName: Foo\n", CoreMetadata(name="Foo")),
        ("Summary: a\x0cName: spoof\n b\x85Name: spoof\nName: Foo\n", CoreMetadata(name="Foo")),
        (
            "Requires-Dist: a>=1;\n  python_version>'3'\nName: Foo\nRequires-Dist: b\nRequires-Dist:\n",
            CoreMetadata(name="Foo", requires=("a>=1; python_version>'3'", "b")),
        ),
        ("Requires-Dist: a @ https://u:p@h/a.whl\n", CoreMetadata(requires=("a @ https://h/a.whl",))),
    ],
)
def test_core_metadata_is_read_from_headers_only(text: str, expected: CoreMetadata) -> None:
    assert CoreMetadata.parse(text) == expected


_values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n", categories=["L", "N", "P", "S"]))
_lines = st.tuples(
    st.sampled_from(["Name", "VERSION", "requires-dist", "Summary"]), st.lists(_values, min_size=1)
)


@given(st.lists(_lines), st.sampled_from(["", "\n\n", "\n\nName: body"]))
def test_core_metadata_agrees_with_the_email_package(headers: list[tuple[str, list[str]]], end: str) -> None:
    text = "\n".join(f"{key}: " + "\n  ".join(values) for key, values in headers) + end
    message = email.parser.Parser().parsestr(text)
    said = {key: [" ".join(each.split()) for each in message.get_all(key, [])] for key in ("Name", "Version")}
    parsed = CoreMetadata.parse(text)
    assert " ".join(parsed.name.split()) == next(filter(None, said["Name"]), "")
    assert " ".join(parsed.version.split()) == next(filter(None, said["Version"]), "")
    assert len(parsed.requires) == sum(bool(each.strip()) for each in message.get_all("Requires-Dist", []))


def test_documents_come_back_as_they_were() -> None:
    edge = Edge(target="b", requirement="B[x]>=1", extras=("x",))
    url = {"url": "file:///p", "dir_info": {"editable": True}}
    full = Distribution(
        name="a",
        version="1.0",
        shown_name="A",
        installer="pip",
        requested=False,
        location="/site",
        editable=True,
        direct_url=url,
        requires=(edge,),
        scopes=("runtime", "transitive"),
    )
    installed = Installed(distributions=(full, Distribution(name="b", version="2")), roots=("a",))
    file = DistFile(
        path="dist/a.whl",
        name="a",
        version="1.0",
        kind="whl",
        metadata_name="A",
        requires_dist=("B",),
        checksums=Checksums.of(b"x"),
    )
    assert Installed.from_bytes(installed.to_bytes()) == installed
    assert DistFile.from_bytes(file.to_bytes()) == file
    assert (full.id, file.id) == ("a:1.0", "a:1.0")
    assert installed.to_dict()["distributions"][1] == {"name": "b", "version": "2"}


def test_a_broken_document_names_every_place() -> None:
    with pytest.raises(InvalidDocument) as raised:
        Installed.from_dict({"distributions": [{"name": "a", "requires": [{"target": 1}]}]})
    assert {where for where, _ in raised.value.problems} == {
        "distributions[0].version",
        "distributions[0].requires[0].target",
        "distributions[0].requires[0].requirement",
    }


def test_the_fingerprint_is_the_set_of_identities() -> None:
    one, two = Distribution(name="a", version="1"), Distribution(name="b", version="2")
    there = Installed(distributions=(one, two))
    assert there.fingerprint == Installed(distributions=(two, one), roots=("a",)).fingerprint
    assert there.fingerprint != Installed(distributions=(one,)).fingerprint
    assert len(there.fingerprint) == 64


def test_diff_says_what_came_went_and_changed() -> None:
    url = {"url": "https://h/c.whl", "archive_info": {}}
    before = Installed(
        distributions=(
            Distribution(name="a", version="1"),
            Distribution(name="b", version="1", location="/one"),
            Distribution(name="c", version="1"),
            Distribution(name="d", version="1"),
        )
    )
    after = Installed(
        distributions=(
            Distribution(name="b", version="1", location="/two"),
            Distribution(name="c", version="1", direct_url=url),
            Distribution(name="d", version="2"),
            Distribution(name="e", version="1"),
        )
    )
    assert diff(before, after) == (
        "removed a==1",
        'changed c==1 to c==1 @ {"archive_info":{},"url":"https://h/c.whl"}',
        "changed d==1 to d==2",
        "added e==1",
    )
    assert diff(before, before) == ()


def test_chains_lead_from_who_asks_to_the_module() -> None:
    installed = _installed({"app": "a b", "a": "c", "b": "c missing", "c": "", "alone": ""}, version="7")
    assert chains(installed, "app:7", ["b", "a", "absent"]) == {
        "a": (("app:7",),),
        "b": (("app:7",),),
        "c": (("a:7", "app:7"), ("b:7", "app:7")),
    }


def test_the_module_itself_is_no_dependency_and_no_link() -> None:
    installed = _installed({"app": "a", "a": "app b", "b": ""})
    assert chains(installed, "app:1", ["a", "app"]) == {"a": (("app:1",),), "b": (("a:1", "app:1"),)}


def test_under_another_module_id_the_project_is_a_package_like_others() -> None:
    installed = _installed({"app": "a", "a": "app"})
    assert chains(installed, "nightly", ["app"]) == {
        "app": (("nightly",),),
        "a": (("app:1", "nightly"),),
    }


def test_rings_end() -> None:
    installed = _installed({"a": "b a", "b": "c", "c": "a b"})
    assert chains(installed, "m", ["a", "c"]) == {
        "a": (("m",), ("c:1", "m")),
        "b": (("a:1", "m"), ("c:1", "m"), ("a:1", "c:1", "m")),
        "c": (("m",), ("b:1", "a:1", "m")),
    }


def test_the_shortest_fifteen_are_kept_then_the_alphabetical() -> None:
    parents = {f"p{index:02}": "leaf" for index in range(20)}
    installed = _installed({**parents, "deep": "p00", "leaf": ""})
    found = chains(installed, "m", [*parents, "deep"])["leaf"]
    assert found == tuple((f"p{index:02}:1", "m") for index in range(MAX_CHAINS))


def test_everybody_requiring_everybody_is_no_work() -> None:
    names = [f"n{index:03}" for index in range(120)]
    found = chains(_installed(dict.fromkeys(names, " ".join(names))), "m", names)
    assert {len(each) for each in found.values()} == {MAX_CHAINS}


def test_a_ladder_of_diamonds_is_no_work() -> None:
    """Sixty diamonds in a row have 2**60 paths."""
    graph: dict[str, str] = {}
    for step in range(60):
        graph |= {f"s{step:02}": f"l{step:02} r{step:02}"}
        graph |= {f"{side}{step:02}": f"s{step + 1:02}" for side in "lr"}
    found = chains(_installed({**graph, "s60": ""}), "m", ["s00"])
    assert len(found["s60"]) == MAX_CHAINS
    assert {len(chain) for chain in found["s60"]} == {121}
