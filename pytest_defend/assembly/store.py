"""From a locator to a store."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.errors import StoreError, UsageError

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.views import Check
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings
    from pytest_defend.stores.bodies import Progress

__all__ = ["check_locator", "examine", "is_server", "open_store", "page_of"]

_SERVERS = ("http://", "https://")
_NEWEST = 7
_SPARE = 8  # connections kept besides those that send: one may be given up and opened anew


def open_store(settings: Settings, root: Path, progress: Progress | None = None) -> Store:
    """The store the settings name.

    Args:
        settings: Resolved.
        root: Folder a relative directory is relative to.
        progress: Is told how far each file is on its way to or from a server; None for nobody.

    Raises:
        UsageError: The locator names no store there is.
    """
    check_locator(settings)
    if is_server(settings):
        return _artifactory(settings, root, progress)
    from pytest_defend.stores.directory import DirectoryStore

    return DirectoryStore(root / Path(settings.store).expanduser(), clock=_now)


def is_server(settings: Settings) -> bool:
    """Whether the settings name a server; otherwise it is a folder."""
    return settings.store.startswith(_SERVERS)


def check_locator(settings: Settings) -> None:
    """Say at once, not when everything has run, that a locator names no store, or none that can be reached.

    Raises:
        UsageError: It is a URL of something else than a web server; what is to be trusted cannot be.
    """
    if settings.ca_bundle == "system" and is_server(settings):
        from pytest_defend.stores.certificates import check_system

        check_system()
    if "://" in settings.store and not is_server(settings):
        what = f"{settings.store} ({settings.origins['store']}) names no store."
        raise UsageError(what, hint="Give a folder, or the URL of an Artifactory: https://.../artifactory.")


def page_of(store: Store, settings: Settings, build: BuildId) -> str:
    """Where people look at a run of a build that is in a store; empty where they cannot."""
    from pytest_defend.model.pages import build_page

    server = getattr(store, "inspection", None)
    major = _NEWEST
    if server is not None:
        with suppress(StoreError):  # published is published, whatever the server says now
            major = server.server().numbers[0]
    return build_page(store.locator, build, project=settings.project, major=major)


def examine(settings: Settings, project: Project) -> tuple[Check, ...]:
    """Whether these settings can publish.

    Args:
        settings: Resolved.
        project: Whose builds they are.

    Raises:
        UsageError: The locator names no store there is.
    """
    from pytest_defend.actions.doctor import doctor
    from pytest_defend.assembly.policy import open_ladder

    store = open_store(settings, project.root)
    server = getattr(store, "inspection", None)  # of a server; a folder has nothing to tell
    is_laddered = bool(settings.policy) or "ladder" in project.table
    return doctor(
        store,
        server,
        repository=settings.repository,
        build=settings.build_name or project.name,
        user=settings.user,
        clock=_now,
        ladder=(lambda: open_ladder(settings, project, store)[0]) if is_laddered else None,
    )


def _artifactory(settings: Settings, root: Path, progress: Progress | None) -> Store:
    from pytest_defend.stores.artifactory import ArtifactoryStore
    from pytest_defend.stores.certificates import SYSTEM
    from pytest_defend.stores.credentials import Credentials
    from pytest_defend.stores.session import Session

    credentials = Credentials(
        token=settings.access_token.reveal(), user=settings.user, password=settings.password.reveal()
    )
    cert, client_cert = (
        str(root / Path(file).expanduser()) if file else ""
        for file in (settings.ca_bundle, settings.client_cert)
    )
    session = Session(
        credentials,
        cert=SYSTEM if settings.ca_bundle == SYSTEM else cert,
        client_cert=client_cert,
        connect_s=settings.connect_timeout,
        read_s=settings.read_timeout,
        deadline_s=settings.deadline,
        pool=settings.workers + _SPARE,
        progress=progress,
    )
    return ArtifactoryStore(
        settings.store,
        session,
        _now,
        project=settings.project,
        workers=settings.workers,
        incoming=settings.incoming,
        progress=progress,
    )


def _now() -> datetime:
    return datetime.now(UTC)
