"""A trusted reverse proxy: identified by its address and by a secret or certificate.

An address alone proves little: another program at that address, or one that a wrong firewall rule lets
through, could name any user.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.address import in_networks, parse_networks
from stormdoor.core.credential import thumbprint
from stormdoor.core.handshake import Handshake
from stormdoor.core.header import canonical_header, header_name
from stormdoor.errors import ConfigurationError

__all__ = ["TrustedProxy", "fingerprint_of_certificate"]

_SECRET_BYTES = 32
_HEX = re.compile(r"[0-9a-f]{64}")
_PRINTED = re.compile(r"sha256 fingerprint=", re.IGNORECASE)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{43}")


def fingerprint_of_certificate(text: str) -> str:
    """Return `x5t#S256` of a certificate, given as `x5t#S256`, SHA-256 in hex, or openssl's output.

    Raises:
        ConfigurationError: It has none of these forms.
    """
    plain = _PRINTED.sub("", text, count=1).replace(":", "").lower()
    if _HEX.fullmatch(plain):
        encoded = base64.urlsafe_b64encode(bytes.fromhex(plain))
        return encoded.rstrip(b"=").decode("ascii")
    if _BASE64URL.fullmatch(text):
        return text
    raise ConfigurationError(
        f"{text!r} is no SHA-256 of a certificate; write what is printed by: "
        "openssl x509 -in proxy.pem -noout -fingerprint -sha256"
    )


class TrustedProxy:
    """A proxy that may send headers on behalf of clients. It must meet all configured conditions.

    Args:
        networks: Networks that it connects from: `["10.0.0.5"]`.
        secrets: A secret of at least 32 bytes that it sends in `secret_header`; two while it is changed.
        secret_header: The header with the secret. The proxy must replace a client's value.
        certificates: Client certificates with which it connects to this server (mutual TLS), as SHA-256 in
            hex or as `x5t#S256`.

    Raises:
        ConfigurationError: There is no network or no proof, or a secret is short.
    """

    def __init__(
        self,
        networks: Sequence[str],
        *,
        secrets: Sequence[str | bytes] = (),
        secret_header: str = "X-Proxy-Secret",  # noqa: S107 - the name of a header
        certificates: Sequence[str] = (),
    ) -> None:
        if isinstance(networks, str) or not networks:
            raise ConfigurationError(
                'a proxy is trusted at an address; write networks=["10.0.0.5"]'
            )
        if not secrets and not certificates:
            raise ConfigurationError(
                "an address is no proof; write secrets=[...] (at least 32 random bytes that the proxy sends) "
                "or certificates=[...]"
            )
        if isinstance(secrets, str | bytes):
            raise ConfigurationError("secrets is a list; write secrets=[secret]")
        self._networks = parse_networks(networks)
        self._secrets = tuple(
            one.encode("utf-8") if isinstance(one, str) else one for one in secrets
        )
        if any(len(one) < _SECRET_BYTES for one in self._secrets):
            raise ConfigurationError(
                f"the secret of a proxy has fewer than {_SECRET_BYTES} bytes; make one with "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        if not all(one.isascii() and one.decode("ascii").isprintable() for one in self._secrets):
            raise ConfigurationError(
                "a header holds the secret of a proxy: it must be printable ASCII"
            )
        self._secret_header = header_name(secret_header)
        self._certificates = frozenset(map(fingerprint_of_certificate, certificates))
        self.exclusive_headers: Sequence[str] = (self._secret_header,) if self._secrets else ()

    def doubt(self, handshake: Handshake) -> str | None:
        """Return why the sender of this handshake is not the proxy; None if it is."""
        if not in_networks(handshake.peer, self._networks):
            return f"{handshake.peer} is not where the proxy is"
        if self._secrets:
            sent = handshake.headers.get(self._secret_header, ())
            if len(sent) != 1:
                return f"the secret of the proxy is there {len(sent)} times"
            given = sent[0].encode("utf-8", "surrogatepass")
            fits = [hmac.compare_digest(given, one) for one in self._secrets]
            if not any(fits):
                return "the secret of the proxy is another"
        if self._certificates:
            certificate = handshake.peer_certificate
            if certificate is None or thumbprint(certificate) not in self._certificates:
                return "the client certificate is not the proxy's"
        return None

    def speaks(self, handshake: Handshake, names: Iterable[str]) -> bool | Rejected:
        """Return whether the proxy sent this handshake. INVARIANT: other clients must not send `names`.

        Args:
            handshake: The facts of the handshake.
            names: Lower-case names of headers that only the proxy may send.

        Returns:
            True for the proxy; False for another client without these headers; or the refusal.
        """
        exclusive = frozenset(map(canonical_header, (*names, *self.exclusive_headers)))
        sent = [name for name in handshake.headers if canonical_header(name) in exclusive]
        for name in sent:
            if "_" in name:
                return _forged(f"{name[:64]!r} is how some servers spell a header of the proxy")
            if len(handshake.headers[name]) != 1:
                return _forged(f"{name!r} is there more than once: the proxy does not replace it")
        doubt = self.doubt(handshake)
        if doubt is None:
            return True
        return _forged(f"{sent[0]!r} is for the proxy alone, and {doubt}") if sent else False


def _forged(detail: str) -> Rejected:
    return bad_credential(f"proxy: {detail}")
