"""A policy comes from the one place the settings name; keys and commands are found beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, a_build_info, a_clock, an_upload
from pytest_defend import assembly
from pytest_defend.errors import DefendError, InvalidDocument, NotFound, UsageError
from pytest_defend.model.snapshot import Snapshot
from pytest_defend.settings import Project, resolve
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.ladder import Ladder

TABLE = 'levels = [{name = "dev"}, {name = "rc", stages = ["smoke"]}]\n'
_KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
PEM = f"-----BEGIN PUBLIC KEY-----\n{_KEY}\n-----END PUBLIC KEY-----\n"


def _project(root: Path, **table: object) -> Project:
    return Project(root=root, table=table, name="demo", version="1")


def _ladder(root: Path, policy: str = "", store: Any = None, **table: object) -> tuple[Ladder, str]:
    settings = resolve(command_line={"policy": policy}, environ={}, pyproject={}, detected=None)
    return assembly.open_ladder(settings, _project(root, **table), store or MemoryStore(a_clock))


def test_the_table_of_the_project_counts_when_nothing_is_named(tmp_path: Path) -> None:
    ladder, source = _ladder(tmp_path, ladder={"levels": [{"name": "dev"}]})
    assert [level.name for level in ladder.levels] == ["dev"]
    assert source == "pyproject.toml [tool.pytest-defend.ladder]"


def test_a_file_is_found_from_the_root_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(TABLE)
    ladder, source = _ladder(tmp_path, "policy.toml", ladder={"levels": [{"name": "other"}]})
    assert [level.name for level in ladder.levels] == ["dev", "rc"]
    assert source == "policy.toml"


def test_a_store_keeps_a_policy_where_the_pipeline_cannot_write(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    store.put(an_upload("policies/main.toml", TABLE.encode()))
    ladder, source = _ladder(tmp_path, "store:policies/main.toml", store)
    assert [level.name for level in ladder.levels] == ["dev", "rc"]
    assert source == "store:policies/main.toml"
    with pytest.raises(NotFound, match=r"policies/none\.toml"):
        _ladder(tmp_path, "store:policies/none.toml", store)


@pytest.mark.parametrize(
    ("policy", "content", "message"),
    [
        ("", b"", r"There is no ladder: .* Write \[tool\.pytest-defend\.ladder\]"),
        ("none.toml", b"", r"none\.toml cannot be read: No such file"),
        ("policy.toml", b"levels = [", r"policy\.toml is no TOML"),
        ("policy.toml", b"\xff", r"policy\.toml is no TOML"),
        ("policy.toml", b"levels = []", r"policy\.toml is not valid: levels: names no level"),
        ("policy.toml", b"[tool]\n", r"policy\.toml is not valid: tool: is not known"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(
    policy: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_bytes(content)
    with pytest.raises(DefendError, match=message) as caught:
        _ladder(tmp_path, policy)
    assert isinstance(caught.value, (UsageError, InvalidDocument))


def test_keys_are_texts_files_or_paths_in_the_store(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    store.put(an_upload("policies/key.pem", PEM.encode()))
    (tmp_path / "key.pem").write_text(PEM)
    (tmp_path / "key.der").write_bytes(b"\x30\xff")
    key = assembly.outside(_project(tmp_path), store).key
    assert key is not None
    assert {key(PEM), key("key.pem"), key("store:policies/key.pem")} == {PEM}
    with pytest.raises(UsageError, match=r"key\.der is no public key in PEM"):
        key("key.der")
    with pytest.raises(UsageError, match=r"none\.pem cannot be read"):
        key("none.pem")
    with pytest.raises(NotFound):
        key("store:policies/none.pem")


def test_the_verifiers_of_a_text_are_its_keys(tmp_path: Path) -> None:
    verifiers = assembly.outside(_project(tmp_path), MemoryStore(a_clock)).verifiers
    assert verifiers is not None
    assert [len(each.keyid) for each in verifiers(PEM)] == [64]
    with pytest.raises(UsageError):
        verifiers("no key")


def test_a_command_sees_the_snapshot_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFEND_ACCESS_TOKEN", "s3cret")
    monkeypatch.setenv("JF_PASSWORD", "s3cret")
    store = MemoryStore(a_clock)
    ladder, _ = _ladder(tmp_path, ladder={"levels": [{"name": "dev"}]})
    fact = {"source": "x", "sha256": "0", "ladder": ladder.to_dict()}
    snapshot = Snapshot.from_dict(
        {
            "taken": "2026-01-31T12:00:00.000+0000",
            "store": "memory",
            "level": "dev",
            "policy": fact,
            "build": a_build_info().to_dict(),
        }
    )
    ask = assembly.outside(_project(tmp_path), store).ask
    assert ask is not None
    assert ask('grep -c \'"level":"dev"\'', snapshot).actual == "1"
    assert ask("sh -c 'env | grep -c s3cret'", snapshot).actual == "0"


def test_every_decision_has_an_id_of_its_own_and_an_instant_a_document_keeps() -> None:
    made = [assembly.new_decision() for _ in range(100)]
    assert len({number for _, number in made}) == 100
    assert all(now.microsecond % 1000 == 0 and now > NOW for now, _ in made)
