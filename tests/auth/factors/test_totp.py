"""Codes of RFC 6238, and codes for the day on which the device is lost."""

import re

import pytest

from stormdoor.auth.factors import recovery, totp

# RFC 6238, Appendix B, SHA-1: the last six of the eight digits.
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
SECRET = b"12345678901234567890"


@pytest.mark.parametrize(("now", "code"), VECTORS)
def test_vectors_of_the_rfc(now: float, code: str) -> None:
    """The codes of the standard, at their times."""
    assert totp.step_of(SECRET, code, now) == now // 30
    assert totp.step_of(SECRET, f"{code[:3]} {code[3:]}", now) == now // 30


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [(-31, False), (-30, True), (-1, True), (0, True), (59, True), (60, False)],
)
def test_one_step_of_drift(seconds: int, counts: bool) -> None:
    """A clock that is one step behind or ahead will do, and no other."""
    begin = 1111111110 // 30 * 30
    code = "050471"  # of the step that begins then
    assert (totp.step_of(SECRET, code, begin + seconds) is not None) is counts


@pytest.mark.parametrize(
    "code", ["", "05047", "0504711", "05047a", "٠٥٠٤٧١", "-50471", "0x5047", "\ud800" * 6]
)
def test_what_is_no_code(code: str) -> None:
    """Six ASCII digits, and nothing else."""
    assert totp.step_of(SECRET, code, 1111111111) is None


def test_uri_and_picture() -> None:
    """The URI contains the account's name as escaped text."""
    text = totp.uri(SECRET, account="al:ice&x=1@example", issuer="Example App")
    assert text.startswith("otpauth://totp/Example%20App:al%3Aice%26x%3D1%40example?")
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in text
    assert "issuer=Example%20App" in text
    picture = totp.qr_svg(text)
    assert picture.startswith("<svg")
    assert "script" not in picture


def test_secrets_are_long_and_new() -> None:
    """160 bits each time."""
    assert len(totp.new_secret()) == 20
    assert totp.new_secret() != totp.new_secret()


def test_recovery_codes() -> None:
    """120 bits in letters that are not mistaken for each other, however they are typed."""
    code = recovery.new_code()
    assert re.fullmatch(r"([a-km-np-z2-9]{4}-){5}[a-km-np-z2-9]{4}", code)
    assert code != recovery.new_code()
    for spelt in (code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert recovery.looks_like_recovery_code(spelt)
        assert recovery.code_hash(spelt) == recovery.code_hash(code)
    for other in ("", code[:-1], code + "a", code[:-1] + "0", "l" * 24):
        assert not recovery.looks_like_recovery_code(other)
