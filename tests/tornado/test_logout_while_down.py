"""A logout while the store does not answer: the sockets close now, the session goes when it answers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stormdoor import (
    ApiKeyAuthenticator,
    Guard,
    GuardedHandler,
    PolicySet,
    SessionAuthenticator,
    StoreUnavailable,
    Target,
    login_routes,
    role,
)
from stormdoor.core.session import Session
from stormdoor.stores import SqliteStore
from tests.guard.fakes import store_of
from tests.stores.processes import lock_held
from tests.tornado.login_client import Answer, LoginClient
from tests.tornado.wire import CLOSE, Wire, connect, request, serving

pytestmark = pytest.mark.sampled(8)

ORIGIN = "http://127.0.0.1:1"


class Chat(GuardedHandler):
    """Says back what it is told."""

    permission = "chat:connect"

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


@dataclass
class Site:
    """A server on a SQLite file, and one browser that is logged in."""

    guard: Guard
    port: int
    path: Path
    browser: LoginClient
    session: Session

    @property
    def cookie(self) -> tuple[str, str]:
        """The session cookie, as it was before the logout."""
        name = self.guard.sessions.cookie.name
        return ("Cookie", f"{name}={self.secret}")

    secret: str = ""

    async def socket(self) -> Wire:
        """A socket of the session."""
        return await connect(self.port, "/ws", self.cookie, ("Origin", ORIGIN))

    async def refused(self) -> int:
        """The status with which another handshake of the session is refused."""
        wire = await request(self.port, "/ws", self.cookie, ("Origin", ORIGIN))
        await wire.hang_up()
        return wire.status


@contextlib.asynccontextmanager
async def _site(path: Path) -> AsyncIterator[Site]:
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator(), ApiKeyAuthenticator()],
        policies=PolicySet([role("member", "chat:connect")]),
        store=SqliteStore(path, busy_seconds=0.05),
    )
    routes: list[Any] = [("/ws", Chat), *login_routes(guard, endpoint="/ws")]
    async with serving(routes, guard) as served:
        await guard.admin.add_principal("alice", roles=["member"])
        issued = await guard.sessions.create("alice")
        browser = LoginClient(served.port)
        browser.cookies[guard.sessions.cookie.name] = issued.secret
        yield Site(guard, served.port, path, browser, issued.session, issued.secret)


@contextlib.contextmanager
def _removed(path: Path) -> Iterator[None]:
    """The file is not there for a while: nothing can be read or written."""
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


DOWN = pytest.mark.parametrize("down", [_removed, lock_held], ids=["removed", "locked"])
TICKED = pytest.mark.parametrize("ticked", [False, True], ids=["at once", "known to be down"])


async def _closed(wire: Wire) -> int | None:
    while (frame := await wire.receive()).opcode != CLOSE:
        pass
    return frame.code


def _told(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.body["error"] == "unavailable"
    assert "connections of the session are closed" in answer.body["detail"]
    assert answer.headers["Retry-After"] == "5"


@DOWN
@TICKED
@pytest.mark.parametrize("form", [False, True], ids=["script", "form"])
async def test_a_logout(down: Any, ticked: bool, form: bool, tmp_path: Path) -> None:
    """The socket is closed, the cookie taken back, the session shut here; later it is removed."""
    async with _site(tmp_path / "door.db") as site, await site.socket() as wire:
        with down(site.path):
            if ticked:
                await site.guard.tick()
            _told(await site.browser.post("/logout", {}, form=form))
            assert await _closed(wire) == 3000
            assert site.browser.cookies == {}
            await site.guard.tick()
            assert await site.refused() in (401, 503)
        assert len(await site.guard.state.sessions.sessions("alice")) == 1
        site.guard.checks.revocations_stale = False
        site.guard.lease.renew(site.guard.clock.monotonic())
        assert await site.refused() == 401
        await site.guard.tick()
        assert await site.guard.state.sessions.sessions("alice") == []
        assert [one.target for one in await site.guard.state.revocations.revocations()] == [
            Target.SESSION
        ]
        assert len(site.guard.admin.unfinished) == 0
        assert await site.refused() == 401
        again = await site.guard.sessions.create("alice")
        site.secret = again.secret
        async with await site.socket():
            pass


@DOWN
async def test_a_cookie_of_no_session(down: Any, tmp_path: Path) -> None:
    """While nothing can be read it may be one; it ends nothing, and is forgotten afterwards."""
    async with _site(tmp_path / "door.db") as site, await site.socket() as wire:
        stranger = LoginClient(site.port)
        stranger.cookies[site.guard.sessions.cookie.name] = "x" * 43
        with down(site.path):
            status = (await stranger.post("/logout")).status
            assert status == (503 if down is _removed else 204)
        await site.guard.tick()
        assert len(site.guard.admin.unfinished) == 0
        assert len(await site.guard.state.sessions.sessions("alice")) == 1
        wire.send({"type": "?"})
        assert (await wire.receive()).opcode != CLOSE


async def test_one_session_cannot_end_that_of_another_principal(tmp_path: Path) -> None:
    """Its id is no secret: its owner must be known before anything of it is closed."""
    async with _site(tmp_path / "door.db") as site, await site.socket():
        await site.guard.admin.add_principal("eve", roles=["member"])
        with lock_held(site.path), contextlib.suppress(StoreUnavailable):
            await site.guard.admin.end_session(site.session.id, owner="eve", actor="eve")
        await site.guard.tick()
        assert len(await site.guard.state.sessions.sessions("alice")) == 1
        async with await site.socket():
            pass


@DOWN
@pytest.mark.parametrize("what", ["session", "other sessions", "principal", "disabled", "key"])
async def test_what_an_operator_or_the_owner_ends(down: Any, what: str, tmp_path: Path) -> None:
    """Closed at once, and shut; told that it is not stored; stored when the store answers."""
    async with _site(tmp_path / "door.db") as site:
        admin, store = site.guard.admin, store_of(site.guard)
        key = await admin.issue_key("alice", name="k", scopes=["*"])
        ends: dict[str, Callable[[], Awaitable[object]]] = {
            "session": lambda: admin.end_session(site.session.id),
            "other sessions": lambda: admin.end_other_sessions("alice"),
            "principal": lambda: admin.revoke(Target.PRINCIPAL, "alice"),
            "disabled": lambda: admin.set_disabled("alice", True),
            "key": lambda: admin.revoke_key(key.key.id),
        }
        header = ("X-API-Key", key.secret)
        wire = await (connect(site.port, "/ws", header) if what == "key" else site.socket())
        with down(site.path):
            with pytest.raises(StoreUnavailable):
                await ends[what]()
            assert await _closed(wire) == 3000
            await site.guard.tick()
            assert len(admin.unfinished) == 1
        await site.guard.tick()
        assert len(admin.unfinished) == 0
        assert (await store.sessions("alice") == []) is (what != "key")
        assert (await store.key(key.key.id) is None) is (what == "key")
        account = await store.account("alice")
        assert account is not None
        assert account.disabled is (what == "disabled")
        assert len(await store.revocations()) == 1
        await wire.hang_up()


async def test_a_session_that_follows_is_not_among_the_others(tmp_path: Path) -> None:
    """The order to end all others is repeated later, and ends none that was not there then."""
    async with _site(tmp_path / "door.db") as site:
        with lock_held(site.path), pytest.raises(StoreUnavailable):
            await site.guard.admin.end_other_sessions("alice")
        later = await site.guard.sessions.create("alice")
        await site.guard.tick()
        assert [one.id for one in await site.guard.state.sessions.sessions("alice")] == [
            later.session.id
        ]


async def test_a_process_that_ends_says_what_it_could_not_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tries for its patience; later writes are lost, and the operator told so."""
    async with _site(tmp_path / "door.db") as site:
        admin = site.guard.admin
        with _removed(site.path):
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await admin.revoke(Target.PRINCIPAL, "alice")
            assert len(admin.unfinished) == 2
        await site.guard.close()
        assert "repeat the change" not in caplog.text
    async with _site(tmp_path / "other.db") as site:
        monkeypatch.setattr("stormdoor.runtime.guard.PATIENCE_SECONDS", 0.2)
        with _removed(site.path):
            with pytest.raises(StoreUnavailable):
                await site.guard.admin.revoke(Target.PRINCIPAL, "alice")
            await site.guard.close()
        assert (
            "of principal alice was not stored, and this process ends: repeat the change"
            in caplog.text
        )


async def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    """Cookies that may be of no session take half of it; an order counts here, kept or not."""
    async with _site(tmp_path / "door.db") as site:
        admin = site.guard.admin
        admin.unfinished._at_most = 4
        wires = [await site.socket(), await site.socket()]
        with _removed(site.path):
            for letter in "abcde":
                with pytest.raises(StoreUnavailable):
                    await admin.log_out(letter * 43)
            assert len(admin.unfinished) == 2
            with pytest.raises(StoreUnavailable):
                await admin.log_out(site.secret)
            for name in ("bob", "carol", "alice"):
                with pytest.raises(StoreUnavailable):
                    await admin.revoke(Target.PRINCIPAL, name)
            assert len(admin.unfinished) == 4
            for wire in wires:
                assert await _closed(wire) == 3000
        await site.guard.tick()
        assert len(admin.unfinished) == 0
        assert await site.refused() == 401
        assert [one.value for one in await site.guard.state.revocations.revocations()] == [
            site.session.id,
            "bob",
        ]
