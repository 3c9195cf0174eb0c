"""What `pytest-defend environment` answers.

Rules:
- `to_dict` of it is the documented JSON of the command and stays stable.
- Apart from the views of builds: whoever asks what is installed needs nothing of a build.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_defend.model.distributions import Installed
from pytest_defend.model.facts import Gap, Interpreter, Platform
from pytest_defend.model.fields import Document

__all__ = ["EnvironmentView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView(Document):
    """The interpreter a command ran in, and everything that can be imported there."""

    interpreter: Interpreter | None
    platform: Platform | None
    installed: Installed
    gaps: tuple[Gap, ...]
    """What could not be read, or contradicts itself; in the JSON also when that is nothing."""
