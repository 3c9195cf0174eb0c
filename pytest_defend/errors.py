"""The one error root and its few children.

Rules:
- An error carries its facts as attributes and builds its sentence in `__str__`.
- A sentence says what happened, where, and (`hint`) what to do next.
- A refused gate is a value, never an exception.
- No message holds a credential: locators are stripped of user information before they get here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AccessDenied",
    "Conflict",
    "Corrupt",
    "DefendError",
    "InvalidDocument",
    "MergeConflict",
    "NotFound",
    "StoreError",
    "Unavailable",
    "UsageError",
]


class DefendError(Exception):
    """Root of every error this library raises on purpose.

    Attributes:
        message: One sentence: what happened, and where.
        hint: What the user can do next; empty when there is nothing to say.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class UsageError(DefendError):
    """What was asked for cannot be understood: a flag, a key, a variable or an argument."""


class InvalidDocument(DefendError):
    """A document does not have the shape it should have.

    Attributes:
        problems: Every problem found, as (path in the document, what is wrong with it).
    """

    def __init__(self, what: str, problems: Sequence[tuple[str, str]], *, hint: str = "") -> None:
        self.what = what
        self.problems = tuple(problems)
        listed = "; ".join(f"{where or 'document'}: {problem}" for where, problem in self.problems)
        super().__init__(f"{what} is not valid: {listed}.", hint=hint)


class StoreError(DefendError):
    """A store could not do what it was asked; the only errors that leave a store.

    Attributes:
        key: The path, build or locator the error is about.
    """

    def __init__(self, key: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key


class NotFound(StoreError):
    """Nothing is kept under this key."""

    def __init__(self, key: str, *, hint: str = "") -> None:
        super().__init__(key, f"{key} is not in the store.", hint=hint)


class Conflict(StoreError):
    """Something else is kept under this key, and what is kept is never replaced."""


class AccessDenied(StoreError):
    """The store is there and refuses us."""


class Corrupt(StoreError):
    """Bytes are not what their digest says.

    Attributes:
        expected: The digest that was recorded.
        actual: The digest of the bytes that are there.
    """

    def __init__(self, key: str, *, expected: str, actual: str, hint: str = "") -> None:
        super().__init__(key, f"{key} holds {actual} where {expected} was recorded.", hint=hint)
        self.expected = expected
        self.actual = actual


class Unavailable(StoreError):
    """The store cannot be used now: disk full, read-only, locked, network down.

    Attributes:
        retry_after_s: Seconds after which trying again makes sense, when known.
    """

    def __init__(self, key: str, message: str, *, hint: str = "", retry_after_s: int | None = None) -> None:
        super().__init__(key, message, hint=hint)
        self.retry_after_s = retry_after_s


class MergeConflict(DefendError):
    """Two records that say they are parts of one thing contradict each other."""
