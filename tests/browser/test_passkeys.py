"""Passkeys in a real browser, with Chromium's own virtual authenticator as the device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page
from tornado.web import RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    PolicySet,
    Reply,
    SessionAuthenticator,
    TicketAuthenticator,
    action,
    login_routes,
    role,
)
from stormdoor.auth.password.passwords import Argon2Cost, Passwords
from tests.docs.pages import free_port
from tests.support.loops import in_a_thread
from tests.tornado.wire import serving

PASSWORD = "correct horse battery staple"

# What a page does. `toJSON` and `parse...FromJSON` are the browser's own.
SCRIPT = """\
const post = async (path, body = {}) => {
    const answer = await fetch("/auth" + path, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
    });
    const text = await answer.text();
    return {status: answer.status, body: text ? JSON.parse(text) : null};
};
const logIn = () => post("/login", {username: "alice", password: PASSWORD});
const sign = async options => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({publicKey})).toJSON();
};
const enrol = async () => {
    const {publicKey} = (await post("/factors/passkey")).body;
    const made = await navigator.credentials.create(
        {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey)});
    return post("/factors/passkey/confirm", {passkey: made.toJSON(), name: "this browser"});
};
const present = async (options, path) => {
    const {publicKey} = (await post(options)).body;
    return post(path, {passkey: await sign(publicKey)});
};
let socket, heard = [];
const open = async () => {
    const {ticket} = (await post("/ticket")).body;
    socket = new WebSocket(location.origin.replace("http", "ws") + "/bank",
                           ["stormdoor.v1", "stormdoor.ticket." + ticket]);
    socket.onclose = event => heard.push({type: "closed", code: event.code});
    await new Promise((done, failed) => { socket.onopen = done; socket.onerror = failed; });
};
const ask = message => new Promise(done => {
    socket.onmessage = event => done(JSON.parse(event.data));
    socket.send(JSON.stringify(message));
});
""".replace("PASSWORD", repr(PASSWORD))


class Pay(Command, tag="pay"):
    amount: int


class Paid(Reply, tag="paid"):
    pass


class Bank(GuardedHandler):
    permission = "bank:connect"

    @action("bank:pay", strength=2)
    async def pay(self, command: Pay) -> Paid:
        return Paid()


class Ground(RequestHandler):
    """A page to stand on."""

    def get(self) -> None:
        self.finish("<!doctype html><meta charset=utf-8><title>bank</title>")


@dataclass
class Bench:
    """A running bank, in a thread of its own."""

    port: int
    guard: Guard
    loop: asyncio.AbstractEventLoop

    def run(self, job: Any) -> Any:
        """Run a coroutine where the guard lives."""
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(15.0)


@pytest.fixture
def bank() -> Iterator[Bench]:
    """A bank in which alice has an account, and no second factor."""
    passwords = Passwords(cost=Argon2Cost(memory_kib=7_168, passes=5))

    @asynccontextmanager
    async def serve() -> AsyncIterator[tuple[int, Guard]]:
        port = free_port()
        guard = Guard(
            origins=[f"http://localhost:{port}"],
            authenticators=[SessionAuthenticator(), TicketAuthenticator()],
            policies=PolicySet([role("member", "bank:*")]),
            passwords=passwords,
        )
        routes = [*login_routes(guard, endpoint="/bank"), ("/bank", Bank), ("/", Ground)]
        async with serving(routes, guard, port=port) as served:
            await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
            yield served.port, guard

    with in_a_thread(serve) as ((port, guard), loop):
        yield Bench(port, guard, loop)


@dataclass
class Device:
    """A page, and the authenticator that is plugged into its browser."""

    page: Page
    cdp: CDPSession
    id: str

    def credentials(self) -> list[dict[str, Any]]:
        """Return the authenticator's credentials, with private keys."""
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def run(self, expression: str) -> Any:
        """Run a script of the page."""
        return self.page.evaluate(f"(async () => {{ {SCRIPT} return await ({expression}); }})()")


@pytest.fixture
def plug(browser: Browser) -> Iterator[Any]:
    """Opens a page in a browser profile of its own, with an authenticator of its own."""
    contexts = []

    def open_page(url: str, *, verified: bool = True) -> Device:
        context = browser.new_context()
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        cdp = context.new_cdp_session(page)
        cdp.send("WebAuthn.enable")
        added = cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": verified,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return Device(page, cdp, added["authenticatorId"])

    yield open_page
    for context in contexts:
        context.close()


