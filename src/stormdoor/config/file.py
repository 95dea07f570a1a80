"""Read the options of a guard from a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from stormdoor.auth.authenticator import Authenticator
from stormdoor.auth.mtls.settings import build_forwarded_certificate
from stormdoor.auth.oidc.settings import OpenIdProvider
from stormdoor.auth.password.passwords import OWASP, Argon2Cost, Passwords
from stormdoor.auth.session.cookie import CookieSpec
from stormdoor.auth.session.service import SessionService
from stormdoor.auth.ticket.service import check_seconds
from stormdoor.config.appearance import LoginAppearance
from stormdoor.config.document import Document, read_document
from stormdoor.config.factor_shape import read_second_factor, read_secrets_key
from stormdoor.config.oidc_shape import OidcTable
from stormdoor.config.policies import build_policies
from stormdoor.config.protection import build_protection
from stormdoor.core.address import parse_networks
from stormdoor.core.bucket import Rate
from stormdoor.core.lease import check_hold, read_freshness
from stormdoor.core.limits import EndpointLimits, Limits
from stormdoor.core.origin import HostPolicy, OriginPolicy
from stormdoor.core.policy import PolicySet
from stormdoor.core.revocation import check_skew
from stormdoor.core.trail_budget import check_budget
from stormdoor.errors import ConfigurationError
from stormdoor.guard.tracing import check_ratio
from stormdoor.ports import StoredState, SystemClock
from stormdoor.settings.place import Place, show_place
from stormdoor.settings.secret import SecretTable, reveal, reveal_bytes
from stormdoor.settings.section import Section, options
from stormdoor.stores import MemoryStore, open_store

__all__ = [
    "GuardOptions",
    "build_options",
    "check_trail_key",
    "chosen_store",
    "inline_secrets",
    "read_options",
    "read_policies",
    "read_trail_key",
    "store_url",
]

_TRAIL_KEY_BYTES = 32
_PLAIN = (
    "production",
    "origins",
    "hosts",
    "trusted_proxies",
    "store_limit_bytes",
    "trail_budget_bytes",
    "clock_skew_seconds",
    "ticket_seconds",
    "hold_seconds",
    "freshness",
    "fast",
    "insecure_allow_plaintext",
    "insecure_allow_missing_origin",
    "insecure_allow_any_host",
)
_CHECKS: dict[str, Callable[[Any], None]] = {
    "trail_budget_bytes": check_budget,
    "ticket_seconds": check_seconds,
    "clock_skew_seconds": check_skew,
    "hold_seconds": check_hold,
}
_COOKIE = {"cookie": "name", "samesite": "samesite", "insecure_plaintext": "insecure_plaintext"}
_COST = ("memory_kib", "passes", "lanes")


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """The options of a guard in a file.

    Attributes:
        arguments: Arguments of `Guard(...)`. Some of them are secrets, so they are not in the repr.
        inline_secrets: Places of secrets in the file itself.
    """

    arguments: Mapping[str, Any] = field(repr=False)
    inline_secrets: tuple[str, ...] = ()


def read_options(
    path: Path, *, authenticators: Sequence[Authenticator] = (), preset: str | None = None
) -> GuardOptions:
    """Return the options of the guard that a file describes.

    Args:
        path: The file. That of a preset (`preset_file`) is one too.
        authenticators: Further authenticators, made in Python; used after those of the file.
        preset: Name of the preset for a file that names none.

    Raises:
        ConfigurationError: The file cannot be read, or contains a mistake. Every problem is named, with its
            file, line and place, and the line to write.
    """
    document = read_document(path, preset=preset)
    built = build_options(document, authenticators=authenticators)
    document.raise_problems()
    return built


def read_policies(path: Path) -> PolicySet:
    """Return the roles and policies of a file, for `Guard.reload`. Secrets are not read.

    Raises:
        ConfigurationError: As `read_options`.
    """
    document = read_document(path)
    policies = build_policies(document)
    document.raise_problems()
    return policies


def build_options(
    document: Document,
    *,
    authenticators: Sequence[Authenticator] = (),
    operating: bool = False,
    trail_key: bool = True,
) -> GuardOptions:
    """Return the options in a document. Mistakes are noted in the document.

    Args:
        document: The file.
        authenticators: Further authenticators, made in Python.
        operating: Omit the parts that only a server needs: authenticators and secrets.
        trail_key: Whether to read the secret of the trail's chain.
    """
    parsed, base = document.parsed, document.path.parent
    inline = inline_secrets(document)
    if parsed.production is not False:
        for place in inline:
            document.wrong(
                place,
                "a secret stands in the file, which production = true does not accept; "
                'write { env = "NAME" } or { file = "/run/secrets/name" }',
            )
    openid: list[OpenIdProvider] = []
    if not operating:
        authenticators = (*_authenticators(document), *authenticators)
        openid = _providers(document)
        if parsed.login.passwords is False and not parsed.oidc:
            document.wrong(
                ("login", "passwords"),
                "no account could log in without a provider; write [oidc] with issuer, client_id and "
                "redirect_uri, or leave passwords out",
            )
    _check_lists(document)
    days = parsed.trail_days
    if (
        not isinstance(days, UnsetType)
        and days is not False
        and not (days > 0 and days is not True)
    ):
        document.wrong(("trail_days",), "must be greater than 0, or false to keep everything")
    size = parsed.store_limit_bytes
    if not isinstance(size, UnsetType) and not size > 0:
        document.wrong(("store_limit_bytes",), "must be greater than 0")
    for name, check in _CHECKS.items():
        number = getattr(parsed, name)
        if not isinstance(number, UnsetType):
            document.attempt((name,), check, number)
    if not isinstance(parsed.freshness, UnsetType):
        for path, text in parsed.freshness.items():
            document.attempt(("freshness", path), read_freshness, text)
    plain = options(parsed)
    arguments = {name: plain[name] for name in _PLAIN if name in plain}
    if days is not UNSET:
        arguments["trail_days"] = None if days is False else days
    arguments |= {
        "authenticators": authenticators,
        "oidc": openid,
        "appearance": _appearance(document),
        "password_login": operating or parsed.login.passwords is not False,
        "policies": build_policies(document),
        "protection": build_protection(document),
        "limits": _limits(document),
        "store": document.attempt(("store",), store_url, parsed.store, base),
        "sessions": document.attempt(("sessions",), _sessions, parsed.sessions),
        "passwords": document.attempt(("passwords",), _passwords, parsed.passwords),
        "second_factor": document.attempt(
            ("second_factor",), read_second_factor, parsed.second_factor
        ),
        # Like the authenticators, these parts and their secrets are only needed by a server.
        "secrets_key": (
            None
            if operating
            else document.attempt(("secrets_key",), read_secrets_key, parsed.secrets_key, base)
        ),
        "forwarded_certificate": (
            None
            if isinstance(parsed.forwarded_certificate, UnsetType) or operating
            else build_forwarded_certificate(
                parsed.forwarded_certificate, document.section("forwarded_certificate")
            )
        ),
        "trail_key": (
            document.attempt(("trail_key",), read_trail_key, document) if trail_key else None
        ),
        "telemetry": None if operating else _telemetry(document),
    }
    return GuardOptions(arguments, tuple(show_place(place) for place in inline))


def _authenticators(document: Document) -> list[Authenticator]:
    """Build the authenticators of a file, in its order."""
    made = [
        one.kind.make(one.settings, document.section(*one.place)) for one in document.authenticators
    ]
    return [one for one in made if one is not None]


def _telemetry(document: Document) -> float | None:
    """Return the share of the messages that have a span; None without the table."""
    table = document.parsed.telemetry
    if isinstance(table, UnsetType):
        return None
    document.attempt(("telemetry", "message_ratio"), check_ratio, table.message_ratio)
    return table.message_ratio


def _providers(document: Document) -> list[OpenIdProvider]:
    """Return the OpenID providers in a file."""
    tables = document.parsed.oidc
    if isinstance(tables, UnsetType):
        return []
    if isinstance(tables, OidcTable):
        made = [_provider(tables, document.section("oidc"))]
    else:
        made = [
            _provider(table, document.section("oidc", number))
            for number, table in enumerate(tables)
        ]
    return [one for one in made if one is not None]


def _provider(table: OidcTable, section: Section) -> OpenIdProvider | None:
    found = options(table, "client_secret")
    secret = table.client_secret
    if not isinstance(secret, UnsetType):
        found["client_secret"] = section.at("client_secret").secret(secret)
    return section.make(OpenIdProvider, **found)


def _appearance(document: Document) -> LoginAppearance | None:
    """Return the appearance of the login's pages. The message of a mistake begins with its option."""
    if document.section("login").is_unread:
        return None
    try:
        return LoginAppearance(**options(document.parsed.login, "passwords"))
    except ConfigurationError as error:
        option, _, message = str(error).partition(": ")
        document.wrong(("login", option), message)
        return None


