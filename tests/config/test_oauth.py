"""The OAuth resource server of a configuration file: what is built, what is wrong, what is unsafe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stormdoor import ConfigurationError, Guard
from stormdoor.auth.oauth import OAuthAuthenticator
from stormdoor.config.check import check_file
from tests.config.files import GOOD, TRAIL_KEY, write

OAUTH = """
[[authenticators]]
kind = "oauth"
issuer = "https://login.example/realms/staff"
audience = "https://chat.example"
clients = ["web"]
scopes = { "chat:read" = ["chat:connect"], "chat:write" = ["chat:say"] }
"""
ASKING = 'introspection = { client_id = "chat", client_secret = { env = "CLIENT_SECRET" } }\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets that the files of these tests name."""
    monkeypatch.setenv("TRAIL_KEY", TRAIL_KEY)
    monkeypatch.setenv("CLIENT_SECRET", "the secret of chat")


def built(folder: Path, more: str = "") -> OAuthAuthenticator:
    """The authenticator of the good file, an OAuth table and what is added to it."""
    guard = Guard.from_config(write(folder, GOOD + OAUTH + more))
    found = guard.authenticators[-1]
    assert isinstance(found, OAuthAuthenticator)
    return found


def test_options_reach_their_objects(tmp_path: Path) -> None:
    """Each option of the file is set on the object that uses it."""
    text = ASKING + (
        'roles_claim = "realm_access.roles"\ntenant_claim = ["org.id"]\nmax_age = false\n'
        'types = ["JWT", false]\nalgorithms = ["ES256"]\nservices = "client:"\n'
        'required = { typ = "Bearer" }\nproofs = ["certificate"]\nrequired_proof = "dpop"\n'
    )
    found = built(tmp_path, text)
    rules = found._verifier.rules
    assert rules.roles == ("realm_access", "roles")
    assert (rules.tenant, rules.max_age, rules.services) == ("org.id", None, "client:")
    assert rules.grants == {
        "chat:read": frozenset({"chat:connect"}),
        "chat:write": frozenset({"chat:say"}),
    }
    assert rules.required == {"typ": "Bearer"}
    assert found._verifier._types == {"jwt", None}
    assert [(one.member, one.required) for one in found._proofs] == [
        ("x5t#S256", False),
        ("jkt", True),
    ]
    assert found._introspector is not None
    assert found._introspector.settings.client_secret == "the secret of chat"
    assert "the secret of chat" not in repr(found._introspector.settings)


def test_without_scopes(tmp_path: Path) -> None:
    """A configuration without scopes must declare `scope_claim = false`."""
    text = OAUTH.replace("scopes =", "required =").replace('["chat:connect"]', '"x"')
    text = text.replace('["chat:say"]', '"y"')
    with pytest.raises(ConfigurationError, match="say what each scope allows"):
        Guard.from_config(write(tmp_path, GOOD + text))
    guard = Guard.from_config(write(tmp_path, GOOD + text + "scope_claim = false\n"))
    assert isinstance(guard.authenticators[-1], OAuthAuthenticator)


