"""What pages of an index offer, and what is said when an index does not answer."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.index import ACCEPT, PAGE_BYTES, ask_indexes
from pytest_defend.capture.indexpage import GROUP, read_page
from pytest_defend.errors import AccessDenied, NotFound, Unavailable
from pytest_defend.stores.http import Fetcher

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_defend.model.origins import Candidate, Offer

INDEX = "https://example.org/simple"
PAGE = f"{INDEX}/demo/"
JSON = "application/vnd.pypi.simple.v1+json"
ONE, TWO = "1" * 64, "a" * 64


def _html(body: str, *, page: str = PAGE, kind: str = "text/html", name: str = "demo") -> Any:
    return read_page(page, kind, body.encode(), name=name, index=INDEX)


def _json(*files: dict[str, Any], **more: Any) -> Any:
    document = {"meta": {"api-version": "1.3"}, "name": "demo", "files": list(files), **more}
    return read_page(PAGE, JSON, json.dumps(document).encode(), name="demo", index=INDEX)


def _files(offers: Iterable[Offer]) -> list[Candidate]:
    return [file for offer in offers for file in offer.files]


def _names(offers: Iterable[Offer]) -> list[tuple[str, str]]:
    return [(offer.version, file.file) for offer in offers for file in offer.files]


def test_a_page_of_today_in_html() -> None:
    offers, gaps = _html(
        f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3"></head><body>
        <h1>Links for demo</h1>
        <a href="../../files/demo-1.0-py3-none-any.whl#sha256={ONE}" data-requires-python="&gt;=3.8"
           data-dist-info-metadata="sha256=ff" data-core-metadata="true" data-provenance="https://example.org/p"
        >demo-1.0-py3-none-any.whl</a><br/>
        <A HREF='https://files.example.org/x/demo-1.0.tar.gz#sha256={TWO}' data-yanked="broken">d</A>
        <a href="demo-0.9.zip">demo-0.9.zip</a>
        </body></html>"""
    )
    assert gaps == ()
    old, new = offers
    assert (old.source, old.name, old.version, old.group) == (INDEX, "demo", "0.9", GROUP)
    assert new.version == "1.0"
    wheel, sdist = new.files
    assert wheel.file == "demo-1.0-py3-none-any.whl"
    assert wheel.sha256 == ONE
    assert wheel.url == "https://example.org/files/demo-1.0-py3-none-any.whl"
    assert wheel.index == INDEX
    assert sdist.sha256 == TWO
    assert sdist.url == "https://files.example.org/x/demo-1.0.tar.gz"
    (zipped,) = old.files
    assert zipped.sha256 == ""
    assert zipped.url == f"{PAGE}demo-0.9.zip"


def test_a_page_of_today_in_json() -> None:
    offers, gaps = _json(
        {
            "filename": "demo-1.0-py3-none-any.whl",
            "url": "/files/demo-1.0-py3-none-any.whl",
            "hashes": {"sha256": ONE.upper(), "blake2b_256": "ff"},
            "size": 1234,
            "upload-time": "2024-01-01T00:00:00Z",
            "yanked": "broken",
            "core-metadata": {"sha256": "ff"},
            "requires-python": ">=3.8",
        },
        {"filename": "demo-1.0.tar.gz", "url": "https://example.org/download?id=7", "hashes": {}},
        versions=["1.0"],
    )
    assert gaps == ()
    wheel, sdist = _files(offers)
    assert (wheel.sha256, wheel.size_bytes) == (ONE, 1234)
    assert wheel.url == "https://example.org/files/demo-1.0-py3-none-any.whl"
    assert (sdist.file, sdist.sha256, sdist.size_bytes) == ("demo-1.0.tar.gz", "", 0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"core-metadata": {"sha256": TWO.upper()}}, TWO),
        ({"dist-info-metadata": {"sha256": TWO}}, TWO),
        ({"core-metadata": {"sha256": ONE}, "dist-info-metadata": {"sha256": TWO}}, ONE),
        ({"core-metadata": {"sha256": "ff"}}, ""),
        ({"core-metadata": {"md5": TWO}}, ""),
        ({"core-metadata": {"sha256": 7}}, ""),
        ({"core-metadata": True}, ""),
        ({"core-metadata": None}, ""),
        ({"core-metadata": TWO}, ""),
        ({}, ""),
    ],
)
def test_what_json_says_of_metadata(said: dict[str, Any], expected: str) -> None:
    offers, gaps = _json({"filename": "demo-1.0-py3-none-any.whl", "url": "a", "hashes": {}, **said})
    assert gaps == ()
    assert [file.metadata_sha256 for file in _files(offers)] == [expected]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f'data-core-metadata="sha256={TWO}"', TWO),
        (f"data-dist-info-metadata='sha256={TWO.upper()}'", TWO),
        (f'data-dist-info-metadata="sha256={ONE}" data-core-metadata="sha256={TWO}"', TWO),
        ('data-core-metadata="true"', ""),
        ("data-core-metadata", ""),
        (f'data-core-metadata="md5={TWO}"', ""),
        ("", ""),
    ],
)
def test_what_html_says_of_metadata(said: str, expected: str) -> None:
    offers, gaps = _html(f'<a href="demo-1.0-py3-none-any.whl" {said}>x</a>')
    assert gaps == ()
    assert [file.metadata_sha256 for file in _files(offers)] == [expected]


