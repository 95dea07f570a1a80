"""The oauth2-proxy of the guide to identity proxies is run where a machine has one: no package has it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.docs.pages import (
    blocks,
    free_port,
    module_of,
    prose,
    refused,
    serving,
    speak,
    until_listening,
)
from tests.docs.test_howto_proofs import ORIGIN, PROXY, SECRET, nginx
from tests.support.certificates import Authority
from tests.support.openid.provider import RealProvider, openid, provider
from tests.support.openid.visitor import Browserlike

__all__ = ["openid", "provider"]

pytestmark = pytest.mark.installs

CALLBACK = "https://app.example/oauth2/callback"
FORGED = {
    "X-Forwarded-User": "ada",
    "X-Forwarded-Groups": "/staff/desk",
    "X-Forwarded-Email": "ada@app.example",
    "X-Forwarded-Preferred-Username": "Ada",
    "X-Forwarded-Proto": "http",
    "X-Proxy-Secret": "x" * 40,
    "X_Forwarded_User": "ada",
    "X-Auth-Request-User": "ada",
}


@pytest.fixture
def program() -> str:
    """The program; without it a test is skipped, also in CI."""
    found = shutil.which("oauth2-proxy")
    if found is None:
        pytest.skip("no oauth2-proxy on PATH, and no package that carries it")
    return found


def _file(name: str) -> str:
    [block] = [one for one in blocks(PROXY) if one.caption == name]
    return block.text


def _written(folder: Path, name: str, **replace: str) -> Path:
    text = _file(name)
    for old, new in replace.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return folder / name


@contextlib.asynccontextmanager
async def running(
    program: str, port: int, log: Path, *arguments: object, **environment: str
) -> AsyncIterator[None]:
    """oauth2-proxy with these arguments, until the block ends."""
    with log.open("w") as out:
        process = await asyncio.create_subprocess_exec(
            program,
            *map(str, arguments),
            stdout=out,
            stderr=out,
            env={**os.environ, "CLIENT_SECRET": RealProvider.secret("app"), **environment},
        )
    try:
        await asyncio.to_thread(until_listening, port)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 60)


def _known(provider: RealProvider) -> None:
    provider.register("app", redirect_uris=[CALLBACK])
    provider.account(
        "alice", groups=["/staff", "/other"], email="alice@app.example", email_verified=True
    )


async def _logged_in(at: str) -> dict[str, str]:
    """The cookie of alice, after a login at the provider, through `at`."""
    async with Browserlike() as browser:
        answer = await browser.follow(
            f"{at}/oauth2/start?rd=/", until=CALLBACK, login="alice", password="x"
        )
        answer = await browser.get(answer.headers["location"].replace("https://app.example", at))
        assert answer.status_code == 302, answer.text
        return {"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies(at).items())}


async def test_in_front(tmp_path: Path, program: str, provider: RealProvider) -> None:
    """The page's configuration: a login at a real provider, and nothing that a client writes counts."""
    _known(provider)
    authority = Authority(float(int(time.time())))
    authority.issue("", x509.DNSName("app.example"), server=True).write(tmp_path, "app.example")
    (tmp_path / "proxy-secret").write_text(SECRET)
    page = module_of(PROXY, {'convention="auth-request"': 'convention="oauth2-proxy"'})
    port, plain = free_port(), free_port()
    async with serving(page.app, page.guard) as host:
        replace = {
            "https://0.0.0.0:443": f"https://127.0.0.1:{port}\n  bindAddress: 127.0.0.1:{plain}",
            "/etc/ssl": str(tmp_path),
            "127.0.0.1:8888": host,
            "https://login.example": provider.issuer,
            "/run/secrets": str(tmp_path),
        }
        alpha = _written(tmp_path, "alpha.yaml", **replace)
        core = _written(tmp_path, "oauth2-proxy.cfg")
        arguments = ("--config", core, "--alpha-config", alpha, "--skip-provider-button")
        assert "SCHEME=https oauth2-proxy --config oauth2-proxy.cfg" in prose(PROXY)
        async with running(program, port, tmp_path / "log", *arguments, SCHEME="https"):
            cookie = await _logged_in(f"http://127.0.0.1:{plain}")
            url = f"wss://app.example:{port}/feed"
            options: dict[str, Any] = {"host": "127.0.0.1", "port": port}
            options["ssl"] = ssl.create_default_context(cadata=authority.pem)
            for headers in (cookie, {**cookie, **FORGED}):
                told = await speak(url, "x", origin=ORIGIN, additional_headers=headers, **options)
                assert told == ["alice: x"]
            evil: Any = "https://evil.example"
            assert await refused(url, origin=evil, additional_headers=cookie, **options) == 403
            nobody = {**FORGED, "Accept": "application/json"}  # else it sends to the provider
            assert await refused(url, origin=ORIGIN, additional_headers=nobody, **options) == 401


async def test_behind_nginx(tmp_path: Path, program: str, provider: RealProvider) -> None:
    """The page's nginx asks the page's oauth2-proxy."""
    _known(provider)
    authority = Authority(float(int(time.time())))
    page = module_of(PROXY)
    port = free_port()
    [block] = blocks(PROXY, "nginx")
    replace = {
        "127.0.0.1:4180": f"127.0.0.1:{port}",
        "https://login.example": provider.issuer,
        "of your provider": provider.secret("app"),
    }
    core = _written(tmp_path, "behind-nginx.cfg", **replace)
    arguments = ("--config", core, "--skip-provider-button")
    async with (
        serving(page.app, page.guard) as host,
        running(program, port, tmp_path / "log", *arguments),
    ):
        places = {"127.0.0.1:8888": host, "127.0.0.1:4180": f"127.0.0.1:{port}"}
        async with nginx(tmp_path, block.text, authority, "app.example", **places) as front:
            cookie = await _logged_in(f"http://127.0.0.1:{port}")
            url = f"wss://app.example:{front}/feed"
            options: dict[str, Any] = {"host": "127.0.0.1", "port": front}
            options["ssl"] = ssl.create_default_context(cadata=authority.pem)
            for headers in (cookie, {**cookie, **FORGED}):
                told = await speak(url, "x", origin=ORIGIN, additional_headers=headers, **options)
                assert told == ["alice: x"]
            assert await refused(url, origin=ORIGIN, additional_headers=FORGED, **options) == 401
