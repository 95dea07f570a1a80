"""Logging in as a browser would: the page first, its cookies and hidden fields, then the form."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Collection
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from urllib.parse import unquote, urlencode, urljoin

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.target import Target, parse_target
from stormdoor_audit.prober.wire import Answer, Request, exchange

__all__ = ["Fields", "LoggedIn", "Login", "LoginFailed", "SetCookie"]


class LoginFailed(Exception):
    """The server did not accept the login."""


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie as the server gave it; attributes with lower-case names."""

    name: str
    value: str
    attributes: frozenset[str]

    @classmethod
    def parse(cls, header: str) -> SetCookie:
        """Read a `Set-Cookie` header (RFC 6265, section 5.2)."""
        pair, *rest = header.split(";")
        name, _, value = pair.partition("=")
        attributes = frozenset("".join(one.lower().split()) for one in rest)
        return cls(name.strip(), value.strip(), attributes)

    @property
    def against_forgery(self) -> bool:
        """Return True if it is there to be read by the page, as a double-submit token is."""
        return "xsrf" in self.name.lower() or "csrf" in self.name.lower()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The identity after a login, and the cookies that were set."""

    identity: Identity
    before: tuple[SetCookie, ...]
    after: tuple[SetCookie, ...]


class Fields(HTMLParser):
    """Collects what the forms of a page send against forgery: hidden fields, and a token for scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.meta = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is hidden, and the token that scripts are meant to send."""
        given = dict(attrs)
        if tag == "meta" and re.fullmatch(r"[_-]?[cx]srf[_-]?(token)?", given.get("name") or ""):
            self.meta = given.get("content") or ""
        if tag == "input" and (given.get("type") or "").lower() == "hidden" and given.get("name"):
            self.hidden[str(given["name"])] = given.get("value") or ""


@dataclass(frozen=True, slots=True)
class Login:
    """A login form.

    Args:
        url: Where the form is sent to.
        fields: What is in it.
        as_json: Send it as JSON instead of a form.
        page: The page of the form, if it is elsewhere; it may be relative.
        authorized: As for `parse_target`.
        tls: For https.
    """

    url: str
    fields: tuple[tuple[str, str], ...]
    as_json: bool = False
    page: str = ""
    authorized: Collection[str] = ()
    tls: ssl.SSLContext | None = None

    def target(self, url: str = "") -> Target:
        """Return the address of the login, or of another page.

        Raises:
            NotAllowed: It is elsewhere than may be probed.
        """
        return parse_target(url or self.url, self.authorized)

    async def send(
        self, fields: tuple[tuple[str, str], ...], budget: Budget
    ) -> tuple[Answer, tuple[SetCookie, ...], tuple[SetCookie, ...], str]:
        """Get the page and send the form.

        Returns:
            The answer, the cookies of the page and of the answer, and the token of a bearer, if any.

        Raises:
            NoAnswer: The server does not answer.
        """
        target = self.target()
        where = self.target(self.elsewhere(self.page))
        page = await exchange(where, Request(), budget, self.tls)
        before = tuple(map(SetCookie.parse, page.values("set-cookie")))
        hidden = Fields()
        if page.status == 200:
            hidden.feed(page.body.decode("utf-8", "replace"))
        values = {**hidden.hidden, **dict(fields)}
        forgery = next((one for one in before if one.against_forgery), None)
        headers = [("Origin", target.origin), ("Referer", f"{target.origin}{target.path}")]
        if forgery is not None:
            headers += [("X-XSRFToken", forgery.value), ("X-CSRFToken", forgery.value)]
            # Angular's and Laravel's name for it; the cookie is quoted as a part of an address.
            headers.append(("X-XSRF-TOKEN", unquote(forgery.value)))
            if not self.as_json:
                values.setdefault(forgery.name, forgery.value)
        if hidden.meta:
            headers.append(("X-CSRF-Token", hidden.meta))
        if before:
            headers.append(("Cookie", "; ".join(f"{one.name}={one.value}" for one in before)))
        kind = "application/json" if self.as_json else "application/x-www-form-urlencoded"
        body = json.dumps(dict(fields)) if self.as_json else urlencode(values)
        headers.append(("Content-Type", kind))
        request = Request(tuple(headers), method="POST", body=body.encode())
        answer = await exchange(target, request, budget, self.tls)
        return (
            answer,
            before,
            tuple(map(SetCookie.parse, answer.values("set-cookie"))),
            _bearer(answer),
        )

    async def log_in(self, who: Identity, budget: Budget) -> LoggedIn:
        """`who` with the cookies, or the token, of a new session.

        Raises:
            LoginFailed: None was given.
            NoAnswer: The server does not answer.
        """
        answer, before, after, token = await self.send(self.fields, budget)
        cookies = {one.name: one.value for one in (*before, *after) if one.value}
        new = [one for one in after if one.value]
        if answer.status >= 400 or not (cookies or token):
            raise LoginFailed(f"the login as {who.name} was answered with {answer.status}")
        secrets = frozenset(value for _, value in self.fields)
        jar = tuple({**dict(who.cookies), **cookies}.items())
        found = replace(who, cookies=jar, extra=who.extra | secrets)
        if token and not new:
            found = replace(found, headers=(*who.headers, ("Authorization", f"Bearer {token}")))
        return LoggedIn(found, before, after)

    def elsewhere(self, url: str) -> str:
        """Another address, relative to that of the login."""
        return urljoin(self.url, url)


def _bearer(answer: Answer) -> str:
    found = read_object(answer.body) or {}
    names = ("access_token", "token", "jwt", "id_token")
    return next((str(found[name]) for name in names if isinstance(found.get(name), str)), "")
