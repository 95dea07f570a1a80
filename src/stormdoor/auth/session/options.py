"""The options of login sessions, as `Guard(sessions=...)` takes them."""

from __future__ import annotations

from typing import TypedDict

from stormdoor.auth.session.cookie import CookieSpec
from stormdoor.errors import ConfigurationError

__all__ = ["SessionOptions", "check_session_options"]


class SessionOptions(TypedDict, total=False):
    """Options of login sessions, for `Guard(sessions=...)`.

    Attributes:
        idle_seconds: Seconds without use after which a session ends; 1800 by default.
        absolute_seconds: Seconds after the login when it ends in any case; 43 200 by default, at most 30
            days.
        max_sessions: Sessions of one principal, 100 by default; beyond it, the oldest is ended.
        cookie: Attributes of the cookie.
    """

    idle_seconds: float
    absolute_seconds: float
    max_sessions: int
    cookie: CookieSpec


def check_session_options(options: SessionOptions) -> None:
    """Reject options that do not exist, and a cookie that is no `CookieSpec`.

    Raises:
        ConfigurationError: The message names the option and those that there are.
    """
    known = SessionOptions.__optional_keys__
    for name in options:
        if name not in known:
            raise ConfigurationError(
                f"sessions has no option {name!r}; there are: {', '.join(sorted(known))}"
            )
    cookie: object = options.get("cookie", CookieSpec())
    if not isinstance(cookie, CookieSpec):
        raise ConfigurationError(
            f"the cookie of sessions is no CookieSpec: {cookie!r}; "
            'write "cookie": CookieSpec(name="stormdoor")'
        )
