"""The pages of the built-in login: they lead a browser without scripts in, on to its path, and out again."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher

from stormdoor import LoginAppearance, login_routes
from stormdoor.guard.references import is_reference
from stormdoor.testing.contract.support import factor
from stormdoor.tornado.login_pages import LoginPages
from stormdoor.tornado.login_texts import LANGUAGES
from tests.guard.fakes import ORIGIN, make_guard
from tests.support.references import without_reference
from tests.tornado.login_client import Answer, LoginClient
from tests.tornado.wire import serving

PASSWORD = "correct horse battery"


class _Forms(HTMLParser):
    """Collects the addresses of forms and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.links: list[str] = []
        self.fields: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        match tag:
            case "form":
                assert said["method"] == "post"
                self.actions.append(said["action"] or "")
            case "a":
                self.links.append(said["href"] or "")
            case "input":
                self.fields.append(said["name"] or "")


@dataclass
class _Site:
    guard: Any
    browser: LoginClient

    async def submit(self, page: Answer, fields: dict[str, str], *, form: int = 0) -> Answer:
        """Send a form of a page."""
        action = _Forms(page.body).actions[form]
        body = {name: quote(said) for name, said in fields.items()}
        return await self.browser.send("POST", action, body, form=True)

    async def arrive(self, done: Answer) -> str:
        """Follow the redirection after a login, which looks for the cookie. Returns the address behind it."""
        found = await self.browser.get(done.headers["Location"])
        assert found.status == 303, found.body
        return found.headers["Location"]


@asynccontextmanager
async def _site(*, proxied: bool = False, **options: Any) -> AsyncIterator[_Site]:
    proxies = ["127.0.0.1"] if proxied else []
    guard = make_guard(insecure_allow_any_host=True, secrets_key=b"k" * 32, trusted_proxies=proxies)
    routes = login_routes(guard, endpoint="/ws", built_in_pages=True, **options)
    async with serving(routes, guard, "chat:connect") as at:
        await guard.admin.add_principal("alice", password=PASSWORD, roles=["member"])
        browser = LoginClient(at.port, origin=ORIGIN, prefix="")
        browser.headers = {"X-Forwarded-Proto": "https"} if proxied else {}
        yield _Site(guard, browser)


_ALICE = {"username": "alice", "password": PASSWORD}


@pytest.mark.parametrize("path", ["/auth/login", "/auth/second-factor", "/auth/logout"])
async def test_a_page_needs_no_script_and_may_do_little(path: str) -> None:
    """No script, no other host, no frame; the only style is the one that the policy names."""
    async with _site() as site:
        page = await site.browser.get(f"{path}?error=<script>alert(1)</script>&next=//evil.example")
        assert page.status == 200
        assert "script" not in page.body
        assert "evil" not in page.body
        policy = page.headers["Content-Security-Policy"]
        (style,) = re.findall(r"<style>(.*)</style>", page.body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["Cache-Control"] == "no-store"
        # "no-referrer" would make browsers send "Origin: null" with the form.
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert 'name="viewport"' in page.body
        assert "prefers-color-scheme:dark" in page.body


async def test_a_browser_logs_in_goes_on_and_logs_out() -> None:
    """The page returns to the asked path; the page of the logout ends the session."""
    async with _site(after_login="/home") as site:
        page = await site.browser.get("/auth/login?next=%2Flab%3Ffile%3Da%26b")
        wrong = await site.submit(page, {"username": "alice", "password": "wrong"})
        assert wrong.status == 303
        page = await site.browser.get(wrong.headers["Location"])
        assert "Wrong name or password." in page.body
        done = await site.submit(page, _ALICE)
        assert (done.status, await site.arrive(done)) == (303, "/lab?file=a&b")
        assert (await site.browser.get("/auth/session")).body["principal"] == "alice"
        again = await site.browser.get("/auth/login?next=/lab")
        assert "Signed in as alice" in again.body
        assert _Forms(again.body).links == ["/lab"]
        page = await site.browser.get("/auth/logout")
        out = await site.submit(page, {})
        assert (out.status, out.headers["Location"]) == (303, "/auth/logout")
        assert (await site.browser.get("/auth/session")).status == 401
        assert _Forms((await site.browser.get("/auth/logout")).body).links == ["/auth/login"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "next_path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/.//evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/auth/logout",
        "/auth/login?next=/lab",
        "lab",
        "",
        "/" + "a" * 600,
    ],
)
async def test_the_login_returns_only_to_paths_of_the_application(next_path: str) -> None:
    """Another origin, and a route of the login itself, are ignored, on the page and in the POST."""
    async with _site(after_login="/home") as site:
        asked = quote(next_path, safe="")
        page = await site.browser.get(f"/auth/login?next={asked}")
        assert _Forms(page.body).actions == ["/auth/login"]
        body = {name: quote(said) for name, said in _ALICE.items()}
        done = await site.browser.send("POST", f"/auth/login?next={asked}", body, form=True)
        assert (done.status, await site.arrive(done)) == (303, "/home")


