"""Policies that follow their file."""

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from stormdoor import ConfigurationError, Guard
from stormdoor.runtime.policy_file import PolicyFile
from tests.config.files import write

BEFORE = 'production = false\n[[policies.role]]\nname = "member"\ngrants = ["chat:*"]\n'
AFTER = BEFORE.replace("chat:*", "chat:connect")
WRONG = BEFORE.replace("chat:*", "Chat")


def _grants(guard: Guard) -> tuple[str, ...]:
    return guard.policies.roles["member"].grants


async def _until_reloaded(guard: Guard) -> None:
    while _grants(guard) != ("chat:connect",):
        await asyncio.sleep(0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file before it changes."""
    return write(tmp_path, BEFORE)


def test_reload(path: Path) -> None:
    """A reload applies the present policies of the file."""
    guard = Guard.from_config(path)
    follower = PolicyFile(guard, path)
    write(path.parent, AFTER)
    assert follower.reload() == 0
    assert _grants(guard) == ("chat:connect",)


async def test_reload_is_in_the_trail(path: Path) -> None:
    """The trail records the actor of a reload."""
    guard = Guard.from_config(path)
    async with guard:
        PolicyFile(guard, path).reload(actor="ada")
        await guard.trail.flush()
        (entry,) = await guard.state.trail.entries(event="authz_change")
        assert entry.event.actor == "ada"


def test_mistake_changes_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file with a mistake leaves the policies as they are, and the log names the place."""
    guard = Guard.from_config(path)
    follower = PolicyFile(guard, path)
    write(path.parent, WRONG)
    with pytest.raises(ConfigurationError, match="grants"):
        follower.reload()
    with caplog.at_level(logging.ERROR):
        assert follower.try_reload() is None
    assert "stormdoor.toml:4: policies.role[0].grants[0]" in caplog.text
    assert _grants(guard) == ("chat:*",)


def test_only_a_change_is_read(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A look at an unchanged file does nothing, and a mistake is reported once."""
    guard = Guard.from_config(path)
    follower = PolicyFile(guard, path)
    assert follower.reload_if_changed() is None
    write(path.parent, WRONG)
    assert follower.reload_if_changed() is None
    caplog.clear()
    assert follower.reload_if_changed() is None
    assert caplog.text == ""
    write(path.parent, AFTER)
    assert follower.reload_if_changed() == 0
    assert _grants(guard) == ("chat:connect",)


def test_file_that_is_gone_for_a_moment(path: Path) -> None:
    """An editor that replaces the file does not disturb."""
    guard = Guard.from_config(path)
    follower = PolicyFile(guard, path)
    path.unlink()
    assert follower.reload_if_changed() is None
    write(path.parent, AFTER)
    assert follower.reload_if_changed() == 0


async def test_hangup(path: Path) -> None:
    """SIGHUP reloads."""
    guard = Guard.from_config(path)
    PolicyFile(guard, path).on_hangup()
    try:
        write(path.parent, AFTER)
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(60):
            await _until_reloaded(guard)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


async def test_follow(path: Path) -> None:
    """A task that follows the file sees a change."""
    guard = Guard.from_config(path)
    task = asyncio.create_task(PolicyFile(guard, path).follow(0.001))
    await asyncio.sleep(0)
    write(path.parent, AFTER)
    async with asyncio.timeout(60):
        await _until_reloaded(guard)
    task.cancel()
