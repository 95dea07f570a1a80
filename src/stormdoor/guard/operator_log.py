"""Log warnings about refusals and closed connections, a limited number a minute of each cause.

Each record has the facts of its text as attributes, too (`extra=`). They have the names of the trail.
"""

from __future__ import annotations

import logging

from stormdoor.core.address import rate_key
from stormdoor.core.bucket import Rate
from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.event import REFUSED_AS
from stormdoor.core.handshake import Handshake
from stormdoor.core.origin import quote
from stormdoor.guard.connection import Connection
from stormdoor.guard.rate_limiter import KeyedRateLimiter
from stormdoor.ports import Clock

__all__ = ["LogLimiter", "OperatorLog", "log_fields"]

_refused = logging.getLogger("stormdoor.refused")
_closed = logging.getLogger("stormdoor.closed")
_login = logging.getLogger("stormdoor.login")

_SHOWN = Rate.parse("10/min burst 10")
_SHOWN_OF_ALL = Rate.parse("100/min burst 100")

_MOST_KEYS = 4096
_PLAIN_COOKIE = (
    "The page came over http://, where Safari keeps no Secure cookie. Serve it over TLS: stormdoor run "
    "--tls-self-signed, or guarded_server(application, ssl_options=...). Chromium and Firefox keep the "
    'cookie at 127.0.0.1. For tests on one machine, write below [sessions]: cookie = "stormdoor" and '
    "insecure_plaintext = true"
)


class LogLimiter:
    """Lets a number of lines of each key be written, and counts the others, in bounded memory.

    A client with many addresses, such as a network of IPv6, fills no disk: all addresses together have a
    hundred lines a minute of a cause.

    Args:
        rate: The number for each cause and address; ten lines a minute by default.
    """

    __slots__ = ("_hidden", "_of_all", "_shown")

    def __init__(self, rate: Rate = _SHOWN) -> None:
        self._shown = KeyedRateLimiter(rate, capacity=_MOST_KEYS)
        self._of_all = KeyedRateLimiter(_SHOWN_OF_ALL, capacity=_MOST_KEYS)
        self._hidden: dict[str, int] = {}

    def show(self, cause: str, now: float, address: str = "") -> int | None:
        """Return the number of similar lines that were skipped before this one; None to skip this one.

        Args:
            cause: The cause, or another key without an address.
            now: Monotonic seconds.
            address: The address of the client, where clients can cause it without a login.
        """
        key = f"{cause} {rate_key(address, 64)}" if address else cause
        if self._shown.spend(key, now):
            if not address or self._of_all.spend(cause, now):
                return self._hidden.pop(key, 0) + self._hidden.pop(cause, 0)
            key = cause
        self._hidden[key] = self._hidden.get(key, 0) + 1
        if len(self._hidden) > _MOST_KEYS:
            self._hidden.clear()
        return None


def log_fields(event_name: str, hidden: int, **facts: object) -> dict[str, object]:
    """Return the structured fields of a log record, for `extra=`. Empty facts are left out.

    Args:
        event_name: Name of the event: that of the trail, if the trail has it.
        hidden: Number of similar records that were skipped before this one.
        facts: Further fields. No name may be one that `logging.LogRecord` has itself.
    """
    fields = {"event_name": event_name, **facts, "hidden": hidden}
    return {name: value for name, value in fields.items() if value or value is False}


class OperatorLog:
    """Writes refusals and closes to the log, a limited number a minute.

    The trail counts them all. A log line for each would let a refused client fill the disk, and would cost
    more than the refusal.
    """

    __slots__ = ("_clock", "_closes", "_handshakes", "_messages")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handshakes = LogLimiter()
        self._messages = LogLimiter()
        self._closes = LogLimiter()

    def refused(
        self,
        refusal: Refusal,
        *,
        path: str,
        address: str,
        principal: str = "",
        permission: str = "",
        kind: str = "",
    ) -> None:
        """Write a refused handshake, unless many of this cause and client were written just now."""
        if not _refused.isEnabledFor(logging.WARNING):
            return
        hidden = self._handshakes.show(refusal.denial._value_, self._clock.monotonic(), address)
        if hidden is None:
            return
        _refused.warning(
            "refused %s %s from %s%s: %s%s%s",
            refusal.denial.value,
            quote(path),
            address,
            f" ({quote(principal)})" if principal else "",
            refusal.detail,
            _reference(refusal),
            _and(hidden),
            extra=log_fields(
                REFUSED_AS[refusal.denial],
                hidden,
                cause=refusal.denial.value,
                endpoint=path,
                permission=permission,
                kind=kind,
                policies=list(refusal.policy_ids),
                principal=principal,
                address=address,
                detail=refusal.detail,
                ref=refusal.ref,
            ),
        )

    def refused_message(
        self, refusal: Refusal, connection: Connection, now: float, *, permission: str = ""
    ) -> None:
        """Write a refused message, unless many of this cause were written just now (monotonic seconds)."""
        hidden = self._messages.show(refusal.denial._value_, now)
        if hidden is not None:
            _refused.warning(
                "refused a message, %s: %s%s",
                *_about(refusal, connection),
                _and(hidden),
                extra=_fields(REFUSED_AS[refusal.denial], hidden, refusal, connection, permission),
            )

    def closed(self, refusal: Refusal, connection: Connection) -> None:
        """Write a close by the guard, unless many of this cause were written just now."""
        if refusal.denial in (Denial.SHUTDOWN, Denial.RESTART):
            return  # the operator has stopped the server
        hidden = self._closes.show(refusal.denial._value_, self._clock.monotonic())
        if hidden is not None:
            _closed.warning(
                "closed a connection, %s: %s%s%s",
                *_about(refusal, connection),
                _reference(refusal),
                _and(hidden),
                extra=_fields("connection_closed", hidden, refusal, connection),
            )

    def lost_cookie(self, handshake: Handshake, *, plain: bool) -> None:
        """Write that a browser did not send back the cookie of a login.

        Args:
            handshake: The request after the login.
            plain: Whether it came without TLS, and the cookie is for TLS alone.
        """
        hidden = self._handshakes.show("cookie-lost", self._clock.monotonic(), handshake.address)
        if hidden is None:
            return
        _login.warning(
            "a browser (%s, %s) did not send back the cookie of its login, so that it is not logged in. %s%s",
            quote(handshake.user_agent),
            handshake.address,
            _PLAIN_COOKIE if plain else "Its settings may refuse cookies of this site.",
            _and(hidden),
            extra=log_fields("authn_cookie_lost", hidden, address=handshake.address),
        )


def _about(refusal: Refusal, connection: Connection) -> tuple[str, str]:
    who = quote(connection.principal.id)
    where = f"{quote(connection.path)} from {connection.address} ({who})"
    return f"{refusal.denial.value} {where}", refusal.detail


def _fields(
    event_name: str, hidden: int, refusal: Refusal, connection: Connection, permission: str = ""
) -> dict[str, object]:
    return log_fields(
        event_name,
        hidden,
        cause=refusal.denial.value,
        endpoint=connection.path,
        permission=permission,
        kind=connection.authentication.kind,
        policies=list(refusal.policy_ids),
        principal=connection.principal.id,
        address=connection.address,
        connection=connection.id,
        detail=refusal.detail,
        ref=refusal.ref,
    )


def _reference(refusal: Refusal) -> str:
    return f" (reference {refusal.ref})" if refusal.ref else ""


def _and(hidden: int) -> str:
    return f" [and {hidden} like it]" if hidden else ""
