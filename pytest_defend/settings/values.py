"""How the value of a setting is read, kept and shown.

Rules:
- A reader raises `ValueError` whose text continues "<where it came from>: ..."; the value of a secret is
  never in it, nor are the credentials of a URL.
- What is shown can be read again, unless it is a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_defend.settings.options import Option

__all__ = ["Secret", "read_argument", "read_foreign", "read_text", "read_toml", "shown"]


_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_TOML_TYPES = {
    bool: "true or false",
    dict: "a table",
    float: "a fraction",
    int: "a whole number",
    list: "a list",
    str: "a text",
}


class Secret:
    """A text that no log, record, error or debugger shows; empty when there is none."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"

    def __format__(self, _: str) -> str:
        return "***"


def read_argument(option: Option, argument: Any) -> Any:
    """The value of `option` as the command line gives it: a text, True, or texts for a list.

    Raises:
        ValueError: It cannot be read; says what could be.
    """
    if option.kind == "flag":
        return argument is True or _yes_or_no(str(argument))
    if option.kind == "list":
        items = [argument] if isinstance(argument, str) else argument
        return tuple(_checked(option, str(item)) for item in items)
    return read_text(option, str(argument))


def read_text(option: Option, text: str) -> Any:
    """The value of `option` as our environment variable gives it.

    Raises:
        ValueError: It cannot be read; says what could be.
    """
    if read := _READERS.get(option.kind):
        return read(text)
    if option.kind == "number":
        return _number(option, text.strip())
    if option.kind == "list":
        return tuple(_checked(option, item.strip()) for item in text.split(";") if item.strip())
    if option.secret:
        return Secret(
            _checked(option, text.strip("\r\n"))
        )  # a shell that reads a file may leave the line end
    if option.part:
        return _part_of_build(option, text.strip())
    return _checked(option, text.strip())


def read_foreign(option: Option, text: str) -> Any:
    """The value of `option` as others give it: of a build, the name and the number each for itself.

    Raises:
        ValueError: It cannot be read; says what could be.
    """
    return _part(option, text.strip()) if option.part else read_text(option, text)


def read_toml(option: Option, value: object) -> Any:
    """The value of `option` as a TOML document gives it.

    Raises:
        ValueError: It has another type, or cannot be read; says what could be.
    """
    if option.kind == "flag" and isinstance(value, bool):
        return value
    if option.kind == "list" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(_checked(option, item) for item in value)
    if option.kind == "size" and type(value) is int:
        return _size(str(value))
    if option.kind == "number" and type(value) in (int, float):
        return _number(option, str(value))
    if option.kind not in ("flag", "list") and isinstance(value, str):
        return read_text(option, value)
    wanted = {
        "flag": "true or false",
        "list": "a list of texts",
        "number": option.allowed,
        "size": "a whole number or a text",
    }
    found = _TOML_TYPES.get(type(value), "a date or time")
    raise ValueError(f"must be {wanted.get(option.kind, 'a text')}, not {found}")


def shown(option: Option, value: Any) -> str:
    """The value of `option` as it may be shown to anybody."""
    if option.kind == "flag":
        return "true" if value else "false"
    if option.kind in ("number", "size"):
        return _size_text(value) if option.kind == "size" else str(value).removesuffix(".0")
    if option.kind == "list":
        return "; ".join(value)
    if option.secret:
        return str(value) if value else ""
    if option.kind in ("regex", "template"):  # checked when they were read
        return str(value)
    return _without_credentials(str(value))


def _yes_or_no(text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES + _NO:
        raise ValueError(f"{text!r} is neither yes ({', '.join(_YES)}) nor no ({', '.join(_NO)})")
    return word in _YES


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})\s*([a-z]*)", text.strip().lower())
    size_bytes = int(match[1]) * _UNITS.get(match[2], 0) if match else 0
    if not size_bytes:
        raise ValueError(f"{text!r} is no size above zero, like 65536, 64 KiB or 50 MB")
    return size_bytes


def _number(option: Option, text: str) -> int | float:
    whole = isinstance(option.default, int)
    if re.fullmatch(r"[0-9]{1,9}" if whole else r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        number = int(text) if whole else float(text)
        if option.least <= number <= option.most:
            return number
    raise ValueError(f"{text!r} is not {option.allowed}")


def _size_text(size_bytes: int) -> str:
    for unit in ("GiB", "MiB", "KiB"):
        count, rest = divmod(size_bytes, _UNITS[unit.lower()])
        if count and not rest:
            return f"{count} {unit}"
    return str(size_bytes)


def _regex(text: str) -> str:
    from pytest_defend.model.issues import compiled  # noqa: PLC0415  # few projects have a pattern

    try:
        groups = compiled(text).groups
    except ValueError as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    if not groups:
        raise ValueError(f"{text!r} has no group: put what finds the key into parentheses")
    return text


def _template(text: str) -> str:
    text = text.strip()
    clean = _without_credentials(text)
    if text and not re.fullmatch(r"https?://[^/?#\s]+/\S*", text):
        raise ValueError(f"{clean!r} is no web page like https://.../{{key}}")
    without = text.replace("={key}", "")  # a parameter `key={key}` is no secret
    if _without_credentials(without) != without:
        raise ValueError("holds a user name, password or secret parameter; leave it out")
    if text and "{key}" not in text:
        raise ValueError(f"{clean!r} has no {{key}} where the key of an issue belongs")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "flag": _yes_or_no,
    "regex": _regex,
    "size": _size,
    "template": _template,
}


def _part_of_build(option: Option, text: str) -> str:
    from pytest_defend.model.buildinfo import BuildId  # noqa: PLC0415  # costs more than all of this room

    quoted = repr(_without_credentials(text))
    try:
        build = BuildId.parse(text)
    except UsageError as error:
        raise ValueError(f"{quoted} names no build; write NAME/NUMBER") from error
    if build.started:
        raise ValueError(f"{quoted} names a run that has started; write NAME/NUMBER")
    return _part(option, build.name if option.part == "name" else build.number)


def _part(option: Option, text: str) -> str:
    if option.part == "number" and (text == "latest" or "/" in text):
        raise ValueError(f"{text!r} is no number of a build; 'latest' and '/' have a meaning of their own")
    return _checked(option, text)


def _checked(option: Option, text: str) -> str:
    """`text`, if it may be the value of `option`; a URL in it comes back without credentials."""
    clean = text if option.secret else _without_credentials(text)
    quoted = "the value" if option.secret else repr(clean)
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError(f"{quoted} holds a control character")
    if option.choices and text not in option.choices:
        raise ValueError(f"{quoted} is none of {', '.join(option.choices)}")
    if option.pattern and not re.fullmatch(option.pattern, text):
        raise ValueError(f"{quoted} is not {option.expected}")
    if option.instead and clean != text:
        raise ValueError(f"holds a user name, password or secret parameter; {option.instead}")
    return clean


def _without_credentials(text: str) -> str:
    if "://" not in text:
        return text
    from pytest_defend.model.urls import strip_user_information  # noqa: PLC0415  # few texts are URLs

    return strip_user_information(text)
