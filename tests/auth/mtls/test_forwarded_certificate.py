"""A certificate in a header is accepted from the configured proxy only."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor import ConfigurationError, ForwardedCertificate, Rejected, TrustedProxy
from stormdoor.core.handshake import Handshake
from tests.support.certificates import Authority

SECRET = "a secret of thirty-two characters"
AUTHORITY = Authority(1_767_225_600.0)
CLIENT, OTHER, PROXY = (AUTHORITY.issue(name) for name in ("client", "other", "proxy"))
HANDSHAKE = Handshake(
    path="/feed", address="203.0.113.7", peer="10.0.0.5", scheme="https", host="app.example"
)
TRUSTED = TrustedProxy(["10.0.0.5"], secrets=[SECRET])
Format = Literal["rfc9440", "nginx", "envoy"]

PEM = quote(CLIENT.pem, safe="")
BASE64 = f":{base64.b64encode(CLIENT.der).decode()}:"
HASH = hashlib.sha256(CLIENT.der).hexdigest()
SOUND: dict[Format, dict[str, str]] = {
    "rfc9440": {"client-cert": BASE64},
    "nginx": {"x-ssl-client-cert": PEM, "x-ssl-client-verify": "SUCCESS"},
    "envoy": {"x-forwarded-client-cert": f'Hash={HASH};Cert="{PEM}";Subject="CN=a,O=b;c";URI=x:y'},
}


def sent(headers: dict[str, Any], *, secret: str | None = SECRET, **changes: Any) -> Handshake:
    """Return a handshake as the proxy sends it."""
    values = headers if secret is None else {"x-proxy-secret": secret, **headers}
    found = {name: (v,) if isinstance(v, str) else v for name, v in values.items()}
    return replace(HANDSHAKE, headers=found, **changes)


def read(style: Format, handshake: Handshake, **options: Any) -> bytes | str | None:
    """The certificate, or why the handshake is refused."""
    outcome = ForwardedCertificate(TRUSTED, format=style, **options).screen(handshake)
    return outcome.detail if isinstance(outcome, Rejected) else outcome.certificate


@pytest.mark.parametrize("style", SOUND)
def test_each_format(style: Format) -> None:
    """Certificates are read in the formats of RFC 9440, nginx and Envoy."""
    assert read(style, sent(SOUND[style])) == CLIENT.der


@pytest.mark.parametrize("style", SOUND)
def test_from_anybody_else_it_is_refused(style: Format) -> None:
    """A header without the proxy's secret, with another or from another address is refused, not ignored."""
    headers = SOUND[style]
    for handshake in (
        sent(headers, secret=None),
        sent(headers, secret="x" * 33),
        sent(headers, peer="192.0.2.1"),
        sent(headers, secret=None, peer="192.0.2.1"),
    ):
        assert "for the proxy alone" in str(read(style, handshake))


@pytest.mark.parametrize("style", SOUND)
def test_twice_or_in_another_spelling(style: Format) -> None:
    """A client's own header beside the proxy's is not chosen between."""
    [name, *_] = SOUND[style]
    sound = SOUND[style][name]
    assert "more than once" in str(read(style, sent({**SOUND[style], name: (sound, sound)})))
    spelt = sent({**SOUND[style], name.replace("-", "_"): sound})
    assert "how some servers spell" in str(read(style, spelt))


def test_through_the_proxy_its_own_certificate_is_nobody_s() -> None:
    """The TLS certificate of the proxy does not count as a client's."""
    own: dict[str, Any] = {"certificate": PROXY.der, "peer_certificate": PROXY.der}
    assert read("rfc9440", sent({}, **own)) is None
    assert read("rfc9440", sent({"client-cert": ""}, **own)) is None
    assert read("rfc9440", sent(SOUND["rfc9440"], **own)) == CLIENT.der


