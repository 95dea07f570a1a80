"""Only the proxy speaks for others: at its address, with its proof, and with headers as it writes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stormdoor import ConfigurationError, Rejected, TrustedProxy
from stormdoor.auth.proxy.trusted_proxy import fingerprint_of_certificate
from stormdoor.core.handshake import Handshake
from tests.support.certificates import Authority

SECRET = "a secret of thirty-two characters"
OTHER = "another secret, of as many characters"
PROXY = Authority(1_767_225_600.0).issue("proxy")
HANDSHAKE = Handshake(
    path="/feed", address="203.0.113.7", peer="10.0.0.5", scheme="https", host="app.example"
)
NAMES = ("x-forwarded-user",)


def sent(*, peer: str = "10.0.0.5", certificate: bytes | None = None, **headers: Any) -> Handshake:
    """A handshake with headers, of which underscores become hyphens."""
    values = {
        name.replace("_", "-"): (value,) if isinstance(value, str) else value
        for name, value in headers.items()
    }
    return replace(HANDSHAKE, peer=peer, peer_certificate=certificate, headers=values)


by_secret = TrustedProxy(["10.0.0.0/24"], secrets=[SECRET])
by_certificate = TrustedProxy(["10.0.0.5"], certificates=[PROXY.thumbprint])
by_both = TrustedProxy(["10.0.0.5"], secrets=[SECRET], certificates=[PROXY.thumbprint])


@pytest.mark.parametrize(
    ("proxy", "handshake", "doubt"),
    [
        (by_secret, sent(x_proxy_secret=SECRET), None),
        (by_secret, sent(x_proxy_secret=SECRET, peer="10.0.1.5"), "not where the proxy is"),
        (by_secret, sent(x_proxy_secret=SECRET, peer="::1"), "not where the proxy is"),
        (by_secret, sent(x_proxy_secret=SECRET, peer="x"), "not where the proxy is"),
        (by_secret, sent(x_proxy_secret=OTHER), "is another"),
        (by_secret, sent(x_proxy_secret=SECRET[:-1]), "is another"),
        (by_secret, sent(x_proxy_secret=""), "is another"),
        (by_secret, sent(x_proxy_secret="\udcff"), "is another"),
        (by_secret, sent(x_proxy_secret=(SECRET, SECRET)), "there 2 times"),
        (by_secret, sent(), "there 0 times"),
        (by_certificate, sent(certificate=PROXY.der), None),
        (by_certificate, sent(certificate=PROXY.der, peer="10.0.0.6"), "not where"),
        (by_certificate, sent(certificate=b"another"), "not the proxy's"),
        (by_certificate, sent(), "not the proxy's"),
        (by_both, sent(x_proxy_secret=SECRET, certificate=PROXY.der), None),
        (by_both, sent(x_proxy_secret=SECRET), "not the proxy's"),
        (by_both, sent(certificate=PROXY.der), "there 0 times"),
    ],
)
def test_who_is_the_proxy(proxy: TrustedProxy, handshake: Handshake, doubt: str | None) -> None:
    """An address and a proof; if two proofs are asked for, both."""
    found = proxy.doubt(handshake)
    assert found is None if doubt is None else found is not None and doubt in found
    assert SECRET not in repr((proxy, found))


def test_a_secret_can_be_changed() -> None:
    """The old and the new one count while it is."""
    proxy = TrustedProxy(["10.0.0.5"], secrets=[OTHER, SECRET.encode()])
    for secret in (SECRET, OTHER):
        assert proxy.doubt(sent(x_proxy_secret=secret)) is None


@pytest.mark.parametrize(
    ("handshake", "expected"),
    [
        (sent(x_proxy_secret=SECRET, x_forwarded_user="alice"), True),
        (sent(x_proxy_secret=SECRET), True),
        (sent(), False),
        (sent(peer="192.0.2.1"), False),
        (sent(x_forwarded_user="alice"), "for the proxy alone"),
        (sent(x_forwarded_user=""), "for the proxy alone"),
        (sent(peer="192.0.2.1", x_forwarded_user="alice"), "for the proxy alone"),
        (sent(peer="192.0.2.1", x_proxy_secret=SECRET), "for the proxy alone"),
        (sent(x_proxy_secret=SECRET, x_forwarded_user=("alice", "ada")), "more than once"),
        (sent(x_proxy_secret=(SECRET, SECRET)), "more than once"),
    ],
)
def test_headers_of_the_proxy(handshake: Handshake, expected: bool | str) -> None:
    """The headers are refused, not ignored, from other clients, and if the proxy passed them on."""
    spoken = by_secret.speaks(handshake, NAMES)
    if isinstance(expected, str):
        assert isinstance(spoken, Rejected)
        assert expected in spoken.detail
        assert SECRET not in spoken.detail
    else:
        assert spoken is expected


@pytest.mark.parametrize("name", ["x_forwarded_user", "x_forwarded-user", "x_proxy_secret"])
def test_other_spellings_are_refused(name: str) -> None:
    """Some servers take an underscore for a hyphen; a proxy that lets one through is not set up."""
    handshake = sent(x_proxy_secret=SECRET, x_forwarded_user="alice")
    handshake = replace(handshake, headers={**handshake.headers, name: ("mallory",)})
    spoken = by_secret.speaks(handshake, NAMES)
    assert isinstance(spoken, Rejected)
    assert "how some servers spell" in spoken.detail


@pytest.mark.parametrize(
    "options",
    [
        {"networks": [], "secrets": [SECRET]},
        {"networks": "10.0.0.5", "secrets": [SECRET]},
        {"networks": ["proxy.example"], "secrets": [SECRET]},
        {"networks": ["10.0.0.5"]},
        {"networks": ["10.0.0.5"], "secrets": ["short"]},
        {"networks": ["10.0.0.5"], "secrets": SECRET},
        {"networks": ["10.0.0.5"], "secrets": [SECRET + "é"]},
        {"networks": ["10.0.0.5"], "secrets": [SECRET + "\n"]},
        {"networks": ["10.0.0.5"], "secrets": [SECRET], "secret_header": "Cookie"},
        {"networks": ["10.0.0.5"], "secrets": [SECRET], "secret_header": "X_Secret"},
        {"networks": ["10.0.0.5"], "secrets": [SECRET], "secret_header": "x y"},
        {"networks": ["10.0.0.5"], "certificates": ["ab:cd"]},
    ],
    ids=str,
)
def test_no_proof_no_proxy(options: dict[str, Any]) -> None:
    """An address alone is refused when the guard is made, and so is a secret that can be guessed."""
    with pytest.raises(ConfigurationError) as raised:
        TrustedProxy(**options)
    assert SECRET not in str(raised.value)


def test_fingerprints_as_they_are_printed() -> None:
    """Fingerprints are read as openssl prints them and as RFC 8705 writes them."""
    printed = (
        "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:"
        "27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"
    )
    assert (
        fingerprint_of_certificate(printed)
        == fingerprint_of_certificate(f"sha256 Fingerprint={printed}")
        == fingerprint_of_certificate("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    )
