"""`make probe-real`: what the prober says of real programs, compared with what is known by hand.

    python -m audit_tests.prober.real.evaluate [NAME ...] [--page] [--write-facts]

Each program is started, looked at with a client that knows nothing of the prober, and then probed. The
exit status is 1 if what is seen by hand is not what was committed, or if the prober says that something is
open which is not, or misses what is.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from audit_tests.prober.real.by_hand import FOREIGN, OTHER_PORT, Seen, look, outlives
from audit_tests.prober.real.installed import home_of
from audit_tests.prober.real.programs import (
    CASES,
    Case,
    Credential,
    Started,
    cases,
    environment,
    shown,
    started,
)
from audit_tests.project import REPOSITORY
from stormdoor_audit.cli.probe_run import exit_status
from stormdoor_audit.prober.engine import CannotProbe, Plan, run
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import Login
from stormdoor_audit.prober.probe import NotTried
from stormdoor_audit.prober.probes.sp201_foreign_origin import AMBIENT
from stormdoor_audit.report.finding import Report

__all__ = ["Comparison", "compared", "main"]

PAGE = REPOSITORY / "docs" / "reference" / "prober-quality.md"
_SAME_HOST = re.compile(r"> Origin: https?://127\.0\.0\.1(:\d+)?$")
UNSEEN = CASES.parent / "unseen"
MARK = "<!-- What follows is written by `make probe-real ARGS=--page`. -->"
CHECKS = {"no-credential": "SP101", "foreign-origin": "SP201", "other-port": "SP201"}
MORE_CHECKS = {"after-logout": "SP901", "in-address": "SP304"}
"""Looked at where the case has a truth for it."""
MADE_UP = "wrong-credential"
"""A fourth check, where something is written down that an outsider would make up."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of one case.

    Args:
        case: The case.
        by_hand: What each client got.
        said: For each check what the prober said: `open`, `closed`, or `could not tell`.
        others: What else the prober found.
        seconds: How long the probe took.
        connections: How many it made.
        problem: Why there is no result.
        stranger: What it said of `no-credential` when it was given no credential, where there is one.
        status: Exit status of `stormdoor probe` for this report.
        stranger_status: The same for the run without the owner's credential; -1 where there was none.
    """

    case: Case
    by_hand: dict[str, Seen] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    seconds: float = 0.0
    connections: int = 0
    problem: str = ""
    stranger: str = ""
    status: int = -1
    stranger_status: int = -1

    @property
    def seen(self) -> dict[str, bool]:
        """Open checks by hand."""
        at = {"no-credential": "nobody", "foreign-origin": "foreign", "other-port": "other_port"}
        at |= {MADE_UP: "wrong", "after-logout": "after_logout", "in-address": "in_address"}
        return {
            check: self.by_hand[who].matched for check, who in at.items() if who in self.by_hand
        }

    @property
    def grave(self) -> bool:
        """True for a result worse than a missed hole; results of unseen programs are listed only then."""
        alarm = any(
            said == "open" and not self.case.truth.get(check, True)
            for check, said in self.said.items()
        )
        known = all(
            self.seen[check] is truth for check, truth in self.case.truth.items() if self.by_hand
        )
        return bool(self.problem) or alarm or not known

    @property
    def faults(self) -> list[str]:
        """Differences from the required result."""
        if self.problem:
            return [self.problem]
        found = []
        for check, truth in self.case.truth.items():
            if self.seen[check] is not truth:
                found.append(f"{check} is not as was committed: by hand {self.seen[check]}")
            if self.said and (self.said[check] == "open") is not truth:
                found.append(f"{check} is {truth} by hand, and the prober says: {self.said[check]}")
        if self.stranger == "open" and not self.case.truth["no-credential"]:
            found.append("no-credential is False by hand; without the owner the prober says: open")
        return found


def _forged() -> Credential:
    """A session token of Bokeh without a signature, which any client can write."""
    made = {"session_id": secrets.token_hex(20), "session_expiry": int(time.time()) + 900}
    token = base64.urlsafe_b64encode(json.dumps(made).encode()).rstrip(b"=").decode()
    return Credential(protocols=(token,))


_TIMES = 4
_CANNOT = 2
"""Exit status of a probe that has nothing to compare with."""


async def _looked(
    at: Started, credential: Callable[[], Credential], speaker: Credential | None, origin: str
) -> Seen:
    """Look again where the socket broke off without a close frame: Bokeh drops some of its sockets."""
    seen = Seen(0, 0, (), matched=False)
    for _ in range(_TIMES):
        seen = await look(
            at, credential=credential(), origin=origin, say=at.case.say, speaker=speaker
        )
        if seen.matched or seen.closed != 1006:
            break
    return seen


def _identity(case: Case, credential: Credential) -> Identity | None:
    found = Identity(
        case.user or "the owner",
        cookies=credential.cookies,
        headers=credential.headers,
        query=credential.query,
        protocols=(*case.protocols, *credential.protocols),
        first_message=credential.first,
    )
    return found if found != Identity(case.user or "the owner") else None


def _said(report: Report, check: str) -> str:
    """Return the prober's answer to one check; a finding counts at any level."""
    known = CHECKS | MORE_CHECKS
    rules = {known[check]} if check in known else {"SP102", "SP103"}
    found = [one for one in report.tried if one.rule_id in rules and one.outcome == "open"]
    if check == "foreign-origin":
        # A page of the same host at another port is what the third check is about.
        found = [one for one in found if not any(_SAME_HOST.match(line) for line in one.transcript)]
    if found:
        return "open"
    came = {one.outcome for one in report.tried if one.rule_id in rules}
    if "not-determined" in came or not came:
        return "could not tell"
    if came == {"not-tried"} and check in MORE_CHECKS:
        # Where every client gets in, a client that has logged out does, too.
        return "open" if _said(report, "no-credential") == "open" else "could not tell"
    if came == {"not-tried"} and check in {"foreign-origin", "other-port"}:
        # Without an ambient credential a foreign page is one more client without any.
        ambient = any(one.what == NotTried(AMBIENT).what for one in report.tried)
        return "closed" if ambient else _said(report, "no-credential")
    return "closed"


