"""Builds stores, redaction and recordings from settings; the only room that knows concrete classes.

Rules:
- Faces ask here for what they need; they never name a store or a capture themselves.
- Nothing is imported before it is needed: a command pays for what it does, and a run that does not publish
  loads no database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_defend.assembly.bundles import complete_bundle
    from pytest_defend.assembly.decisions import (
        decided_by,
        keep_decision,
        new_decision,
        override,
        read_decision,
    )
    from pytest_defend.assembly.eligibility import has_policy, tell_eligibility
    from pytest_defend.assembly.environment import read_whole_environment
    from pytest_defend.assembly.extensions import announce, look_at_attempts, plugin_manager
    from pytest_defend.assembly.policy import open_ladder, open_policy, outside, rule_kinds, verifiers
    from pytest_defend.assembly.promotion import demote_build, promote_build, revoke_build
    from pytest_defend.assembly.recording import Recording, begin, leave_spool, spool_folder
    from pytest_defend.assembly.signing import (
        forward_to,
        make_key,
        open_key,
        read_key,
        read_verifiers,
        sign_run,
    )
    from pytest_defend.assembly.store import examine, open_store, page_of
else:
    _HOMES = {
        "Recording": "recording",
        "announce": "extensions",
        "begin": "recording",
        "complete_bundle": "bundles",
        "decided_by": "decisions",
        "demote_build": "promotion",
        "examine": "store",
        "forward_to": "signing",
        "has_policy": "eligibility",
        "keep_decision": "decisions",
        "plugin_manager": "extensions",
        "leave_spool": "recording",
        "look_at_attempts": "extensions",
        "make_key": "signing",
        "new_decision": "decisions",
        "open_key": "signing",
        "open_ladder": "policy",
        "open_policy": "policy",
        "open_store": "store",
        "outside": "policy",
        "override": "decisions",
        "page_of": "store",
        "promote_build": "promotion",
        "read_decision": "decisions",
        "read_key": "signing",
        "read_verifiers": "signing",
        "read_whole_environment": "environment",
        "revoke_build": "promotion",
        "rule_kinds": "policy",
        "sign_run": "signing",
        "spool_folder": "recording",
        "tell_eligibility": "eligibility",
        "verifiers": "policy",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "Recording",
    "announce",
    "begin",
    "complete_bundle",
    "decided_by",
    "demote_build",
    "examine",
    "forward_to",
    "has_policy",
    "keep_decision",
    "leave_spool",
    "look_at_attempts",
    "make_key",
    "new_decision",
    "open_key",
    "open_ladder",
    "open_policy",
    "open_store",
    "outside",
    "override",
    "page_of",
    "plugin_manager",
    "promote_build",
    "read_decision",
    "read_key",
    "read_verifiers",
    "read_whole_environment",
    "revoke_build",
    "rule_kinds",
    "sign_run",
    "spool_folder",
    "tell_eligibility",
    "verifiers",
]
