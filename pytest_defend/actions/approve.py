"""Approve: somebody says that a build may go to a level.

Rules:
- An approval is a status of the build, `approved:<level>`; no file moves. Who gave it, the server says.
- With a key it is a signed statement about the packages, too, beside them, which is kept first.
- The same approval again changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.actions.stated import Place, ends, located, paper, path_of, stated
from pytest_defend.documents.canonical import speakable
from pytest_defend.documents.chain import BUILD, PREVIOUS, build_field, digest_of
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, timestamp
from pytest_defend.errors import UsageError
from pytest_defend.gates.people import APPROVAL, APPROVED
from pytest_defend.model.signing import ApprovalView, SignedRow, Signing
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_defend.actions.stated import Key, Stated
    from pytest_defend.model.buildinfo import Artifact, BuildId, BuildInfo
    from pytest_defend.protocols import Store

__all__ = ["approve"]


def approve(
    build: BuildId,
    store: Store,
    *,
    level: str,
    now: datetime,
    reason: str = "",
    user: str = "",
    key: Key | None = None,
) -> ApprovalView:
    """Approve a build for a level.

    Args:
        build: Which.
        store: Where it is.
        level: Name of the level.
        now: When.
        reason: Why, for those who read it later.
        user: On whose behalf; the server knows whose account it is.
        key: Signs the approval; None for a status alone.

    Raises:
        NotFound: There is no such build.
        UsageError: It has no package that could be approved.
        Conflict: Something else is in the place of the signed approval.
        StoreError: The store could not do it.
    """
    kept = store.build(build)
    if not any(_packages(kept)):
        raise UsageError(f"{kept.id} has no package to approve.", hint="Publish one with it.")
    signed = _signed(kept, store, level, now, reason, key) if key else None
    status = f"{APPROVED}{level}"
    there = bool(user) and any(
        (each.status, each.comment) == (status, reason) and user in (each.user, each.ci_user)
        for each in kept.statuses
    )
    if not there:
        promotion = Promotion(status=status, comment=reason, user=user, timestamp=now)
        store.promote(kept.id, promotion)
    return ApprovalView(
        build=str(kept.id),
        store=store.locator,
        level=level,
        recorded=not there,
        status=status,
        user=user,
        reason=reason,
        signed=signed,
    )


def _packages(build: BuildInfo) -> Iterator[tuple[str, Artifact]]:
    """The files that are approved, with the ids of their modules."""
    for module in build.modules:
        for file in module.artifacts if module.is_package else ():
            yield module.id, file


def _signed(build: BuildInfo, store: Store, level: str, now: datetime, reason: str, key: Key) -> SignedRow:
    """The approval as a signed statement, kept beside the first package."""
    files = list(_packages(build))
    nameless = [path_of(file) for _, file in files if not file.sha256]
    if nameless:
        problem = f"{build.id} gives no sha256 for {', '.join(nameless)}."
        raise UsageError(problem, hint="Publish it with a client that writes sha256.")
    row = SignedRow(stage="", run="", predicate=APPROVAL, state=Signing.ALREADY, keyid=key.signer.keyid)
    there = located(build, store)
    gone = [path_of(file) for _, file in files if path_of(file) not in there]
    if gone:
        raise UsageError(f"{build.id} has lost {', '.join(gone)}.", hint="Approve a build that is whole.")
    kept = stated(build, there, store)
    for each in kept:
        if _approves(each, build, level) and each.envelope is not None and key.made(each.envelope):
            return replace(row, statement=each.digest, path=each.path)
    named = sorted({(file.name, file.sha256) for _, file in files})
    statement = Statement(
        type=STATEMENT,
        subject=tuple(Descriptor(name=speakable(name), digest={"sha256": sha256}) for name, sha256 in named),
        predicate_type=APPROVAL,
        predicate={
            "level": level,
            "reason": speakable(reason),
            "approvedOn": timestamp(now),
            BUILD: build_field(build.id),
            PREVIOUS: list(ends(kept, [key])),
        },
    )
    package, file = files[0]
    place = Place(
        folder=f"{there[path_of(file)].path.rpartition('/')[0]}/evidence/approval/{level}",
        module=f"{package}/evidence/approval/{level}",
        kind="approval",
        said={"defend.predicate": APPROVAL, "defend.level": level},
    )
    module, upload, envelope = paper(build, statement.to_bytes(), key, place)
    store.append(build.id, [module], [upload])
    return replace(row, state=Signing.SIGNED, statement=digest_of(envelope), path=upload.path)


def _approves(each: Stated, build: BuildInfo, level: str) -> bool:
    """Whether a statement approves this build for the level, whoever signed it."""
    statement = each.statement
    if statement is None or statement.predicate_type != APPROVAL:
        return False
    said = statement.predicate
    return said.get("level") == level and said.get(BUILD) == build_field(build.id)
