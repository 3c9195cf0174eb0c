"""The ladder, row by row: what sources and bytes say, and what may be claimed then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution
from pytest_defend.model.origins import Candidate, Certainty, Inspected, Offer, Origin
from pytest_defend.model.rungs import rung
from pytest_defend.model.sieve import Here, sift

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
LINUX = "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
_HERE = {"python_version": "3.11", "sys_platform": "linux"}
DEMO = Distribution(name="demo", version="1.0", tags=("py3-none-any",), fingerprint="f")
COMPILED_HERE = replace(DEMO, tags=("cp311-cp311-linux_x86_64",))
AT_PATH = Candidate(file=WHEEL, url="file:///a%20b/demo.whl")


def _bytes(text: str) -> Checksums:
    return Checksums.of(text.encode())


A, B, C = (_bytes(text).sha256 for text in "abc")


def offer(source: str, *files: tuple[str, str], **more: Any) -> Offer:
    candidates = tuple(Candidate(file=file, sha256=sha256) for file, sha256 in files)
    return Offer(source=source, name="demo", **{"version": "1.0", "files": candidates, **more})


def report(*files: tuple[str, str], written_s: float = 5, environment: dict[str, str] | None = None) -> Offer:
    known = tuple(sorted((_HERE if environment is None else environment).items()))
    return offer("report.json", *files, pinned=True, written_s=written_s, environment=known)


def inspected(
    text: str,
    *,
    holds: bool = True,
    built_from: Candidate | None = None,
    file: str = WHEEL,
    younger: bool = False,
    here: bool = True,
) -> Inspected:
    return Inspected(
        where=f"/house/{file}",
        file=Candidate(file=file, url=f"file:///house/{file}", **_bytes(text).to_dict()),
        holds=holds,
        here=here,
        younger=younger,
        built_from=built_from,
    )


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known, and what may be claimed."""

    says: str
    offers: tuple[Offer, ...] = ()
    bytes: tuple[Inspected, ...] = ()
    partial: frozenset[str] = frozenset()
    distribution: Distribution = DEMO
    url: str = ""
    certainty: Certainty
    sha256: str = ""
    candidates: tuple[str, ...] = ()
    built_from: str = ""
    contradiction: bool = False
    rejected: tuple[str, ...] = field(default=())


