"""Trouble in our own code and in extensions of others: a gap and a line, never a broken run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugin.recorded import Demo, Run

PASSES = "def test_it(): pass"
TWO = "def test_it(): pass\ndef test_bad(): assert 0"
SECRET = "wombat-" + "4711" * 4


def _undisturbed(run: Run) -> None:
    """pytest said what it had to say."""
    assert run.status == 1
    assert "INTERNALERROR" not in run.out + run.err
    assert "FAILURES" in run.out
    assert re.search(r"=== 1 failed, 1 passed", run.out)


EXTENSIONS = """
import dataclasses
from pathlib import Path

def pytest_defend_facts(stage):
    return {"database": {"version": "16.2", "stage": stage}}

def pytest_defend_artifacts(stage, root):
    return [root / "notes.txt", "more.txt"]

def pytest_defend_test_record(attempt):
    seen = (*attempt.properties, ("seen", "yes"))
    return dataclasses.replace(attempt, properties=seen, nodeid="another", ordinal=7)

def pytest_defend_build_info(build):
    return dataclasses.replace(build, url="https://ci.example/1", name="another")

def pytest_defend_redactor():
    return lambda text: text.replace("sensitive", "gone")

def pytest_defend_published(published):
    Path("told.txt").write_text(published.build)
"""


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_extension_points(demo: Demo, mode: str) -> None:
    demo.holds(conftest=EXTENSIONS, test_it="def test_it(): print('sensitive')")
    (demo.folder / "notes.txt").write_text("sensitive notes")
    (demo.folder / "more.txt").write_text("more")

    run = demo.run(mode=mode)

    assert run.status == 0
    assert run.record.facts.more == {"database": {"version": "16.2", "stage": "tests"}}
    assert run.file("reports/notes.txt") == b"gone notes"
    assert run.file("reports/more.txt") == b"more"
    (case,) = run.cases
    assert (case.nodeid, case.attempts[0].ordinal) == ("test_it.py::test_it", 0)
    assert case.attempts[0].properties == (("seen", "yes"),)
    assert [section.text for section in case.attempts[0].sections] == ["gone\n"]
    assert run.view.build.url == "https://ci.example/1"
    assert (demo.folder / "told.txt").read_text() == str(run.view.build.id)


def test_an_extension_point_of_a_folder_below(demo: Demo) -> None:
    demo.holds(test_it=PASSES)
    (demo.folder / "inner").mkdir()
    (demo.folder / "inner/conftest.py").write_text(
        "def pytest_defend_facts(): return {'inner': {'asked': 'yes'}}\n"
        "def pytest_defend_artifacts(root): return [root / 'inner/notes.txt']\n"
    )
    (demo.folder / "inner/test_inner.py").write_text(PASSES)
    (demo.folder / "inner/notes.txt").write_text("notes")

    run = demo.run()

    assert run.status == 0
    assert run.file("reports/inner/notes.txt") == b"notes"
    assert run.record.facts.more == {}


@pytest.mark.parametrize(
    ("hook", "argument"),
    [
        ("pytest_defend_facts", "stage"),
        ("pytest_defend_artifacts", "stage"),
        ("pytest_defend_test_record", "attempt"),
        ("pytest_defend_build_info", "build"),
    ],
)
@pytest.mark.parametrize("does", ["raise RuntimeError('it broke')", "return 42"])
def test_an_extension_that_fails_is_a_gap(demo: Demo, hook: str, argument: str, does: str) -> None:
    demo.holds(conftest=f"def {hook}({argument}): {does}", test_it=TWO)

    run = demo.run()

    _undisturbed(run)
    assert run.outcomes == {"test_it": "passed", "test_bad": "failed"}
    assert run.stage.reasons == "1 failed"
    (gap,) = run.gaps("extensions")
    assert gap.startswith(f"An implementation of {hook} failed (")
    assert f"gap in extensions: {gap}" in run.out


def test_an_extension_that_fails_when_all_is_published(demo: Demo) -> None:
    demo.holds(
        conftest="def pytest_defend_published(published): raise RuntimeError('it broke')", test_it=PASSES
    )

    run = demo.run()

    assert run.status == 0
    assert run.stage.mark == "passed"
    (line,) = [line for line in run.err.splitlines() if line]
    assert line.startswith(
        "pytest-defend: An implementation of pytest_defend_published failed (RuntimeError: "
    )


def test_redaction_that_cannot_be_asked_ends_the_run_before_it_begins(demo: Demo) -> None:
    demo.holds(conftest="def pytest_defend_redactor(): raise RuntimeError('it broke')", test_it=PASSES)

    run = demo.run()

    assert run.status == 4
    (line,) = [line for line in run.err.splitlines() if line]
    assert line.startswith(
        "ERROR: An implementation of pytest_defend_redactor failed (RuntimeError: it broke)"
    )
    assert not (demo.folder / ".defend").exists()
    assert "Traceback" not in run.out + run.err


def test_redaction_that_fails_lets_nothing_pass(demo: Demo) -> None:
    demo.holds(
        conftest="def pytest_defend_redactor():\n    def redact(text): return 1 / 0\n    return redact",
        test_it=f"def test_it(): print('{SECRET}')",
    )

    run = demo.run()

    assert run.status == 0
    assert SECRET.encode() not in b"".join(run.file(name) for name in run.published)
    assert run.gaps("redaction")


HOSTILE = """
import pytest

