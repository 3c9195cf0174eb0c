from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from packaging.pylock import Pylock, PylockSelectError
from packaging.tags import Tag

from pytest_defend.documents.occasion import Occasion
from pytest_defend.documents.pylock import SCHEMA, pylock
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.facts import Interpreter
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, TWO, COMMIT = "1" * 64, "2" * 64, "c" * 40
NOTE = "built again when it is installed; what that build uses is not pinned"
INDEX = "https://example.org/simple/"
PYTHON = Interpreter(
    implementation="cpython", version="3.11.7", version_text="3.11.7 (main)", platform="linux-x86_64"
)
HERE = (
    'implementation_name == "cpython" and platform_machine == "x86_64"'
    ' and python_version == "3.11" and sys_platform == "linux"'
)
MARKS = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def a_package(name: str, file: str = "", **changes: Any) -> Distribution:
    file = file or f"{name}-1.0-py3-none-any.whl"
    origin = Origin(certainty=Certainty.MATCHED, file=file, sha256=ONE, url=f"https://example.org/{file}")
    return replace(Distribution(name=name, version="1.0", origin=origin), **changes)


OCCASION = Occasion(
    project="Demo", build_name="demo", build_number="1", run="r1", stage="tests", interpreter=PYTHON
)


def text(*distributions: Distribution, environment: Mapping[str, str] = MARKS, **changes: Any) -> str:
    installed = Installed(distributions=distributions, environment=environment)
    return pylock(installed, replace(OCCASION, **changes))


def document(*distributions: Distribution, **changes: Any) -> dict[str, Any]:
    return tomllib.loads(text(*distributions, **changes))


def commands(*distributions: Distribution) -> list[str]:
    return [line.strip("# ") for line in text(*distributions).splitlines() if line.startswith("#     ")]


def test_the_first_lines_say_what_installs_from_it() -> None:
    assert commands() == [
        "pip install --no-deps -r pylock.demo-1.toml  # pip 26.1 or newer",
        "uv pip sync pylock.demo-1.toml  # uv 0.8 or newer",
    ]
    assert "# 1 of 2 packages; the others, and why, at the end.\n\nlock-version" in text(
        a_package("lib"), a_package("demo")
    )


def test_a_commit_needs_a_pip_that_takes_what_has_no_digest() -> None:
    url = "https://example.org/lib.git"
    origin = Origin(certainty=Certainty.BUILT, tree=Tree(url=url, commit=COMMIT))
    lib = a_package("lib", origin=origin, direct_url={"url": url, "vcs_info": {"vcs": "git"}})
    assert commands(lib)[0] == (
        "pip install --no-deps --no-require-hashes -r pylock.demo-1.toml  # pip 26.2 or newer"
    )


def test_the_head_says_where_it_is_true() -> None:
    assert document() == {
        "lock-version": "1.0",
        "environments": [HERE],
        "requires-python": "==3.11.*",
        "created-by": "pytest-defend",
        "packages": [],
        "tool": {
            "pytest-defend": {
                "schema": SCHEMA,
                "build": "demo/1",
                "run": "r1",
                "stage": "tests",
                "not-reproducible": [],
            }
        },
    }


def test_a_wheel_is_one_file_with_its_digest() -> None:
    lib = a_package("lib", fingerprint="ff", requires=(Edge(target="gone", requirement="gone"),))
    assert lib.origin is not None
    lib = replace(lib, origin=replace(lib.origin, index=INDEX, size_bytes=7))
    assert document(lib)["packages"] == [
        {
            "name": "lib",
            "version": "1.0",
            "index": INDEX,
            "wheels": [
                {
                    "name": "lib-1.0-py3-none-any.whl",
                    "path": "lib-1.0-py3-none-any.whl",
                    "size": 7,
                    "hashes": {"sha256": ONE},
                }
            ],
            "tool": {
                "pytest-defend": {
                    "certainty": "matched",
                    "fingerprint": "ff",
                    "url": "https://example.org/lib-1.0-py3-none-any.whl",
                }
            },
        }
    ]


@pytest.mark.parametrize("size", [0, -1, 2**63])
def test_a_size_that_is_none_is_left_out(size: int) -> None:
    lib = a_package("lib")
    assert lib.origin is not None
    (package,) = document(replace(lib, origin=replace(lib.origin, size_bytes=size)))["packages"]
    assert "size" not in package["wheels"][0]


def test_a_file_without_a_url_lies_beside_the_lock() -> None:
    origin = Origin(certainty=Certainty.MATCHED, file="lib-1.0-py3-none-any.whl", sha256=ONE)
    (package,) = document(a_package("lib", origin=origin))["packages"]
    assert package["wheels"] == [{"name": origin.file, "path": origin.file, "hashes": {"sha256": ONE}}]
    assert package["tool"] == {"pytest-defend": {"certainty": "matched"}}


def test_no_path_of_the_machine_is_told() -> None:
    file = "lib-1.0-py3-none-any.whl"
    url = f"file:///home/somebody/{file}"
    origin = Origin(
        certainty=Certainty.PROVEN, file=file, sha256=ONE, url=url, index="file:///home/somebody/simple/"
    )
    assert "somebody" not in text(a_package("lib", origin=origin))
    direct_url = {"url": url, "archive_info": {"hashes": {"sha256": ONE}}}
    assert "somebody" not in text(a_package("lib", origin=origin, direct_url=direct_url))


