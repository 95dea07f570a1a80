"""The how-to guides: their code is run, and does what the text around it says."""

import asyncio
import datetime as dt
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import shutil
import signal
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.web import Application, RequestHandler, create_signed_value
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import connect

from stormdoor import JwtIssuer, JwtKey, Target, protect
from tests.docs.pages import (
    Program,
    blocks,
    closed,
    commands,
    free_port,
    module_of,
    refused,
    serving,
    shell,
    speak,
    until_listening,
)
from tests.support.project import ROOT

HOW_TO = ROOT / "docs" / "how-to"
PASSWORD = "correct horse battery"
FORM = "application/x-www-form-urlencoded"
ORIGIN: Any = "https://app.example"
HERE = {"origins=": 'hosts=["app.example", "127.0.0.1"], origins='}
"""The test talks to this machine by its number."""
PROXY = {"origins=": 'trusted_proxies=["127.0.0.1"], hosts=["app.example", "127.0.0.1"], origins='}
"""The test is the proxy that ends TLS."""


async def fetch(
    host: str,
    method: str,
    path: str,
    body: object = None,
    *,
    form: str | None = None,
    origin: str = ORIGIN,
    **headers: str,
) -> HTTPResponse:
    """One HTTP request as the page's TLS proxy would pass it on."""
    sent = {"Host": "app.example", "Origin": origin, "X-Forwarded-Proto": "https", **headers}
    sent["Content-Type"] = "application/json" if form is None else FORM
    posted = form if form is not None else "" if body is None else json.dumps(body)
    return await AsyncHTTPClient().fetch(
        f"http://{host}{path}",
        method=method,
        headers=sent,
        body=posted if method == "POST" else None,
        follow_redirects=False,
        raise_error=False,
    )


async def log_in(host: str, name: str = "alice") -> dict[str, str]:
    """Log in. Returns the header with the cookie."""
    answer = await fetch(host, "POST", "/auth/login", {"username": name, "password": PASSWORD})
    assert answer.code == 200, answer.body
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


class Quiet:
    """Log lines of stormdoor, collected."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "stormdoor")
        self._caplog = caplog

    def __contains__(self, text: str) -> bool:
        return any(text in record.getMessage() for record in self._caplog.records)


FROM_NGINX = {
    "Host": "app.example",
    "Origin": ORIGIN,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.7",
}


async def test_behind_nginx(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The proxy's word counts for scheme and address; a stranger's word does not."""
    path = HOW_TO / "behind-nginx.md"
    page = module_of(path, {"/var/lib/app/door.db": f"{tmp_path}/door.db"})
    log = Quiet(caplog)
    async with serving(page.app, page.guard) as host:
        await page.guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        issued = await page.guard.sessions.create("alice")
        cookie = {"Cookie": f"__Host-stormdoor={issued.secret}"}

        async def status(**changed: str) -> int:
            # A raw request: `websockets` writes a Host of its own.
            headers = FROM_NGINX | cookie | changed
            lines = ["GET /feed HTTP/1.1", *(f"{one}: {value}" for one, value in headers.items())]
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]
            name, _, port = host.partition(":")
            reader, writer = await asyncio.open_connection(name, int(port))
            writer.write("\r\n".join(lines).encode())
            answer = await asyncio.wait_for(reader.readline(), 60)
            writer.close()
            await writer.wait_closed()
            return int(answer.split()[1])

        assert await status() == 101
        assert await status(**{"X-Forwarded-Proto": "http"}) == 403
        assert "insecure-transport" in log
        assert 'trusted_proxies = ["127.0.0.1"]' in log
        assert await status(Host="internal:8888") == 403
        assert "host-not-allowed" in log
        assert await status(Origin="https://app.example:8443") == 403
        assert 'origins = ["https://app.example:8443"]' in log
        await page.guard.trail.flush()
        entries = await page.guard.state.trail.entries(event="connection_opened")
        assert [entry.event.address for entry in entries] == ["203.0.113.7"]