def test_a_direct_client_keeps_its_own() -> None:
    """A client may connect without the proxy."""
    direct = sent({}, secret=None, peer="192.0.2.1", certificate=OTHER.der)
    assert read("rfc9440", direct) == OTHER.der


def test_a_proxy_that_proves_itself_by_tls() -> None:
    """A proxy proves itself by its TLS certificate, and sends the client's in the header."""
    proxy = TrustedProxy(["10.0.0.5"], certificates=[PROXY.thumbprint])
    forwarded = ForwardedCertificate(proxy)
    through = sent(SOUND["rfc9440"], secret=None, peer_certificate=PROXY.der)
    outcome = forwarded.screen(through)
    assert isinstance(outcome, Handshake)
    assert outcome.certificate == CLIENT.der
    for other in (None, OTHER.der):
        assert isinstance(forwarded.screen(replace(through, peer_certificate=other)), Rejected)


@pytest.mark.parametrize(
    ("style", "headers", "reason"),
    [
        ("rfc9440", {"client-cert": BASE64[1:]}, "between colons"),
        ("rfc9440", {"client-cert": ":"}, "between colons"),
        ("rfc9440", {"client-cert": ":?:"}, "not base64"),
        ("rfc9440", {"client-cert": f"{BASE64}, {BASE64}"}, "not base64"),
        ("rfc9440", {"client-cert": ":" + "A" * 20_000 + ":"}, "longer than"),
        ("nginx", {"x-ssl-client-cert": PEM}, "not SUCCESS"),
        (
            "nginx",
            {"x-ssl-client-cert": PEM, "x-ssl-client-verify": "FAILED:expired"},
            "not SUCCESS",
        ),
        ("nginx", {"x-ssl-client-cert": PEM, "x-ssl-client-verify": "NONE"}, "not SUCCESS"),
        (
            "nginx",
            {"x-ssl-client-cert": PEM + PEM, "x-ssl-client-verify": "SUCCESS"},
            "not one certificate",
        ),
        ("envoy", {"x-forwarded-client-cert": f"Hash={HASH}"}, "has no Cert"),
        ("envoy", {"x-forwarded-client-cert": f'Cert="{PEM}";Cert="{PEM}"'}, "has no Cert"),
        ("envoy", {"x-forwarded-client-cert": f'Cert="{PEM}",Cert="{PEM}"'}, "not one element"),
        ("envoy", {"x-forwarded-client-cert": f'Hash={"0" * 64};Cert="{PEM}"'}, "belong together"),
        ("envoy", {"x-forwarded-client-cert": 'Cert="x"'}, "not one certificate"),
        ("envoy", {"x-forwarded-client-cert": "nonsense"}, "not one element"),
    ],
)
def test_what_cannot_be_read(style: Format, headers: dict[str, str], reason: str) -> None:
    """Refused, and never taken for "no certificate"."""
    assert reason in str(read(style, sent(headers)))


def test_headers_of_their_own_names() -> None:
    """A proxy may call them as it likes; the chain goes with the certificate."""
    forwarded = ForwardedCertificate(TRUSTED, header="X-My-Cert")
    assert set(forwarded.exclusive_headers) == {"x-my-cert", "x-my-cert-chain", "x-proxy-secret"}
    assert read("rfc9440", sent({"x-my-cert": BASE64}), header="X-My-Cert") == CLIENT.der


@given(
    st.text(max_size=80) | st.text('=;",\\%:-ABCertHash', max_size=80), st.sampled_from([*SOUND])
)
def test_it_never_raises(value: str, style: Format) -> None:
    """Every value of a proxy's header is a certificate or is refused."""
    for text in (value, f'Cert="{value}"', f":{value}:", quote(CLIENT.pem + value)):
        headers = {**SOUND[style], next(iter(SOUND[style])): text}
        read(style, sent(headers))


def test_formats_that_there_are() -> None:
    """Another is refused."""
    with pytest.raises(ConfigurationError):
        ForwardedCertificate(TRUSTED, format="apache")  # type: ignore[arg-type]
