"""An installation as its operator opens it."""

import sqlite3
from pathlib import Path

import pytest

from stormdoor import ConfigurationError, Guard, StoreError, StoreUnavailable
from stormdoor.core.event import verify
from stormdoor.runtime.installation import open_installation
from tests.config.files import GOOD, TRAIL_KEY, write

KEY = TRAIL_KEY.encode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files of these tests name."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)


async def _used(folder: Path) -> str:
    """Return the URL of a store with a trail sealed by the key."""
    url = f"sqlite:{folder}/door.db"
    async with Guard(store=url, trail_key=KEY) as guard:
        await guard.admin.add_principal("alice", roles=["member"])
    return url


async def test_by_file_or_by_url(tmp_path: Path) -> None:
    """The file and the URL open the same store."""
    url = await _used(tmp_path)
    async with open_installation(config=write(tmp_path), purpose="change") as one:
        assert await one.guard.state.accounts.account("alice") is not None
        assert one.policies_known
    async with open_installation(store=url, trail_key=KEY, purpose="change") as one:
        assert await one.guard.state.accounts.account("alice") is not None
        assert not one.policies_known


async def test_no_heartbeat(tmp_path: Path) -> None:
    """A command is no server: it leaves no trace of one in the trail."""
    url = await _used(tmp_path)
    async with open_installation(store=url, trail_key=KEY, purpose="change") as one:
        before = await one.guard.state.trail.trail_chains()
    async with open_installation(store=url, trail_key=KEY, purpose="read") as one:
        assert await one.guard.state.trail.trail_chains() == before


async def test_change_is_in_the_trail_when_it_ends(tmp_path: Path) -> None:
    """A recorded change is written at the end, and chained with the right key."""
    url = await _used(tmp_path)
    async with open_installation(store=url, trail_key=KEY, purpose="change") as one:
        await one.guard.admin.grant_role("alice", "moderator", actor="cli:ada")
    async with open_installation(store=url, purpose="read") as one:
        (entry,) = await one.guard.state.trail.entries(limit=1, newest_first=True)
        assert entry.event.actor == "cli:ada"
        assert verify(entry, seq=entry.seq, previous=entry.previous, key=KEY) is None


@pytest.mark.parametrize("key", [None, b"x" * 32])
async def test_change_with_another_key_is_refused(tmp_path: Path, key: bytes | None) -> None:
    """An entry sealed with another key would break the chain for good."""
    url = await _used(tmp_path)
    with pytest.raises(ConfigurationError, match="STORMDOOR_TRAIL_KEY"):
        async with open_installation(store=url, trail_key=key, purpose="change"):
            pytest.fail("it was opened")


async def test_reading_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read of the store needs no key of the trail."""
    await _used(tmp_path)
    monkeypatch.delenv("TRAIL_KEY")
    async with open_installation(config=write(tmp_path), purpose="read") as one:
        assert one.trail_key is None
        assert len(await one.guard.state.accounts.accounts()) == 1


async def test_one_sound_entry_is_enough(tmp_path: Path) -> None:
    """An attacker who tampers with the last entry does not lock the operators out."""
    url = await _used(tmp_path)
    database = sqlite3.connect(tmp_path / "door.db")
    triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        database.execute(f'DROP TRIGGER "{name}"')
    database.execute("UPDATE trail SET body = x'7b7d' WHERE seq = (SELECT max(seq) FROM trail)")
    database.commit()
    database.close()
    async with open_installation(store=url, trail_key=KEY, purpose="change") as one:
        await one.guard.admin.set_disabled("alice", True)


async def test_missing_store_is_not_made(tmp_path: Path) -> None:
    """A mistyped path is an error, not an empty store in which all is well."""
    url = f"sqlite:{tmp_path}/typo.db"
    with pytest.raises(StoreError, match="there is no store at"):
        async with open_installation(store=url, purpose="read"):
            pytest.fail("it was opened")
    assert not (tmp_path / "typo.db").exists()
    async with open_installation(store=url, purpose="change", create=True):
        assert (tmp_path / "typo.db").exists()


async def test_memory_cannot_be_operated(tmp_path: Path) -> None:
    """A store in the memory of another process is out of reach, and that is said."""
    path = write(tmp_path, GOOD.replace("sqlite:door.db", "memory:"))
    with pytest.raises(ConfigurationError, match="in the memory"):
        async with open_installation(config=path, purpose="read"):
            pytest.fail("it was opened")


async def test_short_key_is_refused(tmp_path: Path) -> None:
    """A key from the environment is judged as one from a file."""
    url = await _used(tmp_path)
    with pytest.raises(ConfigurationError, match="fewer than 32"):
        async with open_installation(store=url, trail_key=b"short", purpose="read"):
            pytest.fail("it was opened")


async def test_change_that_cannot_be_recorded_is_not_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trail that could not be written is an error of the command."""
    url = await _used(tmp_path)
    opened = open_installation(store=url, trail_key=KEY, purpose="change")
    one = await opened.__aenter__()
    await one.guard.admin.grant_role("alice", "moderator")
    await one.guard.state.close()
    monkeypatch.setattr("stormdoor.runtime.last_write.PATIENCE_SECONDS", 0.1)
    with pytest.raises(StoreUnavailable, match="trail could not be written"):
        await opened.__aexit__(None, None, None)


async def test_server_secrets_are_not_asked_for(tmp_path: Path) -> None:
    """A command needs no keys of tokens."""
    await _used(tmp_path)
    jwt = (
        '[[authenticators]]\nkind = "jwt"\nissuer = "i"\naudience = "a"\n'
        'keys = [{ algorithm = "HS256", secret = { env = "NO_SUCH_VARIABLE" } }]\n'
    )
    path = write(tmp_path, GOOD + jwt)
    async with open_installation(config=path, purpose="change") as one:
        assert one.guard.authenticators == ()
    assert TRAIL_KEY not in repr(one)
