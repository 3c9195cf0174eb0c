"""A hundred planted secrets: none of them is in any byte we write or any line we print.

Pytest's own output and the user's own files are not ours; everything below the project's `.defend`, in the
store, in a record, and whatever we leave in the temporary folder is.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from planted import plant
from pytest_defend.keys import generate
from runs import Finished, Running, a_project, command, defend, environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

needs_xdist = pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="needs pytest-xdist")

PLANTED = plant()

CONFTEST = """
import json, os, signal
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEXTS = json.loads((HERE / "planted.json").read_text("utf-8"))


def pytest_addoption(parser):
    for option in json.loads((HERE / "options.json").read_text("utf-8")):
        parser.addoption(option)
    parser.addini("service_password", "for the tests of redaction")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if item.name == "test_section" and call.when == "call":
        report.sections += [(text, text) for text in TEXTS["section"]]
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_defend_facts(stage):
    return {text: {text: text} for text in TEXTS["facts"]}


@pytest.hookimpl(optionalhook=True)
def pytest_defend_artifacts(stage, root):
    raise RuntimeError(" ".join(TEXTS["exception"]))


@pytest.hookimpl(optionalhook=True)
def pytest_defend_published(published):
    raise RuntimeError(" ".join(TEXTS["exception"]))


def pytest_runtest_logfinish(nodeid):
    if "BREAK" in os.environ:
        raise RuntimeError(" ".join(TEXTS["exception"]))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if "DIE" in os.environ and not hasattr(session.config, "workerinput"):
        os.kill(os.getpid(), signal.SIGKILL)
"""

LEAKS = """
import logging, sys, warnings

import pytest
from conftest import TEXTS


def several(channel):
    return pytest.mark.parametrize("n", range(len(TEXTS[channel])))


def test_stdout():
    for text in TEXTS["stdout"]:
        print(text)


def test_stderr():
    for text in TEXTS["stderr"]:
        print(text, file=sys.stderr)


def test_log():
    for text in TEXTS["log"]:
        logging.getLogger("demo").warning("%s", text)


@several("assertion")
def test_assertion(n):
    assert n is None, TEXTS["assertion"][n]


@several("exception")
def test_exception(n):
    raise RuntimeError(TEXTS["exception"][n])


@pytest.fixture
def broken_before(n):
    raise KeyError(TEXTS["setup"][n])


@several("setup")
def test_setup(n, broken_before):
    pass


@pytest.fixture
def broken_after(n):
    yield
    raise OSError(TEXTS["teardown"][n])


@several("teardown")
def test_teardown(n, broken_after):
    pass


def test_property(record_property):
    for text in TEXTS["property"]:
        record_property(text, text)


def test_suite_property(record_testsuite_property):
    for text in TEXTS["property"]:
        record_testsuite_property(text, text)


def test_attachment(defend_attach):
    defend_attach("\\n".join(TEXTS["attachment"]).encode(), "notes.txt")


def test_attachment_name(defend_attach):
    for text in TEXTS["attachment_name"]:
        defend_attach(b"something", text)


def test_too_large(defend_attach):
    for text in TEXTS["too_large"]:
        defend_attach(b"x" * 100_000, text)


def test_warning():
    for text in TEXTS["warning"]:
        warnings.warn(text)


@pytest.mark.parametrize("text", TEXTS["parameter"], ids=TEXTS["parameter"])
def test_parameter(text):
    pass


@several("skip")
def test_skip(n):
    pytest.skip(TEXTS["skip"][n])


@several("xfail")
def test_xfail(n):
    pytest.xfail(TEXTS["xfail"][n])


@pytest.mark.skipif(not hasattr(pytest, "SubtestReport"), reason="needs subtests")
def test_subtest(subtests):
    for text in TEXTS["subtest"]:
        with subtests.test(msg=text, text=text):
            raise ValueError(text)


def test_section():
    pass
"""

MODULE_SKIP = """
import os, pytest
from conftest import TEXTS
if "COLLECT" in os.environ:
    raise RuntimeError(" ".join(TEXTS["exception"]))
pytest.skip(" ".join(TEXTS["module_skip"]), allow_module_level=True)
"""

# Seen by Python wherever it starts: what is started, with which arguments.
AUDIT = """
import os, sys

def note(event, arguments):
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"}:
        with open(os.environ["STARTED"], "ab") as file:
            file.write(repr(arguments[:2]).encode("utf-8", "surrogateescape") + b"\\n")

