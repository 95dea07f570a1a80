"""The attacks of the labels, carried out: each succeeds on the broken twin and fails on the guarded one."""

import asyncio
import re
from pathlib import Path

import pytest

from audit_tests.auditor.twins import attacks, attacks_second, attacks_third
from audit_tests.auditor.twins.pair import SIDES, Side, read_pairs
from audit_tests.auditor.twins.program import SECRET, loaded

ATTACKS = attacks.ATTACKS | attacks_second.ATTACKS | attacks_third.ATTACKS
PAIRS = {pair.name: pair for pair in read_pairs()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ATTACKS)
async def test_the_attack_succeeds_on_the_broken_twin_only(
    name: str, side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real server on the loopback interface, and a client as the attacker."""
    pair = PAIRS[name]
    pair.write(side, tmp_path)
    for text in pair.files(side).values():
        for variable in re.findall(r'os\.environ\["(\w+)"\]', text):
            monkeypatch.setenv(variable, SECRET)
    with loaded(tmp_path) as program:
        succeeded = await ATTACKS[name](program)
        # Servers end the connections of clients that have gone.
        await asyncio.sleep(0)
    assert succeeded is (side == "broken")
