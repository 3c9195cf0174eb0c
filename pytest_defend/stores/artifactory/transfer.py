"""One file on its way to a server, from it, and from place to place there.

Rules:
- A deploy is one request: bytes, checksums and properties. Content the server has is not sent again; our own
  bytes are read and compared first, as they are when they are sent.
- What arrived is compared with what was promised; what is handed out was hashed on its way.
- Properties are set as JSON where the server takes it, else in the query form, else (open source edition, and
  what the query form cannot say) by deploying the same content again, which replaces all of them.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from pytest_defend.errors import Corrupt, NotFound
from pytest_defend.model.checksums import Checksums
from pytest_defend.stores import rules
from pytest_defend.stores.answers import NeedsPro, Unclear
from pytest_defend.stores.artifactory.catalogue import exists
from pytest_defend.stores.artifactory.names import (
    encoded,
    property_text,
    query_names,
    query_properties,
)
from pytest_defend.stores.bodies import Body, check_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.protocols import Item, Upload
    from pytest_defend.stores.answers import Answer
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.site import Site
    from pytest_defend.stores.bodies import Progress

__all__ = ["Transfer"]

_NO_PATCH = (404, 405)


class Transfer:
    """Moves bytes.

    Args:
        site: The server.
        catalogue: What it has.
        progress: Is told how far each file is; None for nobody.
    """

    def __init__(self, site: Site, catalogue: Catalogue, progress: Progress | None) -> None:
        self._site = site
        self._catalogue = catalogue
        self._progress = progress

    def send(self, upload: Upload, path: str, properties: Mapping[str, Sequence[str]]) -> None:
        """Deploy a file with its bytes.

        Raises:
            Corrupt: They are not what was promised.
            Conflict: Other bytes came there meanwhile.
        """
        if not upload.checksums.size_bytes or not _are_sayable(upload.checksums):
            check_source(upload)
        answer = self._site.file(
            "PUT",
            path,
            properties=properties,
            headers=_headers(upload.checksums),
            body=Body(upload, self._progress) if upload.checksums.size_bytes else b"",
        )
        self._check_arrived(answer, upload, path)

    def refer(self, upload: Upload, path: str, properties: Mapping[str, Sequence[str]]) -> None:
        """Deploy a file whose content the server has somewhere; send it when it has not."""
        check_source(upload)
        if not self._redeploy(upload.checksums, path, properties):
            self.send(upload, path, properties)

    def _redeploy(self, checksums: Checksums, path: str, properties: Mapping[str, Sequence[str]]) -> bool:
        headers = {"X-Checksum-Deploy": "true", **_headers(checksums)}
        answer = self._site.file("PUT", path, properties=properties, headers=headers, also=(404,))
        return answer.is_fine

    def _check_arrived(self, answer: Answer, upload: Upload, path: str) -> None:
        """Compare with what the server says it has; a repository may ignore what we promised."""
        try:
            arrived = answer.document()["checksums"]["sha256"]
        except (ValueError, KeyError, TypeError):
            return  # it says nothing; the catalogue is asked before anything counts
        if arrived != upload.checksums.sha256:
            self.remove(path)
            hint = "Something between here and the server changed the file; try again."
            raise Corrupt(path, expected=upload.checksums.sha256, actual=arrived, hint=hint)

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, in a temporary file that is gone when it is closed.

        Raises:
            NotFound: No such file.
            Corrupt: They are not what the server has recorded.
        """
        if not exists(path):
            raise rules.not_found(path, self._site.locator)
        file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # the caller closes it
        try:
            self._receive(path, file)
        except BaseException:
            file.close()
            raise
        return file

    def _receive(self, path: str, file: BinaryIO) -> None:
        answer = self._site.file("GET", path, into=file)
        expected = answer.headers.get("x-checksum-sha256") or self._catalogue.item(path).checksums.sha256
        file.seek(0)
        actual = Checksums.of_stream(file).sha256
        if actual != expected:
            hint = "Something between the server and here changed the file, or its disk did."
            raise Corrupt(path, expected=expected, actual=actual, hint=hint)
        file.seek(0)

    def remove(self, path: str) -> None:
        """Delete a file; one that is gone is fine."""
        self._site.file("DELETE", path, also=(404,))

    def annotate(self, item: Item, changes: Mapping[str, Sequence[str]]) -> bool:
        """Set the properties given, remove those without a value, keep the others.

        Returns:
            Whether all were replaced: two that do so at once undo each other.

        Raises:
            NeedsPro: None would be left, which the open source edition cannot express.
        """
        wanted = _changed(item, changes)
        if wanted == dict(item.properties):
            return False
        set_names = {
            name: wanted[name]
            for name in changes
            if name in wanted and wanted[name] != item.properties.get(name)
        }
        gone = [name for name in changes if name in item.properties and name not in wanted]
        try:
            if self._site.facts().patches and self._patched(item.path, set_names, gone):
                return False
            if _is_sayable(set_names):
                self._queried(item.path, set_names, gone)
                return False
        except NeedsPro:
            pass
        self._replace(item.path, changes)
        return True

    def annotate_folder(self, folder: str, changes: Mapping[str, Sequence[str]]) -> bool:
        """Set the properties given of every file below a folder, remove those without a value, all at once.

        Returns:
            Whether that was done; else nothing was.
        """
        gone = [name for name, texts in changes.items() if not texts]
        values = {name: texts for name, texts in changes.items() if texts}
        if self._site.facts().patches:
            properties = {property_text(name): list(texts) or None for name, texts in changes.items()}
            place = f"metadata/{_api_path(folder)}?recursiveProperties=1&atomicProperties=1"
            document = {"props": properties}
            if self._site.api("PATCH", place, key=folder, document=document, also=_NO_PATCH).is_fine:
                return True
        if not _is_sayable(values):
            return False
        try:
            self._queried(folder, values, gone, everywhere="recursive=1&atomic=1")
        except NeedsPro:
            return False
        return True

    def _patched(self, path: str, values: Mapping[str, Sequence[str]], gone: Sequence[str]) -> bool:
        properties: dict[str, list[str] | None] = {
            property_text(name): list(texts) for name, texts in values.items()
        }
        properties |= {property_text(name): None for name in gone}
        place = f"metadata/{_api_path(path)}?recursiveProperties=0"
        answer = self._site.api("PATCH", place, key=path, document={"props": properties}, also=_NO_PATCH)
        return answer.is_fine

    def _queried(
        self,
        path: str,
        values: Mapping[str, Sequence[str]],
        gone: Sequence[str],
        *,
        everywhere: str = "recursive=0",
    ) -> None:
        place = f"storage/{_api_path(path)}"
        if values:
            self._site.api("PUT", f"{place}?properties={query_properties(values)}&{everywhere}", key=path)
        if gone:
            self._site.api("DELETE", f"{place}?properties={query_names(gone)}&{everywhere}", key=path)

    def _replace(self, path: str, changes: Mapping[str, Sequence[str]]) -> None:
        """Read and write at once: the shorter the time between, the less others are undone."""
        for item in self._catalogue.look([path]):
            wanted = _changed(item, changes)
            if not wanted:
                message = f"{path}: the last property of a file can only be removed with Artifactory Pro."
                raise NeedsPro(path, message, hint="Leave one property, or use Artifactory Pro.")
            if self._redeploy(item.checksums, path, wanted):
                return
        raise NotFound(path, hint=f"Looked in {self._site.locator}.")

    def move(self, source: str, target: str, *, copy: bool = False) -> None:
        """Move or copy a file to where nothing is.

        Raises:
            NeedsPro: The edition does not move.
            NotFound: The source is not there.
        """
        query = f"to={encoded(f'/{target}')}&suppressLayouts=1&failFast=1"
        call = f"{'copy' if copy else 'move'}/{_api_path(source)}?{query}"
        try:
            self._site.api("POST", call, key=source, repeat=False)
        except Unclear as error:  # what was done is looked up
            if not self._catalogue.look([target]):
                raise error from None

    def merge(self, source: Item, target: Item, *, copy: bool = False) -> None:
        """Unite a file with one of the same bytes elsewhere.

        Raises:
            Conflict: They have not the same bytes.
        """
        offered = source.checksums.sha256
        rules.check_bytes(target.path, kept=target.checksums.sha256, offered=offered)
        self.annotate(target, rules.united(target.properties, source.properties))
        if not copy:
            self.remove(source.path)


def _changed(item: Item, changes: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    kept = {name: values for name, values in item.properties.items() if name not in changes}
    return rules.united(kept, changes)


def _are_sayable(checksums: Checksums) -> bool:
    """Whether headers can hold them; those of any bytes can."""
    return all(map(str.isascii, (checksums.sha256, checksums.sha1, checksums.md5)))


def _is_sayable(properties: Mapping[str, Sequence[str]]) -> bool:
    """Whether the query form can say them: it trims, and drops what is empty."""
    return all(
        value and value == value.strip() and not value.endswith("\\")
        for values in properties.values()
        for value in values
    )


def _headers(checksums: Checksums) -> dict[str, str]:
    return {
        "X-Checksum-Sha256": checksums.sha256,
        "X-Checksum-Sha1": checksums.sha1,
        "X-Checksum-Md5": checksums.md5,
        "Content-Type": "application/octet-stream",
    }


def _api_path(path: str) -> str:
    return "/".join(map(encoded, path.split("/")))