def test_dependencies_are_those_in_the_lock() -> None:
    names = ("tool", "lib", "app", "lib", "foreign", "missing")
    edges = tuple(Edge(target=name, requirement=name) for name in names)
    foreign = Distribution(name="foreign", version="1", origin=Origin(certainty=Certainty.FOREIGN))
    found = document(a_package("app", requires=edges), foreign, a_package("lib"), a_package("tool"))[
        "packages"
    ]
    assert [package["name"] for package in found] == ["app", "lib", "tool"]
    assert found[0]["dependencies"] == [{"name": "lib"}, {"name": "tool"}]
    assert "dependencies" not in found[1]


def test_packages_are_sorted() -> None:
    assert [package["name"] for package in document(a_package("b"), a_package("a"))["packages"]] == ["a", "b"]


def test_a_built_one_is_its_source_distribution() -> None:
    source = Candidate(
        file="lib-1.0.tar.gz", sha256=TWO, index=INDEX, url="https://example.org/lib-1.0.tar.gz"
    )
    (package,) = document(a_package("lib", origin=Origin(certainty=Certainty.BUILT, built_from=source)))[
        "packages"
    ]
    assert package["sdist"] == {"name": source.file, "path": source.file, "hashes": {"sha256": TWO}}
    assert (package["index"], package["version"]) == (INDEX, "1.0")
    assert package["tool"]["pytest-defend"] == {"certainty": "built", "note": NOTE, "url": source.url}


def test_a_commit_promises_no_version() -> None:
    url = "https://example.org/lib.git"
    direct_url = {"url": url, "vcs_info": {"vcs": "git", "requested_revision": "main"}, "subdirectory": "a"}
    origin = Origin(certainty=Certainty.BUILT, tree=Tree(url=url, commit=COMMIT))
    (package,) = document(a_package("lib", origin=origin, direct_url=direct_url))["packages"]
    assert package == {
        "name": "lib",
        "vcs": {
            "type": "git",
            "url": url,
            "requested-revision": "main",
            "commit-id": COMMIT,
            "subdirectory": "a",
        },
        "tool": {"pytest-defend": {"certainty": "built", "note": NOTE, "version": "1.0"}},
    }


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://example.org/a.zip", {"path": "a.zip"}),
        ("https://example.org/archive/main", {"url": "https://example.org/archive/main"}),
        ("file:///files/a%20b.zip", {"path": "a b.zip"}),
        ("file:///C:/files/a.zip", {"path": "a.zip"}),
    ],
)
def test_an_archive_promises_no_version(url: str, place: dict[str, str]) -> None:
    direct_url = {"url": url, "archive_info": {"hashes": {"sha256": TWO}}, "subdirectory": "a"}
    lib = a_package("lib", origin=Origin(certainty=Certainty.BUILT), direct_url=direct_url)
    (package,) = document(lib)["packages"]
    assert package["archive"] == {**place, "hashes": {"sha256": TWO}, "subdirectory": "a"}
    assert package["tool"]["pytest-defend"]["version"] == "1.0"
    assert "version" not in package


def test_one_of_several_files_is_listed_with_their_digests() -> None:
    candidates = (Candidate(file="", sha256=TWO), Candidate(file="", sha256=ONE))
    lib = a_package("lib", origin=Origin(certainty=Certainty.CONSTRAINED, candidates=candidates))
    (listed,) = document(lib)["tool"]["pytest-defend"]["not-reproducible"]
    assert (listed["name"], listed["sha256"]) == ("lib", [ONE, TWO])


def test_who_cannot_be_installed_again_is_listed() -> None:
    lock = document(a_package("demo"), a_package("lib", version="1\n\udcff", origin=None), stage="\udcff")
    assert lock["packages"] == []
    assert lock["tool"]["pytest-defend"]["stage"] == "\\udcff"
    assert lock["tool"]["pytest-defend"]["not-reproducible"] == [
        {
            "name": "demo",
            "version": "1.0",
            "reason": "the package under test; its files are those of the build",
        },
        {"name": "lib", "version": "1\n\\udcff", "reason": "nobody looked where it came from"},
    ]


def test_it_selects_its_files_where_it_is_true_and_nothing_elsewhere() -> None:
    file = "lib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    lock = Pylock.from_dict(document(a_package("app"), a_package("lib", file)))
    tags = [Tag("cp311", "cp311", "manylinux_2_17_x86_64"), Tag("py3", "none", "any")]

    def select(**changes: str) -> list[Any]:
        marks: Any = {**MARKS, **changes}
        return list(lock.select(environment=marks, tags=tags))

    found = select()
    assert [getattr(chosen, "filename", "") for _, chosen in found] == ["app-1.0-py3-none-any.whl", file]
    assert select(python_full_version="3.11.9", platform_release="7") == found
    for elsewhere in (
        {"sys_platform": "darwin"},
        {"platform_machine": "aarch64"},
        {"implementation_name": "pypy"},
        {"python_version": "3.12", "python_full_version": "3.12.1"},
    ):
        with pytest.raises(PylockSelectError):
            select(**elsewhere)


def test_what_is_not_known_does_not_restrict() -> None:
    assert document(environment={})["environments"] == [
        'implementation_name == "cpython" and python_version == "3.11"'
    ]
    strange = replace(PYTHON, implementation='" or "', version="three")
    lock = document(interpreter=strange, environment={"sys_platform": ""})
    assert lock["environments"] == []
    assert "requires-python" not in lock


def test_a_python_that_is_not_released_is_one_of_its_minor() -> None:
    lock = document(interpreter=replace(PYTHON, version="3.15.0a1+"), environment={"python_version": "3.15"})
    assert lock["requires-python"] == "==3.15.*"


def test_the_same_arguments_give_the_same_text() -> None:
    assert text(a_package("lib"), a_package("demo")) == text(a_package("lib"), a_package("demo"))
