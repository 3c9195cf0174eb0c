from __future__ import annotations

import pytest

from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.pages import build_page

BUILD = BuildId(name="demo", number="1", started="2026-01-31T23:59:59.123+0000")
PAGE = "https://a.example/ui/builds/demo/1/1769903999123/published?buildRepo=artifactory-build-info"


@pytest.mark.parametrize(
    "locator",
    [
        "https://a.example/artifactory",
        "https://a.example/artifactory/",
        "https://a.example/",
        "https://a.example",
    ],
)
def test_the_page_of_a_build(locator: str) -> None:
    assert build_page(locator, BUILD) == PAGE


def test_below_a_path_and_a_port() -> None:
    page = build_page("http://a.example:8082/tools/artifactory", BUILD)
    assert page.startswith("http://a.example:8082/tools/ui/builds/demo/1/")


def test_names_are_one_part_of_the_path_each() -> None:
    build = BuildId(name="shop/bä sket?#", number="1%2", started="2026-01-31T23:59:59Z")
    page = build_page("https://a.example", build)
    assert page.startswith(
        "https://a.example/ui/builds/shop%2Fb%C3%A4%20sket%3F%23/1%252/1769903999000/published?"
    )


def test_in_a_project_it_has_another_repository() -> None:
    page = build_page("https://a.example", BUILD, project="fruit")
    assert page.endswith("/published?buildRepo=fruit-build-info&projectKey=fruit")
    assert build_page("https://a.example", BUILD, project="default") == PAGE


@pytest.mark.parametrize(
    ("locator", "base"),
    [
        ("https://a.example/artifactory", "https://a.example/artifactory"),
        ("https://a.example", "https://a.example/artifactory"),
        ("https://a.example:8081/tools/artifactory/", "https://a.example:8081/tools/artifactory"),
        ("https://a.example/repo", "https://a.example/repo"),
    ],
)
@pytest.mark.parametrize("major", [5, 6])
def test_before_7_a_build_has_one_page_for_a_number(locator: str, base: str, major: int) -> None:
    build = BuildId(name="shop/basket", number="1 2", started="2026-01-31T23:59:59Z")
    page = build_page(locator, build, project="fruit", major=major)
    assert page == f"{base}/webapp/#/builds/shop%2Fbasket/1%202"


@pytest.mark.parametrize("locator", ["/srv/evidence", ".defend", "memory", "ftp://a.example", ""])
def test_other_stores_have_no_pages(locator: str) -> None:
    assert build_page(locator, BUILD) == ""