def test_a_private_key(tmp_path: Path) -> None:
    """Read the key for `private_key_jwt`, and refuse a file that other users may change."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "client.pem").write_bytes(pem)
    (tmp_path / "client.pem").chmod(0o600)
    asking = (
        'introspection = { client_id = "chat", method = "private_key_jwt", '
        'private_key_file = "client.pem", private_key_id = "2026" }\n'
    )
    found = built(tmp_path, asking)
    assert found._introspector is not None
    assert found._introspector.settings.private_key is not None
    assert found._introspector.settings.private_key.kid == "2026"
    (tmp_path / "client.pem").chmod(0o666)
    with pytest.raises(ConfigurationError, match="may change"):
        built(tmp_path, asking)


WRONG: dict[str, tuple[str, str]] = {
    "issuer": ('issuer = "https:', 'issuer = "http:'),
    "an inline secret": (
        '{ env = "CLIENT_SECRET" }',
        '"the secret of chat"',
    ),
    "a missing secret": ('"CLIENT_SECRET"', '"NO_SUCH_SECRET"'),
    "no client": ('client_id = "chat", ', ""),
    "a method": ('client_id = "chat"', 'client_id = "chat", method = "none"'),
    "an option": ("clients", "client"),
    "a scope": ('["chat:say"]', '"chat:say"'),
    "a pattern": ('["chat:say"]', '["chat say"]'),
    "true": ("clients = ", "roles_claim = true\nclients = "),
    "an authority": ("clients = ", 'ca_file = "no-such.pem"\nclients = '),
    "an algorithm": ("clients = ", 'algorithms = ["HS256"]\nclients = '),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong(what: str, tmp_path: Path) -> None:
    """Each is refused, in its place, without the secret."""
    good = GOOD + OAUTH + ASKING
    path = write(tmp_path, good.replace(*WRONG[what]))
    with pytest.raises(ConfigurationError, match=r"door\.toml:\d+: authenticators") as caught:
        Guard.from_config(path)
    assert "the secret of chat" not in str(caught.value)


FINDINGS: dict[str, tuple[str, str, str, str]] = {
    "any client": ('clients = ["web"]\n', "", "any-client", "note"),
    "ID tokens": ("clients =", 'types = ["JWT"]\nclients =', "id-token", "warning"),
    "no scopes": (
        'scopes = { "chat:read" = ["chat:connect"], "chat:write" = ["chat:say"] }',
        "scope_claim = false",
        "no-scopes",
        "note",
    ),
    "old keys": (
        "clients =",
        "refresh_seconds = 7200\nmax_stale_seconds = 9000\nclients =",
        "high-limit",
        "warning",
    ),
    "old answers": (
        'client_id = "chat"',
        'client_id = "chat", max_seconds = 600.0',
        "high-limit",
        "warning",
    ),
    "seldom": (
        'client_id = "chat"',
        'client_id = "chat", recheck_seconds = 3600.0',
        "high-limit",
        "warning",
    ),
    "eternal": ("clients =", "max_age = false\nclients =", "eternal-tokens", "warning"),
    "leeway": ("clients =", "leeway = 120\nclients =", "leeway", "warning"),
    "outlived keys": (
        "clients =",
        "insecure_outlive_keys = true\nclients =",
        "insecure-option",
        "error",
    ),
    "any audience": (
        'client_id = "chat"',
        'client_id = "chat", insecure_missing_audience = true',
        "insecure-option",
        "error",
    ),
    "any type": (
        'client_id = "chat"',
        'client_id = "chat", insecure_missing_type = true',
        "insecure-option",
        "error",
    ),
}


@pytest.mark.parametrize("what", FINDINGS)
def test_what_is_unsafe(what: str, tmp_path: Path) -> None:
    """`stormdoor check` says so, in its place; of a good file it says nothing."""
    good = GOOD + OAUTH + ASKING
    assert check_file(write(tmp_path, good)) == []
    old, new, id, level = FINDINGS[what]
    assert old in good
    [found] = check_file(write(tmp_path, good.replace(old, new)))
    assert (found.id, found.level) == (id, level)
    assert found.place.startswith("authenticators[1]")


def test_insecure_options_are_seen_by_the_start_up_check(tmp_path: Path) -> None:
    """The start-up check reports insecure options with the name of the authenticator."""
    text = GOOD + OAUTH + "insecure_outlive_keys = true\n"
    guard = Guard.from_config(write(tmp_path, text))
    assert guard.insecure_options == ["OAuthAuthenticator.insecure_outlive_keys"]


def test_the_extra_is_named(tmp_path: Path) -> None:
    """A file that names a provider, where its library is not installed."""
    path = write(tmp_path, GOOD + OAUTH)
    script = (
        "import sys; sys.modules['httpx2'] = None\n"
        "import stormdoor\n"
        f"try:\n    stormdoor.Guard.from_config({str(path)!r})\n"
        "except stormdoor.ConfigurationError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "authenticators[1]: stormdoor.auth.oauth needs httpx2" in done.stdout
    assert "pip install 'stormdoor[oidc]'" in done.stdout
