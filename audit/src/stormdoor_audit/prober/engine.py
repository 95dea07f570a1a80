"""A probe of endpoints from beginning to end: baselines, the probes in their order, and the report."""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

from stormdoor_audit.prober.budget import Budget, BudgetSpent
from stormdoor_audit.prober.conversation import Client
from stormdoor_audit.prober.decide import refused, take_baseline
from stormdoor_audit.prober.entrance import Entrance
from stormdoor_audit.prober.identity import NOBODY, Identity, Pairs
from stormdoor_audit.prober.login import LoggedIn, Login, LoginFailed
from stormdoor_audit.prober.made_up import alike, made_up
from stormdoor_audit.prober.matrix import take_matrix
from stormdoor_audit.prober.member import Member, Policy, entered
from stormdoor_audit.prober.passwords import Guesses, WrongPassword
from stormdoor_audit.prober.probe import (
    ASKING,
    CREDENTIAL,
    ENOUGH,
    Closed,
    Declared,
    NotDetermined,
    NotTried,
    Open,
    Probe,
    Result,
    Situation,
)
from stormdoor_audit.prober.probes import PROBES, in_turn
from stormdoor_audit.prober.probes.sp201_foreign_origin import AMBIENT, with_reference
from stormdoor_audit.prober.recording import Action, Recording, distinct, spoken_secrets
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.target import Target, parse_target
from stormdoor_audit.prober.wire import NoAnswer
from stormdoor_audit.report.access import AccessMatrix
from stormdoor_audit.report.finding import (
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


_AT_MOST = 40.0
_WHERE_IT_WAITS = 75.0
_ENDS_SESSIONS = "SP9"
"""Probes from here on may end the owner's session, or be about limits."""
_MOST_SAID = 4
"""Reads of a recorded conversation that are said to see if a client gets in."""


class CannotProbe(Exception):
    """There is nothing to compare with: the server does not answer, or the owner does not get in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The endpoints to probe, the identities to use, and the limits of the run.

    Args:
        urls: The endpoints.
        authorized: Hosts beside this machine that may be probed.
        owner: The identity that owns the credential; None to probe as an unauthenticated client only.
        other: A second identity.
        login: How the owner logs in.
        entrances: What the owner does before connecting, beside a login.
        members: More identities; the first is the second identity where `other` is not given.
        own: What was declared about the owner: ids, private texts, what they may do.
        recordings: Conversations to replay as each identity.
        policy: The actions that each identity may do in them.
        looked: What was looked at to find the endpoints.
        doubts: What could not be worked out there.
        found: Those of the endpoints that were discovered: what does not answer there is no mistake.
        origin: Origin of the endpoint's pages; that of its address where empty.
        say: Messages that may be sent.
        private: What only the owner may read.
        logout: URL of the logout.
        public_key: PEM of the key that tokens are verified with.
        active: Messages that change something may be sent, too.
        listen: Seconds to listen.
        connections: How many connections may be made to each endpoint.
        per_second: How fast they may follow each other.
        seconds: How long each endpoint may take; None for 40, and for 75 where it is asked to wait for
            something: `active`, a logout, clients that say nothing.
        tls: For wss.
        declared: What only the owner knows of credentials and limits.
        beside: Endpoints that must be open beside each, as the same client.
        beside_say: Messages that are sent there.
        secrets: More texts that must not be shown, however short they are.
    """

    urls: tuple[str, ...]
    authorized: Collection[str] = ()
    owner: Identity | None = None
    other: Identity | None = None
    login: Login | None = None
    entrances: tuple[Entrance, ...] = ()
    members: tuple[Member, ...] = ()
    own: Member = field(default_factory=lambda: Member(NOBODY))
    recordings: tuple[Recording, ...] = ()
    policy: Policy = field(default_factory=Policy)
    found: Collection[str] = ()
    looked: tuple[str, ...] = ()
    doubts: tuple[Unresolved, ...] = ()
    origin: str = ""
    say: Sequence[str] = ()
    private: str = ""
    logout: str = ""
    public_key: bytes = b""
    active: bool = False
    listen: float = 1.0
    connections: int = 300
    per_second: float = 20.0
    seconds: float | None = None
    tls: ssl.SSLContext | None = None
    declared: Declared = field(default_factory=Declared)
    beside: tuple[str, ...] = ()
    beside_say: Sequence[str] = ()
    secrets: tuple[str, ...] = ()

    @property
    def time(self) -> float:
        """Seconds that each endpoint may take."""
        if self.seconds is not None:
            return self.seconds
        waits = self.active or self.logout or self.declared.idle
        return (_WHERE_IT_WAITS if waits else _AT_MOST) + self.declared.idle


@dataclass(frozen=True, slots=True)
class _Seen:
    endpoint: EndpointReport
    findings: tuple[Finding, ...]
    doubts: tuple[Unresolved, ...]
    connections: int
    ran: frozenset[str]
    tried: tuple[Tried, ...]


def _split(target: Target) -> tuple[Target, Pairs, tuple[str, ...]]:
    """Take the parameters that are named like a credential out of the address.

    Returns:
        The address without them; them, as they were written; the names of all, in their order.
    """
    path, _, query = target.resource.partition("?")
    pieces = query.split("&") if query else []
    named = [(piece, *piece.partition("=")) for piece in pieces]
    secret = {
        piece
        for piece, name, equals, _ in named
        if equals and any(one in name.lower() for one in _SECRET_NAMES)
    }
    rest = "&".join(piece for piece in pieces if piece not in secret)
    return (
        target.at(f"{path}?{rest}" if rest else path),
        tuple((name, value) for piece, name, _, value in named if piece in secret),
        tuple(name for _, name, _, _ in named),
    )


def _finding(target: Target, probe: Probe, one: Open) -> Finding:
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
        transcript=one.exchange,
    )


