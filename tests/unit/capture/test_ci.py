from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.capture.ci import SYSTEMS, detect
from pytest_defend.model.ci import CiFacts

_SHA = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

# What each system sets, as its documentation gives it (the page is named in the row), and what we read in it.
_RECORDED: list[tuple[dict[str, str], CiFacts]] = [
    (
        {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "acme/basket",
            "GITHUB_WORKFLOW": "CI/CD",
            "GITHUB_RUN_ID": "1658821493",
            "GITHUB_RUN_NUMBER": "37",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REF": "refs/pull/12/merge",
            "GITHUB_HEAD_REF": "feature/fruit",
            "GITHUB_BASE_REF": "main",
            "GITHUB_SHA": _SHA,
            "GITHUB_JOB": "tests",
            "GITHUB_STEP_SUMMARY": "/home/runner/_temp/step_summary_9",
        },
        CiFacts(
            system="GitHub Actions",
            build_name="acme/basket/CI/CD",
            build_number="37.2",
            url="https://github.com/acme/basket/actions/runs/1658821493/attempts/2",
            branch="feature/fruit",
            commit=_SHA,
            job="tests",
            attempt=2,
            change="12",
            summary_file="/home/runner/_temp/step_summary_9",
        ),
    ),
    (
        {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "acme/team/basket",
            "CI_PIPELINE_ID": "1212121",
            "CI_PIPELINE_IID": "88",
            "CI_PIPELINE_URL": "https://gitlab.com/acme/team/basket/-/pipelines/1212121",
            "CI_JOB_NAME": "unit: [3.11]",
            "CI_JOB_RETRY_COUNT": "0",
            "CI_JOB_TOKEN": "planted-secret",
            "CI_COMMIT_SHA": _SHA,
            "CI_COMMIT_REF_NAME": "fruit",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fruit",
        },
        CiFacts(
            system="GitLab",
            build_name="acme/team/basket",
            build_number="1212121.1",
            url="https://gitlab.com/acme/team/basket/-/pipelines/1212121",
            branch="fruit",
            commit=_SHA,
            job="unit: [3.11]",
            attempt=1,
            change="7",
        ),
    ),
    (
        {
            "JENKINS_URL": "https://jenkins.example.org/",
            "BUILD_TAG": "jenkins-acme-basket-PR-12-5",
            "JOB_NAME": "acme/basket/PR-12",
            "JOB_BASE_NAME": "PR-12",
            "BUILD_NUMBER": "5",
            "BUILD_URL": "https://bot:planted-secret@jenkins.example.org/job/acme/job/basket/job/PR-12/5/",
            "BRANCH_NAME": "PR-12",
            "CHANGE_ID": "12",
            "CHANGE_BRANCH": "fruit",
            "GIT_COMMIT": _SHA,
            "GIT_BRANCH": "PR-12",
            "STAGE_NAME": "Unit tests",
        },
        CiFacts(
            system="Jenkins",
            build_name="acme/basket/PR-12",
            build_number="5",
            url="https://jenkins.example.org/job/acme/job/basket/job/PR-12/5/",
            branch="fruit",
            commit=_SHA,
            job="Unit tests",
            change="12",
        ),
    ),
    (
        {
            "TEAMCITY_VERSION": "2023.11.1 (build 147412)",
            "TEAMCITY_PROJECT_NAME": "Basket",
            "TEAMCITY_BUILDCONF_NAME": "Unit tests",
            "BUILD_NUMBER": "release/1.4.17",
            "BUILD_URL": "https://teamcity.example.org/buildConfiguration/Basket_Unit/4711",
            "BUILD_VCS_NUMBER": _SHA,
        },
        CiFacts(
            system="TeamCity",
            build_name="Basket/Unit tests",
            build_number="release-1.4.17",
            url="https://teamcity.example.org/buildConfiguration/Basket_Unit/4711",
            commit=_SHA,
            job="Unit tests",
        ),
    ),
    (
        {
            "TF_BUILD": "True",
            "SYSTEM_TEAMPROJECT": "Fresh Fruit",
            "SYSTEM_TEAMPROJECTID": "6c6f3423-1c84-4625-995a-f7f143a1e43d",
            "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
            "SYSTEM_JOBATTEMPT": "3",
            "SYSTEM_JOBDISPLAYNAME": "Unit tests",
            "BUILD_BUILDID": "1764",
            "BUILD_BUILDNUMBER": "20260131.1",
            "BUILD_DEFINITIONNAME": "basket-ci",
            "BUILD_DEFINITIONFOLDERPATH": "\\shop\\backend",
            "BUILD_SOURCEBRANCH": "refs/heads/main",
            "BUILD_SOURCEVERSION": _SHA,
        },
        CiFacts(
            system="Azure Pipelines",
            build_name="Fresh Fruit/shop/backend/basket-ci",
            build_number="20260131.1.3",
            url="https://dev.azure.com/acme/6c6f3423-1c84-4625-995a-f7f143a1e43d/_build/results?buildId=1764",
            branch="main",
            commit=_SHA,
            job="Unit tests",
            attempt=3,
        ),
    ),
    (
        {
            "bamboo_planKey": "SHOP-BASKET",
            "bamboo_buildKey": "SHOP-BASKET-JOB1",
            "bamboo_buildNumber": "14",
            "bamboo_resultsUrl": "https://bamboo.example.org/browse/SHOP-BASKET-JOB1-14",
            "bamboo_shortJobName": "Unit tests",
            "bamboo_planRepository_branchName": "main",
            "bamboo_planRepository_revision": _SHA,
            "bamboo_agent_password": "planted-secret",
        },
        CiFacts(
            system="Bamboo",
            build_name="SHOP-BASKET",
            build_number="14",
            url="https://bamboo.example.org/browse/SHOP-BASKET-JOB1-14",
            branch="main",
            commit=_SHA,
            job="Unit tests",
        ),
    ),
    (
        {
            "CI": "true",
            "BITBUCKET_BUILD_NUMBER": "50",
            "BITBUCKET_STEP_RUN_NUMBER": "1",
            "BITBUCKET_STEP_UUID": "{11d8e1f2-0000-4000-8000-3a7e0ef1b3c4}",
            "BITBUCKET_REPO_FULL_NAME": "acme/basket",
            "BITBUCKET_BRANCH": "fruit",
            "BITBUCKET_COMMIT": _SHA,
            "BITBUCKET_PR_ID": "8",
        },
        CiFacts(
            system="Bitbucket Pipelines",
            build_name="acme/basket",
            build_number="50.1",
            url="https://bitbucket.org/acme/basket/pipelines/results/50",
            branch="fruit",
            commit=_SHA,
            job="{11d8e1f2-0000-4000-8000-3a7e0ef1b3c4}",
            attempt=1,
            change="8",
        ),
    ),
    (
        {
            "CI": "true",
            "BUILDKITE": "true",
            "BUILDKITE_ORGANIZATION_SLUG": "acme",
            "BUILDKITE_PIPELINE_SLUG": "basket",
            "BUILDKITE_BUILD_NUMBER": "1514",
            "BUILDKITE_RETRY_COUNT": "1",
            "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/basket/builds/1514",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": "HEAD",
            "BUILDKITE_LABEL": ":pytest: unit",
            "BUILDKITE_PULL_REQUEST": "false",
            "BUILDKITE_AGENT_ACCESS_TOKEN": "planted-secret",
        },
        CiFacts(
            system="Buildkite",
            build_name="acme/basket",
            build_number="1514.2",
            url="https://buildkite.com/acme/basket/builds/1514",
            branch="main",
            job=":pytest: unit",
            attempt=2,
        ),
    ),
    (
        {
            "CI": "true",
            "CIRCLECI": "true",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "basket",
            "CIRCLE_BUILD_NUM": "2251",
            "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/basket/2251",
            "CIRCLE_BRANCH": "fruit",
            "CIRCLE_SHA1": _SHA,
            "CIRCLE_JOB": "unit",
            "CIRCLE_PULL_REQUEST": "https://github.com/acme/basket/pull/12",
        },
        CiFacts(
            system="CircleCI",
            build_name="acme/basket",
            build_number="2251",
            url="https://circleci.com/gh/acme/basket/2251",
            branch="fruit",
            commit=_SHA,
            job="unit",
            change="12",
        ),
    ),
    (
        {
            "CI": "true",
            "TRAVIS": "true",
            "TRAVIS_REPO_SLUG": "acme/basket",
            "TRAVIS_BUILD_NUMBER": "4",
            "TRAVIS_JOB_NUMBER": "4.1",
            "TRAVIS_BUILD_WEB_URL": "https://app.travis-ci.com/acme/basket/builds/99",
            "TRAVIS_BRANCH": "main",
            "TRAVIS_PULL_REQUEST": "false",
            "TRAVIS_PULL_REQUEST_BRANCH": "",
            "TRAVIS_COMMIT": _SHA,
        },
        CiFacts(
            system="Travis CI",
            build_name="acme/basket",
            build_number="4",
            url="https://app.travis-ci.com/acme/basket/builds/99",
            branch="main",
            commit=_SHA,
            job="4.1",
        ),
    ),
    (
        {
            "CI": "woodpecker",
            "CI_SYSTEM_NAME": "woodpecker",
            "CI_REPO": "john-doe/my-repo",
            "CI_PIPELINE_NUMBER": "8",
            "CI_PIPELINE_PARENT": "7",
            "CI_PIPELINE_URL": "https://ci.example.com/repos/7/pipeline/8",
            "CI_COMMIT_SHA": _SHA,
            "CI_COMMIT_BRANCH": "main",
            "CI_COMMIT_SOURCE_BRANCH": "issue-branch",
            "CI_COMMIT_PULL_REQUEST": "1",
            "CI_WORKFLOW_NAME": "release",
            "DRONE": "true",
            "DRONE_REPO": "john-doe/my-repo",
        },
        CiFacts(
            system="Woodpecker",
            build_name="john-doe/my-repo",
            build_number="8",
            url="https://ci.example.com/repos/7/pipeline/8",
            branch="issue-branch",
            commit=_SHA,
            job="release",
            change="1",
        ),
    ),
    (
        {
            "CI": "true",
            "DRONE": "true",
            "DRONE_REPO": "octocat/hello-world",
            "DRONE_BUILD_NUMBER": "42",
            "DRONE_BUILD_LINK": "https://drone.example.com/octocat/hello-world/42",
            "DRONE_BRANCH": "main",
            "DRONE_COMMIT_SHA": _SHA,
            "DRONE_STAGE_NAME": "unit",
        },
        CiFacts(
            system="Drone",
            build_name="octocat/hello-world",
            build_number="42",
            url="https://drone.example.com/octocat/hello-world/42",
            branch="main",
            commit=_SHA,
            job="unit",
        ),
    ),
    (
        {
            "BUILD_TEAM_NAME": "main",
            "BUILD_PIPELINE_NAME": "basket",
            "BUILD_PIPELINE_INSTANCE_VARS": '{"branch":"fruit"}',
            "BUILD_JOB_NAME": "unit",
            "BUILD_NAME": "12",
            "BUILD_ID": "67890",
            "ATC_EXTERNAL_URL": "https://concourse.example.org",
        },
        CiFacts(
            system="Concourse",
            build_name="main/basket/unit",
            build_number="67890",
            url="https://concourse.example.org/builds/67890",
            job="unit",
        ),
    ),
    (
        {
            "CI": "True",
            "APPVEYOR": "True",
            "APPVEYOR_URL": "https://ci.appveyor.com",
            "APPVEYOR_ACCOUNT_NAME": "acme",
            "APPVEYOR_PROJECT_SLUG": "basket",
            "APPVEYOR_BUILD_ID": "10041",
            "APPVEYOR_BUILD_NUMBER": "19",
            "APPVEYOR_BUILD_VERSION": "1.0.19",
            "APPVEYOR_JOB_ID": "qw1f6v8",
            "APPVEYOR_JOB_NAME": "Image: Ubuntu; Python: 3.11",
            "APPVEYOR_REPO_BRANCH": "main",
            "APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH": "fruit",
            "APPVEYOR_PULL_REQUEST_NUMBER": "12",
            "APPVEYOR_REPO_COMMIT": _SHA,
        },
        CiFacts(
            system="AppVeyor",
            build_name="acme/basket",
            build_number="19",
            url="https://ci.appveyor.com/project/acme/basket/builds/10041",
            branch="fruit",
            commit=_SHA,
            job="Image: Ubuntu; Python: 3.11",
            change="12",
        ),
    ),
    (
        {
            "CF_BUILD_ID": "6410367cee516146a4c4c66e",
            "CF_BUILD_URL": "https://g.codefresh.io/build/6410367cee516146a4c4c66e",
            "CF_PIPELINE_NAME": "shop/basket",
            "CF_STEP_NAME": "UnitTests",
            "CF_BRANCH": "main",
            "CF_REVISION": _SHA,
        },
        CiFacts(
            system="Codefresh",
            build_name="shop/basket",
            build_number="6410367cee516146a4c4c66e",
            url="https://g.codefresh.io/build/6410367cee516146a4c4c66e",
            branch="main",
            commit=_SHA,
            job="UnitTests",
        ),
    ),
]
_ENVIRONMENTS = {facts.system: environ for environ, facts in _RECORDED}


