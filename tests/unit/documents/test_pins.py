from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from pytest_defend.documents.pins import Pin, Unpinned, Way, pins
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, TWO = "1" * 64, "2" * 64
COMMIT = "c" * 40
WHEEL = "lib-2.0-py3-none-any.whl"
URL = f"https://example.org/files/{WHEEL}"
MATCHED = Origin(
    certainty=Certainty.MATCHED,
    file=WHEEL,
    sha256=ONE,
    url=URL,
    index="https://example.org/simple/",
    size_bytes=7,
)
SDIST = Candidate(file="lib-2.0.tar.gz", sha256=TWO, url="https://example.org/files/lib-2.0.tar.gz")
BUILT = Origin(certainty=Certainty.BUILT, built_from=SDIST)
HASHED: Mapping[str, Any] = {"archive_info": {"hashes": {"sha256": TWO}}}
GIT: Mapping[str, Any] = {
    "url": "https://example.org/lib.git",
    "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"},
    "subdirectory": "src",
}
FROM_COMMIT = Origin(
    certainty=Certainty.BUILT, tree=Tree(url="https://example.org/lib.git", commit=COMMIT, dirty=False)
)


def judged(origin: Origin | None = MATCHED, **changes: Any) -> Pin | Unpinned:
    distribution = replace(Distribution(name="lib", version="2.0", origin=origin), **changes)
    (one,) = pins(Installed(distributions=(distribution,)), "Demo")
    assert one.distribution is distribution
    return one


def pinned(origin: Origin | None = MATCHED, **changes: Any) -> Pin:
    one = judged(origin, **changes)
    assert isinstance(one, Pin), one
    return one


def refused(origin: Origin | None = MATCHED, **changes: Any) -> str:
    one = judged(origin, **changes)
    assert isinstance(one, Unpinned), one
    assert one.hashes == ()
    return one.reason


@pytest.mark.parametrize("certainty", [certainty for certainty in Certainty if certainty.exact])
def test_an_exact_origin_is_pinned_to_its_wheel(certainty: Certainty) -> None:
    pin = pinned(replace(MATCHED, certainty=certainty))
    assert (pin.way, pin.certainty) == (Way.WHEEL, certainty)
    assert (pin.file, pin.sha256, pin.size_bytes) == (WHEEL, ONE, 7)
    assert (pin.url, pin.index, pin.note) == (URL, "https://example.org/simple/", "")


def test_versions_are_spelled_as_pep_440_does() -> None:
    file = "lib-1.0.post1-py3-none-any.whl"
    assert pinned(replace(MATCHED, file=file, url=""), version="1.0-1").version == "1.0.post1"


def test_an_exact_source_distribution_is_one() -> None:
    pin = pinned(replace(MATCHED, file="lib-2.0.tar.gz", url=""))
    assert (pin.way, pin.url) == (Way.SDIST, "")


@pytest.mark.parametrize(
    "file", ["", "other-2.0-py3-none-any.whl", "lib-2.1.tar.gz", "lib.exe", f"../{WHEEL}"]
)
def test_a_file_of_something_else_is_none(file: str) -> None:
    reason = refused(replace(MATCHED, file=file))
    assert reason == (f"{file} is no file of this name and version" if file else "its file is not known")


@pytest.mark.parametrize("sha256", ["", "1", "z" * 64])
def test_a_file_without_a_digest_is_none(sha256: str) -> None:
    assert refused(replace(MATCHED, sha256=sha256)) == f"the digest or the place of {WHEEL} is not known"


@pytest.mark.parametrize(
    "url",
    [
        "",
        WHEEL,
        f"ftp://example.org/{WHEEL}",
        f"https:///{WHEEL}",
        f"https://[example/{WHEEL}",
        f"https://example.org:port/{WHEEL}",
        f"https://example.org/a b/{WHEEL}",
        f"https://example.org/\n/{WHEEL}",
        f"https://exa|mple.org/{WHEEL}",
        f"file:///home/somebody/{WHEEL}",
    ],
)
def test_a_url_that_leads_nowhere_on_other_machines_is_not_told(url: str) -> None:
    pin = pinned(replace(MATCHED, url=url))
    assert (pin.url, pin.file) == ("", WHEEL)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"{URL}#sha256={ONE}", URL),
        (f"https://[::1]:8080/{WHEEL}?a=b", f"https://[::1]:8080/{WHEEL}?a=b"),
    ],
)
def test_urls_have_no_fragment(url: str, kept: str) -> None:
    assert pinned(replace(MATCHED, url=url)).url == kept


