"""Every setting there is, as one table, in parts by what the settings are about.

Rules:
- One row says everything about a setting: flag, key, variables, default, help. Faces and documentation are
  made from the rows; there is no second list.
- A part is a module here and a line in `OPTIONS`, in the order people read them.
"""

from __future__ import annotations

from pytest_defend.settings.table.evidence import EVIDENCE
from pytest_defend.settings.table.release import RELEASE
from pytest_defend.settings.table.run import RUN
from pytest_defend.settings.table.store import STORE

__all__ = ["FLAGS", "OPTIONS"]

OPTIONS = (*RUN, *EVIDENCE, *RELEASE, *STORE)

FLAGS = tuple({option.flag: option for option in OPTIONS if option.flag}.values())
"""The options with a flag, each flag once: what pytest and the command line register."""
