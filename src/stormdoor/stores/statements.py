"""The SQL statements of every SQL store.

Written in the common part of SQLite (3.35 or later) and PostgreSQL: `ON CONFLICT`, `RETURNING`, and no
function that only one of them has. `?` is used only for parameters, so that a driver with another style can
replace it.

Roles are one row each, joined last: one statement, without an aggregate function, which the two spell
differently.
"""

from stormdoor.core.revocation import Revocation, Target
from stormdoor.ports import as_listed
from stormdoor.stores.rows import (
    ACCOUNT,
    CONNECTION,
    FACTOR,
    IDENTITY,
    KEY,
    PENDING,
    REVOCATION,
    SESSION,
    TICKET,
)

__all__: list[str] = []

# accounts ---------------------------------------------------------------------------------------

_ACCOUNT = f"{ACCOUNT.of('a')}, r.role"

ACCOUNT_BY_ID = f"""
SELECT {_ACCOUNT}
FROM account a
LEFT JOIN account_role r ON r.account_id = a.id
WHERE a.id = ?
"""  # noqa: S608 - a constant

ALL_ACCOUNTS = f"""
SELECT {_ACCOUNT}
FROM account a
LEFT JOIN account_role r ON r.account_id = a.id
ORDER BY a.id
"""  # noqa: S608 - a constant

ALL_TENANTS = "SELECT DISTINCT tenant FROM account"
TENANTS_WITH_ROLE = """
SELECT DISTINCT a.tenant FROM account a JOIN account_role r ON r.account_id = a.id WHERE r.role = ?
"""
TENANTS_WITH_DEVICE = """
SELECT DISTINCT a.tenant FROM account a JOIN session s ON s.principal_id = a.id WHERE s.device_id = ?
"""
ADD_ACCOUNT = ACCOUNT.into("account")
ADD_ROLE = "INSERT INTO account_role (account_id, role) VALUES (?, ?)"
ADD_ROLE_ONCE = """
INSERT INTO account_role (account_id, role) VALUES (?, ?) ON CONFLICT (account_id, role) DO NOTHING
"""
REMOVE_ROLE = "DELETE FROM account_role WHERE account_id = ? AND role = ?"
REMOVE_ACCOUNT = "DELETE FROM account WHERE id = ?"
HAS_ACCOUNT = "SELECT 1 FROM account WHERE id = ?"
SET_PASSWORD_HASH = "UPDATE account SET password_hash = ? WHERE id = ?"  # noqa: S105 - a statement
REPLACE_PASSWORD_HASH = """
UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?
"""  # noqa: S105 - a statement
SET_DISABLED = "UPDATE account SET disabled = ? WHERE id = ?"
SET_ATTRIBUTES = "UPDATE account SET attributes = ? WHERE id = ?"

# sessions ---------------------------------------------------------------------------------------

_SESSION = SESSION.of("s")

SESSION_BY_ID = f"""
SELECT {_SESSION}, {_ACCOUNT}
FROM session s
JOIN account a ON a.id = s.principal_id
LEFT JOIN account_role r ON r.account_id = a.id
WHERE s.id = ?
"""  # noqa: S608 - a constant

SESSIONS_OF = f"""
SELECT {_SESSION}
FROM session s
WHERE s.principal_id = ?
ORDER BY s.created_at DESC, s.id
"""  # noqa: S608 - a constant

_SESSIONS_OF_PROVIDER = f"SELECT {_SESSION} FROM session s WHERE s.issuer = ?"  # noqa: S608 - a constant
_NEWEST_FIRST = "ORDER BY s.created_at DESC, s.id"


