from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.model.buildinfo import Issue, Issues, Tracker
from pytest_defend.model.issues import IssueSearch, compiled

KEY = r"\b(SHOP-\d+)\b"


def found(*messages: str, pattern: str = KEY, url: str = "") -> dict[str, str]:
    issues = IssueSearch(tracker="JIRA", pattern=compiled(pattern), url=url).issues(messages)
    return {} if issues is None else {issue.key: issue.summary or issue.url for issue in issues.affected}


def test_issues_are_complete() -> None:
    search = IssueSearch(
        tracker="JIRA",
        pattern=compiled(rf"(?m)^{KEY}:? *(.*)$"),
        url="https://issues.example/browse/{key}?of={key}",
    )
    assert search.issues(["SHOP-12: Count  the fruit\n\nAs asked."]) == Issues(
        tracker=Tracker(name="JIRA"),
        affected=(
            Issue(
                key="SHOP-12",
                url="https://issues.example/browse/SHOP-12?of=SHOP-12",
                summary="Count the fruit",
            ),
        ),
    )


def test_no_issue_is_none() -> None:
    assert IssueSearch(tracker="JIRA", pattern=compiled(KEY)).issues(["Tidy up"]) is None
    assert found("Tidy up", pattern="(X?)") == {}
    assert found("Tidy up", pattern="(X)?Tidy") == {}


def test_every_key_counts_once_in_the_order_of_the_messages() -> None:
    assert list(found("SHOP-3 and SHOP-1", "SHOP-2, SHOP-3")) == ["SHOP-3", "SHOP-1", "SHOP-2"]


def test_the_first_summary_that_says_something_counts() -> None:
    assert found("SHOP-1", "SHOP-1 One", "SHOP-1 Two", pattern=rf"{KEY} ?(\w+)?") == {"SHOP-1": "One"}


def test_a_key_cannot_change_the_page_it_leads_to() -> None:
    assert found("a/../b?c", pattern="(.+)", url="https://issues.example/{key}") == {
        "a/../b?c": "https://issues.example/a%2F..%2Fb%3Fc"
    }


def test_of_a_long_message_only_the_beginning_is_searched() -> None:
    assert found("x" * 4090 + " SHOP-1") == {}
    assert found("x" * 4000 + " SHOP-1") == {"SHOP-1": ""}


def test_a_pattern_that_warns_is_compiled_in_a_run_that_makes_warnings_errors() -> None:
    assert compiled("([[]a])").groups == 1


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(?P<a>x)(?P<a>y)", "(?<=a*)(b)"])
def test_what_is_no_regular_expression_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        compiled(pattern)


@given(messages=st.lists(st.text(max_size=60) | st.from_regex(KEY), max_size=5))
def test_laws(messages: list[str]) -> None:
    search: Any = IssueSearch(
        tracker="T", pattern=re.compile(r"(?s)([A-Z]+-\d+|.)(.?)"), url="http://a/{key}"
    )
    once = search.issues(messages)
    assert search.issues([*messages, *messages]) == once
    if once is not None:
        keys = [issue.key for issue in once.affected]
        assert len(keys) == len(set(keys))
        assert all(key and key == " ".join(key.split()) for key in keys)
        assert Issues.from_dict(once.to_dict()) == once
