"""What a recorded run says on the page of its CI run."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_bundle
from pytest_defend.model.bundle import Manifest, Published
from pytest_defend.model.facts import Gap
from pytest_defend.model.record import RanOn, Shipped
from pytest_defend.model.results import Result, Tally, Verdict
from pytest_defend.render.markdown import MOST_BYTES, summary_block

HOSTILE = (
    "a|b `c` <script>alert(1)</script>\n\n# [x](javascript:1) *&amp;* \\ ![i](//e.example)\x1b[0m\u202e\ud800"
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return a_bundle(tmp_path_factory.mktemp("markdown") / "run")


def block(manifest: Manifest, *gaps: Gap, verdict: Verdict | None = None, **more: Published | str) -> str:
    return summary_block(manifest, verdict or manifest.verdict, gaps, **more)  # type: ignore[arg-type]


def read(text: str) -> str:
    """What people see of a text between structure."""
    return html.unescape(text)


def published(**changes: object) -> Published:
    done = Published(build="demo/1@x", store="/s", stage="tests", new=("r/a",), kept=(), size_bytes=2048)
    return replace(done, **changes)  # type: ignore[arg-type]  # a test names what matters to it


def test_a_block_is_complete(manifest: Manifest) -> None:
    told = replace(
        manifest,
        tally=Tally(collected=3, finished=3, passed=1, failed=2, subtests_failed=1),
        tested={"demo.whl": RanOn(what=Shipped.ARTIFACT)},
        origins={"exact": 3, "unknown": 1},
        drift=2,
    )
    verdict = Verdict(result=Result.FAILED, reasons=("2 failed", "killed"))
    done = published(url="https://a.example/ui/builds/de%2Fmo/1/2/published?buildRepo=x&projectKey=y")
    text = block(told, Gap(topic="git", problem="It is shallow."), verdict=verdict, published=done)
    assert (
        read(text)
        == """
### Stage tests of demo/1: failed

- 2 failed
- killed

| tests | collected | finished | passed | failed | subtests failed |
| --- | ---: | ---: | ---: | ---: | ---: |
|  | 3 | 3 | 1 | 2 | 1 |

- tested what demo.whl holds, byte for byte

| packages | exact | unknown |
| --- | ---: | ---: |
|  | 3 | 1 |

- 2 installed files are not what RECORD says

- gap in git: It is shallow.

published demo/1@x to /s (1 files, 2.0 KiB): [page of the build]\
(<https://a.example/ui/builds/de%2Fmo/1/2/published?buildRepo=x&projectKey=y>)

"""
    )


def test_a_run_that_passed_and_is_kept_in_a_folder_says_little(manifest: Manifest) -> None:
    assert (
        read(block(manifest, published=published()))
        == """
### Stage tests of demo/1: passed

| tests | collected | finished | passed |
| --- | ---: | ---: | ---: |
|  | 2 | 2 | 2 |

published demo/1@x to /s (1 files, 2.0 KiB)

"""
    )


def test_a_dry_run_names_no_files(manifest: Manifest) -> None:
    text = read(block(manifest, published=published(dry_run=True)))
    assert text.endswith("\nwould publish demo/1@x to /s (1 files, 2.0 KiB)\n\n")


def test_what_went_wrong_is_said(manifest: Manifest) -> None:
    text = block(manifest, problem="NOT PUBLISHED: the disk is full.")
    assert read(text).endswith("\n**NOT PUBLISHED: the disk is full.**\n\n")


def test_of_many_gaps_and_reasons_the_first_are_listed(manifest: Manifest) -> None:
    verdict = Verdict(result=Result.FAILED, reasons=tuple(f"reason {number}" for number in range(11)))
    gaps = [Gap(topic="git", problem=f"Problem {number}.") for number in range(12)]
    lines = read(block(manifest, *gaps, verdict=verdict)).splitlines()
    assert "- reason 9" in lines
    assert "- and 1 more reasons, named in record.json" in lines
    assert "- gap in git: Problem 9." in lines
    assert "- gap in git: Problem 10." not in lines
    assert "- and 2 more gaps, named in record.json" in lines


def structure(text: str) -> list[str]:
    """What is left of each line without its texts: what Markdown sees as structure."""
    return [re.sub(r"(&#\d+;|[^\W_]|[ .])+", "T", line) for line in text.splitlines()]


def told(manifest: Manifest, text: str) -> str:
    build = replace(manifest.build, name=text, number=text)
    return block(
        replace(
            manifest, build=build, stage=text, tested={text: RanOn(what=Shipped.SHADOWED, imported_from=text)}
        ),
        Gap(topic=text, problem=text),
        verdict=Verdict(result=Result.FAILED, reasons=(text,)),
        published=published(build=text, store=text),
        problem=text,
    )


def test_no_text_breaks_out(manifest: Manifest) -> None:
    hostile = told(manifest, HOSTILE)
    assert structure(hostile) == structure(told(manifest, "x"))
    assert "a|b `c` <script>alert(1)</script> # [x](javascript:1) *&amp;* \\" in read(hostile)
    assert r"![i](//e.example)\x1b[0m\u202e\ud800" in read(hostile)


@given(text=st.text(min_size=1).filter(str.strip))
def test_whatever_a_text_is_the_structure_stays(manifest: Manifest, text: str) -> None:
    written = told(manifest, text)
    assert written.encode()
    assert len(written.split("\n")) == len(told(manifest, "x").split("\n"))
    between = re.sub(r"&#\d+;", "", written)
    assert not set(between) & set("<>`[]()\\&_~!@$%^{}=+;'\"/?")
    assert between.count("*") == 4
    assert between.count("|") == told(manifest, "x").count("|")


def test_the_page_cannot_end_the_link(manifest: Manifest) -> None:
    page = "https://a.example/>)<b>\n`x` \\|"
    line = next(
        line for line in block(manifest, published=published(url=page)).splitlines() if "page" in line
    )
    assert line.endswith("[page of the build](<https://a.example/%3E)%3Cb%3E%0A%60x%60%20%5C%7C>)")


def test_a_long_text_is_cut(manifest: Manifest) -> None:
    text = block(manifest, Gap(topic="git", problem="x" * 5000))
    assert "x" * 980 in text
    assert "x" * 1001 not in text
    assert read(text).endswith("xxx...\n\n")


def test_a_long_block_is_cut_between_lines_and_says_so(manifest: Manifest) -> None:
    many = {f"demo-{number}.whl": RanOn(what=Shipped.ARTIFACT) for number in range(2000)}
    text = block(replace(manifest, tested=many), Gap(topic="git", problem="Lost."))
    assert MOST_BYTES - 200 < len(text.encode()) <= MOST_BYTES
    *_, last, empty, cut = text.splitlines()
    assert read(last).endswith("holds, byte for byte")
    assert (empty, cut) == ("", "This summary is cut here; all of it is in the record.")
