"""The documentation is complete, its links lead somewhere, and its examples run."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import catalogue
import pytest_defend
from pytest_defend import errors, hookspecs
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.record import RunRecord
from pytest_defend.settings import OPTIONS, Option
from pytest_defend.stores.directory import DirectoryStore

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if not {"examples", "_build"} & set(path.relative_to(DOCS).parts)
)

_FENCE = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _blocks(text: str, kind: str) -> list[tuple[str, str]]:
    """Arguments and content of every fenced block of a kind."""
    return [(arguments.strip(), body) for found, arguments, body in _FENCE.findall(text) if found == kind]


def _rendered(page: str) -> str:
    """A page with the parts that are read from the code."""

    def insert(block: re.Match[str]) -> str:
        if block.group(1) != "{catalogue}":
            return block.group(0)
        kind, *arguments = block.group(2).split()
        return catalogue.KINDS[kind](*arguments)

    return _FENCE.sub(insert, (DOCS / page).read_text(encoding="utf-8"))


def _commands() -> list[str]:
    return re.findall(r"^## (\S+)$", catalogue.commands(), flags=re.MULTILINE)


def _readme_command(name: str) -> str:
    marked = rf"^<!-- command: {name} -->\n```bash\n(.*?)^```$"
    found = re.search(marked, README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md has no command {name!r}"
    return found.group(1).strip()


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = [
        (page.parent / f"{entry}.md").resolve()
        for page in PAGES
        for _, body in _blocks(page.read_text(encoding="utf-8"), "{toctree}")
        for entry in body.split()
        if not entry.startswith(":") and not entry.isdigit()
    ]
    assert sorted(listed) == [page for page in PAGES if page != DOCS / "index.md"]


@pytest.mark.parametrize("page", [README, *PAGES], ids=_name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_setting_is_documented(option: Option) -> None:
    page = _rendered("reference/settings.md")
    told = (option.flag, option.key, option.variable, option.help, *option.fallbacks)
    assert [text for text in told if text not in page] == []


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_documented(name: str) -> None:
    assert f"## {name}\n" in _rendered("reference/errors.md")


@pytest.mark.parametrize("name", hookspecs.__all__)
def test_every_hook_is_documented(name: str) -> None:
    assert f"## {name}\n" in _rendered("reference/hooks.md")


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    pages = {page.stem for page in (DOCS / "how-to").glob("*.md")}
    assert pages - {"index", "gate-from-python", "install-again", "write-a-rule"} == set(_commands())


def test_the_documentation_names_no_command_or_option_that_is_not_there() -> None:
    flags = {option.flag for option in OPTIONS}
    commands = set(_commands())
    strangers = set()
    for page in [README, *PAGES]:
        text = page.read_text(encoding="utf-8")
        strangers |= set(re.findall(r"--defend-[a-z-]+", text)) - flags
        for _, body in _blocks(text, "bash"):
            strangers |= set(re.findall(r"\bpytest-defend ([a-z][a-z-]*)", body)) - commands
    assert strangers == set()


@pytest.mark.parametrize("page", [page for page in PAGES if "{catalogue}" in page.read_text()], ids=_name)
def test_every_part_read_from_the_code_can_be_read(page: Path) -> None:
    assert "{catalogue}" not in _rendered(str(page.relative_to(DOCS)))


@pytest.mark.parametrize("page", [page for page in PAGES if "```pycon" in page.read_text()], ids=_name)
def test_every_example_runs(page: Path) -> None:
    blocks = _blocks(page.read_text(encoding="utf-8"), "pycon")
    source = "\n".join(body for _, body in blocks)
    example = doctest.DocTestParser().get_doctest(source, {}, _name(page), str(page), 0)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=told.append)
    assert result.failed == 0, "".join(told)
    assert result.attempted > 0


def test_the_commands_of_the_readme_are_those_that_are_told_elsewhere() -> None:
    assert _readme_command("tests") in (DOCS / "contributing.md").read_text(encoding="utf-8")
    assert "pytest --defend-publish && pytest-defend show basket/latest" in _readme_command("try")


def _pytest(*arguments: str, cwd: Path, path: Path) -> str:
    """What a run of its own prints, without what a CI system or an outer pytest put into the environment."""
    environment = {
        **{name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(path),
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_has_the_outcomes_the_tutorial_tells() -> None:
    example = DOCS / "examples" / "basket"
    assert "10 passed, 1 skipped, 1 xfailed" in _pytest(cwd=example, path=example / "src")
    told = (DOCS / "tutorial" / "getting-started.md").read_text(encoding="utf-8")
    assert "Ten tests pass, one is skipped, one fails as expected." in told


def test_the_example_of_the_hooks_does_what_it_says(tmp_path: Path) -> None:
    [(_, conftest)] = _blocks((DOCS / "reference" / "hooks.md").read_text(encoding="utf-8"), "python")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'demo'\n[tool.pytest.ini_options]\n")
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_demo.py").write_text("def test_demo(): pass\n")
    package = Path(pytest_defend.__file__).parents[1]
    _pytest("-p", "pytest_defend.plugin", "--defend-publish", cwd=tmp_path, path=package)
    store = DirectoryStore(tmp_path / ".defend", clock=lambda: datetime.now(UTC))
    build = store.build(BuildId.parse("demo/latest"))
    assert (tmp_path / "published.txt").read_text() == str(build.id)
    assert build.properties["team"] == "checkout"
    [record] = [item for item in store.list("candidates") if item.path.endswith("/record.json")]
    with store.open(record.path) as file:
        facts = RunRecord.from_bytes(file.read()).facts
    assert "***" in str(facts.more)
    assert "4711" not in str(facts.more)


def test_the_catalogue_refuses_what_is_not_documented() -> None:
    def silent() -> None: ...

    with pytest.raises(ValueError, match="says nothing"):
        catalogue._said(silent)
