"""Whole-process cost of saying what is installed, against other people's tools, in large environments.

Every tool runs once in each round, in turn, so that a ratio compares neighbours in time; the figures are
medians over rounds of CPU seconds (the process and all it started) and wall seconds, and their ratios to our
later runs in the same round. A first run of ours has an empty cache, a later one the cache of the one before;
with a lock, the project has a `uv.lock` that names eight wheels for each package.
`python tests/bench/capture_cost.py --rounds 10 [--sizes 100,400] [--only ours-later,pip-freeze]`

The generated distributions are metadata alone: no tool here opens the files that their RECORD lists.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MODULES = 55
WHEELS = 8
BASE = "ours-later"
METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: 1.{number}
Summary: A generated package
Author-email: Somebody <somebody@example.org>
License: MIT
Project-URL: Homepage, https://example.org/{name}
Classifier: Programming Language :: Python :: 3
Requires-Python: >=3.8
Description-Content-Type: text/markdown
Provides-Extra: dev
{requires}
# {name}

{description}
"""


@dataclass(frozen=True)
class Run:
    """One run: seconds, seconds."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Tool:
    """A command, where it runs, and whether our cache is emptied before."""

    command: tuple[str, ...]
    folder: str = "plain"
    first: bool = False


def name_of(number: int) -> str:
    return f"generated-{number:03d}"


def distribution(packages: Path, number: int) -> None:
    """The metadata of one, as pip leaves it."""
    name = name_of(number)
    module = name.replace("-", "_")
    info = packages / f"{module}-1.{number}.dist-info"
    info.mkdir()
    below = [name_of(number - step) for step in range(1, 5) if number >= step]
    lines = [f"Requires-Dist: {other}>=1" for other in below]
    lines += [f"Requires-Dist: {other}>=1; extra == 'dev'" for other in below]
    description = f"What {name} is for, said at some length. " * 100
    texts = {
        "METADATA": METADATA.format(
            name=name, number=number, requires="\n".join(lines) + "\n", description=description
        ),
        "WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "INSTALLER": "pip\n",
        "REQUESTED": "",
    }
    rows = list(_rows(module))
    for file, text in texts.items():
        (info / file).write_text(text, encoding="utf-8")
        rows.append(f"{info.name}/{file},{_digest(text)},{len(text)}")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,", ""]), encoding="utf-8")


def _rows(module: str) -> Iterator[str]:
    tag = sys.implementation.cache_tag
    for number in range(MODULES):
        path = f"{module}/part_{number:02d}"
        yield f"{path}.py,{_digest(path)},{1000 + number}"
        yield f"{module}/__pycache__/part_{number:02d}.{tag}.pyc,,"


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def lock(size: int) -> str:
    """A `uv.lock` of all."""
    lines = ["version = 1", "revision = 3", 'requires-python = ">=3.11"']
    for number in range(size):
        stem = f"{name_of(number).replace('-', '_')}-1.{number}"
        tags = ["py3-none-any", *(f"cp3{minor}-cp3{minor}-win_amd64" for minor in range(8, 7 + WHEELS))]
        lines += ["", "[[package]]", f'name = "{name_of(number)}"', f'version = "1.{number}"']
        lines += ['source = { registry = "https://example.org/simple" }', "wheels = ["]
        for tag in tags:
            file = f"{stem}-{tag}.whl"
            digest = hashlib.sha256(file.encode()).hexdigest()
            lines += [f'    {{ url = "https://example.org/{file}", hash = "sha256:{digest}", size = 9 }},']
        lines += ["]"]
    return "\n".join([*lines, ""])


def environ(cache: Path) -> dict[str, str]:
    """Nobody's configuration, so that nobody asks an index, and a cache of its own for every tool."""
    others = ("PIP_", "PYTHON", "UV_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    more = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**kept, **more, "UV_NO_CONFIG": "1", "XDG_CACHE_HOME": str(cache)}


def measure(folder: Path, name: str, tool: Tool) -> Run:
    cache = folder / "caches" / name
    if tool.first:
        shutil.rmtree(cache, ignore_errors=True)
    os.chdir(folder / tool.folder)
    out = folder / "stdout"
    began = time.monotonic()
    pid = os.posix_spawn(
        tool.command[0],
        tool.command,
        environ(cache),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, str(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / "stderr"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ],
    )
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    if status or name_of(0) not in out.read_text(encoding="utf-8"):
        said = (folder / "stderr").read_text(encoding="utf-8")[-3000:]
        raise SystemExit(f"{' '.join(tool.command)} ended with {status}:\n{said}")
    return Run(used.ru_utime + used.ru_stime, wall)


def prepare(folder: Path, size: int, wheel: Path) -> dict[str, Tool]:
    """An environment with all of these tools in it, and one that has pipdeptree alone."""
    env, apart = folder / "env", folder / "apart"
    for place, wanted in ((env, [str(wheel), "pipdeptree>=4"]), (apart, ["pipdeptree>=4"])):
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/python", "-m", "pip", "install", "-qq", *wanted], check=True)
    (packages,) = env.glob("lib/python*/site-packages")
    for number in range(size):
        distribution(packages, number)
    for project in ("plain", "locked"):
        (folder / project).mkdir()
        text = '[project]\nname = "bench"\nversion = "1.0"\n'
        (folder / project / "pyproject.toml").write_text(text, encoding="utf-8")
    (folder / "locked/uv.lock").write_text(lock(size), encoding="utf-8")
    python = str(env / "bin/python")
    ours = (str(env / "bin/pytest-defend"), "environment", "--format", "json")
    tools = {
        "ours-first": Tool(ours, first=True),
        BASE: Tool(ours),
        "ours-lock-first": Tool(ours, folder="locked", first=True),
        "ours-lock-later": Tool(ours, folder="locked"),
        "pip-inspect": Tool((python, "-m", "pip", "inspect")),
        "pip-freeze": Tool((python, "-m", "pip", "freeze")),
        "pipdeptree": Tool((str(apart / "bin/pipdeptree"), "--python", python, "--json")),
        "pipdeptree-in": Tool((str(env / "bin/pipdeptree"), "--json")),
    }
    beside = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    return (
        tools
        if uv is None
        else {**tools, "uv-list": Tool((uv, "pip", "list", "-p", python, "--format", "json"))}
    )


def report(size: int, runs: dict[str, list[Run]]) -> None:
    base = runs[BASE]
    print(f"\n{size} generated distributions")
    print(f"{'tool':16} {'CPU s':>7} {'wall s':>7} {'CPU/ours':>22} {'wall/ours':>22}")
    for name, measured in runs.items():
        cpu = [run.cpu_s / other.cpu_s for run, other in zip(measured, base, strict=True)]
        wall = [run.wall_s / other.wall_s for run, other in zip(measured, base, strict=True)]
        seconds = statistics.median(run.cpu_s for run in measured)
        waited = statistics.median(run.wall_s for run in measured)
        print(f"{name:16} {seconds:7.3f} {waited:7.3f} {_spread(cpu):>22} {_spread(wall):>22}")


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sizes", default="100,400", help="how many distributions")
    parser.add_argument("--only", default="", help="tools; our later runs are always among them")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as temporary:
        top = Path(temporary)
        building = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "-w", temporary, str(ROOT)]
        subprocess.run(building, check=True)
        (wheel,) = top.glob("*.whl")
        for size in map(int, given.sizes.split(",")):
            folder = top / str(size)
            folder.mkdir()
            tools = prepare(folder, size, wheel)
            wanted = [name for name in tools if not given.only or name in {BASE, *given.only.split(",")}]
            runs: dict[str, list[Run]] = {name: [] for name in wanted}
            for name in wanted:  # byte code, page cache, and caches of their own
                measure(folder, name, tools[name])
            for number in range(given.rounds):
                for name in wanted[number % len(wanted) :] + wanted[: number % len(wanted)]:
                    runs[name].append(measure(folder, name, tools[name]))
                print(
                    json.dumps({name: round(each[-1].wall_s, 3) for name, each in runs.items()}), flush=True
                )
            report(size, runs)
            os.chdir(top)


if __name__ == "__main__":
    main()
