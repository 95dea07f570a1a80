"""The how-to guides about devices, identity proxies and services: their code is run, nginx included."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tornado.httpclient import HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from websockets.asyncio.client import ClientConnection, connect

from stormdoor import JwtKey, TrustedProxy
from stormdoor.auth.proxy.proxy_identity import PROXY_HEADERS
from stormdoor.client import dpop_proof, sign_request
from tests.docs.pages import (
    blocks,
    closed,
    commands,
    free_port,
    module_of,
    prose,
    refused,
    serving,
    shell,
    speak,
    until_listening,
)
from tests.support.certificates import Authority
from tests.support.project import ROOT

HOW_TO = ROOT / "docs" / "how-to"
ORIGIN: Any = "https://app.example"
SECRET = "the secret of the proxy, 32 characters or more"
READING = '{"type": "reading", "name": "boiler", "value": 71.5}'
SPIFFE = "spiffe://fleet.example/device/"


@contextlib.asynccontextmanager
async def nginx(
    folder: Path, server: str, authority: Authority, name: str, **replace: str
) -> AsyncIterator[int]:
    """The nginx of a page with a certificate for `name`; its port. Skipped where there is none."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("no nginx here")
    authority.issue("", x509.DNSName(name), server=True).write(folder, name)
    (folder / "fleet-authority.pem").write_text(authority.pem)
    port = free_port()
    for old, new in ({"443": f"127.0.0.1:{port}", "/etc/ssl": str(folder)} | replace).items():
        assert old in server
        server = server.replace(old, new)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; daemon off;"
        f"events {{}} http {{ access_log off; {paths} {server} }}"
    )
    process = await asyncio.create_subprocess_exec(program, "-p", folder, "-c", configuration)
    try:
        await asyncio.to_thread(until_listening, port)
        yield port
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)


# -- a fleet of devices -----------------------------------------------------------------------------

DEVICES = HOW_TO / "device-fleet.md"


def _made_keys(folder: Path) -> str:
    """Run the page's openssl; the public key."""
    shell(folder, "\n".join(line for line in commands(DEVICES) if line.startswith("openssl")))
    return (folder / "device.pem").read_text()


async def test_a_device_signs_its_handshakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's device reports; a recorded handshake opens nothing; a lost device is out."""
    monkeypatch.chdir(tmp_path)
    page = module_of(DEVICES)
    public = await asyncio.to_thread(_made_keys, tmp_path)
    [device] = [one for one in blocks(DEVICES, "python") if one.caption == "device.py"] or [
        one for one in blocks(DEVICES) if one.caption == "device.py"
    ]
    async with serving(page.app, page.guard) as host:
        await page.enrol("boiler-7", public)
        (tmp_path / "device.py").write_text(device.text.replace("127.0.0.1:8888", host))
        told = await asyncio.to_thread(shell, tmp_path, "python device.py boiler-7 71.5")
        assert told == "reported\n"
        assert page.Readings.latest["boiler-7", "boiler"] == 71.5

        url = f"ws://{host}/readings"
        key = JwtKey("EdDSA", (tmp_path / "device.key").read_text(), "boiler-7")
        tape: Any = {"additional_headers": sign_request(url, key, created=time.time())}
        async with connect(url, **tape) as client:
            assert await refused(url, **tape) == 401
            await page.sign_again(_Sender(client), url, key)
            answer = json.loads(await client.recv())
            assert (answer["type"], answer["id"]) == ("stormdoor.refreshed", 1)
            assert await refused(url, origin=ORIGIN, **_signed(url, key)) == 403
            assert await page.lost("boiler-7") == 0  # disabling it has closed it already
            assert await closed(client) == 3000
        assert await refused(url, **_signed(url, key)) == 401


class _Sender:
    """Sends as Tornado's client does."""

    def __init__(self, client: ClientConnection) -> None:
        self.write_message = client.send


def _signed(url: str, key: JwtKey) -> dict[str, Any]:
    return {"additional_headers": sign_request(url, key, created=time.time())}


def test_the_lines_that_are_signed() -> None:
    """The page shows the signature base that the signer signs, and the headers that it sends."""
    [shown] = [one.text for one in blocks(DEVICES, "text")]
    described = re.findall(r'"@signature-params": (.*)', shown)
    assert described == re.findall(r"Signature-Input: s=(.*)", shown)
    key = JwtKey("HS256", "x" * 40, "boiler-7")
    made = sign_request("wss://devices.example/readings", key, created=1767225600, nonce="x" * 20)
    covered = re.match(r"stormdoor=(\(.*?\);created=1767225600;nonce=)", made["Signature-Input"])
    assert covered is not None
    assert described[0].startswith(covered[1])


