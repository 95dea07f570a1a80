"""Memory that an open connection releases, and the handler's methods that still work afterwards."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import protect
from stormdoor.tornado.handshake_state import AFTER_HANDSHAKE, CREATED_ON_ACCESS, _FoldedHeaders
from tests.guard.fakes import make_guard
from tests.tornado.wire import connect, serving

HEADERS = [("Cookie", "a=1; b=2"), ("X-Many", "one"), ("X-Many", "two: three"), ("X-Empty", "")]


def unfolded() -> HTTPHeaders:
    """The headers above, as a request has them."""
    headers = HTTPHeaders()
    for name, value in HEADERS:
        headers.add(name, value)
    return headers


def folded() -> HTTPHeaders:
    """The same, folded."""
    headers = _FoldedHeaders.fold(unfolded())
    assert set(headers.__dict__) == {"_text"}
    return headers


@pytest.mark.parametrize(
    "ask",
    [
        lambda h: list(h.get_all()),
        lambda h: h["cookie"],
        lambda h: h.get("X-Many"),
        lambda h: h.get_list("x-many"),
        lambda h: ("X-Empty" in h, "x-empty" in h, "X-Nothing" in h),
        len,
        list,
        bool,
        lambda h: h == unfolded(),
        lambda h: h.copy()["Cookie"],
        lambda h: copy.deepcopy(h)["Cookie"],
        lambda h: list(pickle.loads(pickle.dumps(h)).get_all()),  # noqa: S301 - our own
        lambda h: [h.add("X-New", "n"), h.add("x-many", "three"), list(h.get_all())],
        lambda h: [h.__setitem__("X-Many", "four"), list(h.get_all())],
        lambda h: [h["X-Many"], h.__delitem__("X-Many"), list(h.get_all())],
        lambda h: [h.parse_line("X-Many: five"), list(h.get_all())],
        lambda h: [h.update({"X-Empty": "no"}), list(h.get_all())],
        str,
        lambda h: getattr(h, "nothing", "no"),
    ],
)
def test_folded_headers_answer_like_others(ask: Callable[[HTTPHeaders], object]) -> None:
    """The first access, in any way, finds the headers as this release of Tornado keeps them."""
    assert ask(folded()) == ask(unfolded())


@pytest.mark.parametrize("value", ["two\nlines", 5, b"bytes"])
def test_headers_that_a_line_cannot_hold_stay_as_they_are(value: Any) -> None:
    """An application may set what no client can send."""
    headers = unfolded()
    headers["X-Odd"] = value
    assert _FoldedHeaders.fold(headers) is headers
    assert headers["X-Odd"] == value


def test_unfolded_headers_are_ordinary_again() -> None:
    """It costs once."""
    headers = folded()
    assert headers["Cookie"]
    assert "_text" not in vars(headers)
    assert set(vars(headers)) == set(vars(unfolded()))


def test_no_headers_at_all() -> None:
    """Nothing, folded, is nothing."""
    headers = _FoldedHeaders.fold(HTTPHeaders())
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
    # The released state is not built again unless the handler asks for it.
    assert not {"ui", "_headers", "_door_headers", "_transforms", "path_kwargs"} & set(said["kept"])


def test_what_is_let_go_is_what_tornado_makes() -> None:
    """A Tornado that keeps other things under these names must not be allowed."""
    names = set(RequestHandler.__init__.__code__.co_names)
    names |= set(RequestHandler.clear.__code__.co_names)
    names |= set(RequestHandler._execute.__code__.co_names)
    names |= set(WebSocketHandler.__init__.__code__.co_names)
    names |= set(WebSocketHandler.get.__code__.co_names)
    assert (set(AFTER_HANDSHAKE) | set(CREATED_ON_ACCESS) | {"_headers"}) - {
        "_door_headers"
    } <= names
