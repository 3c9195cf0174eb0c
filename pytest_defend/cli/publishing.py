"""Commands that change a store."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import assembly, render
from pytest_defend.cli.call import YES, Command
from pytest_defend.errors import DefendError, UsageError

if TYPE_CHECKING:
    from pytest_defend.actions.stated import Key
    from pytest_defend.cli.call import Call
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.results import Verdict
    from pytest_defend.protocols import Store
    from pytest_defend.render.progress import Meter

__all__ = ["COMMANDS"]


def _publish(call: Call) -> int:
    """Publish records, bundles and journals; without any, everything that waits in the spool."""
    hook, meter = assembly.plugin_manager().hook, call.meter()
    key = assembly.open_key(call.settings, call.project, call.ask)
    store = call.store(meter)
    done: list[tuple[Published, Verdict]] = []
    try:
        for given in call.given.records or _waiting(call):
            row = _published(call, Path(given), hook, store, meter, key)
            done.append(row)
    finally:
        rows = [{**published.to_dict(), "verdict": verdict.to_dict()} for published, verdict in done]
        call.answer(rows, lambda: render.text.published_view(done))
    return YES


def _waiting(call: Call) -> list[str]:
    """The folders of the spool that are packed; those that may still be heard have to be named."""
    from pytest_defend.actions.spool import spool

    rows = spool(assembly.spool_folder(call.project))
    left = [row for row in rows if row.state in ("heard", "damaged")]
    for row in left:
        sys.stderr.write(f"pytest-defend: {row.folder} is left out: {row.reasons}.\n")
    return [row.folder for row in rows if row not in left]


def _published(
    call: Call, given: Path, hook: Any, store: Store, meter: Meter, key: Key | None
) -> tuple[Published, Verdict]:
    from pytest_defend.actions.publish import mark, publish

    with assembly.complete_bundle(given, call.settings, call.project, hook) as (folder, manifest, final):
        settings = call.settings
        sizes = [file.checksums.size_bytes for file in manifest.files]
        with meter.during("publishing", f"to {store.locator}", files=len(sizes), size_bytes=sum(sizes)):
            published = publish(
                folder,
                manifest,
                store,
                dry_run=settings.dry_run,
                on_exists=settings.on_exists,
                page=partial(assembly.page_of, store, settings),
            )
        if published.dry_run:
            return published, manifest.concluded(final)
        assembly.announce(hook, published)
        verdict = mark(manifest, store, final)
        if key is not None:
            signed = assembly.sign_run(published.build, manifest.run, store, key)
            for line in render.summary.signed_lines(signed):
                sys.stderr.write(f"pytest-defend: {published.build}: {line}\n")
    assembly.leave_spool(folder, call.project)
    _tell_eligibility(call, published, store)
    return published, verdict


def _tell_eligibility(call: Call, published: Published, store: Store) -> None:
    """Ask the gate of the next level; a build that cannot be judged is not eligible."""
    try:
        told = assembly.tell_eligibility(published.build, call.settings, call.project, store)
    except DefendError as error:
        sys.stderr.write(f"pytest-defend: {published.build} is not judged for its next level: {error}\n")
        return
    for line in render.summary.eligible_lines(told) if told else ():
        sys.stderr.write(f"pytest-defend: {published.build}: {line.strip()}\n")


def _spool(call: Call) -> int:
    """List, show or drop the records that wait on disk for a store."""
    from pytest_defend.actions.spool import chosen, drop, spool

    folder, runs = assembly.spool_folder(call.project), call.given.runs
    if (call.given.what == "list") is bool(runs):
        hint = "Write `spool list`, `spool show RUN ...` or `spool drop RUN ...`."
        raise UsageError(f"spool {call.given.what} takes {'no' if runs else 'at least one'} run.", hint=hint)
    rows = spool(folder)
    if runs:
        rows = tuple(chosen(rows, run, folder) for run in dict.fromkeys(runs))
    if call.given.what == "drop":
        rows = tuple(drop(folder, row.run) for row in rows)
    view = {"list": render.text.spool_list, "show": render.text.spool_view, "drop": render.text.spool_dropped}
    call.answer([row.to_dict() for row in rows], lambda: view[call.given.what](rows))
    return YES


COMMANDS = {
    "publish": Command(
        run=_publish,
        arguments=(
            (
                ("records",),
                {
                    "metavar": "RECORD",
                    "nargs": "*",
                    "help": "file of --defend-record, folder of the spool, or journal.jsonl",
                },
            ),
        ),
        flags=("store", "repository", "dry_run", "on_exists", "signing_key"),
    ),
    "spool": Command(
        run=_spool,
        arguments=(
            (("what",), {"choices": ("list", "show", "drop"), "help": "what to do"}),
            (("runs",), {"metavar": "RUN", "nargs": "*", "help": "id of a run, as listed"}),
        ),
        flags=(),
    ),
}