async def _compared(at: Started, *, by_hand_only: bool = False) -> Comparison:
    case = at.case
    own = f"http://127.0.0.1:{at.port}"
    # A page of another site has no header of the owner's, only what the browser sends along.
    basic = tuple(one for one in at.credential.headers if one[1].startswith("Basic "))
    ambient = Credential(cookies=at.credential.cookies, headers=basic)
    anybody: Callable[[], Credential] = Credential
    if case.outsider:
        anybody = (
            _forged if case.outsider == {"protocols": ["FORGED"]} else lambda: shown(case.outsider)
        )
    elif case.credential == "none" and case.way:
        # Any client can do what the way does: it needs no login.
        anybody = lambda: at.credential  # noqa: E731
    from_outside: Callable[[], Credential] = (
        anybody if anybody is not Credential else lambda: ambient
    )
    as_owner = anybody if case.credential == "none" else lambda: at.credential
    foreign = case.foreign.replace("PORT", str(at.port)) or FOREIGN
    speaker = at.credential if case.overhears else None
    outside = replace(at, path=case.guess) if case.guess else at
    by_hand = {
        "owner": await _looked(at, as_owner, None, own),
        "nobody": await _looked(outside, anybody, speaker, own),
        "foreign": await _looked(outside, from_outside, speaker, foreign),
        "other_port": await _looked(outside, from_outside, None, OTHER_PORT),
    }
    if case.wrong:
        wrong = shown(case.wrong)
        by_hand["wrong"] = await look(at, credential=wrong, origin=own, say=case.say)
    if case.address:
        address = shown(case.address)
        by_hand["in_address"] = await look(at, credential=address, origin=own, say=case.say)
    if case.logout:
        by_hand["after_logout"] = await outlives(at)
    if by_hand_only:
        return Comparison(case, by_hand)
    messages = [] if case.unsaid else [*case.say, *(f"hex:{one}" for one in case.hex)]
    beside = tuple(f"ws://127.0.0.1:{at.port}{one}" for one in case.beside)
    owner = None if case.credential == "none" and case.way else _identity(case, at.credential)
    plan = Plan(
        urls=(at.url,), owner=owner, say=messages, beside=beside, beside_say=case.beside_say
    )
    if case.login:
        fields = tuple(case.login["fields"].items())
        login = Login(f"{own}{case.login['url']}", fields, as_json=case.login.get("json", False))
        # The login gives the cookies; subprotocols are the operator's to name.
        names = Identity("the owner", protocols=case.protocols) if case.protocols else None
        plan = replace(plan, owner=names, login=login, logout=case.logout)
    began = time.monotonic()
    try:
        report = await run(plan)
    except CannotProbe:
        # It says that nothing there answers as a WebSocket; the truth decides whether that is right.
        return Comparison(
            case,
            by_hand,
            dict.fromkeys(_asked(case), "closed" if owner is None else "could not tell"),
            ("no WebSocket",) if owner is None else ("the owner does not get in",),
            time.monotonic() - began,
            status=_CANNOT,
        )
    took = time.monotonic() - began
    stranger, stranger_status = "", -1
    if case.credential != "none":
        stranger, stranger_status = await _as_stranger(
            replace(plan, owner=None, login=None, logout="")
        )
    return Comparison(
        case,
        by_hand,
        {check: _said(report, check) for check in _asked(case)},
        tuple(sorted({one.slug for one in report.findings} - CHECKS.keys())),
        took,
        report.coverage.connections,
        stranger=stranger,
        status=_status(report),
        stranger_status=stranger_status,
    )