def _certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate for app.example. Returns a context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app.example")])
    begin = dt.datetime.fromtimestamp(time.time() - 3600, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("app.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    (folder / "app.example.pem").write_bytes(pem)
    (folder / "app.example.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return ssl.create_default_context(cadata=pem.decode())


@pytest.mark.extended
async def test_nginx_itself(tmp_path: Path) -> None:
    """The page's nginx, where there is one, passes a socket on with the client's address."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("no nginx here")
    path = HOW_TO / "behind-nginx.md"
    [block] = blocks(path, "nginx")
    page = module_of(path, {"/var/lib/app/door.db": f"{tmp_path}/door.db"})
    context, port = _certificate(tmp_path), free_port()
    async with serving(page.app, page.guard) as host:
        server = (
            block.text.replace("443", f"127.0.0.1:{port}")
            .replace("/etc/ssl", str(tmp_path))
            .replace("127.0.0.1:8888", host)
        )
        assert f"127.0.0.1:{port} ssl" in server
        paths = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; daemon off;"
            f"events {{}} http {{ access_log off; {paths} {server} }}"
        )
        process = await asyncio.create_subprocess_exec(
            nginx, "-p", tmp_path, "-c", tmp_path / "nginx.conf"
        )
        try:
            await page.guard.admin.add_principal("alice", roles=["member"])
            issued = await page.guard.sessions.create("alice")
            options: dict[str, Any] = {
                "host": "127.0.0.1",
                "port": port,
                "ssl": context,
                "additional_headers": {
                    "Cookie": f"__Host-stormdoor={issued.secret}",
                    "X-Forwarded-Proto": "gopher",
                    "X-Forwarded-For": "203.0.113.7",
                },
            }
            await asyncio.to_thread(until_listening, port)
            url = f"wss://app.example:{port}/feed"
            assert await speak(url, "x", origin=ORIGIN, **options) == ["x"]
            assert await refused(url, origin="https://evil.example", **options) == 403
            await page.guard.trail.flush()
            [entry] = await page.guard.state.trail.entries(event="connection_opened")
            # The client is at a trusted address too, so what it wrote counts.
            assert entry.event.address == "203.0.113.7"
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)


async def test_retrofit(capsys: pytest.CaptureFixture[str]) -> None:
    """The start-up check prints what the page shows; declared handlers do what the page says."""
    path = HOW_TO / "retrofit.md"
    page = module_of(path, HERE)
    [shown] = [block.text for block in blocks(path, "text")]
    assert capsys.readouterr().out.replace("page_retrofit.", "app.") == shown
    secret = page.app.settings["cookie_secret"]
    signed = create_signed_value(secret, "user", "alice").decode()
    allowed: dict[str, Any] = {
        "origin": ORIGIN,
        "additional_headers": {"Cookie": f"user={signed}"},
    }
    async with serving(page.app, page.guard) as host:
        url = f"ws://{host}"
        async with connect(f"{url}/ticker", **allowed) as client:
            assert await client.recv() == "0"
        assert await speak(f"{url}/terminal/one", "x", **allowed) == ["x"]
        assert await refused(f"{url}/ticker") == 401
        assert await refused(f"{url}/terminal/one", origin="https://evil.example") == 403
        async with connect(f"{url}/status") as client:
            assert await client.recv() == "up"
        assert await speak(f"{url}/terminal/one", "x" * 70_000, **allowed) == ["x" * 70_000]
        async with connect(f"{url}/terminal/one", **allowed) as client:
            for _ in range(100):
                await client.send("x")
            assert {await client.recv() for _ in range(100)} == {"x"}
        page.app.add_handlers(".*", [("/later", page.Ticker), ("/other", _Unheard)])
        async with connect(f"{url}/later", **allowed) as client:
            assert await client.recv() == "0"
        assert await refused(f"{url}/other", **allowed) == 403
        [pages] = [block for block in blocks(path, "python") if block.caption == "pages.py"]
        app = Application([("/feed", page.Ticker), ("/healthz", _Page), ("/api/x", _Page)])
        exec(pages.text, {**vars(page), "app": app})  # noqa: S102
        async with serving(app) as other:
            assert (await fetch(other, "GET", "/healthz")).code == 200
            assert (await fetch(other, "GET", "/api/x", Host=other)).code == 401


class _Page(RequestHandler):
    """Handler without a check of its own."""

    def get(self) -> None:
        self.write("served")


class _Unheard(WebSocketHandler):
    """Handler without a declared permission."""


async def test_browser_login() -> None:
    """Each route of the table does what the table says."""
    page = module_of(HOW_TO / "browser-login.md", PROXY)
    async with serving(page.app, page.guard) as host:
        await page.add_people()
        form = f"username=alice&password={PASSWORD.replace(' ', '+')}"
        sent_on = await fetch(host, "POST", "/auth/login", form=form)
        assert (sent_on.code, sent_on.headers["Location"]) == (303, "/auth/login?signed-in=1")
        for name in ("login", "second-factor", "logout"):
            shown = await fetch(host, "GET", f"/auth/{name}")
            assert (shown.code, shown.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        form_there = "/auth/login?next=%2Flab"
        there = await fetch(host, "POST", form_there, form=form)
        assert there.headers["Location"] == "/auth/login?signed-in=1&next=%2Flab"
        lost = await fetch(host, "GET", there.headers["Location"])
        assert (lost.code, b"did not keep the cookie" in lost.body) == (200, True)
        lost = await fetch(host, "GET", "/auth/session?signed-in=1")
        assert (lost.code, json.loads(lost.body)["cookie"]) == (401, "lost")
        cookie = sent_on.headers["Set-Cookie"]
        assert cookie.startswith("__Host-stormdoor=")
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        alice = await log_in(host)
        session = json.loads((await fetch(host, "GET", "/auth/session", **alice)).body)
        assert (session["principal"], session["roles"]) == ("alice", ["member"])
        assert session["idle_seconds"] == 1800
        listed = json.loads((await fetch(host, "GET", "/auth/sessions", **alice)).body)["sessions"]
        assert len(listed) == 3
        other = next(one["id"] for one in listed if not one["current"])
        assert (await fetch(host, "DELETE", f"/auth/sessions/{other}", **alice)).code == 204
        assert (await fetch(host, "DELETE", f"/auth/sessions/{other}", **alice)).code == 404
        await log_in(host)
        ended = await fetch(host, "POST", "/auth/sessions/end-others", {}, **alice)
        assert json.loads(ended.body) == {"ended": 2}
        profile = await fetch(host, "GET", "/profile", **alice)
        assert json.loads(profile.body)["name"] == "alice"
        assert (await fetch(host, "GET", "/profile")).code == 401
        forged = await fetch(host, "POST", "/auth/logout", origin="https://evil.example", **alice)
        assert forged.code == 403
        headers = {"X-Forwarded-Proto": "https", **alice}
        async with connect(
            f"ws://{host}/chat", origin=ORIGIN, additional_headers=headers
        ) as client:
            await client.send('{"type":"say","text":"hello"}')
            assert json.loads(await client.recv()) == {"type": "said", "text": "alice: hello"}
            assert (await fetch(host, "POST", "/auth/logout", **alice)).code == 204
            assert await closed(client) == 3000
        assert await refused(f"ws://{host}/chat", origin=ORIGIN, additional_headers=headers) == 401
        wrong = {"username": "alice", "password": "wrong"}
        codes = [(await fetch(host, "POST", "/auth/login", wrong)).code for _ in range(7)]
        assert codes[0] == 401
        assert codes[-1] == 429


async def test_password_change_ends_everything_else() -> None:
    """`POST /auth/password` gives a new session and ends the others."""
    page = module_of(HOW_TO / "browser-login.md", PROXY)
    async with serving(page.app, page.guard) as host:
        await page.add_people()
        one, two = await log_in(host), await log_in(host)
        change = {"current": PASSWORD, "new": "another long password"}
        changed = await fetch(host, "POST", "/auth/password", change, **one)
        assert changed.code == 200
        new = {"Cookie": changed.headers["Set-Cookie"].partition(";")[0]}
        for cookie, expected in ((one, 401), (two, 401), (new, 200)):
            assert (await fetch(host, "GET", "/auth/session", **cookie)).code == expected


async def test_tickets() -> None:
    """A ticket opens one handshake, and its second use is in the trail."""
    page = module_of(HOW_TO / "single-page-application.md")
    async with serving(page.app, page.guard) as host:
        page_origin = "http://127.0.0.1:8888"
        local = {"Host": host, "X-Forwarded-Proto": "http"}
        await page.guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        login = {"username": "alice", "password": PASSWORD}
        answer = await fetch(host, "POST", "/auth/login", login, origin=page_origin, **local)
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        wish = {"endpoint": "/chat"}
        answer = await fetch(
            host, "POST", "/auth/ticket", wish, origin=page_origin, **local, **cookie
        )
        body = json.loads(answer.body)
        assert body["expires_in"] in (19, 20)
        offered = ["stormdoor.v1", f"stormdoor.ticket.{body['ticket']}"]
        with_ticket: dict[str, Any] = {"subprotocols": offered, "origin": page_origin}
        async with connect(f"ws://{host}/chat", additional_headers=cookie, **with_ticket) as client:
            assert client.subprotocol == "stormdoor.v1"
            await client.send('{"type":"join","room":"lobby"}')
            assert json.loads(await client.recv()) == {"type": "joined", "room": "lobby"}
        assert await refused(f"ws://{host}/chat", **with_ticket) == 401
        await page.guard.trail.flush()
        assert await page.guard.state.trail.entries(event="authn_token_reuse")


@pytest.mark.extended
@pytest.mark.browser
def test_ticket_script_in_a_browser(chromium: str, tmp_path: Path) -> None:
    """The JavaScript of the page connects, and stays away after a logout."""
    from playwright.sync_api import sync_playwright

    page = HOW_TO / "single-page-application.md"
    [script] = [block.text for block in blocks(page, "js") if block.caption == "connect.js"]
    example = (ROOT / "examples" / "browser.py").read_text("utf-8")
    with Program(tmp_path, example, "browser.py") as server, sync_playwright() as playwright:
        password = next(server.lines()).split()[2]
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            tab = browser.new_page()
            tab.goto(server.at_port("http://127.0.0.1:8888/"))
            tab.fill("[name=password]", password)
            tab.click("form button")
            tab.wait_for_function("document.querySelector('#log').innerText.includes('alice')")
            tab.add_script_tag(content=script)
            heard = tab.evaluate(
                """async () => {
                    const heard = [];
                    window.heard = heard;
                    const socket = await keepConnected("/echo", message => heard.push(message));
                    socket.addEventListener("close", event => heard.push(event.code));
                    await new Promise(resolve => socket.addEventListener("open", resolve));
                    socket.send(JSON.stringify({type: "echo", text: "from the page"}));
                    await new Promise(resolve => socket.addEventListener("message", resolve));
                    return [heard[0].text, socket.protocol];
                }"""
            )
            assert heard == ["alice: from the page", "stormdoor.v1"]
            tab.click("#out")
            tab.wait_for_function("window.heard.includes(3000)")
        finally:
            browser.close()


def _bearer(token: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def test_jwt_rotation() -> None:
    """Both keys are accepted while both are configured; the old one is refused after its removal."""
    page = module_of(HOW_TO / "jwt.md", HERE)
    old = JwtIssuer(JwtKey("EdDSA", page.private, kid="2026-04"), "https://login.example", "feed")
    old_token = old.issue("alice", now=time.time(), claims={"roles": ["member"]}).token
    async with serving(page.app, page.guard) as host:
        assert await speak(f"ws://{host}/feed", "x", **_bearer(old_token)) == ["x"]
        assert await refused(f"ws://{host}/feed", **_bearer(page.token)) == 401
        offered: Any = ["stormdoor.v1", f"stormdoor.bearer.{old_token}"]
        async with connect(f"ws://{host}/feed", subprotocols=offered) as client:
            assert client.subprotocol == "stormdoor.v1"
            await page.guard.admin.revoke(Target.EVERYTHING, reason="key stolen")
            assert await closed(client) == 3000
    for verifier, expected in ((page.both, (101, 101)), (page.only_new, (401, 101))):
        guard = page.Guard(authenticators=[verifier], policies=page.guard.policies)
        app = protect(Application([("/feed", page.Feed)]), guard)
        async with serving(app, guard) as host:
            for token, status in zip((old_token, page.token), expected, strict=True):
                assert await refused(f"ws://{host}/feed", **_bearer(token)) == status


@pytest.mark.extended
async def test_api_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key reports within its scopes, is rotated with an overlap, and dies with its sockets."""
    monkeypatch.chdir(tmp_path)
    page = module_of(HOW_TO / "api-keys.md")
    async with serving(page.app, page.guard) as host:
        url, guard = f"ws://{host}/readings", page.guard
        secret = await page.issue()
        [key] = await guard.keys.keys("sensor-7")
        assert secret.startswith(f"sd_{key.id}_")
        async with connect(url, **_bearer(secret)) as client:
            await client.send('{"type":"reading","name":"boiler","value":81.5}')
            await client.send('{"type":"reading","name":"boiler","value":"hot","id":7}')
            assert json.loads(await client.recv())["error"] == "invalid"
            assert page.Readings.latest == {"boiler": 81.5}
            successor = await page.rotate(key.id)
            for one in (secret, successor):
                assert await refused(url, additional_headers={"X-API-Key": one}) == 101
            assert await page.unused_since(time.time() + 60) == [
                one.id for one in await guard.keys.keys()
            ]
            assert await page.revoke(key.id)
            assert await closed(client) == 3000
        assert await refused(url, **_bearer(secret)) == 401
        assert await refused(url, **_bearer(successor)) == 101
        other = "1" if successor.endswith("0") else "0"
        assert await refused(url, **_bearer(successor[:-1] + other)) == 401
        printed = await asyncio.to_thread(
            shell, tmp_path, _script("api-keys.md", "Authorization: Bearer")
        )
        [by_command] = set(re.findall(r"\bsd_[0-9a-z]{12}_\w+", printed))
        # Its network is another one.
        assert await refused(url, **_bearer(by_command)) == 401
        shell(tmp_path, "stormdoor keys list", STORMDOOR_STORE="sqlite:door.db")


def _script(page: str, *but: str) -> str:
    """The commands of a page, but those that begin like this."""
    return "\n".join(one for one in commands(HOW_TO / page) if not one.startswith(but))


async def test_broadcast() -> None:
    """Each hears what its role may see, until the role is taken away."""
    page = module_of(HOW_TO / "broadcast.md")
    guard = page.guard
    async with serving(page.app, guard) as host:
        clients = {}
        for name in ("nurse", "technician", "visitor"):
            await guard.admin.add_principal(name, roles=[name])
            issued = await guard.admin.issue_key(name, name="x", scopes=["*"])
            clients[name] = await connect(f"ws://{host}/wards", **_bearer(issued.secret))
            await clients[name].send('{"type":"watch","ward":"3"}')
            assert json.loads(await clients[name].recv())["type"] == "watching"
        assert page.measured("3", "Ann", 70) == 2
        assert json.loads(await clients["nurse"].recv()) == {
            "type": "pulse",
            "pulse": 70,
            "patient": "Ann",
        }
        assert json.loads(await clients["technician"].recv()) == {"type": "pulse", "pulse": 70}
        assert guard.statistics.withheld == 1
        assert page.measured("4", "Bob", 70) == 0
        await guard.admin.withdraw_role("technician", "technician")
        assert await closed(clients["technician"]) == 3003
        assert page.measured("3", "Ann", 71) == 1
        for client in clients.values():
            await client.close()


@pytest.mark.extended
async def test_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call ends what its row says, and no more."""
    monkeypatch.chdir(tmp_path)
    page = module_of(HOW_TO / "revoke.md", PROXY)
    guard = page.guard
    async with serving(page.app, guard) as host:
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        await guard.admin.add_principal("bob", password=PASSWORD, roles=["member"])

        async def opened(name: str) -> Any:
            headers = {"X-Forwarded-Proto": "https", **await log_in(host, name)}
            return await connect(f"ws://{host}/feed", origin=ORIGIN, additional_headers=headers)

        bystander = await opened("bob")

        socket = await opened("alice")
        assert await page.account_taken_over("alice", PASSWORD) == 1
        assert await closed(socket) == 3000
        socket = await opened("alice")
        assert await page.all_of("alice") == 1
        assert await closed(socket) == 3000
        socket = await opened("alice")
        [line] = page.connected("alice")
        done = await guard.admin.revoke(Target.CONNECTION, line.split()[0])
        assert done.closed == 1
        assert await closed(socket) == 3000
        socket = await opened("alice")
        assert await page.demote("alice") == 1
        assert await closed(socket) == 3003
        await page.promote("alice")
        socket = await opened("alice")
        assert await page.leaves("alice") == 1
        assert await closed(socket) == 3000
        answer = await fetch(
            host, "POST", "/auth/login", {"username": "alice", "password": PASSWORD}
        )
        assert answer.code == 401
        await guard.admin.set_disabled("alice", False)
        socket = await opened("alice")
        assert await page.from_before_the_mend(1.0) == 0
        await guard.admin.add_principal("ada", password=PASSWORD, roles=["desk"])
        order = {"target": "principal", "value": "alice", "reason": "seen from two countries"}
        desk = await log_in(host, "ada")
        answer = await fetch(host, "POST", "/auth/revocations", order, **desk)
        assert json.loads(answer.body) == {"closed": 1, "known": True}
        assert await closed(socket) == 3000
        socket = await opened("alice")
        for _ in range(4):  # each fourth beat writes the list of connections
            await guard.tick()
        # A command that finds nothing to end says so with 1.
        script = _script("revoke.md").replace("\n", " || test $? = 1\n")
        listed = await asyncio.to_thread(shell, tmp_path, script)
        # In the server, which is another process than the command.
        assert await closed(socket) == 3000
        assert "bob" in listed

        await bystander.send("still here")
        assert await bystander.recv() == "still here"
        await bystander.close()


@pytest.mark.extended
async def test_policies_in_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file makes a guard, and its policies follow it into an open socket."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAIL_KEY", secrets.token_hex(32))
    path = HOW_TO / "policies-in-toml.md"
    [block] = blocks(path, "toml")
    file = tmp_path / block.caption
    file.write_text(block.text)
    checked = [one for one in commands(path) if one.startswith("stormdoor check")]
    assert len(checked) == 2
    await asyncio.to_thread(shell, tmp_path, checked[0])
    # The test talks to this machine by its number.
    file.write_text('hosts = ["app.example", "127.0.0.1"]\n' + block.text)
    page = module_of(path)
    guard = page.guard
    async with serving(page.app, guard) as host:
        await guard.admin.add_principal("mia", roles=["moderator"])
        issued = await guard.admin.issue_key("mia", name="x", scopes=["*"])
        say = '{"type":"say","room":"lobby","text":"hello"}'
        async with connect(f"ws://{host}/chat", **_bearer(issued.secret)) as client:
            await client.send(say)
            assert json.loads(await client.recv()) == {"type": "said", "text": "hello"}
            await client.send(say.replace("lobby", "archive"))
            assert json.loads(await client.recv())["error"] == "forbidden"
            sound = file.read_text()
            file.write_text(sound.replace("legal", "lobby"))
            page.policies.on_hangup()
            before = guard.policies
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(60):
                while guard.policies is before:
                    await asyncio.sleep(0.01)
            await client.send(say)
            assert json.loads(await client.recv())["error"] == "forbidden"
            file.write_text(sound.replace("chat:say", "Chat:Say"))
            assert page.policies.try_reload() is None
            assert f"{file.name}:" in caplog.text
            file.write_text(sound.replace('"chat:connect", ', ""))
            page.policies.reload()
            assert await closed(client) == 3003
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
    explain = [one for one in commands(path) if one.startswith("stormdoor explain")]
    file.write_text(sound)
    why = await asyncio.to_thread(
        shell, tmp_path, f"{explain[0]} --role moderator --address 10.1.2.3 || true"
    )
    assert "announce-from-the-office" in why


@pytest.mark.extended
async def test_trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail verifies, shows a change, and stays whole when a principal is erased."""
    monkeypatch.setenv("TRAIL_KEY", secrets.token_hex(32))
    monkeypatch.chdir(tmp_path)
    page = module_of(HOW_TO / "trail.md", HERE)
    guard = page.guard
    async with serving(page.app, guard) as host:
        await guard.admin.add_principal("sensor", roles=[])
        issued = await guard.admin.issue_key("sensor", name="x", scopes=["*"])
        assert await refused(f"ws://{host}/feed", **_bearer(issued.secret)) == 403
        await guard.trail.flush()
        assert await page.first_fault() is None
        [line] = await page.refused_of("sensor")
        assert line.startswith("authz_fail forbidden /feed")
        assert await page.forget("sensor") >= 2
        assert await page.refused_of("sensor") == []
        assert await page.first_fault() is None
        assert await page.keep_ninety_days() == 0
        shown = await asyncio.to_thread(shell, tmp_path, _script("trail.md"))
        assert "user_data_erased" in shown
        exported = (tmp_path / "trail.jsonl").read_text().splitlines()
        assert len(exported) == len(await guard.state.trail.entries())
        page.TRAIL_KEY = b"another key of the same length !"
        assert "was changed, or the key is another" in await page.first_fault()


async def test_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics are for those with the token, and hold the names that the page watches."""
    monkeypatch.setenv("METRICS_TOKEN", "metrics token")
    path = HOW_TO / "metrics.md"
    page = module_of(path, HERE)
    async with serving(page.app, page.guard) as host:
        assert await refused(f"ws://{host}/feed", origin="https://evil.example") == 403
        assert (await fetch(host, "GET", "/metrics")).code == 401
        answer = await fetch(host, "GET", "/metrics", Authorization="Bearer metrics token")
    text = answer.body.decode()
    assert 'stormdoor_handshakes_refused_total{cause="origin-not-allowed"} 1.0' in text
    for name in set(_metric_names(path.read_text("utf-8"))):
        assert name.removesuffix("_total") in text, name


def _metric_names(text: str) -> list[str]:
    return re.findall(r"\bstormdoor_\w+", text)


async def test_write_an_authenticator() -> None:
    """The authenticator of the page accepts what is signed and fresh, and nothing else."""
    page = module_of(HOW_TO / "write-an-authenticator.md")
    key = b"0123456789abcdef" * 2

    def header(name: str, at: float, secret: bytes = key) -> dict[str, Any]:
        signature = hmac.new(secret, f"{name} {at}".encode(), hashlib.sha256).hexdigest()
        return {"additional_headers": {"X-Gateway": f"{name} {at} {signature}"}}

    now = time.time()
    async with serving(page.app, page.guard) as host:
        url = f"ws://{host}/feed"
        assert await speak(url, "x", **header("alice", now)) == ["x"]
        assert await refused(url, **header("alice", now - 61)) == 401
        assert await refused(url, **header("alice", now + 60)) == 401
        assert await refused(url, **header("alice", now, b"another key" * 3)) == 401
        assert await refused(url, additional_headers={"X-Gateway": "nonsense"}) == 401
        assert await refused(url) == 401


class _Open(WebSocketHandler):
    """Answers every client, from every page."""

    def check_origin(self, origin: str) -> bool:
        return True

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


async def test_the_test_of_write_an_authenticator() -> None:
    """The test that the page shows passes against its guard, and fails against an open handler."""
    path = HOW_TO / "write-an-authenticator.md"
    await module_of(path).test_only_the_gateway_opens_the_socket()
    page = module_of(path)
    page.app = Application([("/feed", _Open)])
    with pytest.raises(AssertionError, match="a forged header opened the socket"):
        await page.test_only_the_gateway_opens_the_socket()
