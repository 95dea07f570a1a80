"""Ways to a credential beside a login form: OAuth client credentials, and a token in a page."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Protocol
from urllib.parse import quote, urlencode

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import LoginFailed
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.target import parse_target
from stormdoor_audit.prober.web import Web
from stormdoor_audit.prober.wire import Request, exchange

__all__ = ["ClientCredentials", "Entered", "Entrance", "PageToken", "fill", "filled", "named_in"]

_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Entered:
    """The credential, and the values that were captured.

    Args:
        identity: With the cookies that were set on the way.
        captured: Values by name, to be put where `{name}` stands.
        secret: What else must not be shown.
    """

    identity: Identity
    captured: Mapping[str, str]
    secret: frozenset[str] = frozenset()


class Entrance(Protocol):
    """A way to a credential."""

    async def enter(self, who: Identity, captured: Mapping[str, str], budget: Budget) -> Entered:
        """Go it.

        Raises:
            LoginFailed: It leads nowhere.
            NoAnswer: The server does not answer.
        """
        ...


def fill(text: str, captured: Mapping[str, str]) -> str:
    """`text` with what was captured; other braces, such as those of JSON, are left."""
    return _PLACE.sub(lambda found: captured.get(found[1], found[0]), text)


def filled(who: Identity, captured: Mapping[str, str]) -> Identity:
    """The identity with what was captured; a `token` that nothing asks for is sent as Bearer."""

    def put(text: str) -> str:
        return fill(text, captured)

    def both(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((put(name), put(value)) for name, value in pairs)

    escaped = {name: quote(value, safe="=/:@,;") for name, value in captured.items()}
    found = replace(
        who,
        cookies=both(who.cookies),
        headers=both(who.headers),
        # What was captured is a value; what the owner wrote is sent as it was written.
        query=tuple((put(name), fill(value, escaped)) for name, value in who.query),
        protocols=tuple(map(put, who.protocols)),
        secret_protocols=None
        if who.secret_protocols is None
        else tuple(map(put, who.secret_protocols)),
        first_message=put(who.first_message),
        extra=who.extra | {value for value in captured.values() if len(value) >= 4},
    )
    unused = replace(found, cookies=who.cookies, extra=who.extra) == who
    if unused and "token" in captured:
        bearer = ("Authorization", f"Bearer {captured['token']}")
        return replace(found, headers=(*found.headers, bearer))
    return found


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, section 4.4): the token is captured as `token`.

    Args:
        url: The token endpoint.
        client: The client's id.
        secret: Its secret.
        scope: What is asked for.
        more: More parameters, such as `audience` or `resource`.
        authorized: Hosts beside this machine that may be asked.
        tls: For https.
    """

    url: str
    client: str
    secret: str = field(repr=False)
    scope: str = ""
    more: tuple[tuple[str, str], ...] = ()
    authorized: Collection[str] = ()
    tls: ssl.SSLContext | None = None

    async def enter(self, who: Identity, captured: Mapping[str, str], budget: Budget) -> Entered:
        """Ask for a token: with HTTP Basic, and where that is refused with the secret in the form.

        Raises:
            LoginFailed: There is none.
            NoAnswer: The server does not answer.
        """
        form = [("grant_type", "client_credentials"), *self.more]
        form += [("scope", self.scope)] if self.scope else []
        pair = f"{quote(self.client, safe='')}:{quote(self.secret, safe='')}"
        basic = ("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        inside = [("client_id", self.client), ("client_secret", self.secret)]
        status, said = 0, ""
        for headers, body in (([basic], form), ([], [*form, *inside])):
            request = Request(
                (
                    *headers,
                    ("Content-Type", "application/x-www-form-urlencoded"),
                    ("Accept", "application/json"),
                ),
                method="POST",
                body=urlencode(body).encode(),
            )
            target = parse_target(self.url, self.authorized)
            answer = await exchange(target, request, budget, self.tls)
            status = answer.status
            given = read_object(answer.body) or {}
            token = given.get("access_token")
            if status == 200 and isinstance(token, str) and token:
                return Entered(who, {"token": token}, frozenset({self.secret}))
            said = str(given.get("error", ""))[:60]
            if status not in {400, 401}:
                break
        raise LoginFailed(f"the token endpoint answered {status} {said}".rstrip())


_META = re.compile(r"<meta\s[^>]{0,400}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""(name|content|property)\s*=\s*["']([^"']{0,4000})["']""", re.IGNORECASE)
_VARIABLE = re.compile(
    r"""["']?(?<![\w$])([A-Za-z_$][\w$]{0,40})["']?\s*[:=]\s*["']([\w\-.~+/=]{8,4000})["']"""
)
_NAMED = re.compile(r"token|jwt|ticket|api_?key|credential", re.IGNORECASE)
_FORGERY = re.compile(r"[cx]srf", re.IGNORECASE)


def named_in(text: str) -> dict[str, str]:
    """Return the named values of a page: in `meta`, in a variable of a script, in JSON."""
    found: dict[str, str] = {}
    for one in _META.finditer(text):
        given = {name.lower(): value for name, value in _ATTRIBUTE.findall(one[0])}
        if (name := given.get("name") or given.get("property")) and given.get("content"):
            found.setdefault(name, unescape(given["content"]))
    for name, value in _VARIABLE.findall(text):
        found.setdefault(name, value)
    return found


@dataclass(frozen=True, slots=True)
class PageToken:
    """A token that a page holds: captured as `token`.

    Args:
        url: The page.
        name: Of the `meta` element, the variable or the JSON field; "" to look for one that is named so.
        pattern: A regular expression with the token as its group, in place of a name.
        authorized: Hosts beside this machine that may be asked.
        tls: For https.
    """

    url: str
    name: str = ""
    pattern: str = ""
    authorized: Collection[str] = ()
    tls: ssl.SSLContext | None = None

    async def enter(self, who: Identity, captured: Mapping[str, str], budget: Budget) -> Entered:
        """Read the page with what was got until now.

        Raises:
            LoginFailed: It holds no token, or more than one.
            NoAnswer: The server does not answer.
        """
        web = Web(budget, self.tls, self.authorized, who, self.url)
        page = await web.ask(self.url)
        if page.answer.status != 200:
            raise LoginFailed(f"the page of the token was answered with {page.answer.status}")
        token = self._token(page.text)
        return Entered(replace(who, cookies=web.cookies), {"token": token})

    def _token(self, text: str) -> str:
        if self.pattern:
            found = re.search(self.pattern, text)
            if found is None:
                raise LoginFailed("nothing in the page of the token matches --token-pattern")
            return found[1] if found.re.groups else found[0]
        named = named_in(text)
        if self.name:
            if self.name not in named:
                raise LoginFailed(f"the page of the token has no {self.name}")
            return named[self.name]
        likely = {k: v for k, v in named.items() if _NAMED.search(k) and not _FORGERY.search(k)}
        if len(set(likely.values())) == 1:
            return next(iter(likely.values()))
        if likely:
            names = ", ".join(sorted(likely)[:8])
            raise LoginFailed(
                f"the page holds more than one token ({names}): say --token-name NAME"
            )
        raise LoginFailed("the page holds nothing that is named like a token: say --token-pattern")
