"""Takes secrets out of every text before it is kept.

Rules:
- Two lines of defence: values that are known to be secret, in every spelling, and shapes that only
  credentials have; see `capture.credentials` for both.
- Every place becomes `***`; places that overlap become one, so that no half of a secret stays.
- A text without a secret comes back as the same object; redacting twice changes nothing.
- A redaction given by an extension that fails takes the whole text with it: nothing passes unread.
- No secret is ever in a repr or a log line.
"""

from __future__ import annotations

import codecs
import logging
import re
import shlex
import shutil
from typing import TYPE_CHECKING, BinaryIO, Self

from pytest_defend.capture.credentials import (
    LONGEST_SHAPE,
    SHAPES,
    forms,
    looks_secret,
    secret_arguments,
    secrets_in,
    split_arguments,
    url_secrets,
)
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["MASK", "Redactor"]

MASK = "***"

_log = logging.getLogger(__name__)

_WINDOW = 1 << 20
_HEAD = 8192

# From frequent to rare in logs and tracebacks; what is missing here is rarer still.
_FREQUENT = " etsaoinrl_pdcu.m/f:h10g2b-yw34v5=6789k,\"'()[]xESTDAPIRNOLCFMUGBHVWYKX{}<>jqz"


class Redactor:
    """Masks secrets in texts, commands and files.

    Args:
        secrets: Values that must not be kept; those that would ruin a record are ignored.
        more: Redactions of extensions, applied last, in order.
    """

    def __init__(self, secrets: Iterable[str], *, more: Sequence[Callable[[str], str]] = ()) -> None:
        known = {part for secret in secrets for part in secrets_in(secret)}
        spellings = {form for secret in known for form in forms(secret)}
        self._count = len(known)
        self._literals = tuple(sorted(spellings, key=lambda form: (-len(form), form)))
        self._detector = re.compile("|".join(map(_anchored, self._literals)) or r"(?!)")
        self._longest = max([LONGEST_SHAPE, *map(len, spellings)])
        self._more = tuple(more)
        self._failed: dict[str, Gap] = {}

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        extra_patterns: Iterable[str] = (),
        more_secrets: Iterable[str] = (),
        *,
        plain: Iterable[str] = (),
        more: Sequence[Callable[[str], str]] = (),
    ) -> Self:
        """A redactor that knows the secrets of an environment.

        Args:
            environ: Variables by name. Secret are the values of names that look so, and the user information
                of URLs in any value.
            extra_patterns: More names that look secret, as shell wildcards.
            more_secrets: Credentials known from elsewhere.
            plain: Exact names whose values are no secrets although the names look so.
            more: Redactions of extensions.
        """
        patterns, exempt = tuple(extra_patterns), frozenset(plain)
        secrets = list(more_secrets)
        for name, value in environ.items():
            if name not in exempt and looks_secret(name, patterns):
                secrets.append(value)
            secrets.extend(url_secrets(value))
        return cls(secrets, more=more)

    def __repr__(self) -> str:
        return f"<Redactor of {self._count} secrets>"

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The extensions that failed so far."""
        return tuple(self._failed[name] for name in sorted(self._failed))

    def text(self, text: str) -> str:
        """`text` with every secret masked; the same object when there is none."""
        return self._clean(text)[0]

    def argv(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """A command line with every secret masked, also what follows an option like `--password`."""
        return tuple(
            self.text(visible) + (MASK if hidden else "") for visible, hidden in split_arguments(arguments)
        )

    def command(self, line: str) -> str:
        """A command line in one text, as `PYTEST_ADDOPTS` holds it, redacted like `argv`."""
        try:
            arguments = shlex.split(line)
        except ValueError:  # an open quote: no shell would run it
            arguments = line.split()
        if not secret_arguments(arguments):
            return self.text(line)
        return " ".join(self.argv(arguments))

    def file(self, source: BinaryIO, target: BinaryIO) -> int:
        """Copy a file, masking secrets; a binary one (NUL in its first 8 KiB) is copied unchanged.

        Args:
            source: Read from where it stands.
            target: Written as UTF-8; bytes that are none stay as they are.

        Returns:
            How many places were masked; 0 when the copy is identical.
        """
        head = source.read(_HEAD)
        if b"\0" in head:
            target.write(head)
            shutil.copyfileobj(source, target)
            return 0
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        held = decoder.decode(head)
        masked, ended = 0, False
        while not ended:
            chunk = source.read(_WINDOW)
            ended = not chunk
            held += decoder.decode(chunk, final=ended)
            cut = len(held) if ended else self._safe_cut(held)
            clean, places = self._clean(held[:cut])
            target.write(clean.encode("utf-8", "surrogateescape"))
            masked += places
            held = held[cut:]
        return masked

    def _safe_cut(self, held: str) -> int:
        """Where `held` can be cut without cutting a secret: after a line, if there is an end of one."""
        limit = len(held) - self._longest
        if limit <= 0:
            return 0
        cut = held.rfind("\n", 0, limit) + 1 or limit
        first = max(0, cut - self._longest)
        around = self._spans(held[first : cut + self._longest])
        return next((first + end for start, end in around if first + start < cut < first + end), cut)

    def _clean(self, text: str) -> tuple[str, int]:
        places = 0
        clean = text
        # A mask can make what stands beside it recognisable, so: until nothing is found.
        while spans := self._spans(clean):
            places += len(spans)
            clean = _masked(clean, spans)
        for redact in self._more:
            before = clean
            clean = self._extended(redact, before)
            places += clean != before
        return clean, places

    def _spans(self, text: str) -> list[tuple[int, int]]:
        found = [match.span(1) for shape in SHAPES for match in shape.finditer(text)]
        if self._detector.search(text):
            found += (span for literal in self._literals for span in _occurrences(literal, text))
        return _merged(sorted(found))

    def _extended(self, redact: Callable[[str], str], text: str) -> str:
        try:
            clean: object = redact(text)
        except Exception as error:  # noqa: BLE001  # the code of others must not end a test run
            problem = f"raised {type(error).__name__}"  # its message may hold the secret
        else:
            if isinstance(clean, str):
                return clean
            problem = f"returned {type(clean).__name__}"
        name = getattr(redact, "__qualname__", type(redact).__name__)
        if name not in self._failed:
            sentence = (
                f"Redaction {name} {problem}; the texts it was given are withheld: repair or remove it."
            )
            self._failed[name] = Gap(topic="redaction", problem=sentence)
            _log.warning("%s", sentence)
        return MASK


def _anchored(literal: str) -> str:
    """An expression for `literal` that begins at its rarest character: a search then skips most of a text."""
    rarity = [_FREQUENT.find(char) % 1000 for char in literal]
    at = rarity.index(max(rarity))
    before, rarest, after = (re.escape(part) for part in (literal[:at], literal[at], literal[at + 1 :]))
    return f"{rarest}(?<={before}{rarest}){after}"


def _occurrences(literal: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(literal)
    while at >= 0:
        yield at, at + len(literal)
        at = text.find(literal, at + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    pieces, kept = [], 0
    for start, end in spans:
        pieces += [text[kept:start], MASK]
        kept = end
    return "".join([*pieces, text[kept:]])
