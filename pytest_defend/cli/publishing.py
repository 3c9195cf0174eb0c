"""Commands that change a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import assembly, render
from pytest_defend.cli.call import YES, Command

if TYPE_CHECKING:
    from pytest_defend.cli.call import Call
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Verdict
    from pytest_defend.protocols import Store

__all__ = ["COMMANDS"]


def _publish(call: Call) -> int:
    """Publish records, bundles and journals."""
    hook, store = assembly.plugin_manager().hook, call.store()
    done: list[tuple[Published, Verdict]] = []
    try:
        for given in call.given.records:
            row = _published(call, Path(given), hook, store)
            done.append(row)
    finally:
        rows = [{**published.to_dict(), "verdict": verdict.to_dict()} for published, verdict in done]
        call.answer(rows, lambda: render.text.published_view(done))
    return YES


def _published(call: Call, given: Path, hook: Any, store: Store) -> tuple[Published, Verdict]:
    from pytest_defend.actions.publish import mark, publish

    with assembly.complete_bundle(given, call.settings, call.project, hook) as (folder, manifest, final):
        published = publish(folder, manifest, store, dry_run=call.settings.dry_run)
        if published.dry_run:
            return published, manifest.concluded(final)
        assembly.announce(hook, published)
        verdict = mark(manifest, store, final)
    assembly.leave_spool(folder, call.project)
    return published, verdict


COMMANDS = {
    "publish": Command(
        run=_publish,
        arguments=(
            (
                ("records",),
                {
                    "metavar": "RECORD",
                    "nargs": "+",
                    "help": "file of --defend-record, folder of the spool, or journal.jsonl",
                },
            ),
        ),
    ),
}