@pytest.mark.parametrize(
    ("name", "file", "version"),
    [
        ("demo", "demo-1.0-py3-none-any.whl", "1.0"),
        ("demo", "demo-1.0-2build-py3-none-any.whl", "1.0"),
        ("demo", "demo-1.0+local.1-cp311-cp311-linux_x86_64.whl", "1.0+local.1"),
        ("demo", "demo-1.0-cp311-cp311-manylinux_2_28_x86_64-cu126.whl", "1.0"),
        ("demo", "demo-1.0-1-cp311-cp311-manylinux_2_28_x86_64-cu126.whl", "1.0"),
        ("Zope.Interface", "zope.interface-5.0-py2.py3-none-any.whl", "5.0"),
        ("zope_interface", "zope_interface-5.0.tar.gz", "5.0"),
        ("zope-interface", "zope.interface-5.0.zip", "5.0"),
        ("python-dateutil", "python-dateutil-2.8.tar.gz", "2.8"),
        ("demo", "demo-1.0-1.tar.gz", "1.0.post1"),
        ("demo", "Demo-01.0.tgz", "1.0"),
        ("demo", "demo-1.0.tar.bz2", "1.0"),
        ("demo-2", "demo-2-3.0.tar.gz", "3.0"),
    ],
)
def test_files_of_every_age_are_known(name: str, file: str, version: str) -> None:
    offers, gaps = _html(f'<a href="{file}">x</a>', name=name)
    assert gaps == ()
    assert _names(offers) == [(version, file)]


@pytest.mark.parametrize(
    "file",
    [
        "other-1.0-py3-none-any.whl",
        "demo2-1.0.tar.gz",
        "demo-1.0.win32.zip",
        "demo-1.0-py2.7.egg",
        "demo-1.0.win-amd64.exe",
        "demo-not.a.version.tar.gz",
        "demo-1.0-py3-none.whl",
        "demo-1.0-py3-none-any.whl.asc",
        "demo.tar.gz",
        "demo-1.0-" + "a." * 60 + "a-" + "b." * 35 + "b-any.whl",
    ],
)
def test_what_is_no_file_of_the_package_is_left_out_silently(file: str) -> None:
    offers, gaps = _html(f'<a href="{file}">x</a> <a href="demo-1.0.tar.gz">y</a>')
    assert gaps == ()
    assert _names(offers) == [("1.0", "demo-1.0.tar.gz")]


@pytest.mark.parametrize(
    "file",
    [
        "../demo-1.0.tar.gz",
        "a/demo-1.0.tar.gz",
        "..\\demo-1.0.tar.gz",
        "..",
        "demo-1.0.tar.gz\n",
        "demo\x00-1.0.tar.gz",
        "demo\x1b[2J-1.0.tar.gz",
        "demo\x85-1.0.tar.gz",
        "demo-1.0\ud800.tar.gz",
        "demo-" + "1" * 300 + ".tar.gz",
    ],
)
def test_hostile_names_are_a_gap(file: str) -> None:
    offers, (gap,) = _json({"filename": file, "url": "x"}, {"filename": "demo-1.0.tar.gz", "url": "y"})
    assert _names(offers) == [("1.0", "demo-1.0.tar.gz")]
    assert gap.topic == "origins"
    assert gap.problem.startswith(f"{PAGE} names files that no index may name, 1 such as ")
    assert gap.problem.isprintable()
    assert gap.problem.isascii()


