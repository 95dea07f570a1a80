"""The guides about clients: a page with the browser client, an app, an old cookie that becomes a session."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.web import create_signed_value
from websockets.asyncio.client import connect

from stormdoor import Guard, Target
from tests.docs.pages import (
    Program,
    blocks,
    closed,
    free_port,
    module_of,
    refused,
    serving,
    speak,
)
from tests.support import js_client
from tests.support.loops import in_a_thread
from tests.support.project import ROOT
from tests.tornado.login_client import LoginClient
from tests.tornado.wire import serving as listening

HOW_TO = ROOT / "docs" / "how-to"
SPA = HOW_TO / "single-page-application.md"
MOBILE = HOW_TO / "mobile.md"
COOKIES = HOW_TO / "migrate-from-signed-cookies.md"
PASSWORD = "correct horse battery"
HERE = {"https://app.example": "http://127.0.0.1:1"}
ORIGIN: Any = "http://127.0.0.1:1"


@contextmanager
def _in_a_thread(page: Any, port: int) -> Iterator[asyncio.AbstractEventLoop]:
    """The application of a page, served beside a browser."""

    @asynccontextmanager
    async def serve() -> AsyncIterator[None]:
        async with listening(page.app, page.guard, port=port):
            await page.guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
            yield

    with in_a_thread(serve) as (_, loop):
        yield loop


@pytest.mark.extended
@pytest.mark.browser
def test_single_page_application(chromium: str, tmp_path: Path) -> None:
    """The page logs in, speaks, proves itself again on the open socket, and shows the login at the end."""
    from playwright.sync_api import sync_playwright

    port = free_port()
    for block in blocks(SPA):
        if block.caption.startswith("static/"):
            (tmp_path / Path(block.caption).name).write_text(block.text, encoding="utf-8")
    [token] = [one.text for one in blocks(SPA) if one.caption == "token.js"]
    (tmp_path / "token.js").write_text(token, encoding="utf-8")
    page = module_of(SPA, {"127.0.0.1:8888": f"127.0.0.1:{port}", '"static"': repr(str(tmp_path))})
    guard: Guard = page.guard
    with _in_a_thread(page, port) as loop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            tab = browser.new_context().new_page()
            faults: list[str] = []
            tab.on("pageerror", lambda error: faults.append(str(error)))
            tab.goto(f"http://127.0.0.1:{port}/")
            tab.fill("#login [name=username]", "alice")
            tab.fill("#login [name=password]", PASSWORD)
            tab.click("#login button")
            tab.wait_for_selector("#state:text-is('open')")
            tab.fill("#say [name=text]", "hello")
            tab.click("#say button")
            tab.wait_for_selector("#log li:text-is('alice: hello')")
            other = tab.context.new_page()
            other.goto(f"http://127.0.0.1:{port}/")
            other.wait_for_selector("#state:text-is('open')")
            other.fill("#say [name=text]", "from the other tab")
            other.click("#say button")
            tab.wait_for_selector("#log li:text-is('alice: from the other tab')")

            # An hour passes.
            now = guard.clock.now

            async def later() -> None:
                for one in guard.registry:
                    old = one.authentication.authenticated_at
                    one.authentication = replace(one.authentication, authenticated_at=old - 3600)

            asyncio.run_coroutine_threadsafe(later(), loop).result(5)
            assert now() > 0
            sockets = len(guard.registry)
            tab.click("#clear")
            tab.fill("#again [name=password]", PASSWORD)
            tab.click("#again button")
            tab.wait_for_function("document.querySelectorAll('#log li').length === 0")
            assert len(guard.registry) == sockets
            found = tab.evaluate(
                """async () => {
                    const { connect } = await import("/token.js");
                    return connect("ws://" + location.host + "/chat").state.name;
                }"""
            )
            assert found == "idle"
            tab.evaluate("fetch('/auth/logout', {method: 'POST'})")
            tab.wait_for_selector("#login:not([hidden])")
            assert tab.inner_text("#state") == "closed"
            assert faults == []
        finally:
            browser.close()


@pytest.mark.installs
@pytest.mark.xdist_group("client")
def test_typescript_of_the_page(tmp_path: Path) -> None:
    """The types of the page are those of the client, as its own compiler sees them."""
    client = js_client.checkout()
    [text] = [one.text for one in blocks(SPA, "ts")]
    source = (client / "src" / "index.js").as_posix()
    (tmp_path / "chat.ts").write_text(text.replace('"stormdoor"', f'"{source}"'), encoding="utf-8")
    options = "--noEmit --strict --target es2022 --module nodenext --moduleResolution nodenext"
    compiler = str(client / "node_modules" / ".bin" / "tsc")
    done = js_client.run(
        [compiler, *options.split(), "--lib", "es2023,dom", str(tmp_path / "chat.ts")], client
    )
    assert done.returncode == 0, done.stdout


async def _device(client: LoginClient, name: str) -> str:
    """Log in, and say which device this is."""
    assert (await client.log_in("alice", PASSWORD)).status == 200
    client.prefix = "/app"
    answer = await client.post("/device", {"device": name})
    client.prefix = "/auth"
    assert answer.status == 200
    return str(answer.body["device"])


async def test_mobile() -> None:
    """The app lives through background, refresh, and the loss of its device; another device goes on."""
    page = module_of(MOBILE, HERE | {"origins=": 'hosts=["127.0.0.1"], origins='})
    [text] = [one.text for one in blocks(MOBILE, "python") if one.caption]
    names: dict[str, Any] = {}
    exec(compile(text, "app_client.py", "exec"), names)  # noqa: S102 - the page's own program
    guard: Guard = page.guard
    async with serving(page.app, guard) as host:
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        port = int(host.partition(":")[2])
        phone, tablet = LoginClient(port), LoginClient(port)
        device = await _device(phone, "phone-7f3a")
        assert device == "alice/phone-7f3a"
        await _device(tablet, "tablet-1")

        async def access_token() -> str:
            answer = await phone.post("/token")
            if answer.status == 401:
                raise names["LoginNeeded"]
            return str(answer.body["access_token"])

        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def says(text: str) -> str:
            async with asyncio.timeout(60):
                while link._socket is None:
                    await asyncio.sleep(0.01)
                await link.send({"type": "say", "text": text})
                while True:
                    message = await heard.get()
                    if message["type"] == "said":
                        return str(message["text"])

        link = names["Link"](f"ws://{host}/inbox", access_token, heard.put_nowait)
        link.foreground()
        assert await says("one") == "one"
        await link.background()
        async with asyncio.timeout(60):
            while len(guard.registry):
                await asyncio.sleep(0.01)
        link.foreground()
        assert await says("two") == "two"
        [connection] = list(guard.registry)
        before = connection.authentication.credential_id
        assert connection.sink is not None
        connection.sink.deliver('{"type":"stormdoor.expiring","expires_in":60}')
        async with asyncio.timeout(60):
            while connection.authentication.credential_id == before:
                await asyncio.sleep(0.01)
        assert (await heard.get())["type"] == "stormdoor.refreshed"
        other = (await tablet.post("/token")).body["access_token"]
        offered: Any = ["stormdoor.v1", f"stormdoor.bearer.{other}"]
        stolen = await access_token()
        async with connect(f"ws://{host}/inbox", subprotocols=offered) as second:
            assert await page.lost(device) == 1
            with pytest.raises(names["LoginNeeded"]):
                await asyncio.wait_for(link.ended(), 60)
            await second.send('{"type":"say","text":"still here"}')
            assert json.loads(await second.recv())["text"] == "still here"
        bearer = {"Authorization": f"Bearer {stolen}"}
        assert await refused(f"ws://{host}/inbox", additional_headers=bearer) == 401


async def _exchange(host: str, cookie: str) -> tuple[int, str]:
    """Post the cookie; the status, and the cookie that came for it."""
    answer = await AsyncHTTPClient(force_instance=True).fetch(
        f"http://{host}/auth/exchange",
        method="POST",
        body="",
        headers={"Origin": ORIGIN, "Cookie": cookie},
        raise_error=False,
    )
    set_cookies = answer.headers.get_list("Set-Cookie")
    session = next((one for one in set_cookies if one.startswith("__Host-stormdoor=")), "")
    if answer.code == 200:
        assert any(re.match(r'user="";', one) for one in set_cookies)
    return answer.code, session.partition(";")[0]


async def test_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old cookies and sessions side by side, the exchange, and then sessions alone."""
    monkeypatch.setenv("COOKIE_SECRET", "the secret of the old application, 32+")
    page = module_of(COOKIES, HERE | {"origins=": 'hosts=["127.0.0.1"], origins='})
    guard: Guard = page.guard

    def old(name: str) -> str:
        return f"user={create_signed_value(page.SECRET, 'user', name).decode()}"

    def with_cookie(cookie: str) -> dict[str, Any]:
        return {"origin": ORIGIN, "additional_headers": {"Cookie": cookie}}

    async with serving(page.app, guard) as host:
        await page.bring([("alice", "x"), ("bob", "x")])
        await page.bring([("alice", "x")])
        url = f"ws://{host}/feed"
        assert await speak(url, "hello", **with_cookie(old("alice"))) == ["hello"]
        assert await _exchange(host, old("nobody")) == (401, "")
        assert await _exchange(host, "user=forged") == (401, "")
        status, session = await _exchange(host, old("alice"))
        assert status == 200
        assert await speak(url, "hello", **with_cookie(session)) == ["hello"]
        both = f"{session}; {old('alice')}"
        assert await refused(url, **with_cookie(both)) == 400
        assert await _exchange(host, both) == (200, "")
        [found] = await guard.sessions.sessions("alice")
        assert found.authenticated_at <= found.created_at
        async with connect(url, **with_cookie(old("bob"))) as client:
            stolen = old("bob")
            await guard.admin.revoke(Target.PRINCIPAL, "bob", reason="stolen")
            assert await closed(client) == 3000
        assert await _exchange(host, stolen) == (401, "")
        assert await guard.sessions.sessions("bob") == []


