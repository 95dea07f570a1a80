"""Measure what the check of lease and revocation before a `send()` costs.

Runs `Outgoing.flush` of the fast protocol with one message, once for a connection of the guard, which checks,
and once without a guard, which does not. The transport does nothing. Rounds alternate; the quickest tenth of
each kind is compared, because other programs only add time. A `send()` of many messages has one check.

The check reads the clock once. How long that takes depends on the processor and on its hypervisor, so it is
measured, too: by the same number of reads.

    python bench/send_check.py           # nanoseconds per `send()`; fails if all but the clock is above 100
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import statistics
import sys
import time
from typing import Any, Final

from echo_server import LIMITS
from hot_path import HOST, Path
from policy import AUDIENCE, ISSUER, PRINCIPAL, PRINCIPAL_ROLES, ROLE_PERMISSIONS, SECRET

from stormdoor import Guard, JwtAuthenticator, JwtKey, PolicySet, SessionAuthenticator, role
from stormdoor.core.lease import Lease
from stormdoor.guard.connection import Connection
from stormdoor.ports.clock import SystemClock, readings
from stormdoor.tornado.fast.outgoing import Outgoing

GOAL_NS: Final = 100.0
MESSAGE: Final = b"\x81\x10" + b"x" * 16
ROUNDS: Final = 2_000
SENDS: Final = 500  # as few as one turn on a busy processor may take


class NullTransport:
    """A transport that drops all data."""

    def is_closing(self) -> bool:
        """Return False."""
        return False

    def write(self, data: bytes) -> None:
        """Drop the data."""


async def open_connection() -> Connection:
    """Return an open connection of a guard, with a lease of finite length."""
    guard = Guard(
        origins=[f"https://{HOST}"],
        authenticators=[
            JwtAuthenticator(keys=[JwtKey("HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE),
            SessionAuthenticator(),
        ],
        policies=PolicySet([role(name, *held) for name, held in ROLE_PERMISSIONS.items()]),
        limits=LIMITS,
    )
    await guard.state.open()
    await guard.follower.start()
    await guard.admin.add_principal(PRINCIPAL, roles=PRINCIPAL_ROLES)
    session = (await guard.sessions.create(PRINCIPAL)).secret
    path: Any = Path(guard, guard.clock, session)  # type: ignore[arg-type]
    await path.start()
    connection: Connection = path._open  # noqa: SLF001 - of this benchmark
    connection.lease = connection.send_lease = Lease(0.4, readings(SystemClock()))
    connection.lease.renew(connection.monotonic() + 86_400.0)
    return connection


def send(outgoing: Any, count: int) -> float:
    """Return the nanoseconds of each of `count` sends."""
    began = time.perf_counter_ns()
    for _ in range(count):
        outgoing._out = [MESSAGE]  # noqa: SLF001 - what is measured
        outgoing.flush()
    return (time.perf_counter_ns() - began) / count


def read(connection: Connection, count: int) -> float:
    """Return the nanoseconds of each of `count` reads of the clock, with those of the loop."""
    began = time.perf_counter_ns()
    for _ in range(count):
        next(connection.lease.readings)
    return (time.perf_counter_ns() - began) / count


async def measure(rounds: int) -> tuple[float, float, float]:
    """Return the nanoseconds of a `send()` without and with the check, and of a read of the clock."""
    connection = await open_connection()
    kinds: list[tuple[Any, list[float]]] = []
    for one in (None, connection):
        outgoing: Any = Outgoing(None, None)
        outgoing._transport = NullTransport()  # noqa: SLF001 - what is measured
        outgoing._connection = one  # noqa: SLF001 - the same
        kinds.append((outgoing, []))
    reads: list[float] = []
    gc.disable()
    for _ in range(rounds):
        reads.append(read(connection, SENDS))
        for outgoing, found in kinds:
            found.append(send(outgoing, SENDS))
    sent = kinds[1][0]._sent  # noqa: SLF001 - what is measured
    assert sent == len(MESSAGE) * SENDS * rounds, "the check has stopped the output"
    results = (kinds[0][1], kinds[1][1], reads)
    without, with_check, clock = (quickest(found) for found in results)
    return without, with_check, clock


def quickest(found: list[float]) -> float:
    """Return the median of the quickest tenth."""
    return statistics.median(sorted(found)[: max(1, len(found) // 10)])


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    logging.disable(logging.CRITICAL)
    without, with_check, clock = asyncio.run(measure(arguments.parse_args().rounds))
    cost = with_check - without
    print(f"a send() without the check: {without:.0f} ns; with it: {with_check:.0f} ns")
    print(
        f"the check of lease and revocation: {cost:.0f} ns, {clock:.0f} of them to read the clock"
    )
    return 0 if cost - clock <= GOAL_NS else 1


if __name__ == "__main__":
    sys.exit(main())
