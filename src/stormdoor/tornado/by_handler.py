"""Options for single handlers, which are named by class, module, or path pattern of their route."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar
from urllib.parse import unquote

from tornado.web import RequestHandler

from stormdoor.errors import ConfigurationError

__all__ = ["MODULE", "ByHandler", "bare", "in_module", "other_readings"]

Value = TypeVar("Value")

MODULE = "module:"


def bare(pattern: str) -> str:
    """Return a path pattern without the anchors that Tornado adds."""
    return pattern.removeprefix("^").removesuffix("$")


def other_readings(path: str) -> frozenset[str]:
    """Return the other paths that a handler, or a server behind it, may take the path of a request for.

    Tornado decodes the groups of a route. `StaticFileHandler` removes empty segments and those with dots.
    """
    if "%" not in path and "//" not in path and "/." not in path:
        return frozenset()
    decoded = unquote(path)
    if "\\" not in path:
        decoded = decoded.replace("\\", "/")
    return frozenset({decoded, _without_dots(path), _without_dots(decoded)}) - {path}


def _without_dots(path: str) -> str:
    if not path.startswith("/"):
        return path  # no path of a request
    found = posixpath.normpath("/" + path.lstrip("/"))
    return f"{found.rstrip('/')}/" if path.endswith(("/", "/.", "/..")) else found


def in_module(handler: type[RequestHandler], module: str) -> bool:
    """Return whether `module`, or a submodule, contains the class or a base of it."""
    return any(f"{base.__module__}.".startswith(f"{module}.") for base in handler.__mro__)


def _matches(name: re.Pattern[str] | str, handler: type[RequestHandler], path: str) -> bool:
    """Return whether a pattern matches the path, or the handler is in the module."""
    if isinstance(name, str):
        return in_module(handler, name)
    return name.fullmatch(path) is not None


class ByHandler(Generic[Value]):
    """An option of `protect` that names handlers, such as `first_message=[Chat, "/feed"]`.

    Args:
        option: The name of the option, for messages.
        values: The value of each class, path pattern, or `module:NAME`. A class, and the classes of a module
            or package, count for their subclasses, too.
        further: Values by path pattern for the handlers that `values` does not name.

    Raises:
        ConfigurationError: A path is no pattern, or the names are one text.
    """

    def __init__(
        self,
        option: str,
        values: Mapping[str | type[RequestHandler], Value],
        further: Mapping[str, Value] = MappingProxyType({}),
    ) -> None:
        self._option = option
        self._classes: dict[type[RequestHandler], Value] = {}
        self._paths: dict[str, tuple[re.Pattern[str] | str, Value]] = {}
        for where, value in (*values.items(), *further.items()):
            if not isinstance(where, str):
                self._classes[where] = value
                continue
            if where.startswith(MODULE):
                self._paths.setdefault(where, (where.removeprefix(MODULE), value))
                continue
            try:
                self._paths.setdefault(bare(where), (re.compile(bare(where)), value))
            except re.error as error:
                raise ConfigurationError(f"{option}: {where!r} is not a pattern: {error}") from None

    def find(self, handler: type[RequestHandler], path: str) -> Value | None:
        """Return the value for `handler` at `path`, which may also be a pattern; None if there is none.

        A value for the class or its nearest base has priority, then one for the literal path, then the one of
        the first matching pattern or module.
        """
        for base in handler.__mro__:
            if base in self._classes:
                return self._classes[base]
        exact = self._paths.get(path)
        if exact is not None:
            return exact[1]
        for name, value in self._paths.values():
            if _matches(name, handler, path):
                return value
        return None

    def unused(
        self, served: Collection[tuple[type[RequestHandler], str]], optional: Collection[str] = ()
    ) -> list[str]:
        """Return a remark for each name that matches no handler and no bare pattern in `served`.

        Args:
            served: Handlers with the patterns of their routes.
            optional: Paths without a remark (see `Protection`).
        """
        known = set(map(bare, optional))
        paths = [
            path
            for path, (name, _) in self._paths.items()
            if path not in known
            and not any(path == one or _matches(name, handler, one) for handler, one in served)
        ]
        classes = [
            one.__qualname__
            for one in self._classes
            if not any(issubclass(handler, one) for handler, _ in served)
        ]
        return [
            f"{self._option} names {one}, and no route of that name is there"
            for one in paths + classes
        ]
