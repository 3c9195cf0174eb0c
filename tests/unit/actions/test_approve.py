"""Approvals: a status, and with a key a signed statement that a gate counts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW, a_build_info, an_upload
from pytest_defend.actions.approve import approve
from pytest_defend.documents.envelopes import read_lines
from pytest_defend.errors import NotFound, UsageError
from pytest_defend.gates.people import APPROVAL
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.signing import Signing
from signed import a_key, a_stage

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")
KEY = a_key()


def test_an_approval_is_a_status(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    before = store.list("")
    view = approve(DEMO, store, level="rc", now=NOW, reason="It is good.", user="jo")
    assert (view.recorded, view.status, view.signed) == (True, "approved:rc", None)
    (status,) = store.build(DEMO).statuses
    assert (status.status, status.comment, status.ci_user) == ("approved:rc", "It is good.", "jo")
    assert (status.repository, store.list("")) == ("", before)
    again = approve(DEMO, store, level="rc", now=NOW, reason="It is good.", user="jo")
    assert (again.recorded, len(store.build(DEMO).statuses)) == (False, 1)
    approve(DEMO, store, level="rc", now=NOW, reason="It is good.", user="eve")
    assert len(store.build(DEMO).statuses) == 2


def test_with_a_key_it_is_signed_too(tmp_path: Path, store: Store) -> None:
    manifest = a_stage(tmp_path, store)
    signed = approve(DEMO, store, level="rc", now=NOW, reason="It is good.", key=KEY).signed
    assert signed is not None
    assert signed.state is Signing.SIGNED
    assert signed.path == f"libs-local/demo/1.0/evidence/approval/rc/approval-{KEY.short}.intoto.jsonl"
    with store.open(signed.path) as file:
        (line,) = read_lines(file.read())
    assert line.envelope is not None
    statement = json.loads(line.envelope.payload)
    assert statement["predicateType"] == APPROVAL
    assert statement["subject"] == [
        {"name": "demo-1.0.tar.gz", "digest": {"sha256": Checksums.of(b"demo").sha256}}
    ]
    assert statement["predicate"] == {
        "level": "rc",
        "reason": "It is good.",
        "approvedOn": "2026-01-31T12:00:00.123Z",
        "defend_build": {"name": "demo", "number": "1", "started": manifest.build.started},
        "defend_previous": [],
    }
    again = approve(DEMO, store, level="rc", now=NOW, key=KEY).signed
    assert again is not None
    assert (again.state, again.path) == (Signing.ALREADY, signed.path)
    release = approve(DEMO, store, level="release", now=NOW, key=KEY).signed
    assert release is not None
    assert release.state is Signing.SIGNED


def test_what_has_nothing_to_approve_is_refused(store: Store) -> None:
    with pytest.raises(NotFound):
        approve(DEMO, store, level="rc", now=NOW)
    store.publish_build(a_build_info(modules=()))
    with pytest.raises(UsageError, match="has no package to approve"):
        approve(DEMO, store, level="rc", now=NOW)


def test_a_package_of_another_client_is_found_by_its_content(store: Store) -> None:
    """Its build-info does not say in which repository it is."""
    build = a_build_info()
    (module,) = build.modules
    foreign = replace(module, artifacts=(replace(module.artifacts[0], repository=""),))
    store.put(an_upload("libs-local/a/copy-1.0.tar.gz"))
    store.put(an_upload())
    store.publish_build(replace(build, modules=(foreign,)))
    signed = approve(DEMO, store, level="rc", now=NOW, key=KEY).signed
    assert signed is not None
    assert signed.path.startswith("libs-local/demo/1.0/evidence/approval/rc/")


def test_a_package_that_is_gone_is_not_signed_for(store: Store) -> None:
    store.publish_build(a_build_info())
    with pytest.raises(UsageError, match=r"has lost libs-local/demo/1\.0/demo-1\.0\.tar\.gz"):
        approve(DEMO, store, level="rc", now=NOW, key=KEY)


def test_a_package_without_a_digest_is_not_signed_for(store: Store) -> None:
    build = a_build_info()
    (module,) = build.modules
    nameless = replace(module, artifacts=(replace(module.artifacts[0], sha256=""),))
    store.publish_build(replace(build, modules=(nameless,)))
    with pytest.raises(UsageError, match="gives no sha256 for libs-local/demo"):
        approve(DEMO, store, level="rc", now=NOW, key=KEY)
