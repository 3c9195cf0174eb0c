"""Rules about files: that the tests ran on what is shipped, and what its properties say.

Rules:
- A wheel was tested when an installed copy of it was, byte for byte, in a green run; of several environments
  one is enough.
- A property is a claim. Where there is evidence for what it says, the evidence decides, and a property that
  says something else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.material import (
    listed,
    packages,
    plural,
    required_stages,
    runs_of,
    standing,
    where,
)
from pytest_defend.gates.rule import Rule
from pytest_defend.model.decision import Ruling
from pytest_defend.model.record import Shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.snapshot import FileFact

__all__ = ["RULES", "ArtifactTested", "Property"]

_STAGE = "defend.stage."
_LEVEL = "defend.level"
_RAN_ON = {
    Shipped.ARTIFACT: "the tests ran on it",
    Shipped.NOT_IMPORTED: "an installed copy of it was there, and no process of the tests had imported it",
    Shipped.DIFFERS: "the tests ran on a copy of its version with other content",
    Shipped.CHANGED: "the installed copy was replaced or written to while the tests ran",
    Shipped.DEFECTIVE: "the file is damaged, or its RECORD is not true: it proves nothing",
    Shipped.OTHER_WHEEL: "the tests ran on a copy of another wheel of its version",
    Shipped.NOT_FOR_HERE: "the tests ran where it cannot be installed: another interpreter or platform",
    Shipped.TREE: "the tests ran on a working tree (an editable install)",
    Shipped.SHADOWED: "the tests ran on something of its name that comes first on the import path",
    Shipped.OTHER_VERSION: "the tests ran on another version",
    Shipped.NOT_INSTALLED: "nothing of its name was installed where the tests ran",
}
_MISSING = (Shipped.NOT_IMPORTED, Shipped.OTHER_WHEEL, Shipped.NOT_FOR_HERE)
"""Nothing speaks against the file; evidence for it can only come from another run."""
_NEAREST = {Ruling.PASS: 0, Ruling.FAIL: 1, Ruling.UNKNOWN: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactTested(Rule):
    """The tests ran on the wheels that are to be promoted, not on a working tree."""

    NAME: ClassVar[str] = "tested-artifact"
    MAIN: ClassVar[str] = "stages"

    stages: tuple[str, ...] = ()
    """In each of which every wheel must have been tested; those the level requires, or any one."""
    imported: bool = True
    """Whether a process of the tests must have imported it; a program that a test starts is not seen."""

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        names = self.stages or required_stages(evidence)
        about = f"stages {listed(names)}" if names else "a green stage"
        expected = f"the tests of {about} ran on an installed copy of every wheel, byte for byte"
        wheels = [file for file in packages(evidence) if file.path.endswith(".whl")]
        runs = runs_of(evidence, names)
        if not wheels:
            step = "Publish a wheel; a source distribution cannot be compared with what is installed."
            return self.cannot_say(expected, "the build has no wheel", next=step)
        failed: list[str] = []
        unsure: list[str] = []
        for wheel in wheels:
            for name in names or ("",):
                asked = [run for run in runs if name in ("", run.fact.stage)]
                ruling, why = _ran_on(evidence, wheel, asked, imported=self.imported)
                if ruling is not Ruling.PASS:
                    told = f"{_file(wheel)}, stage {name!r}: {why}" if name else f"{_file(wheel)}: {why}"
                    (failed if ruling is Ruling.FAIL else unsure).append(told)
        step = "Install each published wheel where it can run, and test that: --defend-artifact-from."
        told = listed([*failed, *unsure], "; ")
        if failed:
            return self.fails(expected, told, where(runs), next=step)
        if unsure:
            return self.cannot_say(expected, told, where(runs), next=step)
        return self.passes(expected, f"{plural(len(wheels), 'wheel')}, each tested as installed", where(runs))


def _file(file: FileFact) -> str:
    return file.path.rpartition("/")[2]


def _ran_on(
    evidence: Evidence, wheel: FileFact, runs: list[StageEvidence], *, imported: bool
) -> tuple[Ruling, str]:
    """Whether one of these runs tested a wheel, and if not, what is nearest to it."""
    told = [each for run in runs for each in _told(evidence, wheel, run, imported=imported)]
    if told:
        return min(told, key=lambda each: _NEAREST[each[0]])
    return Ruling.UNKNOWN, "no run that can be read names it" if runs else "it has not run"


def _told(
    evidence: Evidence, wheel: FileFact, run: StageEvidence, *, imported: bool
) -> Iterator[tuple[Ruling, str]]:
    """What one run says of a wheel."""
    ruling, why = standing(evidence, run)
    if run.record is None or not evidence.is_last(run):
        yield Ruling.UNKNOWN, why if run.record is None else f"{why}, but not for certain as the last"
        return
    for subject in run.record.subjects:
        if not wheel.sha256 or subject.checksums.sha256 != wheel.sha256:
            continue
        if subject.tested is None:
            yield Ruling.UNKNOWN, "nobody looked what the tests ran on"
            continue
        what = subject.tested.what
        if what is Shipped.ARTIFACT or (what is Shipped.NOT_IMPORTED and not imported):
            yield ruling, why
        else:
            yield (Ruling.UNKNOWN if what in _MISSING else Ruling.FAIL), _RAN_ON[what]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property(Rule):
    """The packages have these properties, and nothing that was seen speaks against them."""

    NAME: ClassVar[str] = "property"
    MAIN: ClassVar[str] = "properties"
    ASKS_STORE: ClassVar[bool] = True

    properties: Mapping[str, str]
    """Value by name, of every package."""
    stages: Mapping[str, str] = field(default_factory=dict)
    """The stage that must have passed, by name of the property it sets; `defend.stage.X` means X."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.properties:
            yield "properties", "names no property"
        for name in self.stages.keys() - self.properties.keys():
            yield f"stages.{name}", "is about a property that is not asked for"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = listed(f"{name}={value}" for name, value in self.properties.items())
        files = packages(evidence)
        failed: list[str] = []
        unsure: list[str] = []
        for name, value in self.properties.items():
            for ruling, why in (_claimed(files, name, value), self._shown(evidence, name, value)):
                if ruling is not Ruling.PASS:
                    (failed if ruling is Ruling.FAIL else unsure).append(why)
        told = listed([*failed, *unsure], "; ")
        if failed:
            step = "Run the stage that sets the property; a property that is set by hand proves nothing."
            return self.fails(expected, told, [file.path for file in files], next=step)
        if unsure:
            step = "Run the stage that sets the property, and publish it to this store."
            return self.cannot_say(expected, told, [file.path for file in files], next=step)
        proven = [name for name in self.properties if self._stage(name)]
        claimed = [name for name in self.properties if name not in proven]
        actual = "; ".join(
            f"{how}: {listed(names)}" for how, names in (("shown", proven), ("claimed", claimed)) if names
        )
        return self.passes(expected, actual, [file.path for file in files])

    def _stage(self, name: str) -> str:
        return self.stages.get(name, "") or (name.removeprefix(_STAGE) if name.startswith(_STAGE) else "")

    def _shown(self, evidence: Evidence, name: str, value: str) -> tuple[Ruling, str]:
        """What evidence says about a property; a pass where there can be none."""
        if name == _LEVEL and evidence.snapshot.standing != value:
            stands = evidence.snapshot.standing or "no level"
            return Ruling.FAIL, f"{name} cannot be {value}: the packages stand on {stands}"
        stage = self._stage(name)
        if not stage:
            return Ruling.PASS, ""
        run = evidence.latest().get(stage)
        if run is None:
            return Ruling.FAIL, f"{name} is about stage {stage!r}, which has not run"
        ruling, why = standing(evidence, run)
        if ruling is Ruling.PASS and name.startswith(_STAGE) and not _agrees(run, value):
            return Ruling.FAIL, f"{name} cannot be {value}: {why}"
        return ruling, f"{name} is about a stage: {why}"


def _agrees(run: StageEvidence, value: str) -> bool:
    """Whether a green run has the result a mark claims."""
    return run.verdict is not None and run.verdict.mark == value


def _claimed(files: tuple[FileFact, ...], name: str, value: str) -> tuple[Ruling, str]:
    """Whether every package has a value, and no copy of it another one."""
    for file in files:
        told = {each for kept in file.intact for each in kept.properties.get(name, ())}
        if told - {value}:
            return Ruling.FAIL, f"{_file(file)} has {name}={','.join(sorted(told))}"
        if not told:
            ruling = Ruling.FAIL if file.intact else Ruling.UNKNOWN
            return ruling, f"{_file(file)} has no property {name}"
    return (Ruling.PASS, "") if files else (Ruling.UNKNOWN, "the build has no package")


RULES: tuple[type[Rule], ...] = (ArtifactTested, Property)