def sessions_of_provider(
    issuer: str, subject: str | None, sid: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return the SELECT of a provider's sessions, and its parameters. See `Sessions.sessions_of_provider`.

    Raises:
        ValueError: Neither `subject` nor `sid` is given.
    """
    if subject is None and sid is None:
        raise ValueError("name the subject, the session, or both")
    wanted = [("provider_subject", subject), ("provider_session", sid)]
    clauses = [f"AND s.{column} = ?" for column, value in wanted if value is not None]
    values = [value for _, value in wanted if value is not None]
    return " ".join([_SESSIONS_OF_PROVIDER, *clauses, _NEWEST_FIRST]), (issuer, *values)


CURRENT_SESSION = f"""
SELECT {_SESSION}
FROM session s
WHERE s.id = ? OR s.id = (SELECT f.session_id FROM former_session_id f WHERE f.id = ?)
ORDER BY s.id <> ?
LIMIT 1
"""  # noqa: S608 - a constant
FORMER_IDS = "SELECT id, session_id FROM former_session_id ORDER BY id"

ADD_SESSION = SESSION.into("session")
# One UPDATE: the former ids follow the new id, and a removal by owner that waits for it finds the session.
REPLACE_SESSION = SESSION.over("session")
ADD_FORMER_ID = """
INSERT INTO former_session_id (id, session_id)
VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET session_id = excluded.session_id
"""
TOUCH_SESSION = "UPDATE session SET last_seen_at = ? WHERE id = ? AND last_seen_at < ?"
REMOVE_SESSION = "DELETE FROM session WHERE id = ?"
SESSIONS_BUT_ONE = "SELECT id FROM session WHERE principal_id = ? AND id <> ? ORDER BY id"
REMOVE_OTHER_SESSIONS = "DELETE FROM session WHERE principal_id = ? AND id <> ? RETURNING id"
# Not the idle ones: a connection of a receive-only endpoint may still belong to one.
PURGE_SESSIONS = "DELETE FROM session WHERE expires_at < ?"

_SESSIONS_OF_TARGET = {
    Target.DEVICE: "s.device_id = ?",
    Target.ROLE: "s.principal_id IN (SELECT account_id FROM account_role WHERE role = ?)",
    Target.TENANT: "s.principal_id IN (SELECT id FROM account WHERE tenant = ?)",
    Target.EVERYTHING: "? = ''",
}


def accounts_named(
    target: Target, value: str, after: str, limit: int
) -> tuple[str, tuple[object, ...]]:
    """Return the SELECT of ids and tenants of the accounts that a revocation names, with its parameters."""
    of_target = _SESSIONS_OF_TARGET[target].replace("s.principal_id", "id")
    statement = f"SELECT id, tenant FROM account WHERE {of_target} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608 - constants
    return statement, (value, after, limit)


def reached_sessions(
    entry: Revocation, skew: float, limit: int, after: str = ""
) -> tuple[str, tuple[object, ...]]:
    """Return the SELECT of sessions that `entry` reaches, each with its tenant, and its parameters.

    INVARIANT: the rule of `Revocation.reaches`.
    """
    reach: tuple[object, ...]
    if entry.by_time:
        rule = "(s.born_at <= ? OR (s.log_epoch IS NULL AND s.born_at <= ?))"
        reach = (entry.at, entry.at + skew)
    else:
        rule = "CASE WHEN s.log_epoch = ? THEN s.log_seq < ? ELSE s.born_at <= ? END"
        reach = (entry.epoch, entry.seq, entry.at + skew)
    of_target = _SESSIONS_OF_TARGET[entry.target]
    statement = f"""
    SELECT {_SESSION}, (SELECT a.tenant FROM account a WHERE a.id = s.principal_id)
    FROM session s
    WHERE {of_target} AND {rule} AND s.id > ?
    ORDER BY s.id
    LIMIT ?
    """  # noqa: S608 - constants
    return statement, (entry.value, *reach, after, limit)


def reached_pendings(entry: Revocation, skew: float) -> tuple[str, tuple[object, ...]] | None:
    """Return the DELETE of pending entries without a session that `entry` ends; None if it ends none."""
    if entry.by_time or entry.target is Target.DEVICE:
        return None
    of_target = _SESSIONS_OF_TARGET[entry.target].replace("s.", "")
    statement = f"""
    DELETE FROM pending
    WHERE {of_target} AND principal_id IS NOT NULL AND session_id IS NULL AND created_at <= ?
    """  # noqa: S608 - constants
    return statement, (entry.value, entry.at + skew)


# tickets and nonces -----------------------------------------------------------------------------

ADD_TICKET = TICKET.into("ticket")
TAKE_TICKET = f"DELETE FROM ticket WHERE id = ? RETURNING {TICKET.of('ticket')}"  # noqa: S608 - a constant
REMOVE_TICKETS_OF_SESSION = "DELETE FROM ticket WHERE session_id = ?"
REMOVE_OTHER_TICKETS = "DELETE FROM ticket WHERE principal_id = ? AND session_id <> ?"
PURGE_TICKETS = "DELETE FROM ticket WHERE expires_at < ?"

USE_NONCE = """
INSERT INTO nonce (purpose, value, expires_at)
VALUES (?, ?, ?)
ON CONFLICT (purpose, value) DO NOTHING
"""
PURGE_NONCES = "DELETE FROM nonce WHERE expires_at < ?"

# pending ----------------------------------------------------------------------------------------

_PENDING = ", ".join(PENDING.names)

ADD_PENDING = PENDING.into("pending")
ADD_NOBODYS_PENDING = f"""
INSERT INTO pending ({_PENDING})
SELECT ?, ?, ?, ?, ?, ?, ?
WHERE ? > (SELECT count(*) FROM pending WHERE principal_id IS NULL AND purpose = ?)
"""  # noqa: S608 - a constant
REMOVE_NOBODYS_PENDING = """
DELETE FROM pending WHERE principal_id IS NULL AND purpose = ? AND expires_at <= ?
"""
PENDING_BY_ID = f"SELECT {_PENDING} FROM pending WHERE id = ? AND purpose = ?"  # noqa: S608 - a constant
TAKE_PENDING = f"""
DELETE FROM pending WHERE id = ? AND purpose = ? RETURNING {_PENDING}
"""  # noqa: S608 - a constant
REMOVE_PENDING_OF_SESSION = "DELETE FROM pending WHERE session_id = ?"
REMOVE_OTHER_PENDING = """
DELETE FROM pending WHERE principal_id = ? AND (session_id IS NULL OR session_id <> ?)
"""
PURGE_PENDING = "DELETE FROM pending WHERE expires_at < ?"

# identities -------------------------------------------------------------------------------------

ACCOUNT_OF_IDENTITY = f"""
SELECT {_ACCOUNT}
FROM identity i
JOIN account a ON a.id = i.principal_id
LEFT JOIN account_role r ON r.account_id = a.id
WHERE i.issuer = ? AND i.subject = ?
"""  # noqa: S608 - a constant
IDENTITIES_OF = f"""
SELECT {IDENTITY.of("i")}
FROM identity i
WHERE i.principal_id = ?
ORDER BY i.linked_at, i.issuer, i.subject
"""  # noqa: S608 - a constant
LINK_IDENTITY = IDENTITY.into("identity")
UNLINK_IDENTITY = f"""
DELETE FROM identity WHERE issuer = ? AND subject = ? RETURNING {IDENTITY.of("identity")}
"""  # noqa: S608 - a constant

# familiar addresses ------------------------------------------------------------------------------

ADDRESS_SEEN = "SELECT seen_at FROM familiar_address WHERE principal_id = ? AND address = ?"
REMEMBER_ADDRESS = """
INSERT INTO familiar_address (principal_id, address, seen_at)
SELECT id, ?, ? FROM account WHERE id = ?
ON CONFLICT (principal_id, address) DO UPDATE SET seen_at = excluded.seen_at
"""
FORGET_ADDRESSES = """
DELETE FROM familiar_address
WHERE principal_id = ? AND address NOT IN (
    SELECT address FROM familiar_address WHERE principal_id = ?
    ORDER BY seen_at DESC, address DESC LIMIT ?
)
"""
PURGE_ADDRESSES = "DELETE FROM familiar_address WHERE seen_at < ?"

# guesses of passwords ---------------------------------------------------------------------------

GUESSES = "SELECT key, count, last FROM guess WHERE key IN (?, ?)"
SET_GUESSES = """
INSERT INTO guess (key, count, last) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET count = excluded.count, last = excluded.last
"""
REMOVE_GUESSES = "DELETE FROM guess WHERE key = ? AND count < 1"
PURGE_GUESSES = "DELETE FROM guess WHERE last < ?"

# factors ----------------------------------------------------------------------------------------

_FACTOR = FACTOR.of("f")

FACTORS_OF = f"""
SELECT {_FACTOR} FROM factor f WHERE f.principal_id = ? ORDER BY f.created_at, f.id
"""  # noqa: S608 - a constant
FACTOR_BY_HANDLE = f"""
SELECT {_FACTOR}, {_ACCOUNT}
FROM factor f
JOIN account a ON a.id = f.principal_id
LEFT JOIN account_role r ON r.account_id = a.id
WHERE f.handle = ?
"""  # noqa: S608 - a constant
ADD_FACTOR = FACTOR.into("factor")
REMOVE_FACTOR = "DELETE FROM factor WHERE id = ? AND principal_id = ?"
HAS_FACTOR = "SELECT 1 FROM factor WHERE principal_id = ?"
# INVARIANT: the rule of `Factor.accepts`.
USE_FACTOR = """
UPDATE factor
SET counter = ?, last_used_at = ?
WHERE id = ? AND (counter < ? OR (kind = 'passkey' AND counter = 0 AND CAST(? AS BIGINT) = 0))
"""
RESEAL_FACTOR = "UPDATE factor SET secret = ? WHERE id = ? AND secret = ?"

ADD_RECOVERY_CODE = "INSERT INTO recovery_code (principal_id, hash) VALUES (?, ?)"
REMOVE_RECOVERY_CODES = "DELETE FROM recovery_code WHERE principal_id = ?"
USE_RECOVERY_CODE = "DELETE FROM recovery_code WHERE principal_id = ? AND hash = ?"
COUNT_RECOVERY_CODES = "SELECT count(*) FROM recovery_code WHERE principal_id = ?"

FACTOR_FAILURES = "SELECT failures, last_at FROM factor_failure WHERE principal_id = ?"
ADD_FACTOR_FAILURES = """
INSERT INTO factor_failure (principal_id, failures, last_at)
VALUES (?, ?, ?)
ON CONFLICT (principal_id) DO NOTHING
"""
SET_FACTOR_FAILURES = """
UPDATE factor_failure SET failures = ?, last_at = ? WHERE principal_id = ? AND failures = ?
"""
CLEAR_FACTOR_FAILURES = "DELETE FROM factor_failure WHERE principal_id = ? AND failures = ?"

# API keys ---------------------------------------------------------------------------------------

_KEY = KEY.of("k")

KEY_BY_ID = f"""
SELECT {_KEY}, {_ACCOUNT}
FROM api_key k
JOIN account a ON a.id = k.principal_id
LEFT JOIN account_role r ON r.account_id = a.id
WHERE k.id = ?
"""  # noqa: S608 - a constant

ALL_KEYS = f"SELECT {_KEY} FROM api_key k ORDER BY k.created_at DESC, k.id"  # noqa: S608 - a constant

KEYS_OF = f"""
SELECT {_KEY}
FROM api_key k
WHERE k.principal_id = ?
ORDER BY k.created_at DESC, k.id
"""  # noqa: S608 - a constant

ADD_KEY = KEY.into("api_key")
EXPIRE_KEY = """
UPDATE api_key
SET expires_at = CASE WHEN expires_at < ? THEN expires_at ELSE ? END, successor = ?
WHERE id = ? AND successor IS NULL
"""
REMOVE_KEY_WITHOUT_SUCCESSOR = "DELETE FROM api_key WHERE id = ? AND successor IS NULL"
REMOVE_KEY = "DELETE FROM api_key WHERE id = ?"
TOUCH_KEY = """
UPDATE api_key
SET last_used_at = ?, last_used_from = ?
WHERE id = ? AND (last_used_at IS NULL OR last_used_at <= ?)
"""

# revocations ------------------------------------------------------------------------------------

# A counter in a row, not a sequence: the row's lock makes the order of `seq` the order of commits. So a
# reader that has seen 6 cannot miss a 5 that commits later.
NEXT_REVOCATION = """
UPDATE counter SET value = value + 1 WHERE name = 'revocation' RETURNING value
"""
ADD_REVOCATION = REVOCATION.into("revocation")
LOG = "SELECT epoch, newest_at, inode FROM revocation_log"
MOVE_NEWEST = "UPDATE revocation_log SET newest_at = ?"
BEGIN_EPOCH = "UPDATE revocation_log SET epoch = ?, inode = ?"
# INVARIANT: read in the transaction that adds a credential, it is before every later revocation.
LOG_POSITION = """
SELECT l.epoch, c.value FROM revocation_log l CROSS JOIN counter c WHERE c.name = 'revocation'
"""
# Only entries without any effect; all others are kept permanently.
PURGE_REVOCATIONS = """
DELETE FROM revocation
WHERE target IN ('session', 'moved', 'connection', 'changed') AND at < ?
"""
REVOCATIONS_AFTER = f"""
SELECT {REVOCATION.of("r")} FROM revocation r WHERE r.seq > ? ORDER BY r.seq
"""  # noqa: S608 - a constant

# Whether an entry has an effect later, and on which credentials, is written in `Revocation.reaches`. The
# latest of several decides like all of them.
LASTING_REVOCATIONS = """
SELECT target, value, max(at), max(seq), '', epoch, by_time
FROM revocation
WHERE target NOT IN ('session', 'moved', 'changed')
GROUP BY target, value, epoch, by_time
ORDER BY max(seq)
"""
REVOCATIONS_OF = f"""
SELECT {REVOCATION.of("r")} FROM revocation r WHERE r.target = ? AND r.value = ?
"""  # noqa: S608 - a constant
# No position is given twice, also of the entries that a restored log lost.
SKIP_REVOCATIONS = "UPDATE counter SET value = ? WHERE name = 'revocation' AND value < ?"

# trail ------------------------------------------------------------------------------------------

ENTRY = "seq, body, personal, salt, commitment, previous, hash, time, name, principal, actor"

TRAIL_HEAD = "SELECT head_seq, head_hash FROM trail_state"
MOVE_TRAIL_HEAD = "UPDATE trail_state SET head_seq = ?, head_hash = ?"
TRAIL_ENDS = "SELECT anchor_seq, anchor_hash, head_seq, head_hash FROM trail_state"
TRAIL_ANCHOR = "SELECT anchor_seq, anchor_hash FROM trail_state"
MOVE_TRAIL_ANCHOR = "UPDATE trail_state SET anchor_seq = ?, anchor_hash = ?"
TRAIL_BUDGET = "SELECT budget_spent_until FROM trail_state"
SPEND_TRAIL_BUDGET = "UPDATE trail_state SET budget_spent_until = ?"
TRAIL_UNLOCKED = "SELECT unlocked FROM trail_state"
UNLOCK_TRAIL = "UPDATE trail_state SET unlocked = ?"

ADD_ENTRY = f"INSERT INTO trail ({ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
HAS_BATCH = "SELECT 1 FROM trail WHERE seq > ? AND salt = ? LIMIT 1"

# Retention drops the beginning of the chain, so it stops at the first entry that is young enough, even if
# older ones follow (the clock had been set back).
# Without the index of the times, which would read and sort all later entries.
FIRST_KEPT = "SELECT seq FROM trail WHERE +time >= ? ORDER BY seq LIMIT 1"
LAST_DROPPED = """
SELECT seq, hash FROM trail WHERE seq < ? AND seq <= ? ORDER BY seq DESC LIMIT 1
"""
NO_SEQ = 2**63 - 1  # greater than that of every entry
DROP_ENTRIES = "DELETE FROM trail WHERE seq <= ?"
ERASE_PERSONAL = """
UPDATE trail
SET personal = NULL, salt = NULL, principal = NULL, actor = NULL
WHERE principal = ? OR actor = ?
"""

# connections ------------------------------------------------------------------------------------

_NEW_CONNECTION = ", ".join(f"{name} = excluded.{name}" for name in CONNECTION.names)
ADD_CONNECTION = f"""
{CONNECTION.into("live_connection")} ON CONFLICT (node, id) DO UPDATE SET {_NEW_CONNECTION}
"""
REMOVE_CONNECTION = "DELETE FROM live_connection WHERE node = ? AND id = ?"
LIVE_CONNECTIONS = f"""
SELECT {CONNECTION.of("c")}
FROM live_connection c
ORDER BY c.opened_at, c.node, c.id
"""  # noqa: S608 - a constant
CONNECTIONS_AFTER = f"""
SELECT {CONNECTION.of("c")}
FROM live_connection c
WHERE (c.node, c.id) > (?, ?)
ORDER BY c.node, c.id
LIMIT ?
"""  # noqa: S608 - a constant

_CONNECTIONS_OF_TARGET = {
    Target.PRINCIPAL: "principal_id = ?",
    Target.SESSION: "session_id = ?",
    Target.CREDENTIAL: "coalesce(credential_id, session_id) = ?",
    Target.TOKEN: "token_hash = ?",
    Target.DEVICE: "device_id = ?",
    Target.TENANT: "tenant = ?",
    Target.CONNECTION: "id = ?",
}


def tenants_of_connections(target: Target, value: str) -> tuple[str, tuple[object, ...]]:
    """Return the SELECT of tenants and roles of connections, for `tenants_from`, with its parameters."""
    of_target = _CONNECTIONS_OF_TARGET.get(target)
    rule, values = ("", ()) if of_target is None else (f"WHERE {of_target}", (as_listed(value),))
    return f"SELECT DISTINCT tenant, roles FROM live_connection {rule}", values  # noqa: S608 - constants


# members ----------------------------------------------------------------------------------------

JOIN_NODE = """
INSERT INTO node (
    id, beat, declared, alive_at, log_epoch, log_seq, lease, version, policies, connections, instance
)
VALUES (?, 1, FALSE, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    beat = node.beat + 1, declared = FALSE, alive_at = excluded.alive_at, log_epoch = excluded.log_epoch,
    log_seq = excluded.log_seq, lease = excluded.lease, version = excluded.version,
    policies = excluded.policies, connections = excluded.connections, instance = excluded.instance
WHERE node.instance = excluded.instance OR (node.declared AND node.instance = ? AND node.beat = ?)
"""
RECORD_BEAT = """
UPDATE node
SET beat = beat + 1, alive_at = ?, log_epoch = ?, log_seq = ?, lease = ?, version = ?, policies = ?,
    connections = ?
WHERE id = ? AND instance = ? AND NOT declared
"""
# One statement, so that the head and the state of the node are of one moment.
HEAD_FOR_NODE = """
SELECT l.epoch, c.value, n.declared
FROM revocation_log l CROSS JOIN counter c LEFT JOIN node n ON n.id = ? AND n.instance = ?
WHERE c.name = 'revocation'
"""
MEMBERS = """
SELECT id, beat, ? - alive_at, declared, log_epoch, log_seq, lease, version, policies, connections,
    instance
FROM node ORDER BY id
"""
# A beat by a read is not recorded, so the node may hold a lease that it renewed until now.
DECLARE_LAPSED = (
    "UPDATE node SET declared = TRUE, alive_at = ? WHERE id = ? AND beat = ? AND NOT declared"
)
DECLARED = "SELECT 1 FROM node WHERE id = ? AND beat = ? AND declared"
REMOVE_NODE = "DELETE FROM node WHERE id = ? AND instance = ?"
REMOVE_LAPSED = "DELETE FROM node WHERE id = ? AND instance = ? AND beat = ? AND declared"
