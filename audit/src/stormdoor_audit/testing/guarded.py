"""The prober as an assertion for tests: it probes as an unauthenticated client and as the owner."""

from __future__ import annotations

import asyncio
import functools
import io
import textwrap
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from stormdoor_audit.prober.budget import Budget
from stormdoor_audit.prober.conversation import Ask, Client
from stormdoor_audit.prober.decide import Access, judged, refused, take_baseline
from stormdoor_audit.prober.engine import CannotProbe, Plan, run
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.login import LoggedIn, Login, LoginFailed
from stormdoor_audit.prober.probes import PROBES
from stormdoor_audit.prober.redact import Redactor
from stormdoor_audit.prober.target import NotAllowed, parse_target
from stormdoor_audit.prober.wire import NoAnswer
from stormdoor_audit.report.finding import Check, Level, Report
from stormdoor_audit.report.order import in_order

__all__ = [
    "Allowance",
    "NotGuarded",
    "assert_guarded",
    "assert_guarded_async",
    "assert_refused",
    "assert_refused_async",
    "log_in",
    "log_in_async",
]

P = ParamSpec("P")
T = TypeVar("T")

_LISTEN = 0.5
_PER_SECOND = 100.0
_ELSEWHERE = (
    "If the server runs in the event loop of this thread, it cannot serve while the test waits: await the "
    "variant that ends in _async."
)


