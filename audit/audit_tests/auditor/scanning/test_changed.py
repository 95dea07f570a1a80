"""Changed files: what git calls changed, and which findings concern it."""

import subprocess
from pathlib import Path

import pytest

from audit_tests.report.sample import REPORT
from stormdoor_audit.auditor.scanning.changed import GitError, changed_files, only_changed


def git(directory: Path, *arguments: str) -> None:
    """Run git with a name and without the user's configuration."""
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two files on main; a branch that changes one, deletes none, and adds others."""
    top = tmp_path / "a repo"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    (top / "old.py").write_text("1\n")
    (top / "sub").mkdir()
    (top / "sub" / "kept.py").write_text("1\n")
    (top / "gone.py").write_text("1\n")
    (top / ".gitignore").write_text("ignored.py\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    return top


def names(top: Path, *arguments: str) -> list[str]:
    """What changed, relative to the top."""
    return sorted(str(one.relative_to(top.resolve())) for one in changed_files(top, *arguments))


def test_work_tree(repository: Path) -> None:
    """Changed, staged and new files count; ignored, deleted and unchanged ones do not."""
    assert names(repository) == []
    (repository / "old.py").write_text("2\n")
    (repository / "staged.py").write_text("2\n")
    git(repository, "add", "staged.py")
    (repository / "sub" / "nü w.py").write_text("2\n")
    (repository / "ignored.py").write_text("2\n")
    (repository / "gone.py").unlink()
    assert names(repository) == ["old.py", "staged.py", "sub/nü w.py"]
    assert changed_files(repository / "sub") == changed_files(repository)


def test_since_a_branch(repository: Path) -> None:
    """What the other branch changed after the fork is not ours."""
    git(repository, "checkout", "-q", "-b", "feature")
    (repository / "mine.py").write_text("2\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "mine")
    git(repository, "checkout", "-q", "main")
    (repository / "theirs.py").write_text("2\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "theirs")
    git(repository, "checkout", "-q", "feature")
    assert names(repository, "main") == ["mine.py"]


@pytest.mark.parametrize("since", ["nothing", "--output=x", "-p", "HEAD:old.py", ""])
def test_no_commit(repository: Path, since: str) -> None:
    """What is no commit is said, and never an option of git."""
    with pytest.raises(GitError, match="is no commit"):
        changed_files(repository, since)


def test_no_repository(tmp_path: Path) -> None:
    """Without a repository there is no answer, rather than the answer that nothing changed."""
    with pytest.raises(GitError, match="not a git repository"):
        changed_files(tmp_path)


def test_repository_starts_no_program(repository: Path) -> None:
    """The configuration and the attributes of the repository run nothing."""
    mark = repository.parent / "ran"
    script = repository / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch '{mark}'\ncat\n")
    script.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(script))
    git(repository, "config", "diff.external", str(script))
    git(repository, "config", "diff.x.textconv", str(script))
    git(repository, "config", "diff.x.command", str(script))
    (repository / ".gitattributes").write_text("*.py diff=x\n")
    (repository / "old.py").write_text("2\n")
    assert "old.py" in names(repository)
    assert not mark.exists()


def test_findings_that_concern(tmp_path: Path) -> None:
    """A finding counts if its place or a step of its way changed: a base class is the reason, too."""
    files = frozenset({(tmp_path / "chat/base.py").resolve()})
    left = only_changed(REPORT, files, tmp_path)
    assert sorted(one.rule_id for one in left.findings) == ["SD101", "SD201"]
    assert {one.subject for one in left.findings} == {"chat.handlers.ChatSocket"}
    assert left.endpoints == ()
    assert left.coverage == REPORT.coverage
    nothing = only_changed(REPORT, frozenset(), tmp_path)
    assert (nothing.findings, nothing.suppressed) == ((), ())
