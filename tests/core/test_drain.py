"""The pace of a drain: others can take the clients, and the time limit holds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.core.drain import HANDSHAKES_PER_SECOND, DrainPlan, plan_drain

PACE = HANDSHAKES_PER_SECOND

PLANS = {
    "one of three": ((1000, 2, 1, 60.0), DrainPlan(2 * PACE, 5)),
    "two of three, which share the third": ((1000, 1, 2, 60.0), DrainPlan(PACE / 2, 5)),
    "more than the time limit allows": ((60_000, 1, 1, 60.0), DrainPlan(1000.0, 60)),
    "no time": ((10_000, 1, 1, 0.0), DrainPlan(math.inf, 20)),
    "no other process": ((10_000, 0, 2, 60.0), DrainPlan(math.inf, 20)),
    "no other process, and hardly a client": ((3, 0, 1, 60.0), DrainPlan(math.inf, 5)),
    "no other process, and very many clients": ((10**7, 0, 1, 60.0), DrainPlan(math.inf, 300)),
    "no client": ((0, 1, 1, 60.0), DrainPlan(float(PACE), 5)),
}


@pytest.mark.parametrize("case", PLANS)
def test_plan(case: str) -> None:
    """The rate is a fifth of what the others can take, unless the time limit is shorter."""
    (connections, others, together, seconds), plan = PLANS[case]
    assert plan_drain(connections, others=others, together=together, seconds=seconds) == plan


@given(st.integers(0, 100_000), st.integers(1, 50), st.integers(1, 50), st.floats(0.001, 600.0))
def test_the_time_limit_and_the_others(
    connections: int, others: int, together: int, seconds: float
) -> None:
    """All connections close in time; with their hints, the others get no more than their share."""
    plan = plan_drain(connections, others=others, together=together, seconds=seconds)
    assert connections / plan.rate <= seconds * 1.0001 or plan.rate >= PACE * others / together
    returning = connections / plan.rate + plan.spread
    assert plan.spread == 300 or connections / returning <= PACE * others / together
