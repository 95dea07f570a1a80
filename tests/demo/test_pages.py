"""The pages, their headers, and the few routes that only the demo has."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.demo.running import Running

PAGES = ["/", "/chat", "/dashboard", "/attack"]


def directives(policy: str) -> dict[str, str]:
    """A content security policy, taken apart."""
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_may_do_little(page: str, demo: Running) -> None:
    """Scripts, styles and sockets of its own origin, nothing inline, no frame around it.

    Only the attack page may also connect to the unguarded twin.
    """
    answer = await demo.visitor().get(page)
    assert answer.status == 200
    policy = directives(answer.header("Content-Security-Policy") or "")
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    host = f"127.0.0.1:{demo.port}"
    allowed = ["'self'", f"ws://{host}", f"wss://{host}"]
    if page == "/attack":
        info = json.loads((await demo.visitor().get("/demo/info")).body)
        allowed += [info["twin_origin"], info["twin_origin"].replace("http", "ws")]
    assert policy["connect-src"].split() == allowed
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Referrer-Policy") == "same-origin"
    assert answer.header("Cross-Origin-Opener-Policy") == "same-origin"
    text = answer.body.decode()
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", text)


async def test_the_login_page_echoes_nothing(demo: Running) -> None:
    """The login page shows one of three sentences, and never the text of `?error=`."""
    visitor = demo.visitor()
    for error in ("<script>alert(1)</script>", "%22onload=alert(1)", "nonsense"):
        answer = await visitor.get(f"/?error={error}")
        assert b"alert(" not in answer.body
        assert b"onload" not in answer.body
        assert b"cannot check passwords" in answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/static/../people.py",
        "/static/..%2fpeople.py",
        "/static/%2e%2e/people.py",
        "/static/....//people.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/style.css%00",
        "/static/",
        "/static",
        "/static/nothing.js",
        "/demo-credentials.json",
        "/static/demo-credentials.json",
        "/static/foreign.html",
        "/static/foreign.js",
        "/foreign.html",
        "/nothing",
        "/auth",
        "/ws",
    ],
)
async def test_other_paths_are_refused(path: str, demo: Running) -> None:
    """No file outside, no list of files, no page of the foreign origin; and no reason why."""
    answer = await demo.visitor().get(path)
    assert answer.status in (400, 403, 404)
    assert b"Traceback" not in answer.body
    assert b"site-packages" not in answer.body
    assert b"root:" not in answer.body


async def test_a_file_is_for_our_pages_only(demo: Running) -> None:
    """No other site may embed it, and no browser guess what it is."""
    answer = await demo.visitor().get("/static/chat.js")
    assert answer.status == 200
    assert answer.header("Cross-Origin-Resource-Policy") == "same-origin"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert "javascript" in (answer.header("Content-Type") or "")


async def test_the_foreign_page(demo: Running) -> None:
    """The foreign page has another origin with no other files; only the demo's pages may frame it."""
    visitor = demo.visitor()
    info = json.loads((await visitor.get("/demo/info")).body)
    assert set(info) == {"name", "foreign_origin", "twin_origin"}
    port = int(info["foreign_origin"].rpartition(":")[2])
    assert port != demo.port
    foreign = demo.visitor()
    foreign.port = port
    answer = await foreign.get("/foreign.html")
    assert answer.status == 200
    policy = directives(answer.header("Content-Security-Policy") or "")
    assert demo.origin in policy["frame-ancestors"].split()
    for path in ("/", "/chat.js", "/static/foreign.js", "/auth/session", "/../people.py"):
        assert (await foreign.get(path)).status in (403, 404)
    assert await foreign.refused() == 404


async def trail(visitor: Any, since: int = 0) -> dict[str, Any]:
    """Return the answer to the attack page's request."""
    answer = await visitor.get(f"/demo/trail?since={since}")
    assert answer.status == 200
    return json.loads(answer.body)


async def test_everybody_sees_what_was_recorded_about_them(demo: Running) -> None:
    """A principal sees only entries about itself, without addresses, details or agents."""
    alice, bob = await demo.visit("alice"), await demo.visit("bob")
    last = (await trail(alice))["last"]
    await alice.refused("/ws/dashboard")
    await bob.refused("/ws/dashboard")
    await alice.refused(origin="https://evil.example")
    seen = await trail(alice, last)
    assert [(event["event"], event["cause"]) for event in seen["events"]] == [
        ("authz_fail", "forbidden"),
        ("malicious_cors", "origin-not-allowed"),
    ]
    assert all(last < event["seq"] <= seen["last"] for event in seen["events"])
    keys = {"seq", "time", "event", "cause", "detail"}
    assert all(set(event) == keys for event in seen["events"])
    text = json.dumps(seen)
    assert "bob" not in text
    assert alice.address not in text
    assert "evil.example" not in text


@pytest.mark.parametrize(
    "since", ["x", "-1", "1e3", "9" * 40, "٣", "1;DROP%20TABLE%20trail", "%00", ""]
)
async def test_the_trail_cannot_be_asked_for_nonsense(since: str, demo: Running) -> None:
    """An invalid number in `since` is ignored."""
    alice = await demo.visit("alice")
    answer = await alice.get(f"/demo/trail?since={since.encode().decode('latin-1')}")
    assert answer.status == 200


async def test_trail_requires_a_session(demo: Running) -> None:
    """Without a session, `/demo/trail` answers 401."""
    assert (await demo.visitor().get("/demo/trail")).status == 401
