"""What is archived besides the journal: reports, captured output, records; what a dry run leaves alone."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.junit import compare, read_junit
from pytest_defend.model.bundle import JUNIT

if TYPE_CHECKING:
    from pathlib import Path

    from plugin.recorded import Demo, Kept

PASSES = "def test_it(): pass"
SECRET = "wombat-" + "4711" * 4
SEVERAL = """
import pytest

def test_passed(record_property): record_property("colour", "blue")
def test_failed(): assert 0
def test_error(no_such_fixture): pass
def test_skipped(): pytest.skip("not now")
@pytest.mark.xfail
def test_xfailed(): assert 0
"""


def _snapshot(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in files
    }


def _own_junit(run: Kept, tmp_path: Path) -> Path:
    path = tmp_path / "own.xml"
    path.write_bytes(run.file(JUNIT))
    return path


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_our_own_junit_says_what_the_record_says(demo: Demo, tmp_path: Path, mode: str) -> None:
    run = demo.holds(test_it=SEVERAL).run(mode=mode)

    path = _own_junit(run, tmp_path)
    counts, gaps = read_junit(path)
    assert gaps == ()
    assert counts is not None
    assert compare(counts, run.tally) == ()
    cases = {case.get("group"): case for case in ET.parse(path).iter("testcase")}
    assert set(cases) == {case.nodeid for case in run.cases}
    kinds = {str(name).partition("::")[2]: [part.tag for part in case] for name, case in cases.items()}
    assert [kind[0] for name, kind in kinds.items() if name != "test_passed"] == [
        {"failed": "failure", "error": "error", "skipped": "skipped", "xfailed": "skipped"}[
            run.outcomes[name]
        ]
        for name in kinds
        if name != "test_passed"
    ]


@pytest.mark.parametrize("mode", ["plain", "n2"])
@pytest.mark.parametrize("given", ["junit.xml", "$KIND/of/junit.xml"])
def test_the_users_junit_file_is_archived(demo: Demo, mode: str, given: str) -> None:
    demo.holds(test_it=f"import os\ndef test_it(tmp_path): os.chdir(tmp_path)\n{SEVERAL}")

    run = demo.run(f"--junitxml={given}", mode=mode, KIND="some")

    assert run.status == 1
    path = given.replace("$KIND", "some")
    assert run.file(f"reports/{path}") == (demo.folder / path).read_bytes()
    assert run.gaps("junit") == []


def test_a_file_of_an_earlier_run_is_left_out(demo: Demo) -> None:
    conftest = "import os, pytest\n@pytest.hookimpl(trylast=True)\n"
    conftest += "def pytest_sessionfinish(): os.utime('junit.xml', (1, 1))\n"
    demo.holds(test_it=PASSES, conftest=conftest)

    run = demo.run("--junitxml=junit.xml")

    assert run.status == 0
    (gap,) = run.gaps("junit")
    assert gap == f"{demo.folder}/junit.xml of --junitxml is of an earlier run and left out."
    assert not [name for name in run.published if name.startswith("reports")]


def test_a_file_that_was_not_written(demo: Demo) -> None:
    conftest = "from pathlib import Path\nimport pytest\n@pytest.hookimpl(trylast=True)\n"
    conftest += "def pytest_sessionfinish(): Path('junit.xml').unlink()\n"
    demo.holds(test_it=PASSES, conftest=conftest)

    run = demo.run("--junitxml=junit.xml")

    assert run.gaps("junit") == [f"{demo.folder}/junit.xml of --junitxml was not written."]
    assert run.stage.mark == "passed"


def test_a_file_that_disagrees(demo: Demo) -> None:
    conftest = "from pathlib import Path\nimport pytest\n@pytest.hookimpl(trylast=True)\n"
    conftest += "def pytest_sessionfinish(): Path('junit.xml').write_text('<testsuite/>')\n"
    demo.holds(test_it=PASSES, conftest=conftest)

    run = demo.run("--junitxml=junit.xml")

    assert run.gaps("junit") == ["test cases: the JUnit XML file holds 0, the record 1."]
    assert run.file("reports/junit.xml") == b"<testsuite/>"


def test_files_by_pattern(demo: Demo) -> None:
    demo.holds(
        test_it=f"""
from pathlib import Path

def test_it():
    Path("out/deep").mkdir(parents=True)
    Path("out/one.log").write_text("one {SECRET}")
    Path("out/deep/two.log").write_text("two")
"""
    )

    run = demo.run("--defend-attach=out/**/*.log", "--defend-attach=*.none", DEMO_PASSWORD=SECRET)

    assert run.file("reports/out/one.log") == b"one ***"
    assert run.file("reports/out/deep/two.log") == b"two"
    assert "No file matches '*.none' of --defend-attach; the tests did not write it." in run.gaps("reports")
    assert "reports/out/one.log is archived with 1 places masked as secret." in run.gaps("reports")
    assert run.stage.mark == "passed"


TALKS = f"""
import sys, logging

def test_passed():
    print("talk" * 1000)
    print("the key is {SECRET}", file=sys.stderr)

