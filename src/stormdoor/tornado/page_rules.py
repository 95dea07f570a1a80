"""The table of pages: the permission of each HTTP page, by handler class, path, or method and path."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from tornado.web import ErrorHandler, RequestHandler
from tornado.websocket import WebSocketHandler

from stormdoor.config.appearance import LoginAppearance
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import quote
from stormdoor.core.permission import check_permission
from stormdoor.errors import ConfigurationError
from stormdoor.guard.endpoint import Public
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.by_handler import MODULE, bare, in_module, other_readings
from stormdoor.tornado.declarations import Declared
from stormdoor.tornado.inspection import Inspection
from stormdoor.tornado.login_route import LoginRoute
from stormdoor.tornado.path_samples import path_samples
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["PageRules", "PageTable", "Pages", "by_page", "exempt", "methods_of"]

_log = logging.getLogger("stormdoor.protect")

Pages = Declared | Mapping[str, Declared] | Mapping[str | type[RequestHandler], Declared]
"""The permission for all pages; or for each page, by handler class, path, or `"POST /path"`."""

_Handler: TypeAlias = type[RequestHandler]
_Request: TypeAlias = tuple[_Handler, str, str]
"""Handler, method and path; HEAD is GET."""
_METHOD = re.compile(r"([A-Z]+(?:\|[A-Z]+)*) ([^\s|,].*)", re.DOTALL)
_LIKE_METHODS = re.compile(r"([A-Za-z][A-Za-z|, ]*) +\S")
_ALL = "(?s:.*)"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]{1,200}")
_MOST_TOLD = 20


def by_page(pages: Pages) -> Mapping[str | _Handler, Declared]:
    """Return the argument `pages` of `protect` as a mapping: one permission for all pages is that of each."""
    return {_ALL: pages} if isinstance(pages, (str, Public)) else dict(pages.items())


def exempt(handler: _Handler) -> bool:
    """Return whether a handler checks its clients itself: a `SessionHandler`, or a route of stormdoor."""
    return issubclass(handler, SessionHandler) or handler.__module__.startswith(
        "stormdoor.tornado."
    )


def methods_of(handler: _Handler) -> list[str]:
    """Return the methods that a handler has code for; all if it has none, and answers in `prepare`.

    A WebSocket handler has code of its own only for pages that it serves beside its socket.
    """
    base = WebSocketHandler if issubclass(handler, WebSocketHandler) else RequestHandler
    found = [
        one
        for one in handler.SUPPORTED_METHODS
        if getattr(handler, one.lower(), None) is not getattr(base, one.lower(), None)
    ]
    return found or ([] if base is WebSocketHandler else list(handler.SUPPORTED_METHODS))


def _asked_as(method: str) -> str:
    return "GET" if method == "HEAD" else method


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One entry of the table.

    Attributes:
        written: As the operator or the program wrote it.
        methods: The methods that it names; empty for all.
        place: The handler class, the pattern of the path, or the name of a module.
        path: The path pattern as text; empty for a class.
        declared: The permission.
    """

    written: str | _Handler
    methods: frozenset[str]
    place: _Handler | re.Pattern[str] | str
    path: str
    declared: Declared

    @property
    def samples(self) -> Sequence[str]:
        """Paths that its pattern matches; none without one."""
        return path_samples(self.path) if isinstance(self.place, re.Pattern) else ()

    def fits(self, handler: _Handler, method: str, path: str) -> bool:
        """Return whether the entry names a request. HEAD counts as GET."""
        if self.methods and method not in self.methods:
            return False
        if isinstance(self.place, re.Pattern):
            return self.path == path or self.place.fullmatch(path) is not None
        if isinstance(self.place, str):
            return in_module(handler, self.place)
        return issubclass(handler, self.place)

    def shown(self, *, in_file: bool) -> str:
        """Return the line to write, for a file or for Python."""
        if isinstance(self.declared, Public):
            reason = _quoted(self.declared.reason)
            value = f"{{ public = {reason} }}" if in_file else f"public({reason})"
        else:
            value = _quoted(self.declared)
        written = self.written
        name = _quoted(written) if isinstance(written, str) else written.__qualname__
        return f"{name} = {value}" if in_file else f"{name}: {value},"


def _quoted(text: str) -> str:
    return repr(text) if "\\" in text or '"' in text else f'"{text}"'


def _same(one: Declared, other: Declared) -> bool:
    return one == other or (isinstance(one, Public) and isinstance(other, Public))


def _names_less(one: _Entry, other: _Entry, requests: Sequence[_Request]) -> bool:
    """Return whether `other` names all requests of `one`, and others."""
    return _within(one, other, requests) and not _within(other, one, requests)


