"""Where people look at a build: pages of Artifactory's web interface.

Rules:
- Made from what is known without asking; whether anybody may see the page is the server's business.
- As Artifactory 7 has them; older ones know a build by name and number only, at another address.

Source: jfrog-cli-artifactory, `buildinfo/publish.go`: the link that `jf rt build-publish` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_defend.model.fields import epoch_ms, parse_instant

if TYPE_CHECKING:
    from pytest_defend.model.buildinfo import BuildId

__all__ = ["build_page"]


def build_page(locator: str, build: BuildId, *, project: str = "") -> str:
    """The page of one run of a build; empty for a store without a web interface.

    Args:
        locator: Of the store, without credentials: a platform, or the Artifactory in it.
        build: With `started`.
        project: Key of the JFrog project it belongs to; empty for none.

    Raises:
        ValueError: `started` is no instant.
    """
    if not locator.startswith(("http://", "https://")):
        return ""
    base = locator.rstrip("/").removesuffix("/artifactory")
    run = f"{quote(build.number, safe='')}/{epoch_ms(parse_instant(build.started))}"
    place = f"{base}/ui/builds/{quote(build.name, safe='')}/{run}/published"
    if project in ("", "default"):
        return f"{place}?buildRepo=artifactory-build-info"
    key = quote(project, safe="")
    return f"{place}?buildRepo={key}-build-info&projectKey={key}"
