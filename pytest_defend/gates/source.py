"""The rule about the source a build was made from.

Rules:
- What is not in a commit cannot be built again: changes, files git does not know, submodules elsewhere.
- The commit of the build-info is that of the run that began the build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.material import beginning, listed, plural, runs_of, shown_run, where
from pytest_defend.gates.rule import Rule
from pytest_defend.gates.selection import is_like

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence
    from pytest_defend.model.gitfacts import GitFacts

__all__ = ["RULES", "SourceClean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClean(Rule):
    """The build and its results come from a commit and nothing else."""

    NAME: ClassVar[str] = "source-clean"
    MAIN: ClassVar[str] = "branches"

    branches: tuple[str, ...] = ()
    """Branches, with `*`, the build may be made from; any when none is named."""
    untracked: tuple[str, ...] = ()
    """Files, with `*`, that git need not know: `reports/*`."""
    stages: tuple[str, ...] = ()
    """Whose runs must be clean; every stage when none is named."""

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        branches = f" of {listed(self.branches)}" if self.branches else ""
        expected = f"built and tested from a commit{branches}, without changes"
        runs = runs_of(evidence, self.stages)
        failed, unsure = [], []
        for run in runs:
            git = run.record.facts.git if run.record and not run.problem else None
            if git is None or not git.commit:
                unsure.append(f"{shown_run(run)} does not say which commit it ran on")
                continue
            failed += [f"{shown_run(run)} {told}" for told in self._dirt(git)]
            unsure += [f"{shown_run(run)} {told}" for told in self._unlisted(git)]
        made, unmade = self._made(evidence)
        told = listed([*failed, *made, *unsure, *unmade], "; ")
        if failed or made:
            step = "Build and test a clean checkout of a commit, and publish a new build."
            return self.fails(expected, told, where(runs), next=step)
        if unsure or unmade or not runs:
            step = "Run in a git checkout, so that the commit is recorded."
            return self.cannot_say(expected, told or "no stage has run", where(runs), next=step)
        return self.passes(expected, f"{plural(len(runs), 'run')}, all clean", where(runs))

    def _dirt(self, git: GitFacts) -> Iterator[str]:
        """What of a checkout is in no commit."""
        if git.dirty:
            yield "has changes in tracked files or submodules"
        strange = [path for path in git.untracked if not any(is_like(each, path) for each in self.untracked)]
        if strange:
            yield f"has files git does not know: {listed(strange)}"
        for submodule in git.submodules:
            if submodule.dirty:
                yield f"has changes in submodule {submodule.path}"
            if not submodule.checked_out:
                yield f"has nothing checked out in submodule {submodule.path}"

    def _unlisted(self, git: GitFacts) -> Iterator[str]:
        if git.untracked_count > len(git.untracked):
            more = git.untracked_count - len(git.untracked)
            yield f"has {plural(more, 'more file')} git does not know than are listed"

    def _made(self, evidence: Evidence) -> tuple[list[str], list[str]]:
        """What is wrong with the commit and branch the build was made from, and what is not known of them."""
        facts = [(run, run.record.facts.git) for run in beginning(evidence) if run.record is not None]
        known = [(run, git) for run, git in facts if git is not None and git.commit]
        if not known:
            return [], ["the run that began the build does not say which commit it was made from"]
        failed: list[str] = []
        revisions = {vcs.revision for vcs in evidence.snapshot.build.vcs if vcs.revision}
        for run, git in known:
            if revisions and git.commit not in revisions:
                failed.append(
                    f"{shown_run(run)} ran on {git.commit[:12]}, the build-info says {listed(revisions)}"
                )
            if self.branches and not any(is_like(each, git.branch) for each in self.branches):
                failed.append(f"{shown_run(run)} ran on {git.branch or 'no branch that is known'}")
        return failed, []


RULES: tuple[type[Rule], ...] = (SourceClean,)
