"""The names, dates and purpose of a client certificate (RFC 5280 §4.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stormdoor.core.credential import thumbprint
from stormdoor.core.malformed import Malformed

__all__ = ["CertificateNames", "read_certificate"]

_CLIENT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNames:
    """Names, dates and purpose of a certificate that TLS has verified.

    Attributes:
        thumbprint: `x5t#S256` (RFC 8705 §3.1).
        names: Names by kind: `uri`, `dns`, `email` (of the subject alternative name), `subject` (RFC 4514)
            and `common-name`.
        not_before: Unix seconds.
        not_after: Unix seconds.
        authority: Whether it may issue other certificates.
        purposes: Whether a client may use it: its extended key usage allows it, or there is none.
    """

    thumbprint: str
    names: dict[str, tuple[str, ...]]
    not_before: float
    not_after: float
    authority: bool
    purposes: bool

    def misuse(self, now: float) -> str | None:
        """Return why it is no valid client certificate at `now` (Unix seconds); None if it is valid."""
        if self.authority:
            return "it is the certificate of an authority, not of a client"
        if not self.purposes:
            return "its extended key usage does not name clients"
        if now < self.not_before:
            return f"it counts from {self.not_before - now:.0f} s from now"
        return None


def _alternative(certificate: x509.Certificate) -> dict[str, tuple[str, ...]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {}
    return {
        "uri": tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        "dns": tuple(names.get_values_for_type(x509.DNSName)),
        "email": tuple(names.get_values_for_type(x509.RFC822Name)),
    }


def _authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return True
    return not _CLIENT.isdisjoint(usage.value)


def read_certificate(der: bytes) -> CertificateNames | Malformed:
    """Read a certificate. Never raises, for any input.

    Args:
        der: The certificate in DER.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject
        common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = {
            **_alternative(certificate),
            "subject": (subject.rfc4514_string(),) if subject.rdns else (),
            "common-name": tuple(str(one.value) for one in common),
        }
        return CertificateNames(
            thumbprint=thumbprint(der),
            names=names,
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            authority=_authority(certificate),
            purposes=_for_clients(certificate),
        )
    except Exception:  # noqa: BLE001 - the parser raises several kinds, and clients choose the input
        return Malformed("it is not a certificate that can be read")
