"""Events of the trail, and the chain that makes a change to them visible.

Each entry's hash covers the one before it, so an entry cannot be changed, removed or put in between
without every later hash being wrong. With a key the hash is an HMAC, which somebody who can write to
the store but does not hold the key cannot recompute.

Personal data (who, from where) is not hashed itself but through a salted commitment: erasing the
data and its salt leaves the chain whole and the person gone (GDPR Article 17).

Names follow the OWASP Logging Vocabulary, with `connection_*` for what it does not know.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from stormdoor.core.denial import Denial

__all__ = ["GENESIS", "REFUSED_AS", "Entry", "Event", "commitment", "link", "seal", "verify"]

GENESIS = "0" * 64
"""The `previous` of the first entry."""

REFUSED_AS: dict[Denial, str] = {
    Denial.MALFORMED: "input_validation_fail",
    Denial.INSECURE_TRANSPORT: "authz_fail",
    Denial.HOST: "malicious_cors",
    Denial.ORIGIN: "malicious_cors",
    Denial.HANDSHAKE_RATE: "excess_rate_limit_exceeded",
    Denial.NO_CREDENTIAL: "authn_login_fail",
    Denial.AMBIGUOUS_CREDENTIAL: "authn_login_fail",
    Denial.BAD_CREDENTIAL: "authn_login_fail",
    Denial.EXPIRED: "session_use_after_expire",
    Denial.REVOKED: "session_use_after_expire",
    Denial.BACKOFF: "authn_login_fail_max",
    Denial.AUTHENTICATION_TIMEOUT: "authn_login_fail",
    Denial.FORBIDDEN: "authz_fail",
    Denial.UNDECLARED: "authz_fail",
    Denial.TOO_MANY_CONNECTIONS: "excess_sessions_exceeded",
    Denial.BUSY: "excess_rate_limit_exceeded",
    Denial.UNAVAILABLE: "sys_unavailable",
    Denial.INTERNAL: "sys_crash",
    Denial.INVALID_MESSAGE: "input_validation_fail",
    Denial.MESSAGE_TOO_LARGE: "input_validation_fail",
    Denial.MESSAGE_RATE: "excess_rate_limit_exceeded",
    Denial.SLOW_CONSUMER: "excess_rate_limit_exceeded",
    Denial.ENDED: "session_use_after_expire",
    Denial.SHUTDOWN: "sys_shutdown",
}
"""The event name of each refusal. INVARIANT: every `Denial` has exactly one row."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened.

    The first group is public and chained; the second is personal and only committed to.

    Attributes:
        time: Unix seconds.
        name: From the OWASP Logging Vocabulary.
        cause: The denial, if it is one.
        endpoint: Path of the endpoint, or name of the command.
        permission: The permission that was asked for.
        kind: Kind of credential.
        policies: Ids of the policies that decided.
        count: How many like it this entry stands for (floods are summed up).
        principal: Who.
        actor: Who did it, if somebody else than `principal`.
        address: From where.
        user_agent: With what.
        connection: Id of the connection.
        detail: What the operator should know, redacted.
    """

    time: float
    name: str
    cause: str = ""
    endpoint: str = ""
    permission: str = ""
    kind: str = ""
    policies: tuple[str, ...] = ()
    count: int = 1

    principal: str = ""
    actor: str = ""
    address: str = ""
    user_agent: str = ""
    connection: str = ""
    detail: str = ""


_PERSONAL = ("principal", "actor", "address", "user_agent", "connection", "detail")


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain as it is stored.

    Attributes:
        seq: Position, from 1.
        body: The public part, canonical JSON.
        personal: The personal part, canonical JSON, or None once erased.
        salt: Hex, or None once erased.
        commitment: SHA-256 over salt and personal part, hex.
        previous: Hash of the entry before, hex.
        hash: Hash over all that is chained, hex.
    """

    seq: int
    body: bytes
    personal: bytes | None
    salt: str | None
    commitment: str
    previous: str
    hash: str

    @property
    def event(self) -> Event:
        """The event, as far as it has not been erased."""
        parts = msgspec.json.decode(self.body)
        if self.personal is not None:
            parts |= msgspec.json.decode(self.personal)
        return msgspec.convert(parts, Event)


def commitment(salt: str, personal: bytes) -> str:
    """The salted hash that stands for `personal` in the chain."""
    return hashlib.sha256(bytes.fromhex(salt) + personal).hexdigest()


def link(previous: str, seq: int, body: bytes, committed: str, key: bytes | None) -> str:
    """The hash of one entry (hex): HMAC-SHA-256 with a key, else SHA-256."""
    # Fixed-width fields come first, so that no two different entries give the same bytes.
    data = bytes.fromhex(previous) + seq.to_bytes(8, "big") + bytes.fromhex(committed) + body
    if key:
        return hmac.digest(key, data, "sha256").hex()
    return hashlib.sha256(data).hexdigest()


def seal(event: Event, *, seq: int, previous: str, salt: str, key: bytes | None = None) -> Entry:
    """Turn `event` into the entry that follows `previous`.

    Args:
        event: What happened.
        seq: Its position.
        previous: Hash of the entry before it, or `GENESIS`.
        salt: 16 random bytes in hex.
        key: Secret of the chain, or None.
    """
    parts = msgspec.to_builtins(event)
    personal = msgspec.json.encode({n: parts.pop(n) for n in _PERSONAL if n in parts}, order="sorted")
    body = msgspec.json.encode(parts, order="sorted")
    committed = commitment(salt, personal)
    return Entry(
        seq, body, personal, salt, committed, previous, link(previous, seq, body, committed, key)
    )


def verify(entry: Entry, *, seq: int, previous: str, key: bytes | None = None) -> str | None:
    """What is wrong with `entry` as the one of position `seq` after `previous`; None if nothing is."""
    if entry.seq != seq:
        return f"entry {seq} is missing (found {entry.seq})"
    if entry.previous != previous:
        return f"entry {seq} does not follow the entry before it"
    try:
        expected = link(previous, seq, entry.body, entry.commitment, key)
    except ValueError:
        return f"entry {seq} is damaged"
    if not hmac.compare_digest(entry.hash, expected):
        return f"entry {seq} was changed, or the key is another"
    if entry.personal is not None and (
        entry.salt is None or commitment(entry.salt, entry.personal) != entry.commitment
    ):
        return f"the personal part of entry {seq} was changed"
    return None
