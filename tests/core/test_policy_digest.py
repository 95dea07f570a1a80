"""Nodes with the same roles and policies show the same digest, and others another one."""

from __future__ import annotations

import subprocess
import sys

from stormdoor import PolicySet, permit, require, role
from stormdoor.core.decision import AccessRequest

_SAME = """
from stormdoor import PolicySet, permit, role
print(PolicySet([
    role("member", "chat:say", "chat:listen"),
    permit("chat:*", roles=["member", "guest", "admin"][:1], when="environment.strength >= 2"),
]).digest)
"""


def _by_function(request: AccessRequest) -> bool:
    return True


def test_digest_is_the_same_in_every_process() -> None:
    """The order of a set differs between processes; the digest does not."""
    here = PolicySet(
        [
            role("member", "chat:say", "chat:listen"),
            permit("chat:*", roles=["member"], when="environment.strength >= 2"),
        ]
    )
    said = subprocess.run(
        [sys.executable, "-c", _SAME], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == here.digest
    assert len(here.digest) == 16


def test_each_difference_shows() -> None:
    """Another grant, condition, requirement, function or order is another digest."""
    sets = [
        [],
        [role("member", "chat:say")],
        [role("member", "chat:say", "chat:listen")],
        [role("member", "chat:say", tenant="acme")],
        [role("member", "chat:say"), permit("chat:say", when="environment.strength >= 2")],
        [role("member", "chat:say"), permit("chat:say", when="environment.strength >= 3")],
        [role("member", "chat:say"), permit("chat:say", when=_by_function)],
        [role("member", "chat:say"), permit("chat:say", when=require(strength=2))],
    ]
    digests = [PolicySet(one).digest for one in sets]  # type: ignore[arg-type]
    assert len(set(digests)) == len(digests)
