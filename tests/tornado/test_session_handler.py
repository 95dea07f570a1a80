"""`SessionHandler`: a handler that asks for its caller runs no further for a client that has none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from stormdoor import Guard, PolicySet, SessionAuthenticator, SessionHandler, role
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.log_position import LogPosition
from stormdoor.ports import NodeStatus
from tests.support.references import without_reference

ORIGIN = "https://app.example"


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    item: str


class _Shop(SessionHandler):
    served: list[str]

    async def get(self) -> None:
        """Note that it ran; no check follows `caller`."""
        caller = await self.caller("shop:read")
        self.served.append(caller.account.id)
        self.answer({"hello": caller.account.id})

    async def post(self) -> None:
        """Note the item; no check follows `read_body`."""
        order = self.read_body(_Order)
        self.served.append(order.item)
        if order.item == "gold":
            self.stop(Refusal(Denial.FORBIDDEN, "no gold here"), claimed="alice")
        self.answer({})

    async def delete(self) -> None:
        """End all sessions of the caller."""
        caller = await self.caller("shop:read")
        ended = await self.everywhere(
            lambda: self.guard.admin.end_other_sessions(caller.account.id)
        )
        self.answer({"ended": ended})


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[Guard, str, list[str]]]:
    guard = Guard(
        origins=[ORIGIN],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "shop:read")]),
        production=False,
        insecure_allow_plaintext=True,
    )
    async with guard:
        for name, roles in (("alice", ["member"]), ("eve", [])):
            await guard.admin.add_principal(name, roles=roles)
        served: list[str] = []
        shop = type("_ServedShop", (_Shop,), {"served": served})
        server = HTTPServer(Application([("/shop", shop, {"guard": guard})]))
        listening, port = bind_unused_port()
        server.add_socket(listening)
        try:
            yield guard, f"http://127.0.0.1:{port}/shop", served
        finally:
            server.stop()
            await server.close_all_connections()


async def _fetch(
    url: str, cookie: str = "", body: str | None = None, method: str | None = None
) -> HTTPResponse:
    headers = {"Origin": ORIGIN, "Content-Type": "application/json"}
    if cookie:
        headers["Cookie"] = cookie
    method = method or ("GET" if body is None else "POST")
    request = HTTPRequest(url, method=method, headers=headers, body=body)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def test_the_handler_runs_for_the_owner_of_a_session() -> None:
    """With the permission, it gets its caller."""
    async with _served() as (guard, url, served):
        secret = (await guard.sessions.create("alice")).secret
        answer = await _fetch(url, f"{guard.sessions.cookie.name}={secret}")
        assert (answer.code, json.loads(answer.body)) == (200, {"hello": "alice"})
        assert served == ["alice"]


@pytest.mark.parametrize(
    ("name", "status", "error"), [("", 401, "unauthenticated"), ("eve", 403, "forbidden")]
)
async def test_a_refused_caller_ends_the_request(name: str, status: int, error: str) -> None:
    """Without a session, or without the permission, no line after `caller` runs, and one answer is sent."""
    async with _served() as (guard, url, served):
        secret = (await guard.sessions.create(name)).secret if name else "x"
        answer = await _fetch(url, f"{guard.sessions.cookie.name}={secret}")
        assert (answer.code, without_reference(json.loads(answer.body))) == (
            status,
            {"error": error},
        )
        assert served == []


async def test_a_malformed_body_and_a_stop_end_the_request() -> None:
    """No line after `read_body` runs for a malformed body, and none after `stop`."""
    async with _served() as (guard, url, served):
        malformed = await _fetch(url, body='{"item": 7}')
        assert (malformed.code, without_reference(json.loads(malformed.body))) == (
            400,
            {"error": "invalid"},
        )
        assert served == []
        stopped = await _fetch(url, body='{"item": "gold"}')
        assert (stopped.code, without_reference(json.loads(stopped.body))) == (
            403,
            {"error": "forbidden"},
        )
        await guard.trail.flush()
        details = [one.event.detail for one in await guard.state.trail.entries()]
        assert details[-1] == "no gold here"
        assert (await _fetch(url, body='{"item": "tea"}')).code == 200
        assert served == ["gold", "tea"]


async def test_request_waits_for_every_node() -> None:
    """`?wait=cluster` answers when every live node has applied the change: a dead one is declared lapsed."""
    async with _served() as (guard, url, _):
        secret = (await guard.sessions.create("alice")).secret
        cookie = f"{guard.sessions.cookie.name}={secret}"
        dead = NodeStatus(applied=LogPosition("", 0), lease=0.05)
        await guard.state.members.beat("dead", dead, joining=True)
        wrong = await _fetch(f"{url}?wait=never", cookie, method="DELETE")
        assert wrong.code == 400
        assert not next(
            one for one in await guard.state.members.members() if one.node == "dead"
        ).declared
        answer = await _fetch(f"{url}?wait=cluster", cookie, method="DELETE")
        assert (answer.code, json.loads(answer.body)) == (200, {"ended": 1})
        assert next(
            one for one in await guard.state.members.members() if one.node == "dead"
        ).declared
