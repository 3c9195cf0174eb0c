"""The ladder as people see it, in a pipe and in terminals of every width."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console

from builders import a_clock
from ladders import a_ladder, a_package, a_policy, climb, provisioned
from pytest_defend import render
from pytest_defend.actions.ladder import show
from pytest_defend.actions.provision import apply, plan
from pytest_defend.model.ladderviews import (
    Action,
    LadderCheck,
    LadderPlan,
    Planned,
    Trouble,
    Violation,
)
from pytest_defend.render.ladder import check_view, ladder_view, plan_view
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    import pytest

    from pytest_defend.model.ladder import Ladder

DRAWN = """\
ladder of here, packages in memory

      A                        B            C
  ┃                                                      ┃
3 ┣━━ A3 ━━━━━━━━━━━━━━━━━━━━━ B3 ━━━━━━━━━ C3 ━━━━━━━━━━┫
  ┃   none                     none         none         ┃
2 ┣━━ A2 ━━━━━━━━━━━━━━━━━━━━━ B2 ━━━━━━━━━ C2 ━━━━━━━━━━┫
  ┃   1 package                none         none         ┃
1 ┣━━ A1 ━━━━━━━━━━━━━━━━━━━━━ B1 ━━━━━━━━━ C1 ━━━━━━━━━━┫
  ┃   2 packages, 1 no higher  1 package    none         ┃

level 3 requires nothing more
level 2 requires
  required-stages: tests
level 1 requires nothing more
every level requires one-build, intact, subject-match, dependency-level

X, code of A    Y, code of B    Z, code of C
   A  B  C         A  B  C         A  B  C
3  ●  ●  ●      3  ●  ●  ●      3  ●  ●  ●
2  ●  ●  ·      2  ·  ●  ●      2  ·  ●  ●
1  ●  ·  ·      1  ·  ●  ·      1  ·  ·  ●
"""

PLAIN = """\
ladder of here

        ┃                 ┃
release ┣━━ shop-release ━┫
        ┃                 ┃
    dev ┣━━ dev ━━━━━━━━━━┫
        ┃                 ┃

level release requires nothing more
level dev requires nothing more
every level requires one-build, intact, subject-match, dependency-level
"""


def _printed(renderable: Any, width: int = 1000) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def _view(ladder: Ladder) -> Any:
    store = MemoryStore(a_clock)
    provisioned(store, ladder)
    climb(store, a_package(store, "apple", "A1"), "A2")
    a_package(store, "avocado", "A1")
    a_package(store, "banana", "B1")
    return show(a_policy(ladder, source="here"), store)


def test_a_ladder_looks_like_one() -> None:
    assert _printed(ladder_view(_view(a_ladder()))) == DRAWN


def test_what_is_too_wide_becomes_a_table_and_nothing_is_lost() -> None:
    printed = _printed(ladder_view(_view(a_ladder())), width=50)
    assert "┃" not in printed
    assert "1      A          A1          2 packages, 1 no higher" not in printed  # it wraps
    assert "2      A          A2          1 package" in printed
    pictures = printed[printed.index("X, code of A") :].split("\n\n")
    assert len([picture for picture in pictures if picture.strip()]) == 1
    narrow = _printed(ladder_view(_view(a_ladder())), width=20)
    pictures = narrow[narrow.index("X, code of A") :].split("\n\n")
    assert len([picture for picture in pictures if picture.strip()]) == 3


def test_an_output_without_lines_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    view = _view(a_ladder())
    render.as_text(render.ladder.ladder_view(view))
    out.flush()
    printed = out.buffer.getvalue().decode()
    assert "\n3 +-- A3 ---" in printed
    assert "\n2  x  x  .      2  .  x  x" in printed
    assert "\\" not in printed


def test_a_ladder_without_subsystems_and_groups() -> None:
    levels = [{"name": "dev"}, {"name": "release", "repository": "shop-release"}]
    ladder = a_ladder(subsystems=[], levels=levels, groups={})
    assert _printed(ladder_view(show(a_policy(ladder, source="here")))) == PLAIN
    watched = a_ladder(subsystems=[], levels=levels, groups={"all": {"sees": {"": "release"}}})
    assert _printed(ladder_view(show(a_policy(watched, source="here")))).endswith(
        "all\nrelease  ●\n    dev  ·\n"
    )


def test_packages_that_all_rose_are_said_to_be_higher() -> None:
    store = MemoryStore(a_clock)
    ladder = provisioned(store)
    climb(store, a_package(store, "apple", "A1"), "A2")
    assert "  ┃   1 package, all higher " in _printed(ladder_view(show(a_policy(ladder, source=""), store)))


def test_violations_are_told_with_what_to_do() -> None:
    found = Violation(trouble=Trouble.ABOVE, says="a stands on 3.", next="Demote a.")
    told = LadderCheck(store="s", builds=1, violations=(found,), unknown=("X: not told.",))
    assert _printed(check_view(told)).split("\n") == [
        "above-dependency  a stands on 3.",
        "                  Demote a.",
        "unknown           X: not told.",
        "1 build in s: 1 violation",
        "",
    ]
    kept = LadderCheck(store="s", builds=2)
    assert _printed(check_view(kept)) == "the ladder is kept: 2 builds in s, no violation\n"


def test_a_plan_is_told_step_by_step() -> None:
    store = MemoryStore(a_clock)
    planned = plan(a_ladder(groups={}), store.repositories, store="s")
    first = _printed(plan_view(planned)).split("\n")
    assert first[0] == "create  A1  local pypi"
    dry = LadderPlan(store="s", steps=planned.steps, dry_run=True)
    assert _printed(plan_view(dry)).endswith("\n9 to do in s; nothing was changed\n")
    done = _printed(plan_view(apply(planned, store.repositories)))
    assert done.startswith("created  A1  local pypi\n")
    assert done.endswith("\n9 of 9 done in s\n")
    again = plan(a_ladder(groups={}), store.repositories, store="s")
    assert _printed(plan_view(again)).endswith("keep  C3  local pypi\nnothing to do in s\n")


def test_what_is_left_is_told_as_the_server_takes_it() -> None:
    steps = (
        Planned(
            action=Action.CREATE, key="A1", kind="local", says="local", configuration={"key": "A1"}, done=True
        ),
        Planned(action=Action.CREATE, key="A2", kind="local", says="local", configuration={"key": "A2"}),
        Planned(action=Action.DIFFERS, key="A3", kind="local", says="is remote", next="Rename it."),
    )
    printed = _printed(plan_view(LadderPlan(store="s", steps=steps, problem="No.", hint="Ask.")))
    assert printed.split("\n") == [
        "created  A1  local",
        "create   A2  local",
        "differs  A3  is remote",
        "             Rename it.",
        "1 of 2 done in s",
        "",
        "left to be done by hand:",
        '{"key": "A2"}',
        "",
    ]
