"""The first account of a store, which several programs may want to make at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stormdoor.run.first_account import make_first_account


async def test_programs_that_start_at_the_same_moment(tmp_path: Path) -> None:
    """One of them makes the account; the others go on without an error."""
    store = f"sqlite:{tmp_path / 'door.db'}"
    key = b"k" * 32
    made = await asyncio.gather(
        *[
            make_first_account(config=None, store=store, trail_key=key, actor="operator")
            for _ in range(3)
        ]
    )
    assert len([one for one in made if one is not None]) == 1
    assert (
        await make_first_account(config=None, store=store, trail_key=key, actor="operator") is None
    )