@pytest.mark.parametrize(
    "href", ["x/..%2Fdemo-1.0.tar.gz", "x/demo%00-1.0.tar.gz", "http://[::1/demo-1.0.zip"]
)
def test_hostile_urls_are_a_gap(href: str) -> None:
    offers, (gap,) = _html(f'<a href="{href}">demo-1.0.tar.gz</a><a href="demo-1.1.tar.gz">y</a>')
    assert _names(offers) == [("1.1", "demo-1.1.tar.gz")]
    assert "no index may name, 1 such as" in gap.problem


@pytest.mark.parametrize(
    "page",
    [
        '<a href="file:///home/demo-1.0.tar.gz">x</a>',
        '<base href="file:///home/"><a href="demo-1.0.tar.gz">x</a>',
    ],
)
def test_a_page_from_a_network_names_no_file_of_this_disk(page: str) -> None:
    offers, gaps = _html(page)
    assert offers == ()
    assert len(gaps) == 1


def test_a_page_on_this_disk_may(tmp_path: Path) -> None:
    page = (tmp_path / "simple" / "demo" / "index.html").as_uri()
    offers, gaps = _html('<a href="../../files/demo-1.0.tar.gz">x</a>', page=page)
    assert gaps == ()
    assert _files(offers)[0].url == (tmp_path / "files" / "demo-1.0.tar.gz").as_uri()


def test_a_base_moves_every_link_and_the_first_one_counts() -> None:
    offers, _ = _html(
        '<base href="https://cdn.example.org/a/"><base href="https://b.example.org/">'
        '<a href="demo-1.0.tar.gz">x</a>'
    )
    assert _files(offers)[0].url == "https://cdn.example.org/a/demo-1.0.tar.gz"


def test_links_that_are_no_files_are_left_out() -> None:
    offers, gaps = _html(
        '<a href="../">up</a><a name="x">x</a><a href="">y</a><a href="#top">t</a>'
        '<a href="mailto:me@example.org">m</a><a href="demo-1.0.tar.gz?a=b#md5=00">d</a>'
    )
    assert gaps == ()
    assert _names(offers) == [("1.0", "demo-1.0.tar.gz")]


def test_no_credentials_come_out() -> None:
    offers, gaps = read_page(
        "https://user:s3cret@example.org/simple/demo/",
        "text/html",
        b'<a href="demo-1.0.tar.gz?token=s3cret">x</a>'
        b'<a href="https://user:s3cret@example.org/%00?token=s3cret">x</a>',
        name="demo",
        index="https://user:s3cret@example.org/simple",
    )
    assert len(offers) == len(gaps) == 1
    assert "s3cret" not in repr((offers, gaps))
    assert offers[0].source == "https://example.org/simple"


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        (JSON, b"", "is no JSON of an index"),
        (JSON, b"[]", "is no JSON of an index"),
        (JSON, b"{}", "is no JSON of an index"),
        (JSON, b'{"files": {}, "meta": []}', "is no JSON of an index"),
        (JSON, b'{"files": [1]}', "is no JSON of an index"),
        (JSON, b'{"files": [{"filename": "a"}]}', "is no JSON of an index"),
        (JSON, b'{"files": [{"filename": "", "url": "a"}]}', "is no JSON of an index"),
        (JSON, b'{"files": [{"filename": "a", "url": 1}]}', "is no JSON of an index"),
        (JSON, b'{"files": [{"filename": "a", "url": "a", "hashes": []}]}', "is no JSON of an index"),
        (JSON, b"[" * 100_000, "is no JSON of an index"),
        (JSON, b"\xff\xfe\x00", "is no JSON of an index"),
        (JSON, b'{"files": [], "meta": {"api-version": "2.0"}}', "is written in version '2.0'"),
        ("text/html", b'<form action="/login"><input name="password"></form>', "is no page of an index"),
        ("text/html", b'<a href="/login">log in</a>', "is no page of an index"),
        ("text/html", b"<![foo <a href='demo-1.0.zip'>", ""),
        ("application/pdf", b"%PDF", "is 'application/pdf', no page of an index"),
        ("text/plain", b"{}", "is 'text/plain', no page of an index"),
    ],
)
def test_what_is_no_page_is_a_gap(kind: str, content: bytes, problem: str) -> None:
    offers, gaps = read_page(PAGE, kind, content, name="demo", index=INDEX)
    assert offers == ()
    if problem:
        (gap,) = gaps
        assert gap.problem.startswith(f"{PAGE} {problem}")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/html", b""),
        ("text/html", b"<html><body></body></html>"),
        ("text/html", b'<a href="../">..</a>'),
        (JSON, b'{"files": []}'),
        ("", b' {"files": []}'),
        ("", b""),
    ],
)
def test_an_empty_page_is_an_answer(kind: str, content: bytes) -> None:
    assert read_page(PAGE, kind, content, name="demo", index=INDEX) == ((), ())


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "TEXT/HTML; Charset=UTF-8",
        'text/html; charset="latin-1"',
        "text/html; charset=nonsense",
        "text/html; charset=hex",
        "text/html; charset=nul\0",
        "application/vnd.pypi.simple.v1+html",
        "application/xhtml+xml",
        "",
    ],
)
def test_html_has_many_types(kind: str) -> None:
    offers, gaps = _html('<a href="demo-1.0.tar.gz">\u00e9</a>', kind=kind)
    assert gaps == ()
    assert _names(offers) == [("1.0", "demo-1.0.tar.gz")]


