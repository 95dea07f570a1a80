"""Endpoints that an OpenAPI or AsyncAPI description names, and the messages that it gives as examples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from stormdoor_audit.prober.document import BadDocument, read_any
from stormdoor_audit.prober.example import Document, as_list, as_table
from stormdoor_audit.prober.recording import Recording, of_talk
from stormdoor_audit.report.finding import Location, Unresolved

__all__ = ["Described", "read_description"]

_MOST = 500
_SPEAKS = re.compile(r"\bws\b|web.?socket", re.IGNORECASE)
_GAP = re.compile(r"\{([^{}]*)\}")
_READS = "x-stormdoor-reads"
_NO_IDS: Mapping[str, str] = MappingProxyType({})

_Talk = list[tuple[str, str, bool, str]]


@dataclass(frozen=True, slots=True)
class Described:
    """The endpoints that a description names, and its unsolved parts.

    Args:
        urls: The endpoints.
        unresolved: What is left open.
        recordings: For each endpoint, what the description says may be sent there.
    """

    urls: tuple[str, ...]
    unresolved: tuple[Unresolved, ...]
    recordings: tuple[Recording, ...] = ()


@dataclass(frozen=True, slots=True)
class _Channel:
    """A path, what is sent there, and what is sent without an example."""

    path: str
    talk: _Talk
    without: tuple[str, ...] = ()


def _filled(document: Document, text: str, parameters: dict[str, Any]) -> str:
    return _GAP.sub(
        lambda found: (
            quote(document.parameter(found[1], parameters.get(found[1])), safe="") or found[0]
        ),
        text,
    )


def _servers(document: Document, at: str) -> list[str]:
    if at:
        return [at]
    found = document.whole.get("servers")
    urls = []
    for one in map(document.at, found if isinstance(found, list) else as_table(found).values()):
        protocol = str(one.get("protocol", ""))
        if protocol and not protocol.startswith(("ws", "http")):
            continue
        url = one.get("url")
        if not isinstance(url, str) and isinstance(one.get("host"), str):
            url = f"{one['host']}{one.get('pathname') or ''}"
        if isinstance(url, str):
            url = _filled(document, url, as_table(one.get("variables")))
            urls.append(url if "://" in url or not protocol else f"{protocol}://{url}")
    return urls[:_MOST]


def _named(message: dict[str, Any], name: str) -> str:
    return str(message.get("name") or message.get("messageId") or name or "a message")


def _talk(
    document: Document, operation: dict[str, Any], messages: list[Any]
) -> tuple[_Talk, list[str]]:
    """Return the examples of these messages, and the names of those without one."""
    talk: _Talk = []
    without = []
    for value in messages:
        one = document.at(value)
        alternatives = as_list(one.get("oneOf"))
        if alternatives:
            inner, missing = _talk(document, operation, alternatives)
            talk += inner
            without += missing
            continue
        payloads = document.payloads(one)
        reads = True in {one.get(_READS), operation.get(_READS)}
        talk += [(">", payload, reads, "") for payload in payloads]
        if not payloads:
            without.append(_named(one, document.refers(value)))
    return talk, without


def _operations(document: Document) -> list[dict[str, Any]]:
    return [document.at(one) for one in as_table(document.whole.get("operations")).values()]


def _sent(document: Document, name: str, channel: dict[str, Any]) -> tuple[_Talk, tuple[str, ...]]:
    """Return a channel's messages from the client: *published* (2.x), or *received* (3.x)."""
    talk: _Talk = []
    without: list[str] = []
    publish = document.at(channel.get("publish"))
    if "message" in publish:
        talk, without = _talk(document, publish, [publish["message"]])
    own = as_table(channel.get("messages"))
    for one in _operations(document):
        if one.get("action") != "receive" or document.refers(one.get("channel")) != name:
            continue
        messages = as_list(one.get("messages")) or list(own.values())
        more, missing = _talk(document, one, messages)
        reply = as_list(document.at(one.get("reply")).get("messages"))
        if len(more) == 1:
            # Which answer belongs to which of several, the description does not say.
            answers, _ = _talk(document, {}, reply)
            more += [("<", text, False, "") for _, text, _, _ in answers]
        talk += more
        without += missing
    return talk, tuple(without)


