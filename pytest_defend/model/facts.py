"""What a run ran on: interpreter, platform, process, variables, source, pytest; and what could not be read.

Rules:
- A fact that could not be read is absent and named by a `Gap`, never guessed.
- Nothing here holds a credential: values come in redacted, URLs without user information.
- Sequences are sorted where their order means nothing, so that two readings are byte-identical.
- An empty text, zero or null means "not known" or "not set"; instants are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.fields import Document

__all__ = [
    "Environment",
    "Gap",
    "GitFacts",
    "Interpreter",
    "Platform",
    "PluginFact",
    "Process",
    "PytestFacts",
    "Submodule",
    "VersionFacts",
]

_Texts = Mapping[str, str]
_Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Document):
    """Something that should be in the record and is not, or contradicts it."""

    topic: str
    """What is affected: `git`, `journal`, `junit`, `distributions`, `attachments`, ..."""
    problem: str
    """One sentence: what happened, where, what next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter(Document):
    """The Python that ran the tests; equal in two records when the same build of Python did."""

    implementation: str
    """`cpython`, `pypy`, ..."""
    version: str
    """`3.11.7`"""
    version_text: str
    """`sys.version`: with compiler and date of the build."""
    platform: str
    """`sysconfig.get_platform()`: `linux-x86_64`."""
    cache_tag: str = ""
    """In the names of compiled modules: `cpython-311`."""
    abi_flags: str = ""
    """`sys.abiflags`; empty for an ordinary build."""
    ext_suffix: str = ""
    """Ending of extension modules it loads: the ABI in one word."""
    executable: str = ""
    """Path of the program."""
    executable_sha256: str = ""
    """Of the file behind all symbolic links; empty when it is larger than 64 MiB."""
    prefix: str = ""
    """Folder of the environment it runs in."""
    base_prefix: str = ""
    """Folder of the Python that environment was made from; the same when there is none."""
    virtual_environment: bool = False
    """Whether the two differ."""
    externally_managed: bool = False
    """Whether an operating system's package manager owns it (PEP 668)."""
    gil: bool | None = None
    """Whether the global interpreter lock is on; null when this Python cannot say."""
    build_config_sha256: str = ""
    """Of the variables Python was built with (the upper-case ones of `sysconfig`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform(Document):
    """The machine and its operating system."""

    system: str
    """`Linux`, `Darwin`, `Windows`, ..."""
    machine: str
    """`x86_64`, `aarch64`, ..."""
    kernel: str = ""
    """Release of the operating system: `6.1.0-18-amd64`."""
    os_id: str = ""
    """`ID` of os-release: `debian`."""
    os_version: str = ""
    """`VERSION_ID` of os-release: `12`."""
    libc: str = ""
    """`glibc 2.36`, `musl`"""
    cpu_count: int = 0
    """How many processors the machine has."""
    hostname_sha256: str = ""
    """Tells hosts apart without naming them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Document):
    """The process pytest ran in."""

    pid: int
    """Its number on that machine."""
    argv: tuple[str, ...]
    """The whole command, interpreter first, redacted."""
    cwd: str = ""
    """Folder it was started in."""
    root: bool | None = None
    """Whether it ran with the rights of the superuser; null where there is none."""
    umask: str = ""
    """Four octal digits."""
    timezone: str = ""
    """As the system abbreviates it: `CET`."""
    utc_offset_minutes: int = 0
    """Local time minus UTC, minutes."""
    locale: str = ""
    """Of the process, all categories: `C.UTF-8`."""
    filesystem_encoding: str = ""
    """How names of files become bytes: `utf-8`."""
    flags: _Numbers = field(default_factory=dict)
    """`sys.flags` that are not zero."""
    hash_seed: str = ""
    """PYTHONHASHSEED as given."""
    source_date_epoch: str = ""
    """SOURCE_DATE_EPOCH as given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Document):
    """Environment variables: the values that may be kept, and the names of the others."""

    variables: _Texts = field(default_factory=dict)
    """Values by name, redacted."""
    dropped: tuple[str, ...] = ()
    """Names only, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule(Document):
    """A git submodule as it stood in the working tree."""

    path: str
    """In the superproject."""
    commit: str
    """What is checked out; what the superproject asks for when nothing is."""
    dirty: bool = False
    """Whether it has changes, untracked files, or another commit than the superproject asks for."""
    checked_out: bool = True
    """Whether its files are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFacts(Document):
    """Which source was tested."""

    commit: str
    """Object name of what is checked out."""
    tree: str
    """Object name of its content: equal for commits with the same files."""
    url: str = ""
    """Of the remote `origin`, else of the first one by name; without user information."""
    branch: str = ""
    """Known on a detached checkout too, when the CI or a remote branch says it."""
    describe: str = ""
    """`git describe`: the nearest tag, the commits since, the commit."""
    dirty: bool = False
    """Whether tracked files or submodules differ from the commit."""
    diff_sha256: str = ""
    """Of the difference between commit and working tree; empty when there is none."""
    untracked: tuple[str, ...] = ()
    """Files git neither tracks nor ignores, sorted; the first 1000."""
    untracked_count: int = 0
    """How many there are, also beyond the first 1000."""
    submodules: tuple[Submodule, ...] = ()
    """As they stood in the working tree, by path."""
    shallow: bool = False
    """Whether history was cut off when it was fetched."""
    worktree: bool = False
    """Whether it is a linked worktree of another checkout."""
    authored_ms: int = 0
    """When the author wrote the commit, epoch milliseconds."""
    subject: str = ""
    """First line of the commit's message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts(Document):
    """What a version number can be derived from."""

    commit: str
    """The first 12 digits."""
    tag: str = ""
    """The nearest tag with a digit in it, without a leading `v`; empty when there is none."""
    distance: int = 0
    """Commits since that tag; all commits when there is none."""
    dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFact(Document):
    """A distribution that gave pytest at least one plugin."""

    name: str
    """As its metadata writes it."""
    version: str
    """As its metadata writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestFacts(Document):
    """How pytest was asked to run."""

    version: str
    """Of pytest."""
    rootdir: str
    """Folder that node ids are relative to."""
    args: tuple[str, ...] = ()
    """As given on the command line, redacted."""
    environment_args: tuple[str, ...] = ()
    """PYTEST_ADDOPTS, redacted."""
    ini_args: tuple[str, ...] = ()
    """`addopts` of the configuration file, redacted."""
    ini_path: str = ""
    """Relative to `rootdir` when below it."""
    ini_sha256: str = ""
    """Of that file as it was read; empty when there is none."""
    plugins: tuple[PluginFact, ...] = ()
    """Sorted by name."""
    markexpr: str = ""
    """`-m` as given."""
    keyword: str = ""
    """`-k` as given."""
    seeds: _Texts = field(default_factory=dict)
    """What makes a random order or random data come again, by option name."""
    dist_mode: str = ""
    """xdist's: `no`, `load`, `each`, ...; empty without xdist."""
    workers: int = 0
    """How many processes ran tests; 0 without xdist."""
    reruns: _Texts = field(default_factory=dict)
    """Options of the plugin that reruns failures, by name, as far as they are set."""
    maxfail: int = 0
    """After how many failures the run stops; 0 for never."""
