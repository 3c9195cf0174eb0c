"""The chain of what was stated about one build, so that a statement that was taken away is missed.

Rules:
- A statement is named by the sha256 of its payload, the bytes that are signed: keys can be added and
  signatures made again, and it is still the same statement.
- It names every statement of its build that nobody had named yet when it was made (`heads`), or none if it
  is the first. Stages that end together name the same ones and do not know each other: the chain forks there,
  and whatever comes next names all of its ends.
- It says which build it belongs to, so that it cannot be passed off as a statement of another one.
- What a statement names has to be there. A statement that is named by nothing that is left can be taken away
  unseen; that is why what others keep (a decision, the properties of the build) names the ends, too.
- Only what was verified belongs in here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.documents.canonical import speakable
from pytest_defend.documents.statements import read_statement
from pytest_defend.model.fields import parse_instant, started_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_defend.documents.dsse import Envelope
    from pytest_defend.documents.statements import Statement
    from pytest_defend.model.buildinfo import BuildId

__all__ = [
    "BUILD",
    "NAMED",
    "PREVIOUS",
    "STATED",
    "Link",
    "build_field",
    "digest_of",
    "heads",
    "link",
    "link_of",
    "problems",
]

BUILD = "defend_build"
"""Field of a predicate: the build it belongs to."""
PREVIOUS = "defend_previous"
"""Field of a predicate: the digests of the statements it follows."""
STATED = "defend_statement"
"""Annotation of an input of a decision: the digest of that statement."""
NAMED = "defend.statement"
"""Property of the module that keeps a statement: its digest."""

_SHOWN = 12  # digits of a digest in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the chain has to know about one statement."""

    digest: str
    """Sha256 of its payload, hexadecimal."""
    previous: tuple[str, ...] | None
    """The digests it names; None when it has no say in the chain, like the statements of other tools."""
    build: Mapping[str, str] | None = None
    """The build it says it belongs to; None when it says nothing."""
    label: str = ""
    """What to call it in a sentence."""


def digest_of(envelope: Envelope) -> str:
    """What the chain calls the statement in an envelope: the sha256 of its payload, hexadecimal."""
    return hashlib.sha256(envelope.payload).hexdigest()


def build_field(build: BuildId) -> Mapping[str, str]:
    """The value of `defend_build`.

    Args:
        build: With the `started` it is published with, in any spelling of the instant.
    """
    try:
        started = started_text(parse_instant(build.started))
    except ValueError:  # of a foreign build-info; it is the same build all the same
        started = speakable(build.started)
    return {"name": speakable(build.name), "number": speakable(build.number), "started": started}


def link(envelope: Envelope) -> Link:
    """What the chain has to know about a statement.

    Args:
        envelope: It, verified.

    Raises:
        InvalidDocument: The payload is no in-toto statement.
    """
    return link_of(read_statement(envelope.payload), digest_of(envelope))


def link_of(statement: Statement, digest: str) -> Link:
    """The same for a statement that was read already.

    Args:
        statement: The statement.
        digest: As `digest_of` says.
    """
    predicate = statement.predicate
    build = predicate.get(BUILD)
    return Link(
        digest=digest,
        previous=_previous(predicate),
        build={str(key): str(value) for key, value in build.items()} if isinstance(build, Mapping) else None,
        label=_label(predicate),
    )


def _previous(predicate: Mapping[str, Any]) -> tuple[str, ...] | None:
    named = predicate.get(PREVIOUS)
    if isinstance(named, list):
        return tuple(sorted({str(each) for each in named}))
    inputs = predicate.get("inputAttestations")
    if not isinstance(inputs, list):
        return None
    annotations = [each.get("annotations") for each in inputs if isinstance(each, Mapping)]
    stated = {str(each[STATED]) for each in annotations if isinstance(each, Mapping) and STATED in each}
    return tuple(sorted(stated)) if stated else None


def _label(predicate: Mapping[str, Any]) -> str:
    configuration = predicate.get("configuration")
    first = configuration[0] if isinstance(configuration, list) and configuration else {}
    name = first.get("name") if isinstance(first, Mapping) else None
    if isinstance(name, str):
        return f"The result of stage {name}"
    return "The decision" if "verificationResult" in predicate else "The statement"


def heads(links: Iterable[Link]) -> tuple[str, ...]:
    """What the next statement has to name: the statements of the chain that no other one names, sorted.

    Args:
        links: Every statement of the build that is there.
    """
    chained = [each for each in links if each.previous is not None]
    named = {digest for each in chained for digest in each.previous or ()}
    return tuple(sorted({each.digest for each in chained} - named))


def problems(links: Iterable[Link], build: BuildId, expected: Iterable[str] = ()) -> tuple[str, ...]:
    """What is wrong with the chain of a build, one sentence each; nothing when it is whole.

    Args:
        links: Every statement that is there and was verified, in any order, also several times; before them,
            without a say, what is there and was not.
        build: The build they should belong to.
        expected: Digests that something outside of the chain says are there: the properties of the build, a
            decision, a list that was kept elsewhere.
    """
    there = {each.digest: each for each in links}
    wanted = build_field(build)
    found: list[str] = []
    for each in sorted(there.values(), key=lambda each: (each.label, each.digest)):
        shown = f"{each.label or 'The statement'} ({each.digest[:_SHOWN]})"
        found += [
            f"{shown} follows {digest[:_SHOWN]}, which is not there: it was taken away or replaced."
            for digest in each.previous or ()
            if digest not in there
        ]
        if each.build is not None and each.build != wanted:
            found.append(f"{shown} belongs to another build, {_spoken(each.build)}.")
    found += [
        f"Statement {digest[:_SHOWN]} is on record and is not there: it was taken away or replaced."
        for digest in sorted(set(expected) - there.keys())
    ]
    return tuple(found)


def _spoken(build: Mapping[str, str]) -> str:
    return f"{build.get('name', '')}/{build.get('number', '')}@{build.get('started', '')}"
