"""Settings of the evidence: what is tested, what is said about it, and how much is kept."""

from __future__ import annotations

from pytest_defend.settings.options import Option, names

__all__ = ["EVIDENCE"]

_LOCKS = (
    *("pylock.toml", "pylock.*.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"),
    *("requirements*.txt", "pip-report*.json"),
)

EVIDENCE: tuple[Option, ...] = (
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
        name="prove",
        **names("prove"),
        kind="flag",
        default=False,
        help="Look into each file where it lies, to prove that it holds what is installed.",
    ),
    Option(
        name="verify_files",
        **names("verify_files"),
        kind="flag",
        default=False,
        help="Compare every installed file with what its RECORD says.",
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
)
