"""The client certificate that a reverse proxy has verified and sends in a header."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import unquote

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.auth.proxy.trusted_proxy import TrustedProxy
from stormdoor.core.handshake import Handshake
from stormdoor.core.header import header_name
from stormdoor.core.malformed import Malformed
from stormdoor.errors import ConfigurationError

__all__ = ["CERTIFICATE_HEADERS", "ForwardedCertificate"]

CERTIFICATE_HEADERS = {
    "rfc9440": "Client-Cert",
    "nginx": "X-SSL-Client-Cert",
    "envoy": "X-Forwarded-Client-Cert",
}
"""The usual header of each format."""

_MAX = 16_384
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII
)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"([A-Za-z]+)=({_QUOTED}|[^;,\"]*)(?:;|\Z)", re.ASCII)


class ForwardedCertificate:
    """Accepts the client's certificate from an authenticated proxy only.

    Pass it to `Guard(forwarded_certificate=...)`: then both `CertificateAuthenticator` and
    `CertificatePossessionProof` receive the client's certificate.

    Args:
        proxy: The proxy that may send it.
        format: `rfc9440`: `Client-Cert` (RFC 9440). `nginx`: `$ssl_client_escaped_cert`, together with
            `$ssl_client_verify` in `verify_header`. `envoy`: `X-Forwarded-Client-Cert` with `Cert`, as
            `set_current_client_cert_details: {cert: true}` and `SANITIZE_SET` write it.
        header: Another name of the header.
        verify_header: `nginx` only: the header with `$ssl_client_verify`, which must be `SUCCESS`.

    Raises:
        ConfigurationError: The format is unknown.
    """

    def __init__(
        self,
        proxy: TrustedProxy,
        *,
        format: Literal["rfc9440", "nginx", "envoy"] = "rfc9440",  # noqa: A002 - the name of the option
        header: str | None = None,
        verify_header: str = "X-SSL-Client-Verify",
    ) -> None:
        if format not in CERTIFICATE_HEADERS:
            raise ConfigurationError(
                f"{format!r} is no format; there are {', '.join(CERTIFICATE_HEADERS)}"
            )
        self._proxy = proxy
        self._format = format
        self._header = header_name(CERTIFICATE_HEADERS[format] if header is None else header)
        self._verify = header_name(verify_header)
        own = [self._header]
        if format == "nginx":
            own.append(self._verify)
        if format == "rfc9440":
            own.append(f"{self._header}-chain")
        self._own = tuple(own)
        self.exclusive_headers: Sequence[str] = (*own, *proxy.exclusive_headers)

    def screen(self, handshake: Handshake) -> Handshake | Rejected:
        """Return the handshake with the certificate, from the proxy or from TLS (see `ProxyHeaderFilter`)."""
        spoken = self._proxy.speaks(handshake, self._own)
        if isinstance(spoken, Rejected):
            return spoken
        if not spoken:
            return handshake
        values = handshake.headers.get(self._header, ())
        # INVARIANT: through the proxy, only the forwarded certificate counts; never the proxy's own.
        if not values or not values[0]:
            return replace(handshake, certificate=None)
        if len(values[0]) > _MAX:
            return _bad(f"the forwarded certificate is longer than {_MAX} characters")
        found = self._read(values[0], handshake)
        if isinstance(found, Malformed):
            return _bad(found.reason)
        return replace(handshake, certificate=found)

    def _read(self, value: str, handshake: Handshake) -> bytes | Malformed:
        match self._format:
            case "rfc9440":
                return _rfc9440(value)
            case "nginx":
                verified = handshake.headers.get(self._verify, ())
                if list(verified) != ["SUCCESS"]:
                    return Malformed(f"{self._verify} is not SUCCESS: nginx has not verified it")
                return _pem(unquote(value))
            case _:
                return _envoy(value)


def _bad(detail: str) -> Rejected:
    return bad_credential(f"proxy: {detail}")


def _base64(text: str) -> bytes | Malformed:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return Malformed("the forwarded certificate is not base64")


def _rfc9440(value: str) -> bytes | Malformed:
    """Decode a Byte Sequence (RFC 9651 §3.3.5)."""
    if len(value) < 2 or not (value.startswith(":") and value.endswith(":")):
        return Malformed("Client-Cert is not base64 between colons")
    return _base64(value[1:-1])


def _pem(text: str) -> bytes | Malformed:
    """Decode exactly one certificate in PEM."""
    match = _PEM.fullmatch(text)
    if match is None:
        return Malformed("the forwarded certificate is not one certificate in PEM")
    return _base64("".join(match[1].split()))


def _envoy(value: str) -> bytes | Malformed:
    """Return the certificate in `X-Forwarded-Client-Cert`, which must have one element (one proxy)."""
    pairs: dict[str, list[str]] = {}
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is None:
            return Malformed("X-Forwarded-Client-Cert is not one element; use SANITIZE_SET")
        pairs.setdefault(match[1].lower(), []).append(match[2].strip('"'))
        position = match.end()
    certificates = pairs.get("cert", [])
    if len(certificates) != 1:
        return Malformed("X-Forwarded-Client-Cert has no Cert; set cert: true")
    der = _pem(unquote(certificates[0]))
    if isinstance(der, bytes):
        digest = hashlib.sha256(der).hexdigest()
        if any(one.lower() != digest for one in pairs.get("hash", [])):
            return Malformed("Hash and Cert of X-Forwarded-Client-Cert do not belong together")
    return der