def _within(one: _Entry, other: _Entry, requests: Sequence[_Request]) -> bool:
    named = [each for each in requests if one.fits(*each)]
    if not all(other.fits(*each) for each in named):
        return False
    if isinstance(other.place, re.Pattern):
        return all(
            other.fits(RequestHandler, method, path)
            for path in one.samples
            for method in one.methods or map(_asked_as, RequestHandler.SUPPORTED_METHODS)
        )
    if isinstance(one.place, type) and isinstance(other.place, type):
        return issubclass(one.place, other.place)
    return {path for _, _, path in named}.issuperset(one.samples)


class PageTable:
    """The declared permissions: the first entry that fits path and method decides.

    An entry for the class of the handler, or its nearest base, comes first, then one with the literal path,
    then patterns and modules in the order of the table.

    Args:
        pages: The table.

    Raises:
        ConfigurationError: A permission, a path or a method is not well formed.
    """

    def __init__(self, pages: Mapping[str | _Handler, Declared]) -> None:
        self._classes: dict[_Handler, _Entry] = {}
        self._paths: list[_Entry] = []
        for where, declared in pages.items():
            if isinstance(declared, str):
                check_permission(declared)
            elif not isinstance(declared, Public):
                raise ConfigurationError(
                    f'pages: a permission is a text such as "app:use", not {declared!r}'
                )
            if isinstance(where, str):
                self._paths.append(_entry(where, declared))
            else:
                self._classes[where] = _Entry(where, frozenset(), where, "", declared)

    @property
    def entries(self) -> Sequence[_Entry]:
        """All entries."""
        return [*self._classes.values(), *self._paths]

    def find(self, handler: _Handler, method: str, path: str) -> _Entry | None:
        """Return the entry that decides about a request; None if none fits."""
        method = _asked_as(method)
        for base in handler.__mro__:
            if base in self._classes:
                return self._classes[base]
        found = None
        for entry in self._paths:
            if entry.path == path and entry.fits(handler, method, path):
                return entry
            if found is None and entry.fits(handler, method, path):
                found = entry
        return found


def _entry(where: str, declared: Declared) -> _Entry:
    match = _METHOD.fullmatch(where)
    methods, place = (match[1].split("|"), match[2]) if match else ([], where)
    if match is None and _LIKE_METHODS.match(where):
        raise ConfigurationError(
            f'pages: {where!r} is no path; write methods like this: "POST|DELETE /api/.*"'
        )
    if place.startswith(MODULE):
        return _Entry(where, frozenset(methods), place.removeprefix(MODULE), place, declared)
    try:
        return _Entry(where, frozenset(methods), re.compile(bare(place)), bare(place), declared)
    except re.error as error:
        raise ConfigurationError(f"pages: {place!r} is not a pattern: {error}") from None


