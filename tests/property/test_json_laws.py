"""What is printed as JSON is what the standard library would print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.render.indented import indented

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("ascii_only", [False, True], ids=["any", "ascii"])
@given(document=DOCUMENTS)
def test_a_document_is_indented_as_by_the_standard_library(document: Any, ascii_only: bool) -> None:
    expected = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=ascii_only)
    assert indented(document, ascii_only=ascii_only) == expected
