"""What is installed, read from real folders and from this very interpreter."""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_defend.capture.distributions import read_distributions
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_defend.model.distributions import Distribution, Installed


def _install(
    site: Path,
    name: str,
    version: str = "1.0",
    *requires: str,
    folder: str = "",
    files: dict[str, str] | None = None,
) -> Path:
    """What an installer leaves of one package."""
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    info = site / (folder or f"{name.replace('-', '_')}-{version}.dist-info")
    info.mkdir(parents=True)
    metadata = "PKG-INFO" if info.name.endswith(".egg-info") else "METADATA"
    contents = {metadata: "\n".join([*lines, "", "Name: of the description\n"]), **(files or {})}
    for file, text in contents.items():
        (info / file).write_text(text, encoding="utf-8")
    return info


def _read(*sites: Path, **arguments: Any) -> tuple[Installed, list[str]]:
    installed, gaps = read_distributions(paths=[str(site) for site in sites], **arguments)
    assert {gap.topic for gap in gaps} <= {"distributions"}
    return installed, [gap.problem for gap in gaps]


def _by_name(installed: Installed) -> dict[str, Distribution]:
    return {each.name: each for each in installed.distributions}


def _edges(installed: Installed) -> dict[str, list[str]]:
    return {each.name: [edge.requirement for edge in each.requires] for each in installed.distributions}


def _scopes(installed: Installed) -> dict[str, str]:
    return {each.name: " ".join(each.scopes) for each in installed.distributions}


def test_everything_an_installer_wrote_is_read(tmp_path: Path) -> None:
    url = {"url": "https://u:p@h/f.whl?sig=1", "archive_info": {"hashes": {"sha256": "ab"}}}
    _install(
        tmp_path,
        "Foo.Bar_baz",
        "1.0+local",
        "six>=1",
        files={"INSTALLER": "pip\n", "REQUESTED": "", "direct_url.json": json.dumps(url)},
    )
    installed, problems = _read(tmp_path)
    assert problems == []
    (found,) = installed.distributions
    assert found.to_dict() == {
        "name": "foo-bar-baz",
        "version": "1.0+local",
        "shown_name": "Foo.Bar_baz",
        "installer": "pip",
        "requested": True,
        "location": str(tmp_path.resolve()),
        "metadata": "Foo.Bar_baz-1.0+local.dist-info",
        "direct_url": {"url": "https://h/f.whl?sig=***", "archive_info": {"hashes": {"sha256": "ab"}}},
        "requires": [{"target": "six", "requirement": "six>=1"}],
        "scopes": ["test"],
    }


@pytest.mark.parametrize(
    ("files", "requested"),
    [
        ({}, None),
        ({"INSTALLER": "pip\n"}, False),
        ({"INSTALLER": "pip\n", "REQUESTED": ""}, True),
        ({"INSTALLER": "uv"}, None),
        ({"INSTALLER": "uv", "REQUESTED": ""}, None),
        ({"INSTALLER": "poetry 2.1"}, None),
        ({"INSTALLER": "conda", "REQUESTED": ""}, True),
    ],
)
def test_requested_is_known_only_where_the_installer_says(
    tmp_path: Path, files: dict[str, str], requested: bool | None
) -> None:
    _install(tmp_path, "foo", files=files)
    assert _read(tmp_path)[0].distributions[0].requested is requested


@pytest.mark.parametrize(
    ("url", "editable"),
    [
        ({"url": "file:///p", "dir_info": {"editable": True}}, True),
        ({"url": "file:///p", "dir_info": {}}, False),
        ({"url": "git+ssh://h/p", "vcs_info": {"vcs": "git", "commit_id": "ab"}}, False),
        ({"url": "https://h/f.whl", "archive_info": {}}, False),
    ],
)
def test_direct_urls_are_kept(tmp_path: Path, url: dict[str, Any], editable: bool) -> None:
    _install(tmp_path, "foo", files={"direct_url.json": json.dumps(url)})
    (found,) = _read(tmp_path)[0].distributions
    assert (found.direct_url, found.editable) == (url, editable)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"url": "https://u:secret@h/"}',
        '{"url": 1, "archive_info": {}}',
        '{"url": "file://u:secret@[h/", "dir_info": {}}',
    ],
    ids=["empty", "cut", "list", "deep", "no-kind", "no-text", "no-host"],
)
def test_a_broken_direct_url_is_a_gap_without_its_content(tmp_path: Path, text: str) -> None:
    _install(tmp_path, "foo", files={"direct_url.json": text})
    installed, problems = _read(tmp_path)
    assert installed.distributions[0].direct_url == {}
    assert problems == ["direct_url.json of foo 1.0 is broken, so its origin is unknown; install it again."]


