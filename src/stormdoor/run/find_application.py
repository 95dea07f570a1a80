"""Find the applications behind the callback of an HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate
from tornado.routing import RuleRouter
from tornado.web import Application

from stormdoor.errors import ConfigurationError

__all__ = ["find_applications"]

_DEPTH = 4


def find_applications(callback: Any) -> list[Application]:
    """Return the applications that a server passes its requests to.

    Args:
        callback: `request_callback` of a `tornado.httpserver.HTTPServer`: an application, a router, a
            delegate that wraps one, or a function.

    Raises:
        ConfigurationError: There is none, or a router also serves something else, which nothing can guard.
    """
    found: dict[int, Application] = {}
    foreign: list[str] = []
    _search(callback, found, foreign)
    if foreign:
        raise ConfigurationError(
            f"{', '.join(foreign)} answers requests beside the Tornado application and cannot be guarded; "
            "serve it with a FallbackHandler of the application"
        )
    if not found:
        raise ConfigurationError(
            f"the HTTP server serves {_name(callback)}, and no tornado.web.Application was found in it; "
            'serve it through one: Application([(".*", FallbackHandler, {"fallback": ...})])'
        )
    return list(found.values())


def _search(one: Any, found: dict[int, Application], foreign: list[str]) -> None:
    if isinstance(one, Application):
        found[id(one)] = one
    elif isinstance(one, RuleRouter):
        for rule in one.rules:
            _search(rule.target, found, foreign)
    else:
        inside = dict(_inside(one, _DEPTH, set()))
        if inside:
            found.update(inside)
        else:
            foreign.append(_name(one))
    if not found and foreign:
        foreign.clear()  # nothing was found: the other message says so


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


def _name(one: Any) -> str:
    named = one if hasattr(one, "__qualname__") else type(one)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"
