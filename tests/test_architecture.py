"""The rules of the house that import-linter cannot express."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import pytest

import pytest_defend

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(pytest_defend.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# What only some rooms may import, anywhere in a module: also inside functions, also for types.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "_pytest": (),
    "cryptography": ("keys.py",),
    "flask": ("server/",),
    "jinja2": ("render/",),
    "junitparser": ("capture/junit.py",),
    "pytest": ("hookspecs.py", "plugin/"),
    "requests": ("stores/http.py",),
    "rich": ("render/",),
    "sqlite3": ("stores/",),
    "subprocess": ("capture/commands.py", "capture/vcs.py"),
    "truststore": ("stores/certificates.py",),
    "waitress": ("server/",),
}
PURE_ROOMS = ("actions/", "documents/", "errors.py", "gates/", "model/", "protocols.py")
IMPURE = {"os", "random", "secrets", "socket", "time", "uuid"} | ONLY_IN.keys()
CLOCKS = {"now", "today", "utcnow"}
BANNED_WORDS = {"common", "handler", "helper", "helpers", "manager", "misc", "processor", "util", "utils"}

MADE_BY_TOOLS = {
    ".defend",
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".venv",
    "__pycache__",
    "_build",
    "build",
    "dist",
}
# A letter in brackets keeps a pattern from finding itself.
MACHINE = re.compile(
    r"(?<![\w.])/([w]ork|[f]arm|[r]oot)/|/tmp/([l]ab|[b]ash_jobs)|\.\./[s]hared"
    r"|[p]ythonhosted\.org|(^|[^a-z])[p]ypi\.org|[r]egistry\.npmjs"
)
UNFINISHED = re.compile(r"\b([T]ODO|[F]IXME|[X]XX)\b|[p]ragma: no cover")
STUB = re.compile(r"\bNotImplementedError\b")
BARE_IGNORE = re.compile(r"[t]ype: ignore(?!\[)")


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> set[str]:
    """The first part of every absolute import, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])
    return names


def _words(name: str) -> set[str]:
    """`HTTPHandler` and `http_handler` both hold the word `handler`."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower() for part in parts}


def _repository_texts() -> Iterator[tuple[str, str]]:
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in MADE_BY_TOOLS and not name.endswith(".egg-info")]
        for path in (Path(folder, file) for file in files):
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:  # an archive or a picture
                continue


def _lines_with(pattern: re.Pattern[str], suffixes: tuple[str, ...] = ("",)) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in _repository_texts()
        if name.endswith(suffixes)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


each_module = pytest.mark.parametrize("path", MODULES, ids=_name)


@each_module
def test_third_parties_stay_in_their_room(path: Path) -> None:
    imported = _imported(path)
    strays = sorted(
        name for name, rooms in ONLY_IN.items() if name in imported and not _name(path).startswith(rooms)
    )
    assert not strays


@pytest.mark.parametrize("path", [path for path in MODULES if _name(path).startswith(PURE_ROOMS)], ids=_name)
def test_thinking_rooms_are_handed_the_world(path: Path) -> None:
    clocks = [
        node.lineno
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert not sorted(_imported(path) & IMPURE)
    assert not clocks, "a clock comes in as an argument"


@each_module
def test_modules_and_functions_fit_on_a_page(path: Path) -> None:
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    }
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert {name: lines for name, lines in long.items() if lines > 60} == {}


@each_module
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(_tree(path))


@each_module
def test_names_say_something(path: Path) -> None:
    classes = [node.name for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)]
    assert not any(_words(name) & BANNED_WORDS for name in (path.stem, path.parent.name, *classes))
    assert not [name for name in classes if name.startswith("Test")], "pytest would try to collect it"


def _public(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _is_public(node: ast.AST) -> TypeGuard[ast.ClassDef | ast.FunctionDef]:
    """Whether others may use it; hooks and fixtures are found by pytest alone."""
    if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith(("_", "pytest_")):
        return False
    return not any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


@each_module
def test_public_names_are_listed_in_order(path: Path) -> None:
    tree = _tree(path)
    names = _public(tree)
    if names is None:
        assert [node.name for node in tree.body if _is_public(node)] == [], "no __all__"
        return
    # constants, then classes, then functions: the order ruff keeps
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert _lines_with(MACHINE) == []


@each_module
def test_no_part_is_a_stub(path: Path) -> None:
    assert STUB.search(path.read_text(encoding="utf-8")) is None


def test_nothing_is_left_unfinished() -> None:
    assert _lines_with(UNFINISHED, (".py", ".md", ".toml")) == []


def test_every_type_exemption_has_a_code() -> None:
    assert _lines_with(BARE_IGNORE, (".py",)) == []
