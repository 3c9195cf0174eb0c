"""What a run ran on: interpreter and platform; and what could not be read.

Rules, also of `model/process.py`, `model/gitfacts.py` and `model/pytestfacts.py`, which are apart because a
command that asks what is installed needs none of them:
- A fact that could not be read is absent and named by a `Gap`, never guessed.
- Nothing here holds a credential: values come in redacted, URLs without user information.
- Sequences are sorted where their order means nothing, so that two readings are byte-identical.
- An empty text, zero or null means "not known" or "not set"; instants are epoch milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_defend.model.fields import Document

__all__ = ["Gap", "Interpreter", "Platform"]


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