def test_an_old_egg_is_read_from_pkg_info_and_requires_txt(tmp_path: Path) -> None:
    _install(tmp_path, "old", folder="old.egg-info", files={"requires.txt": "six\n\n[fast]\nspeedy\n"})
    _install(tmp_path, "new", "1.0", "six>=2", folder="new.egg-info", files={"requires.txt": "other\n"})
    (tmp_path / "single-2.0.egg-info").write_text("Name: single\nVersion: 2.0\n", encoding="utf-8")
    installed, problems = _read(tmp_path)
    assert problems == []
    assert _edges(installed) == {"new": ["six>=2"], "old": ["six"], "single": []}
    assert _by_name(installed)["single"].version == "2.0"


_UTF_16 = "Name: wide\nVersion: 1.0\n".encode("utf-16")
_LATIN_1 = b"Name: latin\nAuthor: J\xfcrgen\nVersion: 1.0\nRequires-Dist: six\n"


def _put(site: Path, folder: str, file: str = "", content: bytes = b"") -> None:
    (site / folder).mkdir(parents=True, exist_ok=True)
    if file:
        (site / folder / file).write_bytes(content)


def _broken(site: Path) -> None:
    """Every kind of copy that something is wrong with."""
    _install(site, "pip", folder="~ip-23.0.dist-info")
    _install(site, "numpy", folder="-umpy-1.0.dist-info")
    _put(site, "empty-1.0.dist-info")
    _put(site, "empty.egg-info")
    _put(site, "hollow-1.0.dist-info", "METADATA")
    (site / "folder-1.0.dist-info" / "METADATA").mkdir(parents=True)
    _put(site, "nameless-1.0.dist-info", "METADATA", b"Version: 2.0\n")
    _install(site, "versionless", "", "six", folder="versionless-1.0-py3.11.egg-info")
    _install(site, "no such name", folder="spaced out-1.0.dist-info")
    _install(site, "\u00e4rgerlich", folder="plain-1.0.dist-info")
    _put(site, "latin-1.0.dist-info", "METADATA", _LATIN_1)
    _put(site, "wide-1.0.dist-info", "METADATA", _UTF_16)
    _install(site, "notes", files={"REQUESTED": ""})
    for file in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD"):
        _put(site, "notes-1.0.dist-info", file, b"\xff")
    (site / "circle-1.0.dist-info").symlink_to("circle-1.0.dist-info")


_NAMED_BY_FOLDER = (
    "circle:1.0",
    "empty:1.0",
    "folder:1.0",
    "hollow:1.0",
    "nameless:1.0",
    "plain:1.0",
    "versionless:1.0",
    "wide:1.0",
)


