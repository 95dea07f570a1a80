"""The index of connections: it finds what a revocation names, at a cost that depends on these alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import stormdoor
from stormdoor import Guard, Target
from stormdoor.core.revocation import Revocation
from stormdoor.guard.connection import Connection
from stormdoor.guard.named_connections import named_by
from tests.guard.fakes import Tokens, authentication, bearer, make_guard, opened, settle

_PACKAGE = Path(stormdoor.__file__).parent


def _opcodes(work: Callable[[], object]) -> int:
    """Return how many opcodes of Python a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _found(guard: Guard, target: Target, value: str) -> set[str]:
    return {one.id for one in named_by(Revocation(target, value, 0.0), guard.registry)}


async def test_index_follows_every_change() -> None:
    """A connection is found under its present names, and under none after its end."""
    guard = await settle(make_guard())
    connection, _ = await opened(guard, bearer("alice"))
    known = {
        Target.SESSION: "s1",
        Target.CREDENTIAL: "c1",
        Target.TOKEN: "t1",
        Target.DEVICE: "d1",
        Target.ROLE: "admin",
        Target.TENANT: "acme",
    }
    names: dict[Target, str] = {}
    for step in ("1", "2"):
        names = {target: f"{value}-{step}" for target, value in known.items()}
        principal = replace(
            connection.principal,
            roles=frozenset({names[Target.ROLE]}),
            tenant=names[Target.TENANT],
        )
        connection.identify(
            replace(
                connection.authentication,
                session_id=names[Target.SESSION],
                credential_id=names[Target.CREDENTIAL],
                token_hash=names[Target.TOKEN],
                device_id=names[Target.DEVICE],
            ),
            principal,
        )
        for target, value in names.items():
            assert _found(guard, target, value) == {connection.id}
            for other in known:
                assert other is target or _found(guard, other, value) == set()
            assert _found(guard, target, f"{known[target]}-0") == set()
    assert _found(guard, Target.MOVED, "s1-2 s9") == {connection.id}
    assert _found(guard, Target.SESSION, "s1-1") == set()
    guard.registry.end(connection)
    for target, value in names.items():
        assert _found(guard, target, value) == set()
    assert not guard.registry._index._named
    assert not guard.registry._index._roles
    await guard.close()


async def test_one_name_of_many_connections() -> None:
    """Connections that share a name are all found, and leave one after the other."""
    guard = await settle(make_guard())
    both: list[Connection] = [(await opened(guard, bearer("alice")))[0] for _ in range(3)]
    for one in both:
        one.identify(replace(one.authentication, device_id="phone"), one.principal)
    while both:
        assert _found(guard, Target.DEVICE, "phone") == {one.id for one in both}
        guard.registry.end(both.pop())
    assert _found(guard, Target.DEVICE, "phone") == set()
    await guard.close()


def test_names_of_a_connection_are_set_in_one_place() -> None:
    """INVARIANT: only `Connection.identify` sets them, so that no connection leaves the index."""
    assigned = {
        (path.name, function.name, ast.unparse(one))
        for path in sorted((_PACKAGE / "guard").rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        for one in ast.walk(target)
        if isinstance(one, ast.Attribute) and one.attr in ("authentication", "principal")
    }
    in_resolver = {one for one in assigned if one[0] == "credential_resolver.py"}
    assert {attribute for _, _, attribute in in_resolver} == {"attempt.authentication"}
    assert assigned - in_resolver == {
        ("connection.py", "identify", "self.authentication"),
        ("connection.py", "identify", "self.principal"),
    }


@pytest.mark.parametrize("target", [Target.SESSION, Target.DEVICE, Target.TENANT, Target.ROLE])
async def test_cost_depends_on_the_affected_alone(target: Target) -> None:
    """A revocation costs the same with 20 as with 500 connections that it does not name."""
    limits = {"connections_per_principal": 5_000, "connections_per_address": 5_000}
    guard = await settle(
        make_guard(
            Tokens({"alice": authentication("alice")}),
            limits={**limits, "handshakes_per_address": "100000/s"},
        )
    )
    costs = []
    for number in (20, 500):
        while len(guard.registry) < number:
            await opened(guard, bearer("alice"))
        revocation = Revocation(target, "unknown", guard.clock.now())
        costs.append(_opcodes(partial(named_by, revocation, guard.registry)))
    assert costs[0] == costs[1] > 0
    await guard.close()
