"""Refusals for connections past a deadline: each names the limit, and where to change it."""

from __future__ import annotations

from stormdoor.core.denial import Denial, Refusal
from stormdoor.core.limits import Limits
from stormdoor.guard.connection import Connection

__all__ = ["expired"]


def expired(connection: Connection, limits: Limits, monotonic: float) -> Refusal:
    """Return the refusal with which a connection past one of its deadlines ends.

    Args:
        connection: A connection past a deadline.
        limits: Limits of the guard.
        monotonic: Monotonic seconds.
    """
    if connection.awaiting_authentication and monotonic >= connection.deadline:
        return Refusal(
            Denial.NO_CREDENTIAL,
            f"no first message within limits.first_message_seconds = {limits.first_message_seconds:g}",
        )
    if monotonic >= connection.ages_at:
        return Refusal(
            Denial.EXPIRED,
            f"the connection is too old: limits.connection_seconds = {limits.connection_seconds}",
        )
    if monotonic < connection.deadline and (
        monotonic - connection.last_message >= connection.idle_seconds
    ):
        return Refusal(
            Denial.EXPIRED,
            f"the login was idle: no message of the client for {connection.idle_seconds:g} s "
            "(idle_seconds of the session)",
        )
    return Refusal(Denial.EXPIRED, "the credential has expired")
