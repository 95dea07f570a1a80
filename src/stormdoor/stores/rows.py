"""Convert rows to values and back: the columns of a table are the fields of its dataclass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from enum import Enum
from typing import Any, Final, Generic, TypeVar, get_origin, get_type_hints

import msgspec

from stormdoor.core.account import Account
from stormdoor.core.apikey import ApiKey
from stormdoor.core.backoff import Failures
from stormdoor.core.event import Entry, Event, searched_by
from stormdoor.core.factor import Factor
from stormdoor.core.identity import Identity
from stormdoor.core.log_position import LogPosition
from stormdoor.core.pending import Pending
from stormdoor.core.revocation import Revocation, Target
from stormdoor.core.session import Session
from stormdoor.core.ticket import Ticket
from stormdoor.errors import StoreError
from stormdoor.ports import LiveConnection, Member, NodeStatus, as_listed

__all__ = [
    "ACCOUNT",
    "CONNECTION",
    "FACTOR",
    "IDENTITY",
    "KEY",
    "PENDING",
    "REVOCATION",
    "SESSION",
    "TICKET",
    "Columns",
    "Row",
    "account_from",
    "accounts_from",
    "connection_row",
    "entry_from",
    "entry_row",
    "failures_from",
    "join_row",
    "json_text",
    "member_from",
    "status_row",
    "tenants_from",
]

T = TypeVar("T")

# Any: a driver does not know the types of a statement's columns. The schema does.
Row = tuple[Any, ...]

_decode = msgspec.json.Decoder().decode
_NO_BEAT: Final = -1


def failures_from(rows: Iterable[Row]) -> dict[str, Failures]:
    """Return the counters of guesses by their key."""
    return {key: Failures(count, last) for key, count, last in rows}


def json_text(values: object, what: str = "attributes") -> str:
    """Return the attributes, or `what`, as JSON.

    Raises:
        StoreError: They contain a value that JSON cannot represent.
    """
    try:
        return msgspec.json.encode(values, order="sorted").decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{what} must be JSON values: {error}") from error


# The type of a field → how it is written to its column, and read from it. Other types are stored as they are.
_FORMS: Final[Mapping[object, tuple[str, str]]] = {
    Mapping: ("json_text({0}, {1!r})", "decode({0})"),
    frozenset: ("json_text({0}, {1!r})", "frozenset(decode({0}))"),
    tuple: ("json_text({0}, {1!r})", "tuple(decode({0}))"),
    bool: ("{0}", "bool({0})"),
    LogPosition | None: (
        "*({0} or (None, None))",
        "None if {0} is None else LogPosition({0}, {2})",
    ),
}


class Columns(Generic[T]):
    """Columns of a table: one for each field of a dataclass, but two for a position in the log.

    The two conversions are generated once, at import, as `dataclasses` generates `__init__`: reading the
    fields by a loop would cost a handshake more than its look-up.

    Args:
        kind: The dataclass.
        without: A field that has no column.

    Attributes:
        names: The columns.
        row: Returns the row of a value.
        value: Returns the value in the first columns of a row.
    """

    __slots__ = ("names", "row", "value")

    def __init__(self, kind: type[T], without: str = "") -> None:
        hints = get_type_hints(kind)
        written, read, names = [], [], list[str]()
        scope: dict[str, object] = {
            "LogPosition": LogPosition,
            "decode": _decode,
            "json_text": json_text,
            "kind": kind,
        }
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name == without:
                continue
            hint = hints[field.name]
            to_column, from_column = _FORMS.get(get_origin(hint) or hint) or _FORMS.get(
                hint, ("{0}", "{0}")
            )
            if isinstance(hint, type) and issubclass(hint, Enum):
                scope[hint.__name__] = hint
                to_column, from_column = "{0}.value", f"{hint.__name__}({{0}})"
            at = len(names)
            written.append(to_column.format(f"value.{field.name}", field.name))
            read.append(
                f"{field.name}=" + from_column.format(f"row[{at}]", field.name, f"row[{at + 1}]")
            )
            names += ["log_epoch", "log_seq"] if hint == LogPosition | None else [field.name]
        self.names = tuple(names)
        # The text consists of field names and of the forms above.
        self.row: Callable[[T], Row] = eval(f"lambda value: ({', '.join(written)},)", scope)  # noqa: S307
        self.value: Callable[[Row], T] = eval(f"lambda row: kind({', '.join(read)})", scope)  # noqa: S307

    def of(self, alias: str) -> str:
        """Return the columns as a SELECT lists them, of the table with that `alias`."""
        return ", ".join(f"{alias}.{name}" for name in self.names)

    def into(self, table: str) -> str:
        """Return the INSERT of a row into `table`."""
        marks = ", ".join("?" * len(self.names))
        return f"INSERT INTO {table} ({', '.join(self.names)}) VALUES ({marks})"  # noqa: S608 - constants

    def over(self, table: str) -> str:
        """Return the UPDATE that replaces the row of `table` with an id, which is the last parameter."""
        columns = ", ".join(f"{name} = ?" for name in self.names)
        return f"UPDATE {table} SET {columns} WHERE id = ?"  # noqa: S608 - constants

    def with_account(self, rows: Sequence[Row]) -> tuple[T, Account] | None:
        """Return the value and its account in `rows`, or None if there are none."""
        return (self.value(rows[0]), account_from(rows)) if rows else None


ACCOUNT: Final = Columns(Account, without="roles")  # roles have rows of their own
CONNECTION: Final = Columns(LiveConnection)
FACTOR: Final = Columns(Factor)
IDENTITY: Final = Columns(Identity)
KEY: Final = Columns(ApiKey)
PENDING: Final = Columns(Pending)
REVOCATION: Final = Columns(Revocation)
SESSION: Final = Columns(Session)
TICKET: Final = Columns(Ticket)


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
    listed = replace(connection, node=node, roles=frozenset(map(as_listed, connection.roles)))
    return tuple(
        as_listed(each) if isinstance(each, str) else each for each in CONNECTION.row(listed)
    )


def tenants_from(rows: Iterable[Row], target: Target, value: str) -> set[str | None]:
    """Return the tenants in rows of tenants and roles; of a revocation of a role, in those with the role."""
    role = as_listed(value) if target is Target.ROLE else None
    return {tenant for tenant, roles in rows if role is None or role in _decode(roles)}


def status_row(status: NodeStatus) -> Row:
    """Return the columns of what a node reports with a beat."""
    return (
        *status.applied,
        status.lease,
        status.version,
        status.policies,
        status.connections,
    )


def join_row(status: NodeStatus, replacing: Member | None) -> Row:
    """Return the columns of a node that joins, and which row it may replace: of which instance and beat."""
    other = ("", _NO_BEAT) if replacing is None else (replacing.status.instance, replacing.beat)
    return (*status_row(status), status.instance, *other)


def member_from(row: Row) -> Member:
    """Return the node in `row`."""
    node, beat, age, declared, epoch, seq, lease, version, policies, connections, instance = row
    return Member(
        node=node,
        beat=beat,
        # A beat in the future was dated by another clock.
        age=age if age >= 0.0 else float("inf"),
        declared=bool(declared),
        status=NodeStatus(
            applied=LogPosition(epoch, seq),
            lease=lease,
            version=version,
            policies=policies,
            connections=connections,
            instance=instance,
        ),
    )