def test_every_kind_of_client_has_a_page() -> None:
    """The page that compares credentials leads to each guide about one, and each guide is there."""
    text = (ROOT / "docs" / "explanation" / "which-credential.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\.\./how-to/([a-z-]+)\.md", text))
    assert {
        *("single-page-application", "mobile", "service-to-service", "device-fleet"),
        *("behind-nginx", "behind-an-identity-proxy", "openid-login", "oauth-resource-server"),
        *("migrate-from-signed-cookies", "first-message", "api-keys", "jwt"),
    } <= linked
    assert {name for name in linked if not (HOW_TO / f"{name}.md").is_file()} == set()


def test_each_name_of_the_client_is_described() -> None:
    """The page of the browser client has a heading for each exported name, its members and options."""
    source = ROOT / "clients" / "js" / "src"
    text = (ROOT / "docs" / "reference" / "browser-client.md").read_text(encoding="utf-8")
    exports = re.findall(r"export (?:type )?\{(.*?)\}", (source / "index.ts").read_text("utf-8"))
    names = {one.strip().removeprefix("type ") for line in exports for one in line.split(",")}
    assert len(names) > 15
    assert set(re.findall(r"^## `(\w+)`$", text, re.MULTILINE)) == names
    table = text.partition("| --- | --- |")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", table)) == names
    for file in source.glob("*.ts"):
        for kind, fields in re.findall(
            r"export interface (\w+)[^{]*\{\n(.*?)\n\}", file.read_text("utf-8"), re.DOTALL
        ):
            section = text.partition(f"## `{kind}`\n")[2].partition("\n## ")[0]
            for field in re.findall(r"^  (\w+)\??:", fields, re.MULTILINE):
                assert f"`{field}" in section or f"{{ {field} }}" in section, (kind, field)
    methods = re.findall(
        r"^  (?:async |get )?(?!constructor)(\w+)(?:<.*>)?\(",
        (source / "door.ts").read_text("utf-8"),
        re.MULTILINE,
    )
    section = text.partition("## `Door`\n")[2].partition("\n## ")[0]
    assert {one for one in methods if f"\n`{one}" not in section} == set()


@pytest.mark.extended
def test_first_message_example(tmp_path: Path) -> None:
    """`examples/first_message.py`: let in by its first message, refreshed; another one is sent away."""
    text = (ROOT / "examples" / "first_message.py").read_text(encoding="utf-8")
    with Program(tmp_path, text, "first_message.py") as server:
        lines = [line for _, line in zip(range(5), server.lines(), strict=False)]
    assert [json.loads(line)["type"] for line in lines[:4]] == [
        *("stormdoor.authenticated", "noted"),
        *("stormdoor.refreshed", "noted"),
    ]
    assert lines[4] == "something else first: closed with 3000"


def test_every_example_can_be_started_from_its_table() -> None:
    """The table of the examples has each of them."""
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert {name for name in names if f"examples/{name}" not in text} == set()
