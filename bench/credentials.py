"""Measure the cost of a handshake with each kind of credential, beside that of its cryptography.

CPU of the server per connect and close, and CPU of the cryptographic operations alone, measured with the
same libraries and keys in this process. Rounds are interleaved; each figure is the median over the rounds.

    python bench/credentials.py
    python bench/credentials.py --rounds 3 --count 100
"""

import argparse
import base64
import hashlib
import hmac
import json
import random
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from policy import AUDIENCE, ISSUER, PATH, PRINCIPAL, PRINCIPAL_ROLES
from process import HOST, Process, Server, pin_client
from ws_load import CLOSE, TEXT, Connection, LoadError, frame, upgrade, upgraded

from stormdoor import JwtKey
from stormdoor.client import dpop_proof, sign_request

PLAIN: Final = Server(name="Tornado", command="{python} plain_server.py --port {port}")
DIRECT: Final = Server(name="direct", command="{python} credential_server.py --port {port}")
PROXIED: Final = Server(
    name="proxied", command="{python} credential_server.py --port {port} --behind-proxy"
)
PROXY_SECRET: Final = "bench-only-proxy-secret-0123456789abcdef"
GOODBYE: Final = frame((1000).to_bytes(2, "big"), CLOSE)

Known = dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of credential.

    Attributes:
        name: As the table calls it.
        server: That accepts it.
        headers: Of one handshake; called for each, since some count once.
        bare: The cryptography that it cannot do without; None if there is none.
        first: The first message, if the credential is in it.
    """

    name: str
    server: Server
    headers: Callable[[Known, int], list[str]]
    bare: Callable[[Known], Callable[[], object]] | None = None
    first: Callable[[Known], str] | None = None


def _claims(**more: object) -> dict[str, object]:
    now = int(time.time())
    about = {"sub": PRINCIPAL, "iss": ISSUER, "aud": AUDIENCE, "roles": list(PRINCIPAL_ROLES)}
    return {**about, "iat": now, "exp": now + 3600, "jti": secrets.token_hex(8), **more}


def _token(known: Known, algorithm: str, **more: object) -> str:
    return jwt.encode(_claims(**more), known[algorithm], algorithm, headers={"kid": algorithm})


def _fresh(algorithm: str) -> Callable[[Known, int], list[str]]:
    return lambda known, _: [f"Authorization: Bearer {_token(known, algorithm)}"]


def _remembered(known: Known, _: int) -> list[str]:
    if "remembered" not in known:
        known["remembered"] = _token(known, "EdDSA")
    return [f"Authorization: Bearer {known['remembered']}"]


def _verifying(algorithm: str) -> Callable[[Known], Callable[[], object]]:
    """The verification of one signature, by the library that stormdoor uses."""

    def prepare(known: Known) -> Callable[[], object]:
        key = JwtKey(algorithm, known[algorithm])
        head, _, signature = _token(known, algorithm).rpartition(".")
        signed = head.encode()
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        return lambda: key.verify(signed, raw)

    return prepare


def _signed(algorithm: str) -> Callable[[Known, int], list[str]]:
    def headers(known: Known, port: int) -> list[str]:
        key = JwtKey(algorithm, known[algorithm], kid=algorithm)
        url = f"ws://{HOST}:{port}{PATH}"
        signed = sign_request(url, key, created=time.time())
        return [f"{name}: {value}" for name, value in signed.items()]

    return headers


def _dpop(known: Known, port: int) -> list[str]:
    key = JwtKey("ES256", known["ES256"])
    private = load_pem_private_key(known["ES256"].encode(), None)
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    canonical = json.dumps(
        {name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")
    )
    digest = hashlib.sha256(canonical.encode()).digest()
    thumbprint = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    token = _token(known, "EdDSA", cnf={"jkt": thumbprint})
    proof = dpop_proof(f"ws://{HOST}:{port}{PATH}", token, key, now=time.time())
    return [f"Authorization: DPoP {token}", f"DPoP: {proof}"]


def _both(known: Known) -> Callable[[], object]:
    token, proof = _verifying("EdDSA")(known), _verifying("ES256")(known)
    return lambda: (token(), proof())


def _hashing(known: Known) -> Callable[[], object]:
    secret = known["session"].partition("=")[2].encode()
    return lambda: hashlib.sha256(secret).hexdigest()


def _ticket(known: Known, _: int) -> list[str]:
    ticket, _, known["tickets"] = known["tickets"].partition(" ")
    return [f"Sec-WebSocket-Protocol: stormdoor.v1, stormdoor.ticket.{ticket}"]


def _certificate(known: Known, _: int) -> list[str]:
    return [f"Client-Cert: :{known['certificate']}:", f"X-Proxy-Secret: {PROXY_SECRET}"]


def _reading(known: Known) -> Callable[[], object]:
    der = base64.b64decode(known["certificate"])

    def read() -> object:
        certificate = x509.load_der_x509_certificate(der)
        return certificate.fingerprint(SHA256()), certificate.extensions

    return read


def _identity(_known: Known, _: int) -> list[str]:
    return [
        f"X-Forwarded-User: {PRINCIPAL}",
        f"X-Forwarded-Groups: {PRINCIPAL_ROLES[0]}",
        f"X-Proxy-Secret: {PROXY_SECRET}",
    ]


def _comparing(_known: Known) -> Callable[[], object]:
    secret = PROXY_SECRET.encode()
    return lambda: hmac.compare_digest(secret, secret)


KINDS: Final = (
    Kind("Tornado, no check", PLAIN, lambda _known, _port: [f"Cookie: session={'x' * 43}"]),
    Kind("session cookie", DIRECT, lambda known, _: [f"Cookie: {known['session']}"], _hashing),
    Kind("ticket", DIRECT, _ticket, _hashing),
    Kind("API key", DIRECT, lambda known, _: [f"X-API-Key: {known['api_key']}"], _hashing),
    Kind("JWT, HS256", DIRECT, _fresh("HS256"), _verifying("HS256")),
    Kind("JWT, EdDSA", DIRECT, _fresh("EdDSA"), _verifying("EdDSA")),
    Kind("JWT, ES256", DIRECT, _fresh("ES256"), _verifying("ES256")),
    Kind("JWT, RS256", DIRECT, _fresh("RS256"), _verifying("RS256")),
    Kind("JWT, EdDSA, remembered", DIRECT, _remembered),
    Kind(
        "JWT, EdDSA, as first message",
        DIRECT,
        lambda _known, _port: [],
        _verifying("EdDSA"),
        first=lambda known: json.dumps(
            {"type": "stormdoor.authenticate", "token": _token(known, "EdDSA")}
        ),
    ),
    Kind("DPoP: token EdDSA, proof ES256", DIRECT, _dpop, _both),
    Kind("signed request, HMAC", DIRECT, _signed("HS256"), _verifying("HS256")),
    Kind("signed request, Ed25519", DIRECT, _signed("EdDSA"), _verifying("EdDSA")),
    Kind("client certificate, forwarded", PROXIED, _certificate, _reading),
    Kind("identity header of a proxy", PROXIED, _identity, _comparing),
)


def _visit(port: int, request: bytes, first: str | None) -> None:
    """One handshake, what must be said first, and the close in good order."""
    with socket.create_connection((HOST, port), timeout=10) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(request)
        connection = upgraded(connected)
        if first is not None:
            connected.sendall(frame(first.encode()))
            _await(connection, TEXT)
        connected.sendall(GOODBYE)
        _await(connection, CLOSE)


def _await(connection: Connection, opcode: int) -> None:
    frames = connection.frames(b"")
    while all(one != opcode for one, _ in frames):
        data = connection.socket.recv(65536)
        if not data:
            raise LoadError("the server hung up")
        frames = connection.frames(data)


def _handshakes(process: Process, kind: Kind, known: Known, count: int) -> float:
    """Server CPU in µs per handshake."""
    requests = [
        upgrade(process.port, PATH, kind.headers(known, process.port)) for _ in range(count)
    ]
    if kind.server is PROXIED:  # programs come, not pages
        requests = [_without_origin(one) for one in requests]
    firsts = [kind.first(known) if kind.first else None for _ in range(count)]
    before = process.cpu_ns()
    for request, first in zip(requests, firsts, strict=True):
        _visit(process.port, request, first)
    time.sleep(0.4)  # what is put off, such as writing the trail, belongs to it
    return (process.cpu_ns() - before) / count / 1000


def _without_origin(request: bytes) -> bytes:
    lines = request.split(b"\r\n")
    return b"\r\n".join(one for one in lines if not one.startswith(b"Origin:"))


def _bare(kind: Kind, known: Known, count: int) -> float:
    """CPU in µs of the cryptography alone."""
    if kind.bare is None:
        return 0.0
    operation = kind.bare(known)
    operation()
    before = time.process_time_ns()
    for _ in range(count):
        operation()
    return (time.process_time_ns() - before) / count / 1000


def measure(rounds: int, count: int) -> Iterator[tuple[str, float, float, float]]:
    """Name, µs per handshake, its ratio to plain Tornado's, µs of bare cryptography."""
    handshakes: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
    bare: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
    with ExitStack() as stack:
        processes = {one: stack.enter_context(Process(one)) for one in (PLAIN, DIRECT, PROXIED)}
        known = {one: process.credentials() for one, process in processes.items()}
        for number in range(-1, rounds):  # the first is to get warm
            for kind in random.sample(KINDS, len(KINDS)):
                cost = _handshakes(processes[kind.server], kind, known[kind.server], count)
                alone = _bare(kind, known[kind.server], 4 * count)
                if number >= 0:
                    handshakes[kind.name].append(cost)
                    bare[kind.name].append(alone)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    plain = handshakes[KINDS[0].name]
    for kind in KINDS:
        ratios = [one / base for one, base in zip(handshakes[kind.name], plain, strict=True)]
        yield (
            kind.name,
            statistics.median(handshakes[kind.name]),
            statistics.median(ratios),
            statistics.median(bare[kind.name]),
        )


def main() -> int:
    """Measures and prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--count", type=int, default=200, help="handshakes of a kind in a round")
    options = arguments.parse_args()
    pin_client()
    rows = list(measure(options.rounds, options.count))
    print("| credential | CPU per handshake, µs | × plain Tornado | its cryptography alone, µs |")
    print("|:--|--:|--:|--:|")
    for name, cost, ratio, alone in rows:
        print(f"| {name} | {cost:.0f} | {ratio:.2f} | {f'{alone:.1f}' if alone else '-'} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
