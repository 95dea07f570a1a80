"""The lab: what is seen of a threat from outside is found on the vulnerable twin; the guarded is clean."""

import asyncio
import contextlib
import importlib
import inspect
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.engine import Plan, run
from stormdoor_audit.prober.identities import read_identities
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login
from stormdoor_audit.prober.probe import Declared
from stormdoor_audit.prober.recorded import read_recording
from stormdoor_audit.prober.target import parse_target
from stormdoor_audit.prober.wire import Request, exchange
from stormdoor_audit.report.finding import Report
from tests.docs import tables

# Only Linux tells what is still under way on a connection; elsewhere the seconds pass.
pytestmark = [pytest.mark.unhurried] if sys.platform == "linux" else []

SAY = ('{"type": "say", "text": "probe"}',)


@dataclass(frozen=True, slots=True)
class Case:
    """Search for one threat of the lab.

    Args:
        threat: Directory of the twins.
        path: Of the endpoint.
        slug: What is found.
        owner: Who logs in; the first of the users where empty.
        other: The second identity.
        ticket: Whether the owner shows a ticket, and not the session.
        open: Whether the vulnerable twin has no login at all.
        plan: The rest.
    """

    threat: str
    path: str
    slug: str
    owner: str = ""
    other: str = ""
    ticket: bool = False
    open: bool = False
    plan: dict[str, Any] = field(default_factory=dict)


SEEN = [
    Case("direct_connection", "/ws/book", "no-credential"),
    Case("client_side_only_checks", "/ws/game", "no-credential"),
    Case("cross_site_websocket_hijacking", "/ws/chat", "foreign-origin"),
    Case("session_hijacking", "/ws/turbines", "session-fixation"),
    Case("weak_token_verification", "/ws/dashboard", "forged-token"),
    Case("message_flood", "/ws/chat", "message-rate", plan={"active": True, "say": SAY}),
    Case("credential_stuffing", "/ws/chat", "password-guessing", plan={"active": True}),
    Case("connection_flood", "/ws/game", "connections-per-client", plan={"active": True}),
    Case(
        "message_injection",
        "/ws/sheet",
        "unvalidated-messages",
        plan={"active": True, "say": ('{"type": "set", "line": "probe", "amount": 1}',)},
    ),
    Case(
        "secret_leakage",
        "/ws/chart",
        "error-leakage",
        open=True,
        plan={"active": True, "say": ('{"type": "chart", "station": "harbour"}',)},
    ),
    Case(
        "stale_authorization",
        "/ws/terminal",
        "after-revocation",
        owner="mallory",
        other="ada",
        plan={
            "active": True,
            "say": ('{"type": "run", "command": "uptime"}',),
            "declared": Declared(revoke='{"type": "dismiss", "who": "mallory"}'),
        },
    ),
    Case(
        "privilege_escalation",
        "/ws/heating",
        "other-identity",
        owner="sue",
        other="tom",
        plan={"say": ('{"type": "read", "boiler": "south-1"}',), "private": "21}"},
    ),
    Case(
        "logic_error_in_authorization",
        "/ws/terminal",
        "other-identity",
        owner="root",
        other="kim",
        plan={"say": ('{"type": "run", "host": "vault"}',), "private": "4711"},
    ),
    Case(
        "data_exfiltration_by_broadcast",
        "/ws/feed",
        "other-identity",
        owner="dora",
        other="carl",
        plan={
            "say": (
                '{"type": "subscribe", "channel": "desk"}',
                '{"type": "order", "client": "Probe & Sons", "what": "TIN", "amount": 1}',
            ),
            "private": "Probe & Sons",
        },
    ),
    Case(
        "token_theft_and_replay",
        "/ws/portfolio",
        "used-twice",
        ticket=True,
        plan={"declared": Declared(one_time=True)},
    ),
]

NOT_SEEN = {
    "race_in_authorization": "its window is open while the server asks a third machine for a picture",
    "silent_attack": "whether anybody notices is not seen from outside",
}


@contextlib.asynccontextmanager
async def _twin(threat: str, kind: str) -> AsyncIterator[tuple[int, Any]]:
    module = importlib.import_module(f"lab.threats.{threat}.{kind}")
    sock, port = bind_unused_port()
    made = module.make(f"http://127.0.0.1:{port}")
    application = await made if inspect.isawaitable(made) else made
    server = getattr(module, "server", HTTPServer)(application)
    server.add_sockets([sock])
    try:
        yield port, module
    finally:
        server.stop()
        if (guard := application.settings.get("stormdoor_guard")) is not None:
            await guard.close()
        await server.close_all_connections()


