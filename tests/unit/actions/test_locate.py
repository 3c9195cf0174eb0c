"""What the store knows about the files that packages came from."""

from __future__ import annotations

from typing import Any

import pytest

from builders import a_clock, an_upload
from pytest_defend.actions.locate import locate
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Candidate, Certainty, Kept, Origin
from pytest_defend.stores.memory import MemoryStore

WHEEL = "lib-1.0-py3-none-any.whl"
SUMS = Checksums.of(b"lib")
OTHER = Checksums.of(b"other")


class _Counting(MemoryStore):
    """Counts what it is asked."""

    asked = 0

    def find(self, sha256s: Any) -> Any:
        self.asked += 1
        return super().find(sha256s)


@pytest.fixture
def store() -> _Counting:
    """Keeps the file twice, once with all that is known of it."""
    made = _Counting(a_clock)
    properties = {"build.name": ("lib",), "build.number": ("7",), "defend.level": ("qa",)}
    made.put(an_upload(f"qa/lib/1.0/{WHEEL}", b"lib", properties=properties))
    made.put(an_upload(f"candidates/lib/1.0/{WHEEL}", b"lib"))
    return made


def _located(store: MemoryStore, **origin: Any) -> Origin:
    lib = Distribution(name="lib", version="1.0", tags=("py3-none-any",), origin=Origin(**origin))
    (found,) = locate(Installed(distributions=(lib,)), store).distributions
    assert found.origin is not None
    return found.origin


def test_a_kept_file_gives_its_other_digests_and_who_made_it(store: MemoryStore) -> None:
    origin = _located(store, certainty=Certainty.MATCHED, file=WHEEL, sha256=SUMS.sha256)
    assert (origin.sha1, origin.md5, origin.size_bytes) == (SUMS.sha1, SUMS.md5, 3)
    assert origin.kept == (
        Kept(path=f"candidates/lib/1.0/{WHEEL}"),
        Kept(path=f"qa/lib/1.0/{WHEEL}", build_name="lib", build_number="7", level="qa"),
    )
    assert origin.certainty is Certainty.MATCHED


def test_a_file_that_is_not_kept_stays_as_it_is(store: MemoryStore) -> None:
    origin = _located(store, certainty=Certainty.MATCHED, file=WHEEL, sha256=OTHER.sha256)
    assert origin == Origin(certainty=Certainty.MATCHED, file=WHEEL, sha256=OTHER.sha256)


def test_of_several_candidates_the_one_that_is_kept(store: MemoryStore) -> None:
    candidates = (Candidate(file=WHEEL, sha256=OTHER.sha256), Candidate(file=WHEEL, sha256=SUMS.sha256))
    origin = _located(store, certainty=Certainty.CONSTRAINED, candidates=candidates)
    assert (origin.certainty, origin.file, origin.sha256) == (Certainty.NARROWED, WHEEL, SUMS.sha256)
    assert origin.sha1 == SUMS.sha1
    assert origin.evidence[-1].source == store.locator


def test_a_bare_digest_is_the_file_when_the_name_it_is_kept_under_fits(store: MemoryStore) -> None:
    candidates = tuple(Candidate(file="", sha256=sums.sha256) for sums in (SUMS, OTHER))
    origin = _located(store, certainty=Certainty.CONSTRAINED, candidates=candidates)
    assert (origin.certainty, origin.file) == (Certainty.NARROWED, WHEEL)


def test_a_kept_file_of_another_machine_narrows_nothing(store: MemoryStore) -> None:
    store.put(an_upload("candidates/lib/1.0/lib-1.0-cp311-cp311-win_amd64.whl", b"other"))
    candidates = (Candidate(file="", sha256=OTHER.sha256),)
    origin = _located(store, certainty=Certainty.CONSTRAINED, candidates=candidates)
    assert origin.certainty is Certainty.CONSTRAINED


def test_two_candidates_that_are_kept_narrow_nothing(store: MemoryStore) -> None:
    store.put(an_upload(f"other/lib/1.0/{WHEEL}", b"other"))
    candidates = tuple(Candidate(file=WHEEL, sha256=sums.sha256) for sums in (SUMS, OTHER))
    origin = _located(store, certainty=Certainty.CONSTRAINED, candidates=candidates)
    assert (origin.certainty, origin.sha256) == (Certainty.CONSTRAINED, "")


def test_a_source_distribution_that_is_kept(store: MemoryStore) -> None:
    built_from = Candidate(file="lib-1.0.tar.gz", sha256=SUMS.sha256)
    origin = _located(store, certainty=Certainty.BUILT, built_from=built_from)
    assert origin.built_from is not None
    assert (origin.built_from.sha1, origin.built_from.size_bytes) == (SUMS.sha1, 3)
    assert (origin.sha256, origin.sha1) == ("", "")
    assert len(origin.kept) == 2


def test_everything_is_asked_at_once(store: _Counting) -> None:
    origin = Origin(certainty=Certainty.MATCHED, file=WHEEL, sha256=SUMS.sha256)
    many = tuple(Distribution(name=f"lib-{n}", version="1.0", origin=origin) for n in range(500))
    locate(Installed(distributions=many), store)
    assert store.asked == 1


def test_nothing_is_asked_when_no_digest_is_known(store: _Counting) -> None:
    unknown = Distribution(name="a", version="1", origin=Origin(certainty=Certainty.UNKNOWN))
    installed = Installed(distributions=(unknown, Distribution(name="b", version="1")))
    assert locate(installed, store) == installed
    assert store.asked == 0