def _verdict(results: list[tuple[Probe, Result]]) -> Verdict:
    """The answer to one of the five questions, from all the probes about it."""
    bad = [(probe, one) for probe, one in results if isinstance(one, Open)]
    if bad:
        worst = min((one.level or probe.meta.level).rank for probe, one in bad)
        state: State = "missing" if worst == 0 else "weak"
        return Verdict(state, " ".join(one.what for _, one in bad))
    doubts = [one.what for _, one in results if isinstance(one, NotDetermined)]
    fine = [one.what for probe, one in results if isinstance(one, Closed) and probe.decides]
    if doubts or not fine:
        rest = [one.what for _, one in results]
        return Verdict("unknown", " ".join(doubts or rest) or "Nothing was tried.")
    return Verdict("guarded", " ".join(fine))


def _origin_verdict(results: list[tuple[Probe, Result]]) -> Verdict:
    main = next((one for probe, one in results if probe.meta.id == "SP201"), None)
    if isinstance(main, NotTried) and main.needs == AMBIENT:
        return Verdict("not-needed", main.what)
    return _verdict(results)


async def _identities(
    plan: Plan, target: Target, budget: Budget
) -> tuple[Target, Identity | None, LoggedIn | None]:
    target, secret, order = _split(target)
    owner = plan.owner
    logged_in = None
    if plan.login is not None or plan.entrances:
        who = replace(
            plan.own,
            identity=owner or Identity("the owner"),
            login=plan.login,
            entrances=plan.entrances,
        )
        member, logged_in = await _entered(who, budget)
        owner = member.identity
    if secret:
        owner = owner or Identity("the owner")
        owner = replace(owner, query=(*owner.query, *secret), order=order)
    return target, owner if owner is not None and not owner.empty else None, logged_in


async def _entered(member: Member, budget: Budget) -> tuple[Member, LoggedIn | None]:
    try:
        return await entered(member, budget)
    except (LoginFailed, NoAnswer) as error:
        raise CannotProbe(f"{member.name}: {error}") from error


def _about(plan: Plan, one: Recording, target: Target) -> bool:
    """Return True if it was said on this endpoint; what names none was said on those that were given."""
    if one.url:
        return urlsplit(one.url).path == target.path
    given = [url for url in plan.urls if url not in plan.found] or plan.urls[:1]
    return any(urlsplit(url).path in {target.path, ""} for url in given)


def _actions(plan: Plan, target: Target) -> tuple[Action, ...]:
    """Return the recorded actions of this endpoint."""
    found = [
        action for one in plan.recordings if _about(plan, one, target) for action in one.actions
    ]
    return distinct(found)


def _left(plan: Plan, target: Target) -> list[Unresolved]:
    """Return the recorded messages that were not replayed."""
    where = Location(target.url, 0)
    return [
        Unresolved(where, f"{one.source} has {one.left} more messages, which were not replayed")
        for one in plan.recordings
        if one.left and _about(plan, one, target)
    ]


