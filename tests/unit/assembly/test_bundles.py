"""From what a user names to a complete bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import a_bundle
from pytest_defend.actions.archive import archive
from pytest_defend.assembly.bundles import complete_bundle
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.bundle import FINAL, JOURNAL, MANIFEST, Final
from pytest_defend.model.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place


def test_a_record_is_unpacked_for_as_long_as_it_is_needed(place: Place) -> None:
    manifest = a_bundle(place.root / "run")
    (place.root / "run" / FINAL).write_bytes(Final(exit_status=0).to_bytes())
    archive(place.root / "run", place.root / "run.zip")
    with complete_bundle(place.root / "run.zip", place.settings, place.project, place.hook) as found:
        folder, *read = found
        assert read == [manifest, Final(exit_status=0)]
        assert (folder / JOURNAL).read_bytes() == (place.root / "run" / JOURNAL).read_bytes()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["", JOURNAL])
def test_a_folder_or_its_journal_is_taken_where_it_is(place: Place, name: str) -> None:
    manifest = a_bundle(place.root / "run")
    with complete_bundle(place.root / "run" / name, place.settings, place.project, place.hook) as found:
        assert found == (place.root / "run", manifest, None)


def test_a_run_that_was_killed_is_packed_first_and_once(place: Place) -> None:
    folder = place.killed(b'{"n":1,"s"')
    manifest, record = place.taken_up(folder / JOURNAL)
    assert manifest.verdict.result is Result.INCOMPLETE
    assert manifest.verdict.reasons == ("the run was killed before its session finished",)
    assert (record.run, record.exit_status) == ("r1", None)
    assert (folder / MANIFEST).is_file()
    assert place.taken_up(folder) == (manifest, record)


@pytest.mark.parametrize("make", ["nothing", "folder", "text", "zip of something else"])
def test_anything_else_is_no_record(place: Place, make: str) -> None:
    given = place.root / "given"
    if make == "folder":
        given.mkdir()
    elif make == "text":
        given.write_text("text")
    elif make == "zip of something else":
        place.write("other/readme.txt")
        archive(place.root / "other", given)
    with pytest.raises((UsageError, InvalidDocument)) as refused:
        place.taken_up(given)
    assert str(given) in str(refused.value)
    assert "--defend-record" in str(refused.value)
    assert ("does not exist" in str(refused.value)) is (make == "nothing")


def test_a_damaged_journal_is_not_packed(place: Place, tmp_path: Path) -> None:
    for content in (b"", b"garbage\n", b'{"journal":"pytest-defend","version":9}\n'):
        (tmp_path / JOURNAL).write_bytes(content)
        with pytest.raises(InvalidDocument):
            place.taken_up(tmp_path / JOURNAL)
    assert not (tmp_path / MANIFEST).exists()
