"""The OpenID provider of a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormdoor import ConfigurationError, Guard
from stormdoor.config.check import check_file
from stormdoor.tornado.oidc_routes import oidc_routes
from tests.config.files import write

FILE = """
production = false
origins = ["https://app.example"]

[oidc]
issuer = "https://login.example"
client_id = "chat"
client_secret = { env = "CHAT_CLIENT_SECRET" }
redirect_uri = "https://app.example/auth/oidc/callback"
roles_claim = "groups"
roles = { owners = ["owner"] }
strengths = { otp = 2 }
"""


def test_a_file_makes_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard's login routes use the provider of the file."""
    monkeypatch.setenv("CHAT_CLIENT_SECRET", "the secret")
    guard = Guard.from_config(write(tmp_path, FILE))
    assert len(guard.providers) == 1
    assert guard.providers[0].client_secret == "the secret"
    assert guard.providers[0].roles == {"owners": ["owner"]}
    assert guard.providers[0].strengths == {"otp": 2}
    assert len(oidc_routes(guard)) == 7
    assert "the secret" not in repr(guard.providers)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('issuer = "https://', 'issuer = "http://', "must begin with https://"),
        ('issuer = "https://login.example"', 'issuer = "login"', "must be an address"),
        ('client_id = "chat"', 'client_id = ""', "client_id is empty"),
        ("roles_claim", "# roles_claim", "roles needs roles_claim"),
        ("strengths", "strenghts", 'did you mean "strengths"'),
        ("otp = 2", "otp = 0", "from 1"),
        ('{ env = "CHAT_CLIENT_SECRET" }', '{ env = "NO_SUCH" }', "NO_SUCH"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, why: str
) -> None:
    """A mistake is reported with its place, also by `stormdoor check`."""
    monkeypatch.setenv("CHAT_CLIENT_SECRET", "the secret")
    file = write(tmp_path, FILE.replace(old, new))
    with pytest.raises(ConfigurationError, match="oidc") as caught:
        Guard.from_config(file)
    assert why in str(caught.value)
    assert any(why in str(one) for one in check_file(file))


def test_a_file_names_a_well_known_provider(tmp_path: Path) -> None:
    """One word sets the issuer, the scopes and the label; the rule of entry is a line of the file."""
    file = """
    production = false
    origins = ["https://app.example"]

    [oidc]
    provider = "google"
    client_id = "chat"
    redirect_uri = "https://app.example/auth/oidc/callback"
    allowed_domains = ["example.com"]
    """
    [provider] = Guard.from_config(write(tmp_path, file)).providers
    assert (provider.issuer, provider.label) == ("https://accounts.google.com", "Google")
    assert provider.allowed_domains == ["example.com"]
    with pytest.raises(ConfigurationError, match="oidc: provider must be one of google"):
        Guard.from_config(write(tmp_path, file.replace('"google"', '"gogle"')))


def test_a_secret_in_the_file_is_found(tmp_path: Path) -> None:
    """In production, a secret in the file is an error."""
    inline = FILE.replace('{ env = "CHAT_CLIENT_SECRET" }', '{ insecure_inline = "the secret" }')
    guard = Guard.from_config(write(tmp_path, inline))
    assert guard.insecure_options == ["oidc.client_secret.insecure_inline"]
    with pytest.raises(ConfigurationError, match="which production = true does not accept"):
        Guard.from_config(write(tmp_path, inline.replace("production = false", "")))


def test_routes_without_a_provider() -> None:
    """The message says what to write."""
    with pytest.raises(ConfigurationError, match=r"OpenIdProvider\(…\)"):
        oidc_routes(Guard(origins=["https://app.example"], production=False))


@pytest.mark.parametrize("tables", ["", "oidc = []\n"])
def test_a_login_without_passwords_needs_a_provider(tmp_path: Path, tables: str) -> None:
    """Else no account could log in. The message has the line to write; the check finds it, too."""
    lines = f'production = false\norigins = ["https://app.example"]\n{tables}'
    file = write(tmp_path, f"{lines}[login]\npasswords = false\n")
    with pytest.raises(ConfigurationError, match=r"login\.passwords: .* write \[oidc\]"):
        Guard.from_config(file)
    assert any("[oidc]" in one.what for one in check_file(file))
    more = FILE.replace("client_secret", "# client_secret")
    assert not Guard.from_config(
        write(tmp_path, f"{more}\n[login]\npasswords = false\n")
    ).password_login
