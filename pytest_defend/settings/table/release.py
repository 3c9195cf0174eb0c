"""Settings of releases: what a green stage sets, what a level asks for, and who signs."""

from __future__ import annotations

from pytest_defend.settings.options import Option, names

__all__ = ["RELEASE"]

RELEASE: tuple[Option, ...] = (
    Option(
        name="properties",
        **names("property"),
        kind="list",
        default=(),
        # Source: characters of property names that Artifactory keeps; the first must be a letter.
        pattern=r"(?!defend\.|build\.)[A-Za-z][A-Za-z0-9_.-]{0,63}=.+",
        expected="NAME=VALUE, with a name of letters, digits, '.', '_' and '-' that does not begin with"
        " 'defend.' or 'build.'",
        metavar="NAME=VALUE",
        help="Property to set on the package when this stage has passed; may be repeated.",
    ),
    Option(
        name="policy",
        **names("policy"),
        metavar="WHERE",
        help="Ladder and rules of the gates: a TOML file, or store:REPOSITORY/PATH; by default the table"
        " [tool.pytest-defend.ladder].",
    ),
    Option(
        name="signing_key",
        **names("signing_key"),
        kind="file",
        metavar="FILE",
        help="Private key, in PEM, that signs what a stage showed and what a gate decided.",
    ),
    Option(
        name="signing_passphrase",
        **names("signing_passphrase", flag=False, key=False),
        secret=True,
        help="Opens the signing key, when it is encrypted.",
    ),
)
