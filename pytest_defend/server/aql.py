"""Artifactory's query language: from a text to a question.

Rules:
- `DOMAIN.find({...}, ...)`, then `.include(...)`, `.sort({...})`, `.offset(n)`, `.limit(n)`, each once at
  most and in this order; 7.x has `.distinct(...)` besides.
- Criteria are JSON, but for what clients write: single quotes are none, trailing commas are not allowed.
- Several objects in `find`, and several keys of one, must all hold.
- Whatever is wrong is one `UsageError` that says where.

Source: JFrog's documentation of the Artifactory Query Language.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.model.fields import started_text
from pytest_defend.stores.conditions import Comparison, Group
from pytest_defend.stores.domains import DOMAINS
from pytest_defend.stores.questions import Include, Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["parse"]

_ROOTS = {
    "items": "item",
    "builds": "build",
    "modules": "module",
    "artifacts": "artifact",
    "dependencies": "dependency",
    "properties": "property",
    "stats": "stat",
    "build.properties": "build.property",
    "build.promotions": "build.promotion",
    "module.properties": "module.property",
}
_STEPS = ("include", "sort", "offset", "limit", "distinct")
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_@$*][\w.@*-]*|-?\d+(?:\.\d+)?|[{}\[\]():,.])', re.DOTALL)
_SPAN = re.compile(r"(\d+)\s*(milliseconds|ms|seconds|s|minutes|weeks|w|days|d|months|mo|years|y)")
_UNITS = {"ms": 0.001, "s": 1, "minutes": 60, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
_UNITS |= {"milliseconds": 0.001, "seconds": 1, "days": 86400, "weeks": 604800}
_UNITS |= {"months": 2592000, "years": 31536000}
_DEEPEST = 50


@dataclass(slots=True)
class _Tokens:
    """What is left of the text, token by token."""

    tokens: list[str]
    at: int = 0

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str) -> None:
        found = self.next()
        if found != wanted:
            raise _wrong(f"expected {wanted!r} but found {found or 'the end'!r}")


def _wrong(problem: str) -> UsageError:
    return UsageError(f"Failed to parse query: {problem}")


def parse(text: str, *, now: datetime, seven: bool) -> Question:
    """The question a query asks.

    Args:
        text: The query.
        now: What `$before` and `$last` are relative to.
        seven: Whether what only 7.x understands is understood.

    Raises:
        UsageError: It is no query.
    """
    tokens = _Tokens(list(_tokenized(text)))
    name = ""
    while (word := tokens.next()) != "find":
        name += word
        if not word or word == "(":
            raise _wrong(f"it looks like there is syntax error near {name!r}")
    domain = _ROOTS.get(name.removesuffix("."))
    if domain is None:
        raise _wrong(f"there is no domain {name.removesuffix('.')!r}")
    criteria = tuple(_criteria(argument, domain, now, seven) for argument in _arguments(tokens))
    question = Question(domain=domain, where=Group(parts=criteria))
    last = -1
    while tokens.peek():
        tokens.take(".")
        step = tokens.next()
        if step not in _STEPS or _STEPS.index(step) <= last or (step == "distinct" and not seven):
            raise _wrong(f"unexpected {step or 'end'!r}")
        last = _STEPS.index(step)
        question = _with(question, step, _arguments(tokens))
    return question


def _tokenized(text: str) -> Iterator[str]:
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise _wrong(f"it looks like there is syntax error near {stripped[at : at + 20].strip()!r}")
        token = match.group(1)
        if "." in token:  # items.find: a name ends where the word after its last dot is one of the language
            yield from _words(token)
        else:
            yield token
        at = match.end()


def _words(token: str) -> Iterator[str]:
    head, dot, word = token.rpartition(".")
    if dot and word in ("find", *_STEPS) and not token.startswith('"'):
        if head:
            yield head
        yield dot
        yield word
    else:
        yield token


def _arguments(tokens: _Tokens) -> list[Any]:
    tokens.take("(")
    arguments: list[Any] = []
    while tokens.peek() != ")":
        if arguments:
            tokens.take(",")
        arguments.append(_value(tokens, 0))
    tokens.take(")")
    return arguments


def _value(tokens: _Tokens, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _wrong("it is nested too deep")
    word = tokens.next()
    if word == "{":
        pairs: list[tuple[str, Any]] = []
        while tokens.peek() != "}":
            if pairs:
                tokens.take(",")
            key = _text(tokens.next())
            tokens.take(":")
            pairs.append((key, _value(tokens, depth + 1)))
        tokens.take("}")
        return _Pairs(pairs)
    if word == "[":
        values: list[Any] = []
        while tokens.peek() != "]":
            if values:
                tokens.take(",")
            values.append(_value(tokens, depth + 1))
        tokens.take("]")
        return values
    if word == "null":
        return None
    return _text(word)


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object: a key may stand in it more than once."""

    __slots__ = ()


