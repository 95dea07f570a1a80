"""Base class of the routes of `login_routes` and `oidc_routes`: their options and their events."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from stormdoor.config.appearance import LoginAppearance
from stormdoor.core.event import Event
from stormdoor.runtime.guard import Guard
from stormdoor.tornado.login_pages import LoginPages
from stormdoor.tornado.session_handler import SessionHandler

__all__ = ["BuiltInRoute"]

Options = TypeVar("Options", bound=msgspec.Struct)


class BuiltInRoute(SessionHandler, Generic[Options]):
    """Base class of stormdoor's routes, with the options of `login_routes` or `oidc_routes`."""

    route_options: Options

    def initialize(self, guard: Guard, route_options: Options | None = None) -> None:
        """Called by Tornado with the arguments of the route."""
        super().initialize(guard)
        if route_options is not None:
            self.route_options = route_options

    @property
    def plain(self) -> bool:
        """Return whether the request came without TLS, and the cookies of the login are for TLS alone."""
        return self.handshake.scheme != "https" and self.guard.sessions.cookie.secure

    def pages_of(self, appearance: LoginAppearance | None = None) -> LoginPages:
        """Return the pages of the login in the language of the browser.

        Args:
            appearance: That of the routes; None for that of the guard.
        """
        accepted = self.request.headers.get("Accept-Language", "")
        return LoginPages(appearance or self.guard.appearance, accepted)

    def set_page_headers(self, pages: LoginPages) -> None:
        """Set the headers of a page of the login."""
        for name, value in pages.headers.items():
            self.set_header(name, value)

    @property
    def event_actor(self) -> str:
        """The actor of the events of this route; empty for the principal itself."""
        return ""

    def note(self, name: str, principal: str, detail: str = "") -> None:
        """Write an event of this request to the trail. `principal` has authenticated."""
        self.guard.trail.note(
            Event(
                time=self.guard.clock.now(),
                name=name,
                kind="session",
                endpoint=self.request.path,
                principal=principal,
                actor=self.event_actor,
                address=self.handshake.address,
                user_agent=self.handshake.user_agent,
                detail=detail,
                proven=True,
            )
        )
