"""Credentials that any client can create: of a page without a login, and tokens that nothing has signed.

A server that takes one of them asks for something, and keeps no client out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from stormdoor.prober.conversation import Client
from stormdoor.prober.entrance import named_in
from stormdoor.prober.identity import Identity, Pairs, token_of
from stormdoor.prober.login import SetCookie
from stormdoor.prober.made_up import alike
from stormdoor.prober.packs import PACKS
from stormdoor.prober.wire import NoAnswer, Request

__all__ = ["Created", "Visit", "candidates", "forged", "visit"]

_MOST_PAGES = 5
_MOST_TOKENS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_NAMED = re.compile(r"token|jwt|ticket|api_?key|credential|session|\bsid\b", re.IGNORECASE)
_FORGERY = re.compile(r"[cx]srf", re.IGNORECASE)
_ID = re.compile(r"id$|^sub$|^jti$|nonce|session|user", re.IGNORECASE)
_ENDS = re.compile(r"exp", re.IGNORECASE)
_LIFETIME = 900
"""Seconds that a forged token claims to be valid."""
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


def _decoded(part: str) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def forged(token: str) -> str:
    """Return another token of the same format without a signature; "" where the format is not known.

    The format is base64 of a JSON object, which a signature may follow after a dot. Its ids become others,
    and its end lies in the future. JSON Web Tokens are another probe's.
    """
    payload, _, signature = token.partition(".")
    found = _decoded(payload)
    if found is None or signature.count(".") == 1 or "alg" in found:
        return ""
    for name, value in found.items():
        if isinstance(value, str) and _ID.search(name):
            found[name] = alike(value)
        elif isinstance(value, int | float) and _ENDS.search(name):
            found[name] = int(time.time()) + _LIFETIME
    return _encoded(found)


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


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


def _held(owner: Identity | None) -> list[str]:
    """The tokens that the owner shows."""
    if owner is None:
        return []
    values = [value for _, value in (*owner.query, *owner.cookies)]
    values += [token_of(name, value) for name, value in owner.headers]
    return [*values, *owner.secret_subprotocols]


def candidates(client: Client, owner: Identity | None, seen: Visit) -> Iterator[Created]:
    """Yield the credentials that any client can create, those of the pages first.

    Args:
        client: Its stranger is the client that shows them.
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
    samples = [(token, name) for token, (name, _) in tokens]
    samples += [(token, "token") for token in _held(owner)]
    for token, name in samples:
        if made := forged(token):
            yield from _shown(made, name, _MADE, owner, visitor)
    for pack in PACKS if owner is None else ():
        if pack.token:
            made = _encoded(pack.made_token(_LIFETIME))
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
