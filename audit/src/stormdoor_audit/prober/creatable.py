"""Credentials that any client can create: of a page without a login, and tokens that nothing has signed.

A server that takes one of them asks for something, and keeps no client out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urljoin, urlsplit

from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.entrance import named_in
from stormdoor_audit.prober.forging import LIFETIME, encoded, forgeries
from stormdoor_audit.prober.identity import Identity, Pairs, token_of
from stormdoor_audit.prober.login import SetCookie
from stormdoor_audit.prober.packs import PACKS
from stormdoor_audit.prober.wire import NoAnswer, Request

__all__ = ["Created", "Visit", "candidates", "visit"]

_MOST_PAGES = 5
_MOST_TOKENS = 3
_MOST_FORGED = 8
_REDIRECTS = {301, 302, 303, 307, 308}
_NAMED = re.compile(r"token|jwt|ticket|api_?key|credential|session|\bsid\b", re.IGNORECASE)
_FORGERY = re.compile(r"[cx]srf", re.IGNORECASE)
_MADE = "a token without a signature that the client has made itself"
_USUAL_NAMES = ("token", "access_token", "ticket", "session")


@dataclass(frozen=True, slots=True)
class Created:
    """A credential, and how a client comes by it.

    Args:
        how: For a sentence after *gets in with*.
        who: The client that shows it.
    """

    how: str
    who: Identity


@dataclass(slots=True)
class Visit:
    """The cookies and tokens that pages near the endpoint give to a client without a login.

    Args:
        cookies: Cookies that the pages set, by name.
        tokens: Values that are named like a credential, with the page that holds each.
    """

    cookies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def shown(self) -> Pairs:
        """The cookies as an identity shows them."""
        return tuple(self.cookies.items())


def _pages(path: str) -> list[str]:
    """The pages that may belong to an endpoint: those above it, with and without a slash."""
    folders = path.strip("/").split("/")[:-1]
    above = ["/" + "/".join(folders[:depth]) for depth in range(len(folders), 0, -1)]
    found = [place for one in above for place in (one, f"{one}/")]
    return [*found, "/"][-_MOST_PAGES:]


async def visit(client: Client) -> Visit:
    """Read the pages near the endpoint as a browser without a login does."""
    found = Visit()
    for page in _pages(client.target.path):
        where, text = await _read(client, page, found.cookies)
        for name, value in named_in(text).items():
            if _NAMED.search(name) and not _FORGERY.search(name):
                found.tokens.setdefault(value, (name, where))
    return found


async def _read(client: Client, page: str, cookies: dict[str, str]) -> tuple[str, str]:
    """Return the address and the text of a page, and keep its cookies; one redirection is followed."""
    for _ in range(2):
        shown = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = (("Cookie", shown),) if shown else ()
        try:
            answer = await client.plain(client.target.at(page), Request(headers))
        except NoAnswer:
            break
        for one in map(SetCookie.parse, answer.values("set-cookie")):
            if one.value:
                cookies[one.name] = one.value
        if answer.status == 200:
            return page, answer.body.decode("utf-8", "replace")
        location = "".join(answer.values("location"))
        there = urlsplit(urljoin(f"{client.target.origin}{page}", location))
        if answer.status not in _REDIRECTS or there.netloc != client.target.netloc:
            break
        page = there.path or "/"
    return page, ""


def _placed(token: str, name: str, who: Identity) -> Iterator[tuple[str, Identity]]:
    """The places in which a client may show a token that it has found, with the name of each."""
    if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", token):
        offered = list(
            dict.fromkeys([who.protocols, *(one.protocols for one in PACKS if one.token)])
        )
        for protocols in offered:
            shown = (*protocols, token)
            yield "as a subprotocol", replace(who, protocols=shown, secret_protocols=(token,))
    names = tuple(dict.fromkeys((name, *_USUAL_NAMES)))
    value = quote(token, safe="")
    yield "in the address", replace(who, query=tuple((one, value) for one in names))
    for scheme in ("Bearer", "token"):
        header = ("Authorization", f"{scheme} {token}")
        yield f"as `Authorization: {scheme}`", replace(who, headers=(*who.headers, header))


def _constant(value: str) -> Callable[[str], str]:
    return lambda _: value


def _in_place_of(owner: Identity, token: str, cookies: Pairs) -> Identity:
    """The owner with every credential replaced by this token, and the cookies by those of a visitor."""
    changed = owner.changed("a client without a login", _constant(token))
    return replace(changed, cookies=cookies)


def _forged(owner: Identity, visitor: Identity) -> Iterator[Created]:
    """The visitor with one part of the owner's credential forged, each in its own place."""
    for name, value in owner.cookies:
        rest = tuple(one for one in visitor.cookies if one[0] != name)
        for made in forgeries(value):
            yield Created(_MADE, replace(visitor, cookies=(*rest, (name, made))))
    for name, value in owner.query:
        for made in forgeries(value):
            yield Created(_MADE, replace(visitor, query=((name, made),)))
    for name, value in owner.headers:
        token = token_of(name, value) or value
        for made in forgeries(token):
            shown = (name, value.replace(token, made))
            yield Created(_MADE, replace(visitor, headers=(*visitor.headers, shown)))
    for token in owner.secret_subprotocols:
        for made in forgeries(token):
            offered = tuple(made if one == token else one for one in owner.protocols)
            who = replace(visitor, protocols=offered, secret_protocols=(made,))
            yield Created(_MADE, who)


def candidates(client: Client, owner: Identity | None, seen: Visit) -> Iterator[Created]:
    """Yield the credentials that any client can create, those of the pages first.

    Args:
        client: Its unauthenticated identity shows them.
        owner: Where the credential is shown, and in which format; None where that is not known.
        seen: What the pages give.
    """
    visitor = replace(client.stranger, name="a visitor", cookies=seen.shown)
    if seen.cookies:
        names = ", ".join(f"`{name}`" for name in seen.cookies)
        yield Created(f"the cookie {names}, which a page gives to every visitor", visitor)
    tokens = list(seen.tokens.items())[:_MOST_TOKENS]
    for token, (name, page) in tokens:
        how = f"`{name}`, which the page `{page}` gives to every visitor"
        yield from _shown(token, name, how, owner, visitor)
    for token, (name, _) in tokens:
        for made in forgeries(token):
            yield from _shown(made, name, _MADE, owner, visitor)
    yield from itertools.islice(_forged(owner, visitor), _MOST_FORGED) if owner is not None else ()
    for pack in PACKS if owner is None else ():
        if pack.token:
            made = encoded(pack.made_token(LIFETIME))
            shown = (*pack.protocols, made)
            yield Created(
                _MADE, replace(client.stranger, protocols=shown, secret_protocols=(made,))
            )


def _shown(
    token: str, name: str, how: str, owner: Identity | None, visitor: Identity
) -> Iterator[Created]:
    """Show a token where the owner shows one; where that is not known, in every usual place."""
    if owner is not None and (owner.query or owner.headers or owner.secret_subprotocols):
        yield Created(how, _in_place_of(owner, token, visitor.cookies))
        return
    for place, who in _placed(token, name, visitor):
        yield Created(f"{how}, {place}", who)
