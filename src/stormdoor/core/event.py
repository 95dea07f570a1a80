"""Events of the trail, and the hash chain that makes changes to them detectable.

Each entry's hash covers the previous one, so an entry cannot be changed, removed or inserted without making
every later hash wrong. With a key the hash is an HMAC. An attacker who can write to the store but does not
have the key cannot compute it again.

Personal data (principal, address, credential) is not hashed itself but through a salted commitment: after
the data and its salt are erased, the chain still verifies and the person is unknown (GDPR Article 17).

Names follow the OWASP Logging Vocabulary, with `connection_*` for events that it lacks.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stormdoor.core.denial import Denial
from stormdoor.core.value import value
from stormdoor.errors import ConfigurationError

__all__ = [
    "GENESIS",
    "REFUSED_AS",
    "Entry",
    "Event",
    "chain",
    "commitment",
    "encodable",
    "link",
    "seal",
    "searched_by",
    "verify",
]

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
    Denial.STEP_UP: "authz_fail",
    Denial.UNDECLARED: "authz_fail",
    Denial.TOO_MANY_CONNECTIONS: "excess_sessions_exceeded",
    Denial.BUSY: "excess_rate_limit_exceeded",
    Denial.UNAVAILABLE: "sys_unavailable",
    Denial.INTERNAL: "sys_crash",
    Denial.INVALID_MESSAGE: "input_validation_fail",
    Denial.MESSAGE_TOO_LARGE: "input_validation_fail",
    Denial.MESSAGE_RATE: "excess_rate_limit_exceeded",
    Denial.SLOW_CONSUMER: "excess_rate_limit_exceeded",
    Denial.SLOW_REQUEST: "excess_rate_limit_exceeded",
    Denial.ENDED: "session_use_after_expire",
    Denial.SHUTDOWN: "sys_shutdown",
    Denial.RESTART: "sys_shutdown",
}
"""The event name of each refusal. INVARIANT: every `Denial` has exactly one row."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of the trail.

    The fields up to `node` are public and part of the chain. The fields from `principal` to `ref` are
    personal: the chain holds only a commitment to them.

    Attributes:
        time: Unix seconds.
        name: Name from the OWASP Logging Vocabulary.
        cause: The denial, if the event is a refusal.
        endpoint: Path of the endpoint, or name of the command.
        permission: The required permission.
        kind: Kind of credential.
        policies: Ids of the policies that decided.
        count: Number of similar events that this entry stands for (a flood is one entry).
        node: The node that wrote the entry.
        principal: Id of the principal.
        tenant: The tenant of the principal, where the event records it; None for none.
        actor: The operator or principal that caused it, if that is not `principal`.
        address: Address of the client.
        user_agent: User agent of the client.
        connection: Id of the connection.
        detail: Explanation for the operator, redacted.
        ref: Reference of the refusal, which the client got, too.
        proven: True if the server, an operator or an authenticated principal caused it. Entries of
            unauthenticated clients have a budget, and are merged beyond it. Not stored.
    """

    time: float
    name: str
    cause: str = ""
    endpoint: str = ""
    permission: str = ""
    kind: str = ""
    policies: tuple[str, ...] = ()
    count: int = 1
    node: str = ""

    principal: str = ""
    tenant: str | None = None
    actor: str = ""
    address: str = ""
    user_agent: str = ""
    connection: str = ""
    detail: str = ""
    ref: str = ""

    proven: bool = False


_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SALT = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _bytes(text: str, shape: re.Pattern[str]) -> bytes:
    # Only one spelling and one length: `bytes.fromhex` also accepts capitals, spaces and any length. A byte
    # could then move from one field to the next without changing the hash.
    if not shape.fullmatch(text):
        raise ValueError(f"not {shape.pattern}")
    return bytes.fromhex(text)


class _Personal(msgspec.Struct, omit_defaults=True, gc=False):
    """The personal part. INVARIANT: fields in alphabetical order, which makes its JSON canonical."""

    actor: str = ""
    address: str = ""
    connection: str = ""
    detail: str = ""
    principal: str = ""
    ref: str = ""
    tenant: str | None = None
    user_agent: str = ""


class _Body(msgspec.Struct, omit_defaults=True, gc=False):
    """The public part. INVARIANT: fields in alphabetical order, too."""

    cause: str = ""
    count: int = 1
    endpoint: str = ""
    kind: str = ""
    name: str = ""
    node: str = ""
    permission: str = ""
    policies: tuple[str, ...] = ()
    time: float | None = None  # always present: an entry of second 0 has its time, too


_json = msgspec.json.Encoder().encode


def _encode(event: Event) -> tuple[bytes, bytes]:
    """Return the personal and the public part of `event` in canonical JSON."""
    personal = _Personal(
        event.actor,
        event.address,
        event.connection,
        event.detail,
        event.principal,
        event.ref,
        event.tenant,
        event.user_agent,
    )
    body = _Body(
        event.cause,
        event.count,
        event.endpoint,
        event.kind,
        event.name,
        event.node,
        event.permission,
        event.policies,
        event.time,
    )
    return _json(personal), _json(body)


def encodable(event: Event) -> Event:
    """Return `event` with half surrogate pairs written out, as they are stored."""

    # JSON has no half of a surrogate pair. Text from the network may contain one, and the entry must be
    # kept.
    def readable(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    parts = msgspec.structs.asdict(event)
    texts = {name: readable(value) for name, value in parts.items() if isinstance(value, str)}
    policies = tuple(map(readable, event.policies))
    return msgspec.structs.replace(event, policies=policies, **texts)


@value
@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the chain as it is stored.

    Attributes:
        seq: Position in its chain, from 1.
        body: The public part, canonical JSON.
        personal: The personal part, canonical JSON, or None once erased.
        salt: Hex, or None once erased.
        commitment: SHA-256 over salt and personal part, hex.
        previous: Hash of the entry before, hex.
        hash: Hash over all chained fields, hex.
        copies: Time, name, principal and actor as the store keeps them beside the entry, to search by; None
            if it searches the entry itself. An empty principal or actor is None here.
        chain: The number of its chain. A store that one machine uses has one chain, number 1.
        listed: Its place among the entries of all chains, if there are several.
    """

    seq: int
    body: bytes
    personal: bytes | None
    salt: str | None
    commitment: str
    previous: str
    hash: str
    copies: tuple[object, ...] | None = None
    chain: int = 1
    listed: int | None = None

    @property
    def number(self) -> int:
        """Its place among all entries. Not sealed, and there may be gaps if there are several chains."""
        return self.seq if self.listed is None else self.listed

    @property
    def event(self) -> Event:
        """The event, as far as it has not been erased."""
        parts = msgspec.json.decode(self.body)
        if self.personal is not None:
            parts |= msgspec.json.decode(self.personal)
        return msgspec.convert(parts, Event)


