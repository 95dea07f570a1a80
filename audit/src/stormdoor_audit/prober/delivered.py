"""Data that a server delivers, told apart from greetings, heartbeats, receipts and refusals.

Two clients are compared by the shapes of their messages: which fields there are, and of which type a
message says it is; not by values, which change from one moment to the next.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import msgspec

from stormdoor_audit.prober.peer_json import read_json

__all__ = [
    "CODE",
    "GREETING",
    "STREAM",
    "TAGS",
    "Message",
    "content",
    "denies",
    "in_text",
    "is_bare",
    "is_hello",
    "is_refusal",
    "leaves",
    "shape",
    "shapes",
    "text_of",
]

Message = str | bytes

TAGS = (
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
    r"|auth(entication|orization)?[ _-]?(is )?(required|needed|failed|error|violation|timeout)"
    r"|forbidden|denied|not.?allowed|not.?permitted|unknown.{0,12}(user|session|token)|no.?access"
    r"|permission|members? only|not.?a.?member|who are you|not.?logged"
    r"|(invalid|missing|bad|wrong|no).{0,12}(token|credential|session|ticket|login|cookie|password|key)"
    r"|(log|sign)[ -]?in|login|expired|credential|\b401\b|\b403\b",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"^-ERR\b|\berror\b|\bfail(ed|ure)?\b|\bexception\b|refused|rejected", re.IGNORECASE
)
_GREETS = re.compile(
    r"^(hello|hi|welcome|ready|connected|connection_?ack|connection_?established|open(ed)?|"
    r"ping|pong|heartbeat|heart_?beat|keep_?alive|ka|noop|auth_?required|challenge|hb|o|h|2|3|"
    r"ack|\+?ok|okay|received|accepted|success|done|setup|init|subscribed|unsubscribed|joined|"
    r"config|configuration|settings|server_?info|motd|notice|banner|version|capabilities|features|handshake)$",
    re.IGNORECASE,
)
_GREETS_IN_WORDS = re.compile(
    r"^(hello|hi|hey|welcome|connected|connection (established|opened|accepted)|you are (now )?connected|"
    r"server ready|please|ok\b)",
    re.IGNORECASE,
)
_HELLO = re.compile(r"(hello|hi|hey|welcome)\b[^{\[\n]{0,80}\Z", re.IGNORECASE)
_ENGINE = re.compile(r'^0\{"sid"|^40(\{|$)|^INFO \{"server_')
"""Engine.IO, Socket.IO and NATS: the server presents itself."""
_RECEIPTS = re.compile(r"(\+OK\s+)+(?=\S)")
"""Of line protocols, in front of what was asked for."""
_PACKET = re.compile(r"4[0-6](?:/[^,\[{]{0,80},)?\d{0,10}(?=[\[{\"])")
"""Of Socket.IO: its kind, a namespace, the number of a receipt; then JSON."""
_FRAME = re.compile(r'a(?=\[)|m(?=[\["{])')
"""Of SockJS: several messages, or one."""
_TURNED_AWAY = re.compile(r"44(?=[/\[{\"])|c\[\d+,")
"""Socket.IO refuses a connection, SockJS ends it."""
_PRESENTS = re.compile(
    r"^(hello|welcome|ready|connected|connection|handshake|server|server_?info)$", re.IGNORECASE
)
_SAYS_NO = re.compile(
    r"(please|must|need to|have to) (log|sign) ?in|unauthori[sz]ed|forbidden|access denied|"
    r"(not |un)authenticated|authentication required|not logged in",
    re.IGNORECASE,
)
_WANTS_CREDENTIAL = re.compile(
    r"unauthenti|not (yet )?authenti|(un|not )authori[sz]ed"
    r"|auth(entication|orization)?[ -]?(is )?(required|needed|failed|error|violation|timeout)"
    r"|(please|must|need to|have to|you.{0,12}not) ?(log|sign)(ged|ed)?[ -]?in"
    r"|\b(log|sign)[ -]?in (first|required)"
    r"|not (logged|signed)[ -]?in|log[ -]?in (is )?(required|needed)|members? only|not a member|who are you"
    r"|(no|invalid|missing|bad|wrong|expired) (\w+ )?(credentials?|password|cookie|bearer|jwt|api.?key)"
    r"|(no|invalid|missing|bad|wrong|expired) (access|auth\w*|bearer|session|login).?(token|key|cookie)"
    r"|(jwt|token|session|login) (has |is )?expired|expired (token|session|login)",
    re.IGNORECASE,
)
_TIMES = frozenset({
    "t", "ts", "time", "timestamp", "now", "date", "datetime", "uptime", "server_time",
    "servertime", "epoch", "latency", "rtt",
})  # fmt: skip
"""Fields of a heartbeat: they change, and tell nothing."""
_ABOUT = frozenset({
    "server", "version", "motd", "sid", "session_id", "connection_id", "client_id", "socket_id",
    "connectionid", "clientid", "socketid", "sessionid", "pinginterval", "pingtimeout",
    "maxpayload", "upgrades", "heartbeat_interval", "interval", "protocol", "protocols",
    "supported", "capabilities", "features", "methods", "challenge", "nonce", "salt", "ok",
    "success", "ready", "connected",
})  # fmt: skip
"""Fields in which a server presents itself."""
_NUMBERS = frozenset(
    {"id", "jsonrpc", "seq", "request_id", "requestid", "msg_id", "reply_to", "ref"}
)
"""Fields by which an answer belongs to what was asked."""
_CHANCE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=.-]{8,}|\d{12,}")
_WORDS = frozenset({"message", "msg", "text", "info", "motd", "status", "state"})
_ENDS_IT = re.compile(
    r"^(access )?(denied|forbidden|unauthori[sz]ed|unauthenticated|error|failed|failure|refused|rejected)\b|"
    r"(please|must|need to|have to) (log|sign) ?in|authentication (is )?required|not logged in",
    re.IGNORECASE,
)
_NAMES = ("user", "username", "principal", "account", "email", "login", "sub")
_YES = frozenset({
    "ok", "success", "authenticated", "authorized", "allowed", "logged_in", "loggedin", "auth",
})  # fmt: skip
_GIVEN = frozenset({"role", "roles", "id", "expires", "expires_in", "expires_at", "ttl", "seq"})
"""Fields that an answer to a login has beside the name."""
_OUTCOMES = frozenset({
    "status", "code", "result", "reason", "outcome", "state", "message", "msg", "detail", "info",
    "statuscode",
})  # fmt: skip
_REFUSAL_CODES = frozenset({400, 401, 403, 1008, 4001, 4003, 4401, 4403})
GREETING = "greeting "
"""Begins the shape of a greeting by name. It tells two clients apart, and alone it proves nothing."""
CODE = "binary code"
"""Shape of a few bytes: they may be a number of this protocol, such as that of a refusal."""
STREAM = "binary"
"""Shape of other messages in bytes, also of text, such as the output of a terminal."""
_LEAST_TEXT = 4
"""Bytes from which on a binary message may be text; less may be a number of the protocol."""
_WORD = re.compile(rb"[A-Za-z]{2}")
_CONTROL = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
"""Signs that are in no text; a terminal sends the bell, the backspace, line feeds and escapes."""
_LONGEST = 2_000
_SHORT = 300
_MOST_LEAVES = 500
_INFLATED = 64 * 1024
_CODE = 3
"""Bytes of a binary message that can hold a code, and nothing else."""


def text_of(message: Message) -> str:
    """A message as text, cut where it is long."""
    text = message if isinstance(message, str) else message.decode("utf-8", "backslashreplace")
    return text[:_LONGEST]


def _unwrapped(message: Message) -> list[Message]:
    """Return the messages in a packet of Socket.IO or a frame of SockJS, and the text of a binary message."""
    message = in_text(message)
    if not isinstance(message, str):
        return [message]
    if packet := _PACKET.match(message) or _RECEIPTS.match(message):
        return [message[packet.end() :]]
    inner = read_json(message[1:]) if _FRAME.match(message) else None
    if message.startswith("m"):
        inner = None if inner is None else [inner]
    if isinstance(inner, list):
        return [one if isinstance(one, str) else json.dumps(one) for one in inner]
    return [message]


def in_text(message: Message) -> Message:
    """Return a binary message as text if it is text, as terminals and line protocols send it."""
    if isinstance(message, str) or len(message) < _LEAST_TEXT or not _WORD.search(message):
        return message
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return message
    return message if _CONTROL.search(text) else text


def _tag(found: Any) -> str:
    if isinstance(found, dict):
        for name in TAGS:
            if isinstance(value := found.get(name), str):
                return value
    if isinstance(found, list) and found and isinstance(found[0], str):
        return str(found[0])
    return ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _opened(data: bytes) -> Any:
    """Return the content of a binary message in JSON or MessagePack, compressed or not; else None."""
    for bits in (31, 15):
        try:
            data = zlib.decompressobj(bits).decompress(data, _INFLATED)
            break
        except zlib.error:
            continue
    if (found := read_json(data)) is not None:
        return found
    try:
        found = msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _says_no(found: dict[Any, Any]) -> bool:
    """Return True if one of its fields does: `ok: false`, `status: 401`, `result: "denied"`."""
    for key, value in found.items():
        name = str(key).lower()
        if name in _YES and value is False:
            return True
        if name in _OUTCOMES and isinstance(value, str) and len(value) < _SHORT:
            text = value.replace("_", " ")
            if _ENDS_IT.search(text) if name in _WORDS else _REFUSES.search(text):
                return True
        if name in _OUTCOMES and _number(value) and value in _REFUSAL_CODES:
            return True
    return False


def is_refusal(message: Message) -> bool:
    """Return True if it says no: an error, or that one must log in first."""
    if isinstance(message, str) and _TURNED_AWAY.match(message):
        return True
    return any(map(_refuses, _unwrapped(message)))


def _refuses(message: Message) -> bool:
    text = text_of(message)
    found = read_json(text) if isinstance(message, str) else _opened(message)
    if isinstance(found, dict | list):
        text = text if isinstance(message, str) else json.dumps(found, default=str)[:_LONGEST]
        if isinstance(found, dict) and _says_no(found):
            return True
        keys = {str(key).lower() for key in found} if isinstance(found, dict) else set()
        said = _tag(found)
        if _ERROR.search(said.replace("_", " ")) or _REFUSES.search(said):
            return True
        error = isinstance(found, dict) and next(
            (
                found[k]
                for k in found
                if str(k).lower() in {"error", "errors"} and found[k] and not _number(found[k])
            ),
            None,
        )
        short = len(text) < _SHORT and bool(_SAYS_NO.search(text))
        return (
            bool(error)
            or short
            or (bool(keys & {"code", "reason"}) and bool(_REFUSES.search(text)))
        )
    return len(text) < _SHORT and bool(_REFUSES.search(text) or _ERROR.search(text))


def denies(message: Message) -> bool:
    """Return True if the message refuses for want of a credential.

    An error of a parser or of a lookup is none, although it may speak of a token, a key or a session. Nor is
    a missing right, which another request may have.
    """
    text = text_of(message).replace("_", " ")
    return is_refusal(message) and bool(_WANTS_CREDENTIAL.search(text))


def _is_greeting(text: str, found: Any) -> bool:
    if isinstance(found, dict):
        names = {str(key).lower() for key in found}
        if len(names) == 1 and isinstance(next(iter(found.values())), dict):
            # Named by its only field, in which the server presents itself.
            return bool(_PRESENTS.match(next(iter(names))))
        return bool(_GREETS.match(_tag(found)) or _lets_in(found) or _answers_nothing(found)) or (
            not names <= set(TAGS)
            and all(_tells_nothing(str(key).lower(), value) for key, value in found.items())
        )
    if isinstance(found, list):
        return bool(_GREETS.match(_tag(found))) or not found
    words = text.strip()
    return (
        not words
        or bool(_GREETS.match(words) or _ENGINE.match(text))
        or (len(words) < _SHORT and "\n" not in words and bool(_GREETS_IN_WORDS.match(words)))
    )


def _answers_nothing(found: dict[Any, Any]) -> bool:
    """Return True if it has the number of what was asked, and nothing; an empty list is something."""
    rest = {str(key).lower(): value for key, value in found.items()}
    asked = [name for name in rest if name in _NUMBERS]
    return bool(asked) and all(
        value is None for name, value in rest.items() if name not in _NUMBERS and name not in TAGS
    )


def _lets_in(found: dict[Any, Any]) -> bool:
    """Return True if it says that a login was accepted, and nothing else."""
    fields = {str(key).lower(): value for key, value in found.items()}
    rest = {name: value for name, value in fields.items() if name not in {*_NAMES, *_GIVEN, *_YES}}
    return any(fields.get(name) is True for name in _YES) and all(
        _tells_nothing(name, value) for name, value in rest.items()
    )


def _tells_nothing(name: str, value: Any) -> bool:
    """A field without content: nothing at all, a tag, the time, or what a server says about itself."""
    if value is None or value in ("", [], {}) or name in TAGS:
        return True
    if name in _TIMES:
        return not isinstance(value, dict | list)
    if name in _WORDS:
        return isinstance(value, str) and bool(
            _GREETS_IN_WORDS.match(value.strip()) or _GREETS.match(value.strip())
        )
    return name in _ABOUT and not isinstance(value, dict)


def is_bare(message: Message) -> bool:
    """Return True if it holds something made of chance and nothing else, as a challenge does."""
    return all(map(_is_challenge, _unwrapped(message)))


def _is_challenge(message: Message) -> bool:
    found = read_json(message) if isinstance(message, str) else _opened(message)
    if not isinstance(found, dict):
        return False
    rest = {
        key: one
        for key, one in found.items()
        if str(key).lower() not in _NUMBERS and not _tells_nothing(str(key).lower(), one)
    }
    words = {key for key, one in rest.items() if str(key).lower() in _WORDS and _one_word(one)}
    chance = [one for key, one in rest.items() if key not in words]
    return bool(chance) and all(isinstance(one, str) and _CHANCE.fullmatch(one) for one in chance)


def _one_word(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z_-]{1,24}", value))


def is_hello(message: Message) -> bool:
    """Return True if it is a greeting in plain words, which asks for nothing."""
    return isinstance(message, str) and bool(_HELLO.match(message)) and not is_refusal(message)


def leaves(message: Message) -> frozenset[str]:
    """The texts in a message, without those that say of which kind it is."""
    return frozenset[str]().union(*map(_leaves, _unwrapped(message)))


def _leaves(message: Message) -> frozenset[str]:
    found = read_json(message) if isinstance(message, str) else _opened(message)
    if not isinstance(found, dict | list):
        return frozenset(re.findall(r"\w{3,}", text_of(message)))
    kept: set[str] = set()
    waiting: list[tuple[str, Any]] = [("", found)]
    while waiting and len(kept) < _MOST_LEAVES:
        name, one = waiting.pop()
        if isinstance(one, dict):
            waiting += [(str(key).lower(), inner) for key, inner in one.items()]
        elif isinstance(one, list):
            waiting += [(name, inner) for inner in one]
        elif isinstance(one, str) and len(one) > 2 and name not in TAGS:
            kept.add(one)
    return frozenset(kept)


def _of(value: Any, depth: int) -> str:
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        fields = []
        for key in sorted(map(str, value)):
            inner = value.get(key)
            known = key in TAGS and isinstance(inner, str) and len(inner) < 40
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
    """A greeting by name shows that the server knows the client; any other is no delivery."""
    if not isinstance(found, dict):
        return ""
    names = {key: found[key] for key in _NAMES if isinstance(found.get(key), str) and found[key]}
    return f"{GREETING}{json.dumps(names, sort_keys=True)}" if names else ""


def shape(message: Message) -> str:
    """Return the form of a message; empty for greetings, heartbeats and refusals, which are no delivery.

    A frame with several messages has the forms of all of them, those of greetings by name last.
    """
    in_bytes, message = isinstance(message, bytes), in_text(message)
    if isinstance(message, str) and (_ENGINE.match(message) or _TURNED_AWAY.match(message)):
        return ""
    forms = {_form(one, in_bytes=in_bytes) for one in _unwrapped(message)} - {""}
    return " and ".join(sorted(forms, key=lambda one: (one.startswith(GREETING), one)))


def _form(message: Message, *, in_bytes: bool) -> str:
    refusal = _refuses(message)
    text = text_of(message)
    found = read_json(message) if isinstance(message, str) else _opened(message)
    data = isinstance(found, dict | list)
    if refusal or not message:
        return ""
    if isinstance(message, bytes) and not data:
        return STREAM if len(message) >= _CODE else CODE
    if _is_greeting(text, found):
        return _named(found)
    if data:
        return _of(found, 4)
    if in_bytes:
        # Where a stream is cut into frames is chance, and so is the first word of a frame.
        return STREAM
    words = re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)?", "#", text.strip(), flags=re.IGNORECASE).split()
    return f"text {words[0].lower()[:24]}" if words else ""


def content(message: Message) -> str:
    """Return the text of a message without numbers and names of users: a notice is always the same."""
    return " ".join(map(_content, _unwrapped(message)))


def _content(message: Message) -> str:
    text = text_of(message)
    found = read_json(message) if isinstance(message, str) else _opened(message)
    if isinstance(found, dict):
        rest = {key: value for key, value in found.items() if str(key).lower() not in _NAMES}
        text = json.dumps(rest, sort_keys=True, default=str)
    return re.sub(r"[0-9a-f]{8,}|\d+(\.\d+)?", "#", text, flags=re.IGNORECASE)


def shapes(messages: tuple[Message, ...]) -> frozenset[str]:
    """The shapes of what was delivered."""
    return frozenset(one for one in map(shape, messages) if one)
