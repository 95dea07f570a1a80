"""The recording: one run of the application, its store, its answers, and credentials that remain valid."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pyotp

from stormdoor import Guard, Target
from tests.compatibility.application import ISSUER, make_application, make_guard
from tests.compatibility.client import Client, Transcript, without_random_parts
from tests.support.clock import FakeClock
from tests.tornado.wire import log_lines, serving

__all__ = ["CREDENTIALS", "STORE", "TRANSCRIPT", "dump", "load", "record", "rows"]

STORE, TRANSCRIPT, CREDENTIALS = "store.sql", "transcript.json", "credentials.json"

_PASSWORD = "correct horse battery staple"
_BEARER = "Bearer "
_CONNECTION = re.compile(r'"connection":"[0-9a-f]+"')
_ORDERED = ("trail", "revocation")
_RANDOM_COLUMNS = {
    "api_key": ("id", "successor"),
    "factor": ("id",),
    "revocation_log": ("inode",),
    "trail_state": ("budget_spent_until",),
}
_LOGS = ("stormdoor", "tornado.application", "tornado.general", "tornado.access")


def dump(path: Path) -> str:
    """Return a SQLite file as SQL."""
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump()) + "\n"
    finally:
        connection.close()


def rows(path: Path) -> dict[str, list[str]]:
    """Return the rows of each table as text, without their random parts."""
    connection = sqlite3.connect(path)
    try:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {name: _rows_of(connection, name) for name in sorted(names)}
    finally:
        connection.close()
    return found


def _rows_of(connection: sqlite3.Connection, table: str) -> list[str]:
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a name of the schema
    columns = [column[0] for column in cursor.description]
    texts = []
    for row in cursor:
        values = dict(zip(columns, row, strict=True))
        for column in _RANDOM_COLUMNS.get(table, ()):
            values[column] = None if values[column] is None else "…"
        if values.get("target") == "credential":
            values["value"] = "…"
        for column, value in values.items():
            if isinstance(value, bytes):
                values[column] = _CONNECTION.sub('"connection":"…"', value.decode())
        texts.append(without_random_parts(json.dumps(values, ensure_ascii=False)))
    return texts if table in _ORDERED else sorted(texts)


def load(text: str, path: Path) -> None:
    """Make a SQLite file of the SQL of `dump`."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    try:
        connection.executescript(text)
        # A copied log of revocations would begin another epoch.
        connection.execute("UPDATE revocation_log SET inode = ?", (path.stat().st_ino,))
        connection.commit()
    finally:
        connection.close()


async def record(directory: Path, scratch: Path) -> None:
    """Run the application once and write the three files of the recording.

    Args:
        directory: The place of the files.
        scratch: An empty directory for the store.
    """
    clock, transcript, store = FakeClock(), Transcript(), scratch / "store.db"
    guard = make_guard(store, clock)
    with log_lines(*_LOGS):
        async with serving(make_application(guard), guard) as at:
            run = _Run(at.port, guard, clock, transcript)
            await run.accounts()
            await run.refused_handshakes()
            await run.logins()
            await run.messages()
            await run.first_message()
            await run.second_factor()
            await run.revocations()
            credentials = await run.remaining()
            await transcript.hang_up()
    steps = {
        name: [without_random_parts(one) for one in lines]
        for name, lines in transcript.steps.items()
    }
    _write(directory / TRANSCRIPT, steps)
    _write(directory / CREDENTIALS, credentials)
    (directory / STORE).write_text(dump(store), encoding="utf-8")


