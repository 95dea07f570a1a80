"""The table of pages: which entry decides, and which ones stop the start because they decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor import Guard, PolicySet, SessionAuthenticator, StartupRefused, protect, public, role
from stormdoor.config.preset import preset_file, preset_names
from stormdoor.config.protection import read_protection
from stormdoor.tornado.by_handler import in_module
from stormdoor.tornado.inspection import inspect
from stormdoor.tornado.page_rules import PageRules, PageTable, by_page
from tests.tornado.wire import request, serving


class Page(RequestHandler):
    """Answers GET and POST."""

    def get(self, *_: str) -> None:
        self.write("page")

    def post(self, *_: str) -> None:
        self.write("done")


class Admin(RequestHandler):
    """Answers GET alone."""

    def get(self, *_: str) -> None:
        self.write("page")


class WithHead(Admin):
    """Answers HEAD and OPTIONS as well."""

    def head(self, *_: str) -> None:
        self.finish()

    def options(self, *_: str) -> None:
        self.finish()


class Feed(WebSocketHandler):
    """A socket beside the pages."""


# The decision -----------------------------------------------------------------------------------

PLACES = [
    "/",
    "/a",
    "/a/b",
    "/.*",
    "/a.*",
    "/a(/.*)?",
    "/[ab]",
    "^/a$",
    f"module:{__name__}",
    "module:tornado.web",
]
NAMES: list[Any] = [
    Page,
    Admin,
    RequestHandler,
    *PLACES,
    *[f"{method} {place}" for method in ("GET", "POST", "GET|POST") for place in PLACES],
]
TABLES = st.lists(st.sampled_from(NAMES), unique=True, max_size=6).map(
    lambda names: {name: f"app:entry-{number}" for number, name in enumerate(names)}
)


def _naive(
    table: Mapping[Any, str], handler: type[RequestHandler], method: str, path: str
) -> str | None:
    """Class first, then the literal path, then patterns in the order of the table."""
    method = "GET" if method == "HEAD" else method
    for base in handler.__mro__:
        if base in table:
            return table[base]
    paths = []
    for name, permission in table.items():
        if isinstance(name, str):
            methods, _, place = name.rpartition(" ")
            if not methods or method in methods.split("|"):
                paths.append((place.removeprefix("^").removesuffix("$"), permission))
    for place, permission in paths:
        if place == path:
            return permission
    for place, permission in paths:
        module = place.removeprefix("module:")
        if in_module(handler, module) if module != place else re.fullmatch(place, path):
            return permission
    return None


@given(
    TABLES,
    st.sampled_from([Page, Admin, RequestHandler]),
    st.sampled_from(["GET", "HEAD", "POST", "DELETE"]),
    st.sampled_from(["/", "/a", "/b", "/a/b", "/ab", "/c"]),
)
def test_the_first_entry_that_fits_decides(
    table: dict[Any, str], handler: type[RequestHandler], method: str, path: str
) -> None:
    """The result is that of a search of the whole table, in the order of the documentation."""
    found = PageTable(table).find(handler, method, path)
    assert (None if found is None else found.declared) == _naive(table, handler, method, path)


async def test_a_method_does_not_come_before_the_order() -> None:
    """A table with a method was searched before the one without: members got the page of administrators."""
    pages = {"/admin(/.*)?": "app:admin", "GET /.*": "app:use", "/.*": "app:change"}
    guard = _guard()
    application = protect(
        Application([("/ws", Feed), ("/(.*)", Page)]), guard, "app:use", pages=pages
    )
    async with serving(application, guard) as at:
        await guard.admin.add_principal("alice", roles=["member"])
        secret = (await guard.sessions.create("alice")).secret
        alice = ("Cookie", f"{guard.sessions.cookie.name}={secret}")
        for path, status in (("/admin", 403), ("/admin/x", 403), ("/a", 200)):
            for method in ("GET", "HEAD"):
                async with await request(
                    at.port, path, alice, upgrade=False, method=method
                ) as wire:
                    assert wire.status == (405 if (method, status) == ("HEAD", 200) else status)


# The start --------------------------------------------------------------------------------------

ROUTES: list[Any] = [
    ("/ws", Feed),
    ("/admin(/.*)?", Admin),
    ("/api/items/([0-9]+)", Page),
    ("/(.*)", Page),
]

HIDDEN: dict[str, tuple[dict[Any, Any], str]] = {
    "by a method": (
        {"GET /.*": "app:use", "/admin(/.*)?": "app:admin", "/.*": "app:change"},
        '"/admin(/.*)?": "app:admin",\n      "GET /.*": "app:use",',
    ),
    "by a pattern": (
        {"/.*": "app:use", "/api/items/[0-9]+": "app:admin"},
        '"/api/items/[0-9]+": "app:admin",\n      "/.*": "app:use",',
    ),
    "an entry with a method": (
        {"/api/.*": "app:use", "POST /api/items/.*": "app:change", "/.*": "app:use"},
        '"POST /api/items/.*": "app:change",\n      "/api/.*": "app:use",',
    ),
    "by a public page": (
        {"/.*": public("all of it"), "/admin.*": "app:admin"},
        '"/admin.*": "app:admin",\n      "/.*": public("all of it"),',
    ),
    "a public page": (
        {"/.*": "app:use", "GET /health|/ready": public("a probe")},
        '"GET /health|/ready": public("a probe"),\n      "/.*": "app:use",',
    ),
    "the same path twice": (
        {"/a": "app:use", "GET /a": "app:admin"},
        '"GET /a": "app:admin",\n      "/a": "app:use",',
    ),
    "by the class of other pages": (
        {Page: "app:use", "/api/.*": "app:admin"},
        '"/api/.*": "app:admin",\n      Page: "app:use",',
    ),
}

RIGHT: dict[str, dict[Any, Any]] = {
    "the exception first": {"/admin(/.*)?": "app:admin", "GET /.*": "app:use", "/.*": "app:change"},
    "the literal path anywhere": {"/.*": "app:use", "/admin": "app:admin"},
    "the rest decides nothing": {"/admin.*": "app:admin", "/api/.*": "app:use", "/.*": "app:none"},
    "the same permission": {"/.*": "app:use", "/a": "app:use", "/api/.*": "app:use"},
    "hidden for one method alone": {"GET /.*": "app:use", "/api/.*": "app:change"},
    "two reasons": {
        "/.*": public("all of it"),
        "/health": public("a probe"),
        "/he.*": public("a probe, too"),
    },
    "a class and the rest": {Page: "app:change", "/.*": "app:use"},
    "a base class": {Admin: "app:admin", Page: "app:use", RequestHandler: "app:none"},
    "no known route": {"/.*": "app:use", "/elsewhere/.*": "app:use"},
}


@pytest.mark.parametrize("name", HIDDEN)
def test_an_entry_that_decides_nothing_stops_the_start(name: str) -> None:
    """The message has both lines, in the order to write."""
    pages, lines = HIDDEN[name]
    with pytest.raises(StartupRefused, match="decides about no request") as refused:
        protect(Application(ROUTES), _guard(), "app:use", pages=pages)
    assert lines in str(refused.value)


@pytest.mark.parametrize("name", [one for one in HIDDEN if "class" not in one])
def test_the_order_of_the_message_starts(name: str) -> None:
    """With the two entries exchanged, the start finds no problem. A class comes first in any order."""
    pages, _ = HIDDEN[name]
    first, second, *others = pages.items()
    protect(Application(ROUTES), _guard(), "app:use", pages=dict([second, first, *others]))


@pytest.mark.parametrize("name", RIGHT)
def test_a_table_in_a_right_order_starts(name: str) -> None:
    """An entry for the rest may decide nothing, and so may one that changes nothing."""
    protect(Application(ROUTES[:-1]), _guard(), "app:use", pages=RIGHT[name])
    if name != "a class and the rest":  # with the last route, the class serves each path
        protect(Application(ROUTES), _guard(), "app:use", pages=RIGHT[name])


def test_each_method_of_a_route_is_asked() -> None:
    """An entry that decides about OPTIONS alone is not hidden, and one for HEAD is that of GET."""
    routes: list[Any] = [("/ws", Feed), ("/a", WithHead), ("/", Page)]
    one = {"GET|POST /.*": "app:use", "/[a]": "app:admin"}
    protect(Application(routes), _guard(), "app:use", pages=one)
    two = {"GET|POST|OPTIONS /.*": "app:use", "/[a]": "app:admin"}
    with pytest.raises(StartupRefused, match="decides about no request"):
        protect(Application(routes), _guard(), "app:use", pages=two)


def test_a_file_has_the_same_order(tmp_path: Path) -> None:
    """The entries of a file come before those of its preset, and may hide them; its lines are shown."""
    routes = [*ROUTES[:-1], ("/health", Page)]
    text = 'preset = "dask"\norigins = ["http://localhost:1"]\n[protect.pages]\n'
    path = tmp_path / "stormdoor.toml"
    path.write_text(f'{text}"/.*" = "status:view"\n"/health" = "status:view"\n', "utf-8")
    path.chmod(0o600)
    guard = Guard.from_config(path)
    guard.under_run = True
    protect(Application(routes), guard)
    path.write_text(f'{text}"GET /.*" = "status:view"\n"/admin.*" = "jupyter:use"\n', "utf-8")
    guard = Guard.from_config(path)
    guard.under_run = True
    with pytest.raises(StartupRefused) as refused:
        protect(Application(routes), guard)
    lines = '"/admin.*" = "jupyter:use"\n      "GET /.*" = "status:view"'
    assert lines in str(refused.value)


@pytest.mark.parametrize("preset", preset_names())
def test_no_entry_of_a_preset_is_hidden(preset: str) -> None:
    """Each entry of a preset decides about something, if its page is there."""
    pages = read_protection(preset_file(preset)).pages or {}
    rules = PageRules(pages, inspect(Application([("(.*)", Page)])))
    assert rules.hidden(in_file=True) == []
    entries = PageTable(by_page(pages)).entries
    for entry in entries:
        found = [PageTable(by_page(pages)).find(Page, "POST", one) for one in entry.samples]
        found += [PageTable(by_page(pages)).find(Page, "GET", one) for one in entry.samples]
        assert not entry.samples or entry.written in [one.written for one in found if one]


def _guard() -> Guard:
    return Guard(
        origins=["http://127.0.0.1:1"],
        hosts=["127.0.0.1"],
        authenticators=[SessionAuthenticator()],
        policies=PolicySet([role("member", "app:use"), role("admin", "app:*")]),
    )
