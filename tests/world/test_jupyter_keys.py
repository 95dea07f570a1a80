"""Keys and tokens of the guard at Jupyter's REST interface and its sockets, without a login of Jupyter."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor import Guard, JwtIssuer, JwtKey
from tests.world.applications.jupyterlab import APPLICATION, TOKEN, log_in
from tests.world.checks import run_command
from tests.world.client import Client
from tests.world.environment import require
from tests.world.jupyter_site import all_end, closing, is_refused, jupyter, paths, sockets
from tests.world.site import Site

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_EVENTS = "/api/events/subscribe"
_KERNEL, _ = APPLICATION.channels
_FORMS = ["Authorization: Bearer", "Authorization: token", "X-API-Key"]
"""The ways to send a key. Clients of Jupyter write `token`."""


@pytest.fixture(scope="module", params=["jupyterlab", "jupyterlab-oldest"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A guarded server, with the preset alone."""
    require(request.param)
    with jupyter(request.param) as site:
        yield site


async def _issue(site: Site, name: str, *scopes: str) -> tuple[str, str]:
    """Issue a key, and return its id and the key itself."""
    async with Guard(store=f"sqlite:{site.folder / 'door.db'}") as guard:
        issued = await guard.admin.issue_key(name, name="test", scopes=scopes or ["*"])
    return issued.key.id, issued.secret


def _program(site: Site, headers: Mapping[str, str]) -> Client:
    """Return a client without cookies and without an Origin."""
    return Client(site.address, headers=headers)


def _with(site: Site, key: str, form: str = _FORMS[0]) -> Client:
    """Return such a client with a key."""
    name, _, scheme = form.partition(": ")
    return _program(site, {name: f"{scheme} {key}".strip()})


@pytest.mark.parametrize("form", _FORMS)
def test_a_program_with_a_key_executes_a_cell(site: Site, form: str) -> None:
    """It needs no cookie, no Origin and no XSRF token. The name of its user is that of the principal."""

    async def use(site: Site) -> None:
        program = _with(site, (await _issue(site, "alice"))[1], form)
        me = await program.request("GET", "/api/me")
        assert me.json()["identity"]["username"] == "alice"
        assert "set-cookie" not in me.headers
        conversation = await _KERNEL.open(program, program)
        try:
            await conversation.exchange()
        finally:
            await conversation.close()
        several = await sockets(program)
        async with closing(several):
            assert len(several) == 3

    asyncio.run(use(site))


def test_the_revocation_of_a_key_ends_its_sockets(site: Site) -> None:
    """The other key of the same principal stays."""

    async def use(site: Site) -> None:
        id, key = await _issue(site, "alice")
        kept = _with(site, (await _issue(site, "alice"))[1])
        program = _with(site, key)
        several = await sockets(program)
        async with closing(several):
            await asyncio.to_thread(run_command, site, "keys", "revoke", id)
            assert await all_end(several) == ["3000 authentication required"] * 3
        assert (await program.request("GET", "/api/contents")).status_code == 401
        assert await is_refused(program, _EVENTS)
        assert (await kept.request("GET", "/api/contents")).status_code == 200
        assert not await is_refused(kept, _EVENTS)

    asyncio.run(use(site))


def test_the_roles_of_the_principal_and_the_scopes_of_the_key_restrict_it(site: Site) -> None:
    """A viewer watches a kernel. A key with fewer scopes does less than its principal."""

    async def use(site: Site) -> None:
        owner = _with(site, (await _issue(site, "alice"))[1])
        viewer = _with(site, (await _issue(site, "victor"))[1])
        scoped = _with(site, (await _issue(site, "alice", "contents:read"))[1])
        _, (terminal, _), _ = await paths(owner)
        note = json.dumps({"type": "file", "format": "text", "content": "x"})
        for client in (viewer, scoped):
            assert (await client.request("GET", "/api/contents")).status_code == 200
            for method, path, body in (
                ("POST", "/api/kernels", "{}"),
                ("POST", "/api/terminals", ""),
                ("PUT", "/api/contents/new.txt", note),
            ):
                assert (await client.request(method, path, body)).status_code == 403, path
            assert await is_refused(client, terminal)
        assert await is_refused(scoped, _EVENTS)
        conversation = await _KERNEL.open(owner, viewer)
        try:
            assert _KERNEL.forbidden is not None
            await _KERNEL.forbidden(viewer, conversation)
        finally:
            await conversation.close()

    asyncio.run(use(site))


