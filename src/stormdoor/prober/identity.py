"""Who connects: nobody, or somebody with a credential, and where that credential goes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from stormdoor.prober.delivered import TAGS
from stormdoor.prober.target import Target

__all__ = ["NOBODY", "Identity", "mutated"]

Pairs = tuple[tuple[str, str], ...]

_JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]*\.[\w-]*")
_LONGEST_NAME = 24
_SHORTEST = 4
_DATE = 5
_PACKET = re.compile(r"\d{1,2}(?:/[\w/-]+,)?(?=[\[{])")
"""What stands before the JSON of Socket.IO."""
_NAMED = re.compile(
    r"pass|pwd|token|secret|key|auth|ticket|session|jwt|sig|credential|cookie|bearer|\bpin\b|otp",
    re.IGNORECASE,
)
_BROWSERS = frozenset({
    "user-agent", "accept", "accept-language", "accept-encoding", "cache-control", "pragma", "dnt",
})  # fmt: skip
"""Headers that browsers send along whatever page asks: a session may be bound to them."""
_KINDS = frozenset({*TAGS, "jsonrpc", "id", "version", "v"})
_OPAQUE = re.compile(r"[A-Za-z0-9_\-+/=.~|:%]{16,}")


def mutated(text: str, change: Callable[[str], str]) -> str:
    """`text` with the credential in it changed: a JWT, or what looks like a credential, or all of it."""
    scheme, space, rest = text.partition(" ")
    if space and rest and scheme.lower() in {"bearer", "basic", "token", "apikey", "dpop"}:
        return f"{scheme} {change(rest)}"
    if found := _JWT.search(text):
        return text[: found.start()] + change(found[0]) + text[found.end() :]
    opaque = max(_OPAQUE.findall(text), key=len, default="")
    if opaque and opaque != text:
        before, _, after = text.partition(opaque)
        return before + change(opaque) + after
    return change(text)


def _secret_protocol(name: str) -> bool:
    """Whether a subprotocol is no name: it is long, a token, or a part of it is made of chance."""
    parts = re.split(r"[^A-Za-z0-9]+", name)
    return len(name) > _LONGEST_NAME or bool(_JWT.search(name)) or any(map(_random, parts))


def _random(part: str) -> bool:
    """Digits among letters, as in no word with a number or a version, or many digits."""
    turns = len(re.findall(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])", part))
    return (len(part) >= _SHORTEST and turns > 1) or (part.isdecimal() and len(part) > _DATE)


def _message(text: str, change: Callable[[str], str]) -> str:
    """A first message with the credential in it changed: in JSON, where it is named, or every text."""
    begins = _PACKET.match(text)
    prefix = begins[0] if begins else ""
    if _JWT.search(text):
        return mutated(text, change)
    try:
        found = json.loads(text[len(prefix) :])
    except (ValueError, RecursionError):
        return mutated(text, change)
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
    """Somebody, and what they show.

    Args:
        name: What reports call it.
        cookies: Sent by a browser on its own, whatever page asks: an ambient credential.
        headers: Such as Authorization.
        query: Parameters of the address.
        protocols: Offered as subprotocols. The long ones are taken for credentials.
        first_message: Sent as soon as the socket is open.
    """

    name: str
    cookies: Pairs = ()
    headers: Pairs = ()
    query: Pairs = ()
    protocols: tuple[str, ...] = ()
    first_message: str = ""
    extra: frozenset[str] = field(default=frozenset())

    @property
    def ambient(self) -> bool:
        """Whether a browser sends it along for a foreign page, and nothing else is needed."""
        return bool(self.cookies or self._basic) and not (
            self.query or self.first_message or self._shown_headers or self._secret_protocols
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
    def _secret_protocols(self) -> tuple[str, ...]:
        return tuple(one for one in self.protocols if _secret_protocol(one))

    @property
    def empty(self) -> bool:
        """Whether it shows nothing at all."""
        return not (
            self.cookies
            or self._shown_headers
            or self._basic
            or self.query
            or self._secret_protocols
            or self.first_message
        )

    def texts(self) -> Iterator[str]:
        """Everything it shows."""
        usual = self._usual_headers
        shown = tuple(one for one in self.headers if one not in usual)
        for pairs in (self.cookies, shown, self.query):
            yield from (value for _, value in pairs)
        yield from self._secret_protocols
        if self.first_message:
            yield self.first_message

    def secrets(self) -> Iterator[str]:
        """What must not be in a transcript."""
        for text in self.texts():
            yield text
            yield from (one[0] for one in _JWT.finditer(text))
            yield max(_OPAQUE.findall(text), key=len, default="")
        yield from self.extra

    def jwts(self) -> list[str]:
        """The JSON Web Tokens it shows."""
        return list(dict.fromkeys(one[0] for text in self.texts() for one in _JWT.finditer(text)))

    def nobody(self) -> Identity:
        """The same client without a credential: it still offers the subprotocols that are none."""
        return Identity(
            "nobody",
            headers=self._usual_headers,
            protocols=tuple(p for p in self.protocols if not _secret_protocol(p)),
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

        return replace(
            self,
            name=name,
            cookies=all_of(self.cookies),
            headers=all_of(self.headers),
            query=all_of(self.query),
            protocols=tuple(
                mutated(one, change) if _secret_protocol(one) else one for one in self.protocols
            ),
            first_message=_message(self.first_message, change) if self.first_message else "",
        )

    def at(self, target: Target) -> Target:
        """The address with its parameters in it."""
        if not self.query:
            return target
        path, _, query = target.resource.partition("?")
        kept = parse_qsl(query, keep_blank_values=True)
        return target.at(f"{path}?{urlencode([*kept, *self.query], safe='{}')}")

    def shown(self) -> Pairs:
        """The headers it sends."""
        found = list(self.headers)
        if self.cookies:
            found.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies)))
        if self.protocols:
            found.append(("Sec-WebSocket-Protocol", ", ".join(self.protocols)))
        return tuple(found)


NOBODY = Identity("nobody")
