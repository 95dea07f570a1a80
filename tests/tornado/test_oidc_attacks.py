"""Attacks on a login at an OpenID provider: each works on the twin, and not on the door."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from stormdoor import Guard, protect
from stormdoor.stores.memory import MemoryStore
from stormdoor.tornado.oidc_routes import OpenIdProvider, oidc_routes
from tests.demo.visitor import Visitor
from tests.docs.pages import free_port
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.site import Person, Site, site
from tests.support.openid.twin import Twin, twin
from tests.support.openid.visitor import Browserlike, query_of
from tests.support.tokens import b64
from tests.tornado.wire import Served, quiet, serving

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def bring(browser: Browserlike, here: Twin, login: str, start: str = "login") -> str:
    """Log in at the provider, and stop before the twin's callback: its address."""
    answer = await browser.follow(
        f"{here.at}/{start}", until=f"{here.at}/callback", login=login, password="x"
    )
    return str(answer.headers["location"])


async def who(browser: Browserlike, here: Twin) -> str:
    """Return the name of the twin's account for this browser."""
    return (await browser.get(f"{here.at}/who")).text


# -- login CSRF --------------------------------------------------------------------------------


async def test_login_csrf_works_on_the_twin(provider: RealProvider) -> None:
    """Alice follows a link of mallory's, and writes into mallory's account from then on."""
    async with twin(provider) as here, Browserlike() as mallory, Browserlike() as alice:
        await alice.get(await bring(mallory, here, "mallory"))
        assert await who(alice, here) == "mallory@example.com"


async def test_login_csrf(provider: RealProvider) -> None:
    """The answer belongs to the browser that asked."""
    async with site(provider) as here, Person(here) as mallory, Person(here) as alice:
        link = await mallory.bring(await mallory.begin(), login="mallory")
        assert (await alice.get(link)).status_code == 401
        without = link.replace(query_of(link)["state"], "")
        assert (await alice.get(without)).status_code == 401
        assert alice.cookie is None


