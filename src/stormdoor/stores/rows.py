"""Convert the rows of `statements` to values and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.event import Entry, Event, searched_by
from stormdoor.core.factor import Factor, FactorKind
from stormdoor.core.identity import Identity
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation, Target
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket
from stormdoor.errors import StoreError
from stormdoor.ports import LiveConnection

__all__ = [
    "Row",
    "account_from",
    "account_row",
    "accounts_from",
    "connection_from",
    "connection_row",
    "entry_from",
    "entry_row",
    "factor_and_account_from",
    "factor_from",
    "factor_row",
    "identity_from",
    "json_text",
    "key_and_account_from",
    "key_from",
    "key_row",
    "pending_from",
    "pending_row",
    "revocation_from",
    "session_and_account_from",
    "session_from",
    "session_row",
    "ticket_from",
    "ticket_row",
]

# Any: a driver does not know the types of a statement's columns. The schema does.
Row = tuple[Any, ...]

_decode = msgspec.json.Decoder().decode


def json_text(values: Mapping[str, object], what: str = "attributes") -> str:
    """Return the attributes, or `what`, as JSON.

    Raises:
        StoreError: They contain a value that JSON cannot represent.
    """
    try:
        return msgspec.json.encode(values, order="sorted").decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{what} must be JSON values: {error}") from error


def account_row(account: Account) -> Row:
    """Return the row of an account; its roles have rows of their own."""
    return (
        account.id,
        account.tenant,
        json_text(account.attributes),
        account.password_hash,
        account.disabled,
        account.created_at,
    )


def account_from(rows: Sequence[Row]) -> Account:
    """Return the account in the last seven columns of `rows`, which differ only in the role."""
    id, tenant, attributes, password_hash, disabled, created_at, role = rows[0][-7:]
    if len(rows) > 1:
        roles = frozenset([row[-1] for row in rows])
    else:
        roles = frozenset() if role is None else frozenset((role,))
    return Account(
        id=id,
        roles=roles,
        tenant=tenant,
        attributes={} if attributes == "{}" else _decode(attributes),
        password_hash=password_hash,
        disabled=bool(disabled),
        created_at=created_at,
    )


def accounts_from(rows: Iterable[Row]) -> list[Account]:
    """Return the accounts in `rows`, in the order of their first rows."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row[0], []).append(row)
    return [account_from(of_one) for of_one in by_id.values()]


def _position_columns(position: LogPosition | None) -> Row:
    return (None, None) if position is None else tuple(position)


def _position_from(epoch: str | None, seq: int) -> LogPosition | None:
    return None if epoch is None else LogPosition(epoch, seq)


def session_row(session: Session) -> Row:
    """Return the row of a session."""
    return (
        session.id,
        session.principal_id,
        session.created_at,
        session.authenticated_at,
        session.last_seen_at,
        session.expires_at,
        session.idle_seconds,
        session.address,
        session.user_agent,
        session.strength,
        session.device_id,
        session.acr,
        session.issuer,
        session.provider_subject,
        session.provider_session,
        session.born_at,
        *_position_columns(session.position),
    )


def session_from(row: Row) -> Session:
    """Return the session in the first eighteen columns of `row`."""
    return Session(
        id=row[0],
        principal_id=row[1],
        created_at=row[2],
        authenticated_at=row[3],
        last_seen_at=row[4],
        expires_at=row[5],
        idle_seconds=row[6],
        address=row[7],
        user_agent=row[8],
        strength=row[9],
        device_id=row[10],
        acr=row[11],
        issuer=row[12],
        provider_subject=row[13],
        provider_session=row[14],
        born_at=row[15],
        position=_position_from(row[16], row[17]),
    )


def session_and_account_from(rows: Sequence[Row]) -> tuple[Session, Account] | None:
    """Return the session and its account in `rows`, or None if there are none."""
    return (session_from(rows[0]), account_from(rows)) if rows else None


def ticket_row(ticket: Ticket) -> Row:
    """Return the row of a ticket."""
    return (
        ticket.id,
        ticket.principal_id,
        ticket.session_id,
        ticket.origin,
        ticket.endpoint,
        ticket.issued_at,
        ticket.expires_at,
        ticket.authenticated_at,
        ticket.strength,
        *_position_columns(ticket.position),
    )


def ticket_from(row: Row) -> Ticket:
    """Return the ticket in `row`."""
    return Ticket(
        id=row[0],
        principal_id=row[1],
        session_id=row[2],
        origin=row[3],
        endpoint=row[4],
        issued_at=row[5],
        expires_at=row[6],
        authenticated_at=row[7],
        strength=row[8],
        position=_position_from(row[9], row[10]),
    )


