"""Nothing that stands in a page of an index or in a file of settings makes a reader raise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from pytest_defend.capture.index import ask_indexes
from pytest_defend.capture.indexlines import read_lines
from pytest_defend.capture.indexpage import offers_of, read_page, wanted_links
from pytest_defend.capture.installers import Installers, read_installers
from pytest_defend.capture.links import Link
from pytest_defend.model.fields import canonical_bytes
from strategies import json_values

if TYPE_CHECKING:
    from collections.abc import Callable

any_text = st.text(st.characters(exclude_categories=[]), max_size=40)
SECRET = "s3cr3t"
DIGEST = "0" * 64

PAGE_HTML = f"""<!DOCTYPE html><html><head><base href="/simple/demo/"><title>Links</title></head><body>
<a href="../../files/demo-1.0-py3-none-any.whl#sha256={DIGEST}" data-yanked="">demo</a>
<a href="https://example.org/demo-1.0.tar.gz?id=1#sha256={DIGEST}">demo-1.0.tar.gz</a>
<!-- note --><![CDATA[x]]><a href='demo-2.0-1-py2.py3-none-any.whl'>&lt;&amp;</a></body></html>"""
PAGE_JSON = json.dumps(
    {
        "meta": {"api-version": "1.3"},
        "name": "demo",
        "files": [
            {
                "filename": "demo-1.0-py3-none-any.whl",
                "url": "https://example.org/demo-1.0-py3-none-any.whl",
                "hashes": {"sha256": DIGEST},
                "size": 10,
                "yanked": False,
            },
            {"filename": "demo-1.0.tar.gz", "url": "../demo-1.0.tar.gz", "hashes": {}},
        ],
    }
)
PIP_CONF = f"""[global]
index-url = https://user:{SECRET}@example.org/simple
extra-index-url =
    https://example.org/a
    https://example.org/b
find-links = wheels ~/wheels
no-index = false

[install]
cert: ca.pem
"""
UV_TOML = f"""index-url = "https://user:{SECRET}@example.org/simple"
extra-index-url = ["https://example.org/a"]
find-links = ["wheels"]
no-index = false

[[index]]
name = "main"
url = "https://example.org/b"
default = true

