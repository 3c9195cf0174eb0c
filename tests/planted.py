"""A hundred secrets, where they lie, and what they may look like once they are out.

Rules:
- Every secret holds a core of its own: twelve hexadecimal digits, which no escaping changes. Whoever finds
  the core, or base64 of it at any alignment, has found a leak, whatever stands around it.
- `known` secrets can be recognised as such before the run: by the name of a variable or option, or as the
  password of a URL. They are planted in several spellings. The others are recognised by their shape alone,
  and planted as they are.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import count, cycle
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CHANNELS", "Planted", "Secret", "plant"]

CHANNELS = (
    "stdout",
    "stderr",
    "log",
    "assertion",
    "exception",
    "setup",
    "teardown",
    "property",
    "attachment",
    "attachment_name",
    "too_large",
    "warning",
    "parameter",
    "skip",
    "xfail",
    "subtest",
    "section",
    "facts",
    "module_skip",
    "attached_file",
)
"""What the suite does with a text; see `LEAKS` in the test."""

_NAMED = (
    "ADMIN_PSW",
    "ANSIBLE_VAULT_PASSWORD",
    "API_AUTH",
    "APP_SECRET",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_SECRET",
    "CI_JOB_TOKEN",
    "CLIENT_CREDENTIALS",
    "CODECOV_TOKEN",
    "DB_PASS",
    "DB_PASSWD",
    "DJANGO_SECRET_KEY",
    "DOCKER_AUTH_CONFIG",
    "FTP_PWD",
    "GITHUB_TOKEN",
    "GPG_PASSPHRASE",
    "HF_TOKEN",
    "JWT_KEY",
    "KUBE_TOKEN",
    "LDAP_PASSWORD",
    "MAIL_PASSWORD",
    "NETRC_PASSWORD",
    "NPM_TOKEN",
    "OAUTH_CLIENT_SECRET",
    "PRIVATE_ID",
    "PYPI_API_TOKEN",
    "SENTRY_AUTH_TOKEN",
    "SIGNING_KEY",
    "SLACK_API_KEY",
    "SONAR_TOKEN",
    "SSH_PRIVATE_KEY",
    "STRIPE_KEY",
    "TWINE_PASSWORD",
    "VAULT_TOKEN",
    "COSIGN_PASSWORD",
    "PGPASSWORD",
    "RUNNER_SECRET",
    "SECRET_KEY_BASE",
)
# what passwords are made of: quotes, markup, slashes, spaces, percent signs, letters of other scripts, lines
_TEMPLATES = (
    "{}",
    'p@ss/{}"w\\x',
    "<{}>&'é'",
    "correct horse {} staple",
    "{}%2F%40+==",
    "пароль-{}",
    "first-line-{}\nsecond-line-{}\n",
    "{}:{}",
    "$HOME{}`x`#!",
    "\t{}\t|",
)
_URLS = {
    "DATABASE_URL": "postgresql://app:{}@db.example.org:5432/app",
    "PIP_INDEX_URL": "https://ci:{}@pypi.example.org/simple",
    "PIP_EXTRA_INDEX_URL": "https://one.example.org/simple https://ci:{}@two.example.org/simple",
    "UV_INDEX": "inner=https://__token__:{}@uv.example.org/simple",
    "HTTPS_PROXY": "http://proxy:{}@proxy.example.org:3128",
    "http_proxy": "http://proxy:{}@proxy.example.org:3128",
    "REDIS_URL": "redis://:{}@cache.example.org/0",
    "AMQP": "amqps://guest:{}@mq.example.org/vhost",
    "SENTRY_DSN": "https://{}@sentry.example.org/42",
    "MONGO_URI": "mongodb+srv://root:{}@mongo.example.org/?retryWrites=true",
    "CPPFLAGS": "-O2 -DMIRROR=https://ci:{}@mirror.example.org/x",
    "PYTHONWARNDEFAULTENCODING": "https://ci:{}@kept.example.org/by-the-allow-list",
    "BROKER": "stomp://worker:{}@broker.example.org:61613",
    "WEBHOOK": "https://hook:{}@hooks.example.org/services",
}
_QUOTED = ("{}", "p%40ss-{}", "{}%2Fx", "pl+us{}")
_COMMAND_LINE = ("--api-token", "--password", "--db-password", "--service-key", "--auth", "--client-secret")
_ADDED = ("--added-token", "--added-password", "--added-key", "--added-secret", "--added-auth")
_IN_FILE = ("--file-token", "--file-password", "--file-key", "--file-secret")
_OURS = ("JF_ACCESS_TOKEN", "JF_PASSWORD", "DEFEND_ACCESS_TOKEN", "DEFEND_PASSWORD")
_LONG = "0123456789abcdefghijABCDEFGHIJ"
_SHAPES = (
    "ghp_{}" + _LONG,
    "github_pat_{}_" + _LONG,
    "glpat-{}" + _LONG,
    "AKCp{}" + _LONG,
    "cmVmdGtuOj{}" + _LONG,
    "eyJ2ZXIi{}" + _LONG,
    "eyJhbGciOiJIUzI1NiJ9.eyJ{}." + _LONG,
    "xoxb-{}-" + _LONG,
    "sk-proj-{}" + _LONG,
    "pypi-AgE{}" + _LONG,
    "npm_{}" + _LONG,
    "Authorization: Bearer {}." + _LONG,
    "https://somebody:{}@nowhere.example.org/",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE{}" + _LONG + "\n-----END RSA PRIVATE KEY-----",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One of them."""

    where: str
    """Where it lies, for people."""
    core: str
    value: str
    known: bool

    def found_in(self, content: bytes) -> bool:
        """Whether any form of it is there."""
        return any(form in content for form in (self.core.encode(), *self._encoded()))

    def _encoded(self) -> Iterator[bytes]:
        core = self.core.encode()
        for offset in range(3):
            first, end = -(-offset * 4 // 3), (offset + len(core)) * 8 // 6
            encoded = base64.b64encode(b"\0" * offset + core + b"\0\0\0")
            yield encoded[first:end]

    def spellings(self) -> Iterator[str]:
        """What programs make of it."""
        yield self.value
        if self.known:
            octets = self.value.encode()
            yield quote(octets, safe="")
            yield base64.b64encode(octets).decode()
            yield json.dumps(self.value)
            yield repr(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Everything that is planted.

    Attributes:
        secrets: All of them.
        environ: Variables.
        arguments: Of the command line.
        addopts: Of the configuration file.
        git: Its configuration, by name.
        pip: Content of its configuration file.
        options: Names of the options a conftest has to declare.
        direct_url: Of an installed distribution.
        texts: What the suite puts where, by channel.
    """

    secrets: tuple[Secret, ...]
    environ: Mapping[str, str]
    arguments: tuple[str, ...]
    addopts: tuple[str, ...]
    git: Mapping[str, str]
    pip: str
    options: tuple[str, ...]
    direct_url: str
    texts: Mapping[str, list[str]]


class _Garden:
    def __init__(self) -> None:
        self.secrets: list[Secret] = []
        self._numbers = count()

    def secret(self, where: str, template: str, *, known: bool = True) -> str:
        """Make a secret; what is written where it lies."""
        core = hashlib.sha256(f"planted {next(self._numbers)}".encode()).hexdigest()[:12]
        value = template.replace("{}", core)
        self.secrets.append(Secret(where=where, core=core, value=value, known=known))
        return value

    def url(self, where: str, url: str, template: str = "{}", *, known: bool = True) -> str:
        """Make a secret that is the password of a URL; the URL."""
        quoted = self.secret(where, template, known=known)
        last = self.secrets[-1]
        if known:
            self.secrets[-1] = Secret(where=where, core=last.core, value=unquote(quoted), known=True)
        return url.replace("{}", quoted)


def plant() -> Planted:
    """Plant a hundred secrets."""
    garden, templates, quoted = _Garden(), cycle(_TEMPLATES), cycle(_QUOTED)
    environ = {name: garden.secret(name, next(templates)) for name in (*_NAMED, *_OURS)}
    environ |= {name: garden.url(name, url, next(quoted)) for name, url in _URLS.items()}
    for name in ("BUILD_URL", "JENKINS_URL", "JFROG_CLI_BUILD_URL"):
        environ[name] = garden.url(name, "https://jenkins:{}@ci.example.org/job/demo/7/")

    given: list[str] = []
    for option in _COMMAND_LINE:
        value = garden.secret(option, next(templates))
        given += [f"{option}={value}"] if len(given) % 4 else [option, value]
    given += ["-o", f"service_password={garden.secret('-o', 'in-ini-{}')}"]
    added = [f"{option}='{garden.secret(option, 'added {} there')}'" for option in _ADDED]
    in_file = [f"{option}={garden.secret(option, 'file {} here')}" for option in _IN_FILE[:2]]
    for option in _IN_FILE[2:]:
        in_file += [option, garden.secret(option, "file-{}")]
    environ["PYTEST_ADDOPTS"] = " ".join(added)

    unknown = defaultdict(list)
    for shape in _SHAPES:
        unknown["shapes"].append(garden.secret(shape[:20], shape, known=False))
    git = {
        name: garden.url(f"git {name}", f"https://x-oauth:{{}}@git.example.org/{name}.git", known=False)
        for name in ("remote.origin.url", "remote.upstream.url", "url.inner.insteadOf", "submodule.lib.url")
    }
    git["remote.fork.url"] = garden.url("git fork", "https://{}@git.example.org/fork.git", known=False)
    header = garden.secret("git header", "Authorization: Basic {}abcdef", known=False)
    git["http.https://git.example.org/.extraHeader"] = header
    lines = [
        f"{key} = {garden.url(f'pip {key}', f'https://ci:{{}}@{key}.example.org/simple', known=False)}"
        for key in ("index-url", "extra-index-url", "find-links")
    ]
    direct_url = garden.url("direct_url.json", "https://ci:{}@git.example.org/lib.git", known=False)
    in_urls = [*git.values(), *lines, direct_url]

    texts: dict[str, list[str]] = defaultdict(list)
    channels = cycle(CHANNELS)
    for secret in garden.secrets:
        for spelling in secret.spellings() if secret.known else ():
            texts[next(channels)].append(f"it is {spelling} .")
        next(channels)  # so that every spelling comes to every channel
    for text in (*unknown["shapes"], *in_urls, *environ.values()):
        texts[next(channels)].append(text)
    return Planted(
        secrets=tuple(garden.secrets),
        environ=environ,
        arguments=tuple(given),
        addopts=tuple(in_file),
        git=git,
        pip="\n".join(["[global]", *lines, ""]),
        options=(*_COMMAND_LINE, *_ADDED, *_IN_FILE),
        direct_url=direct_url,
        texts=texts,
    )