class PageRules:
    """The permission of each page, and the address of the login.

    Args:
        pages: The argument `pages` of `protect`.
        found: The routes of the application, with the routes of the login.
        others: The permission of a page that `pages` does not name; None if it is refused.

    Raises:
        ConfigurationError: A permission, a path or a method is not well formed.
    """

    def __init__(self, pages: Pages, found: Inspection, others: str | None = None) -> None:
        self._table = PageTable(by_page(pages))
        self._found = found
        _check_methods(self._table, found)
        self._others = others
        self._one_for_all = pages if isinstance(pages, str) else None
        self._told: set[tuple[_Handler, str]] = set()
        self.login: str | None = None
        """Address of the login page; None if the application has none."""
        self.appearance: LoginAppearance | None = None
        """That of the login page; None for that of the guard."""
        self._open: set[str] = set()
        for route in found.routes:
            if issubclass(route.handler, LoginRoute):
                options = route.arguments["route_options"]
                self.appearance = options.appearance
                pages_of_login = {options.login_page, options.second_factor_page}
                if options.built_in_pages or options.login_page != "/":
                    self.login = options.login_page
                    self._open |= pages_of_login - {"/"}

    def of(
        self, handler: _Handler, method: str, path: str, otherwise: Declared | None = None
    ) -> Declared | None:
        """Return the permission of a request, or that it is public; `otherwise` if none is declared."""
        if path in self._open:
            return Public("the page of the login")
        found = self._declared(handler, method, path)
        for reading in other_readings(path.replace("\\", "%5c")):
            if self._declared(handler, method, reading) != found:
                return None  # which of the two the handler serves is not clear
        if found is not None:
            return found
        return self._others if otherwise is None else otherwise

    def _declared(self, handler: _Handler, method: str, path: str) -> Declared | None:
        entry = self._table.find(handler, method, path)
        return None if entry is None else entry.declared

    # -- the start -------------------------------------------------------------------------------

    def unused(self, optional: Collection[str] = ()) -> list[str]:
        """Return a remark for each entry that names no known route.

        Args:
            optional: Paths without a remark (see `Protection`).
        """
        known = set(map(bare, optional))
        remarks = []
        for entry in self._table.entries:
            method = next(iter(entry.methods), "GET")
            by_pattern = ((one.handler, "", bare(one.pattern)) for one in self._found.routes)
            served = any(
                entry.fits(handler, method, path)
                for handler, _, path in chain(by_pattern, self._requests())
            )
            if not served and entry.path not in known:
                name = entry.path or getattr(entry.written, "__qualname__", "")
                remarks.append(f"pages names {name}, and no route of that name is there")
        return remarks

    def hidden(self, optional: Collection[str] = (), *, in_file: bool) -> list[str]:
        """Return a problem for each entry that decides nothing, since another permission comes before it.

        Each known route is asked with each of its methods. An entry for the rest, such as `/.*` at the end,
        may decide nothing; so may an entry of the preset that the file overrides.

        Args:
            optional: The entries of the preset (see `Protection`).
            in_file: Show lines of a file, not of Python.
        """
        if len(self._table.entries) < 2:
            return []
        requests = list(self._requests())
        problems = []
        for entry in self._table.entries:
            before = [self._table.find(*one) for one in requests if entry.fits(*one)]
            others = [one for one in before if one is not None]
            if not others or any(_same(one.declared, entry.declared) for one in others):
                continue
            # One that names less than this entry is an exception from it.
            wider = [one for one in others if not _names_less(one, entry, requests)]
            if wider and (entry.written not in optional or wider[0].written in optional):
                lines = [one.shown(in_file=in_file) for one in (entry, wider[0])]
                problems.append(
                    f"pages: {lines[0]} decides about no request: {lines[1]} comes first. Write them in "
                    "this order, or leave one out:\n      " + "\n      ".join(lines)
                )
        return problems

    def _requests(self) -> Iterator[_Request]:
        """Yield requests for all known routes, with paths that the table may distinguish."""
        routes = [
            (one.handler, re.compile(bare(one.pattern)))
            for one in self._found.routes
            if not exempt(one.handler)
        ]
        routes += [(RequestHandler, re.compile(bare(one))) for _, one in self._found.hidden]
        paths = [(handler, one) for handler, route in routes for one in path_samples(route.pattern)]
        for path in [path for entry in self._table.entries for path in entry.samples]:
            paths += [(handler, path) for handler, route in routes if route.fullmatch(path)][:1]
        for handler, path in dict.fromkeys(paths):
            for method in dict.fromkeys(map(_asked_as, methods_of(handler))):
                yield handler, method, path

    # -- a refused program -----------------------------------------------------------------------

    def tell_of_program(
        self, guard: Guard, handler: _Handler, handshake: Handshake, permission: str
    ) -> None:
        """Log which line lets a refused program in: once for each handler and method, at most 20 times.

        Args:
            guard: The guard.
            handler: The handler of the page.
            handshake: The refused request, which is not one of a browser.
            permission: The permission of the page.
        """
        method = _asked_as(handshake.method)
        key = (handler, method)
        known = method in handler.SUPPORTED_METHODS and not issubclass(handler, ErrorHandler)
        if not known or key in self._told or len(self._told) >= _MOST_TOLD:
            return
        self._told.add(key)
        path = handshake.path if _PLAIN_PATH.fullmatch(handshake.path) else "/path"
        place = f'"{method} {path}"'
        one = self._one_for_all
        if guard.under_run:
            rest = "" if one is None else f' and "/.*" = "{one}"'
            line = (
                "write into the file of --config, below [protect.pages]: "
                f'{place} = {{ public = "the reason" }}{rest}'
            )
        else:
            rest = "" if one is None else f', "/.*": "{one}"'
            line = f'write protect(..., pages={{{place}: public("the reason"){rest}}})'
        _log.warning(
            "a client that is no browser (%s, %s) was refused: %s %s needs %s. Let it send an API key "
            '(kind = "api-key", stormdoor keys issue); or %s',
            quote(handshake.user_agent),
            handshake.address,
            handshake.method,
            quote(handshake.path),
            permission,
            line,
        )


def _check_methods(table: PageTable, found: Inspection) -> None:
    """Refuse an entry with a method that no request has: the permission of all methods would count instead.

    Raises:
        ConfigurationError: A method is not known, or it is HEAD, which needs the permission of GET.
    """
    known = {one for route in found.routes for one in route.handler.SUPPORTED_METHODS}
    known |= set(RequestHandler.SUPPORTED_METHODS)
    for entry in table.entries:
        for one in sorted(entry.methods):
            if one not in known or one == "HEAD":
                why = (
                    "needs the permission of GET" if one == "HEAD" else "is no method of a handler"
                )
                raise ConfigurationError(
                    f"pages: {entry.written!r}: {one} {why}; leave it out or correct it"
                )
