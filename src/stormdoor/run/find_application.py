"""Find the applications behind the callback of an HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate
from tornado.routing import AnyMatches, Router, Rule, RuleRouter
from tornado.web import Application

from stormdoor.tornado.inspection import chooses_by_rules

__all__ = ["Found", "Outermost", "find_applications", "name_of"]

_DEPTH = 4


class Outermost(Application):
    """An application in front of an object that answers requests: a router, a WSGI container, a function.

    It has the login, and each request passes its guard, so that the object may choose handlers by itself.

    Args:
        callback: `request_callback` of a `tornado.httpserver.HTTPServer`.
    """

    def __init__(self, callback: Any) -> None:
        super().__init__()
        self._callback = callback
        self.default_router.rules.append(Rule(AnyMatches(), callback))

    @property
    def served(self) -> str:
        """The name of the class or function behind it."""
        return name_of(self._callback)

    def on_close(self, server_conn: object) -> None:
        """Tell the object that a connection has ended."""
        if isinstance(self._callback, HTTPServerConnectionDelegate):
            self._callback.on_close(server_conn)


def name_of(one: Any) -> str:
    """Return the name of a function, or of the class of an object."""
    named = one if hasattr(one, "__qualname__") else type(one)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"


@dataclass(slots=True)
class Found:
    """The applications that a server passes its requests to.

    Attributes:
        applications: By their id.
        around: Names of the functions and delegates that hold one of them. Each may answer requests itself.
        complete: Whether each request passes one of the applications, or what is around one. If not, only an
            application in front of the callback can guard it.
    """

    applications: dict[int, Application] = field(default_factory=dict)
    around: list[str] = field(default_factory=list)
    complete: bool = False


def find_applications(callback: Any) -> Found:
    """Return the applications behind the callback of a server.

    Args:
        callback: `request_callback` of a `tornado.httpserver.HTTPServer`: an application, a router, a
            delegate that wraps one, or a function.
    """
    found = Found()
    found.complete = _search(callback, found)
    return found


def _search(one: Any, found: Found) -> bool:
    """Add the applications below `one`, and return whether it leads to one with each request."""
    if isinstance(one, Application):
        found.applications[id(one)] = one
        return True
    if isinstance(one, RuleRouter) and chooses_by_rules(one):
        seen = [_search(rule.target, found) for rule in one.rules]
        return all(seen)
    if isinstance(one, (Router, type)):
        return False
    inside = dict(_inside(one, _DEPTH, set()))
    if inside:
        found.applications.update(inside)
        found.around.append(name_of(one))
    return bool(inside)


def _inside(one: Any, depth: int, seen: set[int]) -> Iterator[tuple[int, Application]]:
    """Yield the applications that a delegate or function holds, in its attributes or its closure."""
    if id(one) in seen or depth == 0:
        return
    seen.add(id(one))
    if isinstance(one, Application):
        yield id(one), one
        return
    held: list[Any] = []
    if (
        isinstance(one, HTTPServerConnectionDelegate)
        or not callable(one)
        or hasattr(one, "__dict__")
    ):
        held += list(getattr(one, "__dict__", {}).values())
    held += [getattr(one, name, None) for name in ("__self__", "__wrapped__", "func")]
    for cell in getattr(one, "__closure__", None) or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # empty
            continue
    held += list(getattr(one, "args", None) or ()) if hasattr(one, "func") else []
    for each in held:
        if each is not None and not isinstance(each, (str, bytes, int, float, type)):
            yield from _inside(each, depth - 1, seen)