def searched_by(event: Event) -> tuple[float, str, str | None, str | None]:
    """Return the fields that a store keeps beside an entry to search by: see `Entry.copies`."""
    return (event.time, event.name, event.principal or None, event.actor or None)


def commitment(salt: str, personal: bytes) -> str:
    """Return the salted hash that stands for `personal` in the chain.

    Raises:
        ValueError: `salt` is not 16 bytes in hex.
    """
    return hashlib.sha256(_bytes(salt, _SALT) + personal).hexdigest()


def link(previous: str, seq: int, body: bytes, committed: str, key: bytes | None) -> str:
    """Return the hash of one entry (hex): HMAC-SHA-256 with a key, else SHA-256.

    Raises:
        ConfigurationError: The key is empty.
        ValueError: A hash is not 32 bytes in hex.
    """
    return _link(_bytes(previous, _HASH), seq, body, _bytes(committed, _HASH), key).hex()


def _link(previous: bytes, seq: int, body: bytes, committed: bytes, key: bytes | None) -> bytes:
    # Fixed-width fields come first, so that two different entries never give the same bytes.
    data = previous + seq.to_bytes(8, "big") + committed + body
    if key is None:
        return hashlib.sha256(data).digest()
    if not key:
        raise ConfigurationError("the key of the trail is empty; give it 32 random bytes, or none")
    return hmac.digest(key, data, "sha256")


def chain(
    events: Sequence[Event], salts: bytes, *, after: tuple[int, str], key: bytes | None = None
) -> list[tuple[Event, Entry]]:
    """Turn `events` into the entries that continue the chain; each with its event, as it is stored.

    Args:
        events: The events, in order.
        salts: 16 random bytes for each.
        after: `seq` and hash of the last entry; 0 and `GENESIS` if there is none.
        key: Secret of the chain, or None.

    Raises:
        ConfigurationError: The key is empty.
        ValueError: The hash is malformed, or there are not 16 bytes of salt for each.
    """
    if len(salts) != 16 * len(events):
        raise ValueError("a salt is 16 bytes, and each entry has one")
    seq, before = after
    previous = _bytes(before, _HASH)
    made = []
    for at, each in enumerate(events):
        event, seq, salt = each, seq + 1, salts[16 * at : 16 * at + 16]
        try:
            personal, body = _encode(event)
        except UnicodeEncodeError:
            event = encodable(event)
            personal, body = _encode(event)
        committed = hashlib.sha256(salt + personal).digest()
        linked = _link(previous, seq, body, committed, key)
        after_this = linked.hex()
        made.append(
            (event, Entry(seq, body, personal, salt.hex(), committed.hex(), before, after_this))
        )
        previous, before = linked, after_this
    return made


def seal(event: Event, *, seq: int, previous: str, salt: str, key: bytes | None = None) -> Entry:
    """Turn `event` into the entry that follows `previous`.

    Args:
        event: The event.
        seq: Its position.
        previous: Hash of the entry before it, or `GENESIS`.
        salt: 16 random bytes in hex.
        key: Secret of the chain, or None.
    """
    if len(salt) != 32:
        raise ValueError("a salt is 16 bytes in hex")
    ((_, entry),) = chain((event,), bytes.fromhex(salt), after=(seq - 1, previous), key=key)
    return entry


def verify(entry: Entry, *, seq: int, previous: str, key: bytes | None = None) -> str | None:
    """Return the error of an entry of the chain; None if it is correct.

    Args:
        entry: The entry.
        seq: The position that it must have.
        previous: The hash of the entry before it.
        key: Secret of the chain, or None.
    """
    if entry.seq != seq:
        return f"entry {seq} is missing (found {entry.seq})"
    if entry.previous != previous:
        return f"entry {seq} does not follow the entry before it"
    try:
        expected = link(previous, seq, entry.body, entry.commitment, key)
        same = hmac.compare_digest(entry.hash, expected)
    except (TypeError, ValueError):
        # An attacker who can write to the store can also put a text in place of bytes.
        return f"entry {seq} is damaged"
    if not same:
        return f"entry {seq} was changed, or the key is another"
    if not _personal_part_matches(entry):
        return f"the personal part of entry {seq} was changed"
    if entry.copies is not None and not _copies_match(entry):
        return f"what entry {seq} is found by was changed: a search may miss it"
    return None


def _personal_part_matches(entry: Entry) -> bool:
    if entry.personal is None:
        return entry.salt is None
    try:
        return entry.salt is not None and commitment(entry.salt, entry.personal) == entry.commitment
    except (TypeError, ValueError):
        return False


def _copies_match(entry: Entry) -> bool:
    try:
        event = entry.event
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return entry.copies == searched_by(event)
