"""The pages about rules tell the truth: every rule and parameter is there, and every example is one."""

from __future__ import annotations

import re
import sys
import tomllib
import types
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import catalogue
from judged import TAKEN, an_evidence
from pytest_defend.assembly.extensions import asked_rules, plugin_manager
from pytest_defend.gates import judge, kinds, read_policy
from pytest_defend.model.decision import Ruling
from pytest_defend.model.ladder import Ladder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.gates import Policy, Rule

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "reference" / "gate-rules.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "how-to" / "write-a-rule.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def _block(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _policy(example: str, known: Mapping[str, type[Rule]]) -> Policy:
    rules: dict[str, Any] = tomllib.loads(example)["tool"]["pytest-defend"]["ladder"]["rules"]
    ladder = Ladder.from_table({"levels": [{"name": "release"}], "rules": rules}, "the example")
    return read_policy(ladder, source="the example", kinds=known)


def test_every_rule_has_a_section_and_every_section_a_rule() -> None:
    assert list(SECTIONS) == list(kinds())


@pytest.mark.parametrize("name", kinds())
def test_every_parameter_is_told(name: str) -> None:
    assert f"```{{catalogue}} rule {name}\n```" in SECTIONS[name]
    told = re.findall(r"^\| `([a-z-]+)`", catalogue.rule(name), flags=re.MULTILINE)
    assert told == [field.name.replace("_", "-") for field in fields(kinds()[name])]


@pytest.mark.parametrize("name", kinds())
def test_every_example_is_a_policy_about_its_rule(name: str) -> None:
    [example] = _block(SECTIONS[name], "toml")
    policy = _policy(example, kinds())
    own = [each for each in policy.rules("release") if each.key.partition(":")[0] == name]
    assert own


@pytest.mark.parametrize("name", kinds())
def test_every_section_says_what_is_unknown(name: str) -> None:
    assert re.search(r"\bunknown\b", SECTIONS[name], flags=re.IGNORECASE)


def test_every_rule_says_what_it_is_about() -> None:
    assert [kind for kind in kinds().values() if not (kind.__doc__ or "").rstrip().endswith(".")] == []


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module of the guide, loaded as an extension would be."""
    module = types.ModuleType("release_rules")
    monkeypatch.setitem(sys.modules, "release_rules", module)
    [source] = _block(GUIDE, "python")
    exec(compile(source, "write-a-rule.md", "exec"), module.__dict__)
    return module


def test_the_rule_of_the_guide_works(written: types.ModuleType) -> None:
    manager = plugin_manager()
    manager.register(written)
    known = asked_rules(manager.hook)
    assert set(known) - set(kinds()) == {"quiet-days"}
    policy = _policy(_block(GUIDE, "toml")[1], known)
    found = {}
    for days in range(7):
        evidence = an_evidence(taken=TAKEN + timedelta(days=days))
        [finding] = [each for each in judge(evidence, policy.rules("release")) if each.rule == "quiet-days"]
        found[f"{evidence.snapshot.taken:%A}"] = finding.ruling
    refused = {day for day, ruling in found.items() if ruling is Ruling.FAIL}
    assert refused == {"Friday", "Saturday", "Sunday"}
    assert len(found) == 7


def test_the_rule_of_the_guide_is_short() -> None:
    [source] = _block(GUIDE, "python")
    start, end = source.index("@dataclass"), source.index("@pytest.hookimpl")
    assert len(source[start:end].strip().splitlines()) <= 20


def test_the_entry_point_of_the_guide_names_its_module() -> None:
    project = tomllib.loads(_block(GUIDE, "toml")[0])["project"]
    assert project["entry-points"]["pytest_defend"] == {"quiet-days": "release_rules"}
