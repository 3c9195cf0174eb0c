"""How Artifactory wants names, paths and values to be written; every channel has its own grammar.

Rules:
- Everything but letters, digits and `._-~` is percent-encoded, as UTF-8: a server before Artifactory may
  refuse the rest, and `;` begins a matrix parameter.
- Matrix parameters: values are decoded, `,` does not separate, several values repeat the name.
- The query form of properties has its own escapes below the percent-encoding, for `,` `=` `;` `|`.
- Names of properties are not decoded in matrix parameters, hence may only hold letters, digits and `._-`;
  another character is written `.x3b.` and read back as it was.

Source: Artifactory 5.11, `ArtifactoryRequestBase`, `KeyValueList`; JFrog's `aqlquerybuilder.go` for the
build-info repository.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "build_file_name",
    "build_folder",
    "build_of_file",
    "build_repository",
    "encoded",
    "matrix",
    "property_name",
    "property_text",
    "query_names",
    "query_properties",
    "split_path",
]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_MISTAKEN = re.compile(r"\.(?=x)")  # what would be read as the beginning of an escape
_ESCAPED = re.compile(r"\.x([0-9a-f]{1,6})\.")
_SEPARATOR = re.compile(r"([,=;|])")
_BUILD_FILE = re.compile(r"(.+)-(\d+)\.json", re.DOTALL)
# "%" first; an apostrophe becomes %22, as JFrog's client writes it.
_IN_BUILD_FILES = {
    "%": "%25",
    "/": "%2F",
    "\\": "%5C",
    "|": "%7C",
    "*": "%2A",
    "?": "%3F",
    "'": "%22",
    ":": "%3A",
    ";": "%3B",
}


def encoded(text: str) -> str:
    """One part of a URL."""
    return quote(text, safe="")


def split_path(path: str) -> tuple[str, str, str]:
    """Repository, folder (`.` for none) and name, as AQL has them."""
    repository, _, inside = path.partition("/")
    folder, _, name = inside.rpartition("/")
    return repository, folder or ".", name


def property_text(name: str) -> str:
    """The name of a property as it is kept there."""
    return _UNSAFE.sub(lambda found: f".x{ord(found[0]):x}.", _MISTAKEN.sub(".x2e.", name))


def property_name(text: str) -> str:
    """The name that is kept as `text`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def matrix(properties: Mapping[str, Sequence[str]]) -> str:
    """Properties behind a path: `;name=value`, once for each value."""
    return "".join(
        f";{property_text(name)}={encoded(value)}" for name, values in properties.items() for value in values
    )


def query_properties(properties: Mapping[str, Sequence[str]]) -> str:
    """Properties as the value of `?properties=`."""
    pairs = [
        f"{property_text(name)}={','.join(map(_escaped, values))}" for name, values in properties.items()
    ]
    return encoded(";".join(pairs))


def query_names(names: Iterable[str]) -> str:
    """Names of properties as the value of `?properties=`."""
    return encoded(",".join(map(property_text, names)))


def _escaped(value: str) -> str:
    return _SEPARATOR.sub(r"\\\1", value)


def build_repository(project: str) -> str:
    """Where a server since 6.6 keeps build-info as files."""
    return f"{project if project not in ('', 'default') else 'artifactory'}-build-info"


def build_folder(name: str) -> str:
    """The folder of a build in its repository."""
    text = "".join(" " if letter.isspace() else _IN_BUILD_FILES.get(letter, letter) for letter in name)
    return re.sub(r" (?=%2F)|(?<=%2F) ", "%20", text)


def build_file_name(number: str, timestamp: str) -> str:
    """The file of a run in the folder of its build."""
    return f"{build_folder(number)}-{timestamp}.json"


def build_of_file(folder: str, name: str) -> tuple[str, str, int] | None:
    """Name, number and epoch milliseconds of the run that a file of that repository holds."""
    found = _BUILD_FILE.fullmatch(name)
    return (_unfolded(folder), _unfolded(found[1]), int(found[2])) if found else None


def _unfolded(text: str) -> str:
    return unquote(text.replace("%22", "'"))