def _write(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


class _Run:
    def __init__(self, port: int, guard: Guard, clock: FakeClock, transcript: Transcript) -> None:
        self.port, self.guard, self.clock, self.transcript = port, guard, clock, transcript
        self.address = 0
        self.ended: dict[str, dict[str, str]] = {}

    def client(self) -> Client:
        """A client at an address of its own."""
        self.address += 1
        return Client(self.port, self.transcript, f"192.0.2.{self.address}")

    async def log_in(self, name: str, who: str) -> Client:
        """A client with a session."""
        client = self.client()
        body = {"username": who, "password": _PASSWORD}
        answer = await client.http(name, "POST", "/auth/login", body)
        assert answer.status == 200, answer
        return client

    async def _pass(self, seconds: float) -> None:
        """Advance the clock, and renew the lease of the guard, as a running heartbeat does."""
        self.clock.advance(seconds)
        await self.guard.heartbeat.beat()

    async def accounts(self) -> None:
        """Accounts of each kind, and keys."""
        admin = self.guard.admin
        await admin.add_principal(
            "alice",
            password=_PASSWORD,
            roles=["member"],
            tenant="north",
            attributes={"level": 3},
            actor="operator",
        )
        for who in ("bob", "carol", "dora"):
            await admin.add_principal(who, password=_PASSWORD, roles=["member"])
        await admin.add_principal("victor", password=_PASSWORD, roles=["visitor"])
        await admin.add_principal("sten", roles=["stranded"])
        await admin.add_principal("tess", roles=["member"], tenant="south")
        await admin.add_principal("gone", password=_PASSWORD)
        await admin.grant_role("alice", "moderator", actor="operator")
        await admin.withdraw_role("alice", "moderator", actor="operator")
        await admin.set_attributes("alice", {"level": 4}, actor="operator")
        await self.guard.state.identities.link_identity(
            "https://id.example", "subject 1", "alice", self.clock.now()
        )
        await admin.set_disabled("dora", True, actor="operator")
        await admin.remove_principal("gone", actor="operator")
        await self._pass(10)

    async def refused_handshakes(self) -> None:
        """One handshake for each refusal that a client can cause."""
        key = await self.guard.admin.issue_key("sten", name="stranded", scopes=["*"])
        token = _BEARER + ISSUER.issue("alice", now=self.clock.now()).token
        statuses = [
            await self.client().refused("no credential"),
            await self.client().refused("bad token", Authorization=_BEARER + "a.b.c"),
            await self.client().refused("bad key", X_API_Key="sd_0"),
            await self.client().refused("two credentials", X_API_Key="x", Authorization="Bearer y"),
            await self.client().refused("foreign origin", Origin="https://evil.example"),
            await self.client().refused(
                "no origin, cookie", Origin=None, Cookie="__Host-stormdoor=x"
            ),
            await self.client().refused("foreign host", Host="evil.example"),
            await self.client().refused("plaintext", X_Forwarded_Proto="http"),
            await self.client().refused("forbidden", X_API_Key=key.secret),
            await self.client().refused("version", Authorization=token, Sec_WebSocket_Version="7"),
            await self.client().refused("no upgrade", Authorization=token, Upgrade=None),
            await self.client().refused("echo, no credential", "/ws/echo"),
            await self.client().refused("no such path", "/ws/none"),
        ]
        assert sorted(set(statuses)) == [400, 401, 403, 404, 426], statuses
        guesser, flood = self.client(), self.client()
        for number in range(12):
            await guesser.refused(f"guess {number}", X_API_Key="sd_0")
        assert await guesser.refused("one guess too many", X_API_Key="sd_0") == 429
        for number in range(60):
            await flood.refused(f"flood {number}", Origin="https://evil.example")
        last = await flood.refused("one of a flood too many", Origin="https://evil.example")
        assert last == 429
        await self._pass(10)

    async def logins(self) -> None:
        """The routes of the login."""
        wrong = self.client()
        await wrong.http("wrong password", "POST", "/auth/login", _pair("alice", "wrong"))
        await wrong.http("unknown name", "POST", "/auth/login", _pair("my password", "wrong"))
        await wrong.http("disabled", "POST", "/auth/login", _pair("dora", _PASSWORD))
        await wrong.http("not JSON", "POST", "/auth/login", "{", Content_Type="application/json")
        await wrong.http("unknown field", "POST", "/auth/login", {"username": "a", "extra": 1})
        await wrong.http("form, refused", "POST", "/auth/login", "username=alice&password=wrong")
        await wrong.http(
            "foreign page",
            "POST",
            "/auth/login",
            _pair("alice", _PASSWORD),
            Origin="https://evil.example",
        )
        await wrong.http("no session", "GET", "/auth/session")
        await wrong.http("no session, list", "GET", "/auth/sessions")
        form = self.client()
        typed = f"username=alice&password={_PASSWORD.replace(' ', '+')}"
        await form.http("form, accepted", "POST", "/auth/login", typed)
        await self._pass(1)
        alice = await self.log_in("login", "alice")
        await alice.http("session", "GET", "/auth/session")
        await alice.http("sessions", "GET", "/auth/sessions")
        await alice.http("ticket", "POST", "/auth/ticket", {})
        await alice.http("token", "POST", "/auth/token", {})
        await alice.http("factors", "GET", "/auth/factors")
        await alice.http("end others", "POST", "/auth/sessions/end-others", {})
        await alice.http("unknown session", "DELETE", f"/auth/sessions/{'0' * 64}")
        await alice.http(
            "weak password", "POST", "/auth/password", {"current": _PASSWORD, "new": "a"}
        )
        socket = await alice.open("logged out while open")
        await alice.http("logout", "POST", "/auth/logout", {})
        await socket.receive()
        await alice.http("session after the logout", "GET", "/auth/session")
        await self._pass(10)

    async def messages(self) -> None:
        """Messages of the browser client's protocol, and close frames."""
        alice = await self.log_in("login for messages", "alice")
        socket = await alice.open("messages")
        say = '{"type": "say", "id": 1, "room": "lobby", "text": "hello"}'
        for message in (
            say,
            say.replace("lobby", "closed"),
            say.replace('"id": 1, ', ""),
            '{"type": "kick", "id": "k", "principal": "bob"}',
            '{"type": "pay", "id": 3, "amount": 1}',
        ):
            await socket.ask(message)
        await self._pass(30)
        await socket.ask('{"type": "stormdoor.prove", "totp": "123456", "id": 5}')
        await socket.ask('{"type": "stormdoor.refresh", "token": "nothing", "id": 6}')
        ticket = await alice.http("ticket to refresh", "POST", "/auth/ticket", {})
        command = {"type": "stormdoor.refresh", "token": ticket.json["ticket"], "id": 7}
        socket.wire.send(command)
        await socket.receive()
        await socket.leave()
        await self._pass(60)
        broken = await alice.open("defect of the handler")
        await broken.ask('{"type": "fail", "id": 4}')
        refused = await alice.open("offences")
        for message in (
            "{",
            "[]",
            '{"type": "unknown", "id": 1}',
            '{"type": "say", "id": 2}',
        ):
            await refused.ask(message)
        await refused.ask(b"bytes")
        await refused.ask("x" * 600)
        await refused.ask("{")
        await self._pass(60)
        fast = await alice.open("too fast")
        for _ in range(8):
            await fast.ask(say)
        await fast.leave()
        await self._pass(60)
        echo = await alice.open("echo", "/ws/echo")
        await echo.ask("text")
        await echo.ask(b"\x00\xff")
        await echo.leave()
        large = await alice.open("echo, too large", "/ws/echo")
        await large.ask("x" * 600)
        await self._pass(10)
        token = ISSUER.issue("alice", now=self.clock.now()).token
        end = await self.client().open("expires", Authorization=_BEARER + token)
        for seconds in (280, 30):
            await self._pass(seconds)
            await self.guard.tick()
            await end.receive()
        offered = (
            f"stormdoor.v1, stormdoor.bearer.{ISSUER.issue('alice', now=self.clock.now()).token}"
        )
        offer = await self.client().open("subprotocol", Sec_WebSocket_Protocol=offered)
        await offer.leave()

    async def first_message(self) -> None:
        """Authentication by the first message."""
        key = await self.guard.admin.issue_key("bob", name="first", scopes=["chat:*"])
        wrong = await self.client().open("first message, wrong", "/ws/later")
        await wrong.ask('{"type": "stormdoor.authenticate", "token": "wrong"}')
        late = await self.client().open("first message, too late", "/ws/later")
        await self._pass(6)
        await self.guard.tick()
        await late.receive()
        right = await self.client().open("first message", "/ws/later")
        right.wire.send({"type": "stormdoor.authenticate", "token": key.secret})
        await right.receive()
        await right.ask('{"type": "say", "room": "lobby", "text": "first"}')
        await right.leave()

    async def second_factor(self) -> None:
        """TOTP and recovery codes of bob."""
        bob = await self.log_in("bob", "bob")
        begun = await bob.http("enrol", "POST", "/auth/factors/totp", {})
        self.totp = pyotp.TOTP(begun.json["secret"])
        confirm = {"id": begun.json["id"], "code": self.code(), "name": "telephone"}
        done = await bob.http("confirm", "POST", "/auth/factors/totp/confirm", confirm)
        self.recovery = done.json["recovery_codes"]
        await bob.http("factors of bob", "GET", "/auth/factors")
        await self._pass(60)
        again = self.client()
        await again.http("waits for a factor", "POST", "/auth/login", _pair("bob", _PASSWORD))
        await again.http("wrong code", "POST", "/auth/second-factor", {"totp": "000000"})
        await again.http("code", "POST", "/auth/second-factor", {"totp": self.code()})
        socket = await again.open("strong")
        await socket.ask('{"type": "pay", "amount": 5}')
        await socket.leave()

    def code(self) -> str:
        """The present code of bob's TOTP."""
        return self.totp.at(int(self.clock.now()))

    async def revocations(self) -> None:
        """Revocations of each target, each with a credential that it ends."""
        await self._pass(60)
        admin = self.guard.admin
        carol = await self.log_in("carol", "carol")
        key = await admin.issue_key(
            "carol", name="of carol", scopes=["*"], networks=["192.0.2.0/24"]
        )
        south = await admin.issue_key("tess", name="of the south", scopes=["*"], seconds=86_400)
        single = await admin.issue_key("alice", name="single", scopes=["*"])
        token = ISSUER.issue("alice", now=self.clock.now())
        self.ended = {
            "session of a revoked principal": {"Cookie": _cookie(carol)},
            "key of a revoked principal": {"X-API-Key": key.secret},
            "key of a revoked tenant": {"X-API-Key": south.secret},
            "revoked key": {"X-API-Key": single.secret},
            "revoked token": {"Authorization": _BEARER + token.token},
        }
        socket = await carol.open("revoked while open")
        await admin.revoke(Target.PRINCIPAL, "carol", actor="operator", reason="stolen laptop")
        await socket.receive()
        await admin.revoke(Target.TENANT, "south", reason="contract ended")
        await admin.revoke(Target.CREDENTIAL, token.id)
        await admin.revoke_key(single.key.id, actor="operator")
        await admin.revoke(Target.DEVICE, "device 7")
        await admin.revoke(Target.ROLE, "stranded")
        await admin.revoke(Target.EVERYTHING, before=self.clock.now() - 86_400.0)
        session = await self.log_in("session to end", "alice")
        listed = await session.http("sessions to end", "GET", "/auth/sessions")
        [current] = [one["id"] for one in listed.json["sessions"] if one["current"]]
        await admin.end_session(current, actor="operator")
        self.ended["revoked session"] = {"Cookie": _cookie(session)}
        for name, headers in self.ended.items():
            given = {key.replace("-", "_"): one for key, one in headers.items()}
            assert await self.client().refused(name, **given) == 401
        await self._pass(10)

    async def remaining(self) -> dict[str, Any]:
        """Credentials that are valid at the end."""
        admin = self.guard.admin
        await self.guard.state.nonces.use_nonce("jti", "used", self.clock.now() + 600)
        await self.guard.trail.flush()
        await admin.erase("victor", actor="operator")
        rotated = await admin.issue_key("bob", name="rotated", scopes=["chat:connect", "chat:say"])
        key = await admin.rotate_key(rotated.key.id)
        alice = await self.log_in("remains logged in", "alice")
        ticket = await alice.http("ticket that remains", "POST", "/auth/ticket", {})
        waiting = [self.client(), self.client()]
        for number, one in enumerate(waiting):
            await one.http(
                f"remains waiting {number}", "POST", "/auth/login", _pair("bob", _PASSWORD)
            )
        enrolling = await alice.http("enrolment that remains", "POST", "/auth/factors/totp", {})
        await self._pass(5)
        return {
            "now": self.clock.now(),
            "session": alice.cookies,
            "ticket": ticket.json["ticket"],
            "keys": [key.secret, rotated.secret],
            "token": ISSUER.issue("alice", now=self.clock.now()).token,
            "pending": [one.cookies for one in waiting],
            "totp": self.totp.secret,
            "recovery_code": self.recovery[0],
            "enrolment": {"id": enrolling.json["id"], "secret": enrolling.json["secret"]},
            "ended": self.ended,
        }


def _pair(username: str, password: str) -> dict[str, str]:
    return {"username": username, "password": password}


def _cookie(client: Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())