def _asked(case: Case) -> list[str]:
    """The checks that have a truth."""
    more = [one for one in MORE_CHECKS if one in case.truth]
    return [*CHECKS, *([MADE_UP] if case.wrong else []), *more]


async def _as_stranger(plan: Plan) -> tuple[str, int]:
    """Return the result of `no-credential` without the owner's credential, and the exit status."""
    try:
        report = await run(plan)
    except CannotProbe:
        return "closed", _CANNOT
    return _said(report, "no-credential"), _status(report)


def _status(report: Report) -> int:
    return exit_status(report, "warning", allow_not_determined=False)


def compared(case: Case, home: Path, *, by_hand_only: bool = False) -> Comparison:
    """Start it, look, probe."""
    try:
        with started(case, home) as at:
            return asyncio.run(_compared(at, by_hand_only=by_hand_only))
    except (RuntimeError, OSError, KeyError, ValueError) as error:
        return Comparison(case, problem=str(error))


def _agreement(results: Sequence[Comparison], check: str) -> tuple[int, int, int, int, int]:
    """True and false positives, true negatives, positives that were missed, and what could not be told."""
    done = [one for one in results if not one.problem]
    pairs = [(one.case.truth[check], one.said[check]) for one in done if check in one.case.truth]
    return (
        sum(truth and said == "open" for truth, said in pairs),
        sum(not truth and said == "open" for truth, said in pairs),
        sum(not truth and said == "closed" for truth, said in pairs),
        sum(truth and said != "open" for truth, said in pairs),
        sum(said == "could not tell" for _, said in pairs),
    )


def _cell(one: Comparison, check: str) -> str:
    if check not in one.case.truth:
        return "–"
    return f"{'open' if one.case.truth[check] else 'closed'} / {one.said[check]}"


def _rows(results: Sequence[Comparison]) -> list[tuple[str, ...]]:
    return [
        (
            one.case.name,
            f"{one.case.program} {one.case.version}",
            *(_cell(one, check) for check in CHECKS),
            ", ".join(one.others) or "–",
            f"{one.seconds:.1f}",
        )
        for one in results
        if not one.problem
    ]


_HEAD = ("case", "program", *CHECKS, "also found", "seconds")


