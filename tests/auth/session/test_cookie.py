"""The session cookie cannot be set in a way that gives it away."""

import pytest

from stormdoor.auth.session.cookie import SESSION_COOKIE, CookieSpec
from stormdoor.errors import ConfigurationError


def test_the_default_is_the_strictest_that_works() -> None:
    """Host-bound, HTTPS only, out of reach of scripts and of other sites' forms."""
    spec = CookieSpec()
    assert (spec.name, spec.secure, spec.httponly, spec.samesite, spec.path) == (
        "__Host-stormdoor",
        True,
        True,
        "Lax",
        "/",
    )
    assert spec.name == SESSION_COOKIE


def test_plaintext_says_that_it_is_insecure() -> None:
    """Secure goes only by an option that says so; HttpOnly and the path never do."""
    spec = CookieSpec(name="stormdoor", samesite="Strict", insecure_plaintext=True)
    assert (spec.secure, spec.httponly, spec.path) == (False, True, "/")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": ""}, "not a cookie name"),
        ({"name": "a b"}, "not a cookie name"),
        ({"name": "a;b"}, "not a cookie name"),
        ({"name": "a=b"}, "not a cookie name"),
        ({"name": "sitzung\u00fc"}, "not a cookie name"),
        ({"name": "a\r\nSet-Cookie: b"}, "not a cookie name"),
        ({"samesite": "None"}, "samesite must be"),
        ({"samesite": "lax"}, "samesite must be"),
        ({"insecure_plaintext": True}, 'write name="stormdoor"'),
        ({"insecure_plaintext": True, "name": "__Secure-x"}, 'write name="stormdoor"'),
        ({"insecure_plaintext": True, "name": "__hOST-x"}, 'write name="stormdoor"'),
    ],
)
def test_contradictions_are_refused(options: dict[str, object], says: str) -> None:
    """An attribute that a browser ignores or that is insecure is refused at the start."""
    with pytest.raises(ConfigurationError, match=says):
        CookieSpec(**options)  # type: ignore[arg-type]
