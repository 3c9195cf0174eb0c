"""Files that a store keeps, looked into because several may be the one that was installed."""

from __future__ import annotations

import zipfile
from functools import partial
from typing import TYPE_CHECKING

from builders import a_clock, an_upload
from pytest_defend.actions.locate import locate
from pytest_defend.assembly.looking import look
from pytest_defend.assembly.tracing import Tracing, by_name
from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.localfiles import LocalFiles
from pytest_defend.capture.memory import DiskMemory
from pytest_defend.capture.origins import Sources
from pytest_defend.model.origins import Candidate, Certainty, Offer, Tree
from pytest_defend.stores.memory import MemoryStore
from wheels import a_wheel, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.distributions import Installed
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.origins import Origin


def _installed(folder: Path, wheel: Path) -> Installed:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (info,) = folder.glob("*.dist-info")
    (info / "INSTALLER").write_text("pip\n", encoding="utf-8")
    return read_distributions(paths=[str(folder)])[0]


def _trace(folder: Path, *offers: Offer, prove: bool = False) -> Tracing:
    memory = DiskMemory(folder / "memory.json")
    sources = Sources(
        offers=by_name(offers), local=LocalFiles([]), tree=lambda _: Tree(), environment={}, memory=memory
    )
    return Tracing(
        memory=memory,
        sources=sources,
        indexes=(),
        pages=(),
        complete_for=None,
        certificates="",
        prove=prove,
    )


def _keep(store: MemoryStore, *wheels: Path) -> None:
    for wheel in wheels:
        content = wheel.read_bytes()
        store.put(an_upload(path=f"pypi/demo/1.0/{wheel.parent.name}/{wheel.name}", content=content))


class _Counting(MemoryStore):
    """Counts what is read."""

    read = 0

    def part(self, path: str, start: int, size: int) -> bytes:
        self.read += 1
        return super().part(path, start, size)


def _settled(trace: Tracing, installed: Installed, store: MemoryStore) -> tuple[Origin, list[Gap]]:
    begun, _ = trace.begin(installed)
    gaps: list[Gap] = []
    (found,) = locate(begun, store, partial(look, trace, gaps, part=store.part)).distributions
    assert found.origin is not None
    return found.origin, gaps


def test_of_the_digests_of_a_requirement_the_kept_file_that_holds_it_is_proven(tmp_path: Path) -> None:
    mine, other = a_wheel(tmp_path / "a", "demo"), a_wheel(tmp_path / "b", "demo", files={"demo.py": "other"})
    allowed = Offer(source="requirements.txt", name="demo", hashes=(sha256(mine), sha256(other)))
    installed, store = _installed(tmp_path / "site", mine), _Counting(clock=a_clock)
    _keep(store, mine, other)
    origin, gaps = _settled(_trace(tmp_path, allowed), installed, store)
    assert (origin.certainty, origin.sha256, origin.file) == (Certainty.PROVEN, sha256(mine), mine.name)
    assert [each.path for each in origin.kept] == [f"pypi/demo/1.0/a/{mine.name}"]
    assert (origin.sha1, origin.size_bytes) != ("", 0)
    assert origin.evidence[0].source == f"pypi/demo/1.0/a/{mine.name}"
    assert gaps == []
    again, _ = _settled(_trace(tmp_path, allowed), installed, store)
    assert again == origin
    assert store.read == 2  # each once: what was read is remembered


def test_the_only_kept_file_is_not_taken_when_it_holds_something_else(tmp_path: Path) -> None:
    mine, other = a_wheel(tmp_path / "a", "demo"), a_wheel(tmp_path / "b", "demo", files={"demo.py": "other"})
    allowed = Offer(source="requirements.txt", name="demo", hashes=(sha256(mine), sha256(other)))
    store = MemoryStore(clock=a_clock)
    _keep(store, other)
    origin, _ = _settled(_trace(tmp_path, allowed), _installed(tmp_path / "site", mine), store)
    assert (origin.certainty, origin.sha256) == (Certainty.CONSTRAINED, "")
    assert [each.sha256 for each in origin.candidates] == [sha256(mine)]


def test_a_match_is_looked_into_only_when_it_is_to_be_proven(tmp_path: Path) -> None:
    mine = a_wheel(tmp_path / "a", "demo")
    rebuilt = a_wheel(tmp_path / "b", "demo", generator="somebody else")
    named = [_named(mine)]
    store = _Counting(clock=a_clock)
    _keep(store, mine)
    matched, _ = _settled(_trace(tmp_path / "1", *named), _installed(tmp_path / "x", mine), store)
    assert (matched.certainty, store.read) == (Certainty.MATCHED, 0)
    proven, _ = _settled(_trace(tmp_path / "2", *named, prove=True), _installed(tmp_path / "y", mine), store)
    assert (proven.certainty, proven.sha256) == (Certainty.PROVEN, sha256(mine))
    wrong, gaps = _settled(
        _trace(tmp_path / "3", *named, prove=True), _installed(tmp_path / "z", rebuilt), store
    )
    assert (wrong.certainty, wrong.sha256) == (Certainty.UNKNOWN, "")
    assert [each.why for each in wrong.rejected] == ["it holds something else than what is installed"]
    assert gaps == []


def _named(wheel: Path) -> Offer:
    file = Candidate(file=wheel.name, sha256=sha256(wheel))
    return Offer(source="uv.lock", name="demo", version="1.0", files=(file,))


def test_without_a_trace_nothing_is_looked_into(tmp_path: Path) -> None:
    installed = _installed(tmp_path / "site", a_wheel(tmp_path / "a", "demo"))
    assert look(None, [], installed, {}) is installed