def _asked(document: Document, channel: dict[str, Any]) -> str:
    """Parameters of the address that have an example."""
    ws = as_table(as_table(channel.get("bindings")).get("ws"))
    schema = document.at(ws.get("query"))
    found = {
        name: document.parameter(name, one)
        for name, one in as_table(schema.get("properties")).items()
    }
    given = {name: value for name, value in found.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _channels(document: Document) -> list[_Channel]:
    """Those of AsyncAPI: their names are paths (2.x), or they have an address (3.x)."""
    found = []
    for name, value in as_table(document.whole["channels"]).items():
        one = document.at(value)
        address = one.get("address", name)
        path = "" if address is None else str(address)
        path = _filled(document, path, as_table(one.get("parameters")))
        found.append(_Channel(path + _asked(document, one), *_sent(document, name, one)))
    return found


def _paths(document: Document) -> list[_Channel]:
    """Paths of OpenAPI that are sockets: they answer with 101, or say so."""
    found = []
    for path, item in as_table(document.whole.get("paths")).items():
        own = as_table(item)
        get = as_table(own.get("get"))
        says = " ".join(
            str(get.get(name, "")) for name in ("summary", "description", "operationId", "tags")
        )
        marked = any("websocket" in key.lower() for key in (*own, *get))
        if "101" in as_table(get.get("responses")) or marked or _SPEAKS.search(f"{path} {says}"):
            given = map(
                document.at, [*as_list(own.get("parameters")), *as_list(get.get("parameters"))]
            )
            parameters = {str(one.get("name")): one for one in given}
            body = as_table(document.at(get.get("requestBody")).get("content"))
            messages = [_of_media(as_table(one)) for one in body.values()]
            talk, without = _talk(document, get, messages)
            found.append(_Channel(_filled(document, path, parameters), talk, tuple(without)))
    return found


def _of_media(media: dict[str, Any]) -> dict[str, Any]:
    """A media type of OpenAPI as a message of AsyncAPI."""
    named = [as_table(one) for one in as_table(media.get("examples")).values()]
    examples = [{"payload": one["value"]} for one in named if "value" in one]
    examples += [{"payload": media["example"]}] if "example" in media else []
    return {"payload": media.get("schema"), "examples": examples}


def read_description(path: Path, at: str = "", ids: Mapping[str, str] = _NO_IDS) -> Described:
    """Read it.

    Args:
        path: The file.
        at: Where what it describes runs, in place of its own servers.
        ids: The owner's ids by their kind, for parameters and fields of that name.

    Raises:
        BadDocument: It is neither OpenAPI nor AsyncAPI.
    """
    document = Document(as_table(read_any(path)), ids)
    if "asyncapi" in document.whole and isinstance(document.whole.get("channels"), dict):
        channels = _channels(document)
    elif {"openapi", "swagger"} & set(document.whole):
        channels = _paths(document)
    else:
        raise BadDocument(
            f"{path} is neither OpenAPI nor AsyncAPI: it has no `openapi` or `asyncapi`"
        )
    where = Location(str(path), 0)
    doubts = []
    servers = _servers(document, at)
    if not any("://" in one for one in servers):
        doubts.append(Unresolved(where, "it names no server; say where it runs with --at URL"))
        servers = []
    if not channels:
        doubts.append(Unresolved(where, "it names no WebSocket"))
    found: dict[str, _Channel] = {}
    for server in servers:
        for one in channels[:_MOST]:
            url = urljoin(server.rstrip("/") + "/", one.path.lstrip("/")) if one.path else server
            url = re.sub(r"^http(?=s?:)", "ws", url)
            if gap := _GAP.search(url):
                doubts.append(
                    Unresolved(where, f"{url}: `{gap[1]}` has no example; give the whole address")
                )
            elif url.startswith(("ws://", "wss://")) and urlsplit(url).hostname:
                found.setdefault(url, one)
    for one in channels[:_MOST]:
        if one.without and one in found.values():
            names = ", ".join(one.without)
            what = f"{one.path or '/'}: {names}: there is no example, and none is made up"
            doubts.append(Unresolved(where, what))
    said = tuple(of_talk(url, one.talk, str(path)) for url, one in found.items() if one.talk)
    return Described(tuple(found), tuple(doubts), said)