def test_what_is_broken_is_recorded_as_far_as_it_says_what_it_is(tmp_path: Path) -> None:
    _broken(tmp_path)
    _install(tmp_path, "whole")
    installed, problems = _read(tmp_path)
    found = {each.id: each for each in installed.distributions}
    assert found.keys() == {*_NAMED_BY_FOLDER, "latin:1.0", "notes:1.0", "whole:1.0"}
    assert {name for name, each in found.items() if not each.shown_name} == set(_NAMED_BY_FOLDER)
    assert {name for name, each in found.items() if each.requires} == {"latin:1.0", "versionless:1.0"}
    assert (found["notes:1.0"].installer, found["notes:1.0"].requested) == ("", True)

    site = tmp_path.resolve()
    leftover = "is left over from an interrupted installation; remove it."
    again = "remove it, or install its package again."
    counts = "what the folder is called counts, install its package again."
    no_text = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    circle = f"[Errno {errno.ELOOP}] {os.strerror(errno.ELOOP)}: '{site}/circle-1.0.dist-info/WHEEL'"
    assert problems == [
        f"{site}/-umpy-1.0.dist-info {leftover}",
        f"{site}/circle-1.0.dist-info has no METADATA; {counts}",
        f"{site}/empty-1.0.dist-info has no METADATA; {counts}",
        f"{site}/empty.egg-info has no METADATA; {again}",
        f"{site}/folder-1.0.dist-info has no METADATA; {counts}",
        f"{site}/hollow-1.0.dist-info has no METADATA; {counts}",
        f"{site}/latin-1.0.dist-info has a METADATA that is not UTF-8; install its package again.",
        f"{site}/nameless-1.0.dist-info names no package; {counts}",
        f"{site}/plain-1.0.dist-info is named '\u00e4rgerlich', which no package can be; {counts}",
        f"{site}/spaced out-1.0.dist-info is named 'no such name', which no package can be; {again}",
        f"{site}/versionless-1.0-py3.11.egg-info holds versionless without a version; {counts}",
        f"{site}/wide-1.0.dist-info has a METADATA that is not UTF-8; install its package again.",
        f"{site}/wide-1.0.dist-info names no package; {counts}",
        f"{site}/~ip-23.0.dist-info {leftover}",
        "INSTALLER of notes 1.0 is not UTF-8, so nobody is named; install it again.",
        f"RECORD or WHEEL of circle 1.0 is broken ({circle}); install it again.",
        f"RECORD or WHEEL of notes 1.0 is broken ({no_text}); install it again.",
        "direct_url.json of notes 1.0 is broken, so its origin is unknown; install it again.",
    ]


@pytest.mark.parametrize("order", [("remains", "whole"), ("whole", "remains")])
def test_remains_of_another_version_hide_nothing(tmp_path: Path, order: tuple[str, str]) -> None:
    _put(tmp_path / "remains", "foo-2.0.dist-info")
    _put(tmp_path / "whole", "foo-3.0.dist-info")
    _install(tmp_path / "whole", "foo", "1.0")
    installed, problems = _read(*(tmp_path / each for each in order))
    assert [each.id for each in installed.distributions] == ["foo:1.0"]
    assert any("foo 1.0 in" in problem and "hides" in problem for problem in problems)


def test_the_first_folder_wins_and_the_hidden_copies_are_one_gap(tmp_path: Path) -> None:
    one, two, three = tmp_path / "one", tmp_path / "two", tmp_path / "thr\u00e9e"
    _install(one, "foo", "1.0")
    _install(two, "Foo", "2.0")
    _install(three, "FOO", "3.0")
    installed, problems = _read(one, two, three)
    assert [(each.id, each.location) for each in installed.distributions] == [("foo:1.0", str(one.resolve()))]
    placed = [
        f"{version} in {site.resolve()}" for version, site in (("1.0", one), ("2.0", two), ("3.0", three))
    ]
    problem = f"foo {placed[0]} hides {placed[1]}, {placed[2]}; uninstall what is not to be tested."
    assert problems == [problem]


@pytest.mark.parametrize(
    ("versions", "winner"),
    [(["1.9", "1.10"], "1.10"), (["1.10", "1.9"], "1.10"), (["zzz", "1.0"], "1.0"), (["b", "a"], "b")],
)
def test_within_one_folder_the_highest_version_wins(tmp_path: Path, versions: list[str], winner: str) -> None:
    for version in versions:
        _install(tmp_path, "foo", version)
    installed, problems = _read(tmp_path)
    assert [each.version for each in installed.distributions] == [winner]
    assert len(problems) == 1


def test_a_dist_info_is_preferred_to_an_egg_info_beside_it(tmp_path: Path) -> None:
    _install(tmp_path, "foo", folder="foo.egg-info")
    _install(tmp_path, "foo", files={"INSTALLER": "pip"})
    installed, problems = _read(tmp_path)
    assert installed.distributions[0].installer == "pip"
    assert len(problems) == 1


def test_a_folder_that_is_twice_on_the_path_hides_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    _install(site, "foo")
    (tmp_path / "link").symlink_to(site)
    installed, problems = _read(site, site, tmp_path / "link")
    assert ([each.id for each in installed.distributions], problems) == (["foo:1.0"], [])


