from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from pytest_defend import settings
from pytest_defend.model.ci import CiFacts
from pytest_defend.settings import FLAGS, OPTIONS, Option, Settings


def test_every_row_is_an_attribute_of_settings_and_every_attribute_a_row() -> None:
    attributes = [field.name for field in fields(Settings)]
    assert [option.name for option in OPTIONS] + ["origins"] == attributes


def test_flags_keys_and_variables_are_as_documented() -> None:
    assert [(o.flag, o.key, o.variable, o.fallbacks) for o in OPTIONS] == [
        ("--defend-publish", "publish", "DEFEND_PUBLISH", ()),
        ("--defend-dry-run", "dry-run", "DEFEND_DRY_RUN", ()),
        ("--defend-record", "record", "DEFEND_RECORD", ()),
        ("--defend-stage", "stage", "DEFEND_STAGE", ()),
        ("--defend-build", "build", "DEFEND_BUILD", ("JFROG_CLI_BUILD_NAME",)),
        ("--defend-build", "build", "DEFEND_BUILD", ("JFROG_CLI_BUILD_NUMBER",)),
        ("", "build-url", "DEFEND_BUILD_URL", ("JFROG_CLI_BUILD_URL",)),
        ("--defend-project", "project", "DEFEND_PROJECT", ("JFROG_CLI_BUILD_PROJECT",)),
        ("--defend-on-error", "on-error", "DEFEND_ON_ERROR", ()),
        ("--defend-on-exists", "on-exists", "DEFEND_ON_EXISTS", ()),
        ("--defend-dist", "dist", "DEFEND_DIST", ()),
        ("--defend-artifact-from", "artifact-from", "DEFEND_ARTIFACT_FROM", ()),
        ("--defend-attach", "attach", "DEFEND_ATTACH", ()),
        ("--defend-locks", "locks", "DEFEND_LOCKS", ()),
        ("--defend-index", "index", "DEFEND_INDEX", ()),
        ("--defend-wheelhouse", "wheelhouse", "DEFEND_WHEELHOUSE", ()),
        ("--defend-prove", "prove", "DEFEND_PROVE", ()),
        ("--defend-verify-files", "verify-files", "DEFEND_VERIFY_FILES", ()),
        ("--defend-output", "output", "DEFEND_OUTPUT", ()),
        ("--defend-output-limit", "output-limit", "DEFEND_OUTPUT_LIMIT", ()),
        ("--defend-attachment-limit", "attachment-limit", "DEFEND_ATTACHMENT_LIMIT", ()),
        ("", "env-include", "DEFEND_ENV_INCLUDE", ()),
        ("", "env-exclude", "DEFEND_ENV_EXCLUDE", ("JFROG_CLI_ENV_EXCLUDE",)),
        ("", "issues.tracker", "", ()),
        ("", "issues.pattern", "", ()),
        ("", "issues.url", "", ()),
        ("--defend-property", "property", "DEFEND_PROPERTY", ()),
        ("--defend-policy", "policy", "DEFEND_POLICY", ()),
        ("--defend-signing-key", "signing-key", "DEFEND_SIGNING_KEY", ()),
        ("", "", "DEFEND_SIGNING_PASSPHRASE", ()),
        ("--defend-store", "store", "DEFEND_STORE", ("JF_URL",)),
        ("--defend-repository", "repository", "DEFEND_REPOSITORY", ()),
        ("--defend-incoming", "incoming", "DEFEND_INCOMING", ()),
        ("--defend-ca-bundle", "ca-bundle", "DEFEND_CA_BUNDLE", ()),
        ("--defend-client-cert", "client-cert", "DEFEND_CLIENT_CERT", ()),
        ("", "workers", "DEFEND_WORKERS", ()),
        ("", "connect-timeout", "DEFEND_CONNECT_TIMEOUT", ()),
        ("", "read-timeout", "DEFEND_READ_TIMEOUT", ()),
        ("", "deadline", "DEFEND_DEADLINE", ()),
        ("", "", "DEFEND_ACCESS_TOKEN", ("JF_ACCESS_TOKEN",)),
        ("", "", "DEFEND_USER", ("JF_USER",)),
        ("", "", "DEFEND_PASSWORD", ("JF_PASSWORD",)),
    ]


def test_each_flag_is_registered_once() -> None:
    assert len(FLAGS) == len({option.flag for option in FLAGS})
    assert {option.flag for option in FLAGS} == {option.flag for option in OPTIONS} - {""}
    assert {option.argument for option in FLAGS} >= {"publish", "build", "dry_run", "attachment_limit"}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_row_is_whole(option: Option) -> None:
    assert option.help.endswith(".")
    assert "%" not in option.help  # argparse would format it
    assert bool(option.metavar) == (bool(option.flag) and option.kind != "flag")
    assert bool(option.pattern) == bool(option.expected)
    assert not option.choices or (option.kind == "choice" and option.default in option.choices)
    assert not option.detected or option.detected in {field.name for field in fields(CiFacts)}
    if option.kind == "number":
        assert option.least <= option.default <= option.most
    if option.secret:
        assert (option.flag, option.key, option.default) == ("", "", "")
    assert set(option.needs) <= {each.name for each in OPTIONS}
    if option.pattern and option.default:
        assert re.fullmatch(option.pattern, option.default)


def test_the_front_door_opens_every_public_name_and_no_other() -> None:
    assert [name for name in settings.__all__ if getattr(settings, name, None) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'solve'"):
        _ = settings.solve  # type: ignore[attr-defined]  # that it is missing is the point


def test_importing_the_table_loads_nothing_that_pytest_has_not_loaded() -> None:
    script = (
        "import sys, pytest; before = set(sys.modules); import pytest_defend.settings; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == [
        "pytest_defend",
        "pytest_defend.settings",
        "pytest_defend.settings.options",
        "pytest_defend.settings.table",
        "pytest_defend.settings.table.evidence",
        "pytest_defend.settings.table.release",
        "pytest_defend.settings.table.run",
        "pytest_defend.settings.table.store",
    ]
