from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_defend.documents.occasion import Occasion
from pytest_defend.documents.requirements import hashed_requirements
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.facts import Interpreter
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree

ONE, TWO, COMMIT = "1" * 64, "2" * 64, "c" * 40
PYTHON = Interpreter(
    implementation="cpython", version="3.11.7", version_text="3.11.7 (main)", platform="linux-x86_64"
)
MATCHED = Origin(certainty=Certainty.MATCHED, file="lib-1.0-py3-none-any.whl", sha256=ONE)
SDIST = Candidate(file="lib-1.0.tar.gz", sha256=TWO)
OCCASION = Occasion(
    project="Demo", build_name="demo", build_number="1", run="r1", stage="tests", interpreter=PYTHON
)


def text(*distributions: Distribution, **changes: Any) -> str:
    return hashed_requirements(Installed(distributions=distributions), replace(OCCASION, **changes))


def lib(origin: Origin | None, **changes: Any) -> Distribution:
    return replace(Distribution(name="lib", version="1.0", origin=origin), **changes)


def test_the_first_lines_say_what_installs_from_it() -> None:
    head = text()
    assert (
        "#     pip install --no-index --find-links . --require-hashes --no-deps -r requirements.demo-1.txt\n"
        "#     uv pip sync --no-index --find-links . --require-hashes requirements.demo-1.txt\n"
    ) in head
    assert head.endswith("# 0 of 0 packages; the others, and why, at the end.\n\n")


def test_every_package_is_a_requirement_or_a_comment() -> None:
    demo = Distribution(name="demo", version="1.0", origin=MATCHED)
    assert text(demo, lib(MATCHED)).endswith(
        "# 1 of 2 packages; the others, and why, at the end.\n\n"
        f"lib==1.0 \\\n    --hash=sha256:{ONE}\n"
        "\n# not here: demo==1.0: the package under test; its files are those of the build\n"
    )


def body(distribution: Distribution) -> list[str]:
    return text(distribution).partition("at the end.\n\n")[2].splitlines()


def test_one_of_several_files_has_all_their_digests() -> None:
    candidates = (Candidate(file="", sha256=TWO), Candidate(file="", sha256=ONE))
    assert body(lib(Origin(certainty=Certainty.CONSTRAINED, candidates=candidates))) == [
        "# several files fit, 2 of them, and nobody can say which it was",
        "lib==1.0 \\",
        f"    --hash=sha256:{ONE} \\",
        f"    --hash=sha256:{TWO}",
    ]


def test_a_built_one_has_the_digest_of_its_source() -> None:
    assert body(lib(Origin(certainty=Certainty.BUILT, built_from=SDIST))) == [
        "# built again when it is installed; what that build uses is not pinned",
        "lib==1.0 \\",
        f"    --hash=sha256:{TWO}",
    ]


@pytest.mark.parametrize(
    ("url", "subdirectory", "written"),
    [
        ("https://example.org/a.zip", "", "https://example.org/a.zip"),
        (
            "https://example.org/a%20b.zip?c=d&e=$HOME;f",
            "g h",
            "https://example.org/a%20b.zip?c=d&e=%24HOME%3Bf#subdirectory=g%20h",
        ),
        ("https://[::1]:80/\\a'b\".zip", "", "https://[::1]:80/%5Ca%27b%22.zip"),
    ],
)
def test_an_archive_of_another_name_keeps_its_url(url: str, subdirectory: str, written: str) -> None:
    direct_url = {"url": url, "archive_info": {"hashes": {"sha256": TWO}}, "subdirectory": subdirectory}
    found = body(lib(Origin(certainty=Certainty.BUILT), direct_url=direct_url))
    note = "# built again when it is installed; what that build uses is not pinned"
    assert found == [note, f"lib @ {written} \\", f"    --hash=sha256:{TWO}"]


@pytest.mark.parametrize("place", ["file:///home/somebody/", "https://example.org/"])
def test_a_file_asked_for_by_its_url_is_found_in_a_folder(place: str) -> None:
    direct_url = {"url": f"{place}{MATCHED.file}", "archive_info": {"hashes": {"sha256": ONE}}}
    origin = replace(MATCHED, url=f"{place}{MATCHED.file}")
    assert body(lib(origin, direct_url=direct_url)) == ["lib==1.0 \\", f"    --hash=sha256:{ONE}"]


def test_an_archive_of_this_machine_with_another_name_is_a_comment() -> None:
    direct_url = {"url": "file:///home/somebody/a.zip", "archive_info": {"hashes": {"sha256": TWO}}}
    assert body(lib(Origin(certainty=Certainty.BUILT), direct_url=direct_url)) == [
        "",
        f"# not here: lib==1.0: the name of a.zip, sha256 {TWO}, does not tell what it is",
    ]


@pytest.mark.parametrize("subdirectory", ["", "part"])
def test_a_commit_is_a_comment(subdirectory: str) -> None:
    direct_url = {"vcs_info": {"vcs": "git"}, "subdirectory": subdirectory}
    tree = Tree(url="https://example.org/lib.git", commit=COMMIT)
    inside = f"#subdirectory={subdirectory}" if subdirectory else ""
    assert body(lib(Origin(certainty=Certainty.BUILT, tree=tree), direct_url=direct_url)) == [
        "",
        f"# not here: lib==1.0: a commit has no digest: git+https://example.org/lib.git@{COMMIT}{inside}",
    ]


@pytest.mark.parametrize(
    "evil", ["a\nb==1", "a\\", "a\x0cb==1", "a\u2028b==1", "a\x85b==1", "a\r", "a\udcff"]
)
def test_no_text_leaves_its_line(evil: str) -> None:
    written = text(lib(None, version=evil), run=evil, stage=evil)
    lines = written.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [""] * 2
    assert not [line for line in lines if line.endswith("\\")]
    assert written.encode()
