"""Text as XML 1.0 can hold it.

Rules:
- Every text and every attribute of a document goes through `escape`; nothing else writes markup characters.
- Characters XML 1.0 cannot hold in any spelling (C0 controls, lone surrogates, U+FFFE, U+FFFF) are shown as
  `#x1B`, the way pytest shows them; everything else is read back as it was.
- A carriage return, and in an attribute a line feed or tab, is a character reference: a parser would turn
  the bare character into something else.
"""

from __future__ import annotations

import re

__all__ = ["escape"]

_FORBIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_IN_TEXT = re.compile(f"[&<>\r{_FORBIDDEN}]")
_IN_ATTRIBUTE = re.compile(f'[&<>"\t\n\r{_FORBIDDEN}]')
_SPELLED = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",  # always, so that no text can hold the end of a CDATA section
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def escape(text: str, *, attribute: bool = False) -> str:
    """`text` as it is written between tags, or between the double quotes of an attribute.

    Source: XML 1.0, productions 2 (`Char`), 10 (`AttValue`) and 14 (`CharData`), and 2.11 and 3.3.3 on the
    white space a parser changes.
    """
    return (_IN_ATTRIBUTE if attribute else _IN_TEXT).sub(_spell, text)


def _spell(match: re.Match[str]) -> str:
    character = match.group()
    return _SPELLED.get(character) or f"#x{ord(character):02X}"