@pytest.mark.parametrize("order", ["outer first", "inner first"])
@pytest.mark.parametrize(
    "record", ["tools/_vendor/foo-2.0.dist-info/METADATA,,\n", "foo.py,,\r\ntools/_vendor/x,,"]
)
def test_what_a_package_carries_inside_itself_is_not_installed(
    tmp_path: Path, order: str, record: str
) -> None:
    inner = tmp_path / "tools" / "_vendor"
    _install(tmp_path, "other-tools", files={"RECORD": record})
    _install(tmp_path, "foo")
    _install(inner, "foo", "2.0")
    _install(inner, "bar")
    installed, problems = _read(*([tmp_path, inner] if order == "outer first" else [inner, tmp_path]))
    assert [each.id for each in installed.distributions] == ["foo:1.0", "other-tools:1.0"]
    assert problems == []


@pytest.mark.parametrize("record", [None, "", "tools/_vendored/x,,\n", "more/tools/_vendor/x,,\n"])
def test_a_folder_inside_another_that_no_record_names_counts(tmp_path: Path, record: str | None) -> None:
    inner = tmp_path / "tools" / "_vendor"
    _install(tmp_path, "tools", files={} if record is None else {"RECORD": record})
    _install(inner, "bar")
    installed, _ = _read(tmp_path, inner)
    assert [each.name for each in installed.distributions] == ["bar", "tools"]


@pytest.mark.parametrize("project_first", [True, False])
def test_an_editable_install_and_the_egg_info_in_its_project_are_one(
    tmp_path: Path, project_first: bool
) -> None:
    site, source = tmp_path / "site", tmp_path / "my project" / "src"
    url = {"url": source.parent.as_uri() + "/", "dir_info": {"editable": True}}
    _install(site, "foo", files={"direct_url.json": json.dumps(url)})
    _install(source, "foo", folder="foo.egg-info")
    installed, problems = _read(*([source, site] if project_first else [site, source]))
    (found,) = installed.distributions
    assert (found.editable, found.location, problems) == (True, str(site.resolve()), [])


def test_a_stale_egg_info_in_an_editable_project_is_a_gap(tmp_path: Path) -> None:
    site, source = tmp_path / "site", tmp_path / "source"
    url = {"url": source.as_uri(), "dir_info": {"editable": True}}
    _install(site, "foo", "2.0", files={"direct_url.json": json.dumps(url)})
    _install(source, "foo", "1.0", folder="foo.egg-info")
    installed, problems = _read(site, source)
    assert (installed.distributions[0].version, len(problems)) == ("2.0", 1)


@pytest.mark.parametrize("editable", [True, False])
def test_an_environment_inside_the_project_is_no_part_of_it(tmp_path: Path, editable: bool) -> None:
    site = tmp_path / "site-packages"
    inner = tmp_path / "project" / ".venv" / "site-packages"
    url = {"url": (tmp_path / "project").as_uri(), "dir_info": {"editable": True}}
    _install(site, "foo", files={"INSTALLER": "pip", "direct_url.json": json.dumps(url)})
    more = {"direct_url.json": json.dumps(url)} if editable else {}
    _install(inner, "foo", files={"INSTALLER": "uv", **more})
    installed, problems = _read(inner, site)
    assert [(each.installer, each.editable) for each in installed.distributions] == [("uv", editable)]
    assert len(problems) == 1


def test_the_metadata_of_a_working_tree_is_editable(tmp_path: Path) -> None:
    for folder in ("tree.egg-info", "old-1.0-py3.11.egg-info", "new-1.0.dist-info"):
        _install(tmp_path / "lib", folder.partition("-")[0].partition(".")[0], folder=folder)
    _install(tmp_path / "site-packages", "kept", folder="kept.egg-info")
    installed, _ = _read(tmp_path / "lib", tmp_path / "site-packages")
    assert {each.name: each.editable for each in installed.distributions} == {
        "kept": False,
        "new": False,
        "old": False,
        "tree": True,
    }


def test_markers_are_judged_for_this_interpreter(tmp_path: Path) -> None:
    _install(
        tmp_path,
        "foo",
        "1.0",
        "never; sys_platform == 'no-such-platform'",
        "always; python_version >= '3'",
        "old; python_version < '3'",
        "extra-only; extra == 'x'",
        "without-extra; extra != 'x'",
    )
    installed, problems = _read(tmp_path)
    assert problems == []
    assert _edges(installed)["foo"] == ["always; python_version >= '3'", "without-extra; extra != 'x'"]


