"""Contract of every store that several processes share: two processes at once."""

import asyncio
import sys
from dataclasses import dataclass

import pytest

from stormdoor.ports import Store
from stormdoor.testing.contract.support import (
    NOW,
    account,
    opened,
    ticket,
    wrong_with_trail,
)

__all__ = ["ProcessesContract", "Shared"]

_SECONDS = 120.0

_PREAMBLE = """
import asyncio, importlib, sys
from stormdoor.core.revocation import Revocation, Target
from stormdoor.testing.contract.support import NOW, event
module, _, name = sys.argv[1].partition(":")
store = getattr(importlib.import_module(module), name)(sys.argv[2])
async def main():
    await store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(40):
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """A new store that is not open, and the way in which another process opens its data.

    Attributes:
        store: The store.
        opener: `module:function`, which returns another store object.
        argument: The argument of that function.
    """

    store: Store
    opener: str
    argument: str


async def _twice(shared: Shared, body: str) -> list[list[str]]:
    """Run `body` for each `n` in two processes at once. Returns the lines that each has printed."""
    code = f"{_PREAMBLE}        {body}\n    await store.close()\nasyncio.run(main())\n"
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, shared.opener, shared.argument),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    try:
        async with asyncio.timeout(_SECONDS):
            for process in processes:
                assert process.stdout is not None
                line = await process.stdout.readline()
                assert line == b"ready\n", await process.communicate()
            answers = await asyncio.gather(*(each.communicate(b"\n") for each in processes))
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert [each.returncode for each in processes] == [0, 0], answers
    return [out.decode().split() for out, _ in answers]


class ProcessesContract:
    @pytest.fixture
    def shared(self) -> Shared:
        """Skip the tests. A store that processes share overrides this."""
        pytest.skip("the store belongs to one process")

    async def test_processes_take_each_ticket_once(self, shared: Shared) -> None:
        """INVARIANT: of two processes, one redeems a ticket."""
        async with opened(shared.store) as store:
            await store.add_account(account("alice"))
            for n in range(40):
                await store.add_ticket(ticket(f"t{n}", "alice"))
            one, other = await _twice(
                shared, 'print(n if await store.redeem_ticket(f"t{n}") else "")'
            )
            assert sorted(map(int, one + other)) == list(range(40))

    async def test_processes_use_each_nonce_once(self, shared: Shared) -> None:
        """INVARIANT: of two processes, one uses a nonce."""
        async with opened(shared.store) as store:
            one, other = await _twice(
                shared, 'print(n if await store.use_nonce("jti", f"v{n}", NOW) else "")'
            )
            assert sorted(map(int, one + other)) == list(range(40))
            assert not await store.use_nonce("jti", "v0", NOW)

    async def test_processes_share_one_log(self, shared: Shared) -> None:
        """Entries of two processes have all positions, and the dates never go back."""
        async with opened(shared.store) as store:
            body = 'print((await store.add_revocation(Revocation(Target.EVERYTHING, "", NOW - n))).seq)'
            one, other = await _twice(shared, body)
            assert sorted(map(int, one + other)) == list(range(1, 81))
            entries = await store.revocations()
            assert [each.seq for each in entries] == list(range(1, 81))
            assert {each.at for each in entries} == {NOW}

    async def test_processes_share_one_trail(self, shared: Shared) -> None:
        """INVARIANT: the trail has the entries of two processes, each once, and verifies."""
        async with opened(shared.store) as store:
            await _twice(shared, "await store.append_events([event(), event()])")
            assert await wrong_with_trail(store) is None
            assert len({one.number for one in await store.entries()}) == 160
