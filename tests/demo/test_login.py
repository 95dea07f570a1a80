"""Logging in and out over HTTP, and every request that could be forged."""

from __future__ import annotations

import json
import time
from typing import Any

import psutil
import pytest

from tests.demo.running import PEOPLE, Running
from tests.demo.visitor import Visitor
from tests.support.references import without_reference
from tests.tornado.wire import Wire

LOGIN = "/auth/login"


def said(answer: Wire) -> Any:
    """The JSON of an answer."""
    assert answer.header("Content-Type") == "application/json; charset=utf-8", answer.body
    return json.loads(answer.body)


def pair(demo: Running, name: str) -> dict[str, str]:
    """The right user name and password."""
    return {"username": name, "password": demo.password(name)}


# -- in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
async def test_everybody_can_log_in(name: str, demo: Running) -> None:
    """The password of the file opens a session that knows its principal and roles."""
    visitor = demo.visitor()
    answer = await visitor.post(LOGIN, pair(demo, name))
    assert answer.status == 200
    assert said(answer)["principal"] == name
    assert said(answer)["roles"] == PEOPLE[name]
    session = await visitor.get("/auth/session")
    assert said(session) == said(answer)


async def test_what_a_session_says_of_itself(demo: Running) -> None:
    """A session shows its principal, times and permissions, and no secret and no id."""
    visitor = demo.visitor()
    answer = said(await visitor.post(LOGIN, pair(demo, "alice")))
    assert set(answer) == {"principal", "roles", "expires_at", "idle_seconds", "permissions"}
    assert answer["permissions"] == ["chat:connect", "chat:hear", "chat:join", "chat:say"]
    assert answer["expires_at"] == pytest.approx(time.time() + 43_200, abs=60)
    assert answer["idle_seconds"] == 1800


async def test_the_cookie_is_out_of_reach(demo: Running) -> None:
    """`__Host-`, not for scripts, not over plaintext, not from other sites; 256 bits."""
    visitor = demo.visitor()
    answer = await visitor.post(LOGIN, pair(demo, "alice"))
    cookie = answer.header("Set-Cookie") or ""
    name, _, rest = cookie.partition("=")
    secret, *attributes = rest.split("; ")
    assert name == "__Host-stormdoor"
    assert len(secret) == 43
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    assert answer.header("Cache-Control") == "no-store"


async def test_a_form_logs_in_too(demo: Running) -> None:
    """A page without JavaScript posts a form and is sent on to the chat."""
    visitor = demo.visitor()
    answer = await visitor.post(LOGIN, pair(demo, "alice"), form=True)
    assert answer.status == 303
    assert answer.header("Location") == "/chat"
    assert said(await visitor.get("/auth/session"))["principal"] == "alice"


async def test_a_form_with_a_wrong_password_goes_back(demo: Running) -> None:
    """A wrong password in a form redirects to the login page with a message, without a cookie."""
    visitor = demo.visitor()
    wrong = {"username": "alice", "password": "not the password"}
    answer = await visitor.post(LOGIN, wrong, form=True)
    assert answer.status == 303
    location = answer.header("Location") or ""
    assert without_reference(location) == "/?error=unauthenticated"
    assert not visitor.cookies
    page = await visitor.get(location)
    assert b"Wrong name or password." in page.body


# -- not in ------------------------------------------------------------------------------------------


async def test_an_unknown_principal_looks_like_a_wrong_password(demo: Running) -> None:
    """The answer to an unknown name equals the answer to a wrong password in status, headers and body."""
    answers = []
    for name in ("alice", "nobody", "ALICE", "alice ", "sensor"):
        answer = await demo.visitor().post(LOGIN, {"username": name, "password": "wrong wrong"})
        headers = [pair for pair in answer.headers if pair[0] not in ("date", "etag")]
        answers.append((answer.status, headers, without_reference(json.loads(answer.body))))
    assert answers[0][0] == 401
    assert answers[0][2] == {"error": "unauthenticated"}
    assert all(answer == answers[0] for answer in answers)


async def test_an_unknown_principal_takes_as_long(demo: Running) -> None:
    """A password is verified in any case, against a stand-in if need be: the processor works as long."""
    process = psutil.Process(demo.process.pid)
    costs = {}
    for name in ("bob", "nobody-at-all"):
        before = process.cpu_times()
        for _ in range(5):
            await demo.visitor().post(LOGIN, {"username": name, "password": "wrong wrong"})
        after = process.cpu_times()
        costs[name] = after.user + after.system - before.user - before.system
    known, unknown = costs.values()
    assert 0.25 < unknown / known < 4.0, costs


