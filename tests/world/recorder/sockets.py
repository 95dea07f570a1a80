"""The WebSockets of a page: time, sender, kind and size of each frame, told by the DevTools protocol."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

__all__ = ["ObservedSocket", "observe_sockets"]


@dataclass(slots=True)
class ObservedSocket:
    """One WebSocket of the page, as the DevTools protocol tells of it."""

    path: str
    subprotocol: str = ""
    frames: list[tuple[float, str, str, int]] = field(default_factory=list)


def observe_sockets(page: Page) -> list[ObservedSocket]:
    """Return the list to which each WebSocket of the page is added, with its frames."""
    sockets: dict[str, ObservedSocket] = {}
    found: list[ObservedSocket] = []
    session = page.context.new_cdp_session(page)

    def created(event: dict[str, Any]) -> None:
        one = ObservedSocket(urlsplit(event["url"]).path)
        sockets[event["requestId"]] = one
        found.append(one)

    def answered(event: dict[str, Any]) -> None:
        headers = {name.lower(): said for name, said in event["response"]["headers"].items()}
        sockets[event["requestId"]].subprotocol = headers.get("sec-websocket-protocol", "")

    def frame(sender: str) -> Callable[[dict[str, Any]], None]:
        def arrived(event: dict[str, Any]) -> None:
            response = event["response"]
            data = response["payloadData"]
            if response["opcode"] == 1:
                told = ("text", len(data.encode()))
            elif response["opcode"] == 2:
                told = ("binary", len(base64.b64decode(data)))
            else:
                return
            sockets[event["requestId"]].frames.append((event["timestamp"], sender, *told))

        return arrived

    session.on("Network.webSocketCreated", created)
    session.on("Network.webSocketHandshakeResponseReceived", answered)
    session.on("Network.webSocketFrameSent", frame("client"))
    session.on("Network.webSocketFrameReceived", frame("server"))
    session.send("Network.enable")
    return found
