"""The page about the configuration file says everything, and nothing that is not so."""

import ast
import inspect
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import stormdoor
from stormdoor import (
    DpopProof,
    ForwardedCertificate,
    Guard,
    JwtAuthenticator,
    Limits,
    SecondFactor,
    SignedCookieAuthenticator,
    SignedRequestAuthenticator,
    TrustedProxy,
)
from stormdoor.auth.dpop.settings import DpopTable
from stormdoor.auth.http_signature.kind import RequestKeyTable
from stormdoor.auth.jose.settings import JwtKeyTable
from stormdoor.auth.kind import Kind
from stormdoor.auth.kinds import KINDS
from stormdoor.auth.mtls.settings import ForwardedCertificateTable
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator
from stormdoor.auth.oauth.kind import IntrospectionTable, OAuthSettings
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.auth.password.passwords import OWASP, Passwords
from stormdoor.auth.proxy.settings import TrustedProxyTable
from stormdoor.auth.session.cookie import CookieSpec
from stormdoor.auth.session.service import SessionService
from stormdoor.config import shape
from stormdoor.config.appearance import LoginAppearance
from stormdoor.config.check import check_file
from stormdoor.config.factor_shape import SecondFactorTable
from stormdoor.config.oidc_shape import OidcTable
from stormdoor.config.shape import LimitsTable
from stormdoor.core.limits import COMMAND_LIMITS, OWN_PROTOCOL_LIMITS
from stormdoor.settings.secret import SecretTable
from tests.config.files import write
from tests.docs.tables import authenticator_of
from tests.support.project import PACKAGE, ROOT

PAGE = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Top of the file": shape.ConfigFile,
    "Limits": LimitsTable,
    "Limits of own protocols": shape.OwnProtocolTable,
    "Protection": shape.ProtectTable,
    "Transports of a socket": shape.TransportSessionTable,
    "Permissions of messages": shape.MessagesTable,
    "Sessions": shape.SessionsTable,
    "Passwords": shape.PasswordsTable,
    "Pages of the login": shape.LoginTable,
    "Options of run": shape.RunTable,
    "Second factors": SecondFactorTable,
    "Telemetry": shape.TelemetryTable,
    "Keys": JwtKeyTable,
    "Introspection": IntrospectionTable,
    "DPoP": DpopTable,
    "Keys of signed requests": RequestKeyTable,
    "Trusted proxies": TrustedProxyTable,
    "Forwarded certificates": ForwardedCertificateTable,
    "Login at a provider": OidcTable,
    "Roles": shape.RoleTable,
    "Permits": shape.PermitTable,
    "Forbids": shape.ForbidTable,
    "Requirements": shape.RequireTable,
    "Secrets": SecretTable,
}

_COOKIE = {"cookie": "name", "samesite": "samesite", "insecure_plaintext": "insecure_plaintext"}


