"""Endpoints that an OpenAPI or AsyncAPI description names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from stormdoor.prober.document import BadDocument, read_any
from stormdoor.report.finding import Location, Unresolved

__all__ = ["Described", "read_description"]

_MOST = 500
_SPEAKS = re.compile(r"\bws\b|web.?socket", re.IGNORECASE)
_GAP = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Described:
    """What it names, and what could not be worked out."""

    urls: tuple[str, ...]
    unresolved: tuple[Unresolved, ...]


def _table(value: Any) -> dict[str, Any]:
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def _example(parameter: Any) -> str:
    """A value that the description itself gives for a parameter; "" without one."""
    one = _table(parameter)
    schema = _table(one.get("schema"))
    for place in (one, schema):
        values: list[Any] = [place.get("default"), place.get("example")]
        for name in ("enum", "examples"):
            found = place.get(name)
            values += found[:1] if isinstance(found, list) else []
            values += [_table(x).get("value") for x in list(_table(found).values())[:1]]
        for value in values:
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                return quote(str(value), safe="")
    return ""


def _filled(text: str, parameters: dict[str, Any]) -> str:
    return _GAP.sub(lambda found: _example(parameters.get(found[1])) or found[0], text)


def _servers(whole: dict[str, Any], at: str) -> list[str]:
    if at:
        return [at]
    found = whole.get("servers")
    urls = []
    for one in map(_table, found if isinstance(found, list) else _table(found).values()):
        protocol = str(one.get("protocol", ""))
        if protocol and not protocol.startswith(("ws", "http")):
            continue
        url = one.get("url")
        if not isinstance(url, str) and isinstance(one.get("host"), str):
            url = f"{one['host']}{one.get('pathname') or ''}"
        if isinstance(url, str):
            url = _filled(url, _table(one.get("variables")))
            urls.append(url if "://" in url or not protocol else f"{protocol}://{url}")
    return urls[:_MOST]


def _channels(whole: dict[str, Any]) -> list[str]:
    """Paths of AsyncAPI: the names of the channels (2.x), or their addresses (3.x)."""
    paths = []
    for name, value in _table(whole["channels"]).items():
        one = _table(value)
        address = one.get("address", name)
        parameters = _table(one.get("parameters"))
        paths.append(_filled(str(address), parameters) if address is not None else "")
    return paths


def _paths(whole: dict[str, Any]) -> list[str]:
    """Paths of OpenAPI that are sockets: they answer with 101, or say so."""
    paths = []
    for path, item in _table(whole.get("paths")).items():
        get = _table(_table(item).get("get"))
        says = " ".join(
            str(get.get(name, "")) for name in ("summary", "description", "operationId", "tags")
        )
        marked = any("websocket" in key.lower() for key in (*_table(item), *get))
        if "101" in _table(get.get("responses")) or marked or _SPEAKS.search(f"{path} {says}"):
            own = item.get("parameters") if isinstance(item, dict) else None
            given = [*_list(own), *_list(get.get("parameters"))]
            parameters = {str(_table(one).get("name")): one for one in given}
            paths.append(_filled(path, parameters))
    return paths


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def read_description(path: Path, at: str = "") -> Described:
    """Read it.

    Args:
        path: The file.
        at: Where what it describes runs, in place of its own servers.

    Raises:
        BadDocument: It is neither OpenAPI nor AsyncAPI.
    """
    whole = _table(read_any(path))
    if "asyncapi" in whole and isinstance(whole.get("channels"), dict):
        paths = _channels(whole)
    elif {"openapi", "swagger"} & set(whole):
        paths = _paths(whole)
    else:
        raise BadDocument(
            f"{path} is neither OpenAPI nor AsyncAPI: it has no `openapi` or `asyncapi`"
        )
    where = Location(str(path), 0)
    doubts = []
    servers = _servers(whole, at)
    if not any("://" in one for one in servers):
        doubts.append(Unresolved(where, "it names no server; say where it runs with --at URL"))
        servers = []
    if not paths:
        doubts.append(Unresolved(where, "it names no WebSocket"))
    urls: list[str] = []
    for server in servers:
        for one in paths[:_MOST]:
            url = urljoin(server.rstrip("/") + "/", one.lstrip("/")) if one else server
            url = re.sub(r"^http(?=s?:)", "ws", url)
            if gap := _GAP.search(url):
                doubts.append(
                    Unresolved(where, f"{url}: `{gap[1]}` has no example; give the whole address")
                )
            elif url.startswith(("ws://", "wss://")) and urlsplit(url).hostname:
                urls.append(url)
    return Described(tuple(dict.fromkeys(urls)), tuple(doubts))
