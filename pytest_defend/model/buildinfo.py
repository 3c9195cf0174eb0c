"""Artifactory's build-info document, complete.

Rules:
- Every field that Artifactory, JFrog's clients, Jenkins or conan write is here; what none of them writes
  survives in `extra`. Reading and writing is the identity.
- A build is name + number + `started`; the text of `started` is kept, instants are compared.
- Artifacts are identified by path, never by sha1 alone: equal files under two paths are two artifacts.

Source: JFrog's REST documentation of build upload; build-info-go `entities/buildinfo.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.model.fields import Document, epoch_ms, named, parse_instant

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Agent",
    "Artifact",
    "BuildId",
    "BuildInfo",
    "Dependency",
    "Issue",
    "Issues",
    "Module",
    "Status",
    "Tracker",
    "Vcs",
]

_Extra = Mapping[str, Any]
_PAPERS = frozenset({"defend.stage", "defend.kind"})  # properties of modules that are no distributions


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildId:
    """Which build: `NAME/NUMBER`, `NAME/NUMBER@STARTED` or `NAME/latest`, split at the last slash."""

    name: str
    number: str
    started: str = ""
    """As in the document; empty for the latest run of that number."""

    @classmethod
    def parse(cls, text: str) -> BuildId:
        """Read what a user wrote.

        Raises:
            UsageError: There is no slash, an empty part, or `started` is no instant.
        """
        locator, _, started = text.rpartition("@")
        if not _is_instant(started):  # an "@" of the name itself
            locator, started = text, ""
        name, _, number = locator.rpartition("/")
        if not name or not number:
            hint = "Write NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest."
            raise UsageError(f"{text!r} names no build.", hint=hint)
        return cls(name=name, number=number, started=started)

    def __str__(self) -> str:
        return f"{self.name}/{self.number}" + (f"@{self.started}" if self.started else "")


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(Document):
    """A program and its version."""

    name: str = ""
    version: str = ""
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vcs(Document):
    """Where the source was; `url` without user information."""

    url: str = ""
    revision: str = ""
    branch: str = ""
    message: str = ""
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker(Document):
    """An issue tracker."""

    name: str = ""
    version: str = ""
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue(Document):
    """An issue this build touches."""

    key: str
    url: str = ""
    summary: str = ""
    aggregated: bool = False
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issues(Document):
    """The issues found in the change-sets of this build."""

    tracker: Tracker | None = None
    aggregates: bool = named("aggregateBuildIssues", default=False)
    aggregation_status: str = named("aggregationBuildStatus", default="")
    affected: tuple[Issue, ...] = named("affectedIssues", default=())
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact(Document):
    """A file this build made; `path` is inside the repository."""

    name: str
    type: str = ""
    path: str = ""
    repository: str = named("originalDeploymentRepo", default="")
    sha1: str = ""
    md5: str = ""
    sha256: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency(Document):
    """A file this build used; every chain in `requested_by` ends at the module's id."""

    id: str
    type: str = ""
    scopes: tuple[str, ...] = ()
    requested_by: tuple[tuple[str, ...], ...] = named("requestedBy", default=())
    repository: str = ""
    sha1: str = ""
    md5: str = ""
    sha256: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Document):
    """One part of a build: a distribution, or the evidence of one stage."""

    id: str = ""
    type: str = ""
    repository: str = ""
    sha1: str = ""
    md5: str = ""
    sha256: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    excluded_artifacts: tuple[Artifact, ...] = named("excludedArtifacts", default=())
    dependencies: tuple[Dependency, ...] = ()
    extra: _Extra = field(default_factory=dict)

    @property
    def is_package(self) -> bool:
        """Whether it is a distribution: neither the evidence of a stage nor another kind of papers."""
        return _PAPERS.isdisjoint(self.properties)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Document):
    """One promotion, as the server reads it back."""

    status: str = ""
    comment: str = ""
    repository: str = ""
    timestamp: str = ""
    user: str = ""
    ci_user: str = named("ciUser", default="")
    extra: _Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo(Document):
    """One run of one build."""

    name: str
    number: str
    started: str
    """`YYYY-MM-DDTHH:MM:SS.mmm+0000` when we write it; any form the server accepts when we read it."""
    version: str = ""
    """Of the document format; `1.0.1`."""
    type: str = ""
    agent: Agent | None = None
    build_agent: Agent | None = named("buildAgent", default=None)
    duration_ms: int = named("durationMillis", default=0)
    principal: str = ""
    artifactory_principal: str = named("artifactoryPrincipal", default="")
    plugin_version: str = named("artifactoryPluginVersion", default="")
    url: str = ""
    parent_name: str = named("parentName", default="")
    parent_number: str = named("parentNumber", default="")
    vcs: tuple[Vcs, ...] = ()
    vcs_revision: str = named("vcsRevision", default="")
    vcs_url: str = named("vcsUrl", default="")
    issues: Issues | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[Module, ...] = ()
    statuses: tuple[Status, ...] = ()
    retention: Mapping[str, Any] = named("buildRetention", default_factory=dict)
    run_parameters: tuple[Mapping[str, Any], ...] = named("runParameters", default=())
    build_dependencies: tuple[Mapping[str, Any], ...] = named("buildDependencies", default=())
    license_control: Mapping[str, Any] = named("licenseControl", default_factory=dict)
    governance: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    extra: _Extra = field(default_factory=dict)

    @property
    def id(self) -> BuildId:
        """The identity of this run."""
        return BuildId(name=self.name, number=self.number, started=self.started)

    @property
    def started_at(self) -> datetime:
        """`started` as an instant.

        Raises:
            ValueError: It is none the server would accept.
        """
        return parse_instant(self.started)

    @property
    def timestamp(self) -> str:
        """What the property `build.timestamp` of its artifacts holds: `started` in epoch milliseconds."""
        return str(epoch_ms(self.started_at))
