"""Over TLS the certificate is verified."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from audit_tests.prober.servers import ALICE, Feed
from stormdoor_audit.prober import backlog, engine
from stormdoor_audit.prober.engine import CannotProbe, Plan, run
from stormdoor_audit.prober.probe import Declared
from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.prober.target import parse_target

pytestmark = pytest.mark.sampled(2)


def certified(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of an unknown authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "probed")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


async def test_tls(tmp_path: Path) -> None:
    """With its authority a server is probed; without, it is said what to give."""
    certificate, key = certified(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(Application([("/ws", Feed)]), ssl_options=context)
    sock, port = bind_unused_port()
    server.add_sockets([sock])
    url = f"wss://127.0.0.1:{port}/ws"
    plain = HTTPServer(Application([("/ws", Feed)]))
    beside, open_port = bind_unused_port()
    plain.add_sockets([beside])
    declared = Declared(plain=parse_target(f"ws://127.0.0.1:{open_port}/"))
    try:
        with pytest.raises(CannotProbe, match="--ca FILE"):
            await run(Plan(urls=(url,), tls=ssl.create_default_context()))
        trust = ssl.create_default_context(cafile=str(certificate))
        plan = Plan(urls=(url,), tls=trust, owner=ALICE, listen=0.3, per_second=500)
        report = await run(plan)
        both = await run(replace(plan, declared=declared))
    finally:
        plain.stop()
        await plain.close_all_connections()
        server.stop()
        await server.close_all_connections()
    # Tornado's own check compares hosts: a page of the same host without TLS gets in.
    assert [(one.slug, str(one.level)) for one in report.findings] == [("foreign-origin", "note")]
    assert "without TLS" in report.findings[0].message
    assert report.roots == (url,)
    assert [one.slug for one in both.findings] == ["foreign-origin", "plain-transport"]
    assert f"ws://127.0.0.1:{open_port}/ws" in both.findings[1].message


class Keeps(Feed):
    """Writes, and does not wait."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


async def test_slow_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS does not make a server look as if it stopped reading."""
    chosen = [one for one in PROBES if one.meta.id == "SP605"]
    monkeypatch.setattr(engine, "in_turn", lambda **_: chosen)
    monkeypatch.setattr(backlog, "MUCH", 8 * 1024 * 1024)
    certificate, key = certified(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(Application([("/ws", Keeps)]), ssl_options=context)
    sock, port = bind_unused_port()
    server.add_sockets([sock])
    trust = ssl.create_default_context(cafile=str(certificate))
    say = ('{"type":"say","text":"{unique}"}',)
    plan = Plan((f"wss://127.0.0.1:{port}/ws",), tls=trust, owner=ALICE, say=say, active=True)
    try:
        report = await run(replace(plan, listen=0.2, per_second=500))
        assert [one.slug for one in report.findings] == ["slow-reader"]
    finally:
        server.stop()
        await server.close_all_connections()