async def _matrix(
    plan: Plan, client: Client, owner: Identity | None, members: Sequence[Member], origin: str
) -> tuple[AccessMatrix | None, int]:
    """Return the authorization matrix, made in a budget of its own, and the connections that it took."""
    actions = _actions(plan, client.target)
    if not actions or owner is None:
        return None, 0
    budget = Budget(plan.connections, plan.per_second, plan.time)
    own = Client(client.target, budget, plan.tls, client.redact, listen=plan.listen)
    nobody = replace(_declared_nobody(members), identity=owner.nobody())
    others = [one for one in members if one.name != "nobody"]
    every_member = [replace(plan.own, identity=owner), *others, nobody]
    matrix = await take_matrix(own, every_member, origin, actions, plan.policy, active=plan.active)
    return matrix, budget.used


def _renewal(
    plan: Plan, whole: Target, client: Client, guesses: Guesses
) -> Callable[[], Awaitable[Identity | None]] | None:
    """Return a function that logs the owner in again; None for a credential that was given as it is."""
    if plan.login is None and not plan.entrances:
        return None

    async def renew() -> Identity | None:
        try:
            renewed = (await _identities(plan, whole, client.budget))[1]
        except CannotProbe:
            return None
        # What is new must not be shown either.
        client.redact.add((renewed or NOBODY).secrets())
        if renewed is not None and not plan.active:
            client.limit_passwords(guesses, renewed)
        return renewed

    return renew


def _declared_nobody(members: Sequence[Member]) -> Member:
    return next((one for one in members if one.name == "nobody"), Member(NOBODY))


async def _tried(
    situation: Situation, probes: Sequence[Probe], progress: Progress
) -> tuple[list[tuple[Probe, Result]], list[Tried]]:
    """Run the probes in turn, and return their results twice: for the verdicts, and for the report."""
    client = situation.client
    results: list[tuple[Probe, Result]] = []
    shown: list[tuple[str, ...]] = []
    begun: list[int] = []
    looked = False
    for number, one in enumerate(probes):
        progress(one.meta.slug, number, len(probes))
        if not looked and (one.active or one.meta.id >= _ENDS_SESSIONS):
            looked, results = True, await _doubted(situation, results)
        before = len(client.all)
        try:
            came = await one.run(situation)
        except BudgetSpent:
            what = f"{one.meta.slug} is not decided: the time or the connections were spent before."
            came = [NotDetermined(what, ENOUGH)]
        except NoAnswer as error:
            came = [NotDetermined(f"{one.meta.slug} is not decided: {error}.", "")]
        except WrongPassword:
            came = [NotTried("`--active`, since it sends more wrong passwords")]
        if situation.owner is not None:
            # A hint names only what was not given.
            came = [
                NotTried(ASKING) if result == NotTried(CREDENTIAL) else result for result in came
            ]
        if one.meta.slug == "stopped-answering" and isinstance(came[0], NotDetermined):
            results = _after_the_last_answer(client, results, begun)
        begun += [before] * len(came)
        results += [(one, _redacted(result, client.redact)) for result in came]
        first = client.all[before].transcript if len(client.all) > before else ()
        shown += [first] * len(came)
    tried = [
        Tried(
            one.meta.id,
            client.target.url,
            one.check,
            result.outcome,
            result.what,
            settle=result.settle if isinstance(result, NotDetermined) else "",
            kind=result.kind if isinstance(result, Open) else "",
            owned=bool(situation.base.owner),
            transcript=() if isinstance(result, NotTried) else result.exchange or first,
        )
        for (one, result), first in zip(results, shown, strict=True)
    ]
    return results, tried


def _after_the_last_answer(
    client: Client, results: list[tuple[Probe, Result]], begun: Sequence[int]
) -> list[tuple[Probe, Result]]:
    """Turn *closed* into doubt for the probe in which the server answered last, and for all after it.

    Args:
        client: Its conversations are all of the run.
        results: The results until now.
        begun: For each result, the number of conversations before its probe.
    """
    last = max((n for n, one in enumerate(client.all) if one.status), default=0)
    during = max((n for n in begun if n <= last), default=0)
    why = "The server stopped answering, so that refusals prove nothing"
    return [
        (probe, NotDetermined(f"{why} ({probe.meta.slug}).", "", result.exchange))
        if isinstance(result, Closed) and number >= during
        else (probe, result)
        for (probe, result), number in zip(results, begun, strict=True)
    ]


