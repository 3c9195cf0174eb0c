from __future__ import annotations

import dataclasses
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.errors import UsageError
from pytest_defend.model.ci import CiFacts
from pytest_defend.settings import OPTIONS, Secret, Settings, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

_CI = CiFacts(
    system="GitHub Actions",
    build_name="acme/basket/CI",
    build_number="37.2",
    url="https://github.com/acme/basket/actions/runs/1/attempts/2",
)


def _resolved(
    command_line: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    pyproject: Mapping[str, object] | None = None,
    detected: CiFacts | None = None,
) -> Settings:
    return resolve(
        command_line=command_line or {}, environ=environ or {}, pyproject=pyproject or {}, detected=detected
    )


def _refused(**given: Any) -> str:
    with pytest.raises(UsageError) as refusal:
        _resolved(**given)
    return str(refusal.value)


def test_nothing_given_gives_the_defaults() -> None:
    settings = _resolved()
    assert dataclasses.replace(settings, origins={}) == Settings(
        publish=False,
        record="",
        stage="tests",
        build_name="",
        build_number="",
        build_url="",
        project="",
        dist=("dist/*.whl", "dist/*.tar.gz"),
        artifact_from="",
        attach=(),
        locks=(
            "pylock.toml",
            "pylock.*.toml",
            "uv.lock",
            "poetry.lock",
            "pdm.lock",
            "Pipfile.lock",
            "requirements*.txt",
            "pip-report*.json",
        ),
        index=(),
        wheelhouse=(),
        prove=False,
        verify_files=False,
        dry_run=False,
        on_error="fail",
        on_exists="fail",
        store=".defend",
        ca_bundle="",
        client_cert="",
        workers=8,
        connect_timeout=10,
        read_timeout=60,
        deadline=600,
        incoming="",
        repository="candidates",
        output="all",
        output_limit=65_536,
        attachment_limit=52_428_800,
        env_include=(),
        env_exclude=(),
        issues_tracker="",
        issues_pattern="",
        issues_url="",
        properties=(),
        policy="",
        signing_key="",
        signing_passphrase=Secret(),
        access_token=Secret(),
        user="",
        password=Secret(),
        origins={},
    )
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == {option.name for option in OPTIONS}


def test_the_first_that_gives_a_value_counts() -> None:
    environ = {"DEFEND_BUILD": "ours/2", "JFROG_CLI_BUILD_NAME": "theirs", "JFROG_CLI_BUILD_NUMBER": "3"}
    others = {"JFROG_CLI_BUILD_NAME": "theirs", "JFROG_CLI_BUILD_NUMBER": "3"}
    number = {"JFROG_CLI_BUILD_NUMBER": "3"}
    pyproject = {"build": "file/4"}
    seen = [
        (
            settings.build_name,
            settings.origins["build_name"],
            settings.build_number,
            settings.origins["build_number"],
        )
        for settings in (
            _resolved({"build": "line/1"}, environ, pyproject, _CI),
            _resolved({}, environ, pyproject, _CI),
            _resolved({}, others, pyproject, _CI),
            _resolved({}, number, pyproject, _CI),
            _resolved({}, number, {}, _CI),
            _resolved({}, {}, {}, _CI),
        )
    ]
    line, ours, file, ci = (
        "command line --defend-build",
        "environment DEFEND_BUILD",
        "pyproject.toml",
        "CI GitHub Actions",
    )
    their_name, their_number = "environment JFROG_CLI_BUILD_NAME", "environment JFROG_CLI_BUILD_NUMBER"
    assert seen == [
        ("line", line, "1", line),
        ("ours", ours, "2", ours),
        ("theirs", their_name, "3", their_number),
        ("file", file, "3", their_number),
        ("acme/basket/CI", ci, "3", their_number),
        ("acme/basket/CI", ci, "37.2", ci),
    ]


