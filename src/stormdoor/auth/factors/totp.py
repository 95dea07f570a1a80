"""Codes of six digits that change every half minute (TOTP, RFC 6238).

SHA-1, six digits and thirty seconds, which every authenticator application supports. The HMAC does not
depend on the collision resistance that SHA-1 has lost.
"""

from __future__ import annotations

import base64
import hmac
import io
import secrets
from types import ModuleType

from stormdoor.errors import ConfigurationError
from stormdoor.settings.installation import install_command

__all__ = [
    "DRIFT_STEPS",
    "STEP_SECONDS",
    "base32",
    "looks_like_code",
    "new_secret",
    "qr_svg",
    "step_of",
    "uri",
]

STEP_SECONDS = 30
"""Seconds for which one code is shown."""

DRIFT_STEPS = 1
"""Steps that a device's clock may be behind or ahead (RFC 6238 §5.2 recommends one)."""

_DIGITS = 6
_SECRET_BYTES = 20  # the length of the hash, as RFC 4226 §4 recommends


def _library(name: str) -> ModuleType:
    try:
        if name == "pyotp":
            import pyotp  # noqa: PLC0415 - an extra, loaded only for second factors

            return pyotp
        import segno  # noqa: PLC0415 - likewise

        return segno
    except ImportError:
        raise ConfigurationError(
            'TOTP needs the extra "second-factor"; run '
            + install_command("'stormdoor[second-factor]'")
        ) from None


def new_secret() -> bytes:
    """Return 160 random bits.

    Raises:
        ConfigurationError: The extra is not installed; reported now, not at the first code.
    """
    _library("pyotp")
    return secrets.token_bytes(_SECRET_BYTES)


def looks_like_code(text: str) -> bool:
    """Return whether `text` is six digits, as typed: users put a space in the middle."""
    digits = text.replace(" ", "")
    return len(digits) == _DIGITS and digits.isascii() and digits.isdigit()


def step_of(secret: bytes, code: str, now: float) -> int | None:
    """Return the time step of `code`; None if it is not one of the codes that are valid now.

    INVARIANT: the caller marks the step as used in the store, which accepts each step once.

    Args:
        secret: The shared secret.
        code: As it was typed.
        now: Unix seconds.
    """
    if not looks_like_code(code):
        return None
    typed = code.replace(" ", "")
    current = int(now // STEP_SECONDS)
    otp = _library("pyotp").TOTP(base32(secret), digits=_DIGITS, interval=STEP_SECONDS)
    found = None
    # All are compared, each in constant time: the duration reveals nothing.
    for step in range(max(0, current - DRIFT_STEPS), current + DRIFT_STEPS + 1):
        if hmac.compare_digest(otp.generate_otp(step), typed):
            found = step
    return found


def uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the URI for an authenticator application: `otpauth://totp/...`. It contains the secret."""
    otp = _library("pyotp").TOTP(base32(secret), digits=_DIGITS, interval=STEP_SECONDS)
    return str(otp.provisioning_uri(name=account, issuer_name=issuer))


def qr_svg(text: str) -> str:
    """Return a QR code of `text` as an inline SVG, black on white."""
    code = _library("segno").make(text, error="m", micro=False)
    out = io.BytesIO()
    # With its name space, so that it is valid as a file as well as a part of a page.
    code.save(
        out, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False, nl=False
    )
    return out.getvalue().decode("utf-8")


def base32(secret: bytes) -> str:
    """Return the secret in base32 for users and applications, without padding."""
    return base64.b32encode(secret).decode().rstrip("=")