async def _doubted(
    situation: Situation, results: list[tuple[Probe, Result]]
) -> list[tuple[Probe, Result]]:
    """Turn *closed* into doubt if the owner is refused by now, too: the server may have had enough."""
    about = {Check.AUTHENTICATION, Check.ORIGIN}
    if not any(isinstance(one, Closed) and probe.check in about for probe, one in results):
        return results
    if not (situation.base.owner or situation.open_to_all):
        return results
    who = "right client" if situation.open_to_all else "owner"
    why = f"The {who} is refused by now, too, so that refusals prove nothing"
    try:
        if situation.open_to_all:
            situation = await with_reference(situation)
        if await situation.owner_still_gets_in():
            return results
    except (BudgetSpent, NoAnswer):
        if not situation.open_to_all:
            return results
        why = f"It was not seen that the {who} still gets in"
    settle = "`--per-second N` with a smaller number"
    return [
        (probe, NotDetermined(f"{why} ({probe.meta.slug}).", settle, result.exchange))
        if isinstance(result, Closed) and probe.check in about
        else (probe, result)
        for probe, result in results
    ]


def _redacted(one: Result, redact: Redactor) -> Result:
    """Return the result with all secrets removed from its text."""
    if isinstance(one, NotTried):
        return one
    return replace(one, what=redact(one.what), exchange=tuple(map(redact, one.exchange)))


async def _probe(plan: Plan, url: str, guesses: Guesses, progress: Progress) -> _Seen:
    whole = parse_target(url, plan.authorized)
    _, in_address, order = _split(whole)
    budget = Budget(plan.connections, plan.per_second, plan.time)
    try:
        target, owner, logged_in = await _identities(plan, whole, budget)
        members = [(await _entered(one, budget))[0] for one in plan.members]
    except BudgetSpent as error:
        raise CannotProbe("the budget was spent before anything was tried") from error
    other = plan.other or next((one.identity for one in members if one.name != "nobody"), None)
    private = [*plan.own.private, *(text for one in members for text in one.private), plan.private]
    secrets = [
        *(owner or NOBODY).secrets(),
        *(other or NOBODY).secrets(),
        *(text for one in members for text in one.identity.secrets()),
        *(one for one in (*private, *plan.declared.tokens()) if one),
        *(one for action in _actions(plan, target) for one in spoken_secrets(action.message)),
    ]
    # What was declared to read only may be said, too, where nothing else was.
    reads = [one.message for one in _actions(plan, target) if one.reads][:_MOST_SAID]
    say = plan.say or reads
    redact = Redactor(secrets, always=plan.secrets)
    client = Client(target, budget, plan.tls, redact, say=say, listen=plan.listen)
    origin = plan.origin or target.origin
    if plan.owner is not None:
        client.stranger = plan.owner.nobody()
    if not plan.active:
        given = (owner, other, *(one.identity for one in members))
        client.limit_passwords(guesses, *(one for one in given if one is not None))
    client.order = order
    client.companions_say = tuple(plan.beside_say)
    client.companions = tuple(parse_target(one, plan.authorized) for one in plan.beside)
    probes = in_turn(active=plan.active)
    progress("baseline", 0, len(probes))
    try:
        if not plan.declared.one_time:
            owner = await _without_made_up(client, owner, in_address, origin)
        base = await take_baseline(client, owner, origin)
        if in_address and not _given(plan) and base.owner and refused(base.owner[0]):
            # No owner was given, and the parameters of the address are no credential either.
            owner, client.target, client.stranger = None, whole, NOBODY
            client.all.clear()
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
        other=other,
        login=plan.login,
        logged_in=logged_in,
        logout=plan.logout,
        private=plan.private or next(iter(plan.own.private), ""),
        public_key=plan.public_key,
        active=plan.active,
        declared=plan.declared,
        own=replace(plan.own, identity=owner or NOBODY),
        members=tuple(members),
        renew=_renewal(plan, whole, client, guesses),
    )
    progress("who may do what", 0, len(probes))
    situation.matrix, spent = await _matrix(plan, client, owner, members, origin)
    results, tried = await _tried(situation, probes, progress)
    seen = _summed(target, results, budget.used + spent)
    endpoint = replace(seen.endpoint, matrix=situation.matrix)
    return replace(
        seen, endpoint=endpoint, doubts=(*seen.doubts, *_left(plan, target)), tried=tuple(tried)
    )


def _given(plan: Plan) -> bool:
    """Return True if the operator gave the owner's credential, or a way to get it, beside the address."""
    return plan.owner is not None or plan.login is not None or bool(plan.entrances)