class NotGuarded(AssertionError):
    """An endpoint admits a client that it should refuse, or does not show that it refuses it.

    Attributes:
        report: The report of the prober; None if it could not begin.
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Allowance:
    """The results that a test accepts.

    Args:
        level: The least level that fails.
        slugs: Probes with intended findings, such as `no-credential` for a public feed.
        untold: Checks that the prober may leave undetermined.
    """

    level: Level = Level.WARNING
    slugs: frozenset[str] = frozenset()
    untold: frozenset[Check] = frozenset()


def _synchronous(function: Callable[P, Coroutine[Any, Any, T]], document: str) -> Callable[P, T]:
    """Return the variant of `function` for a synchronous test: it runs in a separate event loop.

    Args:
        function: Its name ends in `_async`.
        document: The docstring of the variant.
    """
    name = function.__name__.removesuffix("_async")

    def variant(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True  # pytest then shows the line of the test
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            # The loop would be blocked, and the server with it.
            raise RuntimeError(f"an event loop runs here; write: await {name}_async(…)")
        try:
            return asyncio.run(function(*args, **kwargs))
        except NotGuarded as error:
            raise error.with_traceback(None) from None

    functools.update_wrapper(variant, function)
    variant.__name__ = variant.__qualname__ = name
    variant.__doc__ = document
    return variant


def _allowance(
    level: str, allow: Collection[str], untold: Collection[str], probes: Collection[str]
) -> Allowance:
    if isinstance(allow, str) or isinstance(untold, str):
        raise TypeError("allow and untold are collections of names, not one name")
    if unknown := sorted(set(allow) - set(probes)):
        raise ValueError(f"there is no probe {unknown[0]!r}; see: stormdoor-audit probe --probes")
    return Allowance(Level(level), frozenset(allow), frozenset(map(Check, untold)))


def _undetermined(report: Report, allowed: Allowance, *, owned: bool) -> list[tuple[Check, str]]:
    """Return the checks that a passing assertion must have determined, and has not."""
    asked = [Check.AUTHENTICATION, *([Check.ORIGIN] if owned else [])]
    if "no-credential" in allowed.slugs:
        asked.remove(Check.AUTHENTICATION)
    return [
        (check, verdict.evidence)
        for check in asked
        for one in report.endpoints
        if check not in allowed.untold and (verdict := one.verdict(check)).state == "unknown"
    ]


def _failure_message(report: Report, allowed: Allowance, *, owned: bool) -> str:
    """Return the failure message about the endpoint, or ""."""
    counted = [
        one
        for one in in_order(report.findings)
        if one.level.rank <= allowed.level.rank and one.slug not in allowed.slugs
    ]
    doubts = _undetermined(report, allowed, owned=owned)
    if not counted and not doubts:
        return ""
    out = io.StringIO()
    out.write(f"{report.roots[0]} is not guarded.\n" if counted else "")
    rules = {one.id: one for one in report.rules}
    for one in counted:
        weaknesses = ", ".join(f"CWE-{n}" for n in rules[one.rule_id].cwe)
        out.write(f"\n{one.level} {one.rule_id} {one.slug} ({one.threat}; {weaknesses})\n")
        out.write(_wrapped(one.message))
        out.writelines(f"      {line}\n" for line in one.transcript)
        out.write(_wrapped(f"fix: {one.fix}"))
    for check, evidence in doubts:
        out.write(f"\n{report.roots[0]}: {check} could not be told.\n")
        out.write(_wrapped(evidence))
        hint = "Give owner= or login=, and say= a message that is answered"
        out.write(_wrapped(f"{hint}; or write untold=['{check}'] if that is meant to be so."))
    return out.getvalue().rstrip()


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 96, initial_indent="  ", subsequent_indent="  ") + "\n"


async def assert_guarded_async(
    url: str,
    *,
    owner: Identity | None = None,
    login: Login | None = None,
    other: Identity | None = None,
    origin: str = "",
    say: Sequence[str] = (),
    private: str = "",
    logout: str = "",
    active: bool = False,
    level: str = "warning",
    allow: Collection[str] = (),
    untold: Collection[str] = (),
    authorized: Collection[str] = (),
    listen: float = _LISTEN,
    seconds: float = 60.0,
) -> Report:
    """Probe an endpoint, as `stormdoor-audit probe` does, and fail on findings.

    It also fails if it could not be determined whether a client is admitted: a check that cannot fail
    proves nothing.

    Args:
        url: `ws://127.0.0.1:8888/chat`; also with http.
        owner: Identity with a valid credential.
        login: Login of the owner, instead.
        other: A second identity, for `private`.
        origin: Origin of the endpoint's own pages, if not that of its address.
        say: Harmless messages of the owner that the server answers.
        private: A text that only the owner may read.
        logout: URL of the logout.
        active: Also send malformed messages, many messages, and wrong passwords.
        level: The least level that fails: error, warning, note.
        allow: Slugs of intended findings: `no-credential` for a public feed.
        untold: Checks that the prober may leave undetermined: `authentication`, `origin`.
        authorized: Hosts beside this machine.
        listen: Seconds to listen to each connection.
        seconds: Time limit for the whole probe.

    Returns:
        The report, for further claims.

    Raises:
        NotGuarded: It is not guarded, or that could not be determined; the message has the evidence and the
            fix.
    """
    __tracebackhide__ = True
    allowed = _allowance(level, allow, untold, [one.meta.slug for one in PROBES])
    plan = Plan(
        urls=(url,),
        owner=owner,
        login=login,
        other=other,
        origin=origin,
        say=say,
        private=private,
        logout=logout,
        active=active,
        authorized=authorized,
        listen=listen,
        per_second=_PER_SECOND,
        seconds=seconds,
    )
    try:
        report = await run(plan)
    except (CannotProbe, NotAllowed) as error:
        text = f"{url} could not be probed: {error}."
        raise NotGuarded(f"{text} {_ELSEWHERE}" if "no answer" in text else text) from error
    owned = owner is not None or login is not None
    if text := _failure_message(report, allowed, owned=owned):
        raise NotGuarded(text, report)
    return report


assert_guarded = _synchronous(
    assert_guarded_async,
    """`assert_guarded_async` for a synchronous test; the server runs in another thread or process.

    Raises:
        NotGuarded: It is not guarded, or that could not be determined.
        RuntimeError: An event loop runs in this thread.
    """,
)


async def assert_refused_async(
    url: str,
    who: Identity,
    *,
    owner: Identity,
    origin: str = "",
    say: Sequence[str] = (),
    authorized: Collection[str] = (),
    listen: float = _LISTEN,
) -> None:
    """Fail unless `owner` is admitted and `who`, with another credential, is refused.

    Args:
        url: The endpoint.
        who: Identity with an invalid credential: expired, forged, for another audience.
        owner: Identity with a valid one, because a server that refuses every client proves nothing.
        origin: Origin of the endpoint's own pages, if not that of its address.
        say: Harmless messages of the owner that the server answers.
        authorized: Hosts beside this machine.
        listen: Seconds to listen.

    Raises:
        NotGuarded: `who` is admitted, `owner` is not, or that could not be determined.
    """
    __tracebackhide__ = True
    target = parse_target(url, authorized)
    budget = Budget(per_second=_PER_SECOND)
    redact = Redactor([*owner.secrets(), *who.secrets()])
    client = Client(target, budget, None, redact, say=say, listen=listen)
    own = origin or target.origin
    base = await take_baseline(client, owner, own)
    if refused(base.owner[0]):
        shown = "\n".join(f"      {line}" for line in base.owner[0].transcript)
        raise NotGuarded(
            f"{owner.name} does not get in at {target.url}, so nothing is shown.\n{shown}"
        )
    one = await client.converse(Ask(who, own))
    access, why = judged(base, one)
    if access is Access.REFUSED:
        return
    shown = "\n".join(f"      {line}" for line in one.transcript)
    what = "gets in" if access is Access.IN else "may get in; that could not be told"
    raise NotGuarded(f"{who.name} {what} at {target.url}: {why}.\n{shown}")


async def log_in_async(
    url: str,
    fields: dict[str, str],
    *,
    as_json: bool = False,
    page: str = "",
    authorized: Collection[str] = (),
) -> Identity:
    """Log in as a browser does: the page first, its cookies and hidden fields, then the form.

    Args:
        url: Address that the form is sent to.
        fields: Fields of the form.
        as_json: Send it as JSON.
        page: The page of the form, if it has another address.
        authorized: Hosts beside this machine.

    Returns:
        The identity with its cookies, or its token.

    Raises:
        NotGuarded: The server does not answer, or does not accept the login.
    """
    name = next((value for key, value in fields.items() if "user" in key.lower()), "the owner")
    login = Login(url, tuple(fields.items()), as_json, page, authorized)
    try:
        found: LoggedIn = await login.log_in(Identity(name), Budget())
    except (LoginFailed, NoAnswer, NotAllowed) as error:
        raise NotGuarded(f"{url}: {error}") from error
    return found.identity


log_in = _synchronous(
    log_in_async,
    """`log_in_async` for a synchronous test.

    Raises:
        NotGuarded: The server does not answer, or does not accept the login.
        RuntimeError: An event loop runs in this thread.
    """,
)

assert_refused = _synchronous(
    assert_refused_async,
    """`assert_refused_async` for a synchronous test.

    Raises:
        NotGuarded: `who` is admitted, `owner` is not, or that could not be determined.
        RuntimeError: An event loop runs in this thread.
    """,
)
