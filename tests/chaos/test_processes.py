"""The processes that keep a machine busy during a run."""

from __future__ import annotations

import pytest

from tests.chaos.processes import load

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured, pytest.mark.xdist_group("chaos")]


def test_busy_processes_end_with_the_run() -> None:
    """They end also if the run fails. The watchdog ends them with a run that is killed."""
    with pytest.raises(RuntimeError), load(2) as busy:
        assert [one.exitcode for one in busy] == [None, None]
        raise RuntimeError
    assert all(one.exitcode is not None for one in busy)
