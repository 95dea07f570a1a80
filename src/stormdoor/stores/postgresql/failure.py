"""Convert errors of PostgreSQL to messages for an operator."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final

import asyncpg

from stormdoor.errors import StoreError, StoreUnavailable

__all__ = [
    "LOST",
    "TRANSIENT",
    "AnotherServer",
    "NoPrimary",
    "Pooled",
    "UnsendableText",
    "check_text",
    "is_unsent",
    "refused",
    "unavailable",
]


class UnsendableText(StoreError):
    """A text that no row can contain: it has U+0000 or half of a surrogate pair."""


class AnotherServer(ConnectionError):
    """A server that is not the one of the last heartbeat."""


class Pooled(ConnectionError):
    """A pooler answers, such as PgBouncer, which may give each transaction another connection."""


class NoPrimary(ConnectionError):
    """None of several hosts gives a connection to a primary.

    Args:
        failures: The failure of each host.
    """

    def __init__(self, failures: Mapping[str, BaseException]) -> None:
        super().__init__("; ".join(f"{place}: {_cause(one)}" for place, one in failures.items()))


LOST: Final = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InternalServerError,
)
"""Errors after which a connection cannot be used any more."""

TRANSIENT: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""Errors of a transaction that may succeed if it is repeated."""

_CAUSES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (AnotherServer, "it is not the server of the last heartbeat, but an old primary or a new one"),
    (Pooled, "a pooler such as PgBouncer is in between; write the address of PostgreSQL itself"),
    (NoPrimary, "none of its hosts is a primary that answers"),
    (TimeoutError, "it does not answer in time"),
    (asyncpg.InternalClientError, "it has ended the connection"),
    (ssl.SSLError, "TLS fails; check the host in the URL, sslmode and sslrootcert"),
    (
        FileNotFoundError,
        "a file that the URL names does not exist: a socket, or that of sslrootcert",
    ),
    (ConnectionRefusedError, "nothing listens there; check that the server runs, and its address"),
    (OSError, "it cannot be reached; check the address and the network"),
    (asyncpg.InvalidPasswordError, "it refuses the user or the password"),
    (asyncpg.InvalidAuthorizationSpecificationError, "it refuses the user or the password"),
    (asyncpg.InvalidCatalogNameError, "there is no such database; create it"),
    (
        asyncpg.InsufficientPrivilegeError,
        "the user lacks a right; use the login for this task, see the how-to PostgreSQL",
    ),
    (
        asyncpg.ClientConfigurationError,
        "correct its URL, or the file of its password or certificate",
    ),
    (asyncpg.UndefinedObjectError, "it does not know an option of the URL"),
    (asyncpg.TooManyConnectionsError, "it has no free connection; raise max_connections"),
    (asyncpg.DiskFullError, "its disk is full"),
    (asyncpg.ReadOnlySQLTransactionError, "it is a standby or read-only"),
    (asyncpg.exceptions.TargetServerAttributeNotMatched, "it is a standby or read-only"),
    (asyncpg.UndefinedTableError, "it lacks a table; run: stormdoor migrate apply --store URL"),
    (asyncpg.UndefinedColumnError, "it lacks a column; run: stormdoor migrate apply --store URL"),
    (
        asyncpg.LockNotAvailableError,
        "another transaction keeps a lock, or waits for its standby; see pg_stat_activity",
    ),
    (asyncpg.CannotConnectNowError, "it starts or stops"),
    (asyncpg.AdminShutdownError, "it stops"),
)


def _cause(error: BaseException) -> str:
    return next((text for kind, text in _CAUSES if isinstance(error, kind)), "it does not answer")


def is_unsent(error: BaseException) -> bool:
    """Return whether asyncpg refused to send a statement, because the server has ended the connection.

    The server may say so without being asked, such as at a restart or after a time limit of the session.
    Until the end of the connection arrives, asyncpg holds it open, and says that "another operation (2) is in
    progress".
    """
    return isinstance(error, asyncpg.InternalClientError) and str(error).startswith("cannot switch")


def unavailable(name: str, error: BaseException) -> StoreUnavailable:
    """Return the exception for an `error` of the database `name`, which changed nothing."""
    if is_unsent(error):
        return StoreUnavailable(f"the store {name}: {_cause(error)}")
    details = str(error) or type(error).__name__
    return StoreUnavailable(f"the store {name}: {_cause(error)} (PostgreSQL: {details})")


def refused(error: asyncpg.IntegrityConstraintViolationError) -> StoreError:
    """Return the exception for a change that the schema forbids."""
    if isinstance(error, asyncpg.UniqueViolationError):
        table = getattr(error, "table_name", None) or "object"
        return StoreError(f"this {table.replace('_', ' ')} exists already")
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return StoreError("there is no such account")
    return StoreError(str(error))


def check_text(value: object) -> None:
    """Check a parameter before it is sent.

    Raises:
        UnsendableText: It is a text that PostgreSQL rejects.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise UnsendableText("text with U+0000 cannot be stored")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise UnsendableText("text with a lone surrogate cannot be stored") from error