async def test_devices_with_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is the proof, and the account says what the device may."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(float(int(time.time())))
    page = module_of(DEVICES)
    issued = authority.issue("", x509.UniformResourceIdentifier(f"{SPIFFE}boiler-8"))
    (tmp_path / "authority.pem").write_text(authority.pem)
    certificate, key = authority.issue("", x509.DNSName("devices.example"), server=True).write(
        tmp_path, "server"
    )
    port = free_port()
    async with page.guard:
        server: HTTPServer = page.listen(
            str(tmp_path / "authority.pem"), str(certificate), str(key), port
        )
        try:
            url = f"wss://devices.example:{port}/readings"
            options: dict[str, Any] = {"host": "127.0.0.1", "port": port}
            options["ssl"] = authority.client_context(tmp_path, issued)
            nobody = options | {"ssl": authority.client_context(tmp_path)}
            assert await refused(url, **options) == 401  # no account yet
            await page.guard.admin.add_principal("boiler-8", roles=["device"])
            async with connect(url, **options) as client:
                await client.send(READING)
                assert await refused(url, **nobody) == 401
                assert await refused(url, origin=ORIGIN, **options) == 403
                assert await page.stolen_certificates([issued.thumbprint]) == 1
                assert await closed(client) == 3000
            assert await refused(url, **options) == 401
            assert page.Readings.latest["boiler-8", "boiler"] == 71.5
        finally:
            server.stop()
            await server.close_all_connections()


@pytest.mark.extended
async def test_certificates_through_nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the page's nginx can pass on a certificate, and it verifies the certificate."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(float(int(time.time())))
    proxied = f'trusted_proxies=["127.0.0.1"], forwarded_certificate=through_nginx("{SECRET}"),'
    [before] = [one.text for one in blocks(DEVICES, "python") if "def through_nginx" in one.text]
    page = module_of(
        DEVICES,
        {
            "guard = Guard(": f"{before}\nguard = Guard({proxied}",
            "hosts=[": 'hosts=["devices.example", ',
        },
    )
    [block] = blocks(DEVICES, "nginx")
    issued, stranger = (
        one.issue("", x509.UniformResourceIdentifier(f"{SPIFFE}boiler-9"))
        for one in (authority, Authority(authority.now, "another"))
    )
    async with serving(page.app, page.guard) as host:
        await page.guard.admin.add_principal("boiler-9", roles=["device"])
        replace = {"127.0.0.1:8888": host}
        async with nginx(tmp_path, block.text, authority, "devices.example", **replace) as port:
            url = f"wss://devices.example:{port}/readings"
            options: dict[str, Any] = {"host": "127.0.0.1", "port": port}
            options["ssl"] = authority.client_context(tmp_path, issued)
            async with connect(url, **options) as client:
                await client.send(READING)
                await client.close()
            assert page.Readings.latest["boiler-9", "boiler"] == 71.5
            options["ssl"] = authority.client_context(tmp_path)
            assert await refused(url, **options) == 401
            forged = {"X-SSL-Client-Cert": "x", "X-SSL-Client-Verify": "SUCCESS"}
            assert await refused(url, additional_headers=forged, **options) == 401
            options["ssl"] = authority.client_context(tmp_path, stranger)
            assert await refused(url, **options) == 400  # by nginx
        direct = {**forged, "X-Forwarded-Proto": "https"}
        assert await refused(f"ws://{host}/readings", additional_headers=direct) == 401


# -- behind an identity proxy -----------------------------------------------------------------------

PROXY = HOW_TO / "behind-an-identity-proxy.md"


def _from_proxy(**headers: str) -> dict[str, Any]:
    sent = {"X-Forwarded-Proto": "https", "X-Proxy-Secret": SECRET}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {"origin": ORIGIN, "additional_headers": sent}


def test_the_table_of_conventions() -> None:
    """The table names each header of each convention."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (`X-.*) \|$", prose(PROXY), re.MULTILINE))
    assert {name: re.findall(r"`(X-[\w-]+)`", row) for name, row in rows.items()} == {
        name: [*headers.values()] for name, headers in PROXY_HEADERS.items()
    }


def test_the_secret_of_the_proxy(tmp_path: Path) -> None:
    """The page's command makes a valid secret without a line end, so that a proxy sends all of it."""
    [command] = [line for line in commands(PROXY) if line.startswith("python")]
    shell(tmp_path, command)
    made = (tmp_path / "proxy-secret").read_text()
    TrustedProxy(["127.0.0.1"], secrets=[made])
    assert made == made.strip()