sys.addaudithook(note)
"""


PASSPHRASE = next(each.value for each in PLANTED.secrets if each.known and each.value.startswith("p@ss"))


def _a_locked_key(folder: Path) -> tuple[str, bytes]:
    """A key that the passphrase opens, and a line of its file that nobody may see elsewhere."""
    folder.mkdir()
    pair = generate(passphrase=PASSPHRASE)
    (folder / "key.pem").write_bytes(pair.private_pem)
    return str(folder / "key.pem"), pair.private_pem.splitlines()[1]


def _safe(value: str) -> bool:
    return re.fullmatch(r"[\w.-]+", value) is not None


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A project full of secrets, in a checkout full of secrets."""
    addopts = json.dumps(["-p", "no:cacheprovider", *PLANTED.addopts])
    folder = a_project(
        tmp_path / "demo",
        {
            "pyproject.toml": f'[project]\nname = "demo"\n[tool.pytest.ini_options]\naddopts = {addopts}\n',
            "conftest.py": CONFTEST,
            "planted.json": json.dumps(PLANTED.texts),
            "options.json": json.dumps(PLANTED.options),
            "test_leaks.py": LEAKS,
            "test_module.py": MODULE_SKIP,
            "logs/app.log": "\n".join(PLANTED.texts["attached_file"]),
            "pip.conf": PLANTED.pip,
        },
    )
    for secret in PLANTED.secrets:
        if secret.known and _safe(secret.value):
            (folder / f"logs/dump-{secret.value}.log").write_text("untracked, and attached")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subjects = " ".join(PLANTED.git.values())
    for arguments in (["init", "-q"], ["add", "conftest.py"], ["commit", "-qm", f"Move from {subjects}"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True)
    for name, value in PLANTED.git.items():
        subprocess.run([*git, "config", name, value], cwd=folder, check=True)
    a_project(
        tmp_path / "site",
        {
            "sitecustomize.py": AUDIT,
            "lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n",
            "lib-1.0.dist-info/direct_url.json": json.dumps(
                {"url": PLANTED.direct_url, "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}
            ),
        },
    )
    (tmp_path / "tmp").mkdir()
    return folder


def _environ(folder: Path) -> dict[str, str]:
    paths = [str(folder.parent / "site"), environment().get("PYTHONPATH", "")]
    return {
        **PLANTED.environ,
        "JOB_NAME": "demo",
        "BUILD_NUMBER": "7",
        "DEFEND_BUILD": "demo/7",
        "PIP_CONFIG_FILE": str(folder / "pip.conf"),
        "PYTHONPATH": ":".join(filter(None, paths)),
        "STARTED": str(folder.parent / "started"),
        "TMPDIR": str(folder.parent / "tmp"),
    }


def _run(folder: Path, *arguments: str, **variables: str) -> Finished:
    asked = [*arguments, *PLANTED.arguments, "--defend-attach", "logs/*.log", "--junitxml=out/report.xml"]
    asked += ["--defend-attachment-limit", "64 KiB"]
    env = environment(**_environ(folder) | variables)
    with Running(folder, command(*asked), env) as running:
        return running.finish()


def _defend(folder: Path, *arguments: str, **variables: str) -> Finished:
    return defend(folder, *arguments, **_environ(folder) | variables)


def _ask_everything(folder: Path, **variables: str) -> Iterator[tuple[str, bytes]]:
    """What the commands that read print."""
    for arguments in (["settings"], ["builds"], ["show", "demo/7"], ["files", "demo/7"]):
        for form in ("text", "json"):
            said = _defend(folder, *arguments, "--format", form, **variables)
            assert said.status == 0, said
            yield f"output of {arguments[0]} --format {form}", f"{said.out}{said.err}".encode()


def _our_lines(finished: Finished) -> bytes:
    """What we said in the run."""
    before, _, block = finished.out.partition(" pytest-defend -")
    lines = [line for line in before.splitlines() if line.startswith("defend: ")]
    errors = [line for line in finished.err.splitlines() if "pytest-defend" in line]
    return "\n".join([*lines, block, *errors]).encode("utf-8", "surrogateescape")


def _our_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    places = (folder / ".defend", folder / "run.zip", folder.parent / "tmp", folder.parent / "started")
    for place in places:
        for path in [place, *sorted(place.rglob("*"))]:
            name = str(path.relative_to(folder.parent))
            if "pytest-of-" in name:  # temporary folders of the tests
                continue
            yield "a file name", name.encode()
            if path.is_file():
                yield name, path.read_bytes()
                yield from _inside(path)


def _inside(path: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"{path.name}: a file name", name.encode()
                yield f"{path.name}: {name}", archive.read(name)
    if path.name == "ledger.sqlite3":
        with closing(sqlite3.connect(path)) as connection:
            (*tables,) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    yield f"ledger: {table}", repr(row).encode()


def _assert_clean(found: Iterable[tuple[str, bytes]]) -> None:
    leaks = {
        f"{secret.where} = {secret.value!r} is in {where}"
        for where, content in found
        for secret in PLANTED.secrets
        if secret.found_in(content)
    }
    assert sorted(leaks) == []


def test_there_are_a_hundred_and_a_leak_is_found() -> None:
    assert len({secret.core for secret in PLANTED.secrets}) == 100
    for secret in PLANTED.secrets:
        assert all(secret.found_in(spelling.encode()) for spelling in secret.spellings())
        assert not secret.found_in(b"***")


@pytest.mark.parametrize("workers", [(), pytest.param(("-n2",), marks=needs_xdist)], ids=["plain", "n2"])
def test_a_published_run(demo: Path, workers: tuple[str, ...]) -> None:
    key, private = _a_locked_key(demo.parent / "keys")
    signs = (f"--defend-signing-key={key}", *workers)
    finished = _run(demo, "--defend-publish", *signs, DEFEND_SIGNING_PASSPHRASE=PASSPHRASE)
    assert finished.status == 1, finished
    assert "\npublished demo/7@" in finished.out
    assert "\nsigned by " in finished.out
    _assert_clean(_our_files(demo))
    assert [name for name, content in _our_files(demo) if private in content] == []
    _assert_clean([("our lines", _our_lines(finished))])
    _assert_clean(_ask_everything(demo, DEFEND_SIGNING_PASSPHRASE=PASSPHRASE))
    for passphrase in () if workers else (PASSPHRASE, f"not {PASSPHRASE}"):
        told = _defend(demo, "sign", "demo/7", "--key", key, DEFEND_SIGNING_PASSPHRASE=passphrase)
        assert told.status == (0 if passphrase == PASSPHRASE else 2), told
        _assert_clean([("sign", f"{told}".encode())])
    assert b"'git'" in (demo.parent / "started").read_bytes()


def test_a_run_that_could_not_be_published(demo: Path) -> None:
    (demo / "blocked").write_text("no folder")
    finished = _run(demo, "--defend-publish", DEFEND_STORE="blocked")
    assert "\nNOT PUBLISHED: " in finished.out
    assert list(demo.glob(".defend/spool/*/manifest.json"))
    _assert_clean(_our_files(demo))
    _assert_clean([("our lines", _our_lines(finished))])


def test_a_record_published_later(demo: Path) -> None:
    finished = _run(demo, "--defend-record", "run.zip")
    assert finished.status == 1, finished
    _assert_clean(_our_files(demo))
    published = _defend(demo, "publish", "run.zip")
    assert published.status == 0, published
    _assert_clean([("our lines", _our_lines(finished)), ("publish", f"{published}".encode())])
    _assert_clean(_our_files(demo))
    _assert_clean(_ask_everything(demo))


def test_a_dry_run(demo: Path) -> None:
    finished = _run(demo, "--defend-publish", "--defend-dry-run")
    assert "\nwould publish demo/7@" in finished.out
    _assert_clean([("our lines", _our_lines(finished)), *_our_files(demo)])


def test_a_run_without_a_terminal(demo: Path) -> None:
    finished = _run(demo, "--defend-publish", "-p", "no:terminal")
    assert finished.status == 1, finished
    assert "pytest-defend: published demo/7@" in finished.err
    _assert_clean([("our lines", _our_lines(finished)), *_our_files(demo)])


@pytest.mark.parametrize("fault", ["BREAK", "COLLECT"])
def test_a_run_that_broke(demo: Path, fault: str) -> None:
    finished = _run(demo, "--defend-publish", **{fault: "1"})
    assert finished.status in {2, 3}, finished
    _assert_clean([("our lines", _our_lines(finished)), *_our_files(demo)])


def test_a_run_that_was_killed(demo: Path) -> None:
    assert _run(demo, "--defend-publish", DIE="1").status < 0
    (journal,) = demo.glob(".defend/spool/*/journal.jsonl")
    _assert_clean(_our_files(demo))
    published = _defend(demo, "publish", str(journal))
    assert published.status == 0, published
    _assert_clean([("publish", f"{published}".encode()), *_our_files(demo)])
    _assert_clean(_ask_everything(demo))


@pytest.mark.parametrize("template", ["https://ci:{}@store.example.org/x", "https://{}@store.example.org/x"])
@pytest.mark.parametrize("variable", ["DEFEND_STORE", "JF_URL"])
def test_a_locator_with_a_password_is_refused(demo: Path, variable: str, template: str) -> None:
    secret = PLANTED.secrets[0]
    given = {variable: template.replace("{}", secret.core)}
    finished = _run(demo, "--defend-publish", **given)
    assert finished.status == 4
    told = _defend(demo, "settings", **given)
    assert told.status == 2
    _assert_clean([("pytest", f"{finished}".encode()), ("settings", f"{told}".encode())])
