"""What an open connection lets go of, and that nobody misses it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import protect
from stormdoor.tornado.leftovers import AFTER, MADE_LATER, _Folded
from tests.guard.fakes import make_guard
from tests.tornado.wire import connect, serving

HEADERS = [("Cookie", "a=1; b=2"), ("X-Many", "one"), ("X-Many", "two: three"), ("X-Empty", "")]


def folded() -> HTTPHeaders:
    """The headers above, folded."""
    headers = HTTPHeaders()
    for name, value in HEADERS:
        headers.add(name, value)
    _Folded.fold(headers)
    return headers


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda h: sorted(h.get_all()), sorted(HEADERS)),
        (lambda h: h["cookie"], "a=1; b=2"),
        (lambda h: h.get("X-Many"), "one,two: three"),
        (lambda h: h.get_list("x-many"), ["one", "two: three"]),
        (lambda h: "x-empty" in h, True),
        (len, 3),
        (sorted, ["Cookie", "X-Empty", "X-Many"]),
        (lambda h: h.copy()["Cookie"], "a=1; b=2"),
        (lambda h: copy.deepcopy(h)["Cookie"], "a=1; b=2"),
        (lambda h: pickle.loads(pickle.dumps(h))["Cookie"], "a=1; b=2"),  # noqa: S301 - our own
        (lambda h: [h.add("X-New", "n"), h["X-New"]][1], "n"),
        (lambda h: str(h).count("\n"), 4),
        (lambda h: getattr(h, "nothing", "no"), "no"),
    ],
)
def test_folded_headers_answer_like_others(ask: Any, answer: object) -> None:
    """Whatever is asked first, they are what they were."""
    assert ask(folded()) == answer


def test_unfolded_headers_are_ordinary_again() -> None:
    """It costs once."""
    headers = folded()
    assert headers["Cookie"]
    assert type(headers) is HTTPHeaders


def test_no_headers_at_all() -> None:
    """Nothing, folded, is nothing."""
    headers = HTTPHeaders()
    _Folded.fold(headers)
    assert list(headers.get_all()) == []


class Curious(WebSocketHandler):
    """Asks for everything, long after the handshake."""

    async def on_message(self, message: str | bytes) -> None:
        before = sorted(self.__dict__)
        tried = []
        methods: tuple[Any, ...] = (self.set_header, self.write, self.finish)
        for method in methods:
            try:
                method("x")
            except RuntimeError:
                tried.append("refused")
        self.write_message(
            {
                "kept": before,
                "cookie": self.get_cookie("seen"),
                "header": self.request.headers["X-Mine"],
                "argument": self.get_argument("room"),
                "path": self.path_args,
                "status": self.get_status(),
                "language": self.get_browser_locale().code,
                "page": self.render_string("page.html", name="n").decode(),
                "summary": self._request_summary(),
                "uri": self.request.full_url().partition("/room")[2],
                "tried": tried,
            }
        )


@pytest.mark.parametrize("first", [False, True], ids=["handshake", "first message"])
async def test_a_handler_finds_all_it_may_ask_for(first: bool, tmp_path: Any) -> None:
    """Request, cookies, arguments, templates: as under plain Tornado; whenever it said who it is."""
    (tmp_path / "page.html").write_text("<p>{{ name }} {{ request.method }}</p>")
    application = Application([(r"/room/(\w+)", Curious)], template_path=str(tmp_path))
    guard = make_guard(insecure_allow_any_host=True)
    headers = [("Cookie", "seen=yes"), ("X-Mine", "m")]
    if not first:
        headers.append(("Authorization", "Bearer alice"))
    protect(application, guard, "chat:connect", first_message=[Curious] if first else [])
    async with (
        serving(application, guard) as at,
        await connect(at.port, "/room/r1?room=r2", *headers) as wire,
    ):
        if first:
            hello = {"type": "stormdoor.authenticate", "token": "alice"}
            assert (await wire.ask(hello))["type"] == "stormdoor.authenticated"
        said = await wire.ask("?")
    assert said["cookie"] == "yes"
    assert said["header"] == "m"
    assert said["argument"] == "r2"
    assert said["path"] == ["r1"]
    assert said["status"] == 101
    assert said["page"] == "<p>n GET</p>"
    assert said["tried"] == ["refused"] * 3
    # And the point of it: this is not there while nobody asks.
    assert not {"ui", "_headers", "_door_headers", "_transforms", "path_kwargs"} & set(said["kept"])


def test_what_is_let_go_is_what_tornado_makes() -> None:
    """A Tornado that keeps other things under these names must not be allowed."""
    names = set(RequestHandler.__init__.__code__.co_names)
    names |= set(RequestHandler.clear.__code__.co_names)
    names |= set(RequestHandler._execute.__code__.co_names)
    names |= set(WebSocketHandler.__init__.__code__.co_names)
    names |= set(WebSocketHandler.get.__code__.co_names)
    assert (set(AFTER) | set(MADE_LATER) | {"_headers"}) - {"_door_headers"} <= names
    assert {"_as_list", "_combined_cache"} == set(HTTPHeaders().__dict__)
