"""`[oidc]` under `stormdoor run`: users of a real provider log in to a program that knows no login."""

from __future__ import annotations

import asyncio
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest

from stormdoor.auth.oidc.account import derived_id
from stormdoor.stores import SqliteStore
from stormdoor.testing.contract.support import opened
from tests.run.running import free_port, handshake, running, write
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.visitor import Browserlike

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

PROGRAM = """
async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
COMMAND = [sys.executable, "app.py"]


def _table(provider: RealProvider, port: int, name: str, place: str, *more: str) -> str:
    redirect = f"http://127.0.0.1:{port}/auth/{name}/callback"
    provider.register(name, redirect_uris=[redirect])
    lines = (
        place,
        f'issuer = "{provider.issuer}"',
        f'client_id = "{name}"',
        f'client_secret = {{ insecure_inline = "{provider.secret(name)}" }}',
        f'redirect_uri = "{redirect}"',
        'unknown = "create"',
        'default_roles = ["member"]',
        *more,
    )
    return "\n".join(lines) + "\n"


def _write(folder: Path, *tables: str) -> None:
    write(folder, PROGRAM)
    text = "\n".join(('preset = "app"', "production = false", *tables))
    (folder / "stormdoor.toml").write_text(text, "utf-8")


def _links(page: str) -> dict[str, str]:
    """Return the addresses of the links of a page, by their names."""
    found = re.findall(r'<a class="button plain" href="([^"]+)">(.*?)</a>', page)
    return {re.sub("<[^>]+>", "", name): unescape(address) for address, name in found}


async def test_a_user_of_the_provider_logs_in(provider: RealProvider, tmp_path: Path) -> None:
    """The login page has a button; after the login the page and the socket open, for that browser alone."""
    port = free_port()
    _write(tmp_path, _table(provider, port, "oidc", "[oidc]", 'label = "Our <b>house</b>"'))
    at = f"http://127.0.0.1:{port}"
    with running(tmp_path, COMMAND, "--config", "stormdoor.toml", PORT=str(port)) as run:
        await asyncio.to_thread(run.wait_for, "guarded")
        assert await asyncio.to_thread(handshake, port) == 401
        async with Browserlike() as alice:
            page = await alice.get(f"{at}/auth/login?next=/%3Froom%3D7")
            assert "<b>house</b>" not in page.text
            [(name, address)] = _links(page.text).items()
            assert name == "Sign in with Our &lt;b&gt;house&lt;/b&gt;"
            shown = await alice.follow(urljoin(at, address), login="alice", password="x")
            assert shown.text.startswith("page of process")
            assert alice.seen[-1] == f"{at}/?room=7"
            cookie = "; ".join(f"{one}={said}" for one, said in alice.cookies(at).items())
        headers = (("Cookie", cookie), ("Origin", at))
        assert await asyncio.to_thread(handshake, port, *headers) == 101
        async with Browserlike() as mallory:
            answer = await mallory.get(f"{at}/auth/oidc/callback?code=x&state=y")
            assert answer.status_code == 401
    async with opened(SqliteStore(tmp_path / "door.db")) as store:
        account = await store.identity(provider.issuer, "alice")
    assert account is not None
    assert account.id == derived_id(provider.issuer, "alice")
    assert account.roles == {"member"}


async def test_two_providers_do_not_answer_for_each_other(
    provider: RealProvider, tmp_path: Path
) -> None:
    """Each has a button. An answer that belongs to one is refused at the callback of the other (RFC 9700)."""
    port = free_port()
    tables = [
        _table(provider, port, name, "[[oidc]]", f'name = "{name}"', f'label = "{name}"')
        for name in ("one", "two")
    ]
    _write(tmp_path, *tables)
    at = f"http://127.0.0.1:{port}"
    with running(tmp_path, COMMAND, "--config", "stormdoor.toml", PORT=str(port)) as run:
        await asyncio.to_thread(run.wait_for, "guarded")
        async with Browserlike() as alice:
            page = await alice.get(f"{at}/auth/login")
            links = _links(page.text)
            assert list(links) == ["Sign in with one", "Sign in with two"]
            begun = urljoin(at, links["Sign in with one"])
            left = await alice.follow(begun, until=f"{at}/auth/", login="alice", password="x")
            answer = left.headers["location"]
            assert answer.startswith(f"{at}/auth/one/callback?")
            mixed = await alice.get(answer.replace("/auth/one/", "/auth/two/"))
            assert mixed.status_code == 401
            assert (await alice.get(answer)).status_code == 303


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/auth/callback", "register /auth/oidc/callback at the provider"),
        ("/auth/a/b/callback", "register /auth/oidc/callback"),
    ],
)
async def test_an_address_without_a_route_refuses_the_start(
    address: str, said: str, provider: RealProvider, tmp_path: Path
) -> None:
    """The message has the line to write."""
    port = free_port()
    table = _table(provider, port, "oidc", "[oidc]", 'name = "oidc"')
    _write(tmp_path, table.replace("/auth/oidc/callback", address))
    with running(tmp_path, COMMAND, "--config", "stormdoor.toml", PORT=str(port)) as run:
        assert await asyncio.to_thread(run.ended) != 0
        assert said in run.output
