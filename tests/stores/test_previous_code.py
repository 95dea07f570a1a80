"""INVARIANT: the oldest code that a schema accepts works on it, so that nodes are upgraded one by one."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("asyncpg")

from stormdoor.stores.postgresql import schema
from tests.stores.previous_code import MIGRATIONS, first_revision, run_store_tests, unpack
from tests.support.postgresql import Missing, binaries

ROOT = Path(__file__).parents[2]

# They read and write every column of the tables that the migrations below change.
SELECTED = "test_session_comes_back or test_key_comes_back or test_chain_verifies or test_rotation"

HEAD = schema.HEAD

ADDED = {
    f"{HEAD + 1:04}_adds.sql": f"""-- mode: transaction
-- min_code: {HEAD}
ALTER TABLE session ADD COLUMN later TEXT COLLATE "C";
CREATE TABLE later (id TEXT COLLATE "C" PRIMARY KEY);
""",
    f"{HEAD + 2:04}_backfills.sql": f"""-- mode: batched
-- min_code: {HEAD}
UPDATE session SET later = 'known' WHERE id IN (SELECT id FROM session WHERE later IS NULL LIMIT 1000);
""",  # noqa: S608 - a constant
    f"{HEAD + 3:04}_indexes.sql": f"""-- mode: concurrent
-- min_code: {HEAD}
CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_session_later ON session (later);
""",
}
"""A release that only adds: code that knows the schema before still works."""

RENAMED = {
    f"{HEAD + 1:04}_renames.sql": f"""-- mode: transaction
-- min_code: {HEAD}
ALTER TABLE session RENAME COLUMN acr TO authentication_class;
"""
}
"""A release that claims to accept older code, and does not."""


@pytest.fixture
def postgresql_here() -> None:
    """Skip the test if no server can run here; `tests.support.postgresql` says when that is an error."""
    try:
        binaries()
    except Missing as reason:
        pytest.skip(f"no PostgreSQL: {reason}")


def test_oldest_accepted_code_works_on_this_schema(postgresql_here: None, tmp_path: Path) -> None:
    """The store tests of the oldest code that the newest schema accepts pass on it."""
    oldest = schema.MIGRATIONS[-1].min_code
    if oldest == schema.HEAD:
        pytest.skip(f"schema {schema.HEAD} accepts no older code")
    revision = first_revision(ROOT, oldest + 1)
    assert revision, "the history of the repository does not reach back to that code"
    unpack(ROOT, revision, tmp_path / "code")
    done = run_store_tests(tmp_path / "code", ROOT / MIGRATIONS)
    assert done.returncode == 0, done.stdout[-4000:]


def _releases(folder: Path, later: dict[str, str]) -> Path:
    """Make a repository: the first revision has this code, the second adds migrations."""
    repository = folder / "repository"
    repository.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "recorded", "recordings")
    for part in ("src", "tests/support", "tests/stores"):
        shutil.copytree(ROOT / part, repository / part, ignore=ignored)
    for file in ("conftest.py", "pyproject.toml", "tests/__init__.py"):
        shutil.copy(ROOT / file, repository / file)
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")

    def commit(message: str) -> None:
        for arguments in (("add", "-A"), (*identity, "commit", "-q", "-m", message)):
            subprocess.run(["git", "-C", repository, *arguments], check=True)

    subprocess.run(["git", "init", "-q", repository], check=True)
    commit("First release")
    for name, text in later.items():
        (repository / MIGRATIONS / name).write_text(text)
    commit("Second release")
    return repository


@pytest.mark.extended
@pytest.mark.parametrize(("later", "works"), [(ADDED, True), (RENAMED, False)])
def test_older_code_is_tested_on_a_newer_schema(
    later: dict[str, str], works: bool, postgresql_here: None, tmp_path: Path
) -> None:
    """A later schema that only adds passes, and one that breaks older code is found."""
    repository = _releases(tmp_path, later)
    revision = first_revision(repository, HEAD + 1)
    unpack(repository, revision, tmp_path / "code")
    assert len(list((tmp_path / "code" / MIGRATIONS).glob("*.sql"))) == HEAD
    done = run_store_tests(tmp_path / "code", repository / MIGRATIONS, SELECTED)
    assert (done.returncode == 0) is works, done.stdout[-4000:]
    assert " passed" in done.stdout or not works
    assert "acr" in done.stdout or works
