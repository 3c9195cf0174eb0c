"""The command line: parse, assemble, act, render, exit.

Rules:
- One function for each command; what it does is an action, how it looks is rendered.
- Answers go to standard output, everything else to standard error. An answer is one JSON document or text.
- Exit codes: 0 yes or done, 1 judged no (a conflict, a corrupt file), 2 not understood, 3 could not judge
  (nothing there, store not usable), 4 a bug of ours, 130 interrupted.
- No traceback reaches a user, unless DEFEND_DEBUG asks for it; the exit code is the same with it.
- A reader that goes away (`| head`) is no failure.
- A command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import __version__, assembly, render
from pytest_defend.errors import Conflict, Corrupt, DefendError, StoreError
from pytest_defend.settings import FLAGS, find_project, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.bundle import Published
    from pytest_defend.model.ci import CiFacts
    from pytest_defend.model.results import Verdict
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings

__all__ = ["COMMANDS", "main", "parser"]

YES, NO, USAGE, UNKNOWN, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130
_STORE_FLAGS = ("store", "repository", "dry_run")
_ENVIRONMENT_FLAGS = ("locks", "index", "wheelhouse", "verify_files", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of a command: what was given, and what it is about."""

    given: argparse.Namespace
    settings: Settings
    project: Project
    ci: CiFacts | None

    def store(self) -> Store:
        """The store the settings name."""
        return assembly.open_store(self.settings, self.project.root)

    def build(self) -> BuildId:
        """The build that was named.

        Raises:
            UsageError: What was named is no build.
        """
        from pytest_defend.model.buildinfo import BuildId

        return BuildId.parse(self.given.build)

    def answer(self, document: Any, text: Callable[[], Any]) -> None:
        """Print an answer in the form that was asked for."""
        if self.given.format == "json":
            render.as_json(document)
        else:
            render.as_text(text())


def _show(call: _Call) -> int:
    """Print a build: where it comes from, its stages, its modules."""
    from pytest_defend.actions.show import show

    view = show(call.build(), call.store())
    call.answer(view.to_dict(), lambda: render.text.build_view(view))
    return YES


def _builds(call: _Call) -> int:
    """List the runs of builds."""
    from pytest_defend.actions.builds import builds

    rows = builds(call.given.name, call.store())
    call.answer([row.to_dict() for row in rows], lambda: render.text.build_list(rows))
    return YES


def _files(call: _Call) -> int:
    """List the files of a build."""
    from pytest_defend.actions.files import files

    view = files(call.build(), call.store())
    call.answer(view.to_dict(), lambda: render.text.files_view(view))
    return YES


def _get(call: _Call) -> int:
    """Write a file of a build to disk, checked."""
    from pytest_defend.actions.get import get

    name = Path(call.given.path).name
    target = Path(call.given.output or name)
    target = target / name if target.is_dir() else target
    file = get(call.build(), call.given.path, target, call.store())
    said = f"{target}: {file.path}, sha256 {file.sha256}"
    call.answer(file.to_dict(), lambda: render.text.sentence(said))
    return YES


def _publish(call: _Call) -> int:
    """Publish records, bundles and journals."""
    hook, store = assembly.plugin_manager().hook, call.store()
    done: list[tuple[Published, Verdict]] = []
    try:
        for given in call.given.records:
            row = _published(call, Path(given), hook, store)
            done.append(row)
    finally:
        rows = [{**published.to_dict(), "verdict": verdict.to_dict()} for published, verdict in done]
        call.answer(rows, lambda: render.text.published_view(done))
    return YES


def _published(call: _Call, given: Path, hook: Any, store: Store) -> tuple[Published, Verdict]:
    from pytest_defend.actions.publish import mark, publish

    with assembly.complete_bundle(given, call.settings, call.project, hook) as (folder, manifest, final):
        published = publish(folder, manifest, store, dry_run=call.settings.dry_run)
        if published.dry_run:
            return published, manifest.concluded(final)
        assembly.announce(hook, published)
        verdict = mark(manifest, store, final)
    assembly.leave_spool(folder, call.project)
    return published, verdict


def _environment(call: _Call) -> int:
    """Print what is installed here, and which file each package came from."""
    view = assembly.read_whole_environment(call.settings, call.project)
    call.answer(view.to_dict(), lambda: render.packages.environment_view(view, origins=call.given.origins))
    return YES


def _settings(call: _Call) -> int:
    """Print every setting with its value and where that came from."""
    rows = call.settings.rows()
    call.answer([row._asdict() for row in rows], lambda: render.text.settings_view(rows))
    return YES


