"""What a large attachment costs in memory: peak of pytest with it, over the same run without.

The run records, packs and publishes to the local server, in a process of its own over a socket; the file is
attached by a test (`defend_attach`) or by the run (`--defend-attach`). Random bytes; with `--text`, lines,
which are looked through for secrets. `python tests/bench/large_attachment.py --mib 2048`
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import waitress

from pytest_defend.server import application

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

HERE = Path(__file__).parent
MIB = 1 << 20
TEST = """\
import os

def test_it(defend_attach):
    if os.environ["BENCH_ATTACH"]:
        defend_attach(os.environ["BENCH_ATTACH"])
"""


def serve(folder: str, port: Queue[int]) -> None:
    repositories = {"reports-local": {"rclass": "local", "packageType": "generic"}}
    app = application(Path(folder), profile="7-pro", repositories=repositories)
    server: Any = waitress.create_server(
        app, host="127.0.0.1", port=0, threads=8, max_request_body_size=1 << 40
    )
    port.put(server.effective_port)
    server.run()


def fill(target: Path, mib: int, *, text: bool) -> None:
    chance = random.Random(0)
    with target.open("wb") as out:
        for number in range(mib):
            piece = chance.randbytes(MIB // 2 if text else MIB)
            out.write(piece.hex("\n", 32).encode()[: MIB - 1] + b"\n" if text else b"\0%d" % number + piece)


def peak_mib(
    folder: Path, url: str, number: int, *, attached: str = "", given: tuple[str, ...] = ()
) -> float:
    peak = folder / "peak"
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    environ = {
        **os.environ,
        "BENCH_PEAK": str(peak),
        "BENCH_ATTACH": attached,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    plugins = ("-p", "no:cacheprovider", "-p", "bench_peak", "-p", "pytest_defend.plugin")
    defend = (
        *("--defend-publish", f"--defend-store={url}", "--defend-repository=reports-local"),
        *(f"--defend-build=bench/{number}", "--defend-attachment-limit=4GiB", *given),
    )
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *defend]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    files = 7 if attached or given else 6
    if done.returncode or f"({files} files, " not in done.stdout:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    mib = int(peak.read_text()) / 1024
    what = "with" if attached or given else "without"
    print(f"{number} {what:8} {mib:8.1f} MiB {time.monotonic() - began:7.1f} s")
    return mib


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--by", choices=("test", "run"), default="test", help="who attaches the file")
    parser.add_argument("--limit", type=float, default=100, help="fail when the peak is more MiB higher")
    wanted = parser.parse_args()
    port: Queue[int] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as temporary:
        folder = Path(temporary)
        server = multiprocessing.Process(target=serve, args=(str(folder / "served"), port), daemon=True)
        server.start()
        try:
            url = f"http://127.0.0.1:{port.get(timeout=30)}/artifactory"
            project = folder / "project"
            project.mkdir()
            (project / "test_it.py").write_text(TEST, encoding="utf-8")
            (project / "pyproject.toml").write_text(
                '[project]\nname = "bench"\nversion = "1"\n', encoding="utf-8"
            )
            fill(project / "large.bin", wanted.mib, text=wanted.text)
            without = peak_mib(project, url, 1)
            large = str(project / "large.bin")
            attached = (
                {"attached": large} if wanted.by == "test" else {"given": ("--defend-attach=large.bin",)}
            )
            over = peak_mib(project, url, 2, **attached) - without
        finally:
            server.terminate()
            server.join()
    print(f"{over:+.1f} MiB for {wanted.mib} MiB")
    if over > wanted.limit:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
