"""Where people look at a build: pages of Artifactory's web interface.

Rules:
- Made from what is known without asking; whether anybody may see the page is the server's business.
- Artifactory 7 has a page for each run; older ones know a build by name and number only, at another address.

Source: jfrog-cli-artifactory, `buildinfo/publish.go`: the links that `jf rt build-publish` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pytest_defend.model.fields import epoch_ms, parse_instant

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildId

__all__ = ["build_page"]

_LAST_WEBAPP = 6


def build_page(locator: str, build: BuildId, *, project: str = "", major: int = 7) -> str:
    """The page of one run of a build; empty for a store without a web interface.

    Args:
        locator: Of the store, without credentials: a platform, or the Artifactory in it.
        build: With `started`.
        project: Key of the JFrog project it belongs to; empty for none.
        major: Version of the Artifactory.

    Raises:
        ValueError: `started` is no instant.
    """
    if not locator.startswith(("http://", "https://")):
        return ""
    base = locator.rstrip("/").removesuffix("/artifactory")
    number = f"{quote(build.name, safe='')}/{quote(build.number, safe='')}"
    if major <= _LAST_WEBAPP:
        below = urlsplit(base).path and base == locator.rstrip("/")  # wherever the proxy of old times had it
        return f"{base}{'' if below else '/artifactory'}/webapp/#/builds/{number}"
    place = f"{base}/ui/builds/{number}/{epoch_ms(parse_instant(build.started))}/published"
    if project in ("", "default"):
        return f"{place}?buildRepo=artifactory-build-info"
    key = quote(project, safe="")
    return f"{place}?buildRepo={key}-build-info&projectKey={key}"
