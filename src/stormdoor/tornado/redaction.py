"""Redaction of the logs of Tornado: no value of a query, no credential in a header, no cookie."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.log import access_log, app_log, gen_log

from stormdoor.auth.kinds import KINDS
from stormdoor.core.credential import Place, Source

__all__ = ["redact_headers", "redact_logs", "redact_query", "redact_target", "redacted"]

_REDACTED = "redacted"
_LONGEST_NAME = 64
_QUERY = re.compile(r"\?(\S+)")
_QUERY_WITH_VALUE = re.compile(r"\?(\S*=\S*)")
_NOT_SHOWN = re.compile(r"[^!-~]")
_secret_headers = {
    "proxy-authorization",
    *(name.lower() for kind in KINDS.values() for name in kind.default_headers),
}
"""Lower-case names of the headers that may carry a credential."""
_ABOUT_COOKIES = (
    "Invalid cookie signature",
    "Expired cookie",
    "Cookie timestamp",
    "Tampered cookie",
)
"""Prefixes of the messages of Tornado that quote a cookie."""


def redact_query(query: str) -> str:
    """Return a query with its names, and `redacted` for each value."""
    return "&".join(map(_redact_pair, query.split("&")))


def _redact_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    if not equals or len(name) > _LONGEST_NAME:
        return _REDACTED
    return f"{name}={_REDACTED}"


def redact_target(target: str) -> str:
    """Return a request target, such as `/ws?token=secret`, with its query redacted.

    Bytes beyond ASCII become `%XX`: Tornado accepts them, and terminals obey some of them, such as U+009B.
    """
    path, mark, query = _NOT_SHOWN.sub(_percent_encoded, target).partition("?")
    return f"{path}?{redact_query(query)}" if mark else path


def _percent_encoded(match: re.Match[str]) -> str:
    return quote(match[0], safe="", encoding="latin1", errors="replace")


@contextlib.contextmanager
def redacted(request: HTTPServerRequest) -> Iterator[None]:
    """Redact a request for the code inside of this block.

    Inside, its address has no query values and its headers no credentials. Afterwards it has its former
    values, which a WebSocket still reads.
    """
    was = (request.uri, request.query, request.headers)
    request.uri = redact_target(request.uri or "")
    request.query = redact_query(request.query) if request.query else request.query
    request.headers = _redact_headers(request.headers)
    try:
        yield
    finally:
        request.uri, request.query, request.headers = was


def _redact_headers(headers: HTTPHeaders) -> HTTPHeaders:
    shown = HTTPHeaders()
    for name in headers:
        value = _REDACTED if name.lower() in _secret_headers else headers[name]
        shown[name] = redact_target(value) if name == "Referer" else value
    return shown


class _Redactor(logging.Filter):
    """Redacts the records of Tornado's own loggers: request summaries, requests, cookies, tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact `record`; no record is dropped."""
        about_cookie = isinstance(record.msg, str) and record.msg.startswith(_ABOUT_COOKIES)
        if isinstance(record.args, Mapping):
            record.args = {name: _redact_argument(one) for name, one in record.args.items()}
        elif record.args:
            record.args = tuple(
                _REDACTED if about_cookie else _redact_argument(one) for one in record.args
            )
        elif isinstance(record.msg, str):
            record.msg = _QUERY.sub(_redact_match, record.msg)
        if record.exc_info and record.exc_info[0] is not None:
            text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_text = _QUERY_WITH_VALUE.sub(_redact_match, text)
        return True


def _redact_match(match: re.Match[str]) -> str:
    return f"?{redact_query(match[1])}"


def _redact_argument(argument: object) -> object:
    if isinstance(argument, str):
        return _QUERY.sub(_redact_match, argument)
    if isinstance(argument, HTTPServerRequest):
        with redacted(argument):
            return _Shown(repr(argument))
    return argument


class _Shown:
    """A text that `%r` shows without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_redactor = _Redactor()


def redact_headers(places: Iterable[Place], exclusive: Iterable[str]) -> None:
    """Redact further headers from now on.

    Args:
        places: The places of credentials; those in headers count.
        exclusive: Lower-case names of headers that only a proxy may send, such as its secret.
    """
    _secret_headers.update(one.name for one in places if one.source is Source.HEADER)
    _secret_headers.update(exclusive)


def redact_logs() -> None:
    """Redact what Tornado's own loggers write in this process, from now on. Safe to call twice."""
    for logger in (access_log, app_log, gen_log):
        logger.addFilter(_redactor)