[pip]
index-url = "https://example.org/c"
"""


@st.composite
def mutated(draw: Callable[[Any], Any], text: str) -> bytes:
    """`text` with a few bytes cut out, doubled, or replaced by what parsers stumble over."""
    content = text.encode()
    pieces = st.sampled_from(
        [b"", b"\0", b"\xff", b"<", b">", b"<!", b"<![", b'"', b"'", b"=", b"[", b"]]", b"{", b"}"]
    )
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        new = draw(pieces | st.binary(max_size=4) | st.just(content[start:end] * 2))
        content = content[:start] + new + content[end:]
    return content


def _check(
    page: bytes, kind: str, *, name: str = "demo", url: str = "https://example.org/simple/demo/"
) -> None:
    offers, gaps = read_page(url, kind, page, name=name, index="https://u:p@example.org/simple")
    for offer in offers:
        for file in offer.files:
            assert not {"/", "\\", "\0", "\n"} & set(file.file)
            assert file.file not in (".", "..")
            assert file.sha256 in ("", file.sha256.lower())
            assert len(file.sha256) in (0, 64)
            canonical_bytes(file.to_dict())
    for gap in gaps:
        assert gap.topic == "origins"


kinds = st.sampled_from(["text/html", "text/html; charset=utf-16", "application/vnd.pypi.simple.v1+json", ""])


@given(st.binary(max_size=200), kinds | any_text)
def test_any_bytes_are_a_page_or_a_gap(page: bytes, kind: str) -> None:
    _check(page, kind)


@given(any_text, any_text, any_text)
def test_any_place_and_any_name_will_do(href: str, name: str, url: str) -> None:
    page = f'<a href="{href}">x</a>'.encode("utf-8", "surrogatepass")
    _check(page, "text/html", name=name, url=url)
    document = {"files": [{"filename": name or "x", "url": href, "hashes": {"sha256": url}}]}
    _check(json.dumps(document).encode(), "application/json", url=url)


@settings(max_examples=400)
@given(mutated(PAGE_HTML))
def test_a_damaged_html_page_is_a_page_or_a_gap(page: bytes) -> None:
    _check(page, "text/html")


@settings(max_examples=400)
@given(mutated(PAGE_JSON))
def test_a_damaged_json_page_is_a_page_or_a_gap(page: bytes) -> None:
    _check(page, "application/json")


@given(json_values, json_values, json_values)
def test_json_of_any_shape_is_a_page_or_a_gap(meta: Any, entry: Any, value: Any) -> None:
    file = {"filename": "demo-1.0.zip", "url": value, "hashes": entry, "size": meta}
    for document in (
        meta,
        {"files": meta},
        {"files": [entry]},
        {"files": [file]},
        {"files": [], "meta": meta},
    ):
        _check(json.dumps(document).encode(), "application/json")


@given(st.lists(st.tuples(any_text, any_text), max_size=4), st.lists(any_text, max_size=2))
def test_any_question_has_an_answer(wanted: list[tuple[str, str]], indexes: list[str]) -> None:
    def fetch(url: str) -> Any:
        raise KeyError(url)

    offers, gaps, unanswered = ask_indexes(wanted, indexes, fetch, workers=2)
    assert offers == ()
    assert bool(gaps) == bool(unanswered) == bool(wanted and indexes)


def _read(folder: Path, **environ: str) -> Installers:
    found, gaps = read_installers(
        environ, root=folder, prefix=folder / "venv", home=folder / "home", top=folder, system="linux"
    )
    assert SECRET not in repr((found, gaps))
    assert not (gaps and found.complete)
    return found


within_one_folder = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_one_folder
@given(content=mutated(PIP_CONF) | st.binary(max_size=60))
def test_a_damaged_file_of_pip_is_read_or_a_gap(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pip.conf").write_bytes(content)
    _read(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))


@within_one_folder
@given(content=mutated(UV_TOML) | st.binary(max_size=60))
def test_a_damaged_file_of_uv_is_read_or_a_gap(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "uv.toml").write_bytes(content)
    _read(tmp_path)


VARIABLES = [
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CACHE_DIR", "PIP_CERT"),
    *(
        "PIP_CONFIG_FILE",
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
    ),
    *(
        "UV_WORKING_DIR",
        "UV_CONFIG_FILE",
        "UV_NO_CONFIG",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "XDG_CACHE_HOME",
    ),
    *("POETRY_CACHE_DIR", "UV_INDEX_A_USERNAME", "UV_INDEX_A_PASSWORD"),
]
# What an environment can hold: bytes that are no UTF-8 come as low surrogates, and no byte is zero.
values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.characters(categories=["Cs"], min_codepoint=0xDC80, max_codepoint=0xDCFF),
    max_size=20,
) | st.sampled_from(["a=https://user:password@example.org", "http://[::1", "~", ".", "1"])


@within_one_folder
@given(environ=st.dictionaries(st.sampled_from(VARIABLES), values, max_size=6))
def test_no_variable_makes_it_raise(tmp_path: Path, environ: dict[str, str]) -> None:
    found = _read(tmp_path, **environ)
    assert all(isinstance(place, str) for place in (*found.indexes, *found.pages))
    assert all(isinstance(place, Path) for place in found.find_links)


@within_one_folder
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["-i ", "-f", "--find-links=", "-r ", "-c requirements.txt", "--extra-index-url\t"]
            ),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
            st.sampled_from(["\n", "\\\n", "\r\n", ""]),
        ).map("".join)
    ).map("".join)
)
def test_no_requirements_make_it_raise(tmp_path: Path, text: str) -> None:
    (tmp_path / "requirements.txt").write_bytes(text.encode())
    found = read_lines([tmp_path / "requirements.txt"], {"A": "b"})
    assert all(found.indexes)


_PARTS = st.sampled_from(["demo", "Demo", "de.mo", "1.0", "1.0.0", "01.0", "v1.0", "2.0", "1!1.0", "1.0+l.1"])
_PARTS |= st.sampled_from(["1", "2b", "py3", "none", "any", "cp311", "abi3", "linux_x86_64", "", "%31.0"])
_FILES = st.lists(_PARTS, min_size=1, max_size=7).map("-".join) | any_text
_LINKS = st.tuples(_FILES, st.sampled_from([".whl", ".tar.gz", ".whl.asc", ""])).map("".join)


@given(st.lists(_LINKS.map(lambda name: Link(url=f"https://f.example/{name}")), max_size=5), st.booleans())
def test_no_link_to_a_wanted_version_is_passed_over(links: list[Link], named: bool) -> None:
    links = [replace(link, file=link.url.rpartition("/")[2]) for link in links] if named else links
    wanted = [Version("1.0")]

    def found(given: list[Link]) -> list[object]:
        offers, _ = offers_of("https://f.example/", "https://f.example/", given, name="demo", index="i")
        return [offer for offer in offers if Version(offer.version) in wanted]

    assert found(wanted_links(links, wanted)) == found(links)
