"""secret-leakage: tokens in logs, keys in files, verbose errors."""

from __future__ import annotations

import json
import logging
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from tornado.web import RequestHandler

from tests.attacks.twin import Chat, LogIn, log_in, site
from tests.attacks.twin import visitor as comes_to
from tests.demo.running import PEOPLE, Running, running
from tests.demo.visitor import Visitor, answer
from tests.support.references import without_reference
from tests.tornado.wire import log_lines


def found(secrets: set[str], text: str) -> list[str]:
    """Return the secrets that the text contains, whole or as their last half."""
    return sorted(one for one in secrets if one[len(one) // 2 :] in text)


class LogsWhatItGets(LogIn):
    """Careless login that logs the body of the request."""

    def post(self) -> None:
        logging.getLogger("site").info("login: %s", self.request.body.decode())
        super().post()


async def test_no_secret_in_output_trail_or_database(tmp_path: Path) -> None:
    """After uses and misuses of every kind of credential, no output, trail entry or row contains a secret."""
    with log_lines("site") as log:
        async with site(Chat, log_in=LogsWhatItGets) as (at, _):
            alice = await log_in(at, "alice")
            assert found(alice.secrets, "\n".join(log))
    with running(tmp_path / "data") as demo:
        secrets = {demo.sensor_key, *demo.secrets.values(), *map(demo.password, PEOPLE)}
        bodies = []
        for name in PEOPLE:
            visitor = await demo.visit(name)
            bodies.append(await everything(demo, visitor, demo.password(name)))
            secrets |= visitor.secrets
        async with await demo.visitor().with_key(demo.sensor_key) as wire:
            await answer(wire, {"type": "nonsense"})
        async with await demo.visitor().with_key(demo.sensor_key, "/ws/chat") as wire:
            assert wire.status == 403
        stolen = demo.visitor()
        for secret in sorted(secrets):
            # In every wrong place.
            await stolen.get(f"/ws/chat?token={secret}")
            await stolen.refused(f"/ws/{secret}", origin=None)
            await stolen.refused("/ws/chat", ("X-API-Key", secret), origin="https://evil.example")
            thief = demo.visitor().twin(**{"__Host-stormdoor": secret})
            await thief.refused(origin="https://evil.example")
            bodies.append((await stolen.get(f"/auth/session?x={secret}")).body)
        metrics = await (await demo.visit("ada")).get("/metrics")
        assert demo.stop() == 0
        everywhere = {
            "the output": demo.output,
            "the trail": json.dumps(demo.entries()),
            "the answers": b"\n".join([*bodies, metrics.body]).decode(errors="replace"),
            "the database": "".join(
                path.read_bytes().decode("latin-1") for path in demo.data.glob("demo.db*")
            ),
        }
        assert {where: found(secrets, text) for where, text in everywhere.items()} == {
            where: [] for where in everywhere
        }


async def everything(demo: Running, visitor: Visitor, password: str) -> bytes:
    """Send one principal's secrets in every request, right and wrong, and return all bodies."""
    token, ticket = await visitor.token(), await visitor.ticket()
    bodies = []
    for path in ("/ws/chat", "/ws/dashboard"):
        for wire in (
            await visitor.handshake(path),
            await visitor.handshake(path, origin="https://evil.example"),
            await visitor.with_ticket(ticket, path),
            await visitor.with_ticket(ticket, path),
            await demo.visitor().with_key(token, path),
            await demo.visitor().with_key(token[:-3], path),
            await demo.visitor().with_key(token, path, origin="https://evil.example"),
            await visitor.with_key(token + "x", path),
        ):
            async with wire:
                bodies.append(wire.body)
                if wire.status == 101:
                    bodies.append(
                        json.dumps(await answer(wire, {"type": "x", "token": token})).encode()
                    )
    wrong = demo.visitor()
    bad = [
        ("/auth/login", {"username": "alice", "password": password + "x"}),
        ("/auth/login", {"username": "alice", "password": password, "more": token}),
        ("/auth/login", {"password": [password]}),
        ("/auth/password", {"current": password, "new": password}),
    ]
    bodies += [(await wrong.post(path, body)).body for path, body in bad]
    pages = ("/auth/session", "/auth/sessions", "/demo/trail", "/demo/info")
    bodies += [(await visitor.get(path)).body for path in pages]
    return b"\n".join(bodies)


class Breaks(RequestHandler):
    """Careless `/search` with errors that contain the traceback, as with `debug=True`."""

    def get(self) -> None:
        password = "the password of the database"
        raise ValueError(self.get_query_argument("q"), password)


async def provokes(visitor: Visitor) -> str:
    """Send malformed requests, and return the bodies of the answers."""
    answers: list[Any] = [
        await visitor.get("/search?q=x"),
        await visitor.get("/auth/login"),
        await visitor.post("/auth/login", b"\xff\xfe"),
        await visitor.post("/auth/login", b'{"username":', ("Content-Type", "application/json")),
        await visitor.post("/auth/ticket", b"[]"),
        await visitor.get("/demo/trail?since=%ff"),
        await visitor.get("/?error=%ff"),
        await visitor.get("/static/%ff"),
        await visitor.request("DELETE", "/auth/sessions/x", origin=visitor.origin),
        await visitor.request("TRACE", "/"),
        await visitor.request("BREW", "/chat"),
    ]
    for headers in (
        [("Sec-WebSocket-Version", "99")],
        [("Sec-WebSocket-Key", "")],
        [("Sec-WebSocket-Extensions", "permessage-deflate; x=y")],
        [("Cookie", "__Host-stormdoor=\x7f; \xff")],
        [("Authorization", "Bearer \xff\xfe")],
        [("Origin", "\xff")],
    ):
        async with await visitor.handshake("/ws/chat", *headers) as wire:
            answers.append(wire)
    return "\n".join(one.body.decode(errors="replace") + str(one.headers) for one in answers)


@pytest.mark.extended
async def test_an_error_that_says_too_much(demo: Running) -> None:
    """An error answer has a generic line, and no traceback, path, module or table."""
    told = re.compile(r"Traceback|File \"|\.py\b|site-packages|sqlite|SELECT |password of the")
    with log_lines("tornado.application"):
        async with site(Chat, ("/search", Breaks), serve_traceback=True) as (at, _):
            assert told.search(await provokes(comes_to(at)))
    assert not told.search(await provokes(demo.visitor()))
    assert not told.search(await provokes(await demo.visit("alice")))
    assert "Traceback" not in demo.output


@pytest.mark.extended
async def test_a_file_that_others_can_read(demo: Running, tmp_path: Path) -> None:
    """Each file with secrets or personal data is readable by its owner only, from its creation on."""

    def readable(folder: Path) -> list[str]:
        return [one.name for one in folder.iterdir() if stat.S_IMODE(one.stat().st_mode) & 0o077]

    careless = tmp_path / "config.json"
    careless.write_text('{"secret": "x"}')
    careless.chmod(0o644)  # what a usual umask makes of it
    assert readable(tmp_path) == ["config.json"]
    assert readable(demo.data) == []


@pytest.mark.extended
async def test_who_asks_is_not_told_what_only_the_operator_needs(demo: Running) -> None:
    """Only the log names the policy or limit that refused, and the line that would permit."""
    alice = await demo.visit("alice")
    async with await alice.handshake("/ws/dashboard") as wire:
        assert without_reference(wire.body) == b"forbidden\n"
    async with await alice.handshake(origin="https://evil.example") as wire:
        assert without_reference(wire.body) == b"forbidden\n"
    async with await alice.open() as wire:
        kick = {"type": "kick", "room": "lobby", "principal": "bob"}
        reply = await answer(wire, kick)
        assert set(reply) == {"type", "error", "id"}
    assert "nothing grants dashboard:connect to alice" in demo.output
    entry = await demo.recorded("authz_fail", address=alice.address, endpoint="/ws/dashboard")
    assert entry["detail"] == "nothing grants dashboard:connect to alice"
