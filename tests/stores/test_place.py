"""The store of a URL, and the permissions of its file."""

# ruff: noqa: ASYNC240 - nothing else runs in the loop of a test

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdoor.errors import ConfigurationError
from stormdoor.stores import MemoryStore, SqliteStore, open_store
from stormdoor.testing.contract.support import event, opened, wrong_with_trail


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Set a umask that makes files readable and writable for all users."""
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/app/store.db", Path("/var/lib/app/store.db")),
        ("sqlite:store.db", Path.cwd() / "store.db"),
        ("sqlite:a/b%20c.db", Path.cwd() / "a" / "b%20c.db"),
        ("sqlite:/store.db", Path("/store.db")),
    ],
)
def test_url_of_sqlite_names_a_file(url: str, path: Path) -> None:
    """Three slashes name an absolute path, none a relative one."""
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    assert store._database.path == path


def test_url_of_memory() -> None:
    """`memory:` needs no more."""
    assert isinstance(open_store("memory:"), MemoryStore)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://app:hunter2@db/app", "the URL of a store is"),
        ("store.db", "the URL of a store is"),
        ("", "the URL of a store is"),
        ("memory:x", "the URL of a store is"),
        ("sqlite:", "names a file"),
        ("sqlite::memory:", "names a file"),
        ("sqlite:///", "names a file"),
        ("sqlite:///store.db?mode=ro", "names a file"),
        ("sqlite://store.db", "three slashes"),
        ("sqlite://host/store.db", "three slashes"),
    ],
)
def test_other_urls_are_refused(url: str, says: str) -> None:
    """An invalid URL is refused with the line to write, and without the password."""
    with pytest.raises(ConfigurationError, match=says) as refusal:
        open_store(url)
    assert "sqlite:///absolute/path" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


async def test_trail_key_reaches_the_store() -> None:
    """The key seals the trail of the store that was made with it."""
    async with opened(open_store("memory:", trail_key=b"key")) as store:
        await store.append_events([event()])
        assert await wrong_with_trail(store, b"key") is None
        assert await wrong_with_trail(store) is not None


def test_empty_trail_key_is_refused() -> None:
    """An empty key, as an unset variable gives it, is found before the first event."""
    with pytest.raises(ConfigurationError, match="key of the trail is empty"):
        open_store("memory:", trail_key=b"")


async def test_new_file_is_for_its_owner_only(tmp_path: Path, open_umask: None) -> None:
    """The file, its log and each new directory are private to the owner, under any umask."""
    path = tmp_path / "a" / "b" / "store.db"
    async with opened(SqliteStore(path)) as store:
        await store.append_events([event()])
        assert {_mode(file) for file in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 4
        assert _mode(tmp_path / "a") == _mode(tmp_path / "a" / "b") == 0o700


@pytest.mark.parametrize(
    ("was", "becomes"), [(0o644, 0o640), (0o666, 0o660), (0o604, 0o600), (0o664, 0o660)]
)
async def test_file_for_everybody_is_closed(
    was: int, becomes: int, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that others may read loses that mode, and the operator hears of it."""
    path.chmod(was)
    async with opened(SqliteStore(path)) as store:
        await store.append_events([event()])
        assert {_mode(file) for file in path.parent.iterdir()} == {becomes}
    assert "could read" in caplog.text


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o640])
async def test_file_for_a_group_stays(
    mode: int, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator's permissions for the file's group stay."""
    path.chmod(mode)
    async with opened(SqliteStore(path)):
        assert _mode(path) == mode
    assert caplog.text == ""


async def test_directory_for_everybody_is_refused(tmp_path: Path) -> None:
    """A directory that all users can write to is refused, and the message names the command to fix it."""
    directory = tmp_path / "open"
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(ConfigurationError, match=f"chmod o-w {directory}"):
        await SqliteStore(directory / "store.db").open()
    assert list(directory.iterdir()) == []


async def test_sticky_directory_will_do(tmp_path: Path) -> None:
    """A sticky directory like /tmp is accepted, because other users cannot replace the file."""
    directory = tmp_path / "sticky"
    directory.mkdir()
    directory.chmod(0o1777)
    async with opened(SqliteStore(directory / "store.db")):
        assert _mode(directory / "store.db") == 0o600
