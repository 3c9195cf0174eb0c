"""What the last word of a run makes of its verdict."""

from __future__ import annotations

import pytest

from builders import a_build_info
from pytest_defend.model.bundle import FORMAT, Final, Manifest
from pytest_defend.model.results import Result, Tally, Verdict

UNSAID = "the process ended without a last word after its session finished"
ENDED = "pytest ended with exit status 1 after its session finished"


def a_manifest(result: str, *reasons: str) -> Manifest:
    verdict = Verdict(result=Result(result), reasons=reasons)
    build = a_build_info()
    return Manifest(
        format=FORMAT, stage="tests", run="r1", verdict=verdict, tally=Tally(), build=build, files=()
    )


@pytest.mark.parametrize(
    ("result", "final", "concluded", "reasons"),
    [
        ("passed", 0, "passed", ()),
        ("passed", None, "incomplete", (UNSAID,)),
        ("passed", 1, "failed", (ENDED,)),
        ("warned", 0, "warned", ("why",)),
        ("warned", None, "incomplete", (UNSAID,)),
        ("failed", 0, "failed", ("why",)),
        ("failed", None, "failed", ("why",)),
        ("incomplete", 0, "incomplete", ("why",)),
        ("incomplete", 1, "incomplete", ("why",)),
    ],
)
def test_a_last_word_can_only_take_away(
    result: str, final: int | None, concluded: str, reasons: tuple[str, ...]
) -> None:
    manifest = a_manifest(result, *(["why"] if result != "passed" else []))
    said = None if final is None else Final(exit_status=final)
    assert manifest.concluded(said) == Verdict(result=Result(concluded), reasons=reasons)


def test_a_manifest_comes_back_whole() -> None:
    manifest = a_manifest("failed", "1 failed")
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
