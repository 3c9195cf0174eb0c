"""Papers: what a promotion leaves beside the package, as modules of its build, so that it climbs along.

Rules:
- A decision is kept before anything moves: whoever finds files on a level finds out why.
- They lie in `decisions/<level>/<id>/` beside the package, each in a module of its own with `defend.kind`.
- A summary for others (VSA) is only made where somebody signs it, and names only statements that are trusted.
- What was taken back is recorded, too.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.actions.evidence import read
from pytest_defend.actions.heights import LEVEL
from pytest_defend.documents import chain, dsse
from pytest_defend.documents.envelopes import SUFFIX, envelope_lines
from pytest_defend.documents.statements import Descriptor
from pytest_defend.documents.summary import Decided, input_of, summary_statement
from pytest_defend.gates import Needs
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.decision import Ruling
from pytest_defend.protocols import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.decision import Decision
    from pytest_defend.model.snapshot import Snapshot
    from pytest_defend.protocols import Signer, Store, Verifier

__all__ = ["Paper", "abort_module", "decision_paper", "summary_paper"]

_VERIFIER = "urn:pytest-defend:gate"


class Paper:
    """A document and its module.

    Args:
        build: Whose.
        folder: Beside its package, within the repository: `decisions/<level>/<id>`.
        name: Of the file.
        content: Its bytes.
        said: Further properties of the module.
    """

    def __init__(
        self, build: BuildInfo, folder: str, name: str, content: bytes, said: Mapping[str, str]
    ) -> None:
        package, file = _first(build)
        beside = file.path.rpartition("/")[0]
        self.path = "/".join(filter(None, (file.repository, beside, folder, name)))
        sums = Checksums.of(content)
        artifact = Artifact(
            name=name,
            type=name.rpartition(".")[2],
            path=self.path.partition("/")[2],
            repository=file.repository,
            sha256=sums.sha256,
            sha1=sums.sha1,
            md5=sums.md5,
        )
        self.module = Module(
            id=f"{package.id}/{folder.replace('decisions', 'decision', 1)}/{name}",
            type="python",
            properties={"defend.kind": "decision", **said},
            artifacts=(artifact,),
        )
        identity = {
            "build.name": (build.name,),
            "build.number": (build.number,),
            "build.timestamp": (build.timestamp,),
        }
        self.upload = Upload(
            path=self.path, checksums=sums, open=lambda: io.BytesIO(content), properties=identity
        )

    def keep(self, build: BuildInfo, store: Store) -> None:
        """Add it to the build."""
        store.append(build.id, [self.module], [self.upload])


def _first(build: BuildInfo) -> tuple[Module, Artifact]:
    """The first package with its first file; a build that rises has one."""
    return next(
        (module, module.artifacts[0]) for module in build.modules if module.is_package and module.artifacts
    )


def _folder(decision: Decision) -> str:
    return f"decisions/{decision.level}/{decision.id}"


def _said(decision: Decision, ruling: str) -> dict[str, str]:
    return {LEVEL: decision.level, "defend.decision": decision.id, "defend.ruling": ruling}


def decision_paper(build: BuildInfo, decision: Decision) -> Paper:
    """A decision, to be kept before its build moves."""
    said = _said(decision, decision.ruling.value)
    return Paper(build, _folder(decision), "decision.json", decision.to_bytes(), said)


def abort_module(build: BuildInfo, decision: Decision, reasons: Sequence[str]) -> Module:
    """What is recorded when a build was taken back although a decision said yes."""
    package, _ = _first(build)
    folder = _folder(decision).replace("decisions", "decision", 1)
    said = {**_said(decision, "aborted"), "defend.reasons": " ".join(reasons)}
    return Module(
        id=f"{package.id}/{folder}/aborted", type="python", properties={"defend.kind": "decision", **said}
    )


def summary_paper(
    build: BuildInfo,
    decision: Decision,
    store: Store,
    signer: Signer,
    verifiers: Callable[[str], Sequence[Verifier]] | None,
) -> Paper:
    """A yes as a signed verification summary.

    Args:
        build: That rises.
        decision: The yes.
        store: Where the signed statements are.
        signer: Signs it.
        verifiers: The keys of a PEM text; None to trust nobody.

    Raises:
        StoreError: The store cannot be read.
    """
    snapshot = decision.snapshot
    repository = snapshot.policy.ladder.repository(decision.level, snapshot.subsystem)
    policy = snapshot.policy
    statement = summary_statement(
        Decided(
            subjects=tuple(_subjects(build)),
            verifier=_VERIFIER,
            versions={"pytest-defend": decision.recorder},
            at=snapshot.taken,
            resource=f"{snapshot.store}/{repository}",
            policy=Descriptor(uri=policy.source, digest={"sha256": policy.sha256}),
            inputs=tuple(_inputs(snapshot, store, verifiers)),
            passed=decision.ruling is Ruling.PASS,
            level=decision.level,
            dependencies=_levels(snapshot),
        )
    )
    envelope = dsse.sign(statement.to_bytes(), dsse.IN_TOTO, [signer])
    content = envelope_lines([envelope])
    said = {**_said(decision, "pass"), chain.NAMED: chain.digest_of(envelope)}
    return Paper(build, _folder(decision), f"vsa{SUFFIX}", content, said)


def _subjects(build: BuildInfo) -> Iterator[Descriptor]:
    for module in build.modules:
        for file in module.artifacts if module.is_package else ():
            yield Descriptor(name=file.name, digest={"sha256": file.sha256})


def _inputs(
    snapshot: Snapshot, store: Store, verifiers: Callable[[str], Sequence[Verifier]] | None
) -> Iterator[Descriptor]:
    """The trusted statements; one that nobody trusts would be missed in the chain of those that are."""
    only = replace(snapshot, stages=())
    digests = {kept.path: kept.sha256 for file in snapshot.files for kept in file.kept}
    for each in read(only, store, needs=Needs(), verifiers=verifiers).envelopes:
        if each.statement is not None and not each.problem:
            yield input_of(each.digest, uri=each.path, file_sha256=digests[each.path])


def _levels(snapshot: Snapshot) -> Mapping[str, int]:
    """How many dependencies of the ladder stand on each level, each counted once at its highest."""
    ladder = snapshot.policy.ladder
    places = {each.id: ladder.highest(kept.path for kept in each.kept) for each in snapshot.dependencies}
    return dict(Counter(place.level for place in places.values() if place))
