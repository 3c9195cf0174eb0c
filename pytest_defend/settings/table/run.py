"""Settings of a run: what it is part of, and what is done with its record."""

from __future__ import annotations

from pytest_defend.settings.options import NAME, Option, names

__all__ = ["RUN"]

RUN: tuple[Option, ...] = (
    Option(
        name="publish",
        **names("publish"),
        kind="flag",
        default=False,
        help="Publish the evidence of this run to the store.",
    ),
    Option(
        name="dry_run",
        **names("dry_run"),
        kind="flag",
        default=False,
        help="Say what would be published, and change nothing.",
    ),
    Option(
        name="record",
        **names("record"),
        kind="file",
        metavar="FILE",
        help="Write the record of this run to FILE.",
    ),
    Option(
        name="stage",
        **names("stage"),
        default="tests",
        pattern=NAME,
        expected="a name of letters, digits, '.', '_' and '-', at most 64",
        metavar="NAME",
        help="Name of this group of tests, as a promotion level may require it.",
    ),
    Option(
        name="build_name",
        **names("build"),
        fallbacks=("JFROG_CLI_BUILD_NAME",),
        part="name",
        detected="build_name",
        help="Build this run belongs to: NAME/NUMBER, by default the CI run.",
        metavar="NAME/NUMBER",
    ),
    Option(
        name="build_number",
        **names("build"),
        fallbacks=("JFROG_CLI_BUILD_NUMBER",),
        part="number",
        detected="build_number",
        help="Number of that build.",
        metavar="NAME/NUMBER",
    ),
    Option(
        name="build_url",
        **names("build_url", flag=False),
        fallbacks=("JFROG_CLI_BUILD_URL",),
        detected="url",
        help="Page of the CI run, kept with the build.",
    ),
    Option(
        name="project",
        **names("project"),
        fallbacks=("JFROG_CLI_BUILD_PROJECT",),
        # Source: JFrog's rules for project keys.
        pattern="(?:[a-z][a-z0-9-]{1,31})?",
        expected="a project key: a lower-case letter, then 1 to 31 lower-case letters, digits or '-'",
        metavar="KEY",
        help="JFrog project the build belongs to.",
    ),
    Option(
        name="on_error",
        **names("on_error"),
        kind="choice",
        default="fail",
        choices=("fail", "warn", "ignore"),
        metavar="POLICY",
        help="What a failure to publish does to the exit status of the run: fail, warn or ignore.",
    ),
    Option(
        name="on_exists",
        **names("on_exists"),
        kind="choice",
        default="fail",
        choices=("fail", "new-run", "resume"),
        metavar="POLICY",
        help="What to do when the build has this stage already: fail, add a new-run of it, or resume one that"
        " never reached its end.",
    ),
)
