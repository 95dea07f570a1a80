"""A probe of endpoints from beginning to end: baselines, the probes in their order, and the report."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import parse_qsl, urlencode

from stormdoor.prober.budget import Budget, BudgetSpent
from stormdoor.prober.conversation import Client
from stormdoor.prober.decide import refused, take_baseline
from stormdoor.prober.identity import NOBODY, Identity
from stormdoor.prober.login import LoggedIn, Login, LoginFailed
from stormdoor.prober.probe import Probe, Result, Situation
from stormdoor.prober.probes import PROBES
from stormdoor.prober.redact import Redactor
from stormdoor.prober.target import Target, parse_target
from stormdoor.prober.wire import NoAnswer
from stormdoor.report.finding import (
    Check,
    Coverage,
    EndpointReport,
    Finding,
    Location,
    Report,
    State,
    Tried,
    Unresolved,
    Verdict,
    fingerprint_of,
)

__all__ = ["CannotProbe", "Plan", "run"]

Progress = Callable[[str, int, int], None]

_SECRET_NAMES = (
    "token",
    "auth",
    "key",
    "jwt",
    "ticket",
    "secret",
    "password",
    "session",
    "sid",
    "sig",
)


class CannotProbe(Exception):
    """There is nothing to compare with: the server does not answer, or the owner does not get in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is probed, as whom, and how far it may go.

    Args:
        urls: The endpoints.
        authorized: Hosts beside this machine that may be probed.
        owner: Whose credential it is; None to look as a stranger only.
        other: A second identity.
        login: How the owner logs in.
        origin: Origin of the endpoint's pages; that of its address where empty.
        say: Messages that may be sent.
        private: What only the owner may read.
        logout: URL of the logout.
        public_key: PEM of the key that tokens are verified with.
        active: Whether more than reads may be sent.
        listen: Seconds to listen.
        connections: How many connections may be made to each endpoint.
        per_second: How fast they may follow each other.
        seconds: How long each endpoint may take.
        tls: For wss.
    """

    urls: tuple[str, ...]
    authorized: Collection[str] = ()
    owner: Identity | None = None
    other: Identity | None = None
    login: Login | None = None
    origin: str = ""
    say: Sequence[str] = ()
    private: str = ""
    logout: str = ""
    public_key: bytes = b""
    active: bool = False
    listen: float = 1.0
    connections: int = 150
    per_second: float = 20.0
    seconds: float = 60.0
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    endpoint: EndpointReport
    findings: tuple[Finding, ...]
    doubts: tuple[Unresolved, ...]
    connections: int
    ran: frozenset[str]
    tried: tuple[Tried, ...]


def _split(target: Target) -> tuple[Target, tuple[tuple[str, str], ...]]:
    """The address without the parameters that look like a credential, and those."""
    path, _, query = target.resource.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    secret = [one for one in pairs if any(name in one[0].lower() for name in _SECRET_NAMES)]
    rest = [one for one in pairs if one not in secret]
    return target.at(f"{path}?{urlencode(rest)}" if rest else path), tuple(secret)


def _finding(target: Target, probe: Probe, one: Result) -> Finding:
    meta = probe.meta
    return Finding(
        rule_id=meta.id,
        slug=meta.slug,
        level=one.level or meta.level,
        confidence=meta.confidence,
        message=one.what,
        location=Location(target.url, 0),
        subject=target.url,
        endpoint=target.path,
        fix=one.fix or meta.fix,
        threat=meta.threat,
        fingerprint=fingerprint_of(rule_id=meta.id, subject=target.path, what=meta.slug),
        transcript=one.transcript,
    )


def _verdict(results: list[tuple[Probe, Result]]) -> Verdict:
    """The answer to one of the five questions, from all the probes about it."""
    by_state: dict[str, list[str]] = {}
    for _, one in results:
        by_state.setdefault(one.state, []).append(one.what)
    if bad := by_state.get("found"):
        worst = min(
            (one.level or probe.meta.level).rank for probe, one in results if one.state == "found"
        )
        state: State = "missing" if worst == 0 else "weak"
        return Verdict(state, " ".join(bad))
    if doubts := by_state.get("unknown"):
        return Verdict("unknown", " ".join(doubts))
    if fine := by_state.get("clear"):
        return Verdict("guarded", " ".join(fine))
    return Verdict(
        "unknown",
        " ".join([*by_state.get("noted", []), *by_state.get("skipped", [])])
        or "Nothing was tried.",
    )


def _origin_verdict(results: list[tuple[Probe, Result]]) -> Verdict:
    main = next((one for probe, one in results if probe.meta.id == "SP201"), None)
    if main is not None and main.state == "skipped" and "not ambient" in main.what:
        return Verdict("not-needed", main.what)
    return _verdict(results)


async def _identities(
    plan: Plan, target: Target, budget: Budget
) -> tuple[Target, Identity | None, LoggedIn | None]:
    target, secret = _split(target)
    owner = plan.owner
    logged_in = None
    if plan.login is not None:
        try:
            logged_in = await plan.login.log_in(owner or Identity("the owner"), budget)
        except (LoginFailed, NoAnswer) as error:
            raise CannotProbe(str(error)) from error
        owner = logged_in.identity
    if secret:
        owner = owner or Identity("the owner")
        owner = replace(owner, query=(*owner.query, *secret))
    return target, owner if owner is not None and not owner.empty else None, logged_in


async def _probe(plan: Plan, url: str, progress: Progress) -> _Seen:
    whole = parse_target(url, plan.authorized)
    budget = Budget(plan.connections, plan.per_second, plan.seconds)
    try:
        target, owner, logged_in = await _identities(plan, whole, budget)
    except BudgetSpent as error:
        raise CannotProbe("the budget was spent before anything was tried") from error
    secrets = [
        *(owner or NOBODY).secrets(),
        *(plan.other or NOBODY).secrets(),
        *([plan.private] if plan.private else []),
    ]
    client = Client(target, budget, plan.tls, Redactor(secrets), say=plan.say, listen=plan.listen)
    origin = plan.origin or target.origin
    probes = [one for one in PROBES if plan.active or not one.active]
    progress("baseline", 0, len(probes))
    try:
        base = await take_baseline(client, owner, origin)
    except BudgetSpent as error:
        raise CannotProbe("the budget was spent before anything was tried") from error
    _worth(target, client, owned=owner is not None)
    if base.owner and refused(base.owner[0]):
        raise CannotProbe(_no_entry(target, base.owner[0].status, base.nowhere.status))
    situation = Situation(
        client=client,
        base=base,
        origin=origin,
        owner=owner,
        other=plan.other,
        login=plan.login,
        logged_in=logged_in,
        logout=plan.logout,
        private=plan.private,
        public_key=plan.public_key,
        active=plan.active,
    )
    results: list[tuple[Probe, Result]] = []
    tried: list[Tried] = []
    for number, one in enumerate(probes):
        progress(one.meta.slug, number, len(probes))
        before = len(client.all)
        try:
            came = await one.run(situation)
        except BudgetSpent:
            came = [Result("unknown", f"{one.meta.title}: not tried, since the budget is spent.")]
        except NoAnswer as error:
            came = [Result("unknown", f"{one.meta.title}: {error}.")]
        results += [(one, result) for result in came]
        shown = client.all[before].transcript if len(client.all) > before else ()
        tried += [
            Tried(
                one.meta.id,
                target.url,
                one.check,
                result.state,
                result.what,
                owned=bool(base.owner),
                transcript=result.transcript or shown,
            )
            for result in came
        ]
    return replace(_summed(target, results, budget.used), tried=tuple(tried))


def _worth(target: Target, client: Client, *, owned: bool) -> None:
    first = client.all[0]
    if first.problem:
        raise CannotProbe(first.problem)
    if not owned and 200 <= first.status < 300:
        # A page, such as one that is served for every path. It refuses nobody.
        raise CannotProbe(
            f"nothing answers as a WebSocket at {target.url}: its answer is {first.status}, a page"
        )
    statuses = {one.status for one in client.all}
    if not owned and statuses <= {404, 405, 501} | {400, 426} and statuses & {404, 400, 426, 405}:
        raise CannotProbe(
            f"nothing answers as a WebSocket at {target.url}: its answer is {first.status}, like that of a "
            "path that does not exist"
        )


def _no_entry(target: Target, status: int, nowhere: int) -> str:
    text = f"the owner does not get in at {target.url}"
    if status == 101:
        return f"{text}: the socket is opened and ended at once; is the credential still good?"
    if status == nowhere:
        text += f": {status}, as for a path that does not exist"
    else:
        text += f": {status}"
    return f"{text}; is the credential still good, and is --origin that of its pages?"


def _summed(target: Target, results: list[tuple[Probe, Result]], connections: int) -> _Seen:
    verdicts = {}
    for check in Check:
        about = [one for one in results if one[0].check is check]
        verdicts[check] = _origin_verdict(about) if check is Check.ORIGIN else _verdict(about)
    where = Location(target.url, 0)
    return _Seen(
        EndpointReport(target.url, where, (target.path,), verdicts),
        tuple(_finding(target, probe, one) for probe, one in results if one.state == "found"),
        tuple(
            Unresolved(where, f"{probe.meta.id} {probe.meta.slug}: {one.what}")
            for probe, one in results
            if one.state == "unknown"
        ),
        connections,
        frozenset(probe.meta.id for probe, one in results if one.state != "skipped"),
        (),
    )


def _unseen(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


async def run(plan: Plan, progress: Progress = _unseen) -> Report:
    """Probe each endpoint, one after the other.

    Args:
        plan: What, as whom, and how far.
        progress: Told what is tried.

    Raises:
        NotAllowed: An address may not be probed. It is found before anything is sent.
        CannotProbe: There is nothing to compare with.
    """
    began = time.monotonic()
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for url in plan.urls:
        parse_target(url, plan.authorized)
    if plan.login is not None:
        for extra in (plan.login.page, plan.login.elsewhere(plan.logout) if plan.logout else ""):
            plan.login.target(extra)
    seen = [await _probe(plan, url, progress) for url in plan.urls]
    return Report(
        tool="stormdoor probe",
        version=version("stormdoor"),
        started=started,
        seconds=time.monotonic() - began,
        roots=tuple(dict.fromkeys(one.endpoint.subject for one in seen)),
        findings=tuple(finding for one in seen for finding in one.findings),
        endpoints=tuple(one.endpoint for one in seen),
        coverage=Coverage(
            unresolved=tuple(doubt for one in seen for doubt in one.doubts),
            connections=sum(one.connections for one in seen),
        ),
        rules=tuple(
            one.meta for one in PROBES if any(one.meta.id in endpoint.ran for endpoint in seen)
        ),
        tried=tuple(one for endpoint in seen for one in endpoint.tried),
    )