async def test_a_second_factor_is_asked_for_on_a_page_of_its_own() -> None:
    """A code or a recovery code completes the login, and the path to return to is kept."""
    async with _site() as site:
        await site.browser.post("/auth/login", _ALICE)
        site.browser.prefix = "/auth"
        device, codes = await site.browser.enrol_totp(site.guard.clock.now())
        site.browser.prefix = ""
        for form, field, code in ((0, "totp", device), (1, "recovery_code", codes[0])):
            site.browser.cookies.clear()
            site.guard.clock.advance(60.0)
            page = await site.browser.get("/auth/login?next=/lab")
            waits = await site.submit(page, _ALICE)
            assert waits.headers["Location"] == "/auth/second-factor?signed-in=1&next=%2Flab"
            asks = await site.arrive(waits)
            assert asks == "/auth/second-factor?next=%2Flab"
            page = await site.browser.get(asks)
            wrong = await site.submit(page, {"totp": "000000"})
            page = await site.browser.get(wrong.headers["Location"])
            assert "That code is not right" in page.body
            said = code if isinstance(code, str) else code.at(int(site.guard.clock.now()))
            done = await site.submit(page, {field: said}, form=form)
            assert (done.status, await site.arrive(done)) == (303, "/lab")


async def test_a_form_of_a_foreign_page_logs_no_one_in() -> None:
    """The pages change no rule: the Origin of the form must be allowed (login CSRF)."""
    async with _site() as site:
        site.browser.origin = "https://evil.example"
        body = {name: quote(said) for name, said in _ALICE.items()}
        answer = await site.browser.send("POST", "/auth/login?next=/lab", body, form=True)
        assert answer.status == 403
        assert not answer.set_cookies


async def test_the_pages_tell_nothing_about_accounts() -> None:
    """A wrong password, an unknown name and a disabled account give the same page."""
    async with _site() as site:
        await site.guard.admin.add_principal("dora", password=PASSWORD)
        await site.guard.admin.set_disabled("dora", True)
        seen = set()
        for name in ("alice", "nobody-of-that-name", "dora"):
            page = await site.browser.get("/auth/login")
            answer = await site.submit(page, {"username": name, "password": "wrong-" + PASSWORD})
            shown = await site.browser.get(answer.headers["Location"])
            location = without_reference(answer.headers["Location"])
            seen.add((answer.status, location, without_reference(shown.body)))
        assert len(seen) == 1


async def test_the_page_shows_the_reference_of_the_refusal() -> None:
    """The trail has the same one. A page shows no other text of its address."""
    async with _site() as site:
        page = await site.browser.get("/auth/login")
        answer = await site.submit(page, {"username": "alice", "password": "wrong"})
        shown = await site.browser.get(answer.headers["Location"])
        await site.guard.trail.flush()
        ref = (await site.guard.state.trail.entries())[-1].event.ref
        assert is_reference(ref)
        assert f"Reference <b>{ref}</b>" in shown.body
        for forged in ("%3Cb%3E0000000", "call-555-1234", "0" * 11):
            shown = await site.browser.get(f"/auth/login?error=unauthenticated&ref={forged}")
            assert "Wrong name or password." in shown.body
            assert 'class="ref"' not in shown.body


