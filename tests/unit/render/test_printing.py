"""Answers as they are printed: to a pipe for programs, to a terminal for people, as JSON for both."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import STARTED, a_build_info
from pytest_defend import render
from pytest_defend.model.buildinfo import Status
from pytest_defend.model.bundle import Published
from pytest_defend.model.results import Result, Verdict
from pytest_defend.model.views import BuildRow, BuildView, FilesView, FileView, StageView
from pytest_defend.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

ODD = "t.py::test_it[red][/red] :bug: [link=x]"
LONG = "x" * 5000


def piped(*renderables: RenderableType, encoding: str = "utf-8") -> str:
    """What reaches a pipe, checked for what no pipe may get."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        for renderable in renderables:
            render.as_text(renderable)
        stream.flush()
        printed = stream.buffer.getvalue().decode(encoding)
    assert not re.search(r"[ \t]$", printed, re.MULTILINE)
    assert "\x1b" not in printed
    assert isinstance(printed, str)
    return str(printed)


def a_stage(**changes: object) -> StageView:
    told = {
        "name": "tests",
        "module": "demo:1.0/stage/tests",
        "result": "passed",
        "mark": "passed",
        "run": "r1",
        "tests": {"collected": 2, "passed": 2},
        "facts": {"defend.python": "cpython 3.11", "defend.platform": "linux", "defend.gaps": "0"},
    }
    return StageView(**{**told, **changes})  # type: ignore[arg-type]  # a test names what matters to it


def a_view(*stages: StageView, **build: object) -> BuildView:
    return BuildView(store="/s", stages=stages or (a_stage(),), build=a_build_info(**build))


def a_file(path: str, *, kept: bool = True, size_bytes: int | None = 4) -> FileView:
    return FileView(
        path=path, module="m", type="t", sha256="0123456789abcdef", kept=kept, size_bytes=size_bytes
    )


def test_a_build_is_its_head_its_stages_and_its_modules() -> None:
    assert piped(render.text.build_view(a_view())) == (
        "build demo/1\n"
        f"  started  {STARTED}\n"
        "  store    /s\n"
        f"  source   https://git.example/demo.git  {'0' * 40}\n"
        "  agents   pytest-defend 0\n"
        "\n"
        "stage tests passed, marked passed\n"
        "  tests   2 collected, 2 passed\n"
        "  python  cpython 3.11 on linux\n"
        "  run     r1\n"
        "\n"
        "module    artifacts  dependencies\n"
        "demo:1.0          1             1\n"
    )


def test_a_build_says_what_it_has_reached() -> None:
    view = a_view()
    statuses = (
        Status(status="qa", timestamp=STARTED, user="ann", ci_user="bot", comment="well done"),
        Status(status="released", timestamp=STARTED, ci_user="bot"),
    )
    printed = piped(render.text.build_view(replace(view, build=replace(view.build, statuses=statuses))))
    assert f"  status   qa {STARTED} by ann: well done\n  status   released {STARTED} by bot\n" in printed


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"mark": ""}, ["stage tests passed, no mark, hence not eligible"]),
        (
            {"mark": "failed", "result": "incomplete", "reasons": "no test passed", "tests": {}},
            ["stage tests incomplete, not eligible", "  because  no test passed", "  tests    none"],
        ),
        ({"mark": "warned", "result": "warned"}, ["stage tests warned, marked warned"]),
        ({"facts": {"defend.gaps": "3"}}, ["  gaps   3"]),
        ({"result": "theirs"}, ["stage tests theirs, marked passed"]),
    ],
)
def test_a_stage_says_whether_it_is_eligible_and_why_not(
    changes: dict[str, object], lines: list[str]
) -> None:
    printed = piped(render.text.build_view(a_view(a_stage(**changes)))).splitlines()
    assert [line for line in lines if line not in printed] == []


def test_builds_are_lines_that_name_them_in_full() -> None:
    rows = [
        BuildRow(name="a b", number="1", started=STARTED),
        BuildRow(name="[red]", number="2", started="x"),
    ]
    assert piped(render.text.build_list(rows)) == f"a b/1@{STARTED}\n[red]/2@x\n"
    assert piped(render.text.build_list([])) == "no builds\n"


def test_files_are_a_table_that_names_what_is_wrong() -> None:
    files = (a_file("r/a"), a_file("r/b", kept=False), a_file("r/c", kept=False, size_bytes=None))
    printed = piped(render.text.files_view(FilesView(build="demo/1", files=files)))
    assert printed.splitlines() == [
        "sha256           size  path",
        "0123456789ab  4 bytes  r/a",
        "0123456789ab  4 bytes  r/b CHANGED",
        "0123456789ab        -  r/c MISSING",
    ]