async def test_an_identity_proxy(caplog: pytest.LogCaptureFixture) -> None:
    """The page's application trusts only its proxy, and the log says why it refuses another sender."""
    hosts = {"origins=": 'hosts=["app.example", "127.0.0.1"], origins='}
    page = module_of(PROXY, hosts)
    alice = _from_proxy(X_Auth_Request_User="alice", X_Auth_Request_Groups="/staff,/other")
    async with serving(page.app, page.guard) as host:
        url = f"ws://{host}/feed"
        assert await speak(url, "x", **alice) == ["alice: x"]
        assert await refused(url, **_from_proxy(X_Auth_Request_User="alice")) == 403
        headers = alice["additional_headers"]
        forged = [
            {**headers, "X-Proxy-Secret": "x" * 40},
            {name: value for name, value in headers.items() if name != "X-Proxy-Secret"},
            {**headers, "X_Auth_Request_User": "ada"},
        ]
        for one in forged:
            assert await refused(url, origin=ORIGIN, additional_headers=one) == 401
        twice = [*headers.items(), ("X-Auth-Request-Groups", "/staff/desk")]
        assert await refused(url, origin=ORIGIN, additional_headers=twice) == 401
        evil: Any = "https://evil.example"
        assert await refused(url, origin=evil, additional_headers=headers) == 403
    said = [row.strip() for row in re.findall(r"^\| ([a-z][^|`]*) \|", prose(PROXY), re.MULTILINE)]
    logged = [record.getMessage() for record in caplog.records]
    explained = {text for text in said if any(text in line for line in logged)}
    assert explained >= {
        "the secret of the proxy is there 0 times",
        "the secret of the proxy is another",
        "is there more than once",
        "how some servers spell",
    }


@pytest.mark.extended
async def test_nginx_with_auth_request(tmp_path: Path) -> None:
    """The page's nginx asks for the identity, and replaces the identity headers of the client."""
    authority = Authority(float(int(time.time())))
    page = module_of(PROXY)
    [block] = blocks(PROXY, "nginx")

    class Auth(RequestHandler):
        def get(self) -> None:
            if self.get_cookie("_oauth2_proxy") != "alice":
                self.set_status(401)
                return
            self.set_header("X-Auth-Request-User", "alice")
            self.set_header("X-Auth-Request-Groups", "/staff")
            self.set_status(202)

    async with serving(page.app, page.guard) as host, serving(Application([("/.*", Auth)])) as auth:
        replace = {"127.0.0.1:8888": host, "127.0.0.1:4180": auth}
        async with nginx(tmp_path, block.text, authority, "app.example", **replace) as port:
            url = f"wss://app.example:{port}/feed"
            options: dict[str, Any] = {"host": "127.0.0.1", "port": port}
            options["ssl"] = ssl.create_default_context(cadata=authority.pem)
            cookie = {"Cookie": "_oauth2_proxy=alice"}
            forged = {
                **cookie,
                "X-Auth-Request-User": "ada",
                "X-Auth-Request-Groups": "/staff/desk",
                "X_Auth_Request_User": "ada",
                "X-Proxy-Secret": "x",
            }
            for headers in (cookie, forged):
                told = await speak(url, "x", origin=ORIGIN, additional_headers=headers, **options)
                assert told == ["alice: x"]
            assert await refused(url, origin=ORIGIN, **options) == 401  # by nginx
            evil: Any = "https://evil.example"
            assert await refused(url, origin=evil, additional_headers=cookie, **options) == 403


# -- from service to service ------------------------------------------------------------------------

SERVICES = HOW_TO / "service-to-service.md"


async def test_services() -> None:
    """The page's client answers the challenge; a stolen token opens nothing."""
    page = module_of(SERVICES)
    key, thief = (JwtKey("ES256", generate_private_key(SECP256R1())) for _ in range(2))
    token = page.issue("billing", key)
    async with serving(page.app, page.guard) as host:
        url = f"ws://{host}/orders"
        client = await page.connect(url, token, key)
        await client.write_message("x")
        assert await client.read_message() == "x"
        client.close()
        with pytest.raises(HTTPClientError) as raised:
            await page.connect(url, token, thief)
        assert raised.value.code == 401
        for scheme in ("Bearer", "DPoP"):
            headers = {"Authorization": f"{scheme} {token}"}
            assert await refused(url, additional_headers=headers) == 401
        payload = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert set(payload["cnf"]) == {"jkt"}
        # What the page's refresh sends is what the guard takes, with the nonce of a handshake.
        client = await page.connect(url, token, key)
        with pytest.raises(HTTPClientError) as challenged:
            headers = {"Authorization": f"DPoP {token}"}
            headers["DPoP"] = dpop_proof(url, token, key, now=time.time())
            await page.websocket_connect(page.HTTPRequest(url, headers=headers))
        assert challenged.value.response is not None
        nonce = challenged.value.response.headers["DPoP-Nonce"]
        await page.refresh(client, url, token, key, nonce)
        sent = json.loads(str(await client.read_message()))  # this handler echoes
        (connection,) = page.guard.registry
        assert await page.guard.refresh(connection, sent["token"]) is None
        client.close()
        assert await client.read_message() is None