async def test_login_tells_nothing_about_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: one status, body, header set and number of hashes for each refused name and password."""
    hashes: list[str] = []
    real = PasswordHasher.verify

    def counted(self: PasswordHasher, stored: str, typed: bytes) -> bool:
        hashes.append(stored)
        return real(self, stored, typed)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    async with _site() as site:
        admin = site.guard.admin
        await admin.add_principal("dora", password=PASSWORD)
        await admin.set_disabled("dora", True)
        await admin.add_principal("without-password")
        await admin.add_principal("fay", password=PASSWORD)
        await site.guard.state.factors.add_factor(factor("f1", "fay"))
        seen = set()
        wrong = [(name, "wrong") for name in ("alice", "ghost", "dora", "without-password", "fay")]
        for name, password in [*wrong, ("dora", PASSWORD)]:
            hashes.clear()
            answer = await site.browser.send(
                "POST", "/auth/login", {"username": name, "password": password}
            )
            assert not answer.set_cookies
            headers = {key: said for key, said in answer.headers.items() if key != "Date"}
            said = str(without_reference(answer.body))
            seen.add((answer.status, said, str(headers), len(hashes)))
        [(status, *_, count)] = seen
        assert (status, count) == (401, 1)
        body = {"username": "fay", "password": PASSWORD}
        assert (await site.browser.send("POST", "/auth/login", body)).status == 202


def test_a_name_that_is_written_from_right_to_left() -> None:
    """It is isolated, so that it cannot reorder the heading; it is escaped there and in the title."""
    pages = LoginPages(LoginAppearance())
    page = pages.logout("<b>\u05d0\u202e", logout="/out", login="/in")
    assert "<h1>Signed in as <bdi>&lt;b&gt;\u05d0\u202e</bdi></h1>" in page
    assert "<b>" not in page


async def test_without_the_option_there_is_no_page() -> None:
    """The routes answer as before: no GET, and no return to a path."""
    guard = make_guard(insecure_allow_any_host=True)
    async with serving(login_routes(guard, endpoint="/ws"), guard, "chat:connect") as at:
        await guard.admin.add_principal("alice", password=PASSWORD)
        browser = LoginClient(at.port, origin=ORIGIN, prefix="")
        assert (await browser.get("/auth/login")).status == 405
        body = {name: quote(said) for name, said in _ALICE.items()}
        done = await browser.send("POST", "/auth/login?next=/lab", body, form=True)
        assert done.headers["Location"] == "/"


async def test_a_lost_cookie_is_explained(caplog: pytest.LogCaptureFixture) -> None:
    """A browser that drops the cookie gets the reason and the ways out; the log has the lines to write."""
    async with _site() as site:
        page = await site.browser.get("/auth/login?next=/lab")
        done = await site.submit(page, _ALICE)
        assert "=" not in done.headers["Location"].replace("signed-in=1", "").replace("next=", "")
        site.browser.cookies.clear()
        page = await site.browser.get(done.headers["Location"])
        assert page.status == 200
        assert "Your browser did not keep the cookie" in page.body
        for way in ("stormdoor run --tls-self-signed", "Firefox", "insecure_plaintext = true"):
            assert way in page.body
        assert _Forms(page.body).actions == ["/auth/login?next=%2Flab"]
        (line,) = [one for one in caplog.records if one.name == "stormdoor.login"]
        assert "--tls-self-signed" in line.getMessage()
        assert "127.0.0.1" in line.getMessage()


async def test_a_cookie_lost_over_tls_has_another_reason(caplog: pytest.LogCaptureFixture) -> None:
    """Over https:// the browser refuses all cookies of the site, and TLS is no way out."""
    async with _site(proxied=True) as site:
        page = await site.browser.get("/auth/login?signed-in=1")
        assert "Allow cookies for this site" in page.body
        assert "tls-self-signed" not in page.body
        assert "insecure_plaintext" not in caplog.text


async def test_the_cookie_of_a_second_factor_may_be_lost_as_well() -> None:
    """The browser is not told "Wrong name or password" after the right ones and a code."""
    async with _site() as site:
        await site.browser.post("/auth/login", _ALICE)
        site.browser.prefix = "/auth"
        await site.browser.enrol_totp(site.guard.clock.now())
        site.browser.prefix = ""
        site.browser.cookies.clear()
        waits = await site.submit(await site.browser.get("/auth/login?next=/lab"), _ALICE)
        late = await site.browser.get("/auth/second-factor?next=/lab")
        site.browser.cookies.clear()
        lost = await site.browser.get(waits.headers["Location"])
        assert lost.headers["Location"] == "/auth/login?signed-in=1&next=%2Flab"
        page = await site.browser.get(lost.headers["Location"])
        assert "Your browser did not keep the cookie" in page.body
        late = await site.submit(late, {"totp": "000000"})
        page = await site.browser.get(late.headers["Location"])
        assert "The sign-in took too long." in page.body
        assert "Wrong name" not in page.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
