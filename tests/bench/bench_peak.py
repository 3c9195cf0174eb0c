"""Plugin of the benchmark: writes the peak memory of the controller to the file BENCH_PEAK names."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Arrange for it; workers of pytest-xdist are not the controller."""
    if not hasattr(config, "workerinput"):
        atexit.register(_write, Path(os.environ["BENCH_PEAK"]))


def _write(target: Path) -> None:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    target.write_text(kib, encoding="ascii")
