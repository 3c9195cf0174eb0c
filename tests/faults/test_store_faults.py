from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from builders import PATH, STARTED, a_build_info, a_build_with_files, a_clock, an_upload
from pytest_defend.errors import AccessDenied, StoreError, Unavailable
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHILD = Path(__file__).with_name("store_child.py")
SOON_S = 120
LATER = "2026-01-31T11:59:01.456+0000"
DEMO = ["libs-local/demo/1/own", "libs-local/demo/1/shared"]


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-B", str(CHILD), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(child: subprocess.Popen[str], told: str = "") -> tuple[int, list[str]]:
    said, errors = child.communicate(told, timeout=SOON_S)
    assert "Traceback" not in errors, errors
    return child.returncode, said.splitlines()


def _say(child: subprocess.Popen[str], line: object) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{line}\n")
    child.stdin.flush()


def _hear(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.fixture(scope="module")
def forked() -> Iterator[Callable[..., int]]:
    """Runs a part of the child in a process that need not start Python; gives how it ended."""
    parent = _start("forks")

    def run(*arguments: object) -> int:
        _say(parent, json.dumps([str(argument) for argument in arguments]))
        return int(_hear(parent))

    yield run
    assert _finish(parent) == (0, [])


def _publish_again(root: Path) -> None:
    DirectoryStore(root, a_clock).publish_build(*a_build_with_files("demo", "1"))


def _check_all_or_nothing(root: Path) -> bool:
    """Whether the build is there; its files must then be, or must not."""
    store = DirectoryStore(root, a_clock)
    paths = [item.path for item in store.list("libs-local/demo")]
    published = [run.id for run in store.builds("demo")]
    assert paths == (DEMO if published else [])
    for path in paths:
        with store.open(path) as file:
            file.read()  # compared with its digest before it is handed out
    return bool(published)


@pytest.fixture(params=["new", "used"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a store is to be made, or holds something already."""
    if request.param == "used":
        store = DirectoryStore(tmp_path / "template", a_clock)
        store.publish_build(a_build_info(name="before"), [an_upload("libs-local/before", b"before")])
    return tmp_path


def _copied(root: Path, name: object) -> Path:
    copy = root / str(name)
    if (root / "template").exists():
        shutil.copytree(root / "template", copy)
    return copy


@pytest.mark.slow
def test_killed_before_any_step_nothing_half_is_visible(root: Path, forked: Callable[..., int]) -> None:
    seen = set()
    for step in count(1):
        store = _copied(root, step)
        code = forked("die", store, step)
        published = _check_all_or_nothing(store)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        seen.add(published)
        _publish_again(store)
        assert _check_all_or_nothing(store)
        _publish_again(store)
    assert published
    assert step > 40, "the steps were not counted"
    assert seen == {True, False}, "it was killed before and after the build counted"


@pytest.mark.slow
def test_killed_at_any_moment_nothing_half_is_visible(root: Path, forked: Callable[..., int]) -> None:
    finished = set()
    for microseconds in range(200, 12_000, 400):
        store = _copied(root, microseconds)
        code = forked("alarm", store, microseconds)
        assert code in (0, -signal.SIGALRM)
        finished.add(code)
        assert _check_all_or_nothing(store) or code
        _publish_again(store)
        assert _check_all_or_nothing(store)
    assert -signal.SIGALRM in finished


def test_what_a_killed_process_left_is_used_again(tmp_path: Path) -> None:
    root = tmp_path / "store"
    code, _ = _finish(_start("die", root, 30))
    assert code == -signal.SIGKILL
    orphans = {path.name for path in (root / "blobs").glob("??/*")}
    assert orphans
    assert DirectoryStore(root, a_clock).list("") == ()
    _publish_again(root)
    assert {path.name for path in (root / "blobs").glob("??/*")} >= orphans
    assert len(list((root / "blobs").glob("??/*"))) == 2


@pytest.mark.slow
def test_builds_of_two_processes_are_all_kept_and_seen_whole(tmp_path: Path) -> None:
    root = tmp_path / "store"
    numbers = "".join(f"{number}\n" for number in range(40))
    watcher = _start("watch", root, 80)
    writers = [_start("publish", root, name, STARTED) for name in ("left", "right")]
    for writer in writers:
        _say(writer, "first")  # both are running before either is told all
    assert [_hear(writer) for writer in writers] == ["kept", "kept"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(numbers)
        writer.stdin.flush()
    assert [_finish(writer)[1] for writer in writers] == [["kept"] * 40] * 2
    assert _finish(watcher)[0] == 0
    store = DirectoryStore(root, a_clock)
    assert len(store.builds("left")) == len(store.builds("right")) == 41
    assert len(store.list("libs-local")) == 4 * 41


@pytest.mark.slow
def test_of_two_processes_with_one_number_exactly_one_wins(tmp_path: Path) -> None:
    root = tmp_path / "store"
    rivals = {started: _start("publish", root, "race", started) for started in (STARTED, LATER)}
    store = DirectoryStore(root, a_clock)
    for number in range(25):
        for rival in rivals.values():
            _say(rival, number)
        results = {started: _hear(rival) for started, rival in rivals.items()}
        assert sorted(results.values()) == ["Conflict", "kept"]
        kept = store.build(BuildId(name="race", number=str(number)))
        assert results[kept.started] == "kept"
    assert [_finish(rival)[0] for rival in rivals.values()] == [0, 0]
    assert len(store.builds()) == 25


@pytest.mark.slow
def test_two_processes_publish_one_run_and_both_are_content(tmp_path: Path) -> None:
    twins = [_start("publish", tmp_path / "store", "same", STARTED) for _ in range(2)]
    for number in range(25):
        for twin in twins:
            _say(twin, number)
        assert [_hear(twin) for twin in twins] == ["kept", "kept"]
    assert [_finish(twin)[0] for twin in twins] == [0, 0]
    assert len(DirectoryStore(tmp_path / "store", a_clock).builds()) == 25


def _mount(folder: Path, options: str) -> None:
    program = shutil.which("mount")
    if program is None:
        pytest.skip("there is no mount program here")
    done = subprocess.run(
        [program, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this user may not mount: {done.stderr.decode().strip()}")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    # not below tmp_path, which pytest could not remove if this process were killed
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "disk")
        folder.mkdir()
        _mount(folder, "size=512k")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_too_full_for_a_file_refuses_the_build(small_disk: Path) -> None:
    store = DirectoryStore(small_disk / "store", a_clock)
    store.publish_build(a_build_info(), [an_upload()])
    with pytest.raises(Unavailable, match=r"The disk of the store .* is full\. Free space") as caught:
        store.publish_build(a_build_info(number="2"), [an_upload("r/1"), an_upload("r/2", b"x" * 600_000)])
    assert caught.value.key == store.locator
    assert [run.id.number for run in store.builds()] == ["1"]
    assert [item.path for item in store.list("")] == [PATH]
    assert not list(small_disk.rglob("incoming-*"))
    store.publish_build(a_build_info(number="2"), [an_upload("r/1"), an_upload("r/2", b"x" * 6_000)])


def test_a_disk_too_full_for_the_ledger_refuses_the_build(small_disk: Path) -> None:
    store = DirectoryStore(small_disk / "store", a_clock)
    store.publish_build(a_build_info(), [an_upload()])
    with pytest.raises(Unavailable, match="lies on a full disk"):
        store.publish_build(a_build_info(number="2", url="x" * 600_000), [an_upload("r/1")])
    assert [run.id.number for run in store.builds()] == ["1"]
    assert [item.path for item in store.list("")] == [PATH]
    store.publish_build(a_build_info(number="2"), [an_upload("r/1")])


def test_every_size_of_a_full_disk_is_an_error_of_ours(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    for free in range(0, 400_000, 16_384):
        root = small_disk / "store"
        ballast.write_bytes(b"x" * (512 * 1024 - free - 8192))
        try:
            DirectoryStore(root, a_clock).publish_build(a_build_info(), [an_upload()])
        except StoreError as error:
            assert isinstance(error, Unavailable), error  # noqa: PT017 - some sizes are enough
        ballast.unlink()
        assert len(DirectoryStore(root, a_clock).builds()) in (0, 1)
        DirectoryStore(root, a_clock).publish_build(a_build_info(), [an_upload()])
        shutil.rmtree(root)


def test_a_store_on_a_read_only_disk_can_be_read(small_disk: Path) -> None:
    store = DirectoryStore(small_disk / "store", a_clock)
    store.publish_build(a_build_info(), [an_upload()])
    _mount(small_disk, "remount,ro")
    assert store.build(BuildId(name="demo", number="latest")) == a_build_info()
    with store.open(PATH) as file:
        assert file.read() == b"demo"
    for refused in (
        lambda: store.put(an_upload("r/1")),
        lambda: store.annotate([PATH], {"a": ("1",)}),
        lambda: store.publish_build(a_build_info(number="2")),
    ):
        with pytest.raises(Unavailable, match=r"is read-only\. Choose a folder that can be written\."):
            refused()
    store.publish_build(a_build_info(), [an_upload()])  # is there already
    with pytest.raises(Unavailable, match="read-only"):
        DirectoryStore(small_disk / "other", a_clock).put(an_upload())


def test_what_a_killed_process_left_on_a_read_only_disk_can_be_read(
    small_disk: Path, forked: Callable[..., int]
) -> None:
    root = small_disk / "store"
    for step in count(30):
        store = DirectoryStore(root, a_clock)
        store.publish_build(a_build_info(name="before"))
        code = forked("die", root, step)
        assert code, "it was never killed after the build counted"
        if store.builds("demo"):
            break
        shutil.rmtree(root)
    shutil.rmtree(root)
    store.publish_build(a_build_info(name="before"))
    forked("die", root, step)
    assert (root / "ledger.sqlite3-wal").stat().st_size
    _mount(small_disk, "remount,ro")
    assert [run.id.name for run in store.builds()] == ["before", "demo"]


@pytest.fixture
def locked_out(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else, or, for somebody who is not root, of nobody."""
    folder = tmp_path / "locked"
    folder.mkdir()
    DirectoryStore(folder / "store", a_clock).put(an_upload())
    folder.chmod(0)
    if os.geteuid():
        yield folder
    else:
        os.seteuid(65534)
        yield folder
        os.seteuid(0)
    folder.chmod(0o700)


def test_a_folder_we_may_not_enter_is_denied(locked_out: Path) -> None:
    store = DirectoryStore(locked_out / "store", a_clock)
    for refused in (
        store.builds,
        lambda: store.stat(PATH),
        lambda: store.put(an_upload("r/1")),
        lambda: store.publish_build(a_build_info()),
    ):
        with pytest.raises(AccessDenied, match="is denied") as caught:
            refused()
        assert caught.value.key == store.locator
