"""Where files came from, as an in-toto statement: SLSA provenance v1, as far as the record of a run knows it.

Rules:
- It is about every file that was published with the run, tested or not.
- Parameters are what whoever started the run chose; digests are among the dependencies.
- A dependency has a digest only when it is known which file was installed. Of the others it is said that they
  were there, and how certain that is.
- Who is trusted to have built it is for the configuration to say; we do not know it.

Source: https://slsa.dev/spec/v1.1/provenance
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_defend.documents.canonical import speakable
from pytest_defend.documents.chain import BUILD, PREVIOUS, build_field
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, timestamp
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.record import RunRecord

__all__ = ["BUILD_TYPE", "PROVENANCE", "provenance_statement"]

PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:pytest-defend:build-type:test-run:1"
"""How to read the parameters: a run of pytest that published files."""


def provenance_statement(
    record: RunRecord,
    *,
    build: BuildId,
    builder: str,
    previous: Iterable[str],
    locations: Mapping[str, str],
) -> Statement:
    """Where the files of a run came from.

    Args:
        record: The run that published them.
        build: The build it belongs to, as it is published.
        builder: Who is trusted to have built them: a URI that those who trust it know.
        previous: What `chain.heads` says of the build's statements so far.
        locations: Where files of the run are published, by their names in the bundle.

    Raises:
        UsageError: The run published no file, or nobody is named who built it.
    """
    if not record.subjects:
        raise UsageError(f"Stage {record.stage} published no file that could come from somewhere.")
    if not builder:
        raise UsageError("Provenance has to say who built the files.")
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": dict(_external(record)),
            "internalParameters": dict(_internal(record)),
            "resolvedDependencies": [each.to_dict() for each in _resolved(record)],
        },
        "runDetails": {
            "builder": {"id": builder, "version": dict(_versions(record))},
            "metadata": _metadata(record),
            "byproducts": [each.to_dict() for each in _byproducts(record, locations)],
        },
        BUILD: build_field(build),
        PREVIOUS: sorted(set(previous)),
    }
    files = {each.file: each.checksums.sha256 for each in record.subjects}
    about = tuple(Descriptor(name=name, digest={"sha256": files[name]}) for name in sorted(files))
    return Statement(type=STATEMENT, subject=about, predicate_type=PROVENANCE, predicate=predicate)


def _external(record: RunRecord) -> Iterator[tuple[str, Any]]:
    git, options = record.facts.git, record.facts.pytest
    yield "stage", record.stage
    if git is not None:
        yield "repository", speakable(git.url)
        yield "ref", speakable(git.branch)
    if options is not None:
        yield "args", [speakable(each) for each in options.args]
        yield "environmentArgs", [speakable(each) for each in options.environment_args]


def _internal(record: RunRecord) -> Iterator[tuple[str, Any]]:
    facts = record.facts
    if facts.ci is not None:
        yield (
            "ci",
            {"system": facts.ci.system, "url": speakable(facts.ci.url), "job": speakable(facts.ci.job)},
        )
    if facts.interpreter is not None:
        python = facts.interpreter
        yield "python", f"{python.implementation} {python.version}"
        yield "platform", python.platform
    if facts.git is not None:
        yield "dirty", facts.git.dirty


def _resolved(record: RunRecord) -> Iterator[Descriptor]:
    git = record.facts.git
    if git is not None and git.url:
        ref = f"@{git.branch}" if git.branch else ""
        yield Descriptor(uri=speakable(f"git+{git.url}{ref}"), digest={"gitCommit": git.commit})
    elif git is not None:
        yield Descriptor(name="source", digest={"gitCommit": git.commit})
    own = {subject.name for subject in record.subjects}
    installed = record.facts.installed
    for each in installed.distributions if installed else ():
        if each.name not in own:
            yield _dependency(each)


def _dependency(distribution: Distribution) -> Descriptor:
    origin = distribution.origin
    purl = f"pkg:pypi/{quote(distribution.name, safe='')}@{quote(speakable(distribution.version), safe='')}"
    if origin is None:
        return Descriptor(uri=purl)
    annotations = {"defend_certainty": origin.certainty.value}
    kept = origin.kept[0] if origin.kept else None
    if kept is not None and kept.build_name:
        annotations["defend_build"] = speakable(f"{kept.build_name}/{kept.build_number}")
    known = origin.certainty.exact and bool(origin.sha256)
    return Descriptor(
        uri=purl,
        name=speakable(origin.file) if known else "",
        digest={"sha256": origin.sha256} if known else {},
        download_location=speakable(origin.url) if known else "",
        annotations=annotations,
    )


def _versions(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "pytest-defend", record.recorder
    if record.facts.pytest is not None:
        yield "pytest", record.facts.pytest.version


def _metadata(record: RunRecord) -> Mapping[str, str]:
    url = record.facts.ci.url if record.facts.ci else ""
    return {
        "invocationId": speakable(f"{url}#{record.run}" if url else record.run),
        "startedOn": timestamp(record.started),
        "finishedOn": timestamp(record.started + timedelta(microseconds=record.wall_us)),
    }


def _byproducts(record: RunRecord, locations: Mapping[str, str]) -> Iterator[Descriptor]:
    for file in record.files:
        yield Descriptor(
            name=speakable(file.name),
            digest={"sha256": file.checksums.sha256},
            download_location=locations.get(file.name, ""),
        )
