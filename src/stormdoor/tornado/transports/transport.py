"""`Transport`: declares how the requests of an HTTP transport name their session."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from tornado.web import RequestHandler

__all__ = ["MalformedRequest", "Transport"]

_LONGEST_ID = 256


class MalformedRequest(Exception):
    """A request names its session ambiguously: the guard and the library may read different ids."""


def _never(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """Declares an HTTP transport of a socket: how its requests name their session.

    Attributes:
        session: Reads the session id from a request; None if the request names none. It raises
            `MalformedRequest` if the id is ambiguous.
        issued: Reads the id of a new session from the body of the answer that tells the client; None if
            clients choose the ids themselves.
        known: Returns whether the library has a session of that id. A session that the library knows, and
            the guard does not, belongs to no client.
        close: Ends the session of an id in the library; may be a coroutine function.
        reads_body: Whether `session` reads the body of the request.
    """

    session: Callable[[RequestHandler], str | None]
    issued: Callable[[bytes], str | None] | None = None
    known: Callable[[str], bool] = _never
    close: Callable[[str], Awaitable[Any] | None] | None = None
    reads_body: bool = False

    @property
    def tells_known(self) -> bool:
        """True if the library can report its sessions."""
        return self.known is not _never

    @classmethod
    def none(cls) -> Self:
        """Return the transport without sessions: each request is checked like a handshake."""
        return cls(session=lambda _: None)

    @classmethod
    def by_json(
        cls, field: str, *, close: Callable[[str], Awaitable[Any] | None] | None = None
    ) -> Self:
        """Return a transport with the id in a field of the JSON body, and of the first answer."""
        return cls(
            session=lambda handler: _json_id(handler.request.body, field),
            issued=lambda body: _issued_in_json(body, field),
            close=close,
            reads_body=True,
        )

    @classmethod
    def by_query(
        cls, name: str, *, close: Callable[[str], Awaitable[Any] | None] | None = None
    ) -> Self:
        """Return a transport with the id in the query, and in a field of the first JSON answer."""
        return cls(
            session=lambda handler: _query_id_alone(handler, name),
            issued=lambda body: _issued_in_json(body, name),
            close=close,
        )

    @classmethod
    def by_path(
        cls,
        *,
        known: Callable[[str], bool] = _never,
        close: Callable[[str], Awaitable[Any] | None] | None = None,
    ) -> Self:
        """Return a transport with the id in the groups of the route. The client chooses it."""
        return cls(session=path_id, known=known, close=close)


def query_id(query: str, name: str) -> str | None:
    """Return the value of the argument `name`.

    Raises:
        MalformedRequest: It comes more than once, or it is empty or too long.
    """
    values = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]
    if not values:
        return None
    if len(values) > 1:
        raise MalformedRequest(f"the query names {name!r} {len(values)} times")
    return _checked(values[0])


def _query_id_alone(handler: RequestHandler, name: str) -> str | None:
    # `get_argument` of a handler reads the body as well.
    if name in handler.request.body_arguments:
        raise MalformedRequest(f"{name!r} is an argument of the body as well")
    return query_id(handler.request.query, name)


def path_id(handler: RequestHandler) -> str | None:
    """Return the groups of the route, as the handler gets them; None if it has none."""
    named = [value for _, value in sorted(handler.path_kwargs.items())]
    # A group that did not match is None, in contrast to Tornado's types.
    groups = [one for one in (*handler.path_args, *named) if one]
    return _checked("/".join(groups)) if groups else None


def _json_id(body: bytes, field: str) -> str | None:
    if not body:
        return None
    try:
        document = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is no JSON object: {type(error).__name__}") from None
    if not isinstance(document, dict):
        raise MalformedRequest("the body is no JSON object")
    found = document.get(field)
    if found is None:
        return None
    if not isinstance(found, str):
        raise MalformedRequest(f"{field!r} is no text")
    return _checked(found)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedRequest("a field comes twice")
    return document


def _issued_in_json(body: bytes, field: str) -> str | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    issued = found.get(field) if isinstance(found, dict) else None
    return issued if isinstance(issued, str) and 0 < len(issued) <= _LONGEST_ID else None


def _checked(id: str) -> str:
    if not 0 < len(id) <= _LONGEST_ID:
        raise MalformedRequest(f"a session id of {len(id)} characters")
    return id
