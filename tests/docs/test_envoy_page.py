"""The Envoy of the guide to identity proxies is run, between a real provider's tokens and the page's code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.routing import AnyMatches, PathMatches, Rule, RuleRouter
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage

from stormdoor.tornado.answer_check import admit_socket
from tests.docs.pages import blocks, commands, free_port, module_of, refused, shell, speak
from tests.support.certificates import Authority, Issued
from tests.support.envoy import envoy, running
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.project import ROOT

__all__ = ["envoy", "openid", "provider"]

pytestmark = pytest.mark.installs

PAGE = ROOT / "docs" / "how-to" / "behind-an-identity-proxy.md"
ORIGIN: Any = "https://app.example"
AUDIENCE = "https://app.example/feed"
BOILER = x509.UniformResourceIdentifier("spiffe://fleet.example/device/boiler-9")

FORGED = {
    "X-Jwt-Claim-Sub": "ada",
    "X-Jwt-Claim-Groups": "WyIvc3RhZmYiXQ==",  # ["/staff"]
    "X-Jwt-Claim-Exp": "9" * 12,
    "X-Jwt-Claim-Email": "ada@app.example",
    "X-Jwt-Claim-Name": "Ada",
    "X-Forwarded-Client-Cert": "Hash=ab",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-For": "203.0.113.9",
}

SHUT = (InvalidMessage, ConnectionError, ssl.SSLError)
"""The errors with which TLS refuses a client."""

CARELESS = {
    "clock_skew_seconds: 5": "clock_skew_seconds: 60",
    "forward_client_cert_details: SANITIZE_SET": "forward_client_cert_details: ALWAYS_FORWARD_ONLY",
    "headers_with_underscores_action: REJECT_REQUEST": "headers_with_underscores_action: ALLOW",
    "request_headers_to_remove: [x-jwt-claim-email, x-jwt-claim-name]": "request_headers_to_remove: []",
}
"""Replacements that show the page's claims about these lines: other lines behave otherwise."""


class Naive(WebSocketHandler):
    """Careless handler behind a proxy, which trusts every header."""

    def prepare(self) -> None:
        """Let it open, as on a server without a guard."""
        admit_socket(self.request.connection)

    def check_origin(self, origin: str) -> bool:
        """No door."""
        return True

    def open(self) -> None:
        """Says what it believes."""
        seen = {name.lower(): value for name, value in self.request.headers.get_all()}
        self.write_message(json.dumps(seen))


