"""Mutual TLS: the client certificate is the credential, and TLS the proof.

    python certificate.py

It makes an authority, a server, a device, and a device of another authority, and connects with each.
The first one's certificate is then revoked: its socket is closed, and it does not come back.
"""

import asyncio
import datetime as dt
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import websocket_connect

from stormdoor import (
    CertificateAuthenticator,
    Guard,
    GuardedHandler,
    PolicySet,
    Target,
    guarded_server,
    protect,
    role,
)

URL = "wss://localhost:8888/feed"
CRITICAL = (x509.BasicConstraints, x509.KeyUsage, x509.SubjectAlternativeName)
SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
BEGIN = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)


class Feed(GuardedHandler):
    permission = "feed:connect"

    def open(self) -> None:
        self.write_message(f"welcome, {self.principal.id}")

    def on_message(self, message: str | bytes) -> None:
        """There is nothing to say here."""


guard = Guard(
    hosts=["localhost"],
    authenticators=[
        CertificateAuthenticator(
            named_by="uri",
            pattern=r"spiffe://fleet\.example/device/(?P<id>[a-z0-9-]+)",
            roles=["device"],
        )
    ],
    policies=PolicySet([role("device", "feed:*")]),
)
app = protect(Application([("/feed", Feed)], websocket_ping_interval=20), guard)


class Authority:
    """An authority that signs certificates."""

    def __init__(self, name: str) -> None:
        self.key = generate_private_key(SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, x509.BasicConstraints(True, 0), SIGNS)

    def _sign(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(BEGIN).not_valid_after(BEGIN + dt.timedelta(days=1))
        # What RFC 5280 asks for, and Python 3.13 insists on: who signed it, and what must be understood.
        public, signer = key.public_key(), self.key.public_key()
        for one in (
            *extensions,
            x509.SubjectKeyIdentifier.from_public_key(public),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer),
        ):
            builder = builder.add_extension(one, critical=isinstance(one, CRITICAL))
        return builder.sign(self.key, hashes.SHA256())

    def write(self, path: Path, name: x509.GeneralName, purpose: x509.ObjectIdentifier) -> Path:
        """Write a key and a certificate with that name for that purpose."""
        key = generate_private_key(SECP256R1())
        certificate = self._sign(
            x509.Name([]),
            key,
            x509.BasicConstraints(False, None),
            x509.SubjectAlternativeName([name]),
            x509.ExtendedKeyUsage([purpose]),
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
        return path

    def trusted(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """A side of TLS that believes this authority, and no other."""
        pem = self.certificate.public_bytes(Encoding.PEM).decode()
        return ssl.create_default_context(purpose, cadata=pem)


async def device(context: ssl.SSLContext) -> None:
    try:
        socket = await websocket_connect(HTTPRequest(URL, ssl_options=context))
    except HTTPClientError as error:
        print(f"refused: {error.code}", flush=True)
        return
    except OSError as error:
        print(f"refused by TLS: {type(error).__name__}", flush=True)
        return
    print(await socket.read_message(), flush=True)
    [connection] = guard.registry
    thumbprint = connection.authentication.credential_id
    done = await guard.admin.revoke(Target.CREDENTIAL, thumbprint)
    await socket.read_message()
    print(
        f"its certificate was revoked: {done.closed} socket closed, {socket.close_code}", flush=True
    )


async def main() -> None:
    fleet, others = Authority("the fleet"), Authority("somebody else")
    with tempfile.TemporaryDirectory() as folder:
        context = fleet.trusted(ssl.Purpose.CLIENT_AUTH)
        server = x509.DNSName("localhost")
        context.load_cert_chain(
            fleet.write(Path(folder, "server.pem"), server, ExtendedKeyUsageOID.SERVER_AUTH)
        )
        context.verify_mode = ssl.CERT_OPTIONAL
        guarded_server(app, ssl_options=context).listen(8888, "127.0.0.1")
        name = x509.UniformResourceIdentifier("spiffe://fleet.example/device/boiler-7")
        contexts = []
        for authority in (fleet, others):
            path = Path(folder, "device.pem")
            authority.write(path, name, ExtendedKeyUsageOID.CLIENT_AUTH)
            contexts.append(fleet.trusted(ssl.Purpose.SERVER_AUTH))
            contexts[-1].load_cert_chain(path)
        own, forged, none = *contexts, fleet.trusted(ssl.Purpose.SERVER_AUTH)
        async with guard:
            for context in (own, own, forged, none):
                await device(context)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
