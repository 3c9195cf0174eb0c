"""Whole-process cost of recorders on 20,000 trivial tests, as ratios to plain pytest of the same round.

Every variant runs once in each round, in turn, so that a ratio compares neighbours in time; the figures are
medians over rounds of CPU seconds (the process and all it started), wall seconds, and peak memory of the
controller. `python tests/bench/whole_run.py --rounds 10 [--workers] [--only plain,junitxml,ours]`
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FILES, PER_FILE = 20, 1_000
TEST = """\
import pytest

@pytest.mark.parametrize("i", range({count}))
def test_value(i):
    assert i >= 0
"""
VARIANTS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "junitxml": ("--junitxml=out.xml",),
    "ours": ("-p", "pytest_defend.plugin", "--defend-publish"),
    "report-log": ("-p", "pytest_reportlog.plugin", "--report-log=out.jsonl"),
    "json-report": ("-p", "pytest_metadata.plugin", "-p", "pytest_jsonreport.plugin", "--json-report"),
    "html": (
        "-p",
        "pytest_metadata.plugin",
        "-p",
        "pytest_html.plugin",
        "--html=out.html",
        "--self-contained-html",
    ),
}


@dataclass(frozen=True)
class Run:
    """One run: seconds, seconds, mebibytes."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def suite(folder: Path) -> None:
    for number in range(FILES):
        (folder / f"test_module_{number:02d}.py").write_text(TEST.format(count=PER_FILE), encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\nname = "bench"\nversion = "1.0"\n', encoding="utf-8")


def measure(folder: Path, arguments: tuple[str, ...]) -> Run:
    for left in (".defend", "out.xml", "out.jsonl", "out.html", ".report.json"):
        shutil.rmtree(folder / left, ignore_errors=True)
        if (folder / left).is_file():
            (folder / left).unlink()
    peak = folder / "peak"
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    environ = {
        **os.environ,
        "BENCH_PEAK": str(peak),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "bench_peak", *arguments]
    began = time.monotonic()
    pid = os.posix_spawn(
        sys.executable,
        command,
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, str(folder / "stdout"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - began
    if status:
        raise SystemExit(
            f"{' '.join(command)} ended with {status}:\n{(folder / 'stdout').read_text()[-3000:]}"
        )
    return Run(used.ru_utime + used.ru_stime, wall, int(peak.read_text()) / 1024)


def report(runs: dict[str, list[Run]]) -> None:
    plain = runs["plain"]
    print(
        f"{'variant':12} {'CPU s':>7} {'CPU/plain':>22} {'wall/plain':>11} {'peak MiB':>9} {'over plain':>11}"
    )
    for name, measured in runs.items():
        ratios = [run.cpu_s / base.cpu_s for run, base in zip(measured, plain, strict=True)]
        walls = [run.wall_s / base.wall_s for run, base in zip(measured, plain, strict=True)]
        peak = statistics.median(run.peak_mib for run in measured)
        over = peak - statistics.median(run.peak_mib for run in plain)
        cpu = statistics.median(run.cpu_s for run in measured)
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"{name:12} {cpu:7.1f} {spread:>22} {statistics.median(walls):11.3f} {peak:9.1f} {over:+11.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--workers", action="store_true", help="run with -n 2")
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, plain is always among them")
    given = parser.parse_args()
    wanted = [name for name in VARIANTS if name in {"plain", *given.only.split(",")}]
    missing = [name for name in wanted if not _available(name)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)} (dependency group bench)")
    extra = ("-p", "xdist.plugin", "-n", "2") if given.workers else ()
    runs: dict[str, list[Run]] = {name: [] for name in wanted}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as temporary:
        folder = Path(temporary)
        suite(folder)
        os.chdir(folder)
        measure(folder, extra)  # byte code and page cache
        for number in range(given.rounds):
            for name in wanted[number % len(wanted) :] + wanted[: number % len(wanted)]:
                runs[name].append(measure(folder, (*VARIANTS[name], *extra)))
            print(
                json.dumps({name: round(measured[-1].cpu_s, 2) for name, measured in runs.items()}),
                flush=True,
            )
    report(runs)


def _available(name: str) -> bool:
    modules = [argument for argument in VARIANTS[name] if "." in argument and "=" not in argument]
    return all(importlib.util.find_spec(module) for module in modules)


if __name__ == "__main__":
    main()