def test_extras_in_use_are_followed_until_nothing_new_appears(tmp_path: Path) -> None:
    _install(tmp_path, "app", "1.0", "lib[All_Things]>=1")
    _install(
        tmp_path,
        "lib",
        "1.0",
        "lib[net,missing]; extra == 'all-things'",
        "other[Deep]; extra == 'Net'",
        "unused; extra == 'docs'",
    )
    _install(tmp_path, "other", "1.0", "lib[net]", "bottom; extra == 'deep'")
    installed, problems = _read(tmp_path)
    assert problems == []
    assert _edges(installed) == {
        "app": ["lib[All_Things]>=1"],
        "lib": ["lib[net,missing]; extra == 'all-things'", "other[Deep]; extra == 'Net'"],
        "other": ["bottom; extra == 'deep'", "lib[net]"],
    }
    assert [edge.extras for edge in _by_name(installed)["lib"].requires] == [("missing", "net"), ("deep",)]


def test_requirements_nobody_can_read_are_gaps_without_credentials(tmp_path: Path) -> None:
    _install(
        tmp_path,
        "foo",
        "1.0",
        "six",
        "not a requirement",
        "x @ https://u:secret@h/x.whl y",
        "odd; python_version ~= 'x'",
        "fine @ https://u:secret@h/fine.whl",
    )
    installed, problems = _read(tmp_path, build_requires=["]["])
    assert _edges(installed)["foo"] == ["fine @ https://h/fine.whl", "six"]
    assert problems == [
        "foo:1.0 asks for \"odd; python_version ~= 'x'\", whose marker makes no sense; its edge is left out.",
        "foo:1.0 asks for 'not a requirement', which is no requirement; its edge is left out.",
        "foo:1.0 asks for 'x @ https://h/x.whl y', which is no requirement; its edge is left out.",
        "the build system asks for '][', which is no requirement; its edge is left out.",
    ]


def _environment(site: Path) -> None:
    _install(site, "app", "1.0", "web", "App[more]")
    _install(site, "web", "1.0", "shared")
    _install(site, "shared")
    _install(site, "pytest", "9.0", "pluggy")
    _install(site, "pluggy")
    _install(site, "pytest-plugin", "1.0", "pytest", "shared", "app")
    _install(site, "builder", "1.0", "pluggy", "wheels", "core; extra == 'core'")
    _install(site, "wheels")
    _install(site, "core")
    _install(site, "ring-a", "1.0", "ring-b")
    _install(site, "ring-b", "1.0", "ring-a")


def test_scopes_say_what_a_package_is_there_for(tmp_path: Path) -> None:
    _environment(tmp_path)
    installed, problems = _read(
        tmp_path, project="APP", build_requires=["builder[core]>=1", "gone; extra=='x'"]
    )
    assert problems == []
    assert _scopes(installed) == {
        "app": "",
        "builder": "build",
        "core": "build transitive",
        "pluggy": "build test transitive",
        "pytest": "test transitive",
        "pytest-plugin": "test transitive",
        "ring-a": "test transitive",
        "ring-b": "test transitive",
        "shared": "runtime transitive",
        "web": "runtime",
        "wheels": "build transitive",
    }
    assert installed.roots == ("builder", "pytest-plugin", "ring-a", "web")


