"""The page about second factors: its program is run, and its scripts, in a browser with a passkey."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest

from stormdoor import Guard
from tests.docs.pages import Program, blocks, free_port, module_of, serving
from tests.support.loops import in_a_thread
from tests.support.project import ROOT
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import serving as listening

PAGE = ROOT / "docs" / "how-to" / "second-factor.md"
PASSWORD = "correct horse battery"
LOCAL = {"origins=": 'hosts=["127.0.0.1", "localhost"], origins='}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment variable that the page names."""
    monkeypatch.setenv("BANK_SECRETS_KEY", "ab" * 32)


@pytest.mark.usefixtures("key")
async def test_routes_of_the_page() -> None:
    """Each table's routes do what it says."""
    page = module_of(PAGE, LOCAL | {"https://app.example": "http://127.0.0.1:1"})
    async with serving(page.app, page.guard) as host:
        guard: Guard = page.guard
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        client = LoginClient(int(host.partition(":")[2]))
        assert (await client.log_in("alice", PASSWORD)).status == 200
        begun = (await client.post("/factors/totp")).body
        assert begun["uri"].startswith("otpauth://totp/Example%20Bank:alice?")
        assert begun["qr"].startswith("<svg")
        device = pyotp.TOTP(begun["secret"])
        now = guard.clock.now()
        enrolled = await client.post(
            "/factors/totp/confirm", {"id": begun["id"], "code": device.at(int(now))}
        )
        assert enrolled.status == 201
        codes = enrolled.body["recovery_codes"]
        assert len(codes) == 10
        waiting = await client.log_in("alice", PASSWORD)
        assert waiting.status == 202
        assert waiting.body == {"second_factor": ["totp", "recovery_code"], "expires_in": 300}
        assert "__Host-stormdoor-login" in client.cookies
        assert (await client.post("/second-factor", {"totp": device.at(int(now))})).status == 401
        done = await client.post("/second-factor", {"totp": device.at(int(now) + 30)})
        assert done.status == 200
        listed = (await client.get("/factors")).body
        assert listed["kinds"] == ["passkey", "totp"]
        assert listed["recovery_codes"] == 10
        assert set(listed["factors"][0]) == {"id", "kind", "name", "created_at", "last_used_at"}
        assert len((await client.post("/factors/recovery-codes")).body["recovery_codes"]) == 10
        assert (await client.delete(f"/factors/{listed['factors'][0]['id']}")).status == 204


def test_json_of_the_page() -> None:
    """The answers that the page shows are JSON, as a client reads it."""
    shown = [json.loads(block.text) for block in blocks(PAGE, "json")]
    assert [one["error"] for one in shown] == ["step-up", "step-up"]


@pytest.fixture
def bank(key: None) -> Iterator[tuple[int, str]]:
    """The program of the page, in a thread of its own: its port, and the secret of alice's TOTP."""
    port = free_port()
    page = module_of(PAGE, {"https://app.example": f"http://localhost:{port}"})

    @asynccontextmanager
    async def serve() -> AsyncIterator[None]:
        from tornado.web import RequestHandler

        class Ground(RequestHandler):
            def get(self) -> None:
                self.finish("<!doctype html><meta charset=utf-8><title>bank</title>")

        page.app.add_handlers(".*", [("/", Ground)])
        async with listening(page.app, page.guard, port=port):
            await page.guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
            yield

    with in_a_thread(serve):
        yield port, PASSWORD


