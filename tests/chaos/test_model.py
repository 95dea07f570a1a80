"""The model keeps its guarantee, and each rule of the design is needed for it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.chaos.model import Rules, start
from tests.chaos.search import follow, search, walk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chaos-model")]

DESIGN = Rules()
WEAKER = Rules(synchronous=False, claims_failover=False)
"""An asynchronous standby, with the guarantee that such an installation has."""

LATE = "a node sends later than a lease after the acknowledgement"
AFTER_WAIT = 'a node sends after wait="cluster" has returned'
FORGOTTEN = "a node forgot a revocation"

FAILOVER = ("B is promoted", "A writes 0", "the wait of a commit on A is cancelled")
"""The old primary goes on alone, and shows an entry that no standby has."""

MUTATIONS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    # rule that is switched off: broken guarantee, revocations, first steps of the search
    "lease": (LATE, 1, ()),
    "epoch": (AFTER_WAIT, 2, FAILOVER),
    "follow_epoch": (AFTER_WAIT, 2, (*FAILOVER, "node 0 restarts with B")),
    "lookup_epoch": (AFTER_WAIT, 1, ()),
    "compare_and_set": (AFTER_WAIT, 1, ()),
    "apply_first": (LATE, 1, ()),
    "from_asked": (LATE, 1, ()),
    "warning_fails": (LATE, 1, ()),
    "counts_suspension": (LATE, 1, ()),
    "outbox": (LATE, 1, ()),
    "keeps_known": (FORGOTTEN, 1, ()),
    "waits_after_failover": (AFTER_WAIT, 1, ()),
    "synchronous": (LATE, 1, ()),
}


def test_every_state_of_one_node_keeps_the_guarantee() -> None:
    """It holds in every order of one revocation, one failover, heartbeats, reads and restarts."""
    found = search(start(nodes=1, revocations=1), DESIGN, most=120_000)
    assert found.broken is None, found.trace
    assert found.states > 50_000


@pytest.mark.extended
@pytest.mark.parametrize("rules", [DESIGN, WEAKER], ids=["synchronous", "asynchronous"])
def test_random_walks_of_two_nodes_keep_the_guarantee(rules: Rules) -> None:
    """Two nodes write missing revocations into one log, and wait for each other's positions."""
    found = walk(start(nodes=2, revocations=2), rules, seed=18, walks=700, length=60)
    assert found.broken is None, found.trace


@pytest.mark.parametrize("rule", MUTATIONS)
def test_without_a_rule_the_search_finds_a_broken_guarantee(rule: str) -> None:
    """Each rule of the design is needed, and the search reaches the case that needs it."""
    broken, revocations, first = MUTATIONS[rule]
    rules = replace(DESIGN, **{rule: False})
    found = search(follow(start(1, revocations), rules, *first), rules, most=120_000)
    assert found.broken == broken


def test_each_rule_has_its_mutation() -> None:
    """`claims_failover` names the guarantee that is checked; it is no part of the design."""
    assert {field.name for field in fields(Rules)} - {"claims_failover"} == set(MUTATIONS)


def test_random_walks_find_a_missing_epoch() -> None:
    """The walks that find nothing in the design find a known defect."""
    found = walk(
        start(nodes=2, revocations=2), replace(DESIGN, epoch=False), seed=18, walks=700, length=60
    )
    assert found.broken is not None