@dataclass
class Site:
    """The page's application behind TLS, with a naive one beside it, and what an Envoy needs."""

    folder: Path
    provider: RealProvider
    authority: Authority
    fleet: Authority
    guard: Any
    application: int
    login: int

    def issued(self, sub: str, *groups: str) -> dict[str, str]:
        """A cookie with an access token as the provider issues it."""
        extra = {"groups": groups} if groups else {}
        token = self.provider.access_token(sub, client="spa", resource=AUDIENCE, extra=extra)
        return {"Cookie": f"a=b; __Host-token={token}"}

    def signed(self, sub: str = "alice", **claims: Any) -> dict[str, str]:
        """A cookie with a token of any claims, genuinely signed."""
        payload = {"iss": self.provider.issuer, "aud": AUDIENCE, "sub": sub, **claims}
        payload = {"exp": int(time.time()) + 600, "groups": ["/staff", "/other"], **payload}
        return {"Cookie": f"a=b; __Host-token={self.provider.sign(payload)}"}

    def shown(self) -> dict[str, str]:
        """Return the headers of an attacker who has seen a device's certificate and lacks its key."""
        certificate = quote(self.fleet.issue("", BOILER).pem)
        return {"X-Forwarded-Client-Cert": f'Cert="{certificate}"'}

    def options(
        self,
        port: int,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        issued: Issued | None = None,
        origin: Any = ORIGIN,
    ) -> dict[str, Any]:
        """Return the options to connect to this machine under the name of the site."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "ssl": self.authority.client_context(self.folder, issued),
            "origin": origin,
            "additional_headers": headers,
        }

    @contextlib.asynccontextmanager
    async def envoy(self, program: Path, *careless: str) -> AsyncIterator[int]:
        """The Envoy of the page, some lines of which are others; its port."""
        [block] = [one for one in blocks(PAGE) if one.caption == "envoy.yaml"]
        port, text = free_port(), block.text
        replace = {
            "address: 0.0.0.0, port_value: 443": f"address: 127.0.0.1, port_value: {port}",
            "address: app.internal, port_value: 8443": (
                f"address: 127.0.0.1, port_value: {self.application}"
            ),
            "address: login.example, port_value: 443": (
                f"address: 127.0.0.1, port_value: {self.login}"
            ),
            "https://login.example": self.provider.issuer,
            "/etc/ssl": str(self.folder),
        }
        for old, new in (replace | {line: CARELESS[line] for line in careless}).items():
            assert old in text
            text = text.replace(old, new)
        configuration = self.folder / f"envoy-{port}.yaml"
        configuration.write_text(text)
        async with running(program, configuration, port):
            yield port


@contextlib.asynccontextmanager
async def site(folder: Path, provider: RealProvider) -> AsyncIterator[Site]:
    """The page's application, made and served by the page's code, known under the page's names."""
    now = float(int(time.time()))
    authority, fleet = Authority(now, "internal"), Authority(now, "fleet")
    for name in ("app.example", "app.internal", "login.example"):
        authority.issue("", x509.DNSName(name), server=True).write(folder, name)
    authority.issue("envoy").write(folder, "envoy")
    for name, one in (
        ("internal-authority", authority),
        ("login-authority", authority),
        ("fleet-authority", fleet),
    ):
        (folder / f"{name}.pem").write_text(one.pem)
    provider.register("spa", token_endpoint_auth_method="none", redirect_uris=["https://x.example"])

    class Keys(RequestHandler):
        async def get(self) -> None:
            answer = await AsyncHTTPClient().fetch(f"{provider.issuer}/jwks")
            self.set_header("Content-Type", "application/json")
            self.finish(answer.body)

    page = module_of(PAGE)
    [command] = [line for line in commands(PAGE) if line.startswith("openssl")]
    fingerprint = (await asyncio.to_thread(shell, folder, command)).strip()
    app, guard = page.behind_envoy(fingerprint, "127.0.0.1")
    # A door beside it that is none: a test that refuses an attack shows that there was one.
    both: Any = RuleRouter(
        [Rule(PathMatches("/naive"), Application([("/naive", Naive)])), Rule(AnyMatches(), app)]
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "login.example.pem", folder / "login.example.key")
    login = HTTPServer(Application([("/jwks", Keys)]), ssl_options=context)
    ports = free_port(), free_port()
    login.listen(ports[1], "127.0.0.1")
    files = [folder / name for name in ("internal-authority.pem", "app.internal.pem")]
    async with guard:
        served: HTTPServer = page.listen(both, *files, folder / "app.internal.key", ports[0])
        try:
            yield Site(folder, provider, authority, fleet, guard, *ports)
        finally:
            for server in (served, login):
                server.stop()
                await server.close_all_connections()


async def believed(port: int, options: dict[str, Any]) -> dict[str, str]:
    """Return the headers that reach the naive application."""
    async with connect(f"wss://app.example:{port}/naive", **options) as client:
        seen: dict[str, str] = json.loads(await client.recv())
        client.transport.abort()
    return seen