def _rows(section: str) -> dict[str, str]:
    """The options of a section and what its second column says."""
    (text,) = re.findall(
        rf"^##+ {re.escape(section)}\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))


def _section_of(kind: Kind[Any]) -> str | None:
    """The section with the options of a kind, or None."""
    options = set(kind.settings.__struct_fields__)
    headings: list[str] = re.findall(r"^##+ (.*)$", PAGE, re.MULTILINE)
    return next((one for one in headings if set(_rows(one)) == options), None)


KIND_SECTIONS = {
    section: one
    for one in KINDS.values()
    if one.settings.__struct_fields__ and (section := _section_of(one)) is not None
}
SECTIONS |= {section: one.settings for section, one in KIND_SECTIONS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_section(kind: str) -> None:
    """Each kind with options has one, that lists them."""
    options = KINDS[kind].settings.__struct_fields__
    assert _section_of(KINDS[kind]) or not options, (
        f"configuration.md has no section with a table of exactly these options of {kind}: {options}"
    )


def _arguments(made_by: Any) -> dict[str, Any]:
    return {
        name: one.default
        for name, one in inspect.signature(made_by).parameters.items()
        if one.default is not inspect.Parameter.empty
    }


def _defaults(section: str) -> dict[str, Any]:  # noqa: PLR0912 - one branch a section
    """Return the Python defaults of the section's options."""
    match section:
        case "Limits":
            found = {one.name: one.default for one in fields(Limits)}
            return found | COMMAND_LIMITS.given() | {"own_protocol": {}}
        case "Limits of own protocols":
            return OWN_PROTOCOL_LIMITS.given()
        case "Pages of the login":
            look = {one.name: one.default for one in fields(LoginAppearance)}
            return look | {"passwords": _arguments(Guard)["password_login"]}
        case "Second factors":
            return {one.name: one.default for one in fields(SecondFactor)}
        case "Sessions":
            cookie = {one.name: one.default for one in fields(CookieSpec)}
            return _arguments(SessionService) | {a: cookie[b] for a, b in _COOKIE.items()}
        case "Passwords":
            cost = {one.name: getattr(OWASP, one.name) for one in fields(OWASP)}
            return _arguments(Passwords) | cost
        case "JSON Web Tokens":
            return _arguments(JwtAuthenticator) | {"certificate_bound": None, "dpop": None}
        case "DPoP":
            return _arguments(DpopProof) | {"nonce_secrets": ()}
        case "Signed requests":
            return _arguments(SignedRequestAuthenticator) | {"keys": (), "accounts": None}
        case "Trusted proxies":
            return _arguments(TrustedProxy)
        case "Forwarded certificates":
            return _arguments(ForwardedCertificate)
        case "Access tokens":
            return _own(OAuthSettings) | {"scopes": None} | _arguments(OAuthAuthenticator)
        case "Introspection":
            return _own(IntrospectionTable) | _arguments(Introspection)
        case "Login at a provider":
            return {
                one.name: {} if one.default is MISSING else one.default
                for one in fields(OpenIdProvider)
            }
        case "Top of the file":
            return _arguments(Guard)
        case "Signed cookies":
            return _arguments(SignedCookieAuthenticator) | {"secret": None, "secrets": None}
        case _ if section in KIND_SECTIONS:
            made_by = getattr(stormdoor, authenticator_of(KIND_SECTIONS[section]))
            return _own(SECTIONS[section]) | _arguments(made_by)
        case _:
            return _own(SECTIONS[section])


def _own(table: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the defaults of the table."""
    return {
        one.name: one.default_factory() if one.default is msgspec.NODEFAULT else one.default
        for one in msgspec.structs.fields(table)
        if not one.required
    }


def _toml(value: object) -> str:
    match value:
        case None:
            return "false"
        case {}:
            return "{}"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_is_documented(section: str) -> None:
    """A section lists the options of its table, each once, and no other."""
    assert sorted(_rows(section)) == sorted(SECTIONS[section].__struct_fields__)


@pytest.mark.parametrize("section", SECTIONS)
def test_required_options_are_marked(section: str) -> None:
    """The page marks exactly the required options as required."""
    required = {one.name for one in msgspec.structs.fields(SECTIONS[section]) if one.required}
    assert {name for name, left in _rows(section).items() if left == "required"} == required


SPOKEN = {
    "store", "hosts", "limits", "sessions", "passwords", "second_factor", "authenticators", "policies",
    "preset", "protect", "login", "run", "stormdoor_run",
}  # fmt: skip
"""Options with a default that a file computes, unlike the default of the argument."""


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_are_right(section: str) -> None:
    """The page states the defaults of Python."""
    defaults = _defaults(section)
    for name, left in _rows(section).items():
        value = defaults.get(name, MISSING)
        if left == "required" or (section == "Top of the file" and name in SPOKEN):
            continue
        if section in {"Permits", "Forbids"} and name in {"roles", "when", "id"}:
            assert value is None
        elif left == "-":
            assert value in {None, msgspec.UNSET}, name
        elif isinstance(value, msgspec.UnsetType):
            assert left == "`[]`", name
        else:
            assert left.strip("`") == _toml(list(value) if value == () else value), name


def test_every_check_is_documented() -> None:
    """The page lists the id of each check, and no other."""
    ids: set[str] = set()
    made_by = {"finding", "Remark", "Finding"}
    for path in (
        *PACKAGE.glob("config/check*.py"),
        *PACKAGE.glob("runtime/*.py"),
        *PACKAGE.glob("auth/*/kind.py"),
        *PACKAGE.glob("auth/*_kind.py"),
        *PACKAGE.glob("auth/*/settings.py"),
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = [one.value for one in node.keywords if one.arg == "id"]
                if {getattr(node.func, one, "") for one in ("attr", "id")} & made_by:
                    named += node.args[:1]
                for value in named:
                    ids |= {
                        str(one.value) for one in ast.walk(value) if isinstance(one, ast.Constant)
                    }
    text = PAGE.split("## What is checked")[1]
    listed = {
        id
        for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for id in re.findall(r"`([\w-]+)`", cell)
    }
    assert listed == ids, "write the checks that differ into *What is checked* of configuration.md"


def test_example_is_good(tmp_path: Path) -> None:
    """The whole file that the page shows has the shape of one, and nothing to be warned of."""
    (text,) = re.findall(r"^A whole file:\n\n```toml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert tomllib.loads(text)
    (tmp_path / "keys").mkdir()
    for name in re.findall(r'"(keys/.*?)"', text):
        public = Ed25519PrivateKey.generate().public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(pem)
    found = check_file(write(tmp_path, text), secrets=False)
    assert [one for one in found if one.level != "note"] == []
