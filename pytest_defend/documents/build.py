"""A run record as a build-info document, and where its files go.

Rules:
- One module `name:version` of type `python` for each distribution: its dist files as artifacts, its runtime
  dependencies. One module `name:version/stage/<stage>`: the reports as artifacts, the test dependencies,
  and what the run said as module properties, all of them texts.
- A package file goes to `<repository>/<name>/<version>/<file>`, evidence next to the package, to
  `<repository>/<name>/<version>/evidence/<stage>/<run>/<file>`.
- Without dist files the package is the project, its version the build's number.
- The digests of a dependency are those of one file: the one that was installed, or the source distribution it
  was built from. Where neither is known there are none.
- Dependency ids are `name:version`, names normalised; every `requestedBy` chain ends at the module's id. Of
  several distributions each has what it asks for itself.
- No property is null, no type longer than the 64 characters a server keeps.

Source: JFrog's build-info schema; module type `python` as `jf` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pytest_defend.documents.said import stage_properties
from pytest_defend.model.buildinfo import Agent, Artifact, BuildInfo, Dependency, Module, Vcs
from pytest_defend.model.distributions import Installed, chains
from pytest_defend.model.fields import started_text
from pytest_defend.model.origins import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_defend.model.checksums import Checksums
    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.record import RunRecord, Subject
    from pytest_defend.model.results import Tally, Verdict

__all__ = ["Layout", "Placed", "build_info", "path_part"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._+!-]+")
_BUILD_INFO_VERSION = "1.0.1"  # of the document format
_TYPE = 64  # characters of a type that a server keeps
_US = "pytest-defend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A file and where it is published."""

    name: str
    """Its path in the bundle."""
    path: str
    """`repository/folder/.../file`."""
    checksums: Checksums


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the files of one run go.

    Attributes:
        repository: Key of the repository.
        name: Of the package the evidence belongs to, normalised.
        version: Of that package.
    """

    repository: str
    name: str
    version: str

    @classmethod
    def of(cls, record: RunRecord, *, repository: str, project: str) -> Layout:
        """The layout of a record.

        Args:
            record: Whose files are placed.
            repository: Key of the repository.
            project: The project's name: the package meant when there are several, or none.
        """
        wanted = canonicalize_name(project or record.build_name.rpartition("/")[2])
        subjects = sorted(record.subjects, key=lambda s: (s.name != wanted, s.name, s.version))
        if subjects:
            return cls(repository=repository, name=subjects[0].name, version=subjects[0].version)
        return cls(repository=repository, name=path_part(wanted), version=path_part(record.build_number))

    @property
    def module(self) -> str:
        """Id of the package's module."""
        return f"{self.name}:{self.version}"

    def package(self, subject: Subject) -> str:
        """Where a distribution file goes."""
        return f"{self.repository}/{path_part(subject.name)}/{path_part(subject.version)}/{subject.file}"

    def evidence(self, record: RunRecord, name: str) -> str:
        """Where a file of the run goes; `name` is its path in the bundle."""
        folder = f"{self.repository}/{path_part(self.name)}/{path_part(self.version)}"
        return f"{folder}/evidence/{record.stage}/{record.run}/{name}"


def path_part(text: str) -> str:
    """`text` as one part of a path."""
    return _UNSAFE.sub("-", text).strip(".-") or "unnamed"


def build_info(
    record: RunRecord, layout: Layout, *, verdict: Verdict, tally: Tally, evidence: Sequence[Placed], url: str
) -> BuildInfo:
    """The build-info of one run.

    Args:
        record: The run.
        layout: Where its files go.
        verdict: Our judgement of it.
        tally: Its counts.
        evidence: The files of the stage, the record itself among them.
        url: Of the CI run, without credentials; may be empty.
    """
    facts = record.facts
    tester = facts.pytest.version if facts.pytest else ""
    return BuildInfo(
        version=_BUILD_INFO_VERSION,
        name=record.build_name,
        number=record.build_number,
        started=started_text(record.started),
        agent=Agent(name=facts.ci.system) if facts.ci else Agent(name=_US, version=record.recorder),
        build_agent=Agent(name="pytest", version=tester),
        duration_ms=record.wall_us // 1000,
        url=url,
        vcs=tuple(_vcs(record)),
        properties=_environment(record),
        modules=(*_packages(record, layout), _stage(record, layout, verdict, tally, evidence)),
    )