@pytest.mark.parametrize(("environ", "facts"), _RECORDED, ids=list(_ENVIRONMENTS))
def test_a_recorded_environment_is_read(environ: dict[str, str], facts: CiFacts) -> None:
    assert detect(environ) == facts
    assert CiFacts.from_dict(facts.to_dict()) == facts
    assert "planted-secret" not in repr(detect(environ))


def test_every_row_has_a_name_of_its_own_and_a_recorded_environment() -> None:
    assert [system.name for system in SYSTEMS] == [facts.system for _, facts in _RECORDED]
    assert len(_ENVIRONMENTS) == len(SYSTEMS)


@pytest.mark.parametrize(
    "environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": ""}, {"TEAMCITY_VERSION": "LOCAL"}]
)
def test_outside_of_ci_there_are_no_facts(environ: dict[str, str]) -> None:
    assert detect(environ) is None


def test_of_two_systems_the_first_in_the_table_counts() -> None:
    everything: dict[str, str] = {}
    for system in reversed(SYSTEMS):
        everything |= _ENVIRONMENTS[system.name]
        found = detect(everything)
        assert found is not None
        # Concourse and TeamCity share BUILD_* with Jenkins, so only the system is certain.
        assert found.system == system.name


@pytest.mark.parametrize(
    ("system", "changed", "expected"),
    [
        (
            "GitHub Actions",
            {"GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": ""},
            {"branch": "main", "change": ""},
        ),
        (
            "GitHub Actions",
            {"GITHUB_REF": "refs/tags/v1", "GITHUB_HEAD_REF": ""},
            {"branch": "", "change": ""},
        ),
        (
            "GitHub Actions",
            {"GITHUB_RUN_ATTEMPT": ""},
            {
                "build_number": "37",
                "attempt": 0,
                "url": "https://github.com/acme/basket/actions/runs/1658821493",
            },
        ),
        ("GitHub Actions", {"GITHUB_RUN_NUMBER": ""}, {"build_number": ""}),
        ("GitHub Actions", {"GITHUB_WORKFLOW": ""}, {"build_name": ""}),
        ("GitHub Actions", {"GITHUB_RUN_ATTEMPT": "second"}, {"build_number": "37", "attempt": 0}),
        ("GitHub Actions", {"GITHUB_WORKFLOW": "C\x1b[31mI\r\n"}, {"build_name": "acme/basket/C [31mI"}),
        ("GitLab", {"CI_JOB_RETRY_COUNT": ""}, {"build_number": "1212121", "attempt": 0}),
        ("GitLab", {"CI_JOB_RETRY_COUNT": "1"}, {"build_number": "1212121.2", "attempt": 2}),
        ("Jenkins", {"JENKINS_URL": ""}, {"system": "Jenkins"}),
        (
            "Jenkins",
            {"CHANGE_BRANCH": "", "BRANCH_NAME": "", "GIT_BRANCH": "origin/main"},
            {"branch": "main"},
        ),
        ("Azure Pipelines", {"BUILD_DEFINITIONFOLDERPATH": "\\"}, {"build_name": "Fresh Fruit/basket-ci"}),
        (
            "Azure Pipelines",
            {"SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/fruit", "SYSTEM_PULLREQUEST_PULLREQUESTID": "17"},
            {"branch": "fruit", "change": "17"},
        ),
        ("Azure Pipelines", {"SYSTEM_PULLREQUEST_SOURCEBRANCH": "fruit"}, {"branch": "fruit"}),
        (
            "Buildkite",
            {"BUILDKITE_COMMIT": _SHA, "BUILDKITE_PULL_REQUEST": "9"},
            {"commit": _SHA, "change": "9"},
        ),
        (
            "CircleCI",
            {"CIRCLE_PROJECT_USERNAME": "", "CIRCLE_PROJECT_ID": "e2e8ae23"},
            {"build_name": "e2e8ae23"},
        ),
        (
            "Codefresh",
            {"CF_CURRENT_ATTEMPT": "2"},
            {"build_number": "6410367cee516146a4c4c66e.2", "attempt": 2},
        ),
    ],
)
def test_what_differs_from_run_to_run(
    system: str, changed: dict[str, str], expected: dict[str, object]
) -> None:
    facts = detect(_ENVIRONMENTS[system] | changed)
    assert {name: getattr(facts, name) for name in expected} == expected


_NAMES = sorted({name for environ in _ENVIRONMENTS.values() for name in environ})


@given(
    system=st.sampled_from(sorted(_ENVIRONMENTS)),
    noise=st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=20), max_size=8),
)
def test_no_environment_breaks_the_record(system: str, noise: dict[str, str]) -> None:
    facts = detect(_ENVIRONMENTS[system] | noise)
    if facts is not None:
        assert "/" not in facts.build_number
        assert all(ord(character) >= 32 for character in facts.build_name + facts.build_number)
        assert CiFacts.from_bytes(facts.to_bytes()) == facts