async def test_a_lost_cookie_of_a_login_is_explained(
    provider: RealProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Safari keeps none over http://. The page has nothing of the request, and creates no session."""
    async with site(provider) as here, Person(here) as mallory, Person(here) as safari:
        link = await mallory.bring(await mallory.begin(), login="mallory")
        page = await safari.get(link)
        assert (page.status_code, page.headers["Referrer-Policy"]) == (401, "no-referrer")
        assert "Your browser did not keep the cookie" in page.text
        assert query_of(link)["code"] not in page.text
        assert "--tls-self-signed" in caplog.text
        assert safari.cookie is None
        await safari.begin()  # with a cookie, the answer to another browser has another reason
        assert "did not keep the cookie" not in (await safari.get(link)).text


# -- a stolen code -------------------------------------------------------------------------------


async def test_a_stolen_code_works_on_the_twin(provider: RealProvider) -> None:
    """An attacker logs in on the twin with a code from a log, a history or a referrer."""
    async with twin(provider) as here, Browserlike() as alice, Browserlike() as mallory:
        stolen = query_of(await bring(alice, here, "alice"))["code"]
        await mallory.get(f"{here.at}/callback?code={stolen}")
        assert await who(mallory, here) == "alice"


async def test_a_stolen_code(provider: RealProvider) -> None:
    """Put into mallory's own answer: the verifier is alice's, and the provider refuses (PKCE)."""
    async with site(provider) as here, Person(here) as alice, Person(here) as mallory:
        stolen = query_of(await alice.bring(await alice.begin(), login="alice"))["code"]
        own = await mallory.bring(await mallory.begin(), login="mallory")
        answer = await mallory.get(own.replace(query_of(own)["code"], stolen))
        assert answer.status_code == 401
        assert "invalid_grant" in (await here.refusals())[-1]
        assert await here.guard.state.accounts.accounts() == []


# -- an ID token of another login ----------------------------------------------------------------


async def id_token_of(provider: RealProvider, login: str, nonce: str = "of another login") -> str:
    """Return a genuine, unexpired ID token for both applications, as an attacker may have stolen it."""
    now = int(time.time())
    claims = {"iss": provider.issuer, "sub": login, "iat": now, "exp": now + 600, "nonce": nonce}
    claims |= {"aud": ["app", "naive"], "azp": "app", "email": f"{login}@example.com"}
    return provider.sign(claims)


async def test_a_replayed_id_token_works_on_the_twin(provider: RealProvider) -> None:
    """An attacker at the token endpoint logs in on the twin with an old token of alice."""
    async with twin(provider) as here, Browserlike() as mallory:
        own = await bring(mallory, here, "mallory")
        body = json.dumps({"id_token": await id_token_of(provider, "alice")})
        provider.behave("/token", "answer", status=200, body=body)
        await mallory.get(own)
        assert await who(mallory, here) == "alice"


async def test_a_replayed_id_token(provider: RealProvider) -> None:
    """Its nonce is not that of this login."""
    async with site(provider, trusted_audiences=["naive"]) as here, Person(here) as mallory:
        own = await mallory.bring(await mallory.begin(), login="mallory")
        body = json.dumps({"id_token": await id_token_of(provider, "alice")})
        provider.behave("/token", "answer", status=200, body=body)
        assert (await mallory.get(own)).status_code == 401
        assert "nonce" in (await here.refusals())[-1]
        assert await here.guard.state.accounts.accounts() == []


# -- mix-up ----------------------------------------------------------------------------------------


class _EvilProvider(RequestHandler):
    """A provider that people may choose, and that sends them on to the honest one."""

    def get(self, what: str) -> None:
        at = f"http://{self.request.host}"
        if what == ".well-known/openid-configuration":
            self.finish(
                {
                    "issuer": at,
                    "authorization_endpoint": f"{at}/auth",
                    "token_endpoint": f"{at}/token",
                    "jwks_uri": f"{at}/jwks",
                    "response_types_supported": ["code"],
                }
            )
            return
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        query |= self.settings["instead"]
        self.redirect(f"{self.settings['honest']}/auth?{urlencode(query)}")

    def post(self, what: str) -> None:
        self.settings["codes"].append(self.get_body_argument("code"))
        self.finish({"id_token": "a.b.c"})


@asynccontextmanager
async def evil(
    provider: RealProvider, client: str
) -> AsyncIterator[tuple[str, list[str], dict[str, str]]]:
    """Its address, the codes that it got, and what it changes in what it passes on."""
    codes: list[str] = []
    instead = {"client_id": client}
    routes = [(r"/(.*)", _EvilProvider)]
    async with serving(routes, honest=provider.issuer, codes=codes, instead=instead) as at:
        yield f"http://127.0.0.1:{at.port}", codes, instead


async def test_mix_up_works_on_the_twin(provider: RealProvider) -> None:
    """Alice chooses mallory's provider, logs in at the honest one, and mallory gets the code."""
    async with evil(provider, "naive") as (address, codes, _), twin(provider, evil=address) as here:
        async with Browserlike() as alice:
            back = await bring(alice, here, "alice", "login?at=evil")
            assert (await alice.get(back)).status_code >= 400
            assert codes == [query_of(back)["code"]]


@pytest.mark.parametrize("shared", [False, True])
async def test_mix_up(provider: RealProvider, shared: bool) -> None:
    """The answer says who gives it (RFC 9207), and each provider has a callback and a cookie of its own.

    `shared`: the honest provider has been talked into answering at the other one's callback.
    """
    async with (
        evil(provider, "app") as (address, codes, instead),
        two_providers(provider, address) as at,
    ):
        base = f"http://127.0.0.1:{at.port}"
        honest = f"{base}/auth/oidc/callback"
        other = f"{base}/auth/evil/callback"
        provider.register("app", redirect_uris=[honest, other])
        if not shared:
            instead["redirect_uri"] = honest
        async with Browserlike() as alice:
            answer = await alice.follow(
                f"{base}/auth/evil/login",
                until=f"{base}/auth/",
                login="alice",
                password="x",
            )
            back = answer.headers["location"]
            assert back.startswith(other if shared else honest)
            assert (await alice.get(back)).status_code == 401
            assert "__Host-stormdoor" not in alice.cookies(base)
        assert codes == []


@asynccontextmanager
async def two_providers(provider: RealProvider, address: str) -> AsyncIterator[Served]:
    """Serve an application that offers the honest provider and the attacker's provider."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    guard = Guard(origins=[base], store=MemoryStore(), production=False)
    routes = []
    for name, issuer in (("oidc", provider.issuer), ("evil", address)):
        settings = OpenIdProvider(
            issuer=issuer,
            client_id="app",
            client_secret=provider.secret("app"),
            redirect_uri=f"{base}/auth/{name}/callback",
            unknown="create",
            name=name,
        )
        routes += oidc_routes(guard, settings, prefix=f"/auth/{name}")
    application = protect(Application(routes, websocket_ping_interval=20), guard)
    await quiet(guard)
    server = HTTPServer(application)
    server.add_sockets(bind_sockets(port, "127.0.0.1"))
    try:
        yield Served(port, application, server)
    finally:
        server.stop()
        await server.close_all_connections()
        await guard.close()


# -- open redirect -----------------------------------------------------------------------------------


async def test_an_open_redirect_works_on_the_twin(provider: RealProvider) -> None:
    """A link to the site, a true login, and then a page that looks like the site."""
    async with twin(provider) as here, Browserlike() as alice:
        start = "login?return_to=https://evil.example/"
        answer = await alice.get(await bring(alice, here, "alice", start))
        assert answer.headers["location"] == "https://evil.example/"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "/%5Cevil.example"])
async def test_an_open_redirect(provider: RealProvider, where: str) -> None:
    """Only paths of this application."""
    async with site(provider) as here, Person(here) as alice:
        answer = await alice.log_in("alice", f"login?return_to={where}")
        assert answer.headers["location"] == "/"


# -- forged logout tokens ------------------------------------------------------------------------------


def _unsigned(provider: RealProvider, claims: dict[str, Any]) -> str:
    return f"{b64(json.dumps({'alg': 'none'}))}.{b64(json.dumps(claims))}."


def _for_another(provider: RealProvider, claims: dict[str, Any]) -> str:
    return provider.sign({**claims, "aud": "another"})


def _id_token(provider: RealProvider, claims: dict[str, Any]) -> str:
    more = {"nonce": "n", "exp": int(time.time()) + 60}
    return provider.sign({name: claims[name] for name in claims if name != "events"} | more)


FORGERIES = [_unsigned, _for_another, _id_token]


def _claims(provider: RealProvider, audience: str) -> dict[str, Any]:
    claims = {"iss": provider.issuer, "aud": audience, "sub": "alice", "jti": "1"}
    return claims | {"iat": int(time.time()) - 2, "events": {EVENT: {}}}


async def post(port: int, path: str, token: str) -> int:
    """Send a logout token."""
    answer = await Visitor(port).request("POST", path, {"logout_token": token}, form=True)
    return answer.status


@pytest.mark.parametrize("forge", FORGERIES)
async def test_forged_logouts_work_on_the_twin(
    provider: RealProvider, forge: Callable[[RealProvider, dict[str, Any]], str]
) -> None:
    """An attacker logs any account out of the twin with a forged logout token."""
    async with twin(provider) as here, Browserlike() as alice:
        await alice.get(await bring(alice, here, "alice"))
        token = forge(provider, _claims(provider, "naive"))
        assert await post(here.port, "/backchannel-logout", token) == 200
        assert await who(alice, here) == "nobody"


async def test_a_replayed_logout_works_on_the_twin(provider: RealProvider) -> None:
    """One genuine token throws alice out for ever."""
    async with twin(provider) as here, Browserlike() as alice:
        token = provider.sign(_claims(provider, "naive"))
        for _ in range(2):
            await alice.get(await bring(alice, here, "alice"))
            await post(here.port, "/backchannel-logout", token)
            assert await who(alice, here) == "nobody"


async def alices(here: Site) -> int:
    """Return the number of alice's sessions."""
    account = await here.guard.state.identities.identity(here.provider.issuer, "alice")
    return 0 if account is None else len(await here.sessions(account.id))


@pytest.mark.parametrize("forge", FORGERIES)
async def test_forged_logouts(
    provider: RealProvider, forge: Callable[[RealProvider, dict[str, Any]], str]
) -> None:
    """Signed by the provider, for this application, about a logout: or nothing happens."""
    async with site(provider) as here, Person(here) as alice:
        await alice.log_in("alice")
        token = forge(provider, _claims(provider, "app"))
        assert await post(here.port, "/auth/oidc/backchannel-logout", token) == 400
        assert await alices(here) == 1


async def test_a_replayed_logout(provider: RealProvider) -> None:
    """Once."""
    async with site(provider) as here, Person(here) as alice:
        token = provider.sign(_claims(provider, "app"))
        await alice.log_in("alice")
        assert await post(here.port, "/auth/oidc/backchannel-logout", token) == 200
        assert await alices(here) == 0
        await alice.log_in("alice")
        assert await post(here.port, "/auth/oidc/backchannel-logout", token) == 400
        assert await alices(here) == 1


# -- an account by e-mail ---------------------------------------------------------------------------------


async def test_a_takeover_by_email_works_on_the_twin(provider: RealProvider) -> None:
    """Mallory writes alice's address into a profile, which the provider has not verified."""
    provider.account("mallory", email="alice@example.com", email_verified=False)
    async with twin(provider) as here, Browserlike() as mallory:
        await mallory.get(await bring(mallory, here, "mallory"))
        assert await who(mallory, here) == "alice"


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("unknown", ["create", "refuse"])
async def test_a_takeover_by_email(provider: RealProvider, verified: bool, unknown: str) -> None:
    """The guard never finds an account by its email address, verified or not."""
    provider.account("mallory", email="alice@example.com", email_verified=verified)
    async with site(provider, scopes=["email"], unknown=unknown) as here:
        await here.guard.admin.add_principal(
            "alice@example.com", attributes={"email": "alice@example.com"}
        )
        async with Person(here) as mallory:
            await mallory.log_in("mallory")
        assert await here.sessions("alice@example.com") == []
        assert await here.guard.state.identities.identities("alice@example.com") == []
