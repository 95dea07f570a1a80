"""Convert the statements of `stormdoor.stores.statements` for PostgreSQL."""

import functools
import itertools
import re
from typing import Final

__all__ = ["EPOCH", "batched", "numbered"]

EPOCH: Final = "l.epoch || '.' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
"""The epoch of the log without the system identifier: the row `l`, and the timeline of the WAL.

A standby has the row of its primary, and after its promotion another timeline. A server in recovery raises.
"""

_MARK: Final = re.compile(r"\?")


@functools.cache
def numbered(statement: str) -> str:
    """Return a statement with `$1`, `$2` and so on in place of its `?`."""
    numbers = itertools.count(1)
    return _MARK.sub(lambda _: f"${next(numbers)}", statement)


@functools.cache
def batched(statement: str) -> str:
    """Return a statement that runs a SELECT for several sets of its parameters, which are texts.

    Its parameters are one array for each `?`. Each row begins with the epoch of the server, the number of the
    set, from 1, and 1 if the SELECT found a row, else NULL. There is a row for each set in any case.
    """
    numbers = itertools.count(1)
    select = _MARK.sub(lambda _: f"given.key{next(numbers)}", statement)
    count = next(numbers) - 1
    arrays = ", ".join(f"${n}::text[]" for n in range(1, count + 1))
    names = ", ".join(f"key{n}" for n in range(1, count + 1))
    return f"""
SELECT e.epoch, given.n, x.*
FROM (SELECT {EPOCH} AS epoch FROM revocation_log l WHERE l.id = 1) e
CROSS JOIN unnest({arrays}) WITH ORDINALITY AS given ({names}, n)
LEFT JOIN LATERAL (SELECT 1 AS found, y.* FROM ({select}) y) x ON TRUE
"""  # noqa: S608 - constants
