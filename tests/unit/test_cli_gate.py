"""`pytest-defend gate`: what it prints as text and JSON, how it ends, and what it refuses to do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w

from builders import STARTED, a_clock, a_published, an_upload
from places import Place, a_place
from pytest_defend import cli
from pytest_defend.model.decision import Decision, Replay, Ruling
from pytest_defend.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Ended: TypeAlias = Callable[..., tuple[int, str, str]]

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
OFF = {"dependency-level": {"severity": "off", "reason": "demo needs nothing"}}
TABLE: dict[str, Any] = {
    "levels": [
        {"name": "libs-local"},
        {"name": "rc", "stages": ["tests"]},
        {
            "name": "release",
            "stages": ["tests", "smoke"],
            "rules": {"min-tests": {"at-least": 9, "severity": "warn"}},
        },
        {"name": "trusted", "rules": {"external": "./no-such-command"}},
    ],
    "rules": OFF,
}
BUILD = f"demo/1@{STARTED}"
SMOKE = "Run stage smoke on the files of this build (--defend-artifact-from)."


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project with a ladder and a published build, outside of every CI."""
    for name in os.environ.keys() - set(_INHERITED):
        if not name.startswith(("COV", "PYTEST_CURRENT")):
            monkeypatch.delenv(name)
    place = a_place(tmp_path / "project")
    table = {"project": {"name": "demo"}, "tool": {"pytest-defend": {"ladder": TABLE}}}
    place.write("pyproject.toml", tomli_w.dumps(table))
    monkeypatch.chdir(place.root)
    a_published(tmp_path / "made", DirectoryStore(place.root / ".defend", a_clock))
    return place


