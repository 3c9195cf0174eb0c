"""Where packages came from: what may say it, gathered as settings and the user's installers have it.

Rules:
- What lies on this machine is read when a run starts. Indexes are asked when it ends, and only about what the
  rest left open: a test never waits for a server.
- Without an index of the user's configuration or of `--defend-index`, nothing is asked.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import default_environment

from pytest_defend.capture.caching import cache_file
from pytest_defend.capture.content import verified
from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.installers import read_installers
from pytest_defend.capture.localfiles import LocalFiles
from pytest_defend.capture.memory import DiskMemory
from pytest_defend.capture.origins import Sources, read_origins
from pytest_defend.capture.patterns import match
from pytest_defend.capture.sources import read_sources
from pytest_defend.model.origins import Certainty, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_defend.capture.redaction import Redactor
    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.gitfacts import GitFacts
    from pytest_defend.model.origins import Offer, Origin
    from pytest_defend.settings import Project, Settings

__all__ = ["DEADLINE_S", "Tracing", "memory_of_environment", "read_installed", "tree_of"]

DEADLINE_S = 30
"""Seconds for all that indexes and other servers of files are asked."""


def memory_of_environment() -> DiskMemory:
    """What was computed before about the packages of this interpreter."""
    return DiskMemory(Path(cache_file("packages")))


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home() is an error where there is none


def tree_of(redactor: Redactor, known: Mapping[Path, GitFacts | None]) -> Callable[[Path], Tree]:
    """What version control says about a folder, each folder asked once, and only when somebody asks.

    Args:
        redactor: For what git says.
        known: What is known already, by resolved folder.
    """
    from pytest_defend.capture.vcs import read_git

    @cache
    def tree(folder: Path) -> Tree:
        url, place = folder.as_uri() if folder.is_absolute() else "", folder.resolve()
        facts = known[place] if place in known else read_git(folder, redactor)[0]
        if facts is None:
            return Tree(url=url)
        return Tree(
            url=url,
            commit=facts.commit,
            dirty=facts.dirty,
            diff_sha256=facts.diff_sha256,
            untracked_count=facts.untracked_count,
        )

    return tree


@dataclass(slots=True, kw_only=True)
class Tracing:
    """Everything that may say where packages came from.

    Attributes:
        memory: What was computed before.
        sources: What is on this machine.
        indexes: URLs with credentials, of the indexes that may be asked.
        pages: The same of pages that link to files of many packages.
        complete_for: Installers that look nowhere else; None when the user named the indexes.
        certificates: File of certificates that indexes are trusted by; empty for the usual ones.
        prove: Whether files are looked into where they lie.
    """

    memory: DiskMemory
    sources: Sources
    indexes: tuple[str, ...]
    pages: tuple[str, ...]
    complete_for: frozenset[str] | None
    certificates: str
    prove: bool

    def begin(self, installed: Installed) -> tuple[Installed, tuple[Gap, ...]]:
        """Say where everything came from, by what is on this machine."""
        found, gaps = read_origins(installed, self.sources)
        self.memory.save()
        return found, gaps

    def finish(self, installed: Installed) -> tuple[Installed, tuple[Gap, ...]]:
        """Ask the indexes about what is still open."""
        left = [each for each in installed.distributions if each.origin and self._is_open(each.origin)]
        if not left or not (self.indexes or self.pages):
            return installed, ()
        offers, gaps, silent = self._asked(left)
        self.sources = replace(self.sources, offers=offers, partial=silent)
        found, contradictions = self.again(installed, left)
        return found, (*gaps, *contradictions)

    def again(self, installed: Installed, left: Sequence[Distribution]) -> tuple[Installed, tuple[Gap, ...]]:
        """Say once more where some came from, now that the sources say more."""
        again, contradictions = read_origins(replace(installed, distributions=tuple(left)), self.sources)
        self.memory.save()
        known = {each.name: each for each in again.distributions}
        every = tuple(known.get(each.name, each) for each in installed.distributions)
        return replace(installed, distributions=every), contradictions

    def _asked(
        self, left: list[Distribution]
    ) -> tuple[dict[str, tuple[Offer, ...]], tuple[Gap, ...], dict[str, frozenset[str]]]:
        """All offers for what is left, and of which packages an index did not speak that should."""
        from pytest_defend.capture.index import ACCEPT, PAGE_BYTES, ask_indexes
        from pytest_defend.capture.indexpage import GROUP
        from pytest_defend.capture.linkpages import ask_pages
        from pytest_defend.stores.http import Fetcher

        with Fetcher(cert=self.certificates, deadline_s=DEADLINE_S) as fetcher:
            wanted = [(each.name, each.version) for each in left]
            get = partial(fetcher.get, headers={"Accept": ACCEPT}, limit_bytes=PAGE_BYTES)
            said, gaps, unanswered = ask_indexes(wanted, self.indexes, get)
            linked, broken, silent = ask_pages(wanted, self.pages, get)
        offers = by_name((*said, *linked), self.sources.offers)
        elsewhere = {each.name for each in left if self._may_be_from_elsewhere(each)}
        partial_names = unanswered | silent | elsewhere
        return offers, (*gaps, *broken), {name: frozenset({GROUP}) for name in partial_names}

    def _is_open(self, origin: Origin) -> bool:
        """Whether an index may say more."""
        if origin.certainty is Certainty.BUILT:
            return origin.built_from is None and origin.tree is None
        if self.prove and origin.certainty is Certainty.MATCHED:
            return not origin.url  # where the file lies, to look into it
        return origin.certainty in (Certainty.CONSTRAINED, Certainty.UNKNOWN)

    def _may_be_from_elsewhere(self, distribution: Distribution) -> bool:
        """Whether its installer may have used an index that nobody named, like its own default."""
        installer = distribution.installer.partition(" ")[0]
        return self.complete_for is not None and installer not in self.complete_for


def by_name(
    offers: Iterable[Offer], known: Mapping[str, tuple[Offer, ...]] | None = None
) -> dict[str, tuple[Offer, ...]]:
    """Offers by the name of their package, after those that are known."""
    named = dict(known or {})
    for offer in offers:
        named[offer.name] = (*named.get(offer.name, ()), offer)
    return named


def read_installed(
    settings: Settings, project: Project, tree: Callable[[Path], Tree]
) -> tuple[Installed, Tracing, tuple[Gap, ...]]:
    """What is installed and where it came from, as far as this machine says it.

    Args:
        settings: Resolved.
        project: Whose locks are read.
        tree: What version control says about a folder.

    Returns:
        What is installed, what may say more when the tests are over, and what could not be read.
    """
    memory = memory_of_environment()
    installed, no_installed = read_distributions(
        project=project.name,
        build_requires=project.build_requires,
        group_requires=project.group_requires,
        memory=memory,
    )
    if settings.verify_files:
        installed = verified(installed)
    trace, no_sources = _tracing(settings, project, tree, memory)
    installed, no_origins = trace.begin(installed)
    return installed, trace, (*no_installed, *no_sources, *no_origins)


def _tracing(
    settings: Settings, project: Project, tree: Callable[[Path], Tree], memory: DiskMemory
) -> tuple[Tracing, tuple[Gap, ...]]:
    """Gather what may say where packages came from."""
    environment = {name: str(value) for name, value in default_environment().items()}
    home = _home()
    lists = [pattern for pattern in settings.locks if pattern.endswith((".txt", ".in"))]
    installers, broken = read_installers(
        os.environ,
        root=project.root,
        prefix=Path(sys.prefix),
        home=home,
        requirements=match(project.root, lists),
    )
    asked = settings.origins["locks"] != "default"
    offers, unread = read_sources(project.root, settings.locks, asked=asked, environment=environment)
    given = [project.root / Path(folder).expanduser() for folder in settings.wheelhouse]
    local = LocalFiles(
        (*given, *installers.find_links),
        pip_cache=installers.pip_cache,
        poetry_cache=installers.poetry_cache,
        memory=memory,
    )
    sources = Sources(offers=by_name(offers), local=local, tree=tree, environment=environment, memory=memory)
    found = Tracing(
        memory=memory,
        sources=sources,
        indexes=settings.index or installers.indexes,
        pages=() if settings.index else installers.pages,
        complete_for=None if settings.index else installers.complete_for,
        certificates=installers.cert,
        prove=settings.prove,
    )
    return found, (*broken, *unread)
