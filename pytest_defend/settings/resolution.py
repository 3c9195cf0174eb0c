"""What this run is asked to do, and where each answer came from.

Rules:
- A value comes from the first that gives it: command line, environment (our variable, then those of others),
  `[tool.pytest-defend]`, the CI system, the default. An empty variable gives nothing.
- Every source that speaks is understood or refused, and all that is wrong is said at once. Only a variable
  of others is left unread when something of ours is there: it may be meant for them.
- Secrets come from the environment, are held as `Secret` and never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_defend.errors import UsageError
from pytest_defend.settings.table import OPTIONS
from pytest_defend.settings.values import Secret, read_argument, read_foreign, read_text, read_toml, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_defend.model.ci import CiFacts
    from pytest_defend.settings.options import Option

__all__ = ["SettingRow", "Settings", "resolve"]

_LADDER = "ladder"  # a document of its own, read by who needs it
_TABLES = frozenset(option.key.partition(".")[0] for option in OPTIONS if "." in option.key)


class SettingRow(NamedTuple):
    """One setting as text, for people; secrets are masked."""

    name: str
    flag: str
    key: str
    variable: str
    value: str
    origin: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, resolved; `OPTIONS` says what each is for."""

    publish: bool
    dry_run: bool
    record: str
    stage: str
    build_name: str
    """Empty when nothing gives it: the caller makes one from the project."""
    build_number: str
    """Empty when nothing gives it: the caller makes one from the start of the run."""
    build_url: str
    project: str
    on_error: str
    """`fail`, `warn` or `ignore`."""
    on_exists: str
    """`fail`, `new-run` or `resume`."""
    dist: tuple[str, ...]
    artifact_from: str
    """Empty for the files that `dist` names."""
    attach: tuple[str, ...]
    locks: tuple[str, ...]
    index: tuple[str, ...]
    wheelhouse: tuple[str, ...]
    prove: bool
    verify_files: bool
    output: str
    """`all`, `failed` or `none`."""
    output_limit: int
    """Bytes."""
    attachment_limit: int
    """Bytes."""
    env_include: tuple[str, ...]
    env_exclude: tuple[str, ...]
    issues_tracker: str
    issues_pattern: str
    """Empty when no issues are looked for."""
    issues_url: str
    """With `{key}` in it; empty when issues have no page."""
    properties: tuple[str, ...]
    """`NAME=VALUE` each."""
    policy: str
    """Empty for the project's own table."""
    signing_key: str
    """Empty when nothing is signed."""
    signing_passphrase: Secret
    store: str
    repository: str
    incoming: str
    """Empty for none."""
    ca_bundle: str
    """Empty for the usual authorities."""
    client_cert: str
    """Empty for none."""
    workers: int
    connect_timeout: float
    """Seconds."""
    read_timeout: float
    """Seconds."""
    deadline: float
    """Seconds."""
    access_token: Secret
    user: str
    password: Secret
    origins: Mapping[str, str]
    """Where each value came from, by name, in words."""

    def rows(self) -> tuple[SettingRow, ...]:
        """Every setting in the order of `OPTIONS`, as text."""
        return tuple(
            SettingRow(
                name=option.name,
                flag=option.flag,
                key=option.key,
                variable=option.variable,
                value=shown(option, getattr(self, option.name)),
                origin=self.origins[option.name],
                help=option.help,
            )
            for option in OPTIONS
        )


def resolve(
    *,
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    pyproject: Mapping[str, object],
    detected: CiFacts | None,
) -> Settings:
    """Find the value of every setting.

    Args:
        command_line: What was given, by `Option.argument`: a text, True, or texts for a flag that may be
            repeated. None, False and an empty list mean not given; other names are left alone.
        environ: The environment variables of the process.
        pyproject: The table `[tool.pytest-defend]`.
        detected: What the CI system says.

    Raises:
        UsageError: Something given cannot be understood; names all of it.
    """
    pyproject = _flat(pyproject)
    problems = _unknown_keys(pyproject)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in OPTIONS:
        found: list[tuple[str, Any]] = []
        for origin, raw, read in _sources(option, command_line, environ, pyproject, detected):
            if read is read_foreign and found and not option.additive:
                continue
            try:
                found.append((origin, read(option, raw)))
            except ValueError as error:
                where = f"{origin} {option.key}" if read is read_toml else origin
                problems.append(f"{where}: {error}")
        values[option.name], origins[option.name] = _united(option, found)
    problems += _lacking(values)
    if problems:
        raise UsageError("; ".join(dict.fromkeys(problems)) + ".")
    return Settings(**values, origins=origins)


def _flat(pyproject: Mapping[str, object]) -> Mapping[str, object]:
    """`pyproject` with what is in its tables under `table.key`."""
    flat: dict[str, object] = {}
    for key, value in pyproject.items():
        if key in _TABLES and isinstance(value, dict):
            flat.update({f"{key}.{inner}": each for inner, each in value.items()})
        else:
            flat[key] = value
    return flat


def _lacking(values: Mapping[str, Any]) -> Iterator[str]:
    for option in OPTIONS:
        for name in option.needs:
            if values[option.name] and not values[name]:
                needed = next(each for each in OPTIONS if each.name == name)
                yield f"pyproject.toml {option.key}: says nothing without {needed.key}"


def _unknown_keys(pyproject: Mapping[str, object]) -> list[str]:
    known = {option.key for option in OPTIONS if option.key}
    private = {option.name.replace("_", "-"): option for option in OPTIONS if not option.key}
    problems = []
    for key in pyproject:
        option = private.get(key.replace("_", "-"))
        if option is not None:
            problems.append(f"pyproject.toml {key}: does not belong in a file; set {option.variable} instead")
        elif key == _LADDER and isinstance(pyproject[key], dict):
            continue
        elif key == _LADDER or key in _TABLES:
            problems.append(f"pyproject.toml {key}: must be a table")
        elif key not in known:
            problems.append(f"pyproject.toml {key}: is not known; {_nearest(key, known)}")
    return problems


def _nearest(key: str, known: set[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only a mistake pays for it

    matches = get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]}?" if matches else f"there are {', '.join(sorted(known))}"


def _sources(
    option: Option,
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    pyproject: Mapping[str, object],
    detected: CiFacts | None,
) -> Iterator[tuple[str, Any, Callable[[Option, Any], Any]]]:
    """Where `option` is given, first the one that counts: the origin, what is there, and how to read it."""
    argument = command_line.get(option.argument) if option.flag else None
    if argument not in (None, False, [], ()):
        yield f"command line {option.flag}", argument, read_argument
    for variable in (option.variable, *option.fallbacks):
        text = environ.get(variable, "")
        if text.strip():
            yield (
                f"environment {variable}",
                text,
                read_text if variable == option.variable else read_foreign,
            )
    if option.key and option.key in pyproject:
        yield "pyproject.toml", pyproject[option.key], read_toml
    if detected is not None and option.detected and getattr(detected, option.detected):
        yield f"CI {detected.system}", getattr(detected, option.detected), read_foreign


def _united(option: Option, found: list[tuple[str, Any]]) -> tuple[Any, str]:
    if not found:
        return Secret() if option.secret else option.default, "default"
    if option.additive:
        everything = dict.fromkeys(item for _, items in found for item in items)
        return tuple(everything), ", ".join(origin for origin, _ in found)
    origin, value = found[0]
    return value, origin
