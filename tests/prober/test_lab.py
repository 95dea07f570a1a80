"""The lab: what a probe can see of a threat is found on the vulnerable twin, and the guarded one is clean."""

import contextlib
import importlib
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from stormdoor.prober.engine import Plan, run
from stormdoor.prober.identities import read_identities
from stormdoor.prober.login import Login
from stormdoor.prober.recorded import read_recording
from stormdoor.report.finding import Report

SAY = ('{"type": "say", "text": "probe"}',)

SEEN: list[tuple[str, str, str, dict[str, Any]]] = [
    ("direct_connection", "/ws/book", "no-credential", {}),
    ("client_side_only_checks", "/ws/game", "no-credential", {}),
    ("cross_site_websocket_hijacking", "/ws/chat", "foreign-origin", {}),
    ("session_hijacking", "/ws/turbines", "session-fixation", {}),
    ("weak_token_verification", "/ws/dashboard", "forged-token", {}),
    ("message_flood", "/ws/chat", "message-rate", {"active": True, "say": SAY}),
    ("credential_stuffing", "/ws/chat", "password-guessing", {"active": True}),
]


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


async def _probed(threat: str, kind: str, path: str, more: dict[str, Any]) -> Report:
    async with _twin(threat, kind) as (port, module):
        name, password = next(iter(module.USERS.items()))
        fields = (("username", name), ("password", password))
        login = Login(f"http://127.0.0.1:{port}/auth/login", fields, as_json=True)
        url = f"ws://127.0.0.1:{port}{path}"
        return await run(Plan(urls=(url,), login=login, listen=0.25, per_second=200.0, **more))


@pytest.mark.parametrize(("threat", "path", "slug", "more"), SEEN, ids=[one[0] for one in SEEN])
async def test_twins(threat: str, path: str, slug: str, more: dict[str, Any]) -> None:
    """The vulnerable twin is found; nothing at all is found on the guarded one."""
    vulnerable = await _probed(threat, "vulnerable", path, more)
    assert slug in {one.slug for one in vulnerable.findings}
    guarded = await _probed(threat, "guarded", path, more)
    assert {one.slug: one.message for one in guarded.findings} == {}


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
