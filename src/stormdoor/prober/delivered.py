"""What a server delivers, told apart from what it only says: greetings, heartbeats and refusals.

Two clients are compared by the shapes of their messages: which fields there are, and of which type a
message says it is; not by values, which change from one moment to the next.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["GREETING", "Message", "is_refusal", "shape", "shapes", "text_of"]

Message = str | bytes

_TAGS = (
    "type",
    "event",
    "kind",
    "action",
    "op",
    "cmd",
    "command",
    "method",
    "channel",
    "tag",
    "msg_type",
)
_REFUSES = re.compile(
    r"unauthori[sz]|unauthenti|not.?auth"
    r"|auth(entication|orization)?[ _-]?(is )?(required|needed|failed|error)"
    r"|forbidden|denied|not.?allowed|not.?permitted"
    r"|invalid.{0,12}(token|credential|session|ticket|login)"
    r"|(log|sign)[ -]?in|login|expired|credential|\b401\b|\b403\b",
    re.IGNORECASE,
)
_ERROR = re.compile(r"\berror\b|\bfail(ed|ure)?\b|\bexception\b|refused|rejected", re.IGNORECASE)
_GREETS = re.compile(
    r"^(hello|hi|welcome|ready|connected|connection_?ack|connection_?established|open(ed)?|"
    r"ping|pong|heartbeat|heart_?beat|keep_?alive|ka|noop|auth_?required|challenge|hb|o|h|2|3)$",
    re.IGNORECASE,
)
_ENGINE = re.compile(r'^0\{"sid"|^40(\{|$)')
_SAYS_NO = re.compile(
    r"(please|must|need to|have to) (log|sign) ?in|unauthori[sz]ed|forbidden|access denied|"
    r"(not |un)authenticated|authentication required|not logged in",
    re.IGNORECASE,
)
_NAMES = ("user", "username", "principal", "account", "email", "login", "sub")
GREETING = "greeting "
"""Begins the shape of a greeting by name. It tells two clients apart, and alone it proves nothing."""
_LONGEST = 2_000
_SHORT = 300


def text_of(message: Message) -> str:
    """A message as text, cut where it is long."""
    text = message if isinstance(message, str) else message.decode("utf-8", "backslashreplace")
    return text[:_LONGEST]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _tag(found: Any) -> str:
    if isinstance(found, dict):
        for name in _TAGS:
            if isinstance(value := found.get(name), str):
                return value
    if isinstance(found, list) and found and isinstance(found[0], str):
        return str(found[0])
    return ""


def is_refusal(message: Message) -> bool:
    """Whether it says no: an error, or that one must log in first."""
    text = text_of(message)
    found = _parsed(text)
    if isinstance(found, dict | list):
        keys = {str(key).lower() for key in found} if isinstance(found, dict) else set()
        said = _tag(found)
        if _ERROR.search(said.replace("_", " ")) or _REFUSES.search(said):
            return True
        error = isinstance(found, dict) and next(
            (found[k] for k in found if str(k).lower() in {"error", "errors"} and found[k]), None
        )
        short = len(text) < _SHORT and bool(_SAYS_NO.search(text))
        return (
            bool(error)
            or short
            or (bool(keys & {"code", "reason"}) and bool(_REFUSES.search(text)))
        )
    return len(text) < _SHORT and bool(_REFUSES.search(text) or _ERROR.search(text))


def _is_greeting(text: str, found: Any) -> bool:
    if isinstance(found, dict | list):
        return bool(_GREETS.match(_tag(found))) or found in ({}, [])
    return bool(_GREETS.match(text.strip()) or _ENGINE.match(text)) or not text.strip()


def _of(value: Any, depth: int) -> str:
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        fields = []
        for key in sorted(map(str, value)):
            inner = value.get(key)
            known = key in _TAGS and isinstance(inner, str) and len(inner) < 40
            # Names of fields that are data, such as ids, are as good as any other.
            name = re.sub(r"[0-9a-f]{8,}|\d+", "#", key)
            fields.append(f"{name}={inner}" if known else f"{name}{_of(inner, depth - 1)}")
        return "{" + ",".join(dict.fromkeys(fields)) + "}"
    if isinstance(value, list):
        if value and isinstance(value[0], str) and len(value) > 1 and len(value[0]) < 24:
            return f"[{value[0]},…]"
        return "[" + "|".join(sorted({_of(one, depth - 1) for one in value[:50]})) + "]"
    return ""


def _named(found: Any) -> str:
    """A greeting by name shows that the server has looked who is there; any other is no delivery."""
    if not isinstance(found, dict):
        return ""
    names = {key: found[key] for key in _NAMES if isinstance(found.get(key), str) and found[key]}
    return f"{GREETING}{json.dumps(names, sort_keys=True)}" if names else ""


def shape(message: Message) -> str:
    """What a message looks like; empty for greetings, heartbeats and refusals, which are no delivery."""
    if isinstance(message, bytes):
        return "binary" if message else ""
    text = text_of(message)
    found = _parsed(message)
    if is_refusal(message):
        return ""
    if _is_greeting(text, found):
        return _named(found)
    if isinstance(found, dict | list):
        return _of(found, 4)
    words = re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)?", "#", text.strip(), flags=re.IGNORECASE).split()
    return f"text {words[0].lower()[:24]}" if words else ""


def shapes(messages: tuple[Message, ...]) -> frozenset[str]:
    """The shapes of what was delivered."""
    return frozenset(one for one in map(shape, messages) if one)
