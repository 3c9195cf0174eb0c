"""Every setting there is, as one table.

Rules:
- One row says everything about a setting: flag, key, variables, default, help. Faces and documentation are
  made from the rows; there is no second list.
"""

from __future__ import annotations

from pytest_defend.settings.options import Option, names

__all__ = ["FLAGS", "OPTIONS"]


_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"

_LOCKS = (
    *("pylock.toml", "pylock.*.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"),
    *("requirements*.txt", "pip-report*.json"),
)

OPTIONS: tuple[Option, ...] = (
    Option(
        name="publish",
        **names("publish"),
        kind="flag",
        default=False,
        help="Publish the evidence of this run to the store.",
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
        pattern=_NAME,
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
        name="dist",
        **names("dist"),
        kind="list",
        default=("dist/*.whl", "dist/*.tar.gz"),
        metavar="GLOB",
        help="Distributions this run tests; may be repeated.",
    ),
    Option(
        name="artifact_from",
        **names("artifact_from"),
        metavar="BUILD",
        help="Test the distributions that this build published: NAME/NUMBER, NAME/NUMBER@STARTED or"
        " NAME/latest.",
    ),
    Option(
        name="attach",
        **names("attach"),
        kind="list",
        default=(),
        metavar="GLOB",
        help="Further files to keep with the evidence; may be repeated.",
    ),
    Option(
        name="locks",
        **names("locks"),
        kind="list",
        default=_LOCKS,
        metavar="GLOB",
        help="Locks, hashed requirements and reports of pip that say what was installed; may be repeated.",
    ),
    Option(
        name="index",
        **names("index"),
        kind="list",
        default=(),
        pattern="(https?|file)://.+",
        expected="the URL of a package index (https://.../simple/)",
        instead="put them into your netrc file instead",
        metavar="URL",
        help="Package index to ask for what locks leave open, instead of those of pip and uv; repeatable.",
    ),
    Option(
        name="wheelhouse",
        **names("wheelhouse"),
        kind="list",
        default=(),
        metavar="FOLDER",
        help="Folder of wheels that packages were installed from; may be repeated.",
    ),
    Option(
        name="verify_files",
        **names("verify_files"),
        kind="flag",
        default=False,
        help="Compare every installed file with what its RECORD says.",
    ),
    Option(
        name="dry_run",
        **names("dry_run"),
        kind="flag",
        default=False,
        help="Say what would be published, and change nothing.",
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
        name="ca_bundle",
        **names("ca_bundle"),
        kind="file",
        metavar="FILE",
        help="Certificates of the authorities a server is trusted by, instead of the usual ones.",
    ),
    Option(
        name="client_cert",
        **names("client_cert"),
        kind="file",
        metavar="FILE",
        help="Certificate and key, one PEM file, that a server is shown.",
    ),
    Option(
        name="incoming",
        **names("incoming"),
        # Source: as below.
        pattern=rf"(?:(?!.*-cache$){_NAME})?",
        expected="a repository key of letters, digits, '.', '_' and '-', at most 64, not ending in '-cache'",
        metavar="KEY",
        help="Repository of a server where the files of a build wait for each other before they appear.",
    ),
    Option(
        name="repository",
        **names("repository"),
        default="candidates",
        # Source: JFrog's repository naming rules; "-cache" ends the name of a remote's cache.
        pattern=rf"(?!.*-cache$){_NAME}",
        expected="a repository key of letters, digits, '.', '_' and '-', at most 64, not ending in '-cache'",
        metavar="NAME",
        help="Repository the tested distributions are published to.",
    ),
    Option(
        name="output",
        **names("output"),
        kind="choice",
        default="all",
        choices=("all", "failed", "none"),
        metavar="WHICH",
        help="Of which tests to keep captured output: all, failed or none.",
    ),
    Option(
        name="output_limit",
        **names("output_limit"),
        kind="size",
        default=64 * 1024,
        metavar="SIZE",
        help="How much captured output to keep per test.",
    ),
    Option(
        name="attachment_limit",
        **names("attachment_limit"),
        kind="size",
        default=50 * 1024 * 1024,
        metavar="SIZE",
        help="Largest file that may be attached.",
    ),
    Option(
        name="env_include",
        **names("env_include", flag=False),
        kind="list",
        default=(),
        help="Patterns of further environment variables to record.",
    ),
    Option(
        name="env_exclude",
        **names("env_exclude", flag=False),
        fallbacks=("JFROG_CLI_ENV_EXCLUDE",),
        kind="list",
        default=(),
        additive=True,
        help="Patterns of environment variables never to record; all sources together.",
    ),
    Option(
        name="issues_tracker",
        key="issues.tracker",
        needs=("issues_pattern",),
        help="Name of the tracker that keeps the issues named in commit messages.",
    ),
    Option(
        name="issues_pattern",
        key="issues.pattern",
        kind="regex",
        needs=("issues_tracker",),
        help="Finds issues in commit messages: group 1 is the key, group 2, if there is one, the summary.",
    ),
    Option(
        name="issues_url",
        key="issues.url",
        kind="template",
        needs=("issues_tracker", "issues_pattern"),
        help="Page of an issue in that tracker, with {key} for the key.",
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

FLAGS: tuple[Option, ...] = tuple({option.flag: option for option in OPTIONS if option.flag}.values())
"""The options with a flag, each flag once: what pytest and the command line register."""