def pending_row(pending: Pending) -> Row:
    """Return the row of a pending entry."""
    return (
        pending.id,
        pending.purpose,
        pending.principal_id,
        pending.session_id,
        json_text(pending.data, "the data of what is pending"),
        pending.created_at,
        pending.expires_at,
    )


def pending_from(row: Row) -> Pending:
    """Return the pending entry in `row`."""
    return Pending(
        id=row[0],
        purpose=row[1],
        principal_id=row[2],
        session_id=row[3],
        data=_decode(row[4]),
        created_at=row[5],
        expires_at=row[6],
    )


def identity_from(row: Row) -> Identity:
    """Return the identity in `row`."""
    return Identity(issuer=row[0], subject=row[1], principal_id=row[2], linked_at=row[3])


def factor_row(factor: Factor) -> Row:
    """Return the row of a factor."""
    return (
        factor.id,
        factor.principal_id,
        factor.kind.value,
        factor.name,
        factor.secret,
        factor.handle,
        factor.counter,
        factor.created_at,
        factor.last_used_at,
        json_text(factor.details, "the details of a factor"),
    )


def factor_from(row: Row) -> Factor:
    """Return the factor in the first ten columns of `row`."""
    return Factor(
        id=row[0],
        principal_id=row[1],
        kind=FactorKind(row[2]),
        name=row[3],
        secret=row[4],
        handle=row[5],
        counter=row[6],
        created_at=row[7],
        last_used_at=row[8],
        details=_decode(row[9]),
    )


def factor_and_account_from(rows: Sequence[Row]) -> tuple[Factor, Account] | None:
    """Return the factor and its account in `rows`, or None if there are none."""
    return (factor_from(rows[0]), account_from(rows)) if rows else None


def key_row(key: ApiKey) -> Row:
    """Return the row of an API key."""
    return (
        key.id,
        key.hash,
        key.principal_id,
        key.name,
        msgspec.json.encode(sorted(key.scopes)).decode(),
        msgspec.json.encode(key.networks).decode(),
        key.created_at,
        key.expires_at,
        key.last_used_at,
        key.last_used_from,
        key.successor,
        *_position_columns(key.position),
    )


def key_from(row: Row) -> ApiKey:
    """Return the API key in the first thirteen columns of `row`."""
    return ApiKey(
        id=row[0],
        hash=row[1],
        principal_id=row[2],
        name=row[3],
        scopes=frozenset(_decode(row[4])),
        networks=tuple(_decode(row[5])),
        created_at=row[6],
        expires_at=row[7],
        last_used_at=row[8],
        last_used_from=row[9],
        successor=row[10],
        position=_position_from(row[11], row[12]),
    )


def key_and_account_from(rows: Sequence[Row]) -> tuple[ApiKey, Account] | None:
    """Return the API key and its account in `rows`, or None if there are none."""
    return (key_from(rows[0]), account_from(rows)) if rows else None


def revocation_from(row: Row) -> Revocation:
    """Return the revocation in `row`."""
    target, value, at, seq, reason, epoch, by_time = row
    return Revocation(Target(target), value, at, seq, reason, epoch, bool(by_time))


def entry_row(event: Event, entry: Entry) -> Row:
    """Return the row of an entry, with copies of the fields that searches use."""
    personal = entry.personal
    return (
        entry.seq,
        # Not bytes: `sqlite3` looks for an adapter of each of them, which costs more than storing it.
        bytearray(entry.body),
        None if personal is None else bytearray(personal),
        entry.salt,
        entry.commitment,
        entry.previous,
        entry.hash,
        *searched_by(event),
    )


def entry_from(row: Row) -> Entry:
    """Return the entry in `row`, with the copies that searches use."""
    seq, body, personal, salt, commitment, previous, linked, *copies = row
    return Entry(seq, body, personal, salt, commitment, previous, linked, tuple(copies))


def connection_row(node: str, connection: LiveConnection) -> Row:
    """Return the row of an open connection that `node` holds."""
    return (
        node,
        connection.id,
        _readable(connection.principal_id),
        connection.kind,
        _readable(connection.endpoint),
        connection.address,
        connection.opened_at,
    )


def _readable(text: str) -> str:
    # A token's JSON can name a principal with half of a surrogate pair. No database stores that; it must
    # not prevent the rest of the batch from being stored. The list is for operators only.
    return text.encode("utf-8", "backslashreplace").decode()


def connection_from(row: Row) -> LiveConnection:
    """Return the open connection in `row`."""
    id, node, principal_id, kind, endpoint, address, opened_at = row
    return LiveConnection(
        id=id,
        node=node,
        principal_id=principal_id,
        kind=kind,
        endpoint=endpoint,
        address=address,
        opened_at=opened_at,
    )
