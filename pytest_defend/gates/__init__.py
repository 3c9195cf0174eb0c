"""Judges: rules, and the policy that names them; pure.

Rules:
- A rule sees evidence and nothing else: no store, no clock, no file.
- Three-valued: pass, fail, unknown. What a rule cannot see is unknown, and unknown refuses.
- A rule is a frozen document whose fields are its parameters, so that a policy is checked when it is read.
- A new rule is a class in one module of this room; `kinds` finds it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_defend.gates.judging import judge, ruling
from pytest_defend.gates.merging import merge_kinds
from pytest_defend.gates.policy import Applied, Policy, read_policy
from pytest_defend.gates.rule import Needs, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Applied", "Needs", "Policy", "Rule", "judge", "kinds", "merge_kinds", "read_policy", "ruling"]

_ROOMS = (
    "integrity",
    "stages",
    "counts",
    "limits",
    "named",
    "dependencies",
    "files",
    "coverage",
    "source",
    "people",
    "outside",
    "signatures",
)


def kinds() -> Mapping[str, type[Rule]]:
    """Every rule of this room, by name."""
    found: dict[str, type[Rule]] = {}
    for room in _ROOMS:
        module = import_module(f"{__name__}.{room}")
        found |= {rule.NAME: rule for rule in module.RULES}
    return found