def test_the_page_of_the_run_comes_from_ci() -> None:
    assert _resolved(detected=_CI).build_url == _CI.url
    empty = _resolved(detected=CiFacts(system="Jenkins"))
    assert (empty.build_url, empty.build_name, empty.origins["build_name"]) == ("", "", "default")


@pytest.mark.parametrize("nothing", [None, False, [], ()])
def test_an_argument_that_was_not_given_gives_nothing(nothing: object) -> None:
    given = {option.argument: nothing for option in OPTIONS} | {"foreign": "option"}
    assert set(_resolved(given).origins.values()) == {"default"}


def test_an_empty_variable_gives_nothing() -> None:
    variables = {name: "" for option in OPTIONS for name in (option.variable, *option.fallbacks)}
    assert set(_resolved(environ=variables).origins.values()) == {"default"}
    assert _resolved(environ={"DEFEND_STAGE": " \n"}).stage == "tests"


_READ = [
    ("publish", {"publish": True}, {"DEFEND_PUBLISH": "YES"}, {"publish": True}, True),
    ("publish", {"publish": "on"}, {"DEFEND_PUBLISH": "1"}, {"publish": True}, True),
    ("dry_run", {"dry_run": "no"}, {"DEFEND_DRY_RUN": "off"}, {"dry-run": False}, False),
    ("record", {"record": "out/r.zip"}, {"DEFEND_RECORD": "out/r.zip"}, {"record": "out/r.zip"}, "out/r.zip"),
    ("stage", {"stage": "smoke-A.1"}, {"DEFEND_STAGE": " smoke-A.1\n"}, {"stage": "smoke-A.1"}, "smoke-A.1"),
    ("build_name", {"build": "a/b/7"}, {"DEFEND_BUILD": "a/b/7"}, {"build": "a/b/7"}, "a/b"),
    ("build_number", {"build": "a/b/7"}, {"DEFEND_BUILD": "a/b/7"}, {"build": "a/b/7"}, "7"),
    ("project", {"project": "fruit"}, {"DEFEND_PROJECT": "fruit"}, {"project": "fruit"}, "fruit"),
    ("dist", {"dist": ["a;b", "c"]}, {"DEFEND_DIST": "a;b; c;"}, {"dist": ["a;b", "c"]}, ("a;b", "c")),
    ("attach", {"attach": "*.log"}, {"DEFEND_ATTACH": "*.log"}, {"attach": ["*.log"]}, ("*.log",)),
    ("on_error", {"on_error": "warn"}, {"DEFEND_ON_ERROR": "warn"}, {"on-error": "warn"}, "warn"),
    ("store", {"store": "/ev"}, {"DEFEND_STORE": "/ev"}, {"store": "/ev"}, "/ev"),
    ("repository", {"repository": "py"}, {"DEFEND_REPOSITORY": "py"}, {"repository": "py"}, "py"),
    ("output", {"output": "none"}, {"DEFEND_OUTPUT": "none"}, {"output": "none"}, "none"),
    (
        "output_limit",
        {"output_limit": "4096"},
        {"DEFEND_OUTPUT_LIMIT": "4 KiB"},
        {"output-limit": 4096},
        4096,
    ),
    (
        "attachment_limit",
        {"attachment_limit": "2MB"},
        {"DEFEND_ATTACHMENT_LIMIT": "2000 kB"},
        {"attachment-limit": "2 MB"},
        2_000_000,
    ),
]