class Odd:
    def __str__(self): raise RuntimeError("odd")
    __repr__ = __str__

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "{when}" and "odd" in item.name:
        report.{attribute} = {value}
    return report
"""


@pytest.mark.parametrize(
    ("attribute", "value", "gaps"),
    [
        ("user_properties", "[('odd', Odd())]", 1),
        ("user_properties", "[1]", 1),
        ("user_properties", "None", 0),
        ("sections", "[('odd', Odd())]", 1),
        ("context", "Odd()", 0),
        ("defend_attachments", "'no json'", 1),
        ("wasxfail", "Odd()", 0),
        ("start", "None", 0),
        ("duration", "'long'", 0),
    ],
)
def test_a_report_with_odd_attributes(demo: Demo, attribute: str, value: str, gaps: int) -> None:
    conftest = HOSTILE.format(when="teardown", attribute=attribute, value=value)
    tests = "def test_odd(): pass\ndef test_it(): pass\ndef test_bad(): assert 0"
    demo.holds(conftest=conftest, test_it=tests)

    alone = demo.run("-p", "no:junitxml", asked=())
    run = demo.run("-p", "no:junitxml")

    assert run.status == alone.status
    assert run.out.count("INTERNALERROR") == alone.out.count("INTERNALERROR")
    if alone.status == 1:
        assert "FAILURES" in run.out
        odd = "xpassed" if attribute == "wasxfail" else "passed"
        assert run.outcomes == {"test_odd": odd, "test_it": "passed", "test_bad": "failed"}
        assert len(run.gaps("results")) == gaps


def test_a_journal_whose_folder_is_removed(demo: Demo) -> None:
    demo.holds(
        test_it="import shutil\ndef test_it(): shutil.rmtree('.defend/spool')\ndef test_bad(): assert 0"
    )

    run = demo.run()

    _undisturbed(run)
    assert run.stage.mark == "failed" if "published" in run.out else "NOT PUBLISHED: " in run.out


def test_a_spool_that_cannot_be_made(demo: Demo) -> None:
    demo.holds(test_it=TWO)
    (demo.folder / ".defend").mkdir()
    (demo.folder / ".defend/spool").write_text("")

    run = demo.run("--defend-store=elsewhere")

    _undisturbed(run)
    shown = demo.defend("show", "demo/latest", "--defend-store=elsewhere", "--format=json")
    (stage,) = json.loads(shown.out)["stages"]
    assert stage["result"] == "failed"
    assert re.search(r"gap in journal: .*/\.defend/spool/.* cannot be written \(Not a directory\)", run.out)
    kept = re.search(r"the record is kept in (\S+) instead", run.out)
    assert kept is not None
    assert not Path(kept[1]).exists()


def test_no_place_for_the_journal(demo: Demo) -> None:
    demo.holds(test_it=TWO)
    (demo.folder / ".defend").mkdir()
    (demo.folder / ".defend/spool").write_text("")
    (demo.folder / "tmp").mkdir()
    conftest = (
        "import tempfile\n"
        "from pathlib import Path\n"
        "def pytest_configure(): tempfile.tempdir = str(Path('tmp/file/below').absolute())\n"
    )
    (demo.folder / "tmp/file").write_text("")
    demo.holds(conftest=conftest)

    run = demo.run("-p", "no:tmpdir", apart=True)

    _undisturbed(run)
    assert "NOT PUBLISHED: " in run.out
    assert "Recording stopped: neither " in run.out
    assert "The record is kept" not in run.out


def test_our_own_failure_is_told_once(demo: Demo) -> None:
    demo.holds(
        test_it="import pytest\n@pytest.mark.parametrize('i', range(20))\ndef test_it(i): pass",
        conftest="""
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid, location):
    pass

