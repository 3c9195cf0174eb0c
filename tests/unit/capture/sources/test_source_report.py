"""A report as pip 26.3 writes it, made small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.model.origins import Candidate, Offer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[str, str], tuple[list[Offer], list[str]]]

A = "a" * 64
ALL_LEFT_OUT = "; it was left out, write it again."
LEFT_OUT = "; what it belongs to was left out, write the file again."


def an_item(*, url: Any = "https://example.org/basket-1.0-py3-none-any.whl", **more: Any) -> dict[str, Any]:
    return {
        "download_info": {"url": url, "archive_info": {"hashes": {"sha256": A}, "hash": f"sha256={A}"}},
        "is_direct": False,
        "is_yanked": False,
        "requested": True,
        "metadata": {"metadata_version": "2.1", "name": "Basket", "version": "1.0"},
        **more,
    }


def a_report(*items: Any, **more: Any) -> str:
    return json.dumps(
        {
            "version": "1",
            "pip_version": "26.3",
            "install": items,
            "environment": {"sys_platform": "linux", "python_full_version": "3.11.7"},
            **more,
        }
    )


def test_every_file_pip_chose(read: Read, tmp_path: Path) -> None:
    git = {"url": "https://example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    text = a_report(
        an_item(url="https://user:pw@example.org/basket-1.0%2Ba-py3-none-any.whl"),
        an_item(download_info=git),
        an_item(download_info={"url": "file:///a", "dir_info": {"editable": True}}),
        an_item(download_info={"url": "https://example.org/a.zip", "archive_info": {}}),
    )
    offers, gaps = read("report.json", text)
    assert gaps == []
    assert offers == [
        Offer(
            source="report.json",
            name="basket",
            version="1.0",
            files=(
                Candidate(
                    file="basket-1.0+a-py3-none-any.whl",
                    sha256=A,
                    url="https://example.org/basket-1.0%2Ba-py3-none-any.whl",
                ),
            ),
            pinned=True,
            written_s=offers[0].written_s,
            environment=(("python_full_version", "3.11.7"), ("sys_platform", "linux")),
        )
    ]
    assert offers[0].written_s == (tmp_path / "report.json").stat().st_mtime


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (3, " is no table"),
        (an_item(url=3), ".download_info.url is no text"),
        (an_item(url=None), ".download_info.url names the file '', which is no file name"),
        (an_item(metadata={}), ".metadata.name is missing"),
        (an_item(metadata={"name": "a"}), ".metadata.version is missing"),
        (an_item(metadata=[]), ".metadata is no table"),
        (
            an_item(download_info={"url": "a", "archive_info": {"hashes": {"sha256": "a"}}}),
            ".download_info.archive_info.hashes.sha256 has no 64 digits of a sha256",
        ),
        (
            an_item(download_info={"url": "a", "archive_info": {"hashes": {"sha256": 3}}}),
            ".download_info.archive_info.hashes.sha256 is no text",
        ),
    ],
)
def test_a_malformed_item_costs_itself(read: Read, item: Any, problem: str) -> None:
    good = an_item(metadata={"name": "good", "version": "1.0"})
    offers, gaps = read("report.json", a_report(item, good))
    assert [offer.name for offer in offers] == ["good"]
    assert gaps == [f"report.json: install[0]{problem}{LEFT_OUT}"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            a_report(an_item(), version="2"),
            f"report.json: version is not '1', the one format that is known{LEFT_OUT}",
        ),
        (a_report(an_item(), environment={"a": 1}), f"report.json: environment.a is no text{LEFT_OUT}"),
        (a_report(an_item(), environment=3), f"report.json: environment is no table{LEFT_OUT}"),
        (a_report(an_item(), install=3), f"report.json: install is no list{LEFT_OUT}"),
        (
            '{"version": "1", "installed": []}',
            f"report.json is no installation report of pip: it has no `install`{ALL_LEFT_OUT}",
        ),
    ],
)
def test_what_is_no_report_offers_nothing(read: Read, text: str, sentence: str) -> None:
    assert read("report.json", text) == ([], [sentence])