async def test_a_link_of_another_site_says_nothing_about_cookies(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """It shows the usual page, writes no line for the operator, and leads no session on by itself."""
    async with _site() as site:
        address = "/auth/login?signed-in=1&next=/lab"
        plain = (await site.browser.get("/auth/login?next=/lab")).body
        site.browser.headers = headers
        assert (await site.browser.get(address)).body == plain
        assert (await site.browser.get("/auth/second-factor?signed-in=1")).status == 200
        assert not [one for one in caplog.records if one.name == "stormdoor.login"]
        site.browser.headers = {}
        await site.browser.post("/auth/login", _ALICE)
        assert (await site.browser.get(address)).status == 303
        site.browser.headers = headers
        page = await site.browser.get(address)
        assert (page.status, _Forms(page.body).links) == (200, ["/lab"])


async def test_lost_cookies_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """A client that says so without end writes ten lines a minute."""
    async with _site() as site:
        for _ in range(15):
            await site.browser.get("/auth/session?signed-in=1")
        lines = [one for one in caplog.records if one.name == "stormdoor.login"]
        assert len(lines) == 10


async def test_a_script_learns_of_a_lost_cookie() -> None:
    """A page of the application asks after its login; an ordinary question says nothing about cookies."""
    async with _site() as site:
        lost = await site.browser.get("/auth/session?signed-in=1")
        assert (lost.status, lost.body) == (401, {"error": "unauthenticated", "cookie": "lost"})
        assert (await site.browser.get("/auth/session")).body == {"error": "unauthenticated"}
        await site.browser.post("/auth/login", _ALICE)
        assert (await site.browser.get("/auth/session?signed-in=1")).body["principal"] == "alice"


async def test_the_page_says_that_a_session_has_ended() -> None:
    """It is no error, and a second visit with a session goes on."""
    async with _site() as site:
        page = await site.browser.get("/auth/login?error=session-ended&next=/lab")
        assert '<p role="status">Your session has ended.' in page.body
        assert _Forms(page.body).actions == ["/auth/login?next=%2Flab"]
        await site.browser.post("/auth/login", _ALICE)
        page = await site.browser.get("/auth/login?error=session-ended&next=/lab")
        assert _Forms(page.body).links == ["/lab"]


async def test_password_managers_know_the_fields() -> None:
    """One form, with the names, ids and purposes that they look for; they do not change with the language."""
    async with _site() as site:
        for language in LANGUAGES:
            site.browser.headers = {"Accept-Language": language}
            page = (await site.browser.get("/auth/login")).body
            assert page.count("<form") == 1
            assert 'id="username" name="username" autocomplete="username"' in page
            assert (
                'id="password" name="password" type="password" autocomplete="current-password"'
                in page
            )
            assert page.count('for="username"') == page.count('for="password"') == 1


@pytest.mark.parametrize(
    ("accepted", "lang", "text"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de", "Anmelden"),
        ("nl, fr;q=0.4, es;q=0.7", "es", "Iniciar"),
        ("ja", "ja", "\u30ed\u30b0\u30a4\u30f3"),
        ("zh-TW,zh;q=0.9", "zh-Hans", "\u767b\u5f55"),
        ("fr;q=0, en", "en", "Sign in"),
        ("nl", "en", "Sign in"),
        ("de;q=nan, de;q=x, ;;,", "en", "Sign in"),
        ("de;q=inf", "en", "Sign in"),
        ("<script>", "en", "Sign in"),
        ("en," * 3000 + "de", "en", "Sign in"),
    ],
)
async def test_the_pages_speak_the_language_of_the_browser(
    accepted: str, lang: str, text: str
) -> None:
    """The page says which language it has. A language without texts gets English."""
    async with _site() as site:
        site.browser.headers = {"Accept-Language": accepted[:4000]}
        page = (await site.browser.get("/auth/login")).body
        assert f'<html lang="{lang}">' in page
        assert text in page


async def test_the_operator_names_and_colours_the_pages() -> None:
    """Name, colour and notice are on each page, escaped, with the style that the policy allows."""
    appearance = LoginAppearance(name="<b>Lab</b>", color="#fe0", notice="Down at 8.\n<i>Sorry</i>")
    async with _site(appearance=appearance) as site:
        for path in ("/auth/login", "/auth/second-factor", "/auth/logout"):
            page = await site.browser.get(path)
            assert "&lt;b&gt;Lab&lt;/b&gt;</title>" in page.body
            assert (
                '<p class="notice" dir="auto">Down at 8.\n&lt;i&gt;Sorry&lt;/i&gt;</p>' in page.body
            )
            assert ":root{--main:#fe0;--on:#000;--edge:var(--line)}" in page.body
            (style,) = re.findall(r"<style>(.*)</style>", page.body, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]