def pytest_collection_finish(session):
    recorder = session.config.pluginmanager.get_plugin("defend-controller").recorder
    def breaks(*_): raise ZeroDivisionError("ours")
    recorder.began = recorder.hear = breaks
""",
    )

    run = demo.run()

    assert run.status == 0
    assert "INTERNALERROR" not in run.out
    assert run.gaps("results") == ["ZeroDivisionError: ours"]
    assert run.out.count("ZeroDivisionError") == 1
    assert run.stage.result == "incomplete"
    assert run.stage.mark == "failed"


def test_collection_that_was_not_heard_is_never_green(demo: Demo) -> None:
    demo.holds(
        test_it=PASSES,
        conftest="""
def pytest_collection_finish(session):
    recorder = session.config.pluginmanager.get_plugin("defend-controller").recorder
    def breaks(*_): raise ZeroDivisionError("ours")
    recorder.collected = breaks
""",
    )

    run = demo.run()

    assert run.status == 0
    assert run.gaps("collection") == ["ZeroDivisionError: ours"]
    assert run.outcomes == {"test_it": "passed"}
    assert run.stage.mark == "failed"


def test_packing_that_fails_hides_no_failure(demo: Demo) -> None:
    demo.holds(
        test_it=TWO,
        conftest="""
def pytest_sessionfinish(session):
    run = session.config.pluginmanager.get_plugin("defend-controller").run
    def breaks(*_): raise ZeroDivisionError("ours")
    type(run).pack = breaks
""",
    )

    run = demo.run(apart=True)

    _undisturbed(run)
    assert "NOT PUBLISHED: error in pytest-defend: ZeroDivisionError('ours')" in run.out
    assert run.outcomes == {"test_it": "passed", "test_bad": "failed"}
    later = demo.defend("publish", str(run.spooled[0]))
    assert later.status == 0, later.err
    assert later.stage.result == "failed"


@pytest.mark.parametrize("error", ["RuntimeError", "pytest.UsageError"])
def test_a_session_that_never_starts_leaves_nothing(demo: Demo, error: str) -> None:
    conftest = f"import pytest\ndef pytest_sessionstart(): raise {error}('it broke')"
    demo.holds(test_it=PASSES, conftest=conftest)

    alone = demo.run(asked=())
    run = demo.run()

    assert run.status == alone.status != 0
    assert run.spooled == []
    assert not (demo.folder / ".defend/ledger.sqlite3").exists()
    assert "pytest-defend ---" not in run.out


def test_the_folder_of_the_project_is_left_behind(demo: Demo, tmp_path: Path) -> None:
    demo.holds(test_it="import os\ndef test_it(tmp_path): os.chdir(tmp_path)")

    run = demo.run()

    assert run.status == 0
    assert run.stage.mark == "passed"
    shutil.rmtree(tmp_path)
