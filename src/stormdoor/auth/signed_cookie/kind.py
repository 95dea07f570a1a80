"""The kind `signed-cookie` of a configuration file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from stormdoor.auth.kind import Kind, Settings
from stormdoor.settings.secret import SecretTable
from stormdoor.settings.section import Section, options

if TYPE_CHECKING:
    from stormdoor.auth.signed_cookie.authenticator import SignedCookieAuthenticator

__all__ = ["KIND", "SignedCookieSettings"]


class SignedCookieSettings(Settings, frozen=True, kw_only=True):
    """Cookies of `set_signed_cookie`: see `SignedCookieAuthenticator`.

    Attributes:
        secret: The application's `cookie_secret`; or
        secrets: its secrets by key version, as in a dictionary `cookie_secret`.
    """

    cookie: str
    secret: SecretTable | str | UnsetType = UNSET
    secrets: dict[str, SecretTable | str] | UnsetType = UNSET
    max_age_days: float | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET


def _build(settings: SignedCookieSettings, section: Section) -> SignedCookieAuthenticator | None:
    secret = _secret(settings, section)
    if secret is None:
        return None
    # Imported only here: commands that read a configuration need not wait for Tornado's import.
    library = import_module("stormdoor.auth.signed_cookie.authenticator")
    found = options(settings, "cookie", "secret", "secrets")
    made: SignedCookieAuthenticator | None = section.attempt(
        library.SignedCookieAuthenticator, settings.cookie, secret, **found
    )
    return made


def _secret(settings: SignedCookieSettings, section: Section) -> str | dict[int, str] | None:
    if isinstance(settings.secrets, UnsetType):
        if isinstance(settings.secret, UnsetType):
            section.wrong('the cookie has no secret; write secret = { env = "COOKIE_SECRET" }')
            return None
        return section.at("secret").secret(settings.secret)
    if not isinstance(settings.secret, UnsetType):
        section.at("secret").wrong("secrets has them all; leave secret out")
        return None
    found: dict[int, str] = {}
    for version, one in settings.secrets.items():
        place = section.at("secrets", version)
        if not version.isascii() or not version.isdigit():
            place.wrong("a key version is a whole number; write 1 = { env = ... }")
        elif (text := place.secret(one)) is not None:
            found[int(version)] = text
    return found if len(found) == len(settings.secrets) else None


KIND = Kind(
    name="signed-cookie",
    settings=SignedCookieSettings,
    build=_build,
    ambient=True,
    needs_store=lambda settings: settings.roles is UNSET,
    single_use=False,
    renewable=False,
    repeatable=True,
    default_headers=("Cookie",),
)