def _text(word: str) -> str:
    if word.startswith('"'):
        if "\\" not in word:
            return word[1:-1]
        try:
            return str(json.loads(word, strict=False))
        except ValueError:
            return re.sub(r"\\(.)", r"\1", word[1:-1])
    if not word or word in "{}[]():,.":
        raise _wrong(f"unexpected {word or 'end'!r}")
    return word


def _criteria(argument: Any, domain: str, now: datetime, seven: bool) -> Group:
    if not isinstance(argument, _Pairs):
        raise _wrong("a criterion must be an object")
    parts: list[Comparison | Group] = []
    for key, value in argument:
        if key in ("$and", "$or", "$msp", "$rf"):
            if not isinstance(value, list) or key == "$rf":
                raise _wrong(f"{key} needs a list of criteria")
            inner = tuple(_criteria(one, domain, now, seven) for one in value)
            parts.append(Group(parts=inner, any=key == "$or"))
        else:
            parts.extend(_comparisons(key, value, domain, now, seven))
    return Group(parts=tuple(parts))


def _comparisons(key: str, value: Any, domain: str, now: datetime, seven: bool) -> Iterator[Comparison]:
    path, field = _field(key, domain)
    if isinstance(value, list):
        raise _wrong(f"{key} cannot be compared with a list")
    pairs = value if isinstance(value, _Pairs) else _Pairs([("$eq", value)])
    for operator, operand in pairs:
        if isinstance(operand, list | _Pairs):
            raise _wrong(f"{key} cannot be compared with a list")
        comparison = Comparison(path=path, field=field, operator=operator, value=operand)
        yield _dated(comparison, now, seven)


def _dated(comparison: Comparison, now: datetime, seven: bool) -> Comparison:
    """A comparison with an age as one with an instant."""
    operator = comparison.operator
    if operator not in ("$before", "$last"):
        if not seven and operator in ("$eqic", "$matchic"):
            raise _wrong(f"unexpected {operator!r}")
        return comparison
    span = _SPAN.fullmatch(str(comparison.value))
    if span is None:
        raise _wrong(f"{comparison.value!r} is no span of time")
    try:
        at = now - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    except (OverflowError, ValueError) as error:
        raise _wrong(f"{comparison.value!r} is too long") from error
    return replace(comparison, operator="$lt" if operator == "$before" else "$gt", value=started_text(at))


def _field(key: str, domain: str) -> tuple[tuple[str, ...], str]:
    """The domains a name leads through, and the field: `artifact.module.build.name`, `@key`, `item.@key`."""
    head, at, name = key.partition("@")
    if at:
        path, field = head.removesuffix(".").split("."), f"@{name}"
    else:
        *path, field = key.split(".")
    steps = tuple(step for step in path if step)
    root = domain.rpartition(".")[2]
    if steps[:1] in ((domain,), (root,)) and root not in DOMAINS[domain].edges:
        steps = steps[1:]
    if not field or field == "@":
        raise _wrong(f"{key!r} names no field")
    return steps, field


def _with(question: Question, step: str, arguments: list[Any]) -> Question:
    if step == "include":
        included = tuple(_include(str(argument), question.domain) for argument in arguments)
        return replace(question, include=included)
    if len(arguments) != 1:
        raise _wrong(f"{step} needs one argument")
    (argument,) = arguments
    if step == "sort":
        if not isinstance(argument, _Pairs) or len(argument) != 1:
            raise _wrong("sort needs $asc or $desc and a list of fields")
        ((direction, fields),) = argument
        if direction not in ("$asc", "$desc") or not isinstance(fields, list):
            raise _wrong("sort needs $asc or $desc and a list of fields")
        names = tuple(_field(str(field), question.domain)[1] for field in fields)
        return replace(question, sort=names, descending=direction == "$desc")
    if step == "distinct":
        return question
    if not str(argument).isascii() or not str(argument).isdigit() or len(str(argument)) > len("9" * 18):
        raise _wrong(f"{step} needs a number")
    count = int(argument)
    return replace(question, offset=count) if step == "offset" else replace(question, limit=count)


def _include(text: str, domain: str) -> Include:
    path, field = _field(text, domain)
    if field.startswith("@"):
        return Include(path=(*path, "property"), key=field[1:])
    name = domain
    for step in path:
        edge = DOMAINS[name].edges.get(step)
        if edge is None:
            raise _wrong(f"{name} has no {step}")
        name = edge.to
    if field in DOMAINS[name].edges and field not in DOMAINS[name].fields:
        return Include(path=(*path, field))
    return Include(path=path, field=field)
