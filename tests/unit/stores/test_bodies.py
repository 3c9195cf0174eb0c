from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from builders import an_upload
from pytest_defend.errors import Corrupt, Unavailable
from pytest_defend.model.checksums import Checksums
from pytest_defend.stores.bodies import Body, check_source

if TYPE_CHECKING:
    from pytest_defend.protocols import Upload

CONTENT = bytes(range(256)) * 1024  # four pieces


def _upload(content: bytes = CONTENT, **lies: Any) -> Upload:
    return an_upload(content=content, checksums=replace(Checksums.of(CONTENT), **lies))


def test_a_body_can_be_sent_again_and_says_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    body = Body(_upload(), lambda *progress: told.append(progress))
    assert len(body) == len(CONTENT)
    assert b"".join(body) == CONTENT
    assert b"".join(body) == CONTENT
    sizes = [sent for _, sent, _ in told]
    assert sizes == [65_536, 131_072, 196_608, 262_144] * 2
    assert {(path, total) for path, _, total in told} == {(_upload().path, len(CONTENT))}


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", CONTENT * 2, b"x" * len(CONTENT)])
def test_of_other_bytes_never_as_many_leave_as_were_promised(content: bytes) -> None:
    left: list[bytes] = []
    with pytest.raises(Corrupt):
        left.extend(Body(_upload(content)))
    assert sum(map(len, left)) < len(CONTENT)
    with pytest.raises(Corrupt):
        check_source(_upload(content))


@pytest.mark.parametrize("lie", [{"sha256": "0" * 64}, {"sha1": "0" * 40}, {"md5": "0" * 32}])
def test_every_digest_is_compared(lie: dict[str, Any]) -> None:
    with pytest.raises(Corrupt):
        list(Body(_upload(**lie)))


def test_a_source_that_is_gone_is_an_error_of_ours() -> None:
    def gone() -> BinaryIO:
        raise FileNotFoundError(2, "No such file")

    with pytest.raises(Unavailable, match="No such file"):
        list(Body(replace(_upload(), open=gone)))
