"""An option may name a header that has no meaning yet, in one spelling."""

import pytest

from stormdoor.core.header import canonical_header, header_name
from stormdoor.errors import ConfigurationError


def test_an_underscore_is_a_hyphen_for_some_servers() -> None:
    """CGI and WSGI see `X_Forwarded_User` and `X-Forwarded-User` under one name."""
    assert canonical_header("X_Forwarded_User") == canonical_header("x-forwarded-user")


@pytest.mark.parametrize("name", ["X-Remote-User", "x-api-key", "Remote-Groups"])
def test_a_free_name_is_accepted_in_lower_case(name: str) -> None:
    """Header names are compared without regard to case (RFC 9110 §5.1)."""
    assert header_name(name) == name.lower()


@pytest.mark.parametrize("name", ["", "X Remote", "X-Remote:", "X-Rémote", "X_Remote\n"])
def test_a_malformed_name_is_rejected(name: str) -> None:
    """The name must be a token (RFC 9110 §5.6.2)."""
    with pytest.raises(ConfigurationError, match="is no name of a header"):
        header_name(name)


@pytest.mark.parametrize("name", ["Cookie", "ORIGIN", "Sec-WebSocket-Key", "Authorization"])
def test_a_header_with_a_meaning_is_rejected(name: str) -> None:
    """A proxy or browser sets these itself, so they cannot carry the credential of an option."""
    with pytest.raises(ConfigurationError, match="has a meaning already"):
        header_name(name)
