"""Which version a change-set has."""

from __future__ import annotations

import pytest
from packaging.version import Version

from pytest_defend.actions.version import version
from pytest_defend.errors import UsageError
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.gitfacts import VersionFacts
from pytest_defend.model.views import VersionView

COMMIT = "0123456789ab"


def a_checkout(tag: str = "", distance: int = 7, *, dirty: bool = False) -> VersionFacts:
    return VersionFacts(commit=COMMIT, tag=tag, distance=distance, dirty=dirty)


def a_ci(number: str) -> CiFacts:
    return CiFacts(system="CI", build_number=number)


def made(
    base: str = "", project: str = "", ci: CiFacts | None = None, git: VersionFacts | None = None
) -> VersionView:
    return version(base=base, project_version=project, ci=ci, git=git)


@pytest.mark.parametrize(
    ("base", "project", "number", "git", "expected"),
    [
        ("1.4", "", "42", None, "1.4.42"),
        ("1.4", "", "42.2", None, "1.4.42.2"),  # the second attempt
        ("", "3.1.4", "42", None, "3.1.42"),
        ("", "3.1.4", "42", a_checkout("2.0.9"), "2.0.42"),
        ("", "", "42", a_checkout(), "0.0.42"),
        ("", "dynamic", "42", None, "0.0.42"),
        ("1", "", "42", a_checkout(dirty=True), f"1.42+g{COMMIT}"),
    ],
)
def test_in_ci_the_system_numbers_the_change_set(
    base: str, project: str, number: str, git: VersionFacts | None, expected: str
) -> None:
    view = made(base, project, a_ci(number), git)
    assert (view.version, view.source) == (expected, "ci")


@pytest.mark.parametrize(
    ("base", "project", "git", "expected"),
    [
        ("", "", a_checkout("1.2"), "1.2.7"),
        ("", "", a_checkout("1.2.3"), "1.2.3.7"),
        ("", "", a_checkout("1.2.3", 0), "1.2.3.0"),
        ("", "9.9", a_checkout("2"), "2.0.7"),
        ("", "3.1.4", a_checkout(), "3.1.7"),
        ("", "", a_checkout(), "0.0.7"),
        ("", "", a_checkout("release-x1"), "0.0.7"),
        ("1.4", "", a_checkout("1.2.3"), "1.4.7"),
        ("1.4", "", a_checkout("1.4.3"), "1.4.3.7"),
        ("1", "", a_checkout("1.4.3"), "1.4.3.7"),
        ("1.4", "", a_checkout("1.4.3", dirty=True), f"1.4.3.7+g{COMMIT}"),
    ],
)
def test_elsewhere_the_commits_since_the_last_tag_do(
    base: str, project: str, git: VersionFacts, expected: str
) -> None:
    view = made(base, project, None, git)
    assert view == VersionView(version=expected, base=view.base, source="git", commit=COMMIT, dirty=git.dirty)
    assert expected.startswith(view.base)


def test_a_ci_system_without_a_number_leaves_it_to_git() -> None:
    assert made("1.4", ci=a_ci(""), git=a_checkout()).version == "1.4.7"


def test_no_two_change_sets_of_a_line_of_tags_have_one_version() -> None:
    history = [("1.2", 0), ("1.2", 5), ("1.2.5", 0), ("1.2.5", 5), ("1.2.6", 0), ("1.2.6", 5), ("1.3", 5)]
    versions = [Version(made(git=a_checkout(tag, distance)).version) for tag, distance in history]
    # a tag may be what its own commit was called before
    assert sorted(versions) == versions
    assert len(set(versions)) == len(history) - 1


@pytest.mark.parametrize("base", ["abc", "1.2.dev", "1.2+local", "v1", "1.2.", " ", "1!2"])
def test_a_base_is_a_release(base: str) -> None:
    with pytest.raises(UsageError, match=r"is no release to count under. Give --base X.Y."):
        made(base, ci=a_ci("1"))


@pytest.mark.parametrize("number", ["2024-01-05", "main", "1.x"])
def test_a_ci_number_that_makes_no_version_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="A CI build number must be numbers and dots"):
        made("1.4", ci=a_ci(number))


def test_nothing_numbers_the_change_set() -> None:
    with pytest.raises(UsageError, match="Run it in a git checkout or in CI"):
        made("1.4")