def test_what_the_project_asks_for_in_groups_and_extras_is_not_transitive(tmp_path: Path) -> None:
    odd = "odd; python_version ~= '3' and extra == 'test'"
    _install(
        tmp_path,
        "app",
        "1.0",
        "web",
        "Test.Tool; extra == 'test'",
        "app[test]; 'all' == extra",
        "elsewhere; extra == 'test' and sys_platform == 'no-such-platform'",
        odd,
    )
    _install(tmp_path, "web", "1.0", "elsewhere", "linter", "odd")
    for name in ("elsewhere", "linter", "odd", "below", "pytest", "old-python", "formatter"):
        _install(tmp_path, name)
    _install(tmp_path, "test-tool", "1.0", "below", "extra-of-group; extra == 'x'")
    _install(tmp_path, "extra-of-group")
    groups = ["Pytest>=8", "linter", "not-here", "test_tool[x]", "old_python; python_version < '3'", "]["]
    installed, problems = _read(tmp_path, project="app", group_requires=groups)
    assert _scopes(installed) == {
        "app": "",
        "below": "test transitive",
        "elsewhere": "runtime transitive",
        "extra-of-group": "test transitive",
        "formatter": "test transitive",
        "linter": "runtime transitive",
        "odd": "runtime transitive",
        "old-python": "test transitive",
        "pytest": "test",
        "test-tool": "test",
        "web": "runtime",
    }
    assert installed.roots == (
        "extra-of-group",
        "formatter",
        "linter",
        "old-python",
        "pytest",
        "test-tool",
        "web",
    )
    assert _edges(installed)["app"] == ["web"]
    assert problems == [
        "a dependency group asks for '][', which is no requirement; its edge is left out.",
        f"app:1.0 asks for {odd!r}, whose marker makes no sense; its edge is left out.",
    ]


def test_without_a_project_everything_is_there_for_the_tests(tmp_path: Path) -> None:
    _environment(tmp_path)
    installed, problems = _read(tmp_path)
    assert (set(_scopes(installed).values()), problems) == ({"test"}, [])
    assert installed.roots == ("builder", "core", "pytest-plugin", "ring-a")


def test_a_project_that_is_not_installed_is_a_gap(tmp_path: Path) -> None:
    _install(tmp_path, "foo")
    installed, problems = _read(tmp_path, project="My_App")
    assert _scopes(installed) == {"foo": "test"}
    assert problems == ["my-app is not installed where the tests run, so nothing is known to be runtime."]


def test_two_readings_are_byte_identical(tmp_path: Path) -> None:
    _environment(tmp_path / "one")
    _environment(tmp_path / "two")
    _broken(tmp_path / "one")
    first, again = (read_distributions(paths=[str(tmp_path / "one"), str(tmp_path / "two")]) for _ in "12")
    assert first[0].to_bytes() == again[0].to_bytes()
    assert first[1] == again[1]


def _rivals(site: Path) -> None:
    """Copies of which the order of a listing must not decide."""
    _broken(site)
    _environment(site)
    for version in ("1.9", "1.10", "1.10.0", "banana"):
        _install(site, "foo", version)
    _install(site, "Foo", "1.10", folder="Foo.egg-info")
    _put(site, "foo-3.0.dist-info")


@pytest.mark.parametrize("shuffled", [reversed, sorted], ids=["reversed", "sorted"])
def test_the_order_of_a_listing_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shuffled: Callable[[list[str]], Iterable[str]]
) -> None:
    _rivals(tmp_path)
    usual = read_distributions(paths=[str(tmp_path)])
    listdir, listed = os.listdir, []

    def turned(path: str) -> list[str]:
        listed.append(path)
        return [*shuffled(listdir(path))]

    os.utime(tmp_path, (0, 0))  # importlib.metadata remembers a listing until the folder changes
    monkeypatch.setattr(os, "listdir", turned)
    again = read_distributions(paths=[str(tmp_path)])
    assert listed == [str(tmp_path)]
    assert (again[0].to_bytes(), again[1]) == (usual[0].to_bytes(), usual[1])


