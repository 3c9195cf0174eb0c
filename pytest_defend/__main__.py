"""`python -m pytest_defend`: the command line."""

from __future__ import annotations

import sys

from pytest_defend.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