async def _without_made_up(
    client: Client, owner: Identity | None, shown: tuple[tuple[str, str], ...], origin: str
) -> Identity | None:
    """The owner without the parameters of the address for which any value does."""
    if owner is None or not shown:
        return owner
    loose = await made_up(client, owner, shown, origin)
    if not loose:
        return owner
    client.fresh = lambda: tuple((name, alike(value)) for name, value in loose)
    owner = replace(owner, query=tuple(one for one in owner.query if one not in loose))
    client.stranger = owner.nobody()
    return None if owner.empty else owner


def _worth(target: Target, client: Client, *, owned: bool) -> None:
    first = client.all[0]
    if first.problem:
        raise CannotProbe(first.problem)
    if not owned and 200 <= first.status < 300:
        # A page, such as one that is served for every path. It refuses no client.
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
        tuple(_finding(target, probe, one) for probe, one in results if isinstance(one, Open)),
        tuple(
            Unresolved(where, f"{probe.meta.id} {probe.meta.slug}: {one.what}{_settles(one)}")
            for probe, one in results
            if isinstance(one, NotDetermined)
        ),
        connections,
        frozenset(probe.meta.id for probe, one in results if not isinstance(one, NotTried)),
        (),
    )


def _settles(one: NotDetermined) -> str:
    return f" It is settled by {one.settle}." if one.settle else ""


async def _each(plan: Plan, progress: Progress) -> tuple[list[_Seen], list[Unresolved]]:
    """Probe one endpoint after the other.

    A discovered endpoint that does not answer is noted. A given one has the result *not determined*, unless
    no endpoint could be probed at all.

    Raises:
        CannotProbe: No endpoint could be probed, and one of them was given.
    """
    guesses = Guesses()
    seen: list[_Seen] = []
    mistaken: list[Unresolved] = []
    failed: list[tuple[str, CannotProbe]] = []
    for url in plan.urls:
        try:
            seen.append(await _probe(plan, url, guesses, progress))
        except CannotProbe as error:
            if url in plan.found:
                mistaken.append(Unresolved(Location(url.partition("?")[0], 0), str(error)))
            else:
                failed.append((url, error))
    if failed and not seen:
        raise failed[0][1]
    return [*seen, *(_not_probed(plan, url, error) for url, error in failed)], mistaken


def _not_probed(plan: Plan, url: str, error: CannotProbe) -> _Seen:
    """The result of an endpoint that could not be probed, beside others that were."""
    target = _split(parse_target(url, plan.authorized))[0]
    why = str(error)
    what = f"Nothing was compared: {why}{'' if why.endswith('?') else '.'}"
    result = NotDetermined(what, "an identity that gets in there")
    probe = next(one for one in PROBES if one.meta.id == "SP101")
    seen = _summed(target, [(probe, result)], 0)
    tried = Tried(
        probe.meta.id, target.url, probe.check, result.outcome, result.what, settle=result.settle
    )
    return replace(seen, tried=(tried,))


def _unseen(stage: str, done: int, total: int) -> None:
    """Show no progress."""


async def run(plan: Plan, progress: Progress = _unseen) -> Report:
    """Probe each endpoint, one after the other.

    Args:
        plan: The endpoints, the identities, and the limits.
        progress: Told what is tried.

    Raises:
        NotAllowed: An address may not be probed. It is found before anything is sent.
        CannotProbe: There is nothing to compare with.
    """
    began = time.monotonic()
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for url in (*plan.urls, *plan.beside):
        parse_target(url, plan.authorized)
    if plan.login is not None:
        for extra in (plan.login.page, plan.logout):
            plan.login.target(plan.login.elsewhere(extra))
    seen, mistaken = await _each(plan, progress)
    return Report(
        tool="stormdoor probe",
        version=version("stormdoor-audit"),
        started=started,
        seconds=time.monotonic() - began,
        roots=tuple(dict.fromkeys(one.endpoint.subject for one in seen)),
        findings=tuple(finding for one in seen for finding in one.findings),
        endpoints=tuple(one.endpoint for one in seen),
        coverage=Coverage(
            looked=plan.looked,
            unresolved=(*plan.doubts, *mistaken, *(doubt for one in seen for doubt in one.doubts)),
            connections=sum(one.connections for one in seen),
        ),
        rules=tuple(
            one.meta for one in PROBES if any(one.meta.id in endpoint.ran for endpoint in seen)
        ),
        tried=tuple(one for endpoint in seen for one in endpoint.tried),
    )
