"""Whether the tests run on what is shipped."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.files import read_dist
from pytest_defend.capture.shipped import compare, imported_from
from pytest_defend.model.distributions import DistFile, Distribution
from pytest_defend.model.origins import Certainty, Origin, Tree
from pytest_defend.model.record import Shipped
from wheels import a_wheel, an_sdist

FILES = {"demo/__init__.py": "", "demo/a.py": "a = 1", "demo/b.py": "b = 1"}


@pytest.fixture
def shipped(tmp_path: Path) -> DistFile:
    found = read_dist(a_wheel(tmp_path / "dist", "demo", files=FILES))
    assert isinstance(found, DistFile)
    return found


@pytest.fixture
def installed(shipped: DistFile, tmp_path: Path) -> Distribution:
    site = tmp_path / "site"
    with zipfile.ZipFile(shipped.path) as archive:
        archive.extractall(site)
    (found,) = read_distributions(paths=[str(site)])[0].distributions
    return found


def _nowhere(_name: str) -> Path | None:
    return None


def test_the_installed_copy_of_the_file(shipped: DistFile, installed: Distribution) -> None:
    tested = compare(shipped, installed, _nowhere)
    assert tested is not None
    assert (tested.what, tested.fingerprint) == (Shipped.ARTIFACT, installed.fingerprint)


def test_a_rebuilt_file_with_the_same_content_is_the_same(
    tmp_path: Path, shipped: DistFile, installed: Distribution
) -> None:
    again = a_wheel(tmp_path / "again", "demo", files=FILES, dated=(2021, 1, 1))
    assert again.read_bytes() != Path(shipped.path).read_bytes()
    tested = compare(replace(shipped, path=str(again)), installed, _nowhere)
    assert tested is not None
    assert tested.what is Shipped.ARTIFACT


def test_other_content_names_the_paths(tmp_path: Path, shipped: DistFile, installed: Distribution) -> None:
    files = {**FILES, "demo/a.py": "a = 2", "demo/c.py": ""}
    del files["demo/b.py"]
    other = a_wheel(tmp_path / "other", "demo", files=files)
    tested = compare(replace(shipped, path=str(other)), installed, _nowhere)
    assert tested is not None
    assert (tested.what, tested.differs) == (Shipped.DIFFERS, ("demo/a.py", "demo/b.py", "demo/c.py"))
    assert tested.differs_count == 3


def test_a_patched_file_on_disk_differs_though_record_agrees(
    shipped: DistFile, installed: Distribution
) -> None:
    Path(installed.location, "demo/a.py").write_text("a = 3")
    tested = compare(shipped, installed, _nowhere)
    assert tested is not None
    assert (tested.what, tested.differs) == (Shipped.DIFFERS, ("demo/a.py",))


def test_a_long_list_is_cut_and_counted(tmp_path: Path, shipped: DistFile, installed: Distribution) -> None:
    files = {**FILES, **{f"demo/x{number:03d}.py": "" for number in range(150)}}
    other = a_wheel(tmp_path / "other", "demo", files=files)
    tested = compare(replace(shipped, path=str(other)), installed, _nowhere)
    assert tested is not None
    assert (len(tested.differs), tested.differs_count) == (100, 150)


def test_an_editable_install_is_its_working_tree(shipped: DistFile, installed: Distribution) -> None:
    tree = Tree(commit="c" * 40, dirty=True)
    origin = Origin(certainty=Certainty.TREE, tree=tree)
    tested = compare(shipped, replace(installed, editable=True, origin=origin), _nowhere)
    assert tested is not None
    assert (tested.what, tested.tree) == (Shipped.TREE, tree)


def test_another_version_and_none(shipped: DistFile, installed: Distribution) -> None:
    other = compare(shipped, replace(installed, version="2.0"), _nowhere)
    none = compare(shipped, None, _nowhere)
    assert other is not None
    assert none is not None
    assert (other.what, none.what) == (Shipped.OTHER_VERSION, Shipped.NOT_INSTALLED)


def test_a_package_that_is_imported_from_elsewhere_was_not_tested(
    shipped: DistFile, installed: Distribution
) -> None:
    asked: list[str] = []

    def imported(name: str) -> Path | None:
        asked.append(name)
        return Path("/checkout/demo/__init__.py")

    tested = compare(shipped, installed, imported)
    assert tested is not None
    assert (tested.what, tested.imported_from) == (Shipped.SHADOWED, "/checkout/demo/__init__.py")
    assert asked == ["demo"]


def test_imported_from_where_it_is_installed(shipped: DistFile, installed: Distribution) -> None:
    tested = compare(shipped, installed, lambda name: Path(installed.location, name, "__init__.py"))
    assert tested is not None
    assert tested.what is Shipped.ARTIFACT


def test_nothing_is_said_of_a_source_distribution(tmp_path: Path, installed: Distribution) -> None:
    found = read_dist(an_sdist(tmp_path / "sdist", "demo"))
    assert isinstance(found, DistFile)
    assert compare(found, installed, _nowhere) is None


def test_a_wheel_that_cannot_be_read_is_not_what_was_tested(
    tmp_path: Path, shipped: DistFile, installed: Distribution
) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"")
    tested = compare(replace(shipped, path=str(broken)), installed, _nowhere)
    assert tested is not None
    assert (tested.what, tested.fingerprint) == (Shipped.DIFFERS, "")


def test_where_modules_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_imported").mkdir()
    (tmp_path / "never_imported/__init__.py").write_text("raise RuntimeError")
    (tmp_path / "only_a_namespace").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert imported_from("pytest") == Path(pytest.__file__).resolve()
    assert imported_from("never_imported") == tmp_path.resolve() / "never_imported/__init__.py"
    assert "never_imported" not in sys.modules
    assert [imported_from(name) for name in ("only_a_namespace", "sys", "no_such_module")] == [None] * 3
    monkeypatch.setitem(sys.modules, "strange", object())
    assert imported_from("strange") is None
