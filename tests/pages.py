"""A page of the documentation, followed step by step as a reader would.

Rules:
- Every block of `bash` is run, in order; the folder and exported variables go from one to the next. It ends
  with 0, or with what a comment before it says: `<!-- exit status 1 -->`.
- A block of `text` after it is what it prints, to both streams; `...` stands for anything.
- A block that serves runs beside the others. The address the page names for it is replaced by the real one.
- Programs are those of this interpreter; nothing is configured, and nobody is asked for packages.
"""

from __future__ import annotations

import re
import shlex
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from runs import Running, secluded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Block", "Reader", "blocks"]

_BLOCK = re.compile(
    r"(?:^<!-- exit status (?P<status>\d+) -->\n)?^```(?P<kind>bash|text)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PROGRAMS = {
    "python": "",
    "pip": "-m pip --disable-pip-version-check --no-cache-dir",
    "pytest": "-m pytest -p pytest_defend.plugin -p no:cacheprovider",
    "pytest-defend": "-m pytest_defend",
}
_SERVE = "pytest-defend serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands of a page, and what they do."""

    script: str
    status: int = 0
    """It ends with this."""
    prints: str | None = None
    """As the page shows it; None when it does not."""


def blocks(page: Path) -> Iterator[Block]:
    """The commands of a page, in order."""
    found = list(_BLOCK.finditer(page.read_text("utf-8")))
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block["kind"] == "bash":
            shown = following["body"] if following is not None and following["kind"] == "text" else None
            yield Block(script=block["body"], status=int(block["status"] or 0), prints=shown)


@dataclass(slots=True, kw_only=True)
class Reader:
    """Somebody who follows a page.

    Attributes:
        folder: Where everything happens.
        address: The one that the page names for a server.
        variables: Exported after every block, whatever the page says.
        real_address: The one of the server that runs; empty before it does.
    """

    folder: Path
    address: str
    variables: dict[str, str] = field(default_factory=dict)
    real_address: str = ""
    _server: Running | None = None

    def __enter__(self) -> Self:
        programs = self.folder / "bin"
        programs.mkdir(parents=True)
        for name, arguments in _PROGRAMS.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
            program.chmod(0o755)
        (self.folder / "work").mkdir()
        (self.folder / "state").write_text(f"cd {shlex.quote(str(self.folder / 'work'))}\n")
        return self

    def __exit__(self, *failed: object) -> None:
        if self._server is not None:
            with self._server:
                self._server.send(signal.SIGINT)
                ended = self._server.finish()
            assert failed[0] is not None or ended.status == 0, ended

    def follow(self, block: Block) -> str:
        """Run a block and compare what it does with what the page says; gives what it printed."""
        if block.script.startswith(_SERVE):
            return self._serve(block)
        script = block.script.replace(self.address, self.real_address)
        exports = "".join(f"export {name}={shlex.quote(text)}\n" for name, text in self.variables.items())
        with self._shell(f"{script}{exports}") as running:
            ended = running.finish()
        printed = ended.out + ended.err
        assert ended.status == block.status, f"{script}\n{printed}"
        if block.prints is not None:
            self._compare(block, printed)
        return printed

    def _serve(self, block: Block) -> str:
        self._server = self._shell(f"exec {block.script.rstrip()} --port 0\n").__enter__()
        self._server.wait_until(lambda: "\n" in str(self._server and self._server.out), "its URL")
        self.real_address = self._server.out.strip()
        assert block.prints == f"{self.address}\n"
        return self.real_address

    def _shell(self, script: str) -> Running:
        state = shlex.quote(str(self.folder / "state"))
        keep = f"trap '{{ echo cd \"$(pwd)\"; export -p; }} > {state}' EXIT\n"
        env = secluded(PATH=f"{self.folder / 'bin'}:{secluded()['PATH']}")
        env.pop("PYTHONDONTWRITEBYTECODE")
        whole = f". {state}\n{keep}exec 2>&1\n{script}"
        return Running(self.folder, ["bash", "-euo", "pipefail", "-c", whole], env)

    @staticmethod
    def _compare(block: Block, printed: str) -> None:
        parts = (re.escape(part) for part in str(block.prints).split("..."))
        wanted = re.compile(".*".join(parts), re.DOTALL)
        assert wanted.fullmatch(printed), f"{block.script}\nprints\n{printed}\nnot\n{block.prints}"