def inline_secrets(document: Document) -> list[Place]:
    """Return the places of secrets in the file itself."""
    return [
        (*place, "insecure_inline")
        for place, value in document.walk()
        if isinstance(value, SecretTable) and value.insecure_inline is not None
    ]


def store_url(store: SecretTable | str | UnsetType, base: Path) -> str:
    """Return the URL of the store. A relative path is relative to the file.

    Raises:
        ConfigurationError: It is a missing secret, or names no known store.
    """
    if isinstance(store, UnsetType):
        return "memory:"
    url = store if isinstance(store, str) else reveal(store, base=base).strip()
    open_store(url)  # nothing is opened yet: this only validates the URL
    scheme, _, path = url.partition(":")
    if scheme == "sqlite" and not path.startswith(("/", "~")):
        return f"sqlite:{(base / path).resolve()}"
    return url


def chosen_store(path: Path, written: str, beside: str | None) -> str:
    """Return the URL of the store: that of the file, or the one that was given beside a file without one.

    Args:
        path: The file.
        written: The URL in the file.
        beside: The URL beside it, or None.

    Raises:
        ConfigurationError: There are two.
    """
    if beside is None:
        return written
    if written != "memory:":
        raise ConfigurationError(
            f"{path} names its store; give --config or --store (STORMDOOR_CONFIG, STORMDOOR_STORE), not both"
        )
    return beside


