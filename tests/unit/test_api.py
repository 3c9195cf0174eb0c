"""What scripts import: the commands as functions, with the settings of a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import tomli_w

import pytest_defend
from builders import NOW, STARTED, a_clock, a_published
from pytest_defend import Decision, DefendError, Ruling, gate, open_policy, open_store, override, replay
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {
    "levels": [
        {"name": "libs-local"},
        {"name": "rc", "stages": ["tests"]},
        {"name": "release", "stages": ["x"]},
    ],
    "rules": {"dependency-level": {"severity": "off", "reason": "demo needs nothing"}},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a ladder and a published build; the working directory is another one."""
    for name in ("DEFEND_STORE", "DEFEND_POLICY", "JF_URL", "GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "project"
    root.mkdir()
    table = {"project": {"name": "demo"}, "tool": {"pytest-defend": {"ladder": TABLE}}}
    (root / "pyproject.toml").write_text(tomli_w.dumps(table))
    a_published(tmp_path / "made", DirectoryStore(root / ".defend", a_clock))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return root


def test_a_gate_of_a_folder_answers_and_keeps_its_decision(project: Path) -> None:
    decision = gate("demo/latest", "rc", folder=project)
    assert (decision.ruling, decision.build) == (Ruling.PASS, f"demo/1@{STARTED}")
    (kept,) = (project / ".defend" / "decisions").iterdir()
    assert Decision.from_bytes(kept.read_bytes()) == decision
    refused = gate("demo/1", "release", folder=str(project), output=project / "deep" / "d.json")
    assert refused.ruling is Ruling.FAIL
    assert [finding.rule for finding in refused.refusals] == ["required-stages"]
    assert Decision.from_bytes((project / "deep" / "d.json").read_bytes()) == refused


def test_store_and_policy_can_be_others(project: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(tomli_w.dumps({**TABLE, "levels": [{"name": "release"}]}))
    store = open_store(str(project / ".defend"))
    policy = open_policy(str(tmp_path / "other.toml"))
    decision = gate("demo/1", "release", store=store, policy=policy, output="d.json")
    assert decision.ruling is Ruling.PASS
    assert decision.snapshot.policy.source == str(tmp_path / "other.toml")
    assert isinstance(open_store("https://example.com/artifactory"), ArtifactoryStore)
    with pytest.raises(DefendError, match="There is no ladder"):
        gate("demo/1", "release", store=store)


def test_an_override_needs_a_reason(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    decision = gate("demo/1", "release", folder=project, overrides=[override("required-stages", "see OPS-7")])
    assert decision.ruling is Ruling.PASS
    (found,) = (finding.override for finding in decision.findings if finding.override)
    assert (found.who, found.reason, found.until) == ("ann", "see OPS-7", None)
    later = datetime(2999, 1, 1, tzinfo=UTC)
    assert override("x", "y", who="bob", until=later).who == "bob"
    with pytest.raises(DefendError, match="has no reason"):
        override("required-stages", " ")
    with pytest.raises(DefendError, match="is over since 2026-01-31"):
        override("required-stages", "see OPS-7", until=NOW)


def test_an_old_decision_is_judged_again_whatever_it_is_given_as(project: Path) -> None:
    decision = gate("demo/1", "release", folder=project, output=project / "d.json")
    for given in (decision, project / "d.json", str(project / "d.json")):
        found = replay(given, folder=project, policy=open_policy(folder=project))
        assert found.same
        assert (found.then, found.policy_now) == (Ruling.FAIL, found.policy_then)
    with pytest.raises(DefendError, match=r"libs-local/d\.json is not in the store"):
        replay("libs-local/d.json", store=open_store(folder=project))


def test_the_front_door_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'promises'"):
        pytest_defend.promises  # type: ignore[attr-defined]  # noqa: B018  # asked for its error
