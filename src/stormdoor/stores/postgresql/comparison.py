"""Compare the schema of a database with the one that the migrations make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from stormdoor.stores.postgresql.schema import (
    MIGRATIONS,
    SCHEMA,
    Migration,
    statements,
)

if TYPE_CHECKING:
    from asyncpg import Connection

__all__ = ["differences"]

_COPY: Final = "stormdoor_expected"

# One row for each column, constraint, index, function and right. Partitions belong to the data.
_FACTS: Final = """
WITH relations AS (
    SELECT c.* FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND NOT c.relispartition
)
SELECT 'column ' || c.relname || '.' || a.attname || ' '
    || concat_ws(' ', format_type(a.atttypid, a.atttypmod), l.collname,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END, pg_get_expr(d.adbin, d.adrelid),
        nullif(a.attidentity, ''))
FROM relations c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint ' || c.relname || '.' || o.conname || ' ' || pg_get_constraintdef(o.oid)
FROM relations c JOIN pg_constraint o ON o.conrelid = c.oid WHERE o.contype <> 'n'
UNION ALL
SELECT 'index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
FROM relations c JOIN pg_index i ON i.indrelid = c.oid
UNION ALL
SELECT 'function ' || p.oid::regprocedure || ' ' || p.prosecdef || ' ' || coalesce(p.proconfig::text, '')
    || ' ' || md5(replace(p.prosrc, $1, ''))
FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)
UNION ALL
SELECT 'right of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END || ' on '
    || c.relname || ': ' || x.privilege_type
FROM relations c CROSS JOIN LATERAL aclexplode(c.relacl) x WHERE x.grantee <> c.relowner
UNION ALL
SELECT 'right of ' || x.grantee::regrole || ' on ' || c.relname || '.' || a.attname || ': '
    || x.privilege_type
FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid
CROSS JOIN LATERAL aclexplode(a.attacl) x WHERE x.grantee <> c.relowner
UNION ALL
SELECT 'right of ' || CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END || ' on '
    || p.oid::regprocedure || ': ' || x.privilege_type
FROM pg_proc p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
WHERE p.pronamespace = to_regnamespace($1) AND x.grantee <> p.proowner
"""


async def differences(
    connection: Connection, migrations: Sequence[Migration] = MIGRATIONS
) -> list[str]:
    """Return the differences between the schema of the database and what `migrations` make.

    It runs the migrations in a namespace of its own, within a transaction that it rolls back. An index that
    the operator has added is no difference.

    Args:
        connection: A connection of the owner of the tables.
        migrations: The migrations that the database has.

    Raises:
        asyncpg.PostgresError: A statement failed, such as for want of a right.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL search_path = {SCHEMA}, pg_temp")
        found = await _facts(connection, SCHEMA)
        await connection.execute(
            f"CREATE SCHEMA {_COPY}; SET LOCAL search_path = {_COPY}, pg_temp;"
            f"CREATE TABLE schema_version (LIKE {SCHEMA}.schema_version INCLUDING ALL)"
        )
        for one in migrations:
            sql = re.sub(rf"\b{SCHEMA}\b", _COPY, one.sql)
            if one.mode == "concurrent":
                sql = ";".join(statements(sql)).replace("CONCURRENTLY", "")
            await connection.execute(sql)
        expected = await _facts(connection, _COPY)
    finally:
        await transaction.rollback()
    lacking = [f"missing or different: {fact}" for fact in sorted(expected - found)]
    more = [
        f"not made by a migration: {fact}"
        for fact in sorted(found - expected)
        if not fact.startswith("index ") or fact.endswith(" INVALID")
    ]
    return lacking + more


async def _facts(connection: Connection, namespace: str) -> set[str]:
    return {
        str(row[0]).replace(f"{namespace}.", "").replace(namespace, SCHEMA)
        for row in await connection.fetch(_FACTS, namespace)
    }