def test_a_url_may_be_quoted() -> None:
    origin = replace(MATCHED, file="lib-2.0+a-py3-none-any.whl", url=URL.replace("2.0", "2.0%2Ba"))
    assert pinned(origin, version="2.0+a").url == origin.url


@pytest.mark.parametrize("name", ["Lib", "lib_", "li\nb", ""])
def test_what_no_installer_can_be_asked_for_is_refused(name: str) -> None:
    assert "its name or version is none" in refused(name=name)
    assert "its name or version is none" in refused(version=f"two{name}")


@pytest.mark.parametrize(
    ("origin", "changes", "reason"),
    [
        (None, {}, "nobody looked where it came from"),
        (MATCHED, {"name": "demo"}, "the package under test; its files are those of the build"),
        (
            Origin(certainty=Certainty.TREE, tree=Tree(commit="abc")),
            {"name": "demo", "editable": True},
            "the package under test, editable install of a working tree; commit abc",
        ),
        (MATCHED, {"editable": True}, "editable install of a working tree; under no version control"),
        (Origin(certainty=Certainty.TREE), {}, "installed from a folder; under no version control"),
        (
            Origin(certainty=Certainty.TREE, tree=Tree(commit="abc", dirty=True)),
            {"editable": True},
            "editable install of a working tree; commit abc, with changes that are not committed",
        ),
        (
            Origin(certainty=Certainty.TREE, tree=Tree(commit="abc", dirty=False)),
            {},
            "installed from a folder; commit abc, without changes",
        ),
        (
            Origin(certainty=Certainty.TREE, tree=Tree(commit="abc", dirty=False, untracked_count=2)),
            {},
            "installed from a folder; commit abc, without changes, with 2 files that are not tracked",
        ),
        (
            Origin(certainty=Certainty.TREE, tree=Tree(commit="abc")),
            {},
            "installed from a folder; commit abc",
        ),
        (
            Origin(certainty=Certainty.FOREIGN, package="debian python3-yaml 6.0-3+b2"),
            {},
            "belongs to the system: debian python3-yaml 6.0-3+b2",
        ),
        (
            Origin(certainty=Certainty.FOREIGN),
            {},
            "belongs to the system: no Python installer put it there",
        ),
        (Origin(certainty=Certainty.UNKNOWN), {}, "unknown origin: nothing says which file it came from"),
        (
            Origin(certainty=Certainty.BUILT),
            {},
            "built where it was installed, from a source that is not known",
        ),
        (
            Origin(certainty=Certainty.BUILT, built_from=replace(SDIST, sha256="")),
            {},
            "the digest or the place of lib-2.0.tar.gz is not known",
        ),
    ],
)
def test_reasons_are_words(origin: Origin | None, changes: dict[str, Any], reason: str) -> None:
    assert refused(origin, **changes) == reason


def test_a_built_one_is_pinned_to_its_source() -> None:
    pin = pinned(replace(BUILT, file="lib-2.0-cp311-cp311-linux_x86_64.whl", sha256=ONE))
    assert (pin.way, pin.file, pin.sha256, pin.url) == (Way.SDIST, SDIST.file, TWO, SDIST.url)
    assert pin.note == "built again when it is installed; what that build uses is not pinned"


def test_files_that_were_changed_are_said() -> None:
    drift = ("changed lib.py", "missing more.py")
    changed = "2 of its files had been changed since it was installed; this is how they were before"
    assert pinned(drift=drift).note == changed
    assert pinned(BUILT, drift=drift).note.endswith(f"not pinned; {changed}")


def test_one_of_several_files_keeps_every_digest() -> None:
    candidates = (
        Candidate(file="b", sha256=TWO),
        Candidate(file="a", sha256=ONE),
        Candidate(file="", sha256=ONE),
    )
    one = judged(Origin(certainty=Certainty.CONSTRAINED, candidates=candidates))
    assert isinstance(one, Unpinned)
    assert one.reason == "several files fit, 3 of them, and nobody can say which it was"
    assert (one.version, one.hashes) == ("2.0", (ONE, TWO))


@pytest.mark.parametrize("candidates", [(), (Candidate(file="a", sha256=ONE), Candidate(file="b"))])
def test_a_missing_digest_makes_the_others_useless(candidates: tuple[Candidate, ...]) -> None:
    assert refused(Origin(certainty=Certainty.CONSTRAINED, candidates=candidates)).startswith("several files")


def test_a_commit_is_pinned() -> None:
    pin = pinned(FROM_COMMIT, direct_url=GIT)
    assert (pin.way, pin.vcs, pin.commit, pin.revision) == (Way.COMMIT, "git", COMMIT, "main")
    assert (pin.url, pin.subdirectory, pin.sha256) == ("https://example.org/lib.git", "src", "")