ROWS = (
    Row(says="nobody says anything", certainty=Certainty.UNKNOWN),
    Row(
        says="one lock names one wheel that fits",
        offers=(offer("uv.lock", (WHEEL, A), (LINUX, B), (SDIST, C)),),
        certainty=Certainty.MATCHED,
        sha256=A,
        rejected=("its tags are not those of the installed wheel",),
    ),
    Row(
        says="two locks agree",
        offers=(offer("uv.lock", (WHEEL, A)), offer("pylock.toml", (WHEEL, A))),
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
    Row(
        says="two locks contradict each other",
        offers=(offer("uv.lock", (WHEEL, A)), offer("pylock.toml", (WHEEL, B))),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
        contradiction=True,
    ),
    Row(
        says="a lock is about another version",
        offers=(offer("uv.lock", (WHEEL, A), version="2.0"),),
        certainty=Certainty.UNKNOWN,
        rejected=("it is about version 2.0",),
    ),
    Row(
        says="a forked lock: the marker of one entry does not hold",
        offers=(
            offer("uv.lock", (WHEEL, A), marker="sys_platform == 'win32'"),
            offer("uv.lock", (WHEEL, B), marker="sys_platform == 'linux'"),
        ),
        certainty=Certainty.MATCHED,
        sha256=B,
        rejected=("its marker does not hold here: sys_platform == 'win32'",),
    ),
    Row(
        says="a forked lock: both entries may be meant",
        offers=(offer("uv.lock", (WHEEL, A)), offer("uv.lock", (WHEEL, B))),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="a re-upload with a build tag, and WHEEL names it",
        offers=(offer("uv.lock", (WHEEL, A), ("demo-1.0-1-py3-none-any.whl", B)),),
        distribution=Distribution(
            name="demo", version="1.0", tags=("py3-none-any",), fingerprint="f", build_tag="1"
        ),
        certainty=Certainty.MATCHED,
        sha256=B,
        rejected=("its build tag is not 1",),
    ),
    Row(
        says="a re-upload with a build tag, and WHEEL does not say which",
        offers=(offer("uv.lock", (WHEEL, A), ("demo-1.0-1-py3-none-any.whl", B)),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="one version on two indexes, with other content",
        offers=(
            offer("https://one.example/", (WHEEL, A), group="indexes"),
            offer("https://two.example/", (WHEEL, B), group="indexes"),
        ),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="one version on two indexes, one of which has a second file",
        offers=(
            offer("https://one.example/", (WHEEL, A), group="indexes"),
            offer("https://two.example/", (WHEEL, A), (WHEEL, B), group="indexes"),
        ),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="an index has one, but another that counts was not asked",
        offers=(offer("https://one.example/", (WHEEL, A), group="indexes"),),
        partial=frozenset({"indexes"}),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
    ),
    Row(
        says="a lock and an index agree, whatever other indexes have",
        offers=(offer("https://one.example/", (WHEEL, A), group="indexes"), offer("uv.lock", (WHEEL, A))),
        partial=frozenset({"indexes"}),
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
    Row(
        says="an index gives no digest",
        offers=(offer("https://one.example/", (WHEEL, ""), group="indexes"),),
        certainty=Certainty.CONSTRAINED,
        candidates=("",),
    ),
    Row(
        says="only allowed digests are known",
        offers=(offer("requirements.txt", hashes=(A, B)),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="a single allowed digest may be that of a source distribution",
        offers=(offer("requirements.txt", hashes=(A,)),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
    ),
    Row(
        says="a lock names the file, requirements allow it",
        offers=(offer("uv.lock", (WHEEL, A)), offer("requirements.txt", hashes=(A, B, C))),
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
    Row(
        says="requirements leave one of two files",
        offers=(offer("uv.lock", (WHEEL, A), (WHEEL, B)), offer("requirements.txt", hashes=(B, C))),
        certainty=Certainty.MATCHED,
        sha256=B,
    ),
    Row(
        says="requirements allow none of the files",
        offers=(offer("uv.lock", (WHEEL, A)), offer("requirements.txt", hashes=(B, C))),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
        contradiction=True,
    ),
    Row(
        says="pip reported it, then installed it",
        offers=(report((WHEEL, A)),),
        certainty=Certainty.RECORDED,
        sha256=A,
    ),
    Row(
        says="pip reported it after it was installed",
        offers=(report((WHEEL, A), written_s=11),),
        certainty=Certainty.UNKNOWN,
        rejected=("it is younger than the installation",),
    ),
    Row(
        says="pip reported it for another interpreter",
        offers=(report((WHEEL, A), environment={"python_version": "3.12"}),),
        certainty=Certainty.UNKNOWN,
        rejected=("it is about another Python",),
    ),
    Row(
        says="pip does not say which interpreter it reported it for",
        offers=(report((WHEEL, A), environment={}),),
        certainty=Certainty.UNKNOWN,
        rejected=("it is about another Python",),
    ),
    Row(
        says="pip reported it before the kernel was updated",
        offers=(report((WHEEL, A), environment={**_HERE, "platform_release": "5.0"}),),
        certainty=Certainty.RECORDED,
        sha256=A,
    ),
    Row(
        says="pip reported another file for another interpreter, a lock names this one",
        offers=(report((WHEEL, B), environment={"python_version": "3.12"}), offer("uv.lock", (WHEEL, A))),
        certainty=Certainty.MATCHED,
        sha256=A,
        rejected=("it is about another Python",),
    ),
    Row(
        says="pip reported it, a lock knows another digest",
        offers=(report((WHEEL, A)), offer("uv.lock", (WHEEL, B))),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
        contradiction=True,
    ),
    Row(
        says="pip reported a source distribution, a lock names a wheel that fits as well",
        offers=(report((SDIST, C)), offer("uv.lock", (WHEEL, A), (SDIST, C))),
        certainty=Certainty.BUILT,
        built_from=C,
    ),
    Row(
        says="the bytes are at hand",
        bytes=(inspected("a"),),
        certainty=Certainty.PROVEN,
        sha256=A,
    ),
    Row(
        says="the bytes at hand are younger than the installation",
        bytes=(inspected("a", younger=True),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
    ),
    Row(
        says="the bytes at hand are younger than the installation, and a lock names them",
        offers=(offer("uv.lock", (WHEEL, A)),),
        bytes=(inspected("a", younger=True),),
        certainty=Certainty.PROVEN,
        sha256=A,
    ),
    Row(
        says="one of two files at hand is younger than the installation",
        bytes=(inspected("a"), inspected("b", younger=True)),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
    ),
    Row(
        says="the bytes are at hand and in the lock",
        offers=(offer("uv.lock", (WHEEL, A), (WHEEL, B)),),
        bytes=(inspected("a"),),
        certainty=Certainty.PROVEN,
        sha256=A,
    ),
    Row(
        says="bytes that hold it, but the lock knows another digest",
        offers=(offer("uv.lock", (WHEEL, B)),),
        bytes=(inspected("a"),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
        contradiction=True,
    ),
    Row(
        says="two files at hand hold it",
        bytes=(inspected("a"), inspected("b")),
        certainty=Certainty.CONSTRAINED,
        candidates=(A, B),
        contradiction=False,
    ),
    Row(
        says="the locked file is at hand and holds something else",
        offers=(offer("uv.lock", (WHEEL, A), (SDIST, C)),),
        bytes=(inspected("a", holds=False),),
        certainty=Certainty.BUILT,
        built_from=C,
        rejected=("it holds something else than what is installed",),
    ),
    Row(
        says="the file that a lock names holds it where it lies",
        offers=(offer("uv.lock", (WHEEL, A)),),
        bytes=(inspected("a", here=False),),
        certainty=Certainty.PROVEN,
        sha256=A,
    ),
    Row(
        says="one of two files of an index holds it where it lies",
        offers=(offer("https://i.example/", (WHEEL, A), (WHEEL, B), group="indexes"),),
        bytes=(inspected("a", here=False), inspected("b", here=False, holds=False)),
        partial=frozenset({"indexes"}),
        certainty=Certainty.PROVEN,
        sha256=A,
        rejected=("it holds something else than what is installed",),
    ),
    Row(
        says="the only wheel of an index holds something else where it lies",
        offers=(offer("https://i.example/", (WHEEL, A), (SDIST, C), group="indexes"),),
        bytes=(inspected("a", here=False, holds=False),),
        certainty=Certainty.BUILT,
        built_from=C,
        rejected=("it holds something else than what is installed",),
    ),
    Row(
        says="of the digests a source allows, one holds it where it lies",
        offers=(offer("requirements.txt", hashes=(A, B)),),
        bytes=(inspected("a", here=False),),
        certainty=Certainty.PROVEN,
        sha256=A,
    ),
    Row(
        says="of the digests a source allows, one holds something else where it lies",
        offers=(offer("requirements.txt", hashes=(A, B)),),
        bytes=(inspected("a", here=False, holds=False),),
        certainty=Certainty.CONSTRAINED,
        candidates=(B,),
        rejected=("it holds something else than what is installed",),
    ),
    Row(
        says="a file at hand that nobody names holds something else",
        offers=(offer("uv.lock", (WHEEL, A)),),
        bytes=(inspected("b", holds=False),),
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
    Row(
        says="pip kept a wheel it built that holds it",
        offers=(offer("uv.lock", (WHEEL, A), (SDIST, C)),),
        bytes=(inspected("b", built_from=Candidate(file=SDIST, sha256=C)),),
        certainty=Certainty.BUILT,
        built_from=C,
    ),
    Row(
        says="pip kept a wheel it built from it knows not what",
        bytes=(inspected("b", built_from=Candidate(file="")),),
        certainty=Certainty.BUILT,
    ),
    Row(
        says="pip kept a wheel it built that holds something else",
        offers=(offer("uv.lock", (WHEEL, A), (SDIST, C)),),
        bytes=(inspected("b", holds=False, built_from=Candidate(file=SDIST, sha256=C)),),
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
    Row(
        says="a published file and one that was built both hold it",
        offers=(offer("uv.lock", (WHEEL, A)),),
        bytes=(inspected("a"), inspected("b", built_from=Candidate(file=SDIST, sha256=C))),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
    ),
    Row(
        says="a lock has only a source distribution",
        offers=(offer("uv.lock", (SDIST, C)),),
        certainty=Certainty.BUILT,
        built_from=C,
    ),
    Row(
        says="a lock has a source distribution and wheels of other machines",
        offers=(offer("uv.lock", (LINUX, A), (SDIST, C)),),
        certainty=Certainty.BUILT,
        built_from=C,
        rejected=("its tags are not those of the installed wheel",),
    ),
    Row(
        says="locks have two source distributions",
        offers=(offer("uv.lock", (SDIST, C), (SDIST, B)),),
        certainty=Certainty.BUILT,
    ),
    Row(
        says="locks allow different source distributions",
        offers=(offer("uv.lock", (SDIST, C)), offer("pylock.toml", (SDIST, C), (SDIST, B))),
        certainty=Certainty.BUILT,
        built_from=C,
    ),
    Row(
        says="a lock has a source distribution, and an index that was asked has another",
        offers=(offer("uv.lock", (SDIST, C)), offer("https://one.example/", (SDIST, B), group="indexes")),
        certainty=Certainty.BUILT,
    ),
    Row(
        says="an index has only a source distribution, and another that counts was not asked",
        offers=(offer("https://one.example/", (SDIST, C), group="indexes"),),
        partial=frozenset({"indexes"}),
        certainty=Certainty.UNKNOWN,
    ),
    Row(
        says="its platform is this machine alone",
        distribution=COMPILED_HERE,
        certainty=Certainty.BUILT,
    ),
    Row(
        says="its platform is this machine alone, and requirements allow one of two source distributions",
        offers=(
            offer("uv.lock", (LINUX, A), (SDIST, B), (SDIST, C)),
            offer("requirements.txt", hashes=(A, C)),
        ),
        distribution=COMPILED_HERE,
        certainty=Certainty.BUILT,
        built_from=C,
        rejected=("its tags are not those of the installed wheel",),
    ),
    Row(
        says="its platform is this machine alone, and an index that counts was not asked",
        offers=(offer("https://one.example/", (SDIST, C), group="indexes"),),
        partial=frozenset({"indexes"}),
        distribution=COMPILED_HERE,
        certainty=Certainty.BUILT,
    ),
    Row(
        says="a lock of other machines has a source distribution, but no build here is for many Linuxes",
        offers=(offer("pdm.lock", ("demo-1.0-cp311-cp311-win_amd64.whl", A), (SDIST, C)),),
        distribution=replace(DEMO, tags=("cp311-cp311-manylinux_2_17_x86_64",)),
        certainty=Certainty.UNKNOWN,
        rejected=("its tags are not those of the installed wheel",),
    ),
    Row(
        says="a lock has a source distribution, but uv left no mark of a build",
        offers=(offer("uv.lock", (SDIST, C)),),
        distribution=replace(DEMO, installer="uv"),
        certainty=Certainty.UNKNOWN,
    ),
    Row(
        says="a lock has a source distribution and another build than the one that WHEEL names",
        offers=(offer("uv.lock", ("demo-1.0-2-py3-none-any.whl", A), (SDIST, C)),),
        distribution=replace(DEMO, build_tag="1"),
        certainty=Certainty.UNKNOWN,
        rejected=("its build tag is not 1",),
    ),
    Row(
        says="a lock has a source distribution and a wheel that WHEEL may have been wrong about",
        offers=(offer("uv.lock", ("demo-1.0-py2.py3-none-any.whl", A), (SDIST, C)),),
        certainty=Certainty.UNKNOWN,
        rejected=("its tags are not those of the installed wheel",),
    ),
    Row(
        says="a lock has only a wheel with a build tag, and WHEEL names none",
        offers=(offer("uv.lock", ("demo-1.0-2-py3-none-any.whl", A)),),
        certainty=Certainty.CONSTRAINED,
        candidates=(A,),
    ),
    Row(
        says="pip reported a wheel with a build tag, and WHEEL names none",
        offers=(report(("demo-1.0-2-py3-none-any.whl", A)),),
        certainty=Certainty.RECORDED,
        sha256=A,
    ),
    Row(
        says="it was installed by its path, and a lock knows a file of that name elsewhere",
        offers=(
            Offer(source="direct_url.json", name="demo", files=(AT_PATH,)),
            offer("uv.lock", (WHEEL, A)),
            offer("requirements.txt", hashes=(A,)),
        ),
        url=AT_PATH.url,
        certainty=Certainty.CONSTRAINED,
        candidates=("",),
        rejected=(f"it was installed from {AT_PATH.url}",),
    ),
    Row(
        says="it was installed by its path, and a lock knows the file there",
        offers=(
            Offer(source="direct_url.json", name="demo", files=(AT_PATH,)),
            offer("uv.lock", files=(replace(AT_PATH, sha256=A, url="file://localhost/a b/demo.whl"),)),
        ),
        url=AT_PATH.url,
        certainty=Certainty.MATCHED,
        sha256=A,
    ),
)


def _decided(row: Row) -> tuple[Origin, str]:
    sifted = sift(row.distribution, row.offers, Here(environment=_HERE, installed_s=10, url=row.url))
    return rung(row.distribution, sifted, row.bytes, partial=row.partial)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_the_ladder(row: Row) -> None:
    origin, contradiction = _decided(row)
    assert origin.certainty is row.certainty
    assert origin.sha256 == row.sha256
    assert sorted(each.sha256 for each in origin.candidates) == sorted(row.candidates)
    assert (origin.built_from.sha256 if origin.built_from else "") == row.built_from
    assert bool(contradiction) is row.contradiction
    assert {each.why for each in origin.rejected} == set(row.rejected)
    assert bool(origin.file) is bool(origin.sha256)
    if row.certainty is not Certainty.UNKNOWN:
        assert origin.evidence


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_the_order_in_which_sources_speak_does_not_matter(row: Row) -> None:
    turned = Row(**{**{name: getattr(row, name) for name in Row.__annotations__}, "offers": row.offers[::-1]})
    first, second = _decided(row)[0], _decided(turned)[0]
    assert (first.certainty, first.sha256, first.candidates) == (
        second.certainty,
        second.sha256,
        second.candidates,
    )


def test_a_contradiction_names_everybody_who_speaks() -> None:
    row = next(row for row in ROWS if row.says == "two locks contradict each other")
    assert _decided(row)[1] == (
        "demo:1.0: uv.lock, pylock.toml contradict each other about its digest; bring them up to date."
    )


def test_a_proof_has_the_other_digests_and_the_published_address() -> None:
    named = Candidate(
        file=WHEEL, sha256=A, url="https://index.example/demo.whl", index="https://index.example/"
    )
    lock = Offer(source="uv.lock", name="demo", version="1.0", files=(named,))
    row = Row(says="", offers=(lock,), bytes=(inspected("a"),), certainty=Certainty.PROVEN)
    origin, _ = _decided(row)
    sums = _bytes("a")
    assert (origin.sha1, origin.md5, origin.size_bytes) == (sums.sha1, sums.md5, sums.size_bytes)
    assert (origin.url, origin.index) == (named.url, named.index)
    assert [each.source for each in origin.evidence] == [f"/house/{WHEEL}", "uv.lock"]
