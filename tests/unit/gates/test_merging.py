"""Rules of others stand beside ours, or it is said why they cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pluggy
import pytest

from pytest_defend.assembly.extensions import asked_rules, plugin_manager
from pytest_defend.errors import UsageError
from pytest_defend.gates import Rule, kinds, merge_kinds

if TYPE_CHECKING:
    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence


class _Judging(Rule):
    __slots__ = ()

    def judge(self, evidence: Evidence) -> Finding:
        return self.passes("it", str(evidence.snapshot.level))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moon(_Judging):
    NAME: ClassVar[str] = "moon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun(_Judging):
    NAME: ClassVar[str] = "moon"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinTests(_Judging):
    NAME: ClassVar[str] = "min-tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Rule):
    NAME: ClassVar[str] = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameless(_Judging):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shouting(_Judging):
    NAME: ClassVar[str] = "MOON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanding(_Judging):
    NAME: ClassVar[str] = "demanding"
    ALWAYS: ClassVar[bool] = True

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Everywhere(_Judging):
    NAME: ClassVar[str] = "everywhere"
    DEFAULT: ClassVar[bool] = True


def test_rules_of_others_are_added() -> None:
    merged = merge_kinds(kinds(), [Moon, Moon, Everywhere])
    assert merged == {**kinds(), "moon": Moon, "everywhere": Everywhere}
    assert "moon" not in kinds()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([Moon, Sun], r"Two rules are called 'moon': \S+\.Moon and \S+\.Sun\. Give the rule"),
        ([MinTests], r"Two rules are called 'min-tests': pytest_defend\.gates\.counts\.MinTests and"),
        ([str], r"gave builtins\.str, which is no rule\. Return classes that inherit"),
        (["moon"], "gave 'moon', which is no rule"),
        ([Moon()], r"gave Moon\(\), which is no rule"),
        ([Rule], "does not judge"),
        ([Silent], r"\S+\.Silent does not judge\. Give it a method judge"),
        ([Nameless], "has no NAME of small letters"),
        ([Shouting], "has no NAME of small letters"),
        (
            [Demanding],
            "'demanding' holds for every level and cannot be made without parameters: .*what: is missing",
        ),
    ],
)
def test_what_is_no_rule_or_has_a_name_that_is_taken_is_refused(given: list[Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        merge_kinds(kinds(), given)


def _asked(*implementations: Any) -> Any:
    manager = plugin_manager()
    marked = pluggy.HookimplMarker("pytest")(optionalhook=True)
    for implementation in implementations:
        extension = type("Extension", (), {"pytest_defend_rules": staticmethod(marked(implementation))})
        manager.register(extension())
    return asked_rules(manager.hook)


def test_extensions_are_asked() -> None:
    assert _asked() == kinds()
    assert _asked(lambda: [Moon], lambda: None, lambda: (Everywhere,)) == {
        **kinds(),
        "moon": Moon,
        "everywhere": Everywhere,
    }


def test_an_extension_that_cannot_answer_is_an_error() -> None:
    def broken() -> None:
        raise KeyError("moon")

    with pytest.raises(UsageError, match=r"pytest_defend_rules failed \(KeyError: 'moon'\)"):
        _asked(broken)
    with pytest.raises(UsageError, match="which is no rule"):
        _asked(lambda: ["moon"])
    with pytest.raises(UsageError, match="pytest_defend_rules failed"):
        _asked(lambda: Moon)