def _version(call: _Call) -> int:
    """Print the PEP 440 version of this change-set."""
    from pytest_defend.actions.version import version
    from pytest_defend.capture.vcs import read_version_facts

    git, _ = read_version_facts(call.project.root)
    view = version(base=call.given.base, project_version=call.project.version, ci=call.ci, git=git)
    call.answer(view.to_dict(), lambda: render.text.sentence(view.version))
    return YES


COMMANDS: dict[str, Callable[[_Call], int]] = {
    "show": _show,
    "builds": _builds,
    "files": _files,
    "get": _get,
    "publish": _publish,
    "environment": _environment,
    "settings": _settings,
    "version": _version,
}
_FLAGS_OF = {"environment": _ENVIRONMENT_FLAGS}
_ARGUMENTS: dict[str, tuple[tuple[tuple[str, ...], dict[str, Any]], ...]] = {
    "show": ((("build",), {"metavar": "BUILD", "help": "NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest"}),),
    "builds": (
        (("name",), {"metavar": "NAME", "nargs": "?", "default": "", "help": "only builds of this name"}),
    ),
    "files": ((("build",), {"metavar": "BUILD", "help": "NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest"}),),
    "get": (
        (("build",), {"metavar": "BUILD", "help": "NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest"}),
        (("path",), {"metavar": "PATH", "help": "path of the file, or the end of it"}),
        (
            ("-o", "--output"),
            {"metavar": "FILE", "default": "", "help": "where to write it; its own name by default"},
        ),
    ),
    "publish": (
        (
            ("records",),
            {
                "metavar": "RECORD",
                "nargs": "+",
                "help": "file of --defend-record, folder of the spool, or journal.jsonl",
            },
        ),
    ),
    "environment": (
        (
            ("--origins",),
            {"action": "store_true", "help": "say how each origin is known, and what it is not"},
        ),
    ),
    "settings": (),
    "version": ((("--base",), {"metavar": "X.Y", "default": "", "help": "count under this release"}),),
}


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(prog="pytest-defend", description="Evidence for releases, from test runs.")
    top.add_argument("--version", action="version", version=f"pytest-defend {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").strip().rstrip(".")
        one = commands.add_parser(name, help=summary, description=f"{summary}.")
        for names, known in _ARGUMENTS[name]:
            one.add_argument(*names, **known)
        one.add_argument("--format", choices=("text", "json"), default="text", help="form of the answer")
        for option in FLAGS:
            if name == "settings" or option.name in _FLAGS_OF.get(name, _STORE_FLAGS):
                _add_flag(one, option)
    return top


def _add_flag(command: argparse.ArgumentParser, option: Any) -> None:
    known: dict[str, Any] = {"dest": f"defend_{option.argument}", "default": None, "help": option.help}
    if option.kind == "flag":
        command.add_argument(option.flag, action="store_true", **known)
    else:
        action = "append" if option.kind == "list" else "store"
        command.add_argument(option.flag, action=action, metavar=option.metavar, **known)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: After the program's name; those of the process when not given.

    Returns:
        The exit code.
    """
    given = parser().parse_args(arguments)
    try:
        code = COMMANDS[given.command](_called(given))
        sys.stdout.flush()
    except DefendError as error:
        return _failed(str(error), _code(error))
    except BrokenPipeError:
        # what is left in the buffer would raise once more when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except OSError as error:
        return _failed(f"{error.filename or 'the system'}: {error.strerror or error}.", UNKNOWN)
    except KeyboardInterrupt:
        return _failed("Interrupted.", INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is ours, and the user is told so
        if os.environ.get("DEFEND_DEBUG"):
            traceback.print_exc()
        what = f"This is a bug in pytest-defend: {type(error).__name__}."
        return _failed(f"{what} Set DEFEND_DEBUG=1 to see where.", BUG)
    return code


def _called(given: argparse.Namespace) -> _Call:
    from pytest_defend.capture.ci import detect

    project = find_project(Path.cwd())
    ci = detect(os.environ)
    command_line = {option.argument: getattr(given, f"defend_{option.argument}", None) for option in FLAGS}
    settings = resolve(command_line=command_line, environ=os.environ, pyproject=project.table, detected=ci)
    return _Call(given=given, settings=settings, project=project, ci=ci)


def _code(error: DefendError) -> int:
    if isinstance(error, (Conflict, Corrupt)):
        return NO
    return UNKNOWN if isinstance(error, StoreError) else USAGE


def _failed(sentence: str, code: int) -> int:
    sys.stderr.write(f"pytest-defend: {sentence}\n")
    return code