def test_a_file_named_twice_is_one_and_with_two_digests_two() -> None:
    one = {"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {"sha256": ONE}}
    offers, _ = _json(one, one, {**one, "hashes": {"sha256": TWO}})
    assert [file.sha256 for file in _files(offers)] == [ONE, TWO]


def test_versions_are_compared_as_values() -> None:
    offers, _ = _html('<a href="demo-1.0.tar.gz">x</a><a href="demo-1.0.0-py3-none-any.whl">y</a>')
    assert [len(offer.files) for offer in offers] == [2]


@dataclass
class _Page:
    url: str
    content_type: str
    content: bytes


class Indexes:
    """Answers by URL; anything else is not there."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str) -> _Page:
        self.asked.append(url)
        answer = self.pages.get(url, self.pages.get("*"))
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise NotFound(url)
        return _Page(url, "text/html", answer)


A, B = "https://a.example.org/simple/", "https://u:s3cret@b.example.org/simple"


def test_every_index_is_asked_for_every_package() -> None:
    fetch = Indexes(
        {
            f"{A}demo/": b'<a href="demo-1.0.tar.gz">x</a><a href="demo-2.0.tar.gz">x</a>',
            f"{B}/demo/": b'<a href="demo-1.0.0-py3-none-any.whl">x</a>',
            f"{B}/other-one/": b'<a href="other_one-3.tar.gz">x</a>',
        }
    )
    wanted = [("Demo", "1.0"), ("other.one", "3.0"), ("absent", "1"), ("legacy", "2004d-final!")]
    offers, gaps, unanswered = ask_indexes(wanted, [A, B, A], fetch)
    assert [(offer.source, offer.name, offer.version) for offer in offers] == [
        (A, "demo", "1.0"),
        ("https://b.example.org/simple", "demo", "1.0.0"),
        ("https://b.example.org/simple", "other-one", "3"),
    ]
    assert (gaps, unanswered) == ((), frozenset())
    assert len(fetch.asked) == len(set(fetch.asked)) == 8


def test_two_versions_of_one_name_are_one_question() -> None:
    fetch = Indexes({f"{A}demo/": b'<a href="demo-1.0.zip">x</a><a href="demo-2.0.zip">x</a>'})
    offers, _, _ = ask_indexes([("demo", "1"), ("demo", "2")], [A], fetch)
    assert [offer.version for offer in offers] == ["1.0", "2.0"]
    assert len(fetch.asked) == 1


def test_an_index_that_does_not_answer_is_a_gap_and_its_names_are_unanswered() -> None:
    fetch = Indexes(
        {
            f"{A}demo/": b'<a href="demo-1.0.tar.gz">x</a>',
            f"{B}/demo/": Unavailable(
                "b", "https://b.example.org/simple/demo/ cannot be read.", hint="Wait."
            ),
        }
    )
    offers, (gap,), unanswered = ask_indexes([("demo", "1.0"), ("other", "1")], [A, B], fetch)
    assert len(offers) == 1
    assert unanswered == {"demo"}
    assert gap.topic == "origins"
    assert gap.problem == (
        "https://b.example.org/simple does not say what it has of demo: "
        "https://b.example.org/simple/demo/ cannot be read. Wait."
    )


def test_a_page_that_is_none_leaves_its_name_unanswered() -> None:
    fetch = Indexes({"*": b"<form>", f"{A}b/": b""})
    _, (gap,), unanswered = ask_indexes([("a", "1"), ("b", "1"), ("c", "1")], [A], fetch)
    assert unanswered == {"a", "c"}
    assert f"{A} does not say what it has of a, c: its page is no page of an index" in gap.problem


def test_hostile_names_leave_a_name_answered() -> None:
    fetch = Indexes({"*": b'<a href="x/..%2Fdemo-1.zip">x</a>'})
    _, gaps, unanswered = ask_indexes([("demo", "1")], [A], fetch)
    assert len(gaps) == 1
    assert unanswered == frozenset()


def test_an_index_that_fails_three_times_in_a_row_is_left_alone() -> None:
    fetch = Indexes({"*": Unavailable("a", "It is down.")})
    names = [f"n{number:02}" for number in range(40)]
    offers, (gap,), unanswered = ask_indexes([(name, "1") for name in names], [A], fetch, workers=1)
    assert offers == ()
    assert len(fetch.asked) == 3
    assert unanswered == set(names)
    assert gap.problem == f"{A} does not say what it has of {', '.join(names)}: It is down."


def test_an_answer_ends_the_row() -> None:
    down = Unavailable("a", "It is down.")
    fetch = Indexes({f"{A}n{number}/": down for number in range(9) if number % 3})
    _, _, unanswered = ask_indexes([(f"n{number}", "1") for number in range(9)], [A], fetch, workers=1)
    assert len(fetch.asked) == 9
    assert len(unanswered) == 6


def test_refusals_are_no_reason_to_stop() -> None:
    fetch = Indexes({"*": AccessDenied("a", "It refuses."), f"{A}n8/": b'<a href="n8-1.zip">x</a>'})
    offers, _, unanswered = ask_indexes([(f"n{number}", "1") for number in range(9)], [A], fetch, workers=1)
    assert len(offers) == 1
    assert len(unanswered) == 8


def test_whatever_fetches_may_fail_in_its_own_way() -> None:
    fetch = Indexes({"*": RuntimeError("with a s3cret")})
    _, (gap,), unanswered = ask_indexes([("demo", "1")], [B], fetch)
    assert gap.problem == "https://b.example.org/simple does not say what it has of demo: RuntimeError."
    assert unanswered == {"demo"}


def test_nothing_wanted_asks_nobody() -> None:
    fetch = Indexes({})
    assert ask_indexes([], [A], fetch, workers=0) == ((), (), frozenset())
    assert ask_indexes([("demo", "1")], [], fetch) == ((), (), frozenset())
    assert fetch.asked == []


def test_names_cannot_leave_the_index() -> None:
    fetch = Indexes({})
    ask_indexes([("../../admin?x=", "1")], [A], fetch)
    (url,) = fetch.asked
    assert url.startswith(A)
    assert url.removeprefix(A).count("/") == 1
    assert "?" not in url


def test_no_more_are_asked_at_a_time_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(3)

    def fetch(url: str) -> _Page:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(10)
        with lock:
            running -= 1
        raise NotFound(url)

    ask_indexes([(f"n{number}", "1") for number in range(9)], [A], fetch, workers=3)
    assert most == 3


def test_a_folder_is_an_index(tmp_path: Path) -> None:
    page = tmp_path / "simple" / "demo" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../demo-1.0.tar.gz#sha256={ONE}">demo-1.0.tar.gz</a>')
    with Fetcher() as fetcher:
        offers, gaps, unanswered = ask_indexes(
            [("demo", "1.0"), ("absent", "1")],
            [(tmp_path / "simple").as_uri()],
            lambda url: fetcher.get(url, headers={"Accept": ACCEPT}, limit_bytes=PAGE_BYTES),
        )
    assert _files(offers)[0].url == (tmp_path / "demo-1.0.tar.gz").as_uri()
    assert (gaps, unanswered) == ((), frozenset())


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        "</",
        "<!",
        "<![",
        "<!--",
        "<!--x>",
        "<![CDATA[>",
        "<!DOCTYPE [",
        "<a href='",
        "<a href=x ",
        "<?",
    ],
)
def test_a_page_that_would_take_for_ever_is_none(piece: str) -> None:
    """Fifty kilobytes of the second one took the parser of Python 3.11.7 a minute."""
    offers, (gap,) = _html(piece * 100_000)
    assert offers == ()
    assert "opens too many tags without an end, or comments; check the URL of the index" in gap.problem


def test_a_few_tags_that_are_not_closed_are_forgiven() -> None:
    offers, gaps = _html(f'{"1 < 2 <!-- note --> " * 40}<a href="demo-1.0-py3-none-any.whl">x</a>')
    assert gaps == ()
    assert _names(offers) == [("1.0", "demo-1.0-py3-none-any.whl")]