def test_failed():
    print("talk" * 1000)
    print("the key is {SECRET}", file=sys.stderr)
    assert "{SECRET}" == ""
"""


@pytest.mark.parametrize(
    ("output", "kept"),
    [("all", {"test_passed", "test_failed"}), ("failed", {"test_failed"}), ("none", set())],
)
@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_captured_output(demo: Demo, mode: str, output: str, kept: set[str]) -> None:
    run = demo.holds(test_it=TALKS).run(f"--defend-output={output}", mode=mode, DEMO_TOKEN=SECRET)

    told = {c.nodeid.partition("::")[2]: c.attempts[0].sections for c in run.cases}
    assert {name for name in told if told[name]} == kept
    for name in kept:
        assert [section.text for section in told[name]] == ["talk" * 1000 + "\n", "the key is ***\n"]
    assert SECRET.encode() not in b"".join(run.file(name) for name in run.published)
    assert SECRET not in run.out.partition("pytest-defend ---")[2]


def test_captured_output_is_capped(demo: Demo) -> None:
    run = demo.holds(test_it=TALKS).run("--defend-output-limit=1KiB")

    for case in run.cases:
        (section,) = case.attempts[0].sections
        assert section.name == "Captured stdout call"
        assert section.text.startswith("talk" * 128 + "\n[2977 characters left out]\n")
        assert section.text.endswith("talk\n")


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_a_dry_run_changes_nothing(demo: Demo, mode: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (demo.folder / "notes.txt").write_text("notes")
    demo.holds(test_it="def test_it(defend_attach): defend_attach(b'content', 'name')")
    before = _snapshot(demo.folder)

    run = demo.run("--defend-attach=notes.txt", mode=mode, asked=("--defend-dry-run",), TMPDIR=str(temporary))

    assert run.status == 0
    assert _snapshot(demo.folder) == before
    assert not list(temporary.glob("pytest-defend*"))
    assert "dry run, nothing is written" in run.out
    told = run.out.partition("would publish demo/")[2].splitlines()[1:]
    names = sorted(line.rpartition("/evidence/tests/")[2].partition("/")[2] for line in told)
    own = [name for name in names if name != "sboms.zip"]  # of whatever is installed here
    assert [re.sub(r"demo-[\d-]+", "BUILD", name) for name in own if not name.startswith("attachments/")] == [
        "journal.jsonl",
        "junit.xml",
        "pylock.BUILD.toml",
        "record.json",
        "reports/notes.txt",
        "requirements.BUILD.txt",
    ]
    assert len(own) == 7


@pytest.mark.parametrize("asked", ["--defend-publish", "--defend-record=record.zip"])
def test_a_dry_run_is_the_stronger_wish(demo: Demo, asked: str) -> None:
    before = _snapshot(demo.holds(test_it=PASSES).folder)

    run = demo.run(asked=(asked, "--defend-dry-run"))

    assert run.status == 0
    assert "would publish" in run.out
    assert _snapshot(demo.folder) == before


def test_a_dry_run_of_what_would_be_refused(demo: Demo, tmp_path: Path) -> None:
    demo.holds(test_it=PASSES).run("--defend-build=demo/1")
    before = _snapshot(demo.folder)
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    run = demo.run("--defend-build=demo/1", asked=("--defend-dry-run",), TMPDIR=str(temporary))

    assert run.status == 70
    assert "NOT PUBLISHED: demo/1@" in run.out
    assert "The record is kept" not in run.out
    assert _snapshot(demo.folder) == before
    assert _snapshot(temporary) == {}


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_a_record_published_elsewhere_gives_the_same_build(demo: Demo, tmp_path: Path, mode: str) -> None:
    demo.holds(test_it="def test_it(defend_attach): defend_attach(b'content', 'name')")

    run = demo.run("--defend-record=out/record.zip", mode=mode)

    assert run.status == 0
    assert "record written to out/record.zip" in run.out
    record = demo.folder / "out/record.zip"
    with zipfile.ZipFile(record) as archive:
        assert set(archive.namelist()) == {*run.published, "manifest.json", "final.json"}
    elsewhere = tmp_path / "elsewhere"
    published = demo.defend("publish", str(record), f"--defend-store={elsewhere}")
    assert published.status == 0, published.err
    assert record.exists()
    shown = [
        json.loads(demo.defend("show", "demo/latest", f"--defend-store={store}", "--format=json").out)
        for store in (".defend", elsewhere)
    ]
    assert [told.pop("store") for told in shown] == [str(demo.folder / ".defend"), str(elsewhere)]
    assert shown[0] == shown[1]
    assert shown[0]["stages"][0]["mark"] == "passed"


def test_only_a_record(demo: Demo, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = _snapshot(demo.holds(test_it=PASSES).folder)

    run = demo.run(asked=("--defend-record=record.zip",), TMPDIR=str(temporary))

    assert run.status == 0
    assert set(_snapshot(demo.folder)) == {*before, "record.zip"}
    assert _snapshot(temporary) == {}
    assert "record record.zip" in run.out
    assert "published" not in run.out
    assert demo.defend("publish", "record.zip").status == 0
    assert run.stage.mark == "passed"
