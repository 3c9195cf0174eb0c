"""What is installed, as people read it."""

from __future__ import annotations

import pytest

from pytest_defend import render
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.environmentview import EnvironmentView
from pytest_defend.model.facts import Gap, Interpreter
from pytest_defend.model.origins import Candidate, Certainty, Evidence, Kept, Origin, Rejected, Tree
from pytest_defend.model.record import RanOn, Shipped
from pytest_defend.render.summary import subject_line

SHA = "ab" * 32


def _view(*distributions: Distribution) -> EnvironmentView:
    return EnvironmentView(
        interpreter=Interpreter(
            implementation="cpython",
            version="3.11.7",
            version_text="",
            platform="linux-x86_64",
            prefix="/venv",
        ),
        platform=None,
        installed=Installed(distributions=distributions),
        gaps=(Gap(topic="origins", problem="uv.lock is broken."),),
    )


DISTRIBUTIONS = (
    Distribution(
        name="a",
        version="1",
        origin=Origin(
            certainty=Certainty.MATCHED,
            file="a-1-py3-none-any.whl",
            sha256=SHA,
            evidence=(Evidence(source="uv.lock", says="names it"),),
            rejected=(Rejected(source="uv.lock", why="other tags", files=("w", "x", "y", "z")),),
            kept=(Kept(path="qa/a.whl", build_name="a", build_number="7", level="qa"),),
        ),
    ),
    Distribution(
        name="b",
        version="2",
        origin=Origin(
            certainty=Certainty.CONSTRAINED,
            candidates=(Candidate(file="b-1.whl", sha256=SHA), Candidate(file="b-2.whl")),
        ),
    ),
    Distribution(
        name="c",
        version="3",
        origin=Origin(certainty=Certainty.BUILT, built_from=Candidate(file="c-3.tar.gz", sha256=SHA)),
    ),
    Distribution(
        name="d",
        version="4",
        drift=("changed d.py",),
        origin=Origin(certainty=Certainty.TREE, tree=Tree(url="file:///d", commit="c" * 40, dirty=True)),
    ),
    Distribution(
        name="e", version="5", origin=Origin(certainty=Certainty.FOREIGN, package="debian python3-e 5-1")
    ),
    Distribution(name="f", version="6"),
)


def _text(capsys: pytest.CaptureFixture[str], *, origins: bool) -> list[str]:
    render.as_text(render.packages.environment_view(_view(*DISTRIBUTIONS), origins=origins))
    return capsys.readouterr().out.splitlines()


def test_one_package_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [" ".join(line.split()) for line in _text(capsys, origins=False)]
    assert lines == [
        "cpython 3.11.7 on linux-x86_64",
        "/venv",
        "6 packages: 1 matched, 1 constrained, 1 built, 1 tree, 1 foreign, 1 unknown",
        "",
        "package version origin sha256 file",
        "a 1 matched abababababab a-1-py3-none-any.whl",
        "b 2 constrained one of 2 files",
        "c 3 built built from c-3.tar.gz",
        "d 4 tree file:///d at cccccccccccc with changes",
        "e 5 foreign debian python3-e 5-1",
        "f 6 unknown",
        "drift in d 4: changed d.py",
        "gap in origins: uv.lock is broken.",
    ]


def test_how_each_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [" ".join(line.split()) for line in _text(capsys, origins=True)]
    assert "a 1 matched a-1-py3-none-any.whl" in lines
    assert f"sha256 {SHA}" in lines
    assert "because uv.lock: names it" in lines
    assert "not w, x, y and 1 more: other tags (uv.lock)" in lines
    assert "kept qa/a.whl, of build a/7, level qa" in lines
    assert f"one of b-1.whl sha256 {SHA}" in lines
    assert "one of b-2.whl sha256 not known" in lines
    assert f"source c-3.tar.gz sha256 {SHA}" in lines


@pytest.mark.parametrize(
    ("ran_on", "line"),
    [
        (RanOn(what=Shipped.ARTIFACT), "tested what x.whl holds, byte for byte"),
        (RanOn(what=Shipped.TREE), "not tested: x.whl; the tests ran on a working tree"),
        (
            RanOn(what=Shipped.TREE, tree=Tree(commit="c" * 40, dirty=True)),
            "not tested: x.whl; the tests ran on a working tree of commit cccccccccccc, with changes",
        ),
        (
            RanOn(what=Shipped.SHADOWED, imported_from="/p/x"),
            "not tested: x.whl; the tests imported /p/x, which hides it",
        ),
        (
            RanOn(what=Shipped.DIFFERS, differs=("a", "b", "c", "d"), differs_count=4),
            "not tested: x.whl; the installed copy differs: a, b, c and 1 more",
        ),
        (
            RanOn(what=Shipped.CHANGED, differs=("demo/a.py",), differs_count=1),
            "not tested: x.whl; the installed copy was replaced or written to while the tests ran: demo/a.py",
        ),
        (
            RanOn(what=Shipped.DEFECTIVE, differs=("false demo/a.py",), differs_count=1),
            "not tested: x.whl; the file itself is defective, build it again: false demo/a.py",
        ),
        (
            RanOn(what=Shipped.NOT_IMPORTED),
            "perhaps not tested: x.whl; it is installed, and no process of the tests imported it",
        ),
        (RanOn(what=Shipped.NOT_FOR_HERE), "not tested: x.whl; it is for another interpreter or platform"),
        (
            RanOn(what=Shipped.OTHER_WHEEL, differs=("changed a",), differs_count=1),
            "not tested: x.whl; the installed copy is of another wheel of this version: changed a",
        ),
        (RanOn(what=Shipped.OTHER_VERSION), "not tested: x.whl; another version is installed"),
        (RanOn(what=Shipped.NOT_INSTALLED), "not tested: x.whl; it is not installed where the tests ran"),
    ],
    ids=lambda value: value.what.value if isinstance(value, RanOn) else "",
)
def test_whether_the_tests_ran_on_what_is_shipped(ran_on: RanOn, line: str) -> None:
    assert subject_line("x.whl", ran_on) == line


@pytest.mark.parametrize("what", Shipped)
def test_there_is_a_line_for_everything_the_tests_can_run_on(what: Shipped) -> None:
    assert "x.whl" in subject_line("x.whl", RanOn(what=what))
