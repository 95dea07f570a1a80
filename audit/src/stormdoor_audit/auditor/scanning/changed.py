"""Only what concerns files that changed: for hooks and pull requests.

The whole project is still read, since a class means nothing without its bases. Findings without a step in
a changed file are left out. Any file on the connection's way may be the cause of a missing check: a check
that was removed from a file is no longer a step.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stormdoor_audit.report.finding import Finding, Report
from stormdoor_audit.report.order import key_of

__all__ = ["GitError", "changed_files", "only_changed"]

_ASKED_NOTHING = ("SD1", "SD2", "SD3")
"""Rules about what is not asked: who the client is, where it comes from, whether it may."""
_LONGEST = 60.0
"""Seconds that git may take."""


class GitError(Exception):
    """Git cannot say what changed; the message says why."""


def changed_files(directory: Path, since: str = "HEAD") -> frozenset[Path]:
    """Files that differ from a commit, and those that git does not know yet.

    Compared is with the commit where this branch left `since`: what others changed there in the
    meantime does not count.

    Args:
        directory: Any directory of the repository.
        since: A commit, a branch or a tag.

    Returns:
        Absolute paths. Files that were deleted are not among them.

    Raises:
        GitError: There is no git, no repository, or no such commit.
    """
    top = Path(os.fsdecode(_git(directory, "rev-parse", "--show-toplevel")).rstrip("\r\n"))
    if since.startswith("-"):
        raise GitError(f"{since!r} is no commit")
    try:
        _git(
            directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{since}^{{commit}}"
        )
    except GitError:
        raise GitError(f"{since!r} is no commit of this repository") from None
    different = _git(
        top,
        "diff",
        "--name-only",
        "-z",
        "--diff-filter=d",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--merge-base",
        since,
        "--",
    )
    unknown = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    names = (different + unknown).split(b"\0")
    return frozenset((top / os.fsdecode(name)).resolve() for name in names if name)


def _git(directory: Path, *arguments: str) -> bytes:
    """Run git so that the configuration of the repository starts no other program."""
    command: Sequence[str] = (
        "git",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.quotePath=false",
        *arguments,
    )
    try:
        # The arguments are ours; a commit is checked not to be an option.
        done = subprocess.run(  # noqa: S603
            command,
            cwd=directory,
            capture_output=True,
            check=False,
            timeout=_LONGEST,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise GitError("there is no git on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise GitError("git does not answer") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(said[0].removeprefix("fatal: ") if said else "git failed")
    return done.stdout


def only_changed(report: Report, files: frozenset[Path], root: Path) -> Report:
    """The report with only those findings and endpoints that concern these files.

    Args:
        report: Of the whole project.
        files: Absolute paths.
        root: What paths in the report are relative to.
    """

    def is_one(path: str) -> bool:
        return (root / path).resolve() in files

    key = key_of(report)
    about = {key(one): one for one in report.endpoints if any(map(is_one, one.files))}

    def concerns(one: Finding) -> bool:
        if one.rule_id.startswith(_ASKED_NOTHING) and key(one) in about:
            return True
        places = (one.location, *(step.location for step in one.steps))
        return any(is_one(path) for path in {place.path for place in places})

    return replace(
        report,
        findings=tuple(one for one in report.findings if concerns(one)),
        suppressed=tuple(one for one in report.suppressed if concerns(one.finding)),
        endpoints=tuple(
            one for one in report.endpoints if is_one(one.location.path) or key(one) in about
        ),
    )
