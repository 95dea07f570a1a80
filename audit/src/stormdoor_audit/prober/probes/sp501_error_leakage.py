"""Error messages tell how the server is made.

What:
    The prober searches all answers of the server for tracebacks, lines of code, names of exceptions, keys in
    addresses, and messages of databases. With `--active` it provokes errors: it sends the messages of `--say`
    with a field missing, with a wrong type, with a value that does not exist, deeply nested, or not in JSON,
    and requests the endpoint without an upgrade.

Why:
    Paths, versions and queries help an attacker, who would otherwise have to guess them.

Fix:
    Serve without `debug=True` and `serve_traceback`; answer with a cause such as `invalid`, and write the
    rest into the log.
"""

from __future__ import annotations

import contextlib
import json
import re

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.delivered import TAGS
from stormdoor_audit.prober.peer_json import read_object
from stormdoor_audit.prober.probe import Closed, Open, Result, Situation, probe
from stormdoor_audit.prober.wire import TEXT, NoAnswer, Request, frame_bytes
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_TELLS = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"\n]{1,200}\", line \d+|SQLSTATE\[|"
    r"sqlite3\.\w+Error|psycopg2?\.\w|\bat [\w.$<>]+ \(?/[^\s)]{1,200}:\d+:\d+|"
    r"\b[A-Z]\w{2,40}(?:Error|Exception)\((?=['\"\\])|"
    r"https?://\S{1,200}[?&](?:api_?key|key|token|secret|password)=(?=[\w-]{8})"
)
_KEY = re.compile(r"(api_?key|key|token|secret|password)=[\w-]+")
_DEEP = 2_000


def _nonsense(texts: list[str]) -> list[str]:
    """Messages that are nearly right, and some that are not right at all."""
    made = ["stormdoor-probe: no JSON", "[" * _DEEP + "]" * _DEEP]
    for text in texts[:2]:
        found = read_object(text) or {}
        for name in [one for one in found if one not in TAGS][:3]:
            rest = {key: value for key, value in found.items() if key != name}
            made += [
                json.dumps(rest),
                json.dumps({**found, name: [[]]}),
                json.dumps({**found, name: "stormdoor-probe-nothing"}),
            ]
    return made


async def _ask_for_more(situation: Situation) -> None:
    client = situation.client
    who = situation.nobody.who if situation.open_to_all else situation.owner
    if who is not None and not situation.base.once:
        for text in _nonsense(client.said()):
            raw = (frame_bytes(TEXT, text.encode()),)
            await client.converse(Ask(who, situation.origin, say=False, raw=raw))
    with contextlib.suppress(NoAnswer):
        answer = await client.plain(client.target, Request())
        line = f"> GET {client.target.path} (no upgrade)"
        client.all.append(Conversation(answer.status, answer, transcript=(line,)))


async def _run(situation: Situation) -> list[Result]:
    if situation.active:
        await _ask_for_more(situation)
    for one in situation.client.all:
        for text in one.texts():
            if hit := _TELLS.search(text):
                quoted = situation.client.shown(hit[0])
                what = (
                    f"An answer with status {one.status} tells how the server is made: `{quoted}`."
                )
                return [Open(what, tuple(map(_without_keys, one.transcript)))]
    answers = situation.client.all
    what = "No answer held a traceback, a line of code or a message of a database."
    return [Closed(what, (f"({len(answers)} answers were searched)", *answers[-1].transcript))]


def _without_keys(line: str) -> str:
    """The evidence is passed on: it must not hold the key that the server has told."""
    return _KEY.sub(r"\1=<redacted>", line)


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
    # That the errors are quiet does not say that messages are validated.
    decides=False,
)
