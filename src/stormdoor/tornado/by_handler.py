"""Options for single handlers, which are named by their class or by the path pattern of their route."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from tornado.web import RequestHandler

from stormdoor.errors import ConfigurationError

__all__ = ["ByHandler", "bare"]

Value = TypeVar("Value")


def bare(pattern: str) -> str:
    """Return a path pattern without the anchors that Tornado adds."""
    return pattern.removeprefix("^").removesuffix("$")


class ByHandler(Generic[Value]):
    """An option of `protect` that names handlers, such as `first_message=[Chat, "/feed"]`.

    Args:
        option: The name of the option, for messages.
        values: The value of each class or path pattern. A class counts for its subclasses, too.
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
        self._paths: dict[str, tuple[re.Pattern[str], Value]] = {}
        for where, value in (*values.items(), *further.items()):
            if not isinstance(where, str):
                self._classes[where] = value
                continue
            try:
                self._paths.setdefault(bare(where), (re.compile(bare(where)), value))
            except re.error as error:
                raise ConfigurationError(f"{option}: {where!r} is not a pattern: {error}") from None

    def find(self, handler: type[RequestHandler], path: str) -> Value | None:
        """Return the value for `handler` at `path`, which may also be a pattern; None if there is none.

        A value for the class or its nearest base has priority, then one for the literal path, then the one of
        the first matching pattern.
        """
        for base in handler.__mro__:
            if base in self._classes:
                return self._classes[base]
        exact = self._paths.get(path)
        if exact is not None:
            return exact[1]
        for pattern, value in self._paths.values():
            if pattern.fullmatch(path):
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
            for path, (pattern, _) in self._paths.items()
            if path not in known
            and not any(path == one or pattern.fullmatch(one) for _, one in served)
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