def test_a_request_has_exactly_one_credential(site: Site) -> None:
    """A key decides alone: no cookie adds to it, and a token of Jupyter beside it is a second credential."""

    async def use(site: Site) -> None:
        key = (await _issue(site, "victor"))[1]
        browser, _ = await log_in(site.address)
        beside = browser.having(headers={"X-API-Key": key})
        assert (await beside.request("GET", "/api/contents")).status_code == 200
        assert (await beside.request("POST", "/api/kernels", "{}")).status_code == 403
        assert (await beside.request("GET", "/api/me")).json()["identity"]["username"] == "victor"
        for wrong in (key[:-1], f"{key[:-1]}!", "sd"):
            client = browser.having(headers={"X-API-Key": wrong})
            assert (await client.request("GET", "/api/contents")).status_code == 401
            assert await is_refused(client, _EVENTS)
        both = _program(site, {"Authorization": f"token {TOKEN}", "X-API-Key": key})
        assert (await both.request("GET", "/api/contents")).status_code == 400
        assert await is_refused(both, _EVENTS)
        program = _program(site, {"X-API-Key": key})
        assert (await program.request("GET", f"/api/contents?token={TOKEN}")).status_code == 400
        assert await is_refused(program, f"{_EVENTS}?token={TOKEN}")
        assert not await is_refused(program, f"{_EVENTS}?token={key}")
        # A page with the address of the socket would show the key in its history, and a proxy in its log.
        none = _program(site, {})
        assert (await none.request("GET", f"/api/contents?token={key}")).status_code == 403
        assert await is_refused(none, f"{_EVENTS}?token={key}")
        assert key not in (site.folder / "log.txt").read_text()

    asyncio.run(use(site))


def test_a_page_of_another_origin_is_refused_with_a_key_too(site: Site) -> None:
    """Also a request for another host name."""

    async def use(site: Site) -> None:
        program = _with(site, (await _issue(site, "alice"))[1])
        for client in (
            replace(program, origin="https://attacker.example"),
            replace(program, host="attacker.example"),
        ):
            assert (await client.request("POST", "/api/kernels", "{}")).status_code in (403, 421)
            assert await is_refused(client, _EVENTS)

    asyncio.run(use(site))


def test_a_logout_with_a_key_ends_nothing(site: Site) -> None:
    """As with the token of the server: it is not the login of one browser."""

    async def use(site: Site) -> None:
        program = _with(site, (await _issue(site, "alice"))[1])
        assert (await program.request("GET", "/logout")).status_code == 200
        assert not await is_refused(program, _EVENTS)

    asyncio.run(use(site))


def test_a_jwt_of_the_configuration_opens_jupyter() -> None:
    """Its principal has the roles of the store. After its end, the token opens nothing."""
    require("jupyterlab")
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    config = """
        [[authenticators]]
        kind = "application"

        [[authenticators]]
        kind = "jwt"
        issuer = "https://login.example"
        audience = "jupyter"
        principals = "store"
        keys = [{ algorithm = "EdDSA", kid = "1", public_key_file = "public.pem" }]
    """
    files = {"stormdoor.toml": textwrap.dedent(config), "public.pem": public.decode()}

    issuer = JwtIssuer(
        JwtKey("EdDSA", private, kid="1"), issuer="https://login.example", audience="jupyter"
    )

    def token(name: str, age: float = 0.0) -> str:
        return issuer.issue(name, now=time.time() - age).token

    async def use(site: Site) -> None:
        member = _program(site, {"Authorization": f"Bearer {token('alice')}"})
        viewer = _program(site, {"Authorization": f"Bearer {token('victor')}"})
        expired = _program(site, {"Authorization": f"Bearer {token('alice', 3600)}"})
        conversation = await _KERNEL.open(member, member)
        try:
            await conversation.exchange()
        finally:
            await conversation.close()
        assert (await viewer.request("GET", "/api/contents")).status_code == 200
        assert (await viewer.request("POST", "/api/kernels", "{}")).status_code == 403
        assert (await expired.request("GET", "/api/contents")).status_code == 401
        assert await is_refused(expired, _EVENTS)

    with jupyter("jupyterlab", files=files) as site:
        asyncio.run(use(site))