def test_password_then_passkey(bank: Bench, plug: Any) -> None:
    """Enrolled after a login; after the next password there is no session until the device signs."""
    device = plug(f"http://localhost:{bank.port}/")
    assert device.run("logIn()")["status"] == 200
    enrolled = device.run("enrol()")
    assert enrolled["status"] == 201, enrolled
    assert len(enrolled["body"]["recovery_codes"]) == 10
    assert len(device.credentials()) == 1
    assert device.run('post("/logout")')["status"] == 204
    waiting = device.run("logIn()")
    assert waiting["status"] == 202
    assert waiting["body"]["second_factor"] == ["passkey", "recovery_code"]
    assert device.run('post("/ticket")')["status"] == 401
    done = device.run('present("/second-factor/options", "/second-factor")')
    assert (done["status"], done["body"]["principal"]) == (200, "alice")
    assert device.run('post("/ticket")')["status"] == 200


@pytest.mark.extended
def test_passkey_alone(bank: Bench, plug: Any) -> None:
    """Nothing is typed: the device knows the account, and checks who uses it."""
    device = plug(f"http://localhost:{bank.port}/")
    device.run("logIn()")
    assert device.run("enrol()")["status"] == 201
    device.run('post("/logout")')
    done = device.run('present("/passkey/options", "/passkey")')
    assert (done["status"], done["body"]["principal"]) == (200, "alice")
    (session,) = bank.run(bank.guard.sessions.sessions("alice"))
    assert session.strength == 2


@pytest.mark.extended
def test_step_up_on_an_open_socket(bank: Bench, plug: Any) -> None:
    """One socket: refused, proved, refreshed with a ticket of the new session, allowed."""
    device = plug(f"http://localhost:{bank.port}/")
    said = device.run("""(async () => {
        await logIn();
        await open();
        const before = await ask({type: "pay", amount: 5, id: 1});
        await enrol();
        const stepped = await present("/step-up/options", "/step-up");
        const still = await ask({type: "pay", amount: 5, id: 2});
        const {ticket} = (await post("/ticket")).body;
        const refreshed = await ask({type: "stormdoor.refresh", token: ticket, id: 3});
        const after = await ask({type: "pay", amount: 5, id: 4});
        return {before, stepped: stepped.status, still, refreshed, after, heard};
    })()""")
    assert said["before"]["error"] == "step-up"
    assert said["before"]["needs"] == {"strength": 2}
    assert said["stepped"] == 200
    assert said["still"]["error"] == "step-up"
    assert said["refreshed"]["type"] == "stormdoor.refreshed"
    assert said["after"]["type"] == "paid"
    assert said["heard"] == []


@pytest.mark.extended
def test_a_copy_of_the_passkey_is_noticed(bank: Bench, plug: Any) -> None:
    """A copy of the passkey's private key is refused, because its counter is not new."""
    device = plug(f"http://localhost:{bank.port}/")
    device.run("logIn()")
    assert device.run("enrol()")["status"] == 201
    (stolen,) = device.credentials()
    for _ in range(2):
        assert device.run('present("/step-up/options", "/step-up")')["status"] == 200
    thief = plug(f"http://localhost:{bank.port}/")
    thief.cdp.send("WebAuthn.addCredential", {"authenticatorId": thief.id, "credential": stolen})
    assert thief.run("logIn()")["status"] == 202
    refused = thief.run('present("/second-factor/options", "/second-factor")')
    assert refused["status"] == 401
    bank.run(bank.guard.trail.flush())
    entries = bank.run(bank.guard.state.trail.entries())
    assert any("may be a copy of it" in entry.event.detail for entry in entries)


@pytest.mark.extended
def test_another_site_gets_no_signature(bank: Bench, plug: Any) -> None:
    """A page that looks like the bank, with a challenge that it fetched from the bank."""
    device = plug(f"http://localhost:{bank.port}/")
    device.run("logIn()")
    assert device.run("enrol()")["status"] == 201
    device.run('post("/logout")')
    options = device.run('post("/passkey/options")')["body"]["publicKey"]
    device.page.goto(f"http://evil.localhost:{bank.port}/")
    said = device.page.evaluate(
        """async options => {
            try {
                const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
                await navigator.credentials.get({publicKey});
                return "signed";
            } catch (error) { return error.name; }
        }""",
        options,
    )
    assert said == "SecurityError"