def test_a_commit_may_be_known_from_the_tree_alone() -> None:
    tree = Tree(url="ssh://example.org/lib", commit="7", subdirectory="part")
    origin = replace(FROM_COMMIT, tree=tree)
    pin = pinned(origin, direct_url={"url": 7, "vcs_info": {"vcs": "svn", "requested_revision": "a\nb"}})
    assert (pin.url, pin.commit, pin.revision, pin.subdirectory) == (tree.url, "7", "", "part")


@pytest.mark.parametrize(
    ("changes", "vcs", "reason"),
    [
        ({"commit": ""}, "git", "installed from a repository; the commit is not known"),
        ({"commit": "main"}, "git", "installed from a repository; the commit is not known"),
        ({}, "cvs", "installed from a repository; the commit is not known"),
        ({"dirty": True}, "git", f"commit {COMMIT} with changes that are not committed"),
        ({"url": "git@example.org:lib"}, "git", f"commit {COMMIT} of a repository that is not known"),
    ],
)
def test_commits_that_nobody_can_check_out_are_none(changes: dict[str, Any], vcs: str, reason: str) -> None:
    tree = Tree(**{"url": "https://example.org/lib.git", "commit": COMMIT, **changes})
    assert refused(replace(FROM_COMMIT, tree=tree), direct_url={"vcs_info": {"vcs": vcs}}) == reason


@pytest.mark.parametrize(
    "archive_info",
    [{"hashes": {"sha256": TWO}}, {"hash": f"sha256={TWO}"}, {"hashes": 1, "hash": f"sha256={TWO}"}],
)
def test_an_archive_has_the_digest_its_installer_recorded(archive_info: dict[str, Any]) -> None:
    direct_url = {
        "url": "https://example.org/a.zip#egg=lib",
        "archive_info": archive_info,
        "subdirectory": "x",
    }
    pin = pinned(Origin(certainty=Certainty.BUILT), direct_url=direct_url)
    assert (pin.way, pin.url, pin.sha256) == (Way.ARCHIVE, "https://example.org/a.zip", TWO)
    assert (pin.file, pin.index, pin.subdirectory) == ("a.zip", "", "x")


@pytest.mark.parametrize("place", ["file:///home/somebody/", "https://example.org/"])
@pytest.mark.parametrize(
    ("file", "way"), [(WHEEL, Way.WHEEL), ("lib-2.0.tar.gz", Way.SDIST), ("v2 (final).zip", Way.ARCHIVE)]
)
def test_a_file_asked_for_by_its_url_is_what_its_name_says(place: str, file: str, way: Way) -> None:
    direct_url = {"url": f"{place}{quote(file)}", "archive_info": {}}
    pin = pinned(replace(MATCHED, file="", url=""), direct_url=direct_url)
    assert (pin.way, pin.file, pin.sha256) == (way, file, ONE)
    assert pin.url == (direct_url["url"] if place.startswith("https") else "")


def test_a_source_in_a_folder_of_an_sdist_is_an_archive() -> None:
    direct_url = {"url": SDIST.url, "archive_info": {}, "subdirectory": "part"}
    pin = pinned(BUILT, direct_url=direct_url)
    assert (pin.way, pin.file, pin.subdirectory) == (Way.ARCHIVE, SDIST.file, "part")


@pytest.mark.parametrize(
    "end", ["", "/download", "/lib", "/a%2Fb.zip", "/..", "/a%0A.zip", "/a%5Cb.zip", "/c:a.zip"]
)
def test_what_is_no_name_of_a_file_is_none(end: str) -> None:
    url = f"https://example.org{end}"
    pin = pinned(Origin(certainty=Certainty.BUILT), direct_url={"url": url, **HASHED})
    assert (pin.way, pin.url) == (Way.ARCHIVE, url)
    assert pin.file == ("b.zip" if end == "/a%2Fb.zip" else "")


@pytest.mark.parametrize("url", ["", "file:///home/somebody/download", "https://[example/a.zip"])
def test_an_archive_that_is_nowhere_is_none(url: str) -> None:
    unknown = refused(Origin(certainty=Certainty.BUILT), direct_url={"url": url, **HASHED})
    assert unknown == "the digest or the place of its archive is not known"


def test_an_archive_without_a_digest_is_none() -> None:
    direct_url = {"url": "https://example.org/a.zip", "archive_info": {}}
    reason = refused(Origin(certainty=Certainty.BUILT), direct_url=direct_url)
    assert reason == "the digest or the place of a.zip is not known"
