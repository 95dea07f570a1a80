"""SQL with data of a message.

What:
    The server builds an SQL statement from text of the client.

Why:
    A quote in a field ends the string, and the attacker's own SQL follows.

Example:
    db.execute(f"SELECT * FROM notes WHERE owner = '{data['owner']}'")

Instead:
    db.execute("SELECT * FROM notes WHERE owner = ?", (data["owner"],))

Fix:
    Write a placeholder into the statement, and pass the value as a parameter.
"""

import ast
import re
from collections.abc import Iterator

from stormdoor_audit.auditor.facts.arguments import given_at
from stormdoor_audit.auditor.facts.places import scopes_of
from stormdoor_audit.auditor.facts.sinks import reaching, sunk
from stormdoor_audit.auditor.facts.spelling import Spelling
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.rule import Found, rule
from stormdoor_audit.report.finding import Check, Confidence, Level

__all__ = ["RULE"]

_CALLS = words(
    """
    .execute .executemany .executescript .raw .fetch .fetchrow .fetchval .query .get
    .fetch_one .fetch_all .read_sql sqlalchemy.text
    """
)
_SQL = re.compile(
    r"\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from|drop\s+table|create\s+table|"
    r"where\b.+=)",
    re.IGNORECASE | re.DOTALL,
)


_WORDS = ("query", "sql", "statement")
_QUOTES = frozenset(
    f"{package}.sql.{name}"
    for package in ("psycopg", "psycopg2")
    for name in ("Identifier", "Literal", "Placeholder")
)


def _check(endpoint: Endpoint) -> Iterator[Found]:
    spelling = Spelling(endpoint, _QUOTES)
    for event in reaching(endpoint, 0, _WORDS, *_CALLS):
        if _SQL.search(_written(event)) and spelling.is_free(event, given_at(event, 0, *_WORDS)):
            yield sunk(endpoint, event, "This SQL statement contains text of the client.")


def _written(event: Event) -> str:
    """The literals of the statement: in the call, and in what its names were given."""
    if not isinstance(event.node, ast.Call) or not event.node.args:
        return ""
    first = event.node.args[0]
    places: list[ast.AST] = [first]
    names = {one.id for one in ast.walk(first) if isinstance(one, ast.Name)}
    for around in scopes_of(event.module, event.node)[-1:]:
        for one in ast.walk(around):
            match one:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                    places.append(value)
                case ast.AugAssign(target=ast.Name(id=name), value=value) if name in names:
                    places.append(value)
                case _:
                    pass
    return " ".join(
        inner.value
        for place in places
        for inner in ast.walk(place)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    )


RULE = rule(
    __doc__,
    id="SD506",
    slug="sql-from-message",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    group="messages",
    cwe=(89,),
    asvs=("1.2.4",),
    threat="message-injection",
    check=Check.VALIDATION,
    on_endpoint=_check,
)
