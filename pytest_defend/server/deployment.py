"""`PUT /{repository}/{path}`: files come in.

Rules:
- Whether the sender may do it is known before a byte is read.
- What is there may be replaced with the right to delete, or by the same bytes, named in a header.
- Properties of who may not annotate are dropped, and the file is kept all the same.
- A path that ends with `.sha1`, `.md5` or `.sha256` is no file: it names a checksum of the file before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_defend.server.archives import explode
from pytest_defend.server.described import described_file, inside
from pytest_defend.server.grammars import matrix, path_of, split_matrix
from pytest_defend.server.places import colon, deployment, download_uri, repository_of
from pytest_defend.server.refusals import Refused, as_json, as_text
from pytest_defend.stores.entries import Deposit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Response

    from pytest_defend.model.checksums import Checksums
    from pytest_defend.server.calls import Call

__all__ = ["deposit", "may_replace", "need_deployment", "not_deletable", "put"]

_HEADERS = {"sha1": "X-Checksum-Sha1", "sha256": "X-Checksum-Sha256", "md5": "X-Checksum-Md5"}
_KINDS = {32: "md5", 40: "sha1", 64: "sha256"}
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_SIDE_FILE = re.compile(r"(?P<file>.+)\.(?P<kind>sha1|md5|sha256)")
_SIDE_FILE_BYTES = 1024
_CHUNK_BYTES = 1 << 16
_CREATED = "application/vnd.org.jfrog.artifactory.storage.ItemCreated+json"


def put(call: Call) -> Response:
    """Take a file, a folder, a checksum or an archive."""
    raw, parameters = split_matrix(call.raw)
    key, _, rest = path_of(raw).partition("/")
    path = f"{deployment(call, key)}/{rest}"
    need_deployment(call, path)
    if path.endswith("/"):
        return _make_folder(call, path.rstrip("/"))
    side = _SIDE_FILE.fullmatch(path)
    if side is not None:
        return _check_side_file(call, side["file"], side["kind"])
    properties = matrix(parameters) if call.may("n", repository_of(path)) else {}
    archive = [name for name in ("X-Explode-Archive", "X-Explode-Archive-Atomic") if _on(call, name)]
    if archive:
        call.need_pro()
        return explode(call, path, properties, atomic=archive[-1].endswith("Atomic"), taken=_taken(call))
    claimed = _claimed(call)
    may_replace(call, path, claimed)
    if _on(call, "X-Checksum-Deploy"):
        checksums = _known(call, claimed)
    else:
        checksums = call.store.files.receive(_taken(call))
        _compare(call, path, claimed, checksums)
    return deposit(call, path, checksums, properties, claimed=tuple(claimed))


def _on(call: Call, header: str) -> bool:
    return str(call.request.headers.get(header, "")).lower() == "true"


def _taken(call: Call) -> Iterator[bytes]:
    """The body, piece by piece."""
    while chunk := call.request.stream.read(_CHUNK_BYTES):
        yield chunk


def need_deployment(call: Call, path: str) -> None:
    """Refuse who may not write there."""
    name = path.partition("/")[2]
    sentence = f"User {call.user.name} is not permitted to deploy '{name}' into '{colon(path)}'."
    call.need("w", repository_of(path), sentence)


def may_replace(call: Call, path: str, claimed: Mapping[str, str]) -> None:
    """Refuse to replace what is there without the right to delete it.

    Raises:
        Refused: It is there, other bytes may come, and the user may not delete.
    """
    files = call.store.files
    if call.may("d", repository_of(path)) or not files.has(path):
        return
    kept = files.entry(path).checksums
    if kept.sha256 == claimed.get("sha256") or kept.sha1 == claimed.get("sha1"):
        return
    if call.shop.hide_unauthorized:
        raise Refused(404, f"Could not locate artifact '{colon(path)}'.")
    raise Refused(403, not_deletable(call, path))


def not_deletable(call: Call, path: str) -> str:
    """The sentence of who may not delete; it has changed with the versions."""
    verb = "delete/overwrite" if call.profile.seven else "overwrite"
    return (
        f"Not enough permissions to {verb} artifact '{colon(path)}' "
        f"(user '{call.user.name}' needs DELETE permission)."
    )


def deposit(
    call: Call,
    path: str,
    checksums: Checksums,
    properties: Mapping[str, tuple[str, ...]],
    *,
    claimed: tuple[str, ...] = (),
) -> Response:
    """Put a file under its path, and say so."""
    entry = call.store.files.deposit(
        Deposit(
            path=path,
            checksums=checksums,
            user=call.user.name,
            claimed=claimed,
            properties=properties or None,
        )
    )
    told = described_file(call, entry)
    for name in ("lastModified", "modifiedBy", "lastUpdated"):
        del told[name]
    if "ArtifactoryBuildClient/" in str(call.request.user_agent):
        del told["checksums"]["sha256"]
    answer = as_json(told, status=201, kind=_CREATED)
    answer.headers["Location"] = download_uri(call, entry.path)
    return answer


def _make_folder(call: Call, path: str) -> Response:
    folder = call.store.files.make_folder(path, call.user.name)
    told: dict[str, Any] = {
        "uri": f"{download_uri(call, path)}/",
        "repo": repository_of(path),
        "path": f"{inside(path)}/",
        "created": folder.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "createdBy": folder.created_by,
    }
    return as_json(told, status=201, kind=_CREATED)


def _claimed(call: Call) -> dict[str, str]:
    """The checksums the sender names, by kind."""
    headers = call.request.headers
    named = {kind: headers.get(header, "") for kind, header in _HEADERS.items()}
    any_kind = headers.get("X-Checksum", "")
    if any_kind and len(any_kind) in _KINDS:
        named[_KINDS[len(any_kind)]] = any_kind
    return {kind: text.strip().lower() for kind, text in named.items() if text.strip()}


def _known(call: Call, claimed: Mapping[str, str]) -> Checksums:
    """The content that is there already and has a named checksum.

    Raises:
        Refused: There is none: the sender has to send it.
    """
    named = [(kind, claimed[kind]) for kind in ("sha256", "sha1") if kind in claimed]
    if not named:
        if call.profile.seven:
            raise Refused(400, "Checksum values not provided")
        header = "'X-Checksum-Sha1/X-Checksum-Sha256'"
        raise Refused(404, f"Checksum deploy failed. no checksum header {header} was found.")
    kind, digest = named[0]
    title = {"sha256": "SHA-256", "sha1": "SHA-1"}[kind]
    if len(digest) not in _KINDS or _KINDS[len(digest)] != kind or not _HEXADECIMAL.fullmatch(digest):
        raise Refused(404, f"Checksum deploy failed. Invalid {title}: {digest}")
    found = call.store.files.known(kind, digest)
    if found is None:
        raise Refused(404, f"Checksum deploy failed. No existing file with {title}: {digest}")
    return found


def _compare(call: Call, path: str, claimed: Mapping[str, str], actual: Checksums) -> None:
    """Refuse bytes that are not what the sender said, unless the repository does not care.

    Raises:
        Refused: A checksum differs.
    """
    if all(getattr(actual, kind) == digest for kind, digest in claimed.items()):
        return
    configuration = call.store.accounts.repositories().get(repository_of(path), {})
    if configuration.get("checksumPolicyType") == "server-generated-checksums":
        return
    titles = {"sha1": "SHA-1", "md5": "MD5", "sha256": "SHA-256"}
    told = ", ".join(
        f"{title}=ChecksumInfo{{type={title}, original='{claimed.get(kind, '')}', "
        f"actual='{getattr(actual, kind)}'}}"
        for kind, title in titles.items()
    )
    policy = "Checksum policy 'LocalRepoChecksumPolicy: CLIENT' rejected the artifact"
    raise Refused(409, f"{policy} '{colon(path)}'. Checksums info: ChecksumsInfo{{checksums={{{told}}}}}")


def _check_side_file(call: Call, path: str, kind: str) -> Response:
    content = b"".join(_taken(call))
    if not call.store.files.has(path):
        sentence = f"Target file to set checksum on doesn't exist: {colon(path)}"
        raise Refused(404, sentence)
    if len(content) > _SIDE_FILE_BYTES:
        raise Refused(409, f"Suspicious checksum file, content-length of {len(content)} bytes is too large.")
    words = content.decode("utf-8", "replace").split()
    entry = call.store.files.entry(path)
    _compare(call, path, {kind: words[0].lower() if words else ""}, entry.checksums)
    return as_text("", status=201)
