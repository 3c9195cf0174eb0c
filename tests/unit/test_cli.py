"""Every command: what it prints as text and JSON, how it ends, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, STARTED, a_bundle, a_clock, a_published
from places import Place, a_place
from pytest_defend import __version__, cli
from pytest_defend.actions.archive import archive
from pytest_defend.cli.call import Command
from pytest_defend.model.bundle import FINAL, JOURNAL, Final
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.views import BuildRow, BuildView, FilesView, FileView, SpoolRow, VersionView
from pytest_defend.render.progress import Meter
from pytest_defend.stores.directory import DirectoryStore
from runs import environment
from scripted import Gate
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SENTENCE = re.compile(r"pytest-defend: [^\n]+\n")
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project that commands run in, outside of every CI."""
    for name in os.environ.keys() - set(_INHERITED):
        if not name.startswith(("COV", "PYTEST_CURRENT")):
            monkeypatch.delenv(name)
    place = a_place(tmp_path / "project")
    monkeypatch.chdir(place.root)
    return place


@pytest.fixture
def store(place: Place) -> DirectoryStore:
    return DirectoryStore(place.root / ".defend", a_clock)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command that ends well prints; nothing else is said."""

    def ask(*arguments: str) -> str:
        assert cli.main(arguments) == 0, capsys.readouterr().err
        told = capsys.readouterr()
        assert told.err == ""
        return told.out

    return ask


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one sentence of a command that ends with this code; nothing is printed."""

    def ask(code: int, *arguments: str) -> str:
        assert cli.main(arguments) == code
        told = capsys.readouterr()
        assert told.out in ("", "[]\n")
        assert SENTENCE.fullmatch(told.err), told.err
        return told.err.removeprefix("pytest-defend: ").removesuffix("\n")

    return ask


@pytest.fixture
def published(place: Place, store: DirectoryStore) -> DirectoryStore:
    a_published(place.root / "made", store)
    return store


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("build", ["demo/1", f"demo/1@{STARTED}", "demo/latest"])
def test_show(said: Callable[..., str], build: str) -> None:
    text = said("show", build)
    assert text.startswith(f"build demo/1\n  started  {STARTED}\n")
    assert "\nstage tests passed, marked passed\n" in text
    view = BuildView.from_dict(json.loads(said("show", build, "--format", "json")))
    assert [stage.mark for stage in view.stages] == ["passed"]
    assert view.build.number == "1"


def test_builds(said: Callable[..., str], published: DirectoryStore) -> None:
    del published
    assert said("builds") == said("builds", "demo") == f"demo/1@{STARTED}\n"
    assert said("builds", "nobody") == "no builds\n"
    rows = [BuildRow.from_dict(row) for row in json.loads(said("builds", "--format=json"))]
    assert rows == [BuildRow(name="demo", number="1", started=STARTED)]
    assert json.loads(said("builds", "nobody", "--format=json")) == []


def test_files(said: Callable[..., str], published: DirectoryStore) -> None:
    text = said("files", "demo/latest")
    assert text.splitlines()[0].split() == ["sha256", "size", "path"]
    assert text.count("\n") == 1 + len(published.list(""))
    view = FilesView.from_dict(json.loads(said("files", "demo/latest", "--format=json")))
    assert view.files[0].path == PATH
    assert all(file.kept for file in view.files)


@pytest.mark.usefixtures("published")
def test_get(said: Callable[..., str], place: Place) -> None:
    assert said("get", "demo/1", "demo-1.0.tar.gz").startswith(f"demo-1.0.tar.gz: {PATH}, sha256 ")
    assert (place.root / "demo-1.0.tar.gz").read_bytes() == b"demo"
    said("get", "demo/1", PATH, "-o", "other")
    assert (place.root / "other").read_bytes() == b"demo"
    (place.root / "folder").mkdir()
    told = said("get", "demo/1", PATH, "--output", "folder", "--format=json")
    assert (place.root / "folder" / "demo-1.0.tar.gz").read_bytes() == b"demo"
    assert FileView.from_dict(json.loads(told)).path == PATH