def _vcs(record: RunRecord) -> Iterator[Vcs]:
    git = record.facts.git
    if git is not None:
        yield Vcs(url=git.url, revision=git.commit, branch=git.branch, message=git.subject)


def _environment(record: RunRecord) -> Mapping[str, str]:
    environment = record.facts.environment
    variables = environment.variables if environment else {}
    return {f"buildInfo.env.{name}": value for name, value in sorted(variables.items())}


def _packages(record: RunRecord, layout: Layout) -> Iterator[Module]:
    packages: dict[tuple[str, str], list[Subject]] = {(layout.name, layout.version): []}
    for subject in record.subjects:
        packages.setdefault((subject.name, subject.version), []).append(subject)
    for (name, version), subjects in sorted(packages.items()):
        module = f"{name}:{version}"
        yield Module(
            id=module,
            type="python",
            artifacts=tuple(
                _artifact(subject.file, layout.package(subject), subject.checksums, subject.type)
                for subject in subjects
            ),
            dependencies=tuple(_runtime(record, module, name)),
        )


def _stage(
    record: RunRecord, layout: Layout, verdict: Verdict, tally: Tally, evidence: Sequence[Placed]
) -> Module:
    module = f"{layout.module}/stage/{record.stage}"
    return Module(
        id=module,
        type="python",
        properties=dict(sorted(stage_properties(record, verdict, tally))),
        artifacts=tuple(
            _artifact(placed.name, placed.path, placed.checksums, _suffix(placed.name)) for placed in evidence
        ),
        dependencies=tuple(_tested_with(record, module)),
    )


def _artifact(name: str, path: str, checksums: Checksums, kind: str) -> Artifact:
    repository, _, inside = path.partition("/")
    return Artifact(
        name=name,
        type=kind,
        path=inside,
        repository=repository,
        sha256=checksums.sha256,
        sha1=checksums.sha1,
        md5=checksums.md5,
    )


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.removeprefix(".")
    return suffix if len(suffix) <= _TYPE else ""


def _runtime(record: RunRecord, module: str, package: str) -> Iterator[Dependency]:
    """What a distribution needs to run; not known of one that is not installed where the tests run."""
    installed = record.facts.installed or Installed()
    asked = [edge.target for one in installed.distributions if one.name == package for edge in one.requires]
    found = chains(installed, module, asked)
    for distribution in installed.distributions:
        if distribution.name in found and distribution.name != package:
            yield _dependency(distribution, found)


def _tested_with(record: RunRecord, module: str) -> Iterator[Dependency]:
    installed = record.facts.installed or Installed()
    found = chains(installed, module, installed.roots)
    for distribution in installed.distributions:
        if "test" in distribution.scopes:
            yield _dependency(distribution, found)


def _dependency(distribution: Distribution, found: Mapping[str, tuple[tuple[str, ...], ...]]) -> Dependency:
    file, kept = _file(distribution)
    return Dependency(
        id=distribution.id,
        type=_kind(file.file),
        scopes=distribution.scopes,
        requested_by=found.get(distribution.name, ()),
        repository=kept.partition("/")[0],
        sha256=file.sha256,
        sha1=file.sha1,
        md5=file.md5,
    )


def _file(distribution: Distribution) -> tuple[Candidate, str]:
    """The one file a distribution came from, and where the store keeps it; empty where that is not known."""
    origin = distribution.origin
    if origin is None:
        return Candidate(file=""), ""
    kept = origin.kept[0].path if origin.kept else ""
    if origin.certainty.exact:
        one = Candidate(file=origin.file, sha256=origin.sha256, sha1=origin.sha1, md5=origin.md5)
        return one, kept
    return origin.built_from or Candidate(file=""), kept


def _kind(file: str) -> str:
    return next((kind for kind in ("whl", "tar.gz", "zip", "tar.bz2") if file.endswith(f".{kind}")), "")
