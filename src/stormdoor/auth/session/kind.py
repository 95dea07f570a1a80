"""The kind `session` of a configuration file."""

from __future__ import annotations

from stormdoor.auth.kind import Kind, Settings
from stormdoor.auth.session.authenticator import SessionAuthenticator
from stormdoor.auth.session.cookie import SESSION_COOKIE
from stormdoor.settings.section import Section

__all__ = ["KIND"]


class SessionSettings(Settings, frozen=True):
    """The session cookie. Its attributes are in `[sessions]`."""


def _build(_settings: SessionSettings, section: Section) -> SessionAuthenticator:
    return SessionAuthenticator(section.session_cookie or SESSION_COOKIE)


KIND = Kind(
    name="session",
    settings=SessionSettings,
    build=_build,
    ambient=True,
    needs_store=True,
    single_use=False,
    renewable=False,
    repeatable=False,
    default_headers=("Cookie",),
)