def test_publishing_is_told_for_each_record() -> None:
    done = Published(build="demo/1@x", store="/s", stage="tests", new=("r/a",), kept=(), size_bytes=1)
    failed = Verdict(result=Result.FAILED, reasons=("1 failed",))
    assert piped(render.text.published_view([(done, failed), (done, Verdict(result=Result.PASSED))])) == (
        "published demo/1@x to /s (1 files, 1 bytes)\n"
        "stage tests failed: 1 failed\n"
        "published demo/1@x to /s (1 files, 1 bytes)\n"
        "stage tests passed\n"
    )
    assert piped(render.text.published_view([])) == ""


def test_settings_are_a_table_without_secrets() -> None:
    environ = {"DEFEND_STAGE": "it", "DEFEND_PASSWORD": "hunter2"}
    settings = resolve(command_line={}, environ=environ, pyproject={"store": ODD}, detected=None)
    printed = piped(render.text.settings_view(settings.rows()))
    assert "hunter2" not in printed
    rows = {line.split()[0]: line for line in printed.splitlines()}
    assert re.fullmatch(r"stage +it +environment DEFEND_STAGE +--defend-stage", rows["stage"])
    assert re.fullmatch(r"password +\*\*\* +environment DEFEND_PASSWORD +DEFEND_PASSWORD", rows["password"])
    assert ODD in rows["store"]


def everything(text: str) -> Iterable[RenderableType]:
    """Every answer, with `text` wherever a name can be."""
    yield render.text.sentence(text)
    stage = a_stage(name=text, result=text, mark=text, reasons=text, run=text, facts={"defend.python": text})
    yield render.text.build_view(a_view(stage, name=text, started=text))
    yield render.text.build_list([BuildRow(name=text, number="1", started="x")])
    yield render.text.files_view(FilesView(build=text, files=(a_file(text),)))
    done = Published(build=text, store=text, stage=text, new=(text,), kept=(), size_bytes=1, dry_run=True)
    yield render.text.published_view([(done, Verdict(result=Result.FAILED, reasons=(text,)))])


@pytest.mark.parametrize("text", [ODD, LONG, "[", "\\[red]", "ü 漢字"], ids=lambda text: text[:9])
def test_names_stand_as_they_are_and_are_neither_cut_nor_wrapped(text: str) -> None:
    for renderable in everything(text):
        assert text in piped(renderable)


@pytest.mark.parametrize(
    "control", ["\x1b[31m", "\n", "\r", "\x07", "\x85", "\u2028", "\x00", "\t"], ids=repr
)
def test_a_name_cannot_steer_a_terminal_or_begin_a_line(control: str) -> None:
    shown = control[0].encode("unicode_escape").decode()
    for renderable in everything(f"a{control}b"):
        printed = piped(renderable)
        assert f"a{shown}{control[1:]}b" in printed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_encoding_cannot_say_is_an_escape(encoding: str) -> None:
    printed = piped(render.text.sentence("é漢\udcff"), encoding=encoding)
    kept = {"ascii": r"\xe9\u6f22\udcff", "latin-1": r"é\u6f22\udcff", "utf-8": r"é漢\udcff"}
    assert printed == f"{kept[encoding]}\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_can_always_be_read(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    for document in ({"b": "é漢", "a": [1, None]}, {"bytes": "\udcff"}):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
        monkeypatch.setattr(sys, "stdout", stream)
        render.as_json(document)
        stream.flush()
        content = stream.buffer.getvalue()
        assert json.loads(content) == document
        assert content.endswith(b"}\n")
        assert content.startswith(b'{\n  "')


def test_a_pipe_without_an_encoding_is_written_as_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    class Bare(io.StringIO):
        encoding = None  # type: ignore[assignment]  # as a stream of another library may have it

    bare = Bare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", bare)
        render.as_text(render.text.sentence("ü"))
    assert bare.getvalue() == "ü\n"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_nothing_colours_a_pipe(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    assert piped(render.text.build_view(a_view())).startswith("build demo/1\n")


def test_a_terminal_gets_colours_and_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(writer, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        render.as_text(render.text.build_view(a_view(a_stage(result="failed", reasons=ODD))))
        terminal.flush()
        printed = os.read(reader, 100_000).decode()
    os.close(reader)
    assert re.search(r"\x1b\[(1;)?31mfailed\x1b\[0m", printed)
    plain = re.sub(r"\x1b\[[\d;]*m", "", printed).replace("\r\n", "\n")
    assert max(map(len, plain.splitlines())) <= 40
    assert "[red][/red]" in plain.replace("\n", "").replace(" ", "")


def test_the_room_has_no_other_module_to_load() -> None:
    with pytest.raises(AttributeError, match="html"):
        _ = render.html
