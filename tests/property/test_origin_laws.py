"""Laws of the ladder: whatever sources and bytes say, no digest is claimed that one of them rules out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution
from pytest_defend.model.fingerprint import content_rows, fingerprint
from pytest_defend.model.fit import misfit
from pytest_defend.model.origins import Candidate, Certainty, Inspected, Offer
from pytest_defend.model.rungs import rung
from pytest_defend.model.sieve import Here, Sifted, sift

if TYPE_CHECKING:
    import random

FITS = "demo-1.0-py3-none-any.whl"
_NAMES = (
    FITS,
    "demo-1.0-1-py3-none-any.whl",
    "Demo-1.0.0-py3-none-any.whl",
    "demo-1.0-cp311-cp311-win_amd64.whl",
    "demo-2.0-py3-none-any.whl",
    "demo-1.0.tar.gz",
    "../demo",
)
_HERE = {"python_version": "3.11"}
_URL = "file:///a"
heres = st.builds(
    Here, environment=st.just(_HERE), installed_s=st.just(10.0), url=st.sampled_from(["", "", _URL])
)
_SUMS = [Checksums.of(text.encode()) for text in "abcd"]
_DIGESTS = st.sampled_from([sums.sha256 for sums in _SUMS])

candidates = st.builds(
    Candidate,
    file=st.sampled_from(_NAMES),
    sha256=_DIGESTS | st.just(""),
    url=st.sampled_from(["", _URL, "file:///b"]),
)
offers = st.builds(
    Offer,
    source=st.sampled_from(["uv.lock", "pylock.toml", "requirements.txt", "https://i.example/"]),
    name=st.just("demo"),
    version=st.sampled_from(["", "1.0", "1.0.0", "2.0"]),
    marker=st.sampled_from(["", "python_version == '3.11'", "python_version == '3.12'", "nonsense"]),
    files=st.lists(candidates, max_size=3).map(tuple),
    hashes=st.lists(_DIGESTS, max_size=2).map(tuple),
    pinned=st.booleans(),
    group=st.sampled_from(["", "indexes"]),
    written_s=st.sampled_from([0.0, 5.0, 15.0]),
    environment=st.sampled_from([(), tuple(_HERE.items())]),
)
inspected = st.builds(
    Inspected,
    where=st.sampled_from(["/a", "/b"]),
    file=st.sampled_from(_SUMS).map(lambda sums: Candidate(file=FITS, url="file:///a", **sums.to_dict())),
    holds=st.booleans(),
    here=st.booleans(),
    younger=st.booleans(),
    built_from=st.none() | candidates,
)
distributions = st.builds(
    Distribution,
    name=st.just("demo"),
    version=st.just("1.0"),
    tags=st.sampled_from([("py3-none-any",), ("cp311-cp311-linux_x86_64",), ()]),
    build_tag=st.sampled_from(["", "1"]),
    fingerprint=st.just("f"),
)


@given(distributions, st.lists(offers, max_size=5), st.lists(inspected, max_size=3), heres, st.booleans())
def test_no_digest_is_claimed_that_anything_rules_out(
    distribution: Distribution, said: list[Offer], found: list[Inspected], here: Here, partial: bool
) -> None:
    sifted = sift(distribution, said, here)
    origin, _ = rung(distribution, sifted, found, partial=frozenset({"indexes"} if partial else ()))
    if origin.built_from is not None and not any(each.built_from for each in found):
        _check_source(origin.built_from, sifted, partial=partial)
    assert origin.certainty.exact is bool(origin.sha256)
    if not origin.sha256:
        return
    # what is claimed fits, and no bytes at hand with this digest hold something else
    assert misfit(origin.file, distribution) == "" or origin.certainty is Certainty.PROVEN
    wrong = {each.file.sha256 for each in found if not each.holds}
    assert origin.sha256 not in wrong or origin.certainty is Certainty.PROVEN
    for group in sifted.files.values():
        digests = {each.sha256 for each in group} - wrong
        assert not digests or "" in digests or origin.sha256 in digests
    for hashes in sifted.hashes.values():
        assert hashes <= wrong or origin.sha256 in hashes
    proofs = {each.file.sha256 for each in found if each.holds and each.built_from is None}
    assert (origin.certainty is Certainty.PROVEN) is (origin.sha256 in proofs)
    if here.url and origin.certainty is not Certainty.PROVEN:
        assert {each.url for each in sifted.candidates} == {here.url}


def _check_source(source: Candidate, sifted: Sifted, *, partial: bool) -> None:
    """What something was built from is named, and nobody who knows digests allows only others."""
    if any(source in offer.files for offer in sifted.pinned):
        return
    naming = {group for group, named in sifted.sdists.items() if source in named}
    assert naming
    assert naming - ({"indexes"} if partial else set())
    digests = [{each.sha256 for each in named} for named in sifted.sdists.values()]
    assert all(source.sha256 in known for known in digests if "" not in known)
    assert all(source.sha256 in allowed for allowed in sifted.hashes.values())


@given(distributions, st.lists(offers, max_size=5), st.lists(inspected, max_size=3), heres, st.randoms())
def test_the_order_of_sources_and_files_changes_no_claim(
    distribution: Distribution, said: list[Offer], found: list[Inspected], here: Here, chance: random.Random
) -> None:
    def claimed() -> tuple[object, ...]:
        sifted = sift(distribution, said, here)
        origin, problem = rung(distribution, sifted, found)
        digests = {each.sha256 for each in origin.candidates}
        source = origin.built_from and origin.built_from.sha256
        return origin.certainty, origin.sha256, source, digests, bool(problem), set(origin.rejected)

    first = claimed()
    chance.shuffle(said)
    chance.shuffle(found)
    assert claimed() == first


_PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=20)
rows = st.dictionaries(_PATHS, st.tuples(st.sampled_from(["", "sha256=a", "sha256=b"]), st.just("1")))


@given(rows, st.randoms())
def test_a_fingerprint_does_not_depend_on_order_and_sees_every_content_row(
    table: dict[str, tuple[str, str]], chance: random.Random
) -> None:
    shuffled = list(table.items())
    chance.shuffle(shuffled)
    assert fingerprint(dict(shuffled)) == fingerprint(table)
    for path, (_, size) in content_rows(table).items():
        changed = {**content_rows(table), path: ("sha256=other", size)}
        assert fingerprint(changed) != fingerprint(table)
