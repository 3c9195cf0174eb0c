"""An environment as requirements with hashes, for every pip since 8.

Rules:
- A package stands in it with every digest it may have: one when its file is known, several when it is one of
  several files, that of the source distribution when it was built.
- It is asked for by name and version, so that a folder of files is enough. An archive whose name does not
  tell what it is keeps its URL.
- Who has no digest - a commit, a folder, a package of the system - is a comment with the reason, so that
  each distribution is named once.
- A requirement is made of a PEP 503 name, a PEP 440 version, a quoted URL and digests. Every other text
  stands in a comment, without what could end its line or continue it.
- The same arguments give the same bytes.

Source: https://pip.pypa.io/en/stable/topics/secure-installs/
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_defend.documents.occasion import file_names, heading, one_line
from pytest_defend.documents.pins import Pin, Unpinned, Way, pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.documents.occasion import Occasion
    from pytest_defend.model.distributions import Installed

__all__ = ["hashed_requirements"]

_FROM = "--no-index --find-links . --require-hashes"
# Not among them: `;` begins a marker for pip, also in a URL, and `$` a variable that it fills in.
_URL_SAFE = "%/:=&?~#+!,@()*[]"


def hashed_requirements(installed: Installed, occasion: Occasion) -> str:
    """The file, ready to be installed from.

    Args:
        installed: With the origin of each distribution.
        occasion: The run.
    """
    judged = pins(installed, occasion.project)
    requirements = [tuple(_requirement(one)) for one in judged]
    others = [_comment(one) for one, found in zip(judged, requirements, strict=True) if not found]
    _, name = file_names(occasion.build_name, occasion.build_number)
    commands = (f"pip install {_FROM} --no-deps -r {name}", f"uv pip sync {_FROM} {name}")
    pinned = len(judged) - len(others)
    head = heading(occasion, *commands, pinned=pinned, others=len(others), where="at the end")
    lines = [line for requirement in requirements for line in requirement]
    lines += ["", *others] if others else []
    return "".join(f"{line}\n" for line in (head, *lines))


def _requirement(one: Pin | Unpinned) -> Iterator[str]:
    """The lines of a distribution; none when it has no digest."""
    name = one.distribution.name
    if not isinstance(one, Pin):
        if one.hashes:
            yield f"# {one_line(one.reason)}"
            yield from _hashed(f"{name}=={one.version}", one.hashes)
        return
    if not one.sha256 or (one.way is Way.ARCHIVE and not one.url):
        return
    if one.note:
        yield f"# {one_line(one.note)}"
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
    if isinstance(one, Unpinned):
        reason = one.reason
    elif one.way is Way.ARCHIVE:
        reason = f"the name of {one.file}, sha256 {one.sha256}, does not tell what it is"
    else:
        inside = f"#subdirectory={one.subdirectory}" if one.subdirectory else ""
        reason = f"a commit has no digest: {one.vcs}+{one.url}@{one.commit}{inside}"
    return f"# not here: {one_line(f'{one.distribution.name}=={one.distribution.version}: {reason}')}"
