"""A cluster under faults keeps its guarantees: one minute, with a fixed seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.mutations import MUTATIONS
from tests.chaos.run import MODES, Mode, Servers, run
from tests.chaos.schedules import SCHEDULES, mutation_of, prove, table
from tests.support.postgresql import Binaries, Missing, binaries

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured, pytest.mark.xdist_group("chaos")]

SEED = 18
SECONDS: dict[Mode, float] = {"synchronous": 25.0, "asynchronous": 25.0, "sqlite": 6.0}
LEAST: dict[Mode, tuple[int, int]] = {
    "synchronous": (3, 3),
    "asynchronous": (3, 3),
    "sqlite": (2, 1),
}
"""The numbers of checked revocations and of faults that a run must have, also on a busy machine."""
PARTIES = 3
"""Fewer than the 8 of `make chaos`: the time of the processors grows with them."""


def programs(mode: Mode) -> Binaries | None:
    """Return what runs the servers. Without them, skip; an error where CI=true."""
    if mode == "sqlite":
        return None
    try:
        return binaries()
    except Missing as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {reason}")


@pytest.mark.parametrize("mode", MODES)
async def test_a_cluster_under_faults(mode: Mode, tmp_path: Path) -> None:
    """Nodes, links and servers fail; no message follows a revocation later than the bound."""
    seconds = SECONDS[mode]
    result = await run(
        mode,
        seed=SEED,
        seconds=seconds,
        folder=tmp_path,
        programs=programs(mode),
        parties=PARTIES,
    )
    assert not result.violations, str(result)
    least, faults = LEAST[mode]
    assert result.total >= least, str(result)
    assert sum(result.faults.values()) >= faults, str(result)


def test_each_mutation_has_a_schedule() -> None:
    """A part that is switched off in no schedule is not proven."""
    assert set(map(mutation_of, SCHEDULES)) == MUTATIONS.keys()


@pytest.mark.extended
@pytest.mark.parametrize("name", SCHEDULES)
async def test_the_checkers_notice_a_mutation(name: str) -> None:
    """They find nothing in the same schedule without it. `make chaos ARGS=--mutations` prints a table."""
    lines: list[str] = []
    async with Servers(programs(SCHEDULES[name].mode)) as servers:
        proof = await prove(name, seed=SEED, servers=servers, report=lines.append)
    assert proof.holds, "\n".join([table([proof]), *lines])
