"""A cluster under faults keeps its guarantees: one minute, with a fixed seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chaos")]


async def test_nodes_on_sqlite(tmp_path: Path) -> None:
    """Processes that are killed and stopped, clocks that are set, a writer that blocks the file."""
    result = await run("sqlite", seed=18, seconds=10.0, folder=tmp_path)
    assert not result.violations, str(result)
    assert result.judged >= 5, str(result)