def _page(results: Sequence[Comparison]) -> str:
    lines = [
        "| check | open, found | open, missed | closed, found open | closed, said so | could not tell |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for check in CHECKS:
        hit, alarm, quiet, missed, untold = _agreement(results, check)
        lines.append(f"| {check} | {hit} | {missed} | {alarm} | {quiet} | {untold} |")
    alone = [one.stranger for one in results if one.stranger]
    lines += [
        "",
        (
            f"Probed once more without the owner's credential, of the {len(alone)} that ask for one "
            f"{alone.count('closed')} are said to be closed, {alone.count('open')} to be open, and of "
            f"{alone.count('could not tell')} it could not be told."
        ),
        "",
        "By hand / by the prober:",
        "",
        f"| {' | '.join(_HEAD)} |",
        "| --- " * len(_HEAD) + "|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in _rows(results)]
    return "\n".join(lines)


def _write_facts(results: Sequence[Comparison], folder: Path) -> None:
    for one in results:
        file = folder / f"{one.case.name}.toml"
        head = file.read_text("utf-8").split("[facts]")[0]
        facts = "".join(f'{name} = "{seen}"\n' for name, seen in one.by_hand.items())
        file.write_text(f"{head}[facts]\n{facts}", encoding="utf-8")


def _record(results: Sequence[Comparison], file: Path) -> None:
    """Store the results beside the truth, for a later page; cases without a run keep theirs."""
    before = json.loads(file.read_text("utf-8")) if file.exists() else {}
    kept = before | {
        one.case.name: {
            "program": f"{one.case.program} {one.case.version}",
            "truth": dict(one.case.truth),
            "said": one.said,
            "stranger": one.stranger,
            "others": list(one.others),
            "problem": one.problem,
            "seconds": round(one.seconds, 1),
            "status": one.status,
            "stranger_status": one.stranger_status,
        }
        for one in results
    }
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make probe-real", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these cases")
    parser.add_argument(
        "--page", action="store_true", help="write the tables into the documentation"
    )
    parser.add_argument("--write-facts", action="store_true", help="commit what is seen by hand")
    parser.add_argument("--set", default="", help="only cases whose names begin so")
    parser.add_argument("--unseen", action="store_true", help="those that it was not made with")
    parser.add_argument("--by-hand", action="store_true", help="only look by hand, probe nothing")
    parser.add_argument("--record", type=Path, help="keep what was said in this file")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    given = parser.parse_args(arguments)
    every = cases(UNSEEN if given.unseen else CASES)
    chosen = [
        one
        for one in every
        if (not given.names or one.name in given.names) and one.name.startswith(given.set)
    ]
    if not chosen:
        sys.stderr.write(f"no such case: {', '.join(given.names)}\n")
        return 2
    out = Console()
    results = []
    shared = None if given.unseen else environment(every)

    def one_of(case: Case) -> Comparison:
        try:
            home = shared or home_of(case)
        except subprocess.CalledProcessError as error:
            return Comparison(case, problem=f"it is not installed: {error}")
        return compared(case, home, by_hand_only=given.by_hand)

    with ThreadPoolExecutor(given.jobs) as pool:
        for one in pool.map(one_of, chosen):
            results.append(one)
            said = "; ".join(one.faults) or "agrees"
            out.print(f"{one.case.name}: {said}", markup=False, highlight=False)
            if given.by_hand:
                seen = {name: str(what) for name, what in one.by_hand.items()}
                out.print(f"    {seen}", markup=False, highlight=False)
    if given.by_hand:
        if given.write_facts:
            _write_facts(results, UNSEEN if given.unseen else CASES)
        return 1 if any(one.faults for one in results) else 0
    table = Table(*_HEAD, title="by hand / by the prober")
    for row in _rows(results):
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)
    for check in (*CHECKS, *MORE_CHECKS):
        hit, alarm, quiet, missed, untold = _agreement(results, check)
        out.print(
            f"{check}: {hit} of {hit + missed} found, {alarm} false alarms, {quiet} closed and said so, "
            f"{untold} could not be told",
            highlight=False,
        )
    if given.write_facts:
        _write_facts(results, UNSEEN if given.unseen else CASES)
    if given.record:
        _record(results, given.record)
    if given.page:
        head, _, tail = PAGE.read_text("utf-8").partition(MARK)
        rest = tail[tail.index("\n## ") :] if "\n## " in tail else ""
        PAGE.write_text(f"{head}{MARK}\n\n{_page(results)}\n{rest}", encoding="utf-8")
    return 1 if any(one.grave if given.unseen else one.faults for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