def a_record(place: Place, name: str, **journal: Any) -> Path:
    """A file as `--defend-record` writes it."""
    a_bundle(place.root / name, **journal)
    (place.root / name / FINAL).write_bytes(Final(exit_status=0).to_bytes())
    archive(place.root / name, place.root / f"{name}.zip")
    return place.root / f"{name}.zip"


def test_publish_a_record(said: Callable[..., str], place: Place, store: DirectoryStore) -> None:
    record = a_record(place, "run")
    text = said("publish", str(record))
    assert re.fullmatch(
        rf"published demo/1@{re.escape(STARTED)} to {store.locator} \(3 files, .*\)\nstage tests passed\n",
        text,
    )
    assert {item.properties["defend.stage.tests"] for item in store.list("")} == {("passed",)}
    assert record.exists()
    assert "0 files, 0 bytes, 3 already there" in said("publish", str(record))


def test_publish_several_records_is_one_answer(said: Callable[..., str], place: Place) -> None:
    records = [str(a_record(place, f"run{n}", build_number=n, run=n)) for n in ("1", "2")]
    rows = json.loads(said("publish", *records, "--format=json"))
    assert [(row["build"], row["verdict"]) for row in rows] == [
        (f"demo/{n}@{STARTED}", {"result": "passed"}) for n in ("1", "2")
    ]


