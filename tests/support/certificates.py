"""An authority, and certificates of servers, clients and proxies, made when a test asks."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stormdoor.core.credential import thumbprint

__all__ = ["Authority", "Issued"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def _at(seconds: float) -> dt.datetime:
    return _EPOCH + dt.timedelta(seconds=seconds)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @cached_property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key in PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def thumbprint(self) -> str:
        """`x5t#S256`."""
        return thumbprint(self.der)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write certificate and key; their paths."""
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        paths[0].write_text(self.pem)
        paths[1].write_text(self.key_pem)
        return paths


class Authority:
    """Issues certificates.

    Args:
        now: Unix seconds; what it issues counts from an hour before.
    """

    def __init__(self, now: float, name: str = "fleet authority") -> None:
        self.now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(self._name, now - 3600, now + 10 * 86_400)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    **dict.fromkeys(
                        (
                            "content_commitment",
                            "key_encipherment",
                            "data_encipherment",
                            "key_agreement",
                            "encipher_only",
                            "decipher_only",
                        ),
                        False,
                    ),
                    digital_signature=True,
                    key_cert_sign=True,
                    crl_sign=True,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    def _builder(self, subject: x509.Name, begin: float, end: float) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_at(begin))
            .not_valid_after(_at(end))
        )

    @property
    def pem(self) -> str:
        """Its own certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        common_name: str = "",
        *names: x509.GeneralName,
        seconds: float = 86_400,
        begin: float = -3600,
        server: bool = False,
        usage: bool = True,
        ca: bool = False,
    ) -> Issued:
        """A certificate with these names, for a client or for a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        builder = self._builder(x509.Name(subject), self.now + begin, self.now + seconds)
        builder = builder.public_key(key.public_key())
        if names:
            # RFC 5280 §4.2.1.6: where there is no other name, it is critical. Python 3.13 insists on it.
            alternative = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(alternative, critical=not subject)
        if usage:
            purpose = _SERVER if server else _CLIENT
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
            critical=False,
        )
        return Issued(builder.sign(self._key, hashes.SHA256()), key)

    def server_context(self, folder: Path, verify: ssl.VerifyMode) -> ssl.SSLContext:
        """Return the TLS context of app.example, which requests client certificates of this authority."""
        issued = self.issue("", x509.DNSName("app.example"), server=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.pem)
        context.load_cert_chain(*issued.write(folder, "server"))
        context.verify_mode = verify
        return context

    def client_context(self, folder: Path, issued: Issued | None = None) -> ssl.SSLContext:
        """Return the TLS context of a client of app.example, with its certificate if it has one."""
        context = ssl.create_default_context(cadata=self.pem)
        if issued is not None:
            context.load_cert_chain(*issued.write(folder, "client"))
        return context