async def test_failures_slow_down(demo: Running) -> None:
    """After five failures an address must wait, even with the right password; another address need not."""
    visitor = demo.visitor()
    wrong = {"username": "mia", "password": "wrong wrong"}
    since = await demo.mark()
    assert [(await visitor.post(LOGIN, wrong)).status for _ in range(5)] == [401] * 5
    answer = await visitor.post(LOGIN, pair(demo, "mia"))
    assert answer.status == 429
    assert without_reference(said(answer)) == {"error": "rate-limited"}
    assert int(answer.header("Retry-After") or 0) >= 1
    assert not visitor.cookies
    form = await visitor.post(LOGIN, pair(demo, "mia"), form=True)
    location = form.header("Location") or ""
    assert without_reference(location) == "/?error=rate-limited"
    await demo.visit("mia")
    failed = await demo.recorded(
        "authn_login_fail", since=since, principal="mia", address=visitor.address
    )
    assert failed["cause"] == "bad-credential"
    slowed = await demo.recorded("authn_login_fail_max", since=since, principal="mia")
    assert slowed["address"] == visitor.address
    await demo.recorded("authn_login_success", since=since, principal="mia")


MALFORMED: dict[str, tuple[Any, bool]] = {
    "nothing": (b"", False),
    "no JSON": (b"username=alice", False),
    "half of it": (b'{"username":"alice","password":', False),
    "no text": (b"\xff\xfe", False),
    "a list": ([], False),
    "null": (b"null", False),
    "no password": ({"username": "alice"}, False),
    "no name": ({"password": "wrong wrong"}, False),
    "a number": ({"username": "alice", "password": 1}, False),
    "an object for a name": ({"username": {"$ne": ""}, "password": "wrong wrong"}, False),
    "more than was asked": (
        {"username": "alice", "password": "x", "roles": ["administrator"]},
        False,
    ),
    "deep": (b"[" * 8000 + b"]" * 8000, False),
    "form: no password": ({"username": "alice"}, True),
    "form: more than was asked": (
        {"username": "a", "password": "b", "role": "administrator"},
        True,
    ),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_login_is_a_bad_request(case: str, demo: Running) -> None:
    """400 and one generic line, and the name is not charged with a failure."""
    body, form = MALFORMED[case]
    visitor = demo.visitor()
    answer = await visitor.post(LOGIN, body, form=form)
    assert answer.status == 400
    assert without_reference(said(answer)) == {"error": "invalid"}
    assert not visitor.cookies


@pytest.mark.parametrize("username", ["", "x" * 257, "x" * 15_000, "\x00", "alice\n", "🌩" * 100])
async def test_odd_username_is_refused_and_recorded(username: str, demo: Running) -> None:
    """401 as for any other wrong pair; the trail takes it."""
    visitor = demo.visitor()
    body = {"username": username, "password": "wrong wrong"}
    answer = await visitor.post(LOGIN, body)
    assert answer.status == 401
    entry = await demo.recorded("authn_login_fail", address=visitor.address)
    assert len(entry.get("principal", "")) <= 128


async def test_a_body_that_is_too_large_is_refused(demo: Running) -> None:
    """413, unread."""
    visitor = demo.visitor()
    answer = await visitor.post(LOGIN, {"username": "alice", "password": "x" * 20_000})
    assert answer.status == 413
    assert without_reference(said(answer)) == {"error": "too-large"}
    answer = await visitor.post(LOGIN, b"x" * 70_000)
    assert answer.status == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "HEAD", "OPTIONS"])
async def test_only_post_logs_in(method: str, demo: Running) -> None:
    """Every method except POST gets 405, so a link cannot log a user in or out."""
    visitor = demo.visitor()
    query = "?username=alice&password=wrong"
    for path in ("/auth/login", "/auth/logout", "/auth/ticket", "/auth/token", "/auth/password"):
        answer = await visitor.request(method, path + query, origin=visitor.origin)
        assert answer.status == 405, path


# -- forged ------------------------------------------------------------------------------------------

POSTS = [
    "/auth/login",
    "/auth/logout",
    "/auth/ticket",
    "/auth/token",
    "/auth/password",
    "/auth/sessions/end-others",
]

