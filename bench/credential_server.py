"""A guarded endpoint that accepts every kind of credential, for `credentials.py`.

With `--behind-proxy` it takes the word of a proxy on this machine: a forwarded certificate, an identity
header. Writes what a client needs, private keys included, where `BENCH_CREDENTIALS` says.
"""

import asyncio
import base64
import datetime as dt
import secrets
import tempfile
from argparse import Namespace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from echo_server import LIMITS
from policy import AUDIENCE, ISSUER, PATH, PERMISSIONS, PRINCIPAL, PRINCIPAL_ROLES, ROLE_PERMISSIONS
from serving import allow_slow_store, parser, publish, serve
from tornado.web import Application

from stormdoor import (
    ApiKeyAuthenticator,
    CertificateAuthenticator,
    DpopProof,
    ForwardedCertificate,
    Guard,
    GuardedHandler,
    JwtAuthenticator,
    JwtKey,
    PolicySet,
    Principal,
    ProxyIdentityAuthenticator,
    RequestKey,
    SessionAuthenticator,
    SignedRequestAuthenticator,
    TicketAuthenticator,
    TrustedProxy,
    protect,
    role,
)
from stormdoor.core.credential import fingerprint
from stormdoor.core.ticket import TICKET_PREFIX, Ticket

PROXY_SECRET = "bench-only-proxy-secret-0123456789abcdef"
HS_SECRET = "bench-only-secret-0123456789abcdef-0123456789"
TICKETS = 4000
SESSIONS = 640


class Quiet(GuardedHandler):
    """Says nothing."""

    permission = PERMISSIONS[0]
    first_message = True

    def on_message(self, message: str | bytes) -> None:
        """Nothing is expected."""


def make_keys() -> dict[str, str]:
    """A private key for each algorithm, as PEM."""
    made = {
        "EdDSA": Ed25519PrivateKey.generate(),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "RS256": generate_private_key(public_exponent=65537, key_size=2048),
    }
    pems = {
        name: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for name, key in made.items()
    }
    return {**pems, "HS256": HS_SECRET}


def make_certificate() -> str:
    """The certificate of a device, DER in base64."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, PRINCIPAL)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(PRINCIPAL)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def make_guard(options: Namespace, directory: Path, keys: dict[str, str]) -> Guard:
    """A guard that takes everything; or what a proxy says."""
    principal = Principal(PRINCIPAL, frozenset(PRINCIPAL_ROLES))
    proxy = TrustedProxy(["127.0.0.1"], secrets=[PROXY_SECRET])
    forwarded = None
    authenticators = [
        JwtAuthenticator(
            keys=[JwtKey(name, text, kid=name) for name, text in keys.items()],
            issuer=ISSUER,
            audience=AUDIENCE,
            proofs=[DpopProof()],
        ),
        SessionAuthenticator(),
        TicketAuthenticator(),
        ApiKeyAuthenticator(),
        SignedRequestAuthenticator(
            [
                RequestKey(key=JwtKey(name, keys[name], kid=name), principal=principal)
                for name in ("HS256", "EdDSA", "ES256")
            ]
        ),
    ]
    if options.behind_proxy:
        forwarded = ForwardedCertificate(proxy)
        authenticators = [
            CertificateAuthenticator(
                named_by="dns", pattern=r"(?P<id>[a-z0-9-]+)", roles=PRINCIPAL_ROLES
            ),
            ProxyIdentityAuthenticator(proxy, clients="programs"),
        ]
    return Guard(
        origins=[f"http://127.0.0.1:{options.port}"],
        authenticators=authenticators,
        forwarded_certificate=forwarded,
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
        store=options.store or f"sqlite://{directory}/door.db",
    )


async def _credentials(guard: Guard, port: int, tickets: int) -> dict[str, str]:
    await guard.admin.add_principal(PRINCIPAL, roles=PRINCIPAL_ROLES)
    session = await guard.sessions.create(PRINCIPAL)
    others = []
    for n in range(SESSIONS):  # a principal may have only some
        await guard.admin.add_principal(f"{PRINCIPAL}-{n}", roles=PRINCIPAL_ROLES)
        others.append((await guard.sessions.create(f"{PRINCIPAL}-{n}")).secret)
    key = await guard.admin.issue_key(PRINCIPAL, name="benchmark", scopes=["*"])
    origin = f"http://127.0.0.1:{port}"
    issued = []
    for _ in range(tickets):
        # Not from the `TicketService`: its tickets are valid for half a minute, and these are used later.
        secret = TICKET_PREFIX + secrets.token_urlsafe(32)
        await guard.state.tickets.add_ticket(
            Ticket(
                id=fingerprint(secret),
                principal_id=PRINCIPAL,
                session_id=session.session.id,
                origin=origin,
                endpoint=PATH,
                issued_at=session.session.created_at,
                expires_at=session.session.created_at + 600.0,
                authenticated_at=session.session.authenticated_at,
            )
        )
        issued.append(secret)
    return {
        "session": f"{guard.sessions.cookie.name}={session.secret}",
        "sessions": " ".join(f"{guard.sessions.cookie.name}={one}" for one in others),
        "api_key": key.secret,
        "tickets": " ".join(issued),
    }


async def run(options: Namespace, directory: Path) -> None:
    """Serves until SIGTERM."""
    keys = make_keys()
    allow_slow_store()
    guard = make_guard(options, directory, keys)
    application = Application([(PATH, Quiet)], log_function=lambda _: None)
    protect(application, guard)
    async with guard:
        certificate = make_certificate()
        made = await _credentials(guard, options.port, options.tickets)
        publish({**keys, **made, "certificate": certificate})
        await serve(application, options.port)


def main() -> None:
    """Serves."""
    arguments = parser(__doc__)
    arguments.add_argument("--behind-proxy", action="store_true")
    arguments.add_argument("--store", help="URL of the store; a new SQLite file by default")
    arguments.add_argument("--tickets", type=int, default=TICKETS, help="tickets to issue")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdoor-credentials-") as directory:
        asyncio.run(run(options, Path(directory).resolve()))


if __name__ == "__main__":
    main()
