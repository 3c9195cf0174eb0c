"""An environment as requirements with hashes, for every pip since 8.

Rules:
- A package stands in it with every digest it may have: one when its file is known, several when it is one of
  several files, that of the source distribution when it was built. A file asked for by URL keeps its URL.
- Who has no digest - a commit, a folder, a package of the system - is a comment with the reason, so that
  each distribution is named once.
- A requirement is made of a PEP 503 name, a PEP 440 version, a quoted URL and digests. Every other text
  stands in a comment, without what could end its line or continue it.
- The first two lines are ours alone: pip looks in them for the encoding of the file (PEP 263).
- The same arguments give the same bytes.

Source: https://pip.pypa.io/en/stable/topics/secure-installs/
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_defend.documents.pins import Pin, Way, pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.documents.pins import Unpinned
    from pytest_defend.model.distributions import Installed
    from pytest_defend.model.facts import Interpreter

__all__ = ["hashed_requirements"]

_SOURCE = "built from its source distribution; what the build needs is not hashed"
# Not among them: `;` begins a marker for pip, also in a URL, and `$` a variable that it fills in.
_URL_SAFE = "%/:=&?~#+!,@()*[]"


def hashed_requirements(
    installed: Installed, *, interpreter: Interpreter, project: str, build: str, run: str, stage: str
) -> str:
    """The file, ready to be installed from.

    Args:
        installed: With the origin of each distribution.
        interpreter: That has them.
        project: Name of the package under test.
        build: The build that ran there.
        run: Id of the run.
        stage: Its stage.
    """
    judged = pins(installed, project)
    requirements = [tuple(_requirement(one)) for one in judged]
    others = [_comment(one) for one, found in zip(judged, requirements, strict=True) if not found]
    head = (
        "What one test run had installed, written by pytest-defend.",
        "Install it with: pip install --require-hashes --no-deps -r FILE",
        f"Build {build}, run {run}, stage {stage}",
        f"{interpreter.implementation} {interpreter.version} on {interpreter.platform}",
        f"{len(judged) - len(others)} of {len(judged)} packages; the others, and why, at the end.",
    )
    lines = [*(f"# {_line(text)}" for text in head), ""]
    lines += [line for requirement in requirements for line in requirement]
    lines += ["", *others] if others else []
    return "".join(f"{line}\n" for line in lines)


def _requirement(one: Pin | Unpinned) -> Iterator[str]:
    """The lines of a distribution; none when it has no digest."""
    name = one.distribution.name
    if not isinstance(one, Pin):
        if one.hashes:
            yield f"# {_line(one.reason)}"
            yield from _hashed(f"{name}=={one.version}", one.hashes)
        return
    if one.way is Way.COMMIT:
        return
    if one.way is Way.SDIST:
        yield f"# {_SOURCE}"
    yield from _hashed(_asked(one), (one.sha256,))


def _asked(pin: Pin) -> str:
    name = pin.distribution.name
    if pin.way is not Way.ARCHIVE:
        return f"{name}=={pin.version}"
    inside = f"#subdirectory={quote(pin.subdirectory)}" if pin.subdirectory else ""
    return f"{name} @ {quote(pin.url, safe=_URL_SAFE)}{inside}"


def _hashed(requirement: str, digests: Sequence[str]) -> Iterator[str]:
    parts = [requirement, *(f"    --hash=sha256:{digest}" for digest in digests)]
    yield from (f"{part} \\" for part in parts[:-1])
    yield parts[-1]


def _comment(one: Pin | Unpinned) -> str:
    if isinstance(one, Pin):
        inside = f"#subdirectory={one.subdirectory}" if one.subdirectory else ""
        reason = f"a commit has no digest: {one.vcs}+{one.url}@{one.commit}{inside}"
    else:
        reason = one.reason
    return f"# not here: {_line(f'{one.distribution.name}=={one.distribution.version}: {reason}')}"


def _line(text: str) -> str:
    """`text` in one line that does not go on in the next."""
    return "".join(letter if letter.isprintable() else "?" for letter in text.replace("\\", "/"))
