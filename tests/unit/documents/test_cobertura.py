"""Coverage reports are read with care, and say how much was covered."""

from __future__ import annotations

import pytest

from pytest_defend.documents import cobertura
from pytest_defend.documents.cobertura import Share, read_cobertura
from pytest_defend.errors import InvalidDocument

_BODY = '<packages><package name="."><classes><class name="a" line-rate="1"/></classes></package></packages>'


def _report(attributes: str, body: str = _BODY) -> bytes:
    return f'<?xml version="1.0" ?>\n<coverage {attributes}>{body}</coverage>'.encode()


@pytest.mark.parametrize(
    ("attributes", "line", "branch"),
    [
        (
            (
                'lines-valid="200" lines-covered="159" line-rate="0.795"'
                ' branches-valid="8" branches-covered="6" branch-rate="0.75"'
            ),
            "79.5 % (159 of 200)",
            "75 % (6 of 8)",
        ),
        # coverage.py writes this when branches were not measured, or when there is no line
        (
            'lines-valid="3" lines-covered="1" branches-covered="0" branches-valid="0" branch-rate="0"',
            "33.33 % (1 of 3)",
            "None",
        ),
        ('lines-valid="0" lines-covered="0" line-rate="1"', "None", "None"),
        ('line-rate="0.79996" branch-rate="1.0"', "79.99 %", "100 %"),
        ('lines-valid="7" line-rate="0.5"', "50 %", "None"),
        ("", "None", "None"),
    ],
)
def test_the_root_says_how_much_was_covered(attributes: str, line: str, branch: str) -> None:
    coverage = read_cobertura(_report(attributes), "coverage.xml")
    assert (str(coverage.line), str(coverage.branch)) == (line, branch)


def test_a_share_is_a_percentage() -> None:
    assert Share(covered=1, valid=8).percent == 12.5


_BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE coverage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<coverage line-rate="1">&b;</coverage>"""
_FILE = b'<!DOCTYPE coverage [<!ENTITY a SYSTEM "file:///etc/passwd">]><coverage line-rate="1">&a;</coverage>'
_DTD = b'<!DOCTYPE coverage SYSTEM "http://cobertura.example/coverage-04.dtd"><coverage line-rate="1"/>'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_BOMB, "declares a document type"),
        (_FILE, "declares a document type"),
        (_DTD, "declares a document type"),
        (b'<coverage line-rate="1">&b;</coverage>', "line 1, column 24: is no XML"),
        (_report('line-rate="1"')[:-20], "line 2, column"),
        (b"", "is no XML"),
        (b"PK\x03\x04", "is no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><coverage/>', "is no XML"),
        (b'<testsuite line-rate="1"/>', "testsuite: is no coverage"),
        (_report('line-rate="1"', "<a>" * 100 + "</a>" * 100), "elements within each other"),
        (_report('line-rate="1.5"'), "coverage.line-rate: '1.5' is no number from 0 to 1"),
        (_report('line-rate="nan"'), "is no number from 0 to 1"),
        (_report('line-rate="-0.1"'), "is no number from 0 to 1"),
        (_report('branch-rate="most"'), "coverage.branch-rate: 'most' is no number"),
        (_report('lines-valid="-3" lines-covered="0"'), "coverage.lines-valid: '-3' is no count"),
        (_report('lines-valid="٣" lines-covered="0"'), "is no count"),
        (_report(f'lines-valid="{"9" * 5000}" lines-covered="0"'), "is no count"),
        (_report('branches-valid="3" branches-covered="4"'), "branches-covered: is more than branches-valid"),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=r"coverage\.xml is not valid") as caught:
        read_cobertura(content, "coverage.xml")
    assert problem in str(caught.value)


def test_a_report_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cobertura, "MAX_BYTES", 10)
    with pytest.raises(InvalidDocument, match="more than 10 bytes"):
        read_cobertura(_report('line-rate="1"'), "coverage.xml")
