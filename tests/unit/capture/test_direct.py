"""What installers write beside a distribution, and whose package of the system it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.direct import said_by_installer, was_built_by_uv
from pytest_defend.capture.foreign import system_package
from pytest_defend.model.distributions import Distribution
from pytest_defend.model.origins import Candidate, Certainty, Origin, Tree

if TYPE_CHECKING:
    from pathlib import Path

SHA = "ab" * 32
_TREE = Tree(url="file:///project", commit="c" * 40, dirty=True, diff_sha256=SHA)


def _tree(_folder: Path) -> Tree:
    return _TREE


def _said(document: dict[str, Any], **more: Any) -> Origin | Candidate | None:
    editable = document.get("dir_info", {}).get("editable", False)
    given = {"name": "demo", "version": "1.0", "direct_url": document, "editable": editable, **more}
    return said_by_installer(Distribution(**given), _tree)


@pytest.mark.parametrize(
    ("info", "digest"),
    [
        ({"hashes": {"sha256": SHA}}, SHA),
        ({"hashes": {"sha256": SHA.upper()}}, SHA),
        ({"hash": f"sha256={SHA}"}, SHA),
    ],
)
def test_a_wheel_with_its_digest_is_recorded(info: dict[str, Any], digest: str) -> None:
    url = "https://h.example/files/demo-1.0%2Bcpu-py3-none-any.whl"
    said = _said({"url": url, "archive_info": info})
    assert isinstance(said, Origin)
    assert (said.certainty, said.file, said.sha256, said.url) == (
        Certainty.RECORDED,
        "demo-1.0+cpu-py3-none-any.whl",
        digest,
        url,
    )
    assert said.evidence[0].source == "direct_url.json"


@pytest.mark.parametrize(
    "info", [{}, {"hashes": {}}, {"hashes": {"sha256": "short"}}, {"hash": "md5=x"}, None]
)
def test_a_wheel_without_a_digest_is_only_a_place(info: Any) -> None:
    said = _said({"url": "file:///house/demo-1.0-py3-none-any.whl", "archive_info": info})
    assert said == Candidate(file="demo-1.0-py3-none-any.whl", url="file:///house/demo-1.0-py3-none-any.whl")


def test_a_source_distribution_is_what_it_was_built_from() -> None:
    url = "https://h.example/demo-1.0.tar.gz"
    said = _said({"url": url, "archive_info": {"hashes": {"sha256": SHA}}})
    assert isinstance(said, Origin)
    assert said.certainty is Certainty.BUILT
    assert (said.sha256, said.file) == ("", "")
    assert said.built_from == Candidate(file="demo-1.0.tar.gz", sha256=SHA, url=url)


def test_a_commit_is_what_it_was_built_from() -> None:
    info = {"vcs": "git", "commit_id": "c" * 40, "requested_revision": "main"}
    said = _said({"url": "https://h.example/demo.git", "vcs_info": info, "subdirectory": "python"})
    assert isinstance(said, Origin)
    assert said.certainty is Certainty.BUILT
    assert said.tree == Tree(
        url="https://h.example/demo.git", commit="c" * 40, dirty=False, subdirectory="python"
    )


@pytest.mark.parametrize("editable", [True, False])
def test_a_folder_is_a_tree_with_what_version_control_says(editable: bool) -> None:
    said = _said({"url": "file:///project", "dir_info": {"editable": editable}})
    assert isinstance(said, Origin)
    assert (said.certainty, said.tree) == (Certainty.TREE, _TREE)
    assert ("editable" in said.evidence[0].says) is editable


def test_what_came_from_an_index_may_have_its_provenance(tmp_path: Path) -> None:
    info = tmp_path / "demo-1.0.dist-info"
    info.mkdir()
    document = {
        "url": "https://user:secret@index.example/demo-1.0-py3-none-any.whl",
        "archive_info": {"hashes": {"sha256": SHA}},
    }
    (info / "provenance_url.json").write_text(json.dumps(document))
    said = _said({}, location=str(tmp_path), metadata=info.name)
    assert isinstance(said, Origin)
    assert (said.certainty, said.sha256) == (Certainty.RECORDED, SHA)
    assert said.url == "https://index.example/demo-1.0-py3-none-any.whl"
    assert said.evidence[0].source == "provenance_url.json"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', "[" * 100_000])
def test_a_broken_provenance_says_nothing(tmp_path: Path, text: str) -> None:
    info = tmp_path / "site-packages" / "demo-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "provenance_url.json").write_text(text)
    assert _said({}, location=str(info.parent), metadata=info.name) is None


def test_an_egg_info_outside_of_site_packages_is_a_tree(tmp_path: Path) -> None:
    said = _said({}, location=str(tmp_path), metadata="demo.egg-info")
    assert isinstance(said, Origin)
    assert said.certainty is Certainty.TREE
    assert _said({}, location=str(tmp_path), metadata="demo-1.0-py3.11.egg-info") is None
    inside = str(tmp_path / "dist-packages")
    assert _said({}, location=inside, metadata="demo.egg-info") is None


def test_uv_marks_what_it_built(tmp_path: Path) -> None:
    info = tmp_path / "demo-1.0.dist-info"
    info.mkdir()
    demo = Distribution(name="demo", version="1.0", location=str(tmp_path), metadata=info.name)
    assert not was_built_by_uv(demo)
    (info / "uv_build.json").write_text("{}")
    assert was_built_by_uv(demo)


def _debian(root: Path, package: str, *paths: str) -> None:
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True, exist_ok=True)
    (info / f"{package}.list").write_text("\n".join(["/.", *paths, ""]))
    with (root / "var/lib/dpkg/status").open("a") as status:
        status.write(
            f"Package: {package.partition(':')[0]}\nStatus: install ok installed\nVersion: 6.0-3+b2\n\n"
        )


_DIST_PACKAGES = "/usr/lib/python3/dist-packages"


@pytest.mark.parametrize("package", ["python3-demo", "python3-demo:amd64", "demo", "libdemo-python3"])
def test_a_package_of_debian_is_the_one_that_lists_the_folder(tmp_path: Path, package: str) -> None:
    _debian(tmp_path, "python3-other", f"{_DIST_PACKAGES}/other-1.0.egg-info")
    _debian(tmp_path, package, f"{_DIST_PACKAGES}/demo.py", f"{_DIST_PACKAGES}/demo-1.0.dist-info/METADATA")
    demo = Distribution(name="demo", version="1.0", location=_DIST_PACKAGES, metadata="demo-1.0.dist-info")
    assert system_package(demo, tmp_path) == f"debian {package.partition(':')[0]} 6.0-3+b2"


def test_a_package_that_only_sounds_alike_is_not_named(tmp_path: Path) -> None:
    _debian(tmp_path, "python3-demo", f"{_DIST_PACKAGES}/demo-2.0.dist-info/METADATA")
    demo = Distribution(name="demo", version="1.0", location=_DIST_PACKAGES, metadata="demo-1.0.dist-info")
    assert system_package(demo, tmp_path) == ""


def _conda(environment: Path, name: str, version: str, files: Any) -> None:
    meta = environment / "conda-meta"
    meta.mkdir(parents=True, exist_ok=True)
    told = {"name": name, "version": version, "build": "py312h1_0", "files": files}
    (meta / f"{name}-{version}-py312h1_0.json").write_text(json.dumps(told))


_SITE = "lib/python3.12/site-packages"


@pytest.mark.parametrize(
    ("name", "version", "metadata", "listed"),
    [
        ("demo", "1.0", "demo-1.0.dist-info", "demo-1.0.dist-info/METADATA"),
        ("python-demo", "2024a", "demo-1.0.dist-info", "demo-1.0.dist-info/METADATA"),
        ("demo", "1.0", "demo-1.0-py3.12.egg-info", "demo-1.0-py3.12.egg-info"),
        ("demo", "1.0", "d\u00e9mo-1.0.dist-info", "d\u00e9mo-1.0.dist-info/METADATA"),
    ],
    ids=["usual", "other-name-and-version", "single-file", "accent"],
)
def test_a_package_of_conda_is_the_one_that_lists_the_folder(
    tmp_path: Path, name: str, version: str, metadata: str, listed: str
) -> None:
    environment = tmp_path / "env"
    elsewhere = [f"lib/python3.11/site-packages/{listed}", f"{_SITE}/{metadata}-more/METADATA"]
    _conda(environment, "aaa", "1.0", [])
    _conda(environment, "demos", "1.0", [*elsewhere, None])
    _conda(environment, "odd", "1.0", f"{_SITE}/{listed}")
    _conda(environment, name, version, ["bin/demo", f"{_SITE}/{listed}"])
    (environment / "conda-meta" / "broken-1.0-x.json").write_text(f'{{"{_SITE}/{metadata}')
    (environment / "conda-meta" / "list-1.0-x.json").write_text(json.dumps([f"{_SITE}/{listed}"]))
    demo = Distribution(name="demo", version="1.0", location=str(environment / _SITE), metadata=metadata)
    assert system_package(demo, tmp_path) == f"conda {name} {version} py312h1_0"


def test_a_package_of_conda_elsewhere_is_not_named(tmp_path: Path) -> None:
    _conda(tmp_path / "env", "demo", "1.0", [f"{_SITE}/demo-1.0.dist-info/METADATA"])
    for folder in (tmp_path / _SITE, tmp_path / "env" / "target", tmp_path / "env"):
        demo = Distribution(name="demo", version="1.0", location=str(folder), metadata="demo-1.0.dist-info")
        assert system_package(demo, tmp_path) == ""


@pytest.mark.parametrize("installer", ["conda", "Debian", "rpm"])
def test_where_the_packagers_of_a_system_built_it_says_nothing(installer: str) -> None:
    url = {"url": "file:///croot/demo_1700000000/work", "dir_info": {}}
    assert _said(url, installer=installer) is None


@pytest.mark.parametrize(("installer", "name"), [("rpm", "rpm"), ("Debian", "debian"), ("pip", ""), ("", "")])
def test_else_the_installer_is_all_there_is(tmp_path: Path, installer: str, name: str) -> None:
    demo = Distribution(name="demo", version="1.0", location=str(tmp_path), metadata="d", installer=installer)
    assert system_package(demo, tmp_path) == name