async def _ticket(port: int, session: Identity, path: str) -> Identity:
    """Return the identity with the ticket that the page's script would use."""
    origin = f"http://127.0.0.1:{port}"
    headers = (*session.shown(), ("Origin", origin), ("Content-Type", "application/json"))
    target = parse_target(f"{origin}/auth/ticket")
    body = json.dumps({"endpoint": path}).encode()
    answer = await exchange(target, Request(headers, method="POST", body=body), Budget(), None)
    given = json.loads(answer.body)
    if "url" in given:
        return Identity("alice", query=(("token", given["url"].partition("token=")[2]),))
    return Identity("alice", protocols=("stormdoor.v1", f"stormdoor.ticket.{given['ticket']}"))


async def _probed(case: Case, kind: str) -> Report:
    async with _twin(case.threat, kind) as (port, module):

        def login(name: str) -> Login:
            fields = (("username", name), ("password", module.USERS[name]))
            return Login(f"http://127.0.0.1:{port}/auth/login", fields, as_json=True)

        async def session(name: str) -> Identity:
            return (await login(name).log_in(Identity(name), Budget())).identity

        plan = Plan(
            urls=(f"ws://127.0.0.1:{port}{case.path}",),
            other=await session(case.other) if case.other else None,
            **{"listen": 0.6, "per_second": 200.0, "connections": 400, **case.plan},
        )
        name = case.owner or next(iter(module.USERS))
        if case.ticket:
            owner, another = [await _ticket(port, await session(name), case.path) for _ in "ab"]
            fresh = [value for _, value in another.query] or another.protocols[-1:]
            declared = replace(plan.declared, unused=tuple(fresh))
            plan = replace(plan, owner=owner, declared=declared)
        elif not case.open or kind == "guarded":
            plan = replace(plan, login=login(name))
        return await run(plan)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cases", [SEEN[:3], pytest.param(SEEN[3:], marks=pytest.mark.extended)], ids=["some", "others"]
)
async def test_twins(cases: list[Case]) -> None:
    """Each vulnerable twin is found, under its threat; nothing at all is found on a guarded one."""
    turn = asyncio.Semaphore(6)  # most of it is listening

    async def look(case: Case, kind: str) -> Report:
        async with turn:
            return await _probed(case, kind)

    pairs = [(case, kind) for case in cases for kind in ("vulnerable", "guarded")]
    reports = await asyncio.gather(*(look(*pair) for pair in pairs))
    for (case, kind), report in zip(pairs, reports, strict=True):
        found = {one.slug: one.message for one in report.findings}
        if kind == "guarded":
            assert (case.threat, found) == (case.threat, {})
            at_once = [one.outcome for one in report.tried if one.rule_id == "SP110"]
            assert at_once == ["closed" if case.ticket else "not-tried"]
        else:
            assert case.slug in found, case.threat


TALK = """\
>? {"type":"read","boiler":"south-1"}
>  {"type":"drain","boiler":"south-1"}
"""

HOUSES = """\
[identity.sue]
login = {{ url = "{base}/auth/login", json = true, field = {{ username = "sue", password = "env:SUE" }} }}
ids = {{ boiler = "south-1" }}

[identity.tom]
login = {{ url = "{base}/auth/login", json = true, field = {{ username = "tom", password = "env:TOM" }} }}
ids = {{ boiler = "north-1" }}

[action.drain]
allow = ["sue"]
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["vulnerable", "guarded"])
async def test_matrix_of_the_heating(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant reads the boiler of the other house and drains the own; the guard refuses both."""
    talk, who = tmp_path / "talk.txt", tmp_path / "identities.toml"
    async with _twin("privilege_escalation", kind) as (port, module):
        for name, password in module.USERS.items():
            monkeypatch.setenv(name.upper(), password)
        base = f"http://127.0.0.1:{port}"
        talk.write_text(TALK)
        who.write_text(HOUSES.format(base=base))
        known = read_identities(who)
        report = await run(
            Plan(
                urls=(f"ws://127.0.0.1:{port}/ws/heating",),
                owner=known.owner.identity,
                login=known.owner.login,
                own=known.owner,
                members=known.others,
                policy=known.policy,
                recordings=tuple(read_recording(talk)),
                active=True,
                listen=0.25,
                per_second=200.0,
            )
        )
    matrix = report.endpoints[0].matrix
    assert matrix is not None
    toms = {row.title: row.cells[1].state for row in matrix.rows}
    found = {one.slug for one in report.findings}
    if kind == "vulnerable":
        assert found >= {"forbidden-action", "object-of-another"}
        assert toms["read (of sue)"] == toms["drain (of tom)"] == "allowed"
    else:
        assert found == set()
        assert toms == {
            "read (of sue)": "refused",
            "drain (of sue)": "refused",
            "read (of tom)": "allowed",
            "drain (of tom)": "refused",
        }


def test_no_twin_is_forgotten() -> None:
    """Each threat of the catalogue is looked for, or says why it is not."""
    threats = {one["slug"].replace("-", "_"): one for one in tables.threats()}
    assert {one.threat for one in SEEN} | set(NOT_SEEN) == set(threats)
    assert {one.threat for one in SEEN} & set(NOT_SEEN) == set()
    assert isinstance(threats["silent_attack"]["prober"], str)