def test_publish_tells_what_was_done_before_it_failed(
    place: Place, capsys: pytest.CaptureFixture[str], store: DirectoryStore
) -> None:
    first = a_record(place, "run")
    assert cli.main(["publish", str(first), "nowhere", str(first)]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("published demo/1@")
    assert told.err.startswith(
        "pytest-defend: nowhere does not exist. Give a file written by --defend-record"
    )
    assert len(store.builds()) == 1


def test_publish_a_dry_run_writes_nothing(said: Callable[..., str], place: Place) -> None:
    record = a_record(place, "run")
    text = said("publish", str(record), "--defend-dry-run")
    assert text.startswith("would publish demo/1@")
    assert "  libs-local/demo/1/evidence/tests/r1/record.json\n" in text
    assert not (place.root / ".defend").exists()
    folder = place.killed()
    (row,) = json.loads(said("publish", str(folder), "--defend-dry-run", "--format=json"))
    assert (row["dry_run"], row["verdict"]["result"]) == (True, "incomplete")
    assert folder.exists()


@pytest.mark.parametrize("name", ["", JOURNAL])
def test_publish_a_run_that_was_killed(
    said: Callable[..., str], place: Place, store: DirectoryStore, name: str
) -> None:
    folder = place.killed()
    text = said("publish", str(folder / name))
    assert "stage tests incomplete: the run was killed before its session finished" in text
    assert {item.properties["defend.stage.tests"] for item in store.list("")} == {("failed",)}
    assert not folder.parent.exists(), "what the store has leaves the spool"


def test_publish_a_folder_elsewhere_leaves_it(said: Callable[..., str], place: Place) -> None:
    a_record(place, "run")
    said("publish", str(place.root / "run"))
    assert (place.root / "run" / JOURNAL).exists()


def test_publish_to_another_store(said: Callable[..., str], place: Place) -> None:
    said("publish", str(a_record(place, "run")), "--defend-store=elsewhere")
    assert said("show", "demo/1", "--defend-store=elsewhere").startswith("build demo/1\n")
    assert not (place.root / ".defend").exists()


def test_publish_tells_extensions_and_survives_them(
    place: Place, store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    info = tmp_path / "site" / "theirs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pytest_defend]\ntheirs = cli_extension\n")
    code = "def pytest_defend_published(published):\n    raise RuntimeError(published.stage)\n"
    (tmp_path / "site" / "cli_extension.py").write_text(
        f"import pluggy\n@pluggy.HookimplMarker('pytest')\n{code}"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert cli.main(["publish", str(a_record(place, "run"))]) == 0
    assert "pytest_defend_published failed (RuntimeError: tests)" in capsys.readouterr().err
    assert {item.properties["defend.stage.tests"] for item in store.list("")} == {("passed",)}


def test_settings(said: Callable[..., str], place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFEND_ACCESS_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("DEFEND_STAGE", "it")
    (place.root / "pyproject.toml").write_text("[tool.pytest-defend]\nrepository = 'libs'\n")
    text = said("settings", "--defend-store", "kept", "--defend-attach", "a", "--defend-attach", "b")
    answer = said("settings", "--defend-store", "kept", "--format=json")
    assert "hunter2" not in text + answer
    rows = {row["name"]: (row["value"], row["origin"]) for row in json.loads(answer)}
    assert rows["store"] == ("kept", "command line --defend-store")
    assert rows["stage"] == ("it", "environment DEFEND_STAGE")
    assert rows["repository"] == ("libs", "pyproject.toml")
    assert rows["access_token"] == ("***", "environment DEFEND_ACCESS_TOKEN")
    assert rows["on_error"] == ("fail", "default")
    assert re.search(r"^attach +a; b +command line --defend-attach +--defend-attach$", text, re.MULTILINE)


def test_settings_of_a_ci_system(said: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JENKINS_URL", "https://ci.example")
    monkeypatch.setenv("JOB_NAME", "team/demo")
    monkeypatch.setenv("BUILD_NUMBER", "7")
    rows = {
        row["name"]: (row["value"], row["origin"]) for row in json.loads(said("settings", "--format=json"))
    }
    assert rows["build_name"] == ("team/demo", "CI Jenkins")
    assert rows["build_number"] == ("7", "CI Jenkins")


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=environment(), check=True, capture_output=True
    )


def test_version(said: Callable[..., str], place: Place) -> None:
    git(place.root, "init", "--quiet")
    git(place.root, "add", ".")
    git(place.root, "commit", "--quiet", "-m", "Begin")
    git(place.root, "tag", "v1.2.3")
    git(place.root, "commit", "--quiet", "--allow-empty", "-m", "Go on")
    assert said("version") == "1.2.3.1\n"
    assert said("version", "--base", "2.0") == "2.0.1\n"
    (place.root / "pyproject.toml").write_text("[project]\nname = 'changed'\n")
    view = VersionView.from_dict(json.loads(said("version", "--format=json")))
    assert (view.source, view.dirty, view.base) == ("git", True, "1.2.3")
    assert view.version == f"1.2.3.1+g{view.commit}"


def test_version_in_ci(said: Callable[..., str], monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    del place
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_NUMBER", "42")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    assert said("version", "--base", "1.4") == "1.4.42.2\n"


UNKNOWN_BUILDS = [
    ("show", "nobody/9"),
    ("files", "nobody/9"),
    ("get", "nobody/9", "x"),
    ("show", "nobody/latest"),
]


@pytest.mark.parametrize("arguments", UNKNOWN_BUILDS, ids=" ".join)
def test_a_build_that_is_not_there(
    refused: Callable[..., str], place: Place, arguments: tuple[str, ...]
) -> None:
    sentence = refused(3, *arguments)
    assert sentence == f"{arguments[1]} is not in the store. Looked in {place.root / '.defend'}."
    assert not (place.root / ".defend").exists(), "reading creates nothing"


@pytest.mark.parametrize("build", ["demo", "", "/", "demo/", "/1"])
def test_what_names_no_build(refused: Callable[..., str], place: Place, build: str) -> None:
    del place
    assert refused(2, "show", build).endswith("Write NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest.")


def test_a_file_that_is_not_there_or_not_the_only_one(
    refused: Callable[..., str], place: Place, store: DirectoryStore
) -> None:
    manifest = a_published(place.root / "made", store)
    assert refused(3, "get", "demo/1", "nothing").endswith(f"See pytest-defend files {manifest.build.id}.")
    assert refused(3, "get", "demo/1", PATH, "-o", "no/such/folder").endswith("No such file or directory.")


def test_a_file_that_was_altered(
    refused: Callable[..., str], place: Place, published: DirectoryStore
) -> None:
    sha256 = published.stat(PATH).checksums.sha256
    blob = place.root / ".defend" / "blobs" / sha256[:2] / sha256
    blob.chmod(0o600)
    blob.write_bytes(b"evil")
    assert sha256 in refused(1, "get", "demo/1", PATH)
    assert not (place.root / "demo-1.0.tar.gz").exists()


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"PK\x03\x04"])
@pytest.mark.parametrize("name", ["run.zip", JOURNAL])
def test_garbage_is_no_record(refused: Callable[..., str], place: Place, name: str, content: bytes) -> None:
    place.write(name, content)
    assert "is no" in refused(2, "publish", name)


def test_other_bytes_under_a_published_version(
    refused: Callable[..., str], said: Callable[..., str], place: Place
) -> None:
    said("publish", str(a_record(place, "run")))
    other = a_record(place, "other", recorder="another")
    sentence = refused(1, "publish", str(other))
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", sentence))) == 2
    assert "A published version is never replaced" in sentence
    later = a_record(place, "later", run="r2", started=parse_instant("2026-02-01T00:00:00.000+0000"))
    assert "--defend-build NAME/NUMBER" in refused(1, "publish", str(later))


def test_a_store_that_cannot_be_used(refused: Callable[..., str], place: Place) -> None:
    record = a_record(place, "run")
    place.write("store")
    assert "is a file, or lies in one" in refused(3, "publish", str(record), "--defend-store=store")
    assert "names no store" in refused(2, "builds", "--defend-store=s3://bucket")
    assert "does not answer" in refused(3, "builds", "--defend-store=http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("variables", "pyproject", "told"),
    [
        ({"DEFEND_STAGE": "a b"}, "", "environment DEFEND_STAGE"),
        ({}, "[tool.pytest-defend]\nstagee = 1\n", "did you mean stage?"),
        ({}, "[tool", "is not valid TOML"),
    ],
)
def test_settings_that_cannot_be_understood(
    refused: Callable[..., str], place: Place, monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str], pyproject: str, told: str,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    place.write("pyproject.toml", pyproject)
    assert told in refused(2, "builds")


def test_nothing_numbers_the_change_set(refused: Callable[..., str], place: Place) -> None:
    del place
    assert refused(2, "version") == (
        "Nothing numbers this change-set: no git commit, no CI run. Run it in a git checkout or in CI."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["show"],
        ["show", "a/1", "--format=xml"],
        ["get", "a/1"],
        ["spool"],
        ["spool", "sweep"],
        ["builds", "--no"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_cannot_be_parsed(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("usage: pytest-defend")
    with pytest.raises(SystemExit):
        cli.parser().parse_args(arguments)  # which knows every command
    assert capsys.readouterr() == told


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_is_there_for_every_command(capsys: pytest.CaptureFixture[str], command: str) -> None:
    arguments = [*filter(None, [command]), "--help"]
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    text = capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.parser().parse_args(arguments)  # which knows every command
    assert capsys.readouterr().out == text
    assert text.startswith(f"usage: pytest-defend {command}".rstrip())
    if command:
        assert "--format" in text
        assert " ".join((cli.COMMANDS[command].run.__doc__ or "").split()) in " ".join(text.split())


def test_the_version_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"pytest-defend {__version__}\n")


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_bug_of_ours_is_a_sentence_and_a_traceback_only_when_asked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], debug: str
) -> None:
    del place

    def bug(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(cli.COMMANDS, "builds", Command(run=bug))
    monkeypatch.setenv("DEFEND_DEBUG", debug)
    assert cli.main(["builds"]) == 4
    told = capsys.readouterr()
    assert told.err.endswith(
        "pytest-defend: This is a bug in pytest-defend: ZeroDivisionError. Set DEFEND_DEBUG=1 to see where.\n"
    )
    assert ("Traceback" in told.err) is bool(debug)


def test_an_error_of_the_system_without_a_name(
    place: Place, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    del place

    def full(_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(cli.COMMANDS, "builds", Command(run=full))
    assert refused(3, "builds") == "the system: No space left on device."


def test_ctrl_c(place: Place, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]) -> None:
    del place

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "builds", Command(run=interrupted))
    assert refused(130, "builds") == "Interrupted."


def process(place: Place, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest_defend", *arguments]
    told = {"cwd": place.root, "env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**told, **options})


@pytest.mark.usefixtures("published")
def test_as_a_program(place: Place) -> None:
    with process(place, "show", "demo/1") as shown:
        out, err = shown.communicate()
    assert (shown.returncode, err) == (0, b"")
    assert out.startswith(b"build demo/1\n")
    with process(place, "show", "nobody/1") as unknown:
        out, err = unknown.communicate()
    assert (unknown.returncode, out) == (3, b"")
    assert SENTENCE.fullmatch(err.decode())


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("arguments", [["show", "demo/1"], ["files", "demo/1", "--format=json"]], ids=str)
def test_a_reader_that_goes_away_is_no_failure(place: Place, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with process(place, *arguments, stdout=writer) as shown:
        os.close(writer)
        _, err = shown.communicate()
    assert (shown.returncode, err) == (0, b"")


@pytest.mark.usefixtures("published")
def test_a_program_that_knows_ascii_only(place: Place) -> None:
    with process(place, "builds", "ü", env=environment(PYTHONIOENCODING="ascii")) as shown:
        out, err = shown.communicate()
    assert (shown.returncode, out, err) == (0, b"no builds\n", b"")
    with process(place, "show", "ü/1", env=environment(PYTHONIOENCODING="ascii")) as unknown:
        _, err = unknown.communicate()
    assert unknown.returncode == 3
    assert err.startswith(b"pytest-defend: ")


def test_a_record_that_was_made_to_do_harm(refused: Callable[..., str], place: Place) -> None:
    record = a_record(place, "run")
    manifest = json.loads((place.root / "run" / "manifest.json").read_bytes())
    manifest["files"][0]["name"] = "../../../../etc/passwd"
    with zipfile.ZipFile(record, "w") as out:
        out.writestr("manifest.json", json.dumps(manifest))
    assert "is a place outside the bundle" in refused(2, "publish", str(record))


def test_fetch(said: Callable[..., str], published: DirectoryStore, place: Place) -> None:
    del published
    text = said("fetch", "demo/latest")
    assert re.fullmatch(r"dist/demo-1\.0\.tar\.gz: sha256 [0-9a-f]{64}\n", text)
    assert (place.root / "dist/demo-1.0.tar.gz").read_bytes() == b"demo"
    rows = json.loads(said("fetch", "demo/1", "-o", "other", "--format=json"))
    assert [FileView.from_dict(row).path for row in rows] == [PATH]
    assert (place.root / "other/demo-1.0.tar.gz").is_file()


def test_fetch_finds_no_build(refused: Callable[..., str], place: Place) -> None:
    assert refused(3, "fetch", "nobody/1").startswith("nobody/1 is not in the store.")
    assert not (place.root / "dist").exists()


@pytest.fixture
def waiting(place: Place) -> Place:
    """A project with one run that could not be published and one that was killed."""
    a_bundle(place.root / ".defend/spool/r-kept", run="r-kept")
    (place.root / ".defend/spool/r-kept" / FINAL).write_bytes(Final(exit_status=0).to_bytes())
    place.killed(run="r-killed")
    return place


@pytest.mark.usefixtures("waiting")
def test_spool(said: Callable[..., str]) -> None:
    lines = [" ".join(line.split()) for line in said("spool", "list").splitlines()]
    assert lines[0] == "run build stage state result size"
    assert lines[1].startswith("r-kept demo/1 tests complete passed ")
    assert lines[2].startswith("r-killed demo/1 tests heard ")
    rows = [SpoolRow.from_dict(row) for row in json.loads(said("spool", "list", "--format=json"))]
    assert [row.run for row in rows] == ["r-kept", "r-killed"]
    text = said("spool", "show", "r-kept", "r-killed")
    assert "\n  state    complete\n" in text
    assert "\n  because  still being heard, or killed\n" in text
    assert said("spool", "drop", "r-killed") == "dropped r-killed, stage tests of demo/1\n"
    assert "r-killed" not in said("spool", "list")


def test_an_empty_spool(said: Callable[..., str], place: Place) -> None:
    del place
    assert said("spool", "list") == "nothing waits\n"
    assert json.loads(said("spool", "list", "--format=json")) == []


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["list", "r-kept"], "spool list takes no run."),
        (["show"], "spool show takes at least one run."),
        (["drop"], "spool drop takes at least one run."),
        (["drop", "nobody"], "No run 'nobody' waits in "),
        (["drop", "r-kept", "nobody"], "No run 'nobody' waits in "),
    ],
)
def test_spool_refuses(refused: Callable[..., str], arguments: list[str], sentence: str) -> None:
    assert refused(2, "spool", *arguments).startswith(sentence)


def test_spool_drops_all_or_none(refused: Callable[..., str], waiting: Place) -> None:
    refused(2, "spool", "drop", "r-kept", "nobody")
    assert (waiting.root / ".defend/spool/r-kept").is_dir()


def test_publish_without_names_publishes_what_waits(
    waiting: Place, store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["publish"]) == 0
    told = capsys.readouterr()
    assert "published demo/1@" in told.out
    assert re.fullmatch(r"pytest-defend: .*/r-killed is left out: still being heard, or killed\.\n", told.err)
    assert [run.id.number for run in store.builds()] == ["1"]
    assert [path.name for path in (waiting.root / ".defend/spool").iterdir()] == ["r-killed"]
    assert cli.main(["publish", "--format=json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("watched", [True, False])
def test_what_takes_long_is_shown_on_standard_error(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    monkeypatch.setattr(Meter, "patience_s", 0)
    monkeypatch.setenv("TERM", "xterm")
    record = str(a_record(place, "run", build_number="2", run="r2"))
    with served(tmp_path / "kept") as url, Gate(url, latency_s=0.05) as gate:
        at = f"{gate.url}/artifactory"
        a_published(tmp_path / "first", a_store_at(url))
        for command in (["publish", record], ["fetch", "demo/1", "-o", "fetched"]):
            shown = _standard_error([*command, "--defend-store", at], watched=watched)
            assert f"{command[0]}ing " in shown
            assert ("\x1b[?25h" in shown) is watched
            assert (f"pytest-defend: {command[0]}ing took" in shown) is not watched
            assert watched or " in 1 file" in shown or command[0] == "publish"


def _standard_error(arguments: list[str], *, watched: bool) -> str:
    """What a command that ends well writes there; into a terminal when it is watched."""
    reading, writing = os.openpty() if watched else os.pipe()
    shown: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # a terminal has no end, it is gone
            while piece := os.read(reading, 1 << 16):
                shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with pytest.MonkeyPatch.context() as patch, os.fdopen(writing, "w", encoding="utf-8") as err:
            patch.setattr(sys, "stderr", err)
            assert cli.main(arguments) == 0
    finally:
        reader.join()
        os.close(reading)
    return b"".join(shown).decode()
