"""Signed requests, certificates, proxies and bound tokens, said in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stormdoor import (
    CertificateAuthenticator,
    ConfigurationError,
    Guard,
    JwtAuthenticator,
    ProxyIdentityAuthenticator,
    SignedRequestAuthenticator,
)
from stormdoor.config.check import check_file
from tests.config.files import GOOD, TRAIL_KEY, write

PROXY = 'networks = ["10.0.0.5"]\nsecrets = [{ env = "PROXY_SECRET" }]\n'
KEY = '{ algorithm = "EdDSA", kid = "d7", public_key_file = "d7.pem", principal = "d7"'
JWT = (
    '[[authenticators]]\nkind = "jwt"\nissuer = "i"\naudience = "a"\n'
    'keys = [{ algorithm = "HS256", secret = { env = "TRAIL_KEY" } }]\n'
)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets and keys that the files name."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    monkeypatch.setenv("PROXY_SECRET", "p" * 40)
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "d7.pem").write_bytes(pem)


def read(folder: Path, text: str) -> Guard:
    """The guard of a good file with more in it."""
    return Guard.from_config(write(folder, GOOD + text))


def kinds(guard: Guard) -> list[str]:
    """The kinds of its authenticators, but the first."""
    return [one.kind for one in guard.authenticators[1:]]


def test_every_kind(tmp_path: Path) -> None:
    """Each table makes what it names."""
    guard = read(
        tmp_path,
        '[[authenticators]]\nkind = "signed-request"\naccounts = "request_keys"\n'
        '[[authenticators]]\nkind = "certificate"\nnamed_by = "uri"\npattern = "x(?P<id>.*)"\n'
        f'[[authenticators]]\nkind = "proxy"\nroles = {{ staff = "member" }}\n'
        f"[authenticators.proxy]\n{PROXY}"
        f'[forwarded_certificate]\nformat = "nginx"\n[forwarded_certificate.proxy]\n{PROXY}'
        + JWT
        + 'certificate_bound = "required"\ndpop = { nonce_secrets = [{ env = "PROXY_SECRET" }] }\n',
    )
    assert kinds(guard) == ["signed-request", "certificate", "proxy", "jwt"]
    _, signed, certificate, proxy, tokens = guard.authenticators
    assert isinstance(signed, SignedRequestAuthenticator)
    assert isinstance(certificate, CertificateAuthenticator)
    assert isinstance(proxy, ProxyIdentityAuthenticator)
    assert isinstance(tokens, JwtAuthenticator)
    assert "dpop" in tokens.needs_headers
    assert {"x-forwarded-user", "x-ssl-client-cert", "x-proxy-secret"} <= set(
        guard.credentials.exclusive_headers
    )


def test_keys_in_the_file(tmp_path: Path) -> None:
    """Keys in the file may have dates and roles, or belong to an account."""
    guard = read(
        tmp_path,
        f'[[authenticators]]\nkind = "signed-request"\nkeys = [{KEY}, roles = ["device"], '
        'tenant = "acme", scopes = ["feed:*"], issued_at = 2026-01-01T00:00:00Z, '
        "expires_at = 2027-01-01T00:00:00Z },\n"
        '{ algorithm = "HS256", kid = "h", secret = { env = "TRAIL_KEY" }, principal = "alice" }]\n',
    )
    [signed] = guard.authenticators[1:]
    assert isinstance(signed, SignedRequestAuthenticator)
    assert [key.kid for key in signed.keys] == ["d7", "h"]


WRONG = [
    ('kind = "signed-request"\n', "keys stand either here or in accounts"),
    (f'kind = "signed-request"\naccounts = "x"\nkeys = [{KEY} }}]', "keys stand either"),
    (f'kind = "signed-request"\nkeys = [{KEY}, tenant = "x" }}]', "says the tenant, too"),
    (f'kind = "signed-request"\nkeys = [{KEY}, scopes = ["feed connect"] }}]', "scopes[0]"),
    (f'kind = "signed-request"\nkeys = [{KEY}, issued_at = 2026-01-01T00:00:00 }}]', "issued_at"),
    (f'kind = "signed-request"\nkeys = [{KEY} }}, {KEY} }}]', "name of its own"),
    (f'kind = "signed-request"\nkeys = [{KEY.replace("EdDSA", "RS256")} }}]', "RS256"),
    ('kind = "certificate"\n', "named_by"),
    ('kind = "certificate"\nnamed_by = "uri"\npattern = "("', "not a pattern"),
    ('kind = "proxy"\n', "proxy is missing"),
    ('kind = "proxy"\nproxy = { networks = ["10.0.0.5"] }', "an address is no proof"),
    (
        'kind = "proxy"\nproxy = { networks = ["10.0.0.5"], secrets = ["in the file, long enough ....."] }',
        "does not stand in this file",
    ),
    (
        'kind = "proxy"\nproxy = { networks = ["10.0.0.5"], secrets = [{ env = "MISSING" }] }',
        "MISSING is not set",
    ),
    (f'kind = "proxy"\nconvention = "x"\n[authenticators.proxy]\n{PROXY}', "is no convention"),
    (
        JWT.partition("\n")[2] + 'dpop = { nonce_secrets = [{ env = "MISSING" }] }\n',
        "MISSING is not set",
    ),
    (JWT.partition("\n")[2] + "dpop = { max_age = 0 }\n", "max_age must be"),
    (JWT.partition("\n")[2] + 'certificate_bound = "perhaps"\n', "certificate_bound"),
]


@pytest.mark.parametrize(("table", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_has_its_place(tmp_path: Path, table: str, message: str) -> None:
    """Each mistake is named with its line, and none shows a secret."""
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, f"[[authenticators]]\n{table}")
    text = str(raised.value)
    assert message in text
    assert "stormdoor.toml:" in text
    assert "in the file, long" not in text


def test_a_proxy_of_certificates_that_is_wrong(tmp_path: Path) -> None:
    """A mistake in the settings of a proxy of certificates is reported."""
    with pytest.raises(ConfigurationError, match="an address is no proof"):
        read(tmp_path, '[forwarded_certificate]\nproxy = { networks = ["10.0.0.5"] }\n')


def test_what_is_ambient_needs_pages(tmp_path: Path) -> None:
    """A proxy's header and a browser's certificate are ambient: without origins no client is admitted."""
    text = GOOD.replace('origins = ["https://app.example"]', 'hosts = ["app.example"]')
    for table in (
        f'kind = "proxy"\n[authenticators.proxy]\n{PROXY}',
        'kind = "certificate"\nnamed_by = "uri"\npattern = "x"\nclients = "browsers"\n',
    ):
        found = check_file(write(tmp_path, text.replace('kind = "session"', table)))
        assert [one.level for one in found if one.id == "no-origins"] == ["error"]
    programs = 'kind = "certificate"\nnamed_by = "uri"\npattern = "x"\n'
    found = check_file(write(tmp_path, text.replace('kind = "session"', programs)))
    assert [one.level for one in found if one.id == "no-origins"] == ["note"]
