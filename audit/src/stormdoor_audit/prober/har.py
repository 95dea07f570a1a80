"""A browser session, as developer tools save it (HAR 1.2): endpoints, the owner, what was said.

Chrome adds `_webSocketMessages` to the entry of a socket. Since Chrome 130 cookies and `Authorization` are
left out unless "Export HAR (with sensitive data)" is chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

from stormdoor_audit.prober.document import BadDocument, parse_json, read_text
from stormdoor_audit.prober.identity import Identity, Pairs
from stormdoor_audit.prober.recording import Recording, of_talk

__all__ = ["Session", "read_har"]

_MOST_ENTRIES = 20_000
_OURS = re.compile(
    r"^(:.*|host|connection|upgrade|sec-websocket-(key|version|extensions|accept)|origin|cookie|"
    r"sec-websocket-protocol|sec-fetch-.*|sec-ch-.*|user-agent|accept.*|pragma|cache-control|dnt|"
    r"content-.*|referer|priority|sec-gpc|te)$",
    re.IGNORECASE,
)
_SHOWS = re.compile(
    r'"(access_?token|token|jwt|ticket|api_?key|password|secret|authorization)"\s*:\s*"|'
    r"^\s*(auth|login|bearer)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Session:
    """The requests of a browser session.

    Args:
        recordings: One for each socket, with its address.
        owner: What the browser showed; None where it showed nothing.
        origin: Of the page that opened the socket.
        sanitized: Whether cookies were left out when it was saved.
    """

    recordings: tuple[Recording, ...]
    owner: Identity | None
    origin: str
    sanitized: bool


def _list(value: Any, name: str, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise BadDocument(f"{path} is no HAR: {name} is no list")
    return value


def _pairs(value: Any) -> Pairs:
    return tuple(
        (str(one["name"]), str(one["value"]))
        for one in (value if isinstance(value, list) else [])
        if isinstance(one, dict) and isinstance(one.get("name"), str) and "value" in one
    )


def _is_socket(entry: dict[str, Any], url: str) -> bool:
    response = entry.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    return (
        url.startswith(("ws://", "wss://"))
        or "_webSocketMessages" in entry
        or (status == 101 and entry.get("_resourceType", "websocket") == "websocket")
    )


def _talk(entry: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    found = entry.get("_webSocketMessages")
    # Opcode 2 is binary, in base64: nothing that could be compared by its fields.
    return [
        (">" if one.get("type") == "send" else "<", one["data"], False, "")
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict) and one.get("opcode", 1) == 1 and isinstance(one.get("data"), str)
    ]


def _identity(headers: Pairs, first: str) -> Identity:
    given = [(name.lower(), name, value) for name, value in headers]
    cookies = tuple(
        (name, value)
        for low, _, whole in given
        if low == "cookie"
        for name, equals, value in (one.strip().partition("=") for one in whole.split(";"))
        if equals
    )
    protocols = tuple(
        one.strip()
        for low, _, whole in given
        if low == "sec-websocket-protocol"
        for one in whole.split(",")
        if one.strip()
    )
    shown = tuple((name, value) for low, name, value in given if not _OURS.match(low))
    return Identity("the owner", cookies, shown, (), protocols, first)


def read_har(path: Path) -> Session:
    """Read it.

    Raises:
        BadDocument: It is no HAR, or has no WebSocket.
    """
    whole = parse_json(read_text(path), str(path))
    log = whole.get("log") if isinstance(whole, dict) else None
    if not isinstance(log, dict):
        raise BadDocument(f"{path} is no HAR: it has no `log`")
    recordings: dict[str, Recording] = {}
    owner, origin, hidden = None, "", True
    for entry in _list(log.get("entries"), "log.entries", path)[:_MOST_ENTRIES]:
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            continue
        url = re.sub(r"^http(?=s?:)", "ws", urldefrag(request["url"])[0])
        headers = _pairs(request.get("headers"))
        if any(name.lower() in {"cookie", "authorization"} for name, _ in headers):
            hidden = False
        if not _is_socket(entry, request["url"]):
            continue
        talk = _talk(entry)
        first = next((one for one in talk if one[0] == ">"), None)
        shows = first[1] if first is not None and _SHOWS.search(first[1]) else ""
        if first is not None and shows:
            talk.remove(first)
        who = _identity(headers, shows)
        if owner is None or (owner.empty and not who.empty):
            owner = who
            origin = next((v for n, v in headers if n.lower() == "origin"), "")
        if url not in recordings or len(talk) > len(recordings[url].actions):
            recordings[url] = of_talk(url, talk, str(path))
    if not recordings:
        raise BadDocument(f"{path} has no WebSocket: record the page while it connects")
    empty = owner is None or owner.empty
    return Session(tuple(recordings.values()), None if empty else owner, origin, empty and hidden)