def test_the_seed_of_hashes_decides_nothing(tmp_path: Path) -> None:
    _rivals(tmp_path)
    program = (
        "import sys\n"
        "from pytest_defend.capture.distributions import read_distributions\n"
        "installed, gaps = read_distributions(paths=sys.argv[1:], project='app', build_requires=['wheels'])\n"
        "print(ascii(installed.to_bytes()), *map(ascii, gaps), sep='\\n')"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(told) == 1
    assert b"banana" in told.pop()


def test_an_empty_path_holds_nothing(tmp_path: Path) -> None:
    assert read_distributions(paths=[str(tmp_path / "absent")])[0].distributions == ()
    assert read_distributions(paths=[])[0].distributions == ()


class _Foreign(importlib.metadata.Distribution):
    """A distribution of another import system: no folder, and not everything works."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def read_text(self, filename: str) -> str | None:
        return self._files.get(filename)

    def locate_file(self, path: Any) -> Any:
        if not self._files:
            raise NotImplementedError
        return f"/foreign/{path}"


class _Finder(importlib.metadata.DistributionFinder):
    """Finds two packages, one that cannot be placed and one that is none, and then fails."""

    def find_spec(self, *_: Any) -> None:
        return None

    def find_distributions(self, context: Any = None) -> Iterator[Any]:
        assert context is not None
        yield _Foreign({"METADATA": "Name: far\nVersion: 1\n"})
        yield _Foreign({})
        yield None
        yield _Foreign({"PKG-INFO": "Name: away\nVersion: 2\n"})
        raise RuntimeError


class _Nothing(importlib.metadata.DistributionFinder):
    """Answers no list."""

    def find_spec(self, *_: Any) -> None:
        return None

    def find_distributions(self, _context: Any = None) -> Any:
        return None


def test_finders_of_others_are_read_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "near")
    monkeypatch.setattr(sys, "meta_path", [_Nothing, _Finder(), *sys.meta_path, object()])
    installed, problems = _read(tmp_path)
    assert [(each.id, each.location) for each in installed.distributions] == [
        ("away:2", "/foreign"),
        ("far:1", "/foreign"),
        ("near:1.0", str(tmp_path.resolve())),
    ]
    missing = "what only it would have found is missing."
    assert problems == [
        "A distribution without a folder cannot be read (AttributeError); install its package again.",
        "A distribution without a folder cannot be read (NotImplementedError); install its package again.",
        f"_Finder stopped looking for distributions (RuntimeError); {missing}",
        f"_Nothing stopped looking for distributions (TypeError); {missing}",
    ]


def test_what_is_no_text_on_the_import_path_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path / "site", "near")
    _install(tmp_path / "other", "far")
    monkeypatch.setattr(sys, "path", [b"/bytes", None, tmp_path / "other", "\0", str(tmp_path / "site")])
    installed, gaps = read_distributions()
    assert ([each.name for each in installed.distributions], gaps) == (["near"], ())


def _pip_inspect() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "inspect"]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    return {
        canonicalize_name(each["metadata"]["name"]): each for each in json.loads(answer.stdout)["installed"]
    }


def _required(truth: dict[str, dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Who asks for what, by pip's word: extras are asked for over and over, until no new one turns up."""
    asked = {(name, "") for name in truth}
    edges: set[tuple[str, str, str]] = set()
    while True:
        before = len(asked)
        for name, extra in sorted(asked):
            for text in truth[name]["metadata"].get("requires_dist", ()):
                each = Requirement(text)
                if each.marker is None or each.marker.evaluate({"extra": extra}):
                    target = canonicalize_name(each.name)
                    edges.add((name, target, text))
                    asked |= {(target, wanted) for wanted in each.extras if target in truth}
        if len(asked) == before:
            return edges


def _without_old_hash(direct_url: dict[str, Any]) -> dict[str, Any]:
    """The same without `hash`, which PEP 610 had before `hashes` and pip still writes beside it."""
    info = direct_url.get("archive_info", {})
    if "hash" not in info:
        return direct_url
    algorithm, _, digest = info["hash"].partition("=")
    assert info["hashes"][algorithm] == digest
    return {**direct_url, "archive_info": {"hashes": info["hashes"]}}


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed here")
def test_this_interpreter_has_what_pip_says() -> None:
    truth = _pip_inspect()
    installed, gaps = read_distributions()
    found = _by_name(installed)
    assert {name: each.version for name, each in found.items()} == {
        name: each["metadata"]["version"] for name, each in truth.items()
    }
    for name, each in found.items():
        told = truth[name]
        assert f"{each.location}/{each.metadata}" == told["metadata_location"]
        assert each.installer == told["installer"]
        assert each.direct_url == _without_old_hash(told.get("direct_url", {}))
        assert each.requested in {told["requested"], None}
    assert all(isinstance(gap, Gap) for gap in gaps)
    edges = {(name, edge.target, edge.requirement) for name, each in found.items() for edge in each.requires}
    assert edges == _required(truth)
    assert {"packaging", "pluggy"} <= {edge.target for edge in found["pytest"].requires}
