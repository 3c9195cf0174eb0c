"""Pages that link to files of many packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.capture.indexpage import GROUP
from pytest_defend.capture.linkpages import ask_pages
from pytest_defend.errors import NotFound
from pytest_defend.stores.http import Fetcher

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "https://example.org/links.html"
ONE, TWO = "1" * 64, "2" * 64
LINKS = f"""
<a href="demo-1.0-py3-none-any.whl#sha256={ONE}">wheel</a>
<a href="https://files.example.org/Demo_More-2.0.tar.gz">source</a>
<a href="demo-0.9-py3-none-any.whl">another version</a>
<a href="other-1.0-py3-none-any.whl">another package</a>
"""


@dataclass(frozen=True)
class Page:
    """What a server sends."""

    url: str
    content: bytes
    content_type: str = "text/html"


class Server:
    """Answers from a table, and counts."""

    def __init__(self, **pages: str | Exception) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str) -> Page:
        self.asked.append(url)
        page = self.pages[url.rpartition("/")[2].partition(".")[0]]
        if isinstance(page, Exception):
            raise page
        return Page(url=url, content=page.encode())


def _asked(server: Any, *pages: str, wanted: tuple[tuple[str, str], ...] = (("demo", "1"),)) -> Any:
    return ask_pages(wanted, pages, server)


def test_a_page_is_fetched_once_for_all_packages() -> None:
    server = Server(links=LINKS)
    wanted = (("Demo", "1.0.0"), ("demo.more", "2.0"), ("absent", "1.0"), ("demo", "no version"))
    offers, gaps, silent = _asked(server, PAGE, PAGE, wanted=wanted)
    assert server.asked == [PAGE]
    assert gaps == ()
    assert silent == frozenset()
    wheel, source = offers
    assert (wheel.source, wheel.name, wheel.version, wheel.group) == (PAGE, "demo", "1.0", GROUP)
    (file,) = wheel.files
    assert (file.sha256, file.url) == (ONE, "https://example.org/demo-1.0-py3-none-any.whl")
    assert [file.file for file in source.files] == ["Demo_More-2.0.tar.gz"]


def test_no_credential_comes_out() -> None:
    offers, _, _ = _asked(Server(links=LINKS), PAGE.replace("https://", "https://me:s3cret@"))
    assert "s3cret" not in repr(offers)
    _, (gap,), _ = _asked(Server(links="<form>"), PAGE.replace("https://", "https://me:s3cret@"))
    assert "s3cret" not in gap.problem


def test_a_page_that_says_nothing_leaves_every_package_unanswered() -> None:
    server = Server(form="<form>", gone=NotFound("it"), odd=KeyError("s3cret"), links=LINKS)
    pages = [PAGE.replace("links", name) for name in ("form", "gone", "odd", "links")]
    offers, gaps, silent = _asked(server, *pages, wanted=(("Demo", "1"), ("b", "1")))
    assert silent == {"demo", "b"}
    assert len(offers) == 1
    form, gone, odd = gaps
    assert form.topic == "origins"
    assert form.problem.startswith("https://example.org/form.html is no page of an index")
    assert gone.problem.startswith("https://example.org/gone.html does not say which files it links to: ")
    assert odd.problem == "https://example.org/odd.html does not say which files it links to: KeyError."


def test_a_page_on_disk(tmp_path: Path) -> None:
    page = tmp_path / "links.html"
    page.write_text(LINKS)
    with Fetcher() as fetcher:
        offers, gaps, silent = _asked(
            lambda url: fetcher.get(url, headers={}, limit_bytes=1000), page.as_uri()
        )
    assert (gaps, silent) == ((), frozenset())
    (offer,) = offers
    assert offer.files[0].url == (tmp_path / "demo-1.0-py3-none-any.whl").as_uri()


def test_names_that_no_file_may_have_are_a_gap() -> None:
    hostile = '<a href="x.whl?demo-1.0-py3-none-any.whl">x</a><a href="demo-1.0%00-py3-none-any.whl">x</a>'
    offers, (gap,), silent = _asked(Server(links=hostile), PAGE)
    assert offers == ()
    assert silent == frozenset()
    assert gap.problem.startswith(f"{PAGE} names files that no index may name, 1 such as ")
