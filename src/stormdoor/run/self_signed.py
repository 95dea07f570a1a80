"""A certificate for the names of loopback, made on this machine, for `stormdoor run --tls-self-signed`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["fingerprint_of", "self_signed"]

_NAMES = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)
_VALID = timedelta(days=365)
_LEAST = timedelta(days=30)
"""A certificate that ends earlier is replaced at the next start."""
_PRIVATE = 0o077


def self_signed(folder: Path, now: float) -> Path:
    """Return the file with a certificate for loopback and its key, which is made if there is none to use.

    Browsers warn of it until the user accepts it: no authority vouches for it. It is no authority itself, so
    that an attacker with its key can pass for no other site.

    Args:
        folder: Its folder, for this user alone.
        now: Unix seconds.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, at = folder / "loopback.pem", datetime.fromtimestamp(now, UTC)
    if _usable(file, at):
        return file
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stormdoor on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + _VALID)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    # Another start of this moment writes a file of its own: each file has a key and its certificate.
    made = file.with_name(f"{file.name}.{os.getpid()}")
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
    made.replace(file)
    return file


def fingerprint_of(file: Path) -> str:
    """Return the SHA-256 fingerprint of the certificate in a file, as browsers show it: `AB:CD:…`."""
    return _certificate(file).fingerprint(SHA256()).hex(":").upper()


def _certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _usable(file: Path, now: datetime) -> bool:
    """Return whether a file is there that no other user can read, with a certificate for the next weeks."""
    try:
        found = file.lstat()
        certificate = _certificate(file)
    except (OSError, ValueError):
        return False
    private = found.st_uid == os.geteuid() and not found.st_mode & _PRIVATE
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return private and begin <= now <= end - _LEAST