@pytest.mark.extended
@pytest.mark.browser
def test_scripts_of_the_page(chromium: str, bank: tuple[int, str]) -> None:
    """Enrol, log in with both factors, step up on an open socket: all with the page's own code."""
    from playwright.sync_api import sync_playwright

    port, password = bank
    scripts = "\n".join(block.text for block in blocks(PAGE, "js"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            tab.goto(f"http://localhost:{port}/")
            cdp = tab.context.new_cdp_session(tab)
            cdp.send("WebAuthn.enable")
            options: dict[str, Any] = {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
            cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
            tab.add_script_tag(content=scripts)
            seen = tab.evaluate(
                """async password => {
                    const seen = {};
                    seen.first = (await logIn("alice", password)).status;
                    seen.enrolled = (await enrolPasskey("laptop")).status;
                    await post("/logout");
                    seen.waiting = (await logIn("alice", password)).status;
                    seen.second = (await presentPasskey()).status;
                    await post("/logout");
                    seen.alone = (await presentPasskey("/passkey")).status;
                    const { body } = await post("/ticket", { endpoint: "/bank" });
                    const socket = new WebSocket(`ws://${location.host}/bank`,
                        ["stormdoor.v1", "stormdoor.ticket." + body.ticket]);
                    const heard = [];
                    socket.onmessage = event => heard.push(JSON.parse(event.data));
                    const until = async n => {
                        while (heard.length < n) await new Promise(next => setTimeout(next, 10));
                    };
                    await new Promise(done => { socket.onopen = done; });
                    await stepUp(socket);
                    await until(1);
                    socket.send(JSON.stringify({ type: "pay", amount: 5 }));
                    await until(2);
                    prove(socket, "000000");
                    await until(3);
                    seen.heard = heard;
                    return seen;
                }""",
                password,
            )
        finally:
            browser.close()
    assert seen["first"] == 200
    assert seen["enrolled"] == 201
    assert seen["waiting"] == 202
    assert seen["second"] == seen["alone"] == 200
    assert [one["type"] for one in seen["heard"]] == ["stormdoor.refreshed", "paid", "error"]


@pytest.mark.extended
@pytest.mark.browser
def test_totp_script_of_the_page(chromium: str, bank: tuple[int, str]) -> None:
    """The other kind, with the code that an application would show."""
    from playwright.sync_api import sync_playwright

    port, password = bank
    scripts = "\n".join(block.text for block in blocks(PAGE, "js"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            tab.goto(f"http://localhost:{port}/")
            tab.expose_function("show", lambda begun: pyotp.TOTP(begun["secret"]).now())
            tab.add_script_tag(content=scripts)
            statuses = tab.evaluate(
                """async password => {
                    const first = await logIn("alice", password);
                    const enrolled = await enrolTotp(show);
                    await post("/logout");
                    const waiting = await logIn("alice", password);
                    const wrong = await presentCode("000000");
                    return [first, enrolled, waiting, wrong].map(one => one.status);
                }""",
                password,
            )
        finally:
            browser.close()
    assert statuses == [200, 201, 202, 401]


@pytest.mark.extended
@pytest.mark.browser
def test_example(chromium: str, tmp_path: Path) -> None:
    """`examples/second_factor.py`: refused, enrolled, allowed on the same socket; then both to log in."""
    from playwright.sync_api import sync_playwright

    text = (ROOT / "examples" / "second_factor.py").read_text("utf-8")
    with Program(tmp_path, text, "second_factor.py") as server, sync_playwright() as playwright:
        password = next(server.lines()).split()[2]
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            tab.goto(server.at_port("http://localhost:8888/"))

            def shows(text: str) -> None:
                tab.wait_for_function(
                    "text => document.querySelector('#log').innerText.includes(text)", arg=text
                )

            def log_in() -> None:
                tab.fill("[name=password]", password)
                tab.click("#login button")

            log_in()
            tab.wait_for_function("socket && socket.readyState === 1")
            tab.click("#pay")
            shows('"error":"step-up"')
            tab.click("#totp")
            shows('"secret"')
            assert tab.query_selector("#qr svg") is not None
            log = tab.inner_text("#log")
            device = pyotp.TOTP(log.partition('"secret":"')[2].partition('"')[0])
            tab.fill("[name=totp]", device.now())
            tab.click("#code button")
            shows('"stormdoor.refreshed"')
            tab.click("#pay")
            shows('"type":"paid"')
            assert "closed" not in tab.inner_text("#log")
            tab.click("#out")
            shows('"closed":3000')
            log_in()
            shows('"present":["totp","recovery_code"]')
        finally:
            browser.close()
