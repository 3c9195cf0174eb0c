"""The fixture `defend_attach`."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugin.recorded import Demo, Kept

SECRET = "wombat-" + "4711" * 4
BINARY = gzip.compress(b"\0" * 100 + SECRET.encode())


def _attached(run: Kept) -> dict[str, dict[str, bytes]]:
    """Content of every attachment, by test and shown name; each file is the one its attempt names."""
    found: dict[str, dict[str, bytes]] = {}
    for case in run.cases:
        for attempt in case.attempts:
            for attachment in attempt.attachments:
                content = run.file(attachment.path)
                assert hashlib.sha256(content).hexdigest() == attachment.sha256
                assert len(content) == attachment.size_bytes
                name = f"{attachment.name}#{attempt.ordinal}" if attempt.ordinal else attachment.name
                found.setdefault(case.nodeid.partition("::")[2], {})[name] = content
    return found


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_what_can_be_attached(demo: Demo, mode: str) -> None:
    demo.holds(
        test_it=f"""
def test_bytes(defend_attach):
    defend_attach(b"content", "response.json")

def test_path(defend_attach, tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("a report")
    defend_attach(path)
    defend_attach(str(path), "again")

def test_binary(defend_attach):
    defend_attach({BINARY!r}, "dump.gz")

def test_secret(defend_attach):
    defend_attach(b"the key is {SECRET}.", "log {SECRET}.txt")
"""
    )

    run = demo.run(mode=mode, DEMO_API_KEY=SECRET)

    assert run.status == 0, run.out
    assert _attached(run) == {
        "test_bytes": {"response.json": b"content"},
        "test_path": {"report.txt": b"a report", "again": b"a report"},
        "test_binary": {"dump.gz": BINARY},
        "test_secret": {"log ***.txt": b"the key is ***."},
    }
    assert SECRET not in "".join(run.published)
    assert [file.role for file in run.record.files].count("attachment") == 5


@pytest.mark.parametrize(
    "name",
    ["../../../up", "/etc/passwd", "a/b\\c", "..", "CON", "tab\there", "x" * 500, "é ü\u202e", "?*|<>"],
)
def test_names_are_made_safe(demo: Demo, name: str) -> None:
    demo.holds(test_it=f"def test_it(defend_attach): defend_attach(b'content', {name!r})")

    run = demo.run()

    assert run.status == 0
    (case,) = run.cases
    (attachment,) = case.attempts[0].attachments
    assert attachment.name == name
    folder, test, file = attachment.path.split("/")
    assert (folder, len(test), file[:7]) == ("attachments", 16, "main-1-")
    assert len(file) <= 255
    assert set(file).isdisjoint('/\\?*|<>"\t\u202e')
    assert run.file(attachment.path) == b"content"


def test_names_may_come_twice(demo: Demo) -> None:
    demo.holds(
        test_it="def test_it(defend_attach):\n    for content in (b'1', b'2'): defend_attach(content, 'same')"
    )

    run = demo.run()

    (case,) = run.cases
    assert [run.file(each.path) for each in case.attempts[0].attachments] == [b"1", b"2"]
    assert [each.name for each in case.attempts[0].attachments] == ["same", "same"]


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_one_that_is_too_large_is_a_gap(demo: Demo, mode: str) -> None:
    demo.holds(
        test_it="""
def test_it(defend_attach):
    defend_attach(b"x" * 2048, "dump")
    defend_attach(b"x" * 1024, "fits")
"""
    )

    run = demo.run("--defend-attachment-limit=1KiB", mode=mode)

    assert run.status == 0
    assert run.stage.mark == "passed"
    assert _attached(run) == {"test_it": {"fits": b"x" * 1024}}
    (gap,) = run.gaps("attachments")
    hint = "raise --defend-attachment-limit to keep it."
    assert gap == f"test_it.py::test_it: dump has 2048 bytes, 1024 are allowed; {hint}"
    assert f"gap in attachments: {gap}" in run.out


@pytest.mark.parametrize("asked", [(), ("--defend-publish",)])
def test_one_that_is_not_there_fails_the_test_recorded_or_not(demo: Demo, asked: tuple[str, ...]) -> None:
    demo.holds(test_it="def test_it(defend_attach): defend_attach('no such file')")

    run = demo.run(asked=asked)

    assert run.status == 1
    assert "FileNotFoundError" in run.out
    assert "No such file or directory: 'no such file'" in run.out


@pytest.mark.parametrize("asked", [(), ("--defend-publish",)])
def test_bytes_need_a_name(demo: Demo, asked: tuple[str, ...]) -> None:
    demo.holds(test_it="def test_it(defend_attach): defend_attach(b'content')")

    run = demo.run(asked=asked)

    assert run.status == 1
    assert "ValueError: Bytes need a name: defend_attach(content, 'response.json')." in run.out


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_a_run_that_is_not_recorded_keeps_nothing(demo: Demo, mode: str) -> None:
    demo.holds(test_it="def test_it(defend_attach): defend_attach(b'content', 'name')")

    run = demo.run(mode=mode, asked=())

    assert run.status == 0
    assert not (demo.folder / ".defend").exists()


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_every_attempt_has_its_own(demo: Demo, mode: str) -> None:
    demo.holds(
        test_it="""
TRIES = []

def test_it(defend_attach):
    TRIES.append(1)
    defend_attach(str(len(TRIES)).encode(), "try")
    assert len(TRIES) == 2

def test_another(defend_attach):
    defend_attach(b"another", "try")
"""
    )

    run = demo.run("--reruns=1", mode=mode)

    assert run.status == 0, run.out
    assert _attached(run) == {"test_it": {"try": b"1", "try#1": b"2"}, "test_another": {"try": b"another"}}


@pytest.mark.parametrize("mode", ["plain", "each"])
def test_in_setup_and_teardown_and_by_other_fixtures(demo: Demo, mode: str) -> None:
    demo.holds(
        test_it="""
import pytest

@pytest.fixture
def logged(defend_attach):
    defend_attach(b"before", "before")
    yield
    defend_attach(b"after", "after")

class TestIt:
    @pytest.fixture(autouse=True)
    def always(self, logged):
        pass

    def test_one(self, defend_attach):
        defend_attach(b"one", "one")

    def test_two(self):
        assert 0
"""
    )

    run = demo.run(mode=mode)

    expected = {
        "TestIt::test_one": {"before": b"before", "one": b"one", "after": b"after"},
        "TestIt::test_two": {"before": b"before", "after": b"after"},
    }
    assert _attached(run) == expected
    count = sum(len(attempt.attachments) for case in run.cases for attempt in case.attempts)
    assert count == (10 if mode == "each" else 5)


def test_files_attached_once_for_a_class(demo: Demo) -> None:
    demo.holds(
        test_it="""
import pytest

@pytest.fixture(scope="class")
def server(request):
    yield "server"

@pytest.mark.usefixtures("server")
class TestIt:
    @pytest.fixture(autouse=True)
    def log(self, server, defend_attach):
        yield
        defend_attach(server.encode(), "server.log")

    def test_one(self): pass
    def test_two(self): pass
"""
    )

    run = demo.run()

    assert _attached(run) == {f"TestIt::test_{n}": {"server.log": b"server"} for n in ("one", "two")}


def test_the_fixture_is_for_one_test(demo: Demo) -> None:
    demo.holds(
        test_it="""
import pytest

@pytest.fixture(scope="module")
def wide(defend_attach):
    pass

def test_it(wide):
    pass
"""
    )

    run = demo.run()

    assert run.status == 1
    assert run.outcomes == {"test_it": "error"}
    assert "ScopeMismatch" in run.out


def test_a_folder_that_cannot_be_written_is_a_gap(demo: Demo) -> None:
    demo.holds(
        test_it="""
from pathlib import Path

def test_it(defend_attach):
    (spool,) = Path(".defend/spool").iterdir()
    (spool / "attachments").write_text("in the way")
    defend_attach(b"content", "name")
    (spool / "attachments").unlink()
"""
    )

    run = demo.run()

    assert run.status == 0
    (gap,) = run.gaps("attachments")
    assert gap.startswith("test_it.py::test_it: name could not be kept in ")
    assert run.stage.mark == "passed"


def test_attachments_of_a_crashed_test_are_kept(demo: Demo) -> None:
    demo.holds(
        test_it="""
import os

def test_it(defend_attach):
    defend_attach(b"content", "name")
    os._exit(1)
"""
    )

    run = demo.run(mode="n2")

    assert run.status == 1
    names = [name for name in run.published if name.startswith("attachments/")]
    assert [run.file(name) for name in names] == [b"content"]
