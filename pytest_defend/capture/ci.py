r"""One table row per CI system: which of its variables hold what.

Rules:
- A field of a row is a pattern over variables: `{NAME}` is a variable that is set and not empty,
  `{NAME~(regex)}` one that matches as a whole, of which the first group is taken. Alternatives are separated
  by ` | `; the first whose variables are all there counts. No alternative: the fact is unknown, and empty.
- A row applies when its `mark` does. When several apply (an agent of one system started by another), the
  first in the order of the table counts.
- `number` is what stays the same when a run is tried again; the attempt is added here, to all alike, so that
  a second try never overwrites the evidence of the first.
- Only variables the vendor documents; each row names the page.
- Adding a system is adding a row, and its recorded environment to the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.model.ci import CiFacts
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SYSTEMS", "CiSystem", "detect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CiSystem:
    """One CI system; all but `name`, `first_attempt` and `source` (a page) are patterns over variables."""

    name: str
    mark: str
    build_name: str
    number: str
    attempt: str = ""
    first_attempt: int = 1
    """What `attempt` says on the first try: some systems count tries, others retries."""
    url: str
    branch: str = ""
    commit: str = ""
    job: str
    change: str = ""
    summary_file: str = ""
    source: str


SYSTEMS = (
    CiSystem(
        name="GitHub Actions",
        mark="{GITHUB_ACTIONS~(true)}",
        build_name="{GITHUB_REPOSITORY}/{GITHUB_WORKFLOW}",  # every second repository has a workflow "CI"
        number="{GITHUB_RUN_NUMBER}",
        attempt="{GITHUB_RUN_ATTEMPT}",
        url="{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}"
        " | {GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        branch="{GITHUB_HEAD_REF} | {GITHUB_REF~refs/heads/(.+)}",
        commit="{GITHUB_SHA}",
        job="{GITHUB_JOB}",
        change=r"{GITHUB_REF~refs/pull/(\d+)/.+}",
        summary_file="{GITHUB_STEP_SUMMARY}",
        source="https://docs.github.com/en/actions/reference/variables-reference",
    ),
    CiSystem(
        name="GitLab",
        mark="{GITLAB_CI~(true)}",
        build_name="{CI_PROJECT_PATH}",
        number="{CI_PIPELINE_ID}",
        attempt="{CI_JOB_RETRY_COUNT}",  # since 19.3; before, a retried job has the number of its first try
        first_attempt=0,
        url="{CI_PIPELINE_URL} | {CI_JOB_URL}",
        branch="{CI_MERGE_REQUEST_SOURCE_BRANCH_NAME} | {CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME}"
        " | {CI_COMMIT_BRANCH}",
        commit="{CI_COMMIT_SHA}",
        job="{CI_JOB_NAME}",
        change="{CI_MERGE_REQUEST_IID} | {CI_EXTERNAL_PULL_REQUEST_IID}",
        source="https://docs.gitlab.com/ci/variables/predefined_variables/",
    ),
    CiSystem(
        name="Jenkins",
        mark="{JENKINS_URL} | {BUILD_TAG~(jenkins-.+)}",  # no URL where Jenkins was not told its address
        build_name="{JOB_NAME}",
        number="{BUILD_NUMBER}",
        url="{BUILD_URL}",
        branch="{CHANGE_BRANCH} | {BRANCH_NAME} | {GIT_BRANCH~(?:origin/)?(.+)}",
        commit="{GIT_COMMIT}",
        job="{STAGE_NAME} | {JOB_BASE_NAME}",
        change="{CHANGE_ID}",
        source="https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables",
    ),
    CiSystem(
        name="TeamCity",
        mark=r"{TEAMCITY_VERSION~(\d.*)}",  # PyCharm sets "LOCAL" on a developer's desk
        build_name="{TEAMCITY_PROJECT_NAME}/{TEAMCITY_BUILDCONF_NAME}",
        number="{BUILD_NUMBER}",
        url="{BUILD_URL}",
        commit="{BUILD_VCS_NUMBER}",
        job="{TEAMCITY_BUILDCONF_NAME}",
        source="https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html",
    ),
    CiSystem(
        name="Azure Pipelines",
        mark="{TF_BUILD~([Tt]rue)}",
        # Names of pipelines are unique within their folder; the root folder is "\".
        build_name=r"{SYSTEM_TEAMPROJECT}/{BUILD_DEFINITIONFOLDERPATH~\\(.+)}/{BUILD_DEFINITIONNAME}"
        " | {SYSTEM_TEAMPROJECT}/{BUILD_DEFINITIONNAME}",
        number="{BUILD_BUILDNUMBER}",
        attempt="{SYSTEM_JOBATTEMPT}",
        # The project's id, for its name may hold spaces.
        url="{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECTID}/_build/results?buildId={BUILD_BUILDID}",
        branch="{SYSTEM_PULLREQUEST_SOURCEBRANCH~(?:refs/heads/)?(.+)}"
        " | {BUILD_SOURCEBRANCH~refs/heads/(.+)}",
        commit="{BUILD_SOURCEVERSION}",
        job="{SYSTEM_JOBDISPLAYNAME} | {AGENT_JOBNAME}",
        change="{SYSTEM_PULLREQUEST_PULLREQUESTNUMBER} | {SYSTEM_PULLREQUEST_PULLREQUESTID}",
        source="https://learn.microsoft.com/azure/devops/pipelines/build/variables",
    ),
    CiSystem(
        name="Bamboo",
        mark="{bamboo_planKey}",
        build_name="{bamboo_planKey}",
        number="{bamboo_buildNumber}",
        url="{bamboo_resultsUrl} | {bamboo_buildResultsUrl}",
        branch="{bamboo_repository_pr_sourceBranch} | {bamboo_planRepository_branchName}",
        commit="{bamboo_planRepository_revision}",
        job="{bamboo_shortJobName}",
        change="{bamboo_repository_pr_key}",
        source="https://confluence.atlassian.com/bamboo/bamboo-variables-289277087.html",
    ),
    CiSystem(
        name="Bitbucket Pipelines",
        mark="{BITBUCKET_BUILD_NUMBER}",
        build_name="{BITBUCKET_REPO_FULL_NAME}",
        number="{BITBUCKET_BUILD_NUMBER}",
        attempt="{BITBUCKET_STEP_RUN_NUMBER}",
        url="https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
        branch="{BITBUCKET_BRANCH}",
        commit="{BITBUCKET_COMMIT}",
        job="{BITBUCKET_STEP_UUID}",
        change="{BITBUCKET_PR_ID}",
        source="https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/",
    ),
    CiSystem(
        name="Buildkite",
        mark="{BUILDKITE~(true)}",
        build_name="{BUILDKITE_ORGANIZATION_SLUG}/{BUILDKITE_PIPELINE_SLUG}",
        number="{BUILDKITE_BUILD_NUMBER}",
        attempt="{BUILDKITE_RETRY_COUNT}",
        first_attempt=0,
        url="{BUILDKITE_BUILD_URL}",
        branch="{BUILDKITE_BRANCH}",
        commit="{BUILDKITE_COMMIT~([0-9a-f]+)}",  # "HEAD" until an agent has checked out
        job="{BUILDKITE_STEP_KEY} | {BUILDKITE_LABEL}",
        change=r"{BUILDKITE_PULL_REQUEST~(\d+)}",  # "false" for none
        source="https://buildkite.com/docs/pipelines/environment_variables",
    ),
    CiSystem(
        name="CircleCI",
        mark="{CIRCLECI~(true)}",
        build_name="{CIRCLE_PROJECT_USERNAME}/{CIRCLE_PROJECT_REPONAME} | {CIRCLE_PROJECT_ID}",
        number="{CIRCLE_BUILD_NUM}",  # of the job; a rerun has a new one
        url="{CIRCLE_BUILD_URL}",
        branch="{CIRCLE_BRANCH}",
        commit="{CIRCLE_SHA1}",
        job="{CIRCLE_JOB}",
        change=r"{CIRCLE_PR_NUMBER} | {CIRCLE_PULL_REQUEST~.+/(\d+)}",
        source="https://circleci.com/docs/reference/variables/#built-in-environment-variables",
    ),
    CiSystem(
        name="Travis CI",
        mark="{TRAVIS~(true)}",
        build_name="{TRAVIS_REPO_SLUG}",
        number="{TRAVIS_BUILD_NUMBER}",
        url="{TRAVIS_BUILD_WEB_URL}",
        branch="{TRAVIS_PULL_REQUEST_BRANCH} | {TRAVIS_BRANCH}",
        commit="{TRAVIS_COMMIT}",
        job="{TRAVIS_JOB_NAME} | {TRAVIS_JOB_NUMBER}",
        change=r"{TRAVIS_PULL_REQUEST~(\d+)}",  # "false" for none
        source="https://docs.travis-ci.com/user/environment-variables/#default-environment-variables",
    ),
    CiSystem(
        name="Woodpecker",  # ahead of Drone, whose variables it sets for old plugins
        mark="{CI~(woodpecker)} | {CI_SYSTEM_NAME~(woodpecker)}",
        build_name="{CI_REPO}",
        number="{CI_PIPELINE_NUMBER}",  # a restart has a new one
        url="{CI_PIPELINE_URL}",
        branch="{CI_COMMIT_SOURCE_BRANCH} | {CI_COMMIT_BRANCH}",
        commit="{CI_COMMIT_SHA}",
        job="{CI_WORKFLOW_NAME}",
        change="{CI_COMMIT_PULL_REQUEST}",
        source="https://woodpecker-ci.org/docs/usage/environment",
    ),
    CiSystem(
        name="Drone",
        mark="{DRONE~(true)}",
        build_name="{DRONE_REPO}",
        number="{DRONE_BUILD_NUMBER}",  # a restart has a new one
        url="{DRONE_BUILD_LINK}",
        branch="{DRONE_SOURCE_BRANCH} | {DRONE_BRANCH}",
        commit="{DRONE_COMMIT_SHA} | {DRONE_COMMIT}",
        job="{DRONE_STAGE_NAME}",
        change="{DRONE_PULL_REQUEST}",
        source="https://docs.drone.io/pipeline/environment/reference/",
    ),
    CiSystem(
        name="Concourse",  # tells resources, not tasks: a task is told only what its pipeline passes on
        mark="{BUILD_TEAM_NAME}{BUILD_PIPELINE_NAME}{BUILD_JOB_NAME}",
        build_name="{BUILD_TEAM_NAME}/{BUILD_PIPELINE_NAME}/{BUILD_JOB_NAME}",
        # BUILD_NAME, which people see, repeats in every instance of an instanced pipeline.
        number="{BUILD_ID} | {BUILD_NAME}",
        url="{BUILD_URL} | {ATC_EXTERNAL_URL}/builds/{BUILD_ID}",
        job="{BUILD_JOB_NAME}",
        source="https://concourse-ci.org/implementing-resource-types.html#resource-metadata",
    ),
    CiSystem(
        name="AppVeyor",
        mark="{APPVEYOR~([Tt]rue)}",
        build_name="{APPVEYOR_ACCOUNT_NAME}/{APPVEYOR_PROJECT_SLUG}",
        number="{APPVEYOR_BUILD_NUMBER}",
        url="{APPVEYOR_URL}/project/{APPVEYOR_ACCOUNT_NAME}/{APPVEYOR_PROJECT_SLUG}/builds/{APPVEYOR_BUILD_ID}",
        branch="{APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH} | {APPVEYOR_REPO_BRANCH}",
        commit="{APPVEYOR_REPO_COMMIT}",
        job="{APPVEYOR_JOB_NAME} | {APPVEYOR_JOB_ID}",
        change="{APPVEYOR_PULL_REQUEST_NUMBER}",
        source="https://www.appveyor.com/docs/environment-variables/",
    ),
    CiSystem(
        name="Codefresh",
        mark="{CF_BUILD_ID}",
        build_name="{CF_PIPELINE_NAME}",
        number="{CF_BUILD_ID}",
        attempt="{CF_CURRENT_ATTEMPT}",
        url="{CF_BUILD_URL}",
        branch="{CF_BRANCH}",
        commit="{CF_REVISION}",
        job="{CF_STEP_NAME}",
        change="{CF_PULL_REQUEST_NUMBER}",
        source="https://codefresh.io/docs/docs/pipelines/variables/",
    ),
)

_VARIABLE = re.compile(r"\{(\w+)(?:~([^}]+))?\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def detect(environ: Mapping[str, str]) -> CiFacts | None:
    """What the CI system that started this process says about its run; None outside of CI.

    Args:
        environ: The environment variables of the process.
    """
    for system in SYSTEMS:
        if _filled(system.mark, environ):
            return _facts(system, environ)
    return None


def _facts(system: CiSystem, environ: Mapping[str, str]) -> CiFacts:
    attempt = _attempt(system, environ)
    number = _filled(system.number, environ).replace("/", "-")  # NAME/NUMBER is split at the last slash
    return CiFacts(
        system=system.name,
        build_name=_filled(system.build_name, environ).replace("\\", "/"),
        build_number=f"{number}.{attempt}" if number and attempt else number,
        url=strip_user_information(_filled(system.url, environ)),
        branch=_filled(system.branch, environ),
        commit=_filled(system.commit, environ),
        job=_filled(system.job, environ),
        attempt=attempt,
        change=_filled(system.change, environ),
        summary_file=_filled(system.summary_file, environ),
    )


def _attempt(system: CiSystem, environ: Mapping[str, str]) -> int:
    text = _filled(system.attempt, environ)
    return int(text) + 1 - system.first_attempt if re.fullmatch("[0-9]{1,9}", text) else 0


def _filled(pattern: str, environ: Mapping[str, str]) -> str:
    """The first alternative of `pattern` whose variables are all there; empty when there is none."""
    for alternative in pattern.split(" | "):
        pieces = _VARIABLE.split(alternative)  # text, name, regex, text, ..., text
        names = zip(pieces[1::3], pieces[2::3], strict=True)
        values = [_value(name, regex, environ) for name, regex in names]
        if all(values):
            return "".join(text + value for text, value in zip(pieces[::3], [*values, ""], strict=True))
    return ""


def _value(name: str, regex: str | None, environ: Mapping[str, str]) -> str:
    value = _CONTROL.sub(" ", environ.get(name, "")).strip()
    if regex is None:
        return value
    match = re.fullmatch(regex, value)
    return match[1] if match else ""
