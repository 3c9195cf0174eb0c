"""The run whose environment is locked, and what both locks say of it in their first lines.

Rules:
- The first lines tell a reader who has nothing else what the file is and the commands that install from it.
- What a run may choose - its names, its stage - stands below the second line: pip looks in the first two for
  the encoding of the file (PEP 263).
- A text stands in one line, without what could end it or continue it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_defend.model.facts import Interpreter

__all__ = ["Occasion", "file_names", "heading", "one_line"]

_LONGEST = 100  # characters of a build in the name of a file
_DIGEST = 8  # characters that tell builds apart whose names cannot be told in full
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The run whose environment is locked."""

    project: str
    """Name of the package under test, in any spelling."""
    build_name: str
    build_number: str
    run: str
    """Id of the run."""
    stage: str
    interpreter: Interpreter
    """That has the packages."""

    @property
    def build(self) -> str:
        """As users write it: `name/number`."""
        return f"{self.build_name}/{self.build_number}"


def file_names(build_name: str, build_number: str) -> tuple[str, str]:
    """Names of the files of a build: its pylock, its hashed requirements.

    PEP 751 allows no dot between `pylock.` and `.toml`; one character takes the place of all that are unsafe.
    """
    given = f"{build_name}-{build_number}"
    build = _UNSAFE.sub("-", given)
    if len(build) > _LONGEST or not given.isascii():
        whole = f"{build_name}\0{build_number}".encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()[:_DIGEST]
        build = f"{build[: _LONGEST - _DIGEST - 1]}-{digest}"
    return f"pylock.{build}.toml", f"requirements.{build}.txt"


def heading(occasion: Occasion, *commands: str, pinned: int, others: int, where: str) -> str:
    """The first lines of a lock, as comments of TOML and of requirements alike.

    Args:
        occasion: The run.
        commands: Each of them installs from the file.
        pinned: How many packages are installed by it.
        others: How many are not.
        where: Where the file lists those.
    """
    interpreter = occasion.interpreter
    lines = (
        "What one test run had installed, written by pytest-defend.",
        "Put the files with these digests beside this one, and install them into an empty environment:",
        *(f"    {command}" for command in commands),
        f"Build {occasion.build}, run {occasion.run}, stage {occasion.stage}",
        f"{interpreter.implementation} {interpreter.version} on {interpreter.platform}",
        f"{pinned} of {pinned + others} packages; the others, and why, {where}.",
    )
    return "".join(f"# {one_line(line)}\n" for line in lines)


def one_line(text: str) -> str:
    """`text` in one line that does not go on in the next."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.replace("\\", "/"))