def read_trail_key(document: Document) -> bytes | None:
    """Return the secret of the trail's chain; None if the file has none.

    Raises:
        ConfigurationError: It is missing, or too short.
    """
    secret = document.parsed.trail_key
    if isinstance(secret, UnsetType):
        return None
    key = reveal_bytes(secret, base=document.path.parent)
    return check_trail_key(key)


def check_trail_key(key: bytes) -> bytes:
    """Return the key after validating it.

    Raises:
        ConfigurationError: It is too short.
    """
    if len(key) < _TRAIL_KEY_BYTES:
        raise ConfigurationError(
            f"the key of the trail has fewer than {_TRAIL_KEY_BYTES} bytes; make one with "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return key


def _check_lists(document: Document) -> None:
    """Validate each entry of the lists by itself, so that its problem is reported at its place."""
    parsed = document.parsed
    checks: dict[str, Callable[[list[str]], object]] = {
        "origins": OriginPolicy,
        "hosts": HostPolicy,
        "trusted_proxies": parse_networks,
    }
    for name, check in checks.items():
        entries = getattr(parsed, name)
        for position, entry in enumerate(() if entries is UNSET else entries):
            document.attempt((name, position), check, [entry])


def _limits(document: Document) -> Limits | None:
    found = options(document.parsed.limits)
    own = found.get("own_protocol")
    written: dict[str, Any] = {} if own is None else options(own)
    before = len(document.problems)
    section = document.section("limits")
    for table, values in ((("limits",), found), (("limits", "own_protocol"), written)):
        for name, value in values.items():
            if isinstance(value, str):
                document.attempt((*table, name), Rate.parse, value)
            elif value is False:
                values[name] = None
            elif value is True:
                document.wrong(
                    (*table, name), "true is no limit; write a number, or false for none"
                )
    if section.is_unread or len(document.problems) != before:
        return None
    try:
        if own is not None:
            found["own_protocol"] = EndpointLimits(**written)
    except ConfigurationError as error:
        document.wrong(_place_of(error, ("limits", "own_protocol"), written), str(error))
        return None
    try:
        return Limits(**found)
    except ConfigurationError as error:
        document.wrong(_place_of(error, ("limits",), found), str(error))
        return None


def _place_of(error: ConfigurationError, table: Place, written: Mapping[str, Any]) -> Place:
    """Return the place of the wrong limit. The message of the error begins with its name."""
    name = str(error).split(" ")[0].removeprefix("limits.").removeprefix("own_protocol.")
    return (*table, name) if name in written else table


def _sessions(table: Struct) -> dict[str, Any]:
    found = options(table)
    cookie = {_COOKIE[name]: found.pop(name) for name in _COOKIE if name in found}
    found["cookie"] = CookieSpec(**cookie)
    SessionService(
        StoredState.of(MemoryStore()), SystemClock(), **found
    )  # raises for contradictory limits
    return found


def _passwords(table: Struct) -> Passwords:
    found = options(table)
    cost = {name: found.pop(name) for name in _COST if name in found}
    if cost:
        usual = {"memory_kib": OWASP.memory_kib, "passes": OWASP.passes, "lanes": OWASP.lanes}
        found["cost"] = Argon2Cost(**{**usual, **cost})
    return Passwords(**found)
