"""The suites of real packages, of different style: what we record is what pytest says.

Rules:
- The sdist as it was published, installed into an environment of its own with the wheel of this checkout.
- Four accounts of a run are compared: pytest's own last line, ours, what `show` says, and the archived
  JUnit XML as another library reads it.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from junitparser.xunit2 import JUnitXml

from venvs import pip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from venvs import Venv

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package whose sdist holds its tests."""

    name: str
    version: str
    needs: tuple[str, ...] = ()
    """What its tests need besides pytest."""
    arguments: tuple[str, ...] = ()


PACKAGES = (
    # thousands of parametrised tests, hundreds deselected by its configuration; left out are the 52,000 that
    # compare versions and the 5,000 that read requirements, for their time (they agree, too)
    Package(
        name="packaging",
        version="26.3",
        needs=("hypothesis", "pretend", "tomli_w"),
        arguments=("--ignore=tests/test_version.py", "--ignore=tests/test_requirements.py"),
    ),
    # functions with fixtures and recwarn, of the very library that calls our hooks
    Package(name="pluggy", version="1.6.0"),
    # classes that inherit their tests
    Package(name="itsdangerous", version="2.2.0", needs=("freezegun",)),
)


@pytest.fixture(scope="module", params=PACKAGES, ids=lambda package: package.name)
def package(request: pytest.FixtureRequest) -> Package:
    assert isinstance(request.param, Package)
    return request.param


@pytest.fixture(scope="module")
def source(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist."""
    folder = tmp_path_factory.mktemp(package.name)
    wanted = f"{package.name}=={package.version}"
    pip(sys.executable, "download", "--no-deps", "--no-binary", package.name, "-d", str(folder), wanted)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    sdist.unlink()
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="module")
def venv(package: Package, source: Path, wheel: Path, bare_venv: Callable[..., Venv]) -> Venv:
    return bare_venv(wheel, source, "pytest-xdist", *package.needs)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "n2"])
def test_everybody_counts_the_same(
    package: Package, source: Path, venv: Venv, workers: tuple[str, ...], tmp_path: Path
) -> None:
    build = f"{package.name}/{'workers' if workers else 'plain'}"
    asked = ("--defend-publish", "--defend-build", build, *package.arguments, *workers)
    finished = venv.run(source, "pytest", *asked)
    assert finished.status == 0, finished
    said, recorded = _said(finished.lines), _recorded(finished.lines)
    if workers:  # pytest does not hear of them then, we do
        assert "deselected" not in said
        said["deselected"] = recorded["deselected"]
    assert recorded == said

    (stage,) = json.loads(venv.run(source, "pytest-defend", "show", build, "--format", "json").out)["stages"]
    assert (stage["result"], stage["mark"]) in {("passed", "passed"), ("warned", "warned")}
    shown = Counter({name: stage["tests"].get(name, 0) for name in recorded})
    assert shown == recorded
    tested = sum(count for name, count in recorded.items() if name not in {"deselected", "warnings"})
    assert stage["tests"]["finished"] == stage["tests"]["collected"]

    target = tmp_path / "junit.xml"
    got = venv.run(source, "pytest-defend", "get", build, "junit.xml", "-o", str(target))
    assert got.status == 0, got
    archived = _archived(target)
    assert archived == {
        "tests": tested,
        "failures": 0,
        "errors": 0,
        "skipped": recorded["skipped"] + recorded["xfailed"],
    }
    sys.stdout.write(
        f"{build} {package.version}: pytest {dict(said)}, recorded {dict(recorded)}, JUnit {archived}\n"
    )


_WORDS = {"error": "errors", "warning": "warnings"}


def _counts(text: str) -> Counter[str]:
    found = re.findall(r"(\d+) ([a-z]+)", text)
    return Counter({_WORDS.get(word, word): int(count) for count, word in found})


def _said(lines: list[str]) -> Counter[str]:
    """By pytest's last line."""
    (line,) = [line for line in lines if re.fullmatch(r"=+ .* in [\d.]+s( \(.*\))? =+", line)]
    return _counts(line.partition(" in ")[0])


def _recorded(lines: list[str]) -> Counter[str]:
    """By our line."""
    (line,) = [line for line in lines if line.startswith("recorded ")]
    return _counts(line.partition("(")[2].partition(")")[0])


def _archived(path: Path) -> dict[str, int]:
    """By the elements of the file; what it declares about itself has to be the same."""
    counted: Counter[str] = Counter()
    declared: Counter[str] = Counter()
    kinds = {"Failure": "failures", "Error": "errors", "Skipped": "skipped"}
    for suite in JUnitXml.fromfile(str(path)):
        for name in ("tests", "failures", "errors", "skipped"):
            declared[name] += getattr(suite, name)
        for case in suite:
            counted["tests"] += 1
            counted.update(kinds[type(result).__name__] for result in case.result)
    assert declared == counted
    return {name: counted[name] for name in ("tests", "failures", "errors", "skipped")}
