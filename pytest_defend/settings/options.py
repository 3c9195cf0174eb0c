"""What there is to say about a setting.

Rules:
- Flag `--defend-dry-run`, key `dry-run` and variable `DEFEND_DRY_RUN` follow from one word.
- A secret has neither flag nor key: command lines and project files are read by everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

__all__ = ["NAME", "Option", "names"]

NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
"""Pattern of a name that is short and safe everywhere."""

Kind = Literal["flag", "text", "choice", "list", "size", "number", "file", "regex", "template"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Option:
    """One setting.

    Attributes:
        name: Attribute of `Settings`.
        flag: On the command line; empty when it has none.
        key: In `[tool.pytest-defend]`; `a.b` is `b` in the table `a` there; empty when it may not be there.
        variable: Our environment variable; a list is split at `;`.
        fallbacks: Environment variables of others, honoured after ours.
        kind: How text and TOML are read; `list` flags may be repeated, a `regex` has a group, a `template`
            is a URL with `{key}` in it, a `number` is a whole one when its default is.
        default: When nothing gives it.
        choices: The only texts allowed; empty for any.
        pattern: Regular expression the whole text has to match; empty for any.
        expected: `pattern` in words.
        least: The smallest number allowed.
        most: The largest number allowed.
        unit: What a number counts, unless that is plain; follows the number.
        part: For a locator NAME/NUMBER, which part of it this is; fall-backs hold the part alone.
        detected: Attribute of `CiFacts` that gives it.
        additive: Values of all sources are united instead of the first one counting.
        metavar: What the argument is called in help.
        help: One sentence.
        instead: For a URL that may hold no credentials: where they belong, in words; empty for any text.
        needs: Names of options without which this one says nothing.
        secret: Whether the value may never be shown.
    """

    name: str
    flag: str = ""
    key: str = ""
    variable: str = ""
    fallbacks: tuple[str, ...] = ()
    kind: Kind = "text"
    default: Any = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    expected: str = ""
    least: float = 0
    most: float = 0
    unit: str = ""
    part: Literal["", "name", "number"] = ""
    detected: str = ""
    additive: bool = False
    metavar: str = ""
    help: str
    instead: str = ""
    needs: tuple[str, ...] = ()
    secret: bool = False

    @property
    def allowed(self) -> str:
        """Which values may be given, in words; empty when there is nothing to say."""
        if self.kind != "number":
            return self.expected
        what = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{what}{f' of {self.unit}' if self.unit else ''} from {self.least:g} to {self.most:g}"

    @property
    def argument(self) -> str:
        """Its name in the mapping of command-line values: `--defend-dry-run` gives `dry_run`."""
        return self.flag.removeprefix("--defend-").replace("-", "_")


class _Names(TypedDict):
    flag: str
    key: str
    variable: str


def names(word: str, *, flag: bool = True, key: bool = True) -> _Names:
    """Flag, key and variable that follow from a word; no flag or no key where it may not be given there."""
    kebab = word.replace("_", "-")
    return {
        "flag": f"--defend-{kebab}" if flag else "",
        "key": kebab if key else "",
        "variable": f"DEFEND_{word.upper()}",
    }