@pytest.mark.parametrize(("name", "command_line", "environ", "pyproject", "value"), _READ)
def test_a_value_is_read_from_every_place_where_it_may_stand(
    name: str,
    command_line: dict[str, object],
    environ: dict[str, str],
    pyproject: dict[str, object],
    value: object,
) -> None:
    assert getattr(_resolved(command_line), name) == value
    assert getattr(_resolved(pyproject=pyproject), name) == value
    from_environment = getattr(_resolved(environ=environ), name)
    assert from_environment == (("a", "b", "c") if name == "dist" else value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("64KiB", 65_536),
        ("64 kib", 65_536),
        ("1MiB", 1_048_576),
        ("2GiB", 2_147_483_648),
        ("3kB", 3000),
        ("3 MB", 3_000_000),
        ("3GB", 3_000_000_000),
        ("12 B", 12),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert _resolved({"output_limit": text}).output_limit == size


def test_numbers_are_read_from_texts_and_from_numbers() -> None:
    pyproject = {"workers": 3, "connect-timeout": 2, "read-timeout": 0.5, "deadline": "7.25"}
    settings = _resolved({}, {"DEFEND_CONNECT_TIMEOUT": " 1.5 "}, pyproject)
    assert (settings.workers, settings.connect_timeout, settings.read_timeout) == (3, 1.5, 0.5)
    rows = {row.name: (row.value, row.origin) for row in settings.rows()}
    assert rows["workers"] == ("3", "pyproject.toml")
    assert rows["connect_timeout"] == ("1.5", "environment DEFEND_CONNECT_TIMEOUT")
    assert rows["deadline"] == ("7.25", "pyproject.toml")


@given(size=st.integers(min_value=1, max_value=2**45))
def test_a_size_is_shown_as_it_can_be_read(size: int) -> None:
    rows = {row.name: row.value for row in _resolved({"output_limit": str(size)}).rows()}
    assert _resolved({"output_limit": rows["output_limit"]}).output_limit == size


def test_patterns_to_exclude_come_from_everywhere() -> None:
    settings = _resolved(
        environ={"DEFEND_ENV_EXCLUDE": "A*;B", "JFROG_CLI_ENV_EXCLUDE": "*secret*;B"},
        pyproject={"env-exclude": ["C", "A*"], "env-include": ["D"]},
    )
    assert settings.env_exclude == ("A*", "B", "*secret*", "C")
    assert settings.origins["env_exclude"] == (
        "environment DEFEND_ENV_EXCLUDE, environment JFROG_CLI_ENV_EXCLUDE, pyproject.toml"
    )
    assert settings.env_include == ("D",)


def test_a_variable_of_others_is_not_judged_when_ours_is_there() -> None:
    assert _resolved({"store": "ev"}, {"JF_URL": "https://me:planted@host"}).store == "ev"


_REFUSED = [
    ({"command_line": {"stage": ""}}, "command line --defend-stage: '' is not a name of letters"),
    ({"command_line": {"stage": "a/b"}}, "--defend-stage: 'a/b' is not"),
    ({"command_line": {"stage": ".."}}, "--defend-stage: '..' is not"),
    ({"command_line": {"stage": "a" * 65}}, "at most 64"),
    ({"command_line": {"stage": "a\nb"}}, "--defend-stage: 'a\\nb' holds a control character"),
    (
        {"environ": {"DEFEND_STAGE": "a\x1bb"}},
        "environment DEFEND_STAGE: 'a\\x1bb' holds a control character",
    ),
    ({"environ": {"DEFEND_PUBLISH": "maybe"}}, "environment DEFEND_PUBLISH: 'maybe' is neither yes (1, true"),
    ({"environ": {"DEFEND_ON_ERROR": "Fail"}}, "DEFEND_ON_ERROR: 'Fail' is none of fail, warn, ignore"),
    (
        {"environ": {"DEFEND_WORKERS": "2.5"}},
        "environment DEFEND_WORKERS: '2.5' is not a whole number from 1 to 64.",
    ),
    ({"environ": {"DEFEND_WORKERS": "0"}}, "'0' is not a whole number"),
    ({"environ": {"DEFEND_WORKERS": "65"}}, "'65' is not a whole number"),
    ({"environ": {"DEFEND_READ_TIMEOUT": "1 min"}}, "'1 min' is not a number of seconds from 0.1 to 3600"),
    ({"environ": {"DEFEND_READ_TIMEOUT": "nan"}}, "'nan' is not a number"),
    ({"environ": {"DEFEND_READ_TIMEOUT": "-1"}}, "'-1' is not a number"),
    ({"environ": {"DEFEND_OUTPUT_LIMIT": "0"}}, "'0' is no size above zero"),
    ({"environ": {"DEFEND_OUTPUT_LIMIT": "-5"}}, "'-5' is no size"),
    ({"environ": {"DEFEND_OUTPUT_LIMIT": "5 TiB"}}, "'5 TiB' is no size"),
    ({"environ": {"DEFEND_OUTPUT_LIMIT": "1.5 MB"}}, "'1.5 MB' is no size"),
    ({"command_line": {"build": "basket"}}, "--defend-build: 'basket' names no build; write NAME/NUMBER"),
    ({"command_line": {"build": "basket/"}}, "names no build"),
    ({"command_line": {"build": "basket/latest"}}, "'latest' is no number of a build"),
    (
        {"command_line": {"build": "basket/1@2026-01-31T23:59:59.123+0000"}},
        "names a run that has started; write NAME/NUMBER",
    ),
    (
        {"environ": {"JFROG_CLI_BUILD_NUMBER": "1/2"}},
        "environment JFROG_CLI_BUILD_NUMBER: '1/2' is no number",
    ),
    (
        {"environ": {"JFROG_CLI_BUILD_PROJECT": "Fruit"}},
        "JFROG_CLI_BUILD_PROJECT: 'Fruit' is not a project key",
    ),
    ({"command_line": {"repository": "pypi-cache"}}, "'pypi-cache' is not a repository key"),
    ({"command_line": {"repository": "a/b"}}, "'a/b' is not a repository key"),
    ({"command_line": {"store": ""}}, "--defend-store: '' is not a folder or a URL"),
    ({"environ": {"JF_URL": "https://me:planted@host/"}}, "environment JF_URL: holds a user name, password"),
    (
        {"command_line": {"store": "https://host/?token=planted"}},
        "--defend-store: holds a user name, password",
    ),
    ({"pyproject": {"publish": "yes"}}, "pyproject.toml publish: must be true or false, not a text"),
    ({"pyproject": {"stage": 1}}, "pyproject.toml stage: must be a text, not a whole number"),
    ({"pyproject": {"stage": True}}, "stage: must be a text, not true or false"),
    ({"pyproject": {"stage": 1.5}}, "stage: must be a text, not a fraction"),
    ({"pyproject": {"stage": date(2026, 1, 31)}}, "stage: must be a text, not a date or time"),
    ({"pyproject": {"dist": "dist/*"}}, "dist: must be a list of texts, not a text"),
    ({"pyproject": {"dist": [1]}}, "dist: must be a list of texts, not a list"),
    (
        {"pyproject": {"output-limit": True}},
        "output-limit: must be a whole number or a text, not true or false",
    ),
    ({"pyproject": {"output-limit": 0}}, "output-limit: '0' is no size"),
    (
        {"pyproject": {"workers": True}},
        "workers: must be a whole number from 1 to 64, not true or false.",
    ),
    ({"pyproject": {"workers": 1.5}}, "workers: '1.5' is not a whole number"),
    ({"pyproject": {"deadline": float("inf")}}, "deadline: 'inf' is not a number of seconds"),
    ({"pyproject": {"deadline": 86401}}, "deadline: '86401' is not a number of seconds from 0.1 to 86400"),
    ({"pyproject": {"on-error": {}}}, "on-error: must be a text, not a table"),
    ({"pyproject": {"on_error": "warn"}}, "pyproject.toml on_error: is not known; did you mean on-error?"),
    ({"pyproject": {"stages": "a"}}, "stages: is not known; did you mean stage?"),
    ({"pyproject": {"issues": "JIRA"}}, "pyproject.toml issues: must be a table"),
    (
        {"pyproject": {"issues": {"patern": "(A)"}}},
        "pyproject.toml issues.patern: is not known; did you mean issues.pattern?",
    ),
    (
        {"pyproject": {"issues": {"tracker": 1}}},
        "pyproject.toml issues.tracker: must be a text, not a whole number",
    ),
    (
        {"pyproject": {"issues": {"tracker": "JIRA"}}},
        "pyproject.toml issues.tracker: says nothing without issues.pattern",
    ),
    (
        {"pyproject": {"issues": {"pattern": "(A)"}}},
        "pyproject.toml issues.pattern: says nothing without issues.tracker",
    ),
    (
        {"pyproject": {"issues": {"url": "https://a.example/{key}"}}},
        "issues.url: says nothing without issues.tracker; pyproject.toml issues.url: says nothing without",
    ),
    (
        {"pyproject": {"issues": {"pattern": "(A"}}},
        "pyproject.toml issues.pattern: '(A' is no regular expression: missing )",
    ),
    (
        {"pyproject": {"issues": {"pattern": "A-1"}}},
        "issues.pattern: 'A-1' has no group: put what finds the key into parentheses",
    ),
    (
        {"pyproject": {"issues": {"url": "https://a.example/"}}},
        "issues.url: 'https://a.example/' has no {key} where the key of an issue belongs",
    ),
    (
        {"pyproject": {"issues": {"url": "https://me:planted@a.example/{key}"}}},
        "issues.url: holds a user name, password or secret parameter; leave it out",
    ),
    (
        {"pyproject": {"issues": {"url": "https://a.example/{key}?token=planted"}}},
        "issues.url: holds a user name, password or secret parameter",
    ),
    (
        {"pyproject": {"issues": {"url": "https://a.example"}}},
        "issues.url: 'https://a.example' is no web page",
    ),
    ({"pyproject": {"issues": {"url": "javascript:{key}"}}}, "issues.url: 'javascript:{key}' is no web page"),
    (
        {"pyproject": {"zzzzz": 1}},
        "zzzzz: is not known; there are artifact-from, attach, attachment-limit, build,",
    ),
    ({"pyproject": {"": 1}}, "pyproject.toml : is not known"),
    (
        {"pyproject": {"access-token": "planted"}},
        "pyproject.toml access-token: does not belong in a file; set DEFEND_ACCESS_TOKEN instead",
    ),
    ({"pyproject": {"access_token": "planted"}}, "access_token: does not belong in a file"),
    ({"pyproject": {"user": "me"}}, "set DEFEND_USER instead"),
    ({"pyproject": {"password": "planted"}}, "set DEFEND_PASSWORD instead"),
    (
        {"environ": {"DEFEND_ACCESS_TOKEN": "plan\nted"}},
        "DEFEND_ACCESS_TOKEN: the value holds a control character",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), _REFUSED)
def test_what_cannot_be_understood_is_refused(given: dict[str, Any], sentence: str) -> None:
    message = _refused(**given)
    assert sentence in message
    assert "planted" not in message
    assert message.endswith(".")


def test_all_that_is_wrong_is_said_at_once_and_each_once() -> None:
    message = _refused(
        command_line={"build": "basket", "stage": "a b"},
        environ={"DEFEND_OUTPUT": "some"},
        pyproject={"stage": 3, "dits": []},
    )
    assert message == (
        "pyproject.toml dits: is not known; did you mean dist?; "
        "command line --defend-stage: 'a b' is not a name of letters, digits, '.', '_' and '-', at most 64; "
        "pyproject.toml stage: must be a text, not a whole number; "
        "command line --defend-build: 'basket' names no build; write NAME/NUMBER; "
        "environment DEFEND_OUTPUT: 'some' is none of all, failed, none."
    )


def test_how_issues_look_is_a_table_of_its_own() -> None:
    url = "https://tracker.example/show?key={key}"
    settings = _resolved(pyproject={"issues": {"tracker": "JIRA", "pattern": "([[]A-1) ", "url": url}})
    given = (settings.issues_tracker, settings.issues_pattern, settings.issues_url)
    assert given == ("JIRA", "([[]A-1) ", url)
    rows = {row.key: (row.value, row.origin) for row in settings.rows()}
    assert rows["issues.pattern"] == ("([[]A-1) ", "pyproject.toml")
    assert rows["issues.url"] == (url, "pyproject.toml")


def test_secrets_are_held_and_never_shown() -> None:
    settings = _resolved(
        environ={"JF_ACCESS_TOKEN": "planted-token\n", "DEFEND_PASSWORD": " planted word ", "JF_USER": "me"}
    )
    assert settings.access_token.reveal() == "planted-token"
    assert settings.password.reveal() == " planted word "
    assert settings.user == "me"
    assert settings.origins["access_token"] == "environment JF_ACCESS_TOKEN"
    rows = {row.name: row.value for row in settings.rows()}
    assert (rows["access_token"], rows["password"], rows["user"]) == ("***", "***", "me")
    shown = f"{settings!r} {settings.rows()} {dataclasses.asdict(settings)} {settings.password:>9}"
    assert "planted" not in shown
    with pytest.raises(TypeError, match="Secret"):
        json.dumps(dataclasses.asdict(settings))


def test_a_secret_is_a_value() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret()
    assert Secret("a")


def test_rows_show_every_setting_with_its_origin() -> None:
    settings = _resolved(
        {"publish": True, "dist": ["a", "b"]},
        {"DEFEND_OUTPUT_LIMIT": "1000", "JFROG_CLI_BUILD_URL": "https://me:planted@ci/1"},
        detected=_CI,
    )
    assert settings.build_url == "https://ci/1"
    rows = {row.name: row for row in settings.rows()}
    assert list(rows) == [option.name for option in OPTIONS]
    assert rows["publish"][1:6] == (
        "--defend-publish",
        "publish",
        "DEFEND_PUBLISH",
        "true",
        "command line --defend-publish",
    )
    assert rows["publish"].help == OPTIONS[0].help
    shown = {name: row.value for name, row in rows.items()}
    assert shown["dry_run"] == "false"
    assert shown["dist"] == "a; b"
    assert shown["output_limit"] == "1000"
    assert shown["attachment_limit"] == "50 MiB"
    assert shown["access_token"] == ""
    assert rows["build_name"][4:6] == ("acme/basket/CI", "CI GitHub Actions")


def test_a_locator_made_elsewhere_is_shown_without_credentials() -> None:
    settings = dataclasses.replace(_resolved(), store="https://me:planted@host/artifactory")
    assert "https://host/artifactory" in {row.value for row in settings.rows()}


_TEXTS = st.text(max_size=12)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)


