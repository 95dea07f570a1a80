"""The client that connects: its credential, and where that credential goes in the handshake."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from stormdoor_audit.prober.delivered import TAGS
from stormdoor_audit.prober.peer_json import read_json
from stormdoor_audit.prober.target import Target

__all__ = ["NOBODY", "PACKET", "Identity", "mutated", "token_of"]

Pairs = tuple[tuple[str, str], ...]

_JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]*\.[\w-]*")
_LONGEST_NAME = 24
_SHORTEST = 4
_DATE = 5
PACKET = re.compile(r"\d{1,2}(?:/[\w/-]+,)?(?=[\[{])")
"""The part before the JSON of a Socket.IO packet."""
_NAMED = re.compile(
    r"pass|pwd|token|secret|key|auth|ticket|session|jwt|sig|credential|cookie|bearer|\bpin\b|otp",
    re.IGNORECASE,
)
_BROWSERS = frozenset({
    "user-agent", "accept", "accept-language", "accept-encoding", "cache-control", "pragma", "dnt",
})  # fmt: skip
"""Headers that browsers send along for every page: a session may be bound to them."""
_CREDENTIAL_HEADER = re.compile(r"(proxy-)?authorization$|cookie$", re.IGNORECASE)
_KINDS = frozenset({*TAGS, "jsonrpc", "id", "version", "v"})
_SCHEME = re.compile(r"([A-Za-z][\w-]{0,30}) +(\S+)\Z")
"""Of `Authorization`: a scheme, and one value (RFC 9110, section 11.6.2)."""
_NO_TOKEN = frozenset({"basic", "digest", "negotiate", "ntlm"})
_SENT_AS_GIVEN = "!$'()*+,;:@/?-._~{}%"
"""Characters of a query that need no escape (RFC 3986, section 3.4), and those of an escape."""
_OPAQUE = re.compile(r"[A-Za-z0-9_\-+/=.~|:%]{16,}")
_WORD = (
    "(?:bearer|token|auth(?:orization|entication)?|jwt|secret|password|ticket|session|credentials?"
    "|api[_-]?key|base64url)"
)
_CREDENTIAL = re.compile(_WORD, re.IGNORECASE)
_MARKER = re.compile(rf"(?:(?:x|id|my|user|access)?[._-]?{_WORD}[._:-]?)+", re.IGNORECASE)
"""Subprotocol that only says that the next one is a credential: `bearer`, `access_token`."""
_PREFIX = re.compile(
    rf"(?:[a-z0-9]+[._-])*?(?:[a-z]*?{_WORD}[.:_|~+-])+(?:k8s\.io\.)?(?=.)", re.IGNORECASE
)
"""Beginning of a subprotocol that holds a credential: `bearer.`, `base64url.bearer.authorization.k8s.io.`."""
_PLAIN_NAME = re.compile(
    r"v?\d+(\.\d+)*|(sub)?protocol|ws|(web)?socket|json|required|chat|graphql\S*|mqtt\S*|v?\d*\.?stomp",
    re.IGNORECASE,
)
"""Text after such a word that is a name, and no credential."""


def mutated(text: str, change: Callable[[str], str]) -> str:
    """`text` with the credential in it changed: a JWT, or what looks like a credential, or all of it."""
    if given := _SCHEME.fullmatch(text):
        return f"{given[1]} {change(given[2])}"
    if found := _JWT.search(text):
        return text[: found.start()] + change(found[0]) + text[found.end() :]
    opaque = max(_OPAQUE.findall(text), key=len, default="")
    if opaque and opaque != text:
        before, _, after = text.partition(opaque)
        return before + change(opaque) + after
    return change(text)


def token_of(name: str, value: str) -> str:
    """Return the token of an `Authorization` header of any scheme; "" where it holds none."""
    given = _SCHEME.fullmatch(value.strip()) if name.lower() == "authorization" else None
    return given[2] if given and given[1].lower() not in _NO_TOKEN else ""


def _public(text: str) -> bool:
    """Return True if a first message is JSON that holds nothing like a secret, such as `{"op": "hello"}`."""
    begins = PACKET.match(text)
    found = read_json(text[begins.end() if begins else 0 :])
    return isinstance(found, dict | list) and not _holds_secret(found)


def _holds_secret(found: Any, name: str = "") -> bool:
    if isinstance(found, dict):
        return any(_holds_secret(one, str(key)) for key, one in found.items())
    if isinstance(found, list):
        return any(_holds_secret(one, name) for one in found)
    if isinstance(found, bool) or found is None:
        return False
    text = str(found)
    if _NAMED.search(name) or re.search("code|hash|proof|nonce", name, re.IGNORECASE):
        return True
    if isinstance(found, int | float):
        return len(text) >= _SHORTEST
    return len(text) > _LONGEST_NAME or (len(text) > _DATE and bool(re.search(r"\d", text)))


def _secret_protocols(offered: tuple[str, ...], *, guessed: bool = True) -> tuple[str, ...]:
    """Return the subprotocols that are a credential.

    A credential is named as one (`bearer.VALUE`), follows a name for one (`bearer, VALUE`), or has random
    characters.

    Args:
        offered: Subprotocols, in the order in which the client offers them.
        guessed: Include those that are only long, or that name a credential without a value.
    """
    found = []
    before = ""
    for one in offered:
        marks = bool(_MARKER.fullmatch(one))
        value = one if _MARKER.fullmatch(before) else one[len(_prefix(one)) :]
        named = value if value != one or _MARKER.fullmatch(before) else ""
        sure = bool(named and not _PLAIN_NAME.fullmatch(named)) or _is_chance(one)
        likely = len(one) > _LONGEST_NAME or bool(_CREDENTIAL.search(one)) or bool(named)
        if not marks and (sure or (guessed and likely)):
            found.append(one)
        before = one if marks else ""
    return tuple(found)


def _prefix(protocol: str) -> str:
    """Return the part of a subprotocol that names a credential, such as `bearer.`; "" without one."""
    found = _PREFIX.match(protocol)
    return found[0] if found else ""


def _plain_text(value: str) -> str:
    """Return the text that a value holds in base64url; "" if it holds none."""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:
        return ""


def _is_chance(name: str) -> bool:
    """Return True if a subprotocol is a token, or a part of it is made of chance."""
    return bool(_JWT.search(name)) or any(map(_random, re.split(r"[^A-Za-z0-9]+", name)))


def _changed_protocol(protocol: str, change: Callable[[str], str]) -> str:
    """Return a subprotocol with the credential in it changed, and the name before it kept.

    A credential in its place may be given with the same name or without it.
    """
    name = _prefix(protocol)
    made = mutated(protocol[len(name) :], change)
    return made if name and made.startswith(name) else name + made


def _random(part: str) -> bool:
    """Digits among letters, as in no word with a number or a version, or many digits."""
    turns = len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", part))
    return (len(part) >= _SHORTEST and turns > 1) or (part.isdecimal() and len(part) > _DATE)


def _message(text: str, change: Callable[[str], str]) -> str:
    """A first message with the credential in it changed: in JSON, where it is named, or every text."""
    begins = PACKET.match(text)
    prefix = begins[0] if begins else ""
    if _JWT.search(text):
        return mutated(text, change)
    found = read_json(text[len(prefix) :])
    if not isinstance(found, dict | list):
        return mutated(text, change)
    named = json.dumps(_each(found, change, only_named=True))
    if named == json.dumps(found):
        named = json.dumps(_each(found, change, only_named=False))
    return prefix + named


def _each(found: Any, change: Callable[[str], str], *, only_named: bool, name: str = "") -> Any:
    """Its texts changed, except for those that say of which kind it is."""
    if isinstance(found, dict):
        return {
            key: _each(one, change, only_named=only_named, name=str(key))
            for key, one in found.items()
        }
    if isinstance(found, list):
        return [_each(one, change, only_named=only_named, name=name) for one in found]
    if not isinstance(found, str) or name.lower() in _KINDS:
        return found
    return change(found) if not only_named or _NAMED.search(name) else found


@dataclass(frozen=True, slots=True)
class Identity:
    """A client, and its credential.

    Args:
        name: What reports call it.
        cookies: Ambient credentials: a browser sends them for every page.
        headers: Such as Authorization.
        query: Parameters of the address, escaped as they are sent.
        protocols: Offered as subprotocols, in this order.
        first_message: Sent as soon as the socket is open.
        extra: More texts that must not be shown.
        secret_protocols: Those of the subprotocols that are a credential; None to take for credentials those
            that are named as one, that hold a token, and the long ones.
        order: Names of the parameters of the address, in the order in which they are sent.
        public_message: The first message is no credential: other clients say it, too.
    """

    name: str
    cookies: Pairs = ()
    headers: Pairs = ()
    query: Pairs = ()
    protocols: tuple[str, ...] = ()
    first_message: str = ""
    extra: frozenset[str] = field(default=frozenset())
    secret_protocols: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    public_message: bool = False

    @property
    def _secret_message(self) -> str:
        """The first message, where it is a credential: alone it is, beside another it may be a greeting."""
        beside = bool(
            self.cookies
            or self._shown_headers
            or self._basic
            or self.query
            or self.secret_subprotocols
        )
        if self.public_message or (beside and _public(self.first_message)):
            return ""
        return self.first_message

    @property
    def ambient(self) -> bool:
        """Return True if a browser sends it along for a foreign page, and nothing else is needed."""
        return bool(self.cookies or self._basic) and not (
            self.query or self._secret_message or self._shown_headers or self.secret_subprotocols
        )

    @property
    def _basic(self) -> bool:
        return any(
            name.lower() == "authorization" and value.lower().startswith("basic ")
            for name, value in self.headers
        )

    @property
    def _shown_headers(self) -> Pairs:
        return tuple(
            (name, value)
            for name, value in self.headers
            if not (name.lower() == "authorization" and value.lower().startswith("basic "))
            and name.lower() not in _BROWSERS
        )

    @property
    def _usual_headers(self) -> Pairs:
        """Those that the same browser sends for every page, and that are no credential."""
        return tuple(one for one in self.headers if one[0].lower() in _BROWSERS)

    @property
    def secret_subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that are a credential."""
        if self.secret_protocols is None:
            return _secret_protocols(self.protocols)
        return tuple(one for one in self.protocols if one in self.secret_protocols)

    @property
    def empty(self) -> bool:
        """Return True if it shows nothing at all."""
        return not (
            self.cookies
            or self._shown_headers
            or self._basic
            or self.query
            or self.secret_subprotocols
            or self._secret_message
        )

    def texts(self) -> Iterator[str]:
        """Everything it shows."""
        usual = self._usual_headers
        shown = tuple(one for one in self.headers if one not in usual)
        for pairs in (self.cookies, shown, self.query):
            yield from (value for _, value in pairs)
        yield from self.secret_subprotocols
        if self._secret_message:
            yield self.first_message

    def secrets(self) -> Iterator[str]:
        """Yield the texts that must not be in a transcript."""
        for text in self.texts():
            yield text
            yield from (one[0] for one in _JWT.finditer(text))
            yield max(_OPAQUE.findall(text), key=len, default="")
        yield from (unquote(value) for _, value in self.query)
        yield from (token_of(name, value) for name, value in self.headers)
        for one in self.secret_subprotocols:
            value = one[len(_prefix(one)) :]
            yield from (value, _plain_text(value))
        yield from self.extra

    def jwts(self) -> list[str]:
        """The JSON Web Tokens it shows."""
        return list(dict.fromkeys(one[0] for text in self.texts() for one in _JWT.finditer(text)))

    def nobody(self) -> Identity:
        """Return the same client without a credential.

        It still offers the subprotocols, and says the first message, that are no credential.
        """
        public = bool(self.first_message) and not self._secret_message
        return Identity(
            "nobody",
            headers=self._usual_headers,
            protocols=tuple(one for one in self.protocols if one not in self.secret_subprotocols),
            first_message=self.first_message if public else "",
            public_message=public,
            secret_protocols=(),
        )

    def plain_parts(self) -> Identity:
        """Return the client with only those parts of its credential that may be no secret.

        These are headers and cookies with a plain word, and subprotocols that are only long.
        """

        def plain(pairs: Pairs) -> Pairs:
            return tuple(
                (name, value)
                for name, value in pairs
                if not (_CREDENTIAL_HEADER.match(name) or _holds_secret(value, name))
            )

        secret = (
            _secret_protocols(self.protocols, guessed=False)
            if self.secret_protocols is None
            else self.secret_protocols
        )
        protocols = tuple(one for one in self.protocols if one not in secret)
        return replace(
            self.nobody(),
            headers=(*self._usual_headers, *plain(self._shown_headers)),
            cookies=plain(self.cookies),
            protocols=protocols,
            secret_protocols=(),
        )

    def changed(self, name: str, change: Callable[[str], str]) -> Identity:
        """The same client with every credential changed; cookies against forgery are left."""

        def all_of(pairs: Pairs) -> Pairs:
            return tuple(
                (
                    key,
                    value
                    if re.search("xsrf|csrf", key.lower()) or key.lower() in _BROWSERS
                    else mutated(value, change),
                )
                for key, value in pairs
            )

        secret = self.secret_subprotocols
        changed = tuple(_changed_protocol(one, change) for one in secret)
        protocols = tuple(
            _changed_protocol(one, change) if one in secret else one for one in self.protocols
        )
        public = self.first_message and not self._secret_message
        return replace(
            self,
            name=name,
            cookies=all_of(self.cookies),
            headers=all_of(self.headers),
            query=all_of(self.query),
            protocols=protocols,
            secret_protocols=changed,
            first_message=_message(self.first_message, change)
            if self._secret_message
            else self.first_message,
            public_message=self.public_message or bool(public),
        )

    def at(self, target: Target) -> Target:
        """Return the address with its parameters in it, each where it was given, and as it was given."""
        if not self.query:
            return target
        path, _, query = target.resource.partition("?")
        pieces = query.split("&") if query else []
        pieces += [
            f"{quote(name, safe=_SENT_AS_GIVEN)}={quote(value, safe=_SENT_AS_GIVEN + '=')}"
            for name, value in self.query
        ]
        return target.at(f"{path}?{'&'.join(_in_order(pieces, self.order))}")

    def shown(self) -> Pairs:
        """The headers it sends."""
        found = list(self.headers)
        if self.cookies:
            found.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies)))
        if self.protocols:
            found.append(("Sec-WebSocket-Protocol", ", ".join(self.protocols)))
        return tuple(found)


def _in_order(pieces: list[str], order: tuple[str, ...]) -> list[str]:
    """The parameters in this order of their names; others follow."""
    places = list(enumerate(order))

    def place(piece: str) -> int:
        name = piece.partition("=")[0]
        for number, one in places:
            if one == name:
                places.remove((number, one))
                return number
        return len(order)

    return sorted(pieces, key=place)


NOBODY = Identity("nobody")
