"""The two grammars properties are written in, and the paths they stand in.

Rules:
- Matrix parameters (`;k=v;k=w` behind a path): values are form-decoded, keys are taken as they are, commas
  are commas; a value more is the key again.
- The `properties=` of a query (`k=v,w|k2=v`): pairs end at `|` or `;`, values at `,`; a backslash takes the
  meaning from `,`, `=`, `|` and `;`; a pair with a second `=` is dropped in silence; of a key given twice
  the last counts.
- Nothing is refused: what cannot be meant is dropped.

Source: `ArtifactoryRequestBase` and `KeyValueList` of Artifactory 5.11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["matrix", "matrix_requirements", "path_of", "property_names", "property_query", "split_matrix"]

_Properties = dict[str, tuple[str, ...]]


def split_matrix(raw: str) -> tuple[str, str]:
    """The path that was sent without its matrix parameters, and these."""
    first, slash, rest = raw.partition("/")
    key, _, early = first.partition(";")
    path, _, late = rest.partition(";")
    return f"{key}{slash}{path}", ";".join(filter(None, (early, late)))


def path_of(raw: str) -> str:
    """A path as it was sent, decoded; `.` and empty parts are no parts."""
    decoded = unquote(raw, errors="replace")
    kept = "/".join(part for part in decoded.split("/") if part not in ("", "."))
    return f"{kept}/" if decoded.endswith("/") and kept else kept


def matrix(raw: str) -> _Properties:
    """The properties matrix parameters name."""
    found: _Properties = {}
    for part in raw.split(";"):
        key, _, value = part.partition("=")
        if key:
            decoded = unquote_plus(value, errors="replace")
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), decoded)))
    return found


def property_query(text: str) -> _Properties:
    """The properties the value of `properties=` names, once percent-decoded."""
    found: _Properties = {}
    for pair in _split(text, "|;"):
        key, *values = _split(pair.strip(), "=")
        if len(values) > 1 or not key:
            continue
        parts = _split(values[0], ",") if values else [""]
        found[_plain(key)] = tuple(dict.fromkeys(map(_plain, parts)))
    return found


def property_names(text: str) -> tuple[str, ...]:
    """The names the value of `properties=` lists, to read or to delete."""
    return tuple(_plain(name.strip()) for name in _split(text, ",") if name.strip())


def _split(text: str, separators: str) -> list[str]:
    """The parts between separators that no backslash stands before."""
    return re.split(rf"(?<!\\)[{re.escape(separators)}]", text)


def _plain(text: str) -> str:
    return re.sub(r"\\([,=|;])", r"\1", text)


def matrix_requirements(raw: str) -> Mapping[str, tuple[str, ...]]:
    """What a download demands: the parameters whose name ends with `+`."""
    return {key[:-1]: values for key, values in matrix(raw).items() if key.endswith("+") and key != "+"}
