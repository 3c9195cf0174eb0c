"""The parts of the reference that are read from the code, as Markdown.

Rules:
- Each function of `KINDS` takes texts and returns Markdown; it imports what it describes, nothing more.
- What has no documentation is an error here, so that the documentation cannot be built without it.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from unittest import mock

__all__ = ["KINDS"]


def _load(target: str) -> Any:
    room, _, name = target.partition(":")
    return getattr(importlib.import_module(room), name)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    escaped = [tuple(cell.replace("|", r"\|") for cell in row) for row in rows]
    lines = [head, tuple("---" for _ in head), *escaped]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _said(thing: Any) -> str:
    """The docstring of a thing as Markdown; its Google-style sections become lists."""
    text = inspect.getdoc(thing)
    if not text:
        problem = f"{thing!r} says nothing"
        raise ValueError(problem)
    return _markdown(text)


def _markdown(text: str) -> str:
    blocks: list[str] = []
    head, *sections = re.split(r"^(?=(?:Args|Attributes|Raises|Returns|Yields):$)", text, flags=re.MULTILINE)
    blocks.append(head.strip())
    for section in sections:
        title, _, body = section.partition(":\n")
        inside = textwrap.dedent(body.split("\n\nSource:")[0]).strip()
        if title in ("Returns", "Yields"):
            blocks.append(f"{title}: {inside}")
        else:
            blocks.append(f"{title}:\n\n" + re.sub(r"^(\w+): ", r"- `\1`: ", inside, flags=re.MULTILINE))
    return "\n\n".join(blocks) + "\n"


def _field_texts(cls: type) -> Iterator[tuple[str, str]]:
    """Name and documentation of each annotated field."""
    listed = dict(re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", cls.__doc__ or "", flags=re.MULTILINE))
    tree = ast.parse(Path(inspect.getfile(cls)).read_text(encoding="utf-8"))
    body = next(n.body for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        said = listed.get(name, "")
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            said = inspect.cleandoc(str(following.value.value))
        yield name, " ".join(said.split())


def _reachable(cls: type, seen: dict[type, None]) -> None:
    if cls in seen:
        return
    seen[cls] = None
    for hint in typing.get_type_hints(cls).values():
        for part in _parts(hint):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                _reachable(part, seen)


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in typing.get_args(hint):
        yield from _parts(argument)


_JSON = {str: "text", int: "integer", bool: "true or false", datetime: "instant", Any: "anything"}


def _json_type(hint: Any) -> str:
    """A type as it looks in JSON."""
    parts = [part for part in typing.get_args(hint) if part not in (type(None), Ellipsis)]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _json_type(parts[0])
    if origin is Mapping:
        return f"object of {_json_type(parts[1])}"
    if origin is tuple and typing.get_args(hint)[-1] is Ellipsis:
        return f"list of {_json_type(parts[0])}"
    if origin is tuple:
        return "pair" if len(parts) == 2 else "list"  # noqa: PLR2004  # a pair has two
    if isinstance(hint, type) and issubclass(hint, Enum):
        return " or ".join(f"`{member.value}`" for member in hint)
    return _JSON.get(hint) or f"{hint.__name__}"


def _summary(cls: object) -> str:
    return (inspect.getdoc(cls) or "").partition("\n\nAttributes:")[0]


def _document(cls: type) -> str:
    said = dict(_field_texts(cls))
    hints = typing.get_type_hints(cls)
    rows = []
    for field in dataclasses.fields(cls):
        if field.name == "extra":
            continue
        inside = [part for part in _parts(hints[field.name]) if dataclasses.is_dataclass(part)]
        meaning = said[field.name] or (_summary(inside[0]) if inside else "")
        rows.append((f"`{field.metadata.get('key', field.name)}`", _json_type(hints[field.name]), meaning))
    return f"## {cls.__name__}\n\n{_summary(cls)}\n\n{_table(('key', 'type', 'meaning'), rows)}"


def documents(*targets: str) -> str:
    """A document and those in it, by key: `package.module:Class`; `-` before what is described elsewhere."""
    elsewhere: dict[type, None] = {}
    for target in targets:
        if target.startswith("-"):
            _reachable(_load(target[1:]), elsewhere)
    found = dict(elsewhere)
    for target in targets:
        if not target.startswith("-"):
            _reachable(_load(target), found)
    return "\n".join(_document(one) for one in found if one not in elsewhere)


def members(target: str) -> str:
    """The members of an enumeration, with the comment behind each."""
    enumeration: type[Enum] = _load(target)
    source = inspect.getsource(enumeration)
    comments = dict(re.findall(r"^    (\w+) = .*?#\s*(.+)$", source, flags=re.MULTILINE))
    rows = [(f"`{member.value}`", comments.get(member.name, "")) for member in enumeration]
    return _table(("value", "when"), rows)


def module(name: str) -> str:
    """The docstring of a module."""
    return _said(importlib.import_module(name))


def errors() -> str:
    """Every public error, below its root."""
    room = importlib.import_module("pytest_defend.errors")
    blocks = []
    for name in room.__all__:
        error = getattr(room, name)
        base = error.__bases__[0].__name__
        blocks.append(f"## {name}\n\nIs a `{base}`. {_said(error)}")
    return "\n".join(blocks)


def rules(name: str) -> str:
    """The rules in the docstring of a module."""
    return _said(importlib.import_module(name)).partition("Rules:\n")[2]


def rule(name: str) -> str:
    """The parameters of a rule of gates, as policies write them."""
    kind = _load("pytest_defend.gates:kinds")()[name]
    said: dict[str, str] = {}
    for cls in reversed(kind.__mro__[:-1]):
        said |= dict(_field_texts(cls)) if "__dataclass_fields__" in vars(cls) else {}
    hints = typing.get_type_hints(kind)
    rows = []
    for field in dataclasses.fields(kind):
        written = field.name.replace("_", "-")
        main = "; the main one" if written == kind.MAIN else ""
        rows.append((f"`{written}`{main}", _parameter(hints[field.name]), _preset(field), said[field.name]))
    return _table(("parameter", "type", "default", "meaning"), rows) if rows else "It has no parameters.\n"


def _parameter(hint: Any) -> str:
    """A type as it looks in TOML."""
    if hint is Any:
        return ""  # its meaning says it
    inside = [part for part in _parts(hint) if dataclasses.is_dataclass(part)]
    return "list of tables" if inside else _json_type(hint).replace("object", "table")


def _preset(field: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "" if field.default_factory is not dataclasses.MISSING else "none: it must be given"
    shown = [field.default] if not isinstance(field.default, tuple) else list(field.default)
    return ", ".join(f"`{str(one).lower()}`" for one in shown if one not in ("", None))


def hooks() -> str:
    """Every extension point."""
    room = importlib.import_module("pytest_defend.hookspecs")
    blocks = []
    for name in room.__all__:
        hook = getattr(room, name)
        arguments = ", ".join(inspect.signature(hook).parameters)
        blocks.append(f"## {name}\n\n```python\ndef {name}({arguments}): ...\n```\n\n{_said(hook)}")
    return "\n".join(blocks)


def options() -> str:
    """Every setting and where it can be set."""
    room = importlib.import_module("pytest_defend.settings")
    return "\n".join(f"## {option.name}\n\n{_option(option)}" for option in room.OPTIONS)


def _default(option: Any) -> str:
    if option.kind == "size":
        return f"{option.default:,} bytes"
    if option.kind == "number":
        return f"{option.default:g} {option.unit}".strip()
    if option.kind == "flag":
        return "on" if option.default else "off"
    return "; ".join(option.default) if option.kind == "list" else str(option.default)


def _option(option: Any) -> str:
    part = f" (the {option.part})" if option.part else ""
    told = {
        "Option": option.flag and f"`{f'{option.flag} {option.metavar}'.strip()}`{part}",
        "Key in `[tool.pytest-defend]`": option.key and f"`{option.key}`{part}",
        "Environment": ", then ".join(f"`{name}`" for name in (option.variable, *option.fallbacks) if name),
        "CI system": option.detected and "says it",
        "Values": ", ".join(f"`{choice}`" for choice in option.choices) or option.allowed,
        "Default": _default(option) and f"`{_default(option)}`",
    }
    lines = "\n".join(f"- {where}: {what}" for where, what in told.items() if what)
    united = "\n\nThe values of all sources are united." if option.additive else ""
    return f"{option.help}{united}\n\n{lines}\n"


def commands() -> str:
    """Every command with its help."""
    names = _load("pytest_defend.cli:COMMANDS")
    return "\n".join(f"## {name}\n\n```text\n{_help(name)}```\n" for name in names)


def _help(command: str) -> str:
    """What `--help` prints, in 88 columns and without colours wherever it is asked."""
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, COLUMNS="88", NO_COLOR="1"),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        _load("pytest_defend.cli:parser")().parse_args([command, "--help"])
    return printed.getvalue()


def environment() -> str:
    """The names and patterns of the variables whose values are kept."""
    kept = _load("pytest_defend.capture.environment:KEPT")
    return ", ".join(f"`{pattern}`" for pattern in kept) + "\n"


KINDS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "documents": documents,
    "environment": environment,
    "errors": errors,
    "hooks": hooks,
    "members": members,
    "module": module,
    "options": options,
    "rule": rule,
    "rules": rules,
}
