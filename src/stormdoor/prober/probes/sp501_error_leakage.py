"""What the server says when something goes wrong tells how it is made.

What:
    Everything that the server answered to the other probes is searched for tracebacks, lines of code and
    messages of databases.

Why:
    Paths, versions and queries are what an attacker would otherwise have to guess.

Fix:
    Serve without `debug=True` and `serve_traceback`; answer with a cause such as `invalid`, and write the
    rest into the log.
"""

from __future__ import annotations

import re

from stormdoor.prober.probe import Result, Situation, found, noted, probe
from stormdoor.report.finding import Check, Level

__all__ = ["PROBE"]

_TELLS = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"\n]{1,200}\", line \d+|SQLSTATE\[|"
    r"sqlite3\.\w+Error|psycopg2?\.\w|\bat [\w.$<>]+ \(?/[^\s)]{1,200}:\d+:\d+"
)


async def _run(situation: Situation) -> list[Result]:
    for one in situation.client.all:
        for text in one.texts():
            if hit := _TELLS.search(text):
                quoted = situation.client.shown(hit[0])
                what = (
                    f"An answer with status {one.status} tells how the server is made: `{quoted}`."
                )
                return [found(what, one.transcript)]
    # Not `clear`: that the errors are quiet does not say that messages are validated.
    return [noted("No answer held a traceback, a line of code or a message of a database.")]


PROBE = probe(
    __doc__,
    id="SP501",
    slug="error-leakage",
    level=Level.WARNING,
    threat="secret-leakage",
    cwe=(209,),
    asvs=("16.5.1",),
    check=Check.VALIDATION,
    run=_run,
)
