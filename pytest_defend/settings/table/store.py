"""Settings of the store: where evidence is kept, how it is reached, and as whom."""

from __future__ import annotations

from pytest_defend.settings.options import NAME, Option, names

__all__ = ["STORE"]

# Source: JFrog's repository naming rules; "-cache" ends the name of a remote's cache.
_REPOSITORY = rf"(?!.*-cache$){NAME}"
_REPOSITORY_IN_WORDS = (
    "a repository key of letters, digits, '.', '_' and '-', at most 64, not ending in '-cache'"
)

STORE: tuple[Option, ...] = (
    Option(
        name="store",
        **names("store"),
        fallbacks=("JF_URL",),
        default=".defend",
        pattern=".+",
        expected="a folder or a URL",
        instead="set DEFEND_ACCESS_TOKEN, or DEFEND_USER and DEFEND_PASSWORD, instead",
        metavar="LOCATOR",
        help="Where evidence is kept: a folder, or the URL of an Artifactory.",
    ),
    Option(
        name="repository",
        **names("repository"),
        default="candidates",
        pattern=_REPOSITORY,
        expected=_REPOSITORY_IN_WORDS,
        metavar="NAME",
        help="Repository the tested distributions are published to.",
    ),
    Option(
        name="incoming",
        **names("incoming"),
        pattern=f"(?:{_REPOSITORY})?",
        expected=_REPOSITORY_IN_WORDS,
        metavar="KEY",
        help="Repository of a server where the files of a build wait for each other before they appear.",
    ),
    Option(
        name="ca_bundle",
        **names("ca_bundle"),
        kind="file",
        metavar="FILE",
        help="Certificates of the authorities a server is trusted by, instead of the usual ones;"
        " the word system for those of the operating system.",
    ),
    Option(
        name="client_cert",
        **names("client_cert"),
        kind="file",
        metavar="FILE",
        help="Certificate and key, one PEM file, that a server is shown.",
    ),
    Option(
        name="workers",
        **names("workers", flag=False),
        kind="number",
        default=8,
        least=1,
        most=64,
        help="How many files to send to a server at a time.",
    ),
    Option(
        name="connect_timeout",
        **names("connect_timeout", flag=False),
        kind="number",
        default=10.0,
        least=0.1,
        most=3600,
        unit="seconds",
        help="How long to wait until a server is reached, and until it takes the next bytes.",
    ),
    Option(
        name="read_timeout",
        **names("read_timeout", flag=False),
        kind="number",
        default=60.0,
        least=0.1,
        most=3600,
        unit="seconds",
        help="How long to wait until a server sends something.",
    ),
    Option(
        name="deadline",
        **names("deadline", flag=False),
        kind="number",
        default=600.0,
        least=0.1,
        most=86400,
        unit="seconds",
        help="How long to try one request again, from when it was first sent.",
    ),
    Option(
        name="access_token",
        **names("access_token", flag=False, key=False),
        fallbacks=("JF_ACCESS_TOKEN",),
        secret=True,
        help="Access token for the store.",
    ),
    Option(
        name="user",
        **names("user", flag=False, key=False),
        fallbacks=("JF_USER",),
        help="User name for the store.",
    ),
    Option(
        name="password",
        **names("password", flag=False, key=False),
        fallbacks=("JF_PASSWORD",),
        secret=True,
        help="Password or API key for the store.",
    ),
)
