"""Builds stores, redaction and recordings from settings; the only room that knows concrete classes.

Rules:
- Faces ask here for what they need; they never name a store or a capture themselves.
- Nothing heavy is imported before it is needed: a run that does not publish loads no database.
"""

from __future__ import annotations

from pytest_defend.assembly.bundles import complete_bundle
from pytest_defend.assembly.environment import read_whole_environment
from pytest_defend.assembly.extensions import announce, extensions, look_at_attempts
from pytest_defend.assembly.recording import Recording, begin, leave_spool
from pytest_defend.assembly.store import open_store

__all__ = [
    "Recording",
    "announce",
    "begin",
    "complete_bundle",
    "extensions",
    "leave_spool",
    "look_at_attempts",
    "open_store",
    "read_whole_environment",
]