FORGED: dict[str, list[tuple[str, str]]] = {
    "another site": [("Origin", "https://evil.example")],
    "another port": [("Origin", "http://127.0.0.1:1")],
    "another scheme": [("Origin", "https://127.0.0.1:{port}")],
    "a sandboxed frame": [("Origin", "null")],
    "nothing": [("Origin", "")],
    "a name that begins like ours": [("Origin", "http://127.0.0.1:{port}.evil.example")],
    "a user name like ours": [("Origin", "http://127.0.0.1:{port}@evil.example")],
    "two origins": [("Origin", "http://127.0.0.1:{port}"), ("Origin", "https://evil.example")],
    "another site, said by the browser": [("Sec-Fetch-Site", "cross-site")],
    "another subdomain, said by the browser": [("Sec-Fetch-Site", "same-site")],
    "nobody's page": [("Sec-Fetch-Site", "none")],
    "a lie": [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
}


@pytest.fixture(scope="module")
def cookies() -> dict[str, str]:
    """Filled once: the session that the forged requests ride on."""
    return {}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_request_is_refused(
    case: str, path: str, demo: Running, cookies: dict[str, str]
) -> None:
    """With the victim's cookie, and from a page that is not ours: 403, nothing done, and recorded."""
    if not cookies:
        cookies.update((await demo.visit("alice")).cookies)
    forger = demo.visitor()
    forger.cookies = dict(cookies)
    headers = [(name, value.format(port=demo.port)) for name, value in FORGED[case]]
    bodies: dict[str, Any] = {
        "/auth/login": pair(demo, "eve"),
        "/auth/password": {"current": demo.password("alice"), "new": "a password of the forger"},
        "/auth/ticket": {},
    }
    answer = await forger.post(path, bodies.get(path), *headers, origin=None)
    assert answer.status == 403
    assert without_reference(said(answer)) == {"error": "forbidden"}
    assert forger.cookies == cookies
    assert said(await forger.get("/auth/session"))["principal"] == "alice"


async def test_a_forged_form_is_refused(demo: Running) -> None:
    """A form of another site needs no permission from a browser: it is refused here, and recorded."""
    alice = await demo.visit("alice")
    since = await demo.mark()
    await demo.next_second()  # the tests before this one caused refusals of the same kind
    answer = await alice.post("/auth/logout", {"x": "y"}, form=True, origin="https://evil.example")
    assert answer.status == 403
    assert (await alice.get("/auth/session")).status == 200
    entry = await demo.recorded("malicious_cors", since=since, endpoint="/auth/logout")
    assert entry["cause"] == "origin-not-allowed"
    assert entry["address"] == alice.address
    answer = await alice.request(
        "DELETE", "/auth/sessions/" + "0" * 64, origin="https://evil.example"
    )
    assert answer.status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example"])
async def test_another_name_for_this_machine_is_refused(host: str, demo: Running) -> None:
    """DNS rebinding: a foreign name that was made to point here is none of ours, for any route."""
    visitor = demo.visitor()
    name = host.format(port=demo.port)
    origin = f"http://{name}"
    for path in ("/auth/session", "/metrics", "/demo/info", "/demo/trail", "/", "/chat"):
        assert (await visitor.get(path, host=name)).status == 403, path
    answer = await visitor.post(LOGIN, pair(demo, "alice"), host=name, origin=origin)
    assert answer.status == 403
    assert not visitor.cookies


@pytest.mark.parametrize("headers", [[], [("Origin", "http://localhost:{port}")]])
async def test_a_program_and_another_name_of_ours_may(
    headers: list[tuple[str, str]], demo: Running
) -> None:
    """No Origin and no `Sec-Fetch-Site` means no browser; `localhost` is this machine as well."""
    visitor = demo.visitor()
    sent = [(name, value.format(port=demo.port)) for name, value in headers]
    answer = await visitor.post(LOGIN, pair(demo, "alice"), *sent, origin=None)
    assert answer.status == 200


# -- fixation ----------------------------------------------------------------------------------------


async def test_a_login_gives_a_new_session(demo: Running) -> None:
    """A login creates a new session, so an attacker cannot fix the session of a victim."""
    mallory = await demo.visit("eve")
    victim = mallory.twin(address=demo.visitor().address)
    fixed = victim.cookie
    await victim.log_in("alice", demo.password("alice"))
    assert victim.cookie != fixed
    assert said(await victim.get("/auth/session"))["principal"] == "alice"
    assert (await mallory.get("/auth/session")).status == 401


async def test_an_invented_cookie_is_not_taken_over(demo: Running) -> None:
    """A cookie that the server never set does not become one by a login."""
    invented = "A" * 43
    victim = demo.visitor()
    victim.cookies = {"__Host-stormdoor": invented}
    await victim.log_in("alice", demo.password("alice"))
    assert victim.cookie != invented
    thief = Visitor(demo.port)
    thief.cookies = {"__Host-stormdoor": invented}
    assert (await thief.get("/auth/session")).status == 401


async def test_two_session_cookies_are_none(demo: Running) -> None:
    """Two session cookies count as none, so an added cookie gives no session."""
    alice, eve = await demo.visit("alice"), await demo.visit("eve")
    both = demo.visitor()
    pairs = f"__Host-stormdoor={alice.cookie}; __Host-stormdoor={eve.cookie}"
    assert (await both.get("/auth/session", ("Cookie", pairs))).status == 401
    assert await both.refused("/ws/chat", ("Cookie", pairs)) == 400
