"""Commands that only look: at builds, files, packages, settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend import assembly, render
from pytest_defend.cli.call import NO, UNKNOWN, YES, Command

if TYPE_CHECKING:
    from pytest_defend.cli.call import Argument, Call

__all__ = ["BUILD", "COMMANDS"]

BUILD: Argument = (
    ("build",),
    {"metavar": "BUILD", "help": "NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest"},
)
"""The argument of every command about one build."""


def _show(call: Call) -> int:
    """Print a build: where it comes from, its stages, its modules."""
    from pytest_defend.actions.show import show

    view = show(call.build(), call.store())
    call.answer(view.to_dict(), lambda: render.text.build_view(view))
    return YES


def _builds(call: Call) -> int:
    """List the runs of builds."""
    from pytest_defend.actions.builds import builds

    rows = builds(call.given.name, call.store())
    call.answer([row.to_dict() for row in rows], lambda: render.text.build_list(rows))
    return YES


def _files(call: Call) -> int:
    """List the files of a build."""
    from pytest_defend.actions.files import files

    view = files(call.build(), call.store())
    call.answer(view.to_dict(), lambda: render.text.files_view(view))
    return YES


def _get(call: Call) -> int:
    """Write a file of a build to disk, checked."""
    from pytest_defend.actions.get import get

    name = Path(call.given.path).name
    target = Path(call.given.output or name)
    target = target / name if target.is_dir() else target
    file = get(call.build(), call.given.path, target, call.store())
    said = f"{target}: {file.path}, sha256 {file.sha256}"
    call.answer(file.to_dict(), lambda: render.text.sentence(said))
    return YES


def _fetch(call: Call) -> int:
    """Write the distributions of a build to a folder, checked, to be installed and tested."""
    from pytest_defend.actions.fetch import fetch

    folder = Path(call.given.output)
    meter, build = call.meter(), call.build()
    store = call.store(meter)
    with meter.during("fetching", f"{build} from {store.locator}"):
        fetched = fetch(build, folder, store)
    call.answer([file.to_dict() for file in fetched], lambda: render.text.fetched_files(fetched, folder))
    return YES


def _environment(call: Call) -> int:
    """Print what is installed here, and which file each package came from."""
    view = assembly.read_whole_environment(call.settings, call.project)
    call.answer(view.to_dict(), lambda: render.packages.environment_view(view, origins=call.given.origins))
    return YES


def _doctor(call: Call) -> int:
    """Say whether this configuration can publish here, and what is missing."""
    from pytest_defend.model.answer import Answer

    checks = assembly.examine(call.settings, call.project)
    call.answer([check.to_dict() for check in checks], lambda: render.text.checks_view(checks))
    answers = {check.answer for check in checks}
    if Answer.NO in answers:
        return NO
    return UNKNOWN if Answer.UNKNOWN in answers else YES


def _settings(call: Call) -> int:
    """Print every setting with its value and where that came from."""
    rows = call.settings.rows()
    call.answer([row._asdict() for row in rows], lambda: render.text.settings_view(rows))
    return YES


def _version(call: Call) -> int:
    """Print the PEP 440 version of this change-set."""
    from pytest_defend.actions.version import version
    from pytest_defend.capture.vcs import read_version_facts

    git, _ = read_version_facts(call.project.root)
    view = version(base=call.given.base, project_version=call.project.version, ci=call.ci, git=git)
    call.answer(view.to_dict(), lambda: render.text.sentence(view.version))
    return YES


COMMANDS = {
    "show": Command(run=_show, arguments=(BUILD,)),
    "builds": Command(
        run=_builds,
        arguments=(
            (("name",), {"metavar": "NAME", "nargs": "?", "default": "", "help": "only builds of this name"}),
        ),
    ),
    "files": Command(run=_files, arguments=(BUILD,)),
    "get": Command(
        run=_get,
        arguments=(
            BUILD,
            (("path",), {"metavar": "PATH", "help": "path of the file, or the end of it"}),
            (
                ("-o", "--output"),
                {"metavar": "FILE", "default": "", "help": "where to write it; its own name by default"},
            ),
        ),
    ),
    "fetch": Command(
        run=_fetch,
        arguments=(
            BUILD,
            (
                ("-o", "--output"),
                {"metavar": "FOLDER", "default": "dist", "help": "where to; `dist` by default"},
            ),
        ),
    ),
    "environment": Command(
        run=_environment,
        arguments=(
            (
                ("--origins",),
                {"action": "store_true", "help": "say how each origin is known, and what it is not"},
            ),
        ),
        flags=("locks", "index", "wheelhouse", "prove", "verify_files", "store"),
    ),
    "doctor": Command(run=_doctor, flags=("store", "repository", "build_name", "project")),
    "settings": Command(run=_settings, flags=None),
    "version": Command(
        run=_version,
        arguments=((("--base",), {"metavar": "X.Y", "default": "", "help": "count under this release"}),),
    ),
}
