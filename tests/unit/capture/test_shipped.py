"""Whether the tests run on what is shipped: the verdict on a wheel and its installed copy."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.files import read_dist
from pytest_defend.capture.shipped import Ran, compare
from pytest_defend.model.distributions import DistFile, Distribution
from pytest_defend.model.origins import Certainty, Origin, Tree
from pytest_defend.model.record import RanOn, Shipped
from wheels import a_wheel, an_sdist

if TYPE_CHECKING:
    from pytest_defend.capture.imports import Imports

FILES = {"demo/__init__.py": "", "demo/a.py": "a = 1", "demo/b.py": "b = 1"}
AFTER = 1 << 62  # the tests begin after everything that a test of ours does


def _file(path: Path) -> DistFile:
    found = read_dist(path)
    assert isinstance(found, DistFile)
    return found


def _unpacked(wheel: str | Path, site: Path) -> Distribution:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (found,) = read_distributions(paths=[str(site)])[0].distributions
    return found


@pytest.fixture
def shipped(tmp_path: Path) -> DistFile:
    return _file(a_wheel(tmp_path / "dist", "demo", files=FILES))


@pytest.fixture
def installed(shipped: DistFile, tmp_path: Path) -> Distribution:
    return _unpacked(shipped.path, tmp_path / "site")


def _compared(
    file: DistFile,
    installed: Distribution | None,
    *imports: Imports,
    look_up: str = "",
    tags: frozenset[str] = frozenset({"py3-none-any"}),
    since_ns: int = AFTER,
) -> RanOn:
    seen = imports or (({"demo": {installed.location: []}},) if installed else ())
    ran = Ran(imports=seen, look_up=lambda _name: look_up, tags=tags, since_ns=since_ns)
    found = compare(file, installed, ran)
    assert found is not None
    return found


def test_the_installed_copy_of_the_file(shipped: DistFile, installed: Distribution) -> None:
    tested = _compared(shipped, installed)
    assert (tested.what, tested.fingerprint) == (Shipped.ARTIFACT, installed.fingerprint)


def test_a_rebuilt_file_with_the_same_content_is_the_same(tmp_path: Path, installed: Distribution) -> None:
    again = _file(a_wheel(tmp_path / "again", "demo", files=FILES, dated=(2021, 1, 1)))
    assert _compared(again, installed).what is Shipped.ARTIFACT


def test_other_content_names_the_paths(tmp_path: Path, installed: Distribution) -> None:
    files = {**FILES, "demo/a.py": "a = 2", "demo/c.py": ""}
    del files["demo/b.py"]
    tested = _compared(_file(a_wheel(tmp_path / "other", "demo", files=files)), installed)
    assert tested.what is Shipped.DIFFERS
    assert tested.differs == ("added demo/b.py", "changed demo/a.py", "missing demo/c.py")
    assert tested.differs_count == 3


def test_a_long_list_is_cut_and_counted(tmp_path: Path, installed: Distribution) -> None:
    files = {**FILES, **{f"demo/x{number:03d}.py": "" for number in range(150)}}
    tested = _compared(_file(a_wheel(tmp_path / "other", "demo", files=files)), installed)
    assert (len(tested.differs), tested.differs_count) == (100, 150)


# --- when the copy was changed ----------------------------------------------------------------------


def test_a_copy_that_was_written_to_while_the_tests_ran(shipped: DistFile, installed: Distribution) -> None:
    last_ns = max(path.stat().st_mtime_ns for path in Path(installed.location).rglob("*"))
    assert _compared(shipped, installed, since_ns=last_ns + 1).what is Shipped.ARTIFACT
    path = Path(installed.location, "demo/a.py")
    while path.stat().st_mtime_ns <= last_ns:  # clocks of file systems are coarse
        path.write_bytes(b"a = 1")  # the same again
    tested = _compared(shipped, installed, since_ns=last_ns + 1)
    assert (tested.what, tested.differs) == (Shipped.CHANGED, ("demo/a.py",))


def test_the_date_of_a_file_alone_says_nothing(shipped: DistFile, installed: Distribution) -> None:
    path = Path(installed.location, "demo/a.py")
    later = path.stat().st_mtime_ns + 10**15
    os.utime(path, ns=(later, later))  # as archives of another time zone do
    assert _compared(shipped, installed, since_ns=later).what is Shipped.ARTIFACT


def test_a_copy_that_was_replaced_by_what_is_shipped(shipped: DistFile, installed: Distribution) -> None:
    before = replace(installed, fingerprint="f" * 64)
    assert _compared(shipped, before).what is Shipped.CHANGED
    gone = replace(installed, metadata="demo-0.9.dist-info")
    assert _compared(shipped, gone).what is Shipped.CHANGED


# --- when there is no copy of it to compare ---------------------------------------------------------


def test_an_editable_install_is_its_working_tree(shipped: DistFile, installed: Distribution) -> None:
    tree = Tree(commit="c" * 40, dirty=True)
    origin = Origin(certainty=Certainty.TREE, tree=tree)
    tested = _compared(shipped, replace(installed, editable=True, origin=origin))
    assert (tested.what, tested.tree) == (Shipped.TREE, tree)


def test_another_version_and_none(shipped: DistFile, installed: Distribution) -> None:
    assert _compared(shipped, replace(installed, version="2.0")).what is Shipped.OTHER_VERSION
    assert _compared(shipped, None).what is Shipped.NOT_INSTALLED


def test_wheels_of_a_matrix(tmp_path: Path, shipped: DistFile, installed: Distribution) -> None:
    files = {**FILES, "demo/_c.cpython-312-x86_64-linux-gnu.so": ""}
    other = _file(a_wheel(tmp_path / "other", "demo", files=files, tags="cp312-cp312-linux_x86_64"))
    here = frozenset({"py3-none-any", "cp311-cp311-linux_x86_64"})
    for there in (installed, None, replace(installed, editable=True), replace(installed, version="2")):
        tested = _compared(other, there, tags=here)
        assert (tested.what, tested.differs_count) == (Shipped.NOT_FOR_HERE, 0)
    assert _compared(other, installed, tags=frozenset()).what is Shipped.OTHER_WHEEL
    assert _compared(shipped, installed, tags=frozenset({"cp27-none-any"})).what is Shipped.ARTIFACT


def test_another_wheel_of_the_version(tmp_path: Path, installed: Distribution) -> None:
    rebuilt = _file(a_wheel(tmp_path / "rebuilt", "demo", files=FILES, build="2"))
    tested = _compared(rebuilt, installed)
    assert (tested.what, tested.differs) == (Shipped.OTHER_WHEEL, ("changed demo-1.0.dist-info/WHEEL",))
    renamed = Path(rebuilt.path).with_name("demo-1.0-3-py3-none-any.whl")
    Path(a_wheel(tmp_path / "plain", "demo", files=FILES)).rename(renamed)
    assert _compared(_file(renamed), installed).what is Shipped.ARTIFACT


def test_a_wheel_on_the_path_is_itself(tmp_path: Path, shipped: DistFile) -> None:
    (found,) = read_distributions(paths=[shipped.path])[0].distributions
    assert _compared(shipped, found).what is Shipped.ARTIFACT
    other = _file(a_wheel(tmp_path / "other", "demo", files=FILES, dated=(2021, 1, 1)))
    tested = _compared(other, found)
    assert (tested.what, tested.differs) == (Shipped.DIFFERS, ("changed demo-1.0-py3-none-any.whl",))
    Path(shipped.path).unlink()
    assert _compared(other, found).what is Shipped.CHANGED


def test_nothing_is_said_of_a_source_distribution(tmp_path: Path, installed: Distribution) -> None:
    file = _file(an_sdist(tmp_path / "sdist", "demo"))
    ran = Ran(imports=(), look_up=lambda _name: "", tags=frozenset(), since_ns=AFTER)
    assert compare(file, installed, ran) is None


def test_a_wheel_that_cannot_be_read_is_defective(
    tmp_path: Path, shipped: DistFile, installed: Distribution
) -> None:
    broken = tmp_path / "demo-1.0-py3-none-any.whl"
    broken.write_bytes(b"")
    tested = _compared(replace(shipped, path=str(broken)), installed)
    assert (tested.what, tested.fingerprint) == (Shipped.DEFECTIVE, "")
    assert tested.differs == ("damaged demo-1.0-py3-none-any.whl",)


# --- what was imported ------------------------------------------------------------------------------


def test_a_package_that_is_imported_from_elsewhere_was_not_tested(
    shipped: DistFile, installed: Distribution, tmp_path: Path
) -> None:
    tested = _compared(shipped, installed, {"demo": {"/checkout": []}})
    assert (tested.what, tested.imported_from) == (Shipped.SHADOWED, "/checkout")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/__init__.py").write_text("")
    tested = _compared(shipped, installed, {"demo": {str(tmp_path): []}})
    assert tested.imported_from == str(tmp_path / "demo/__init__.py")


def test_one_worker_that_imports_another_is_enough(shipped: DistFile, installed: Distribution) -> None:
    here: Imports = {"demo": {installed.location: []}}
    assert _compared(shipped, installed, {}, here, here).what is Shipped.ARTIFACT
    assert _compared(shipped, installed, {}, here, {"demo": {"/checkout": []}}).what is Shipped.SHADOWED


@pytest.mark.parametrize(
    ("elsewhere", "what"),
    [(["demo.a"], Shipped.SHADOWED), (["demo.tests"], Shipped.ARTIFACT)],
    ids=["a module of the wheel", "a module it does not hold"],
)
def test_a_package_from_several_folders(
    shipped: DistFile, installed: Distribution, elsewhere: list[str], what: Shipped
) -> None:
    seen: Imports = {"demo": {installed.location: ["demo"], "/checkout": elsewhere}}
    assert _compared(shipped, installed, seen).what is what


def test_what_nobody_imported(shipped: DistFile, installed: Distribution) -> None:
    assert _compared(shipped, installed, {}).what is Shipped.NOT_IMPORTED
    assert _compared(shipped, installed, {}, look_up=installed.location).what is Shipped.NOT_IMPORTED
    assert _compared(shipped, installed, {}, look_up="/checkout").what is Shipped.SHADOWED


@pytest.mark.parametrize("file", ["demo-stubs/__init__.pyi", "share.txt"])
def test_what_cannot_be_imported_need_not_be(tmp_path: Path, file: str) -> None:
    wheel = _file(a_wheel(tmp_path / "dist", "demo", files={file: ""}))
    assert _compared(wheel, _unpacked(wheel.path, tmp_path / "site"), {}).what is Shipped.ARTIFACT


def test_a_namespace_that_others_share(tmp_path: Path) -> None:
    wheel = _file(a_wheel(tmp_path / "dist", "demo", files={"space/demo/__init__.py": ""}))
    installed = _unpacked(wheel.path, tmp_path / "site")
    here: dict[str, list[str]] = {installed.location: []}
    there: dict[str, list[str]] = {"/checkout": []}
    assert _compared(wheel, installed, {"space.demo": here, "space.more": there}).what is Shipped.ARTIFACT
    assert _compared(wheel, installed, {"space.more": here}).what is Shipped.NOT_IMPORTED
    assert _compared(wheel, installed, {"space.demo": there}).what is Shipped.SHADOWED
    assert _compared(wheel, installed, {"space": there}).what is Shipped.SHADOWED