@given(
    environ=st.dictionaries(
        st.sampled_from([name for option in OPTIONS for name in (option.variable, *option.fallbacks)]), _TEXTS
    ),
    pyproject=st.dictionaries(st.sampled_from([option.key for option in OPTIONS]) | _TEXTS, _ANYTHING),
)
def test_whatever_is_given_is_understood_or_refused_with_a_sentence(
    environ: dict[str, str], pyproject: dict[str, object]
) -> None:
    try:
        outcome = set(_resolved(environ=environ, pyproject=pyproject).origins)
    except UsageError as refusal:
        outcome = {refusal.message[-1]}
    assert outcome in ({"."}, {option.name for option in OPTIONS})


def test_the_ladder_is_left_to_who_reads_it() -> None:
    assert _resolved(pyproject={"ladder": {"levels": [], "anything": 1}}) == _resolved()
    assert "pyproject.toml ladder: must be a table" in _refused(pyproject={"ladder": "high"})


@pytest.mark.parametrize(
    "text", ["smoketestA", "=true", "a b=1", "defend.level=x", "build.name=x", "1a=b", "a="]
)
def test_a_property_has_a_name_and_a_value_and_is_not_ours(text: str) -> None:
    assert f"{text!r} is not NAME=VALUE" in _refused(command_line={"property": [text]})


def test_properties_may_hold_an_equals_sign() -> None:
    settings = _resolved(command_line={"property": ["smoketestA=true", "formula=a=b"]})
    assert settings.properties == ("smoketestA=true", "formula=a=b")
