"""Who started this run, as the CI system says.

Rules:
- The first variable that is set counts; only variables the vendor documents, each with its page.
- It is what the environment says, no proof: whoever controls the job controls its variables.

Source: https://docs.github.com/en/actions/reference/variables-reference,
https://docs.gitlab.com/ci/variables/predefined_variables/,
https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables,
https://plugins.jenkins.io/build-user-vars-plugin/,
https://buildkite.com/docs/pipelines/configure/environment-variables,
https://circleci.com/docs/reference/variables/,
https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["actor"]

_VARIABLES = (
    "GITHUB_TRIGGERING_ACTOR",  # of a run that was started again: who did that
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILD_REQUESTEDFOR",  # Azure Pipelines
    "BUILD_USER_ID",  # Jenkins
    "BUILDKITE_BUILD_CREATOR",
    "CIRCLE_USERNAME",
    "BITBUCKET_STEP_TRIGGERER_UUID",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def actor(environ: Mapping[str, str]) -> str:
    """Who started this run; empty when the CI system does not say.

    Args:
        environ: The environment variables of the process.
    """
    said = (_CONTROL.sub(" ", environ.get(name, "")).strip() for name in _VARIABLES)
    return next(filter(None, said), "")