async def test_people_and_devices(tmp_path: Path, envoy: Path, provider: RealProvider) -> None:
    """A token or a certificate names the principal, and identity headers of the client count nothing."""
    async with site(tmp_path, provider) as here, here.envoy(envoy) as port:
        url = f"wss://app.example:{port}/feed"
        alice = here.issued("alice", "/staff", "/other")
        for headers in (alice, {**FORGED, **alice}):
            assert await speak(url, "x", **here.options(port, headers)) == ["alice: x"]
        boiler = here.options(port, FORGED, issued=here.fleet.issue("", BOILER), origin=None)
        assert await speak(url, "x", **boiler) == ["boiler-9: x"]
        seen = await believed(port, boiler)
        assert not seen.keys() & {name.lower() for name in FORGED if "Jwt" in name}

        # The socket ends with its token, and not an hour later.
        exp = int(time.time()) + 600
        brief = {**FORGED, **here.signed(exp=exp)}
        async with connect(url, **here.options(port, brief)) as client:
            (connection,) = here.guard.registry
            assert connection.authentication.expires_at == exp
            assert connection.address != FORGED["X-Forwarded-For"]
            client.transport.abort()

        evil: Any = "https://evil.example"
        other = here.fleet.issue("", x509.UniformResourceIdentifier("spiffe://other/boiler-9"))
        by_the_application = [
            (401, here.options(port)),
            (401, here.options(port, FORGED)),
            (401, here.options(port, here.shown(), origin=None)),
            (401, here.options(port, issued=other, origin=None)),
            (403, here.options(port, {**FORGED, **here.issued("alice")})),
            (403, here.options(port, alice, origin=evil)),
            (
                400,
                here.options(port, alice, issued=here.fleet.issue("", BOILER)),
            ),  # two credentials
        ]
        for status, options in by_the_application:
            assert await refused(url, **options) == status, options
        token = alice["Cookie"].partition("__Host-token=")[2]
        assert await refused(f"{url}?access_token={token}", **here.options(port)) == 401

        by_envoy = [
            (401, here.signed(exp=exp - 630)),
            (403, here.signed(aud="another")),
            (401, here.signed(iss=evil)),
            (401, {"Cookie": alice["Cookie"][:-8] + "AAAAAAAA"}),
            (400, {**alice, "X_Jwt_Claim_Sub": "ada"}),
        ]
        for status, headers in by_envoy:
            # Not even the naive application is asked.
            options = here.options(port, headers)
            assert await refused(f"wss://app.example:{port}/naive", **options) == status, headers
        stranger = Authority(here.fleet.now, "fleet").issue("", BOILER)
        with pytest.raises(SHUT):
            await refused(url, **here.options(port, issued=stranger, origin=None))


async def test_past_envoy(
    tmp_path: Path, provider: RealProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Only holders of a certificate of the authority can connect, and only headers of Envoy are accepted."""
    async with site(tmp_path, provider) as here:
        port = here.application
        naive, url = (f"wss://app.example:{port}/{path}" for path in ("naive", "feed"))
        direct = {"server_hostname": "app.internal"}
        forged = {**FORGED, "X-Forwarded-Proto": "https"}
        other = here.options(port, forged, issued=here.authority.issue("backup")) | direct
        assert (await believed(port, other))["x-jwt-claim-sub"] == "ada"
        assert await refused(url, **other) == 401
        assert "the client certificate is not the proxy's" in caplog.text
        with pytest.raises(SHUT):
            await refused(naive, **here.options(port, forged), **direct)


async def test_each_line_counts(
    tmp_path: Path, envoy: Path, provider: RealProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a line of the page an attack passes Envoy; the application refuses it where it can."""
    async with site(tmp_path, provider) as here, here.envoy(envoy, *CARELESS) as port:
        url = f"wss://app.example:{port}/feed"
        shown = here.options(port, here.shown(), origin=None)
        assert await speak(url, "x", **shown) == ["boiler-9: x"]

        mail = await believed(port, here.options(port, FORGED))
        assert mail["x-jwt-claim-email"] == "ada@app.example"

        spelt = here.options(port, {**here.signed(), "X_Jwt_Claim_Sub": "ada"})
        assert (await believed(port, spelt))["x_jwt_claim_sub"] == "ada"
        assert await refused(url, **spelt) == 401
        assert "how some servers spell" in caplog.text

        late = here.options(port, here.signed("ada", exp=int(time.time()) - 30))
        assert (await believed(port, late))["x-jwt-claim-sub"] == "ada"
        assert await refused(url, **late) == 401
        assert "has expired" in caplog.text
