"""`pytest-defend` and `python -m pytest_defend`: the command line, or an answer it gave before.

Rules:
- What is installed is asked again and again where little changes; the answer as JSON is kept until something
  it depends on changes (`capture/answers.py`). Every other command just runs.
- Nobody looks for garbage while that answer is worked out: the process ends with it, there is little of it,
  and looking takes a twentieth of the time.
"""

from __future__ import annotations

import gc
import sys
import time

from pytest_defend import __version__
from pytest_defend.capture import answers
from pytest_defend.capture.caching import cache_file

__all__ = ["main"]


class _Kept:
    """Standard output that also keeps what is written."""

    def __init__(self) -> None:
        self._out = sys.stdout
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return self._out.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)


def main() -> int:
    """Run the command line of this process; the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["environment"] and any("json" in argument for argument in arguments):
        return _environment(arguments)
    from pytest_defend.cli import main as run

    return run(arguments)


def _environment(arguments: list[str]) -> int:
    began_ns = time.time_ns()
    asked = answers.question(arguments, __version__)
    path = cache_file("answer")
    known = answers.recalled(path, asked)
    if known is not None:
        sys.stdout.write(known)
        return 0
    watch = answers.Watch()
    gc.disable()
    from contextlib import redirect_stdout

    from pytest_defend.cli import main as run

    kept = _Kept()
    with redirect_stdout(kept):  # type: ignore[type-var]  # everything it lacks, the real one has
        code = run(arguments)
    watched = watch.paths()
    if code == 0 and watched is not None:
        answers.remember(path, asked, kept.text, watched, began_ns)
    return code


if __name__ == "__main__":
    sys.exit(main())