@pytest.fixture
def ended(place: Place, capsys: pytest.CaptureFixture[str]) -> Ended:
    """How a command ends, and what it prints to each stream."""
    del place

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["gate", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def _decision(text: str) -> Decision:
    return Decision.from_dict(json.loads(text))


def test_yes(ended: Ended, place: Place) -> None:
    code, out, err = ended("demo/1", "--level", "rc")
    assert (code, err) == (0, "")
    off, verdict, kept = out.splitlines()
    assert off.startswith(
        "? dependency-level cannot be judged, and is off: the policy turned it off: demo needs"
    )
    assert verdict == f"{BUILD} may stand on rc: 5 rules judged."
    path = place.root / kept.removeprefix("decision: ")
    assert path.parent == place.root / ".defend" / "decisions"
    assert _decision(path.read_text()).ruling is Ruling.PASS


def test_no_names_every_rule_that_refuses_or_warns(ended: Ended) -> None:
    code, out, err = ended("demo/latest", "--level", "release")
    assert (code, err) == (1, "")
    lines = [line for line in out.splitlines() if "dependency-level" not in line]
    warns, refuses, verdict = lines[:3]
    assert warns.startswith("\u2717 min-tests fails, which only warns: 2 tests ran (tests 2). Find out why")
    assert refuses == f"\u2717 required-stages fails: stage 'smoke' has not run. {SMOKE}"
    assert verdict == f"{BUILD} may not stand on release: 1 rule fails."


def test_what_cannot_be_judged_is_no_yes(ended: Ended) -> None:
    code, out, _ = ended("demo/1", "--level", "trusted")
    assert code == 3
    assert "? external cannot be judged: it cannot be started: No such file or directory." in out
    assert f"{BUILD} may not, for all that is known, stand on trusted: 1 rule cannot be judged." in out


def test_json_is_the_decision_alone(ended: Ended, place: Place) -> None:
    code, out, err = ended("demo/1", "--level", "release", "--format", "json", "--output", "deep/er/d.json")
    assert (code, err) == (1, "")
    decision = _decision(out)
    assert decision == _decision((place.root / "deep/er/d.json").read_text())
    assert (decision.ruling, decision.level, decision.build) == (Ruling.FAIL, "release", BUILD)
    assert [path.name for path in (place.root / "deep/er").iterdir()] == ["d.json"]
    assert not (place.root / ".defend" / "decisions").exists()


def test_explained(ended: Ended) -> None:
    code, out, _ = ended("demo/1", "--level", "release", "--explain", "--output", "d.json")
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "demo/1 on level release?"
    assert "  standing  libs-local" in lines
    assert "  subject   demo-1.0.tar.gz, sha256 2a97516c354b" in lines
    assert "  decision  d.json" in lines
    at = lines.index("\u2717 required-stages fails")
    assert [line.split("  ")[1].strip() for line in lines[at + 1 : at + 5]] == [
        "expected",
        "found",
        "seen in",
        "next",
    ]
    assert "\u2713 intact passes" in lines
    assert lines[-1] == f"{BUILD} may not stand on release: 1 rule fails."


def test_signs_that_cannot_be_said_are_plain(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_defend.render._encoding", lambda: "ascii")
    _, out, _ = ended("demo/1", "--level", "release", "--explain")
    assert "\nx required-stages fails\n" in out
    assert "\n+ intact passes\n" in out
    assert out.isascii()


def test_much_evidence_is_counted(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_defend.render.decision._PLACES", 0)
    assert "            and 1 more, in the decision" in ended("demo/1", "--level", "rc", "--explain")[1]


def test_an_override_says_who_and_why(ended: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    overridden = ("--override", "required-stages", "--reason", "see OPS-7", "--until", "2999-12-31")
    code, out, _ = ended("demo/1", "--level", "release", *overridden)
    assert code == 0
    assert "\u2717 required-stages fails, overridden by ann until 2999-12-31: see OPS-7\n" in out
    assert f"{BUILD} may stand on release: 1 rule overridden." in out
    explained = ended("demo/1", "--level", "release", "--explain", *overridden)[1]
    assert "required-stages fails, overridden by ann until 2999-12-31\n" in explained
    assert "  because   see OPS-7\n" in explained
    (found,) = (
        finding.override
        for finding in _decision(
            ended("demo/1", "--level", "release", "--format=json", *overridden)[1]
        ).findings
        if finding.override
    )
    assert (found.who, found.reason) == ("ann", "see OPS-7")
    assert found.until is not None
    assert f"{found.until:%Y-%m-%d %H:%M:%S.%f}" == "2999-12-31 23:59:59.999000"


def test_who_is_the_user_of_the_store_or_the_login(monkeypatch: pytest.MonkeyPatch, ended: Ended) -> None:
    arguments = ("demo/1", "--level", "release", "--override", "required-stages", "--reason", "why")
    monkeypatch.setenv("DEFEND_USER", "bob")
    assert "overridden by bob: why" in ended(*arguments)[1]
    monkeypatch.delenv("DEFEND_USER")
    monkeypatch.setenv("LOGNAME", "cleo")
    assert "overridden by cleo: why" in ended(*arguments)[1]

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert ended(*arguments)[::2] == (
        2,
        "pytest-defend: It is not known who answers for the override. Set DEFEND_USER.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--override", "min-tests"), r"The override of min-tests has no reason. Say why"),
        (("--override", "min-tests", "--reason", "  "), r"The override of min-tests has no reason."),
        (("--override", "x", "--reason", "y"), "The level has no rule 'x' to override."),
        (("--override", "intact", "--reason", "y"), "is about integrity and cannot be overridden"),
        (
            ("--override", "min-tests", "--reason", "y", "--until", "soon"),
            "--until soon is no day. Write it as",
        ),
        (("--override", "min-tests", "--reason", "y", "--until", "2020-01-01"), "is over since 2020-01-01."),
        (("--reason", "y"), "--reason and --until say nothing without --override."),
        (("--policy", "none.toml"), "none.toml cannot be read: No such file"),
        (("--level", "moon"), "The ladder has no level 'moon'."),
        (("--level", ""), "gate needs a build and a level."),
        (("--replay", "x.json"), "--replay stands alone."),
    ],
)
def test_what_is_not_understood_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, ended: Ended, place: Place
) -> None:
    code, out, err = ended("demo/1", "--level", "release", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not (place.root / ".defend" / "decisions").exists()


def test_a_build_that_is_not_there_cannot_be_judged(ended: Ended) -> None:
    code, out, err = ended("demo/7", "--level", "rc")
    assert (code, out) == (3, "")
    assert err.startswith("pytest-defend: demo/7 is not in the store")


def test_a_decision_that_cannot_be_written_was_not_made(ended: Ended, place: Place) -> None:
    place.write("file", "no folder")
    code, out, err = ended("demo/1", "--level", "rc", "--output", "file/d.json")
    assert (code, out) == (3, "")
    assert err == "pytest-defend: file: File exists.\n"


def test_a_policy_is_read_from_the_store(ended: Ended, place: Place) -> None:
    store = DirectoryStore(place.root / ".defend", a_clock)
    policy = tomli_w.dumps({**TABLE, "levels": [{"name": "rc", "stages": ["smoke"]}]}).encode()
    store.put(an_upload("policies/main.toml", policy))
    for flag in ("--policy", "--defend-policy"):
        code, out, _ = ended("demo/1", "--level", "rc", flag, "store:policies/main.toml", "--format=json")
        assert code == 1
        assert _decision(out).snapshot.policy.source == "store:policies/main.toml"


# What follows is about `--replay`.


def test_judging_again_finds_the_same(ended: Ended, place: Place) -> None:
    ended("demo/1", "--level", "release", "--output", "d.json")
    code, out, err = ended("--replay", "d.json")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("decision ")
    assert lines[0].endswith(f": {BUILD} on level release")
    assert "  policy now   the same" in lines
    assert lines[-1] == "judged again, the same is found: fails then, fails now."
    store = DirectoryStore(place.root / ".defend", a_clock)
    store.put(an_upload("libs-local/demo/1.0/decisions/d.json", (place.root / "d.json").read_bytes()))
    for named in ("libs-local/demo/1.0/decisions/d.json", "store:libs-local/demo/1.0/decisions/d.json"):
        code, out, _ = ended("--replay", named, "--format", "json")
        assert code == 0
        assert Replay.from_dict(json.loads(out)).same


def test_judging_again_says_what_differs(ended: Ended, place: Place) -> None:
    ended("demo/1", "--level", "release", "--output", "d.json")
    document = json.loads((place.root / "d.json").read_text())
    (stages,) = (finding for finding in document["findings"] if finding["rule"] == "required-stages")
    stages["ruling"] = "pass"
    document["findings"] = [finding for finding in document["findings"] if finding["rule"] != "min-tests"]
    document["ruling"] = "pass"
    document["snapshot"]["policy"]["sha256"] = "0" * 64
    place.write("forged.json", json.dumps(document))
    place.write("pyproject.toml", "[project]\nname = 'demo'\n")
    code, out, _ = ended("--replay", "forged.json")
    assert code == 1
    assert "then: \u2713 required-stages passes\n" in out
    assert "now: \u2717 required-stages fails\n" in out
    assert "then: min-tests was not asked\n" in out
    assert "  policy then  altered: the decision names 000000000000 and holds " in out
    assert "  policy now   there is none\n" in out
    assert out.splitlines()[-1] == "judged again, something else is found: passes then, fails now."


def test_a_policy_that_changed_is_said(ended: Ended, place: Place) -> None:
    ended("demo/1", "--level", "rc", "--output", "d.json")
    place.write("other.toml", tomli_w.dumps({"levels": [{"name": "rc"}]}))
    code, out, _ = ended("--replay", "d.json", "--policy", "other.toml")
    assert code == 0
    assert "  policy now   changed since, sha256 " in out


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("{}", 2, "Decision document is not valid: "),
        ("no JSON", 2, "Decision document is not valid: document: no JSON"),
        (None, 3, "libs-local/d.json is not in the store"),
    ],
)
def test_what_is_no_decision_is_refused(
    content: str | None, code: int, sentence: str, ended: Ended, place: Place
) -> None:
    if content is not None:
        place.write("libs-local/d.json", content)
    ended_with, out, err = ended("--replay", "libs-local/d.json")
    assert (ended_with, out) == (code, "")
    assert sentence in err


def test_a_decision_of_another_schema_is_refused(ended: Ended, place: Place) -> None:
    ended("demo/1", "--level", "rc", "--output", "d.json")
    place.write("d.json", (place.root / "d.json").read_text().replace("decision/1", "decision/2"))
    code, _, err = ended("--replay", "d.json")
    assert code == 2
    assert "d.json is not valid: schema: is 'pytest-defend/decision/2'; this version reads pytest-" in err
