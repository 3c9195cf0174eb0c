"""Memory is flat in the size of what a run attaches, from the test to the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCH = Path(__file__).parent.parent / "bench" / "large_attachment.py"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_a_large_attachment_takes_little_memory() -> None:
    command = [sys.executable, str(BENCH), "--mib", "64", "--limit", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("MiB for 64 MiB\n")
