"""A probe: a named attempt against one endpoint, and its four possible results.

INVARIANT: *open* and *closed* carry the exchange that proves them; they cannot be made without one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from stormdoor_audit.prober.conversation import Ask, Client, Conversation
from stormdoor_audit.prober.decide import Access, Baseline, Proof, attempt, judged
from stormdoor_audit.prober.identity import NOBODY, Identity, Pairs
from stormdoor_audit.prober.login import LoggedIn, Login
from stormdoor_audit.prober.member import Member
from stormdoor_audit.prober.target import Target
from stormdoor_audit.report.access import AccessMatrix
from stormdoor_audit.report.finding import Check, Confidence, Level, Outcome, RuleMeta

__all__ = [
    "ASKING",
    "CREDENTIAL",
    "ENOUGH",
    "OWNER",
    "SAY",
    "Closed",
    "Declared",
    "NotDetermined",
    "NotTried",
    "Open",
    "Probe",
    "ProbeError",
    "Result",
    "Situation",
    "probe",
]

SAY = "`--say MESSAGE` with a message that the server answers"
OWNER = "the owner's session (`--cookie`, `--header`, `--login` or a like option)"
ENOUGH = "`--seconds S` and `--connections N`"
ASKING = "an endpoint that asks for a credential"
CREDENTIAL = f"{ASKING}, and that of its owner (`--cookie`, `--header`, `--login` or a like option)"
"""Needed by every probe that compares a credential with a changed one."""


class ProbeError(ValueError):
    """A probe's module lacks a text, or a result lacks its proof."""


def _proven(outcome: str, exchange: tuple[str, ...]) -> None:
    if not exchange:
        raise ProbeError(f"a result cannot be {outcome} without the exchange that proves it")


@dataclass(frozen=True, slots=True)
class Open:
    """The attempt succeeded, and should not have.

    Args:
        what: One or two sentences about this endpoint.
        exchange: The lines that prove it.
        fix: The probe's own where empty.
        level: The probe's own where None.
        kind: Which of the attempts succeeded, where the probe tells them apart.

    Raises:
        ProbeError: There is no exchange.
    """

    what: str
    exchange: tuple[str, ...]
    fix: str = ""
    level: Level | None = None
    kind: str = ""
    outcome: ClassVar[Outcome] = "open"

    def __post_init__(self) -> None:
        """Refuse a claim without its proof."""
        _proven(self.outcome, self.exchange)


@dataclass(frozen=True, slots=True)
class Closed:
    """The attempt was refused.

    Args:
        what: One or two sentences about this endpoint.
        exchange: The lines that prove it.

    Raises:
        ProbeError: There is no exchange.
    """

    what: str
    exchange: tuple[str, ...]
    outcome: ClassVar[Outcome] = "closed"

    def __post_init__(self) -> None:
        """Refuse a claim without its proof."""
        _proven(self.outcome, self.exchange)


@dataclass(frozen=True, slots=True)
class NotDetermined:
    """The attempt was made, and the answers prove neither.

    Args:
        what: The reason.
        settle: The option, or the condition, that would decide it; "" where there is none.
        exchange: The lines that leave it undecided.
    """

    what: str
    settle: str
    exchange: tuple[str, ...] = ()
    outcome: ClassVar[Outcome] = "not-determined"


@dataclass(frozen=True, slots=True)
class NotTried:
    """The attempt was not made.

    Args:
        needs: What it lacks, as the object of *needs*.
    """

    needs: str
    outcome: ClassVar[Outcome] = "not-tried"

    @property
    def what(self) -> str:
        """The result as a sentence."""
        return f"Not tried: needs {self.needs}."


Result = Open | Closed | NotDetermined | NotTried
"""The result of a probe."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Statements that only the operator of an endpoint can make.

    Args:
        expired: A token that was good once, and is not any more.
        foreign: A good token that was made for another audience, another service.
        one_time: Whether the credential should work once only.
        unused: Other such credentials of the owner's, which were not used yet.
        plain: Address of the same endpoint without TLS, where that is not the usual one.
        revoke: What the second identity says to take the owner's right away.
        idle: Seconds after which a client that has said nothing should be gone; 0 where that is not tried.
        logout_method: Method of the logout; POST, or GET if that is not allowed, where empty.
        logout_headers: Headers of the logout, beside those of the session.
        must_refuse: A client without a credential may hold no socket, also if it receives nothing.
    """

    expired: str = ""
    foreign: str = ""
    one_time: bool = False
    unused: tuple[str, ...] = ()
    plain: Target | None = None
    revoke: str = ""
    idle: float = 0.0
    logout_method: str = ""
    logout_headers: Pairs = ()
    must_refuse: bool = False

    def tokens(self) -> tuple[str, ...]:
        """Return the texts of it that must not be shown."""
        public = {"content-type", "accept"}
        headers = (value for name, value in self.logout_headers if name.lower() not in public)
        return (self.expired, self.foreign, *self.unused, *headers)


@dataclass(slots=True)
class Situation:
    """Everything that a probe may look at.

    Args:
        client: Connects.
        base: Answers to the owner, to an unauthenticated client, and for a path that does not exist.
        origin: Of the endpoint's own pages.
        owner: The identity with the given credential; None without one.
        other: The second identity.
        login: How the owner logged in.
        logged_in: What came of it.
        logout: URL of the logout; "" where it must not be tried.
        private: A text that only the owner may read.
        public_key: PEM that tokens are verified with, for key confusion.
        active: Whether more than reads may be sent.
        open_to_all: What the first probe found.
        matrix: Who may do what; None where no conversation was given to replay.
        declared: What the owner says about credentials and limits.
        own: What was declared about the owner.
        members: The other identities, as they have got in.
        renew: Gets the owner a new credential; None where it was given as it is.
    """

    client: Client
    base: Baseline
    origin: str
    owner: Identity | None = None
    other: Identity | None = None
    login: Login | None = None
    logged_in: LoggedIn | None = None
    logout: str = ""
    private: str = ""
    public_key: bytes = b""
    active: bool = False
    open_to_all: bool = False
    matrix: AccessMatrix | None = None
    declared: Declared = field(default_factory=Declared)
    own: Member = field(default_factory=lambda: Member(NOBODY))
    members: tuple[Member, ...] = ()
    renew: Callable[[], Awaitable[Identity | None]] | None = None

    @property
    def nobody(self) -> Ask:
        """A client without a credential, from the endpoint's own page: the usual control."""
        return Ask(self.client.stranger, self.origin)

    async def attempt(
        self,
        ask: Ask,
        control: Ask | None = None,
        *,
        by_opening: bool = False,
        earlier: Sequence[Conversation] = (),
    ) -> Proof:
        """`decide.attempt` here."""
        return await attempt(
            self.client, self.base, ask, control, by_opening=by_opening, earlier=earlier
        )

    async def owner_still_gets_in(self) -> bool:
        """Return True if a refusal is about what was tried, and not about too many attempts."""
        who = self.client.stranger if self.open_to_all else self.owner
        if who is None or self.base.once:
            return True
        for _ in range(max(2, self.client.manner.tries)):
            # As long as for the baseline: a feed takes its time. Some servers drop a socket now and then.
            proof = await self.client.converse(Ask(who, self.origin, patience=2.0))
            # A feed that reports what the probe itself has done looks a little different by now.
            some = not self.base.delivered or bool(self.base.delivered & proof.delivered)
            if judged(self.base, proof)[0] is Access.IN or (some and proof.stays_open):
                return True
        return False


Run = Callable[[Situation], Awaitable[list[Result]]]


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe as the engine runs it.

    Args:
        meta: Its name and texts.
        run: Tries it.
        check: The question that it is about.
        active: It sends more than reads.
        decides: *closed* answers the question; otherwise only *open* counts for the verdict.
    """

    meta: RuleMeta
    run: Run
    check: Check
    active: bool = False
    decides: bool = True


_SECTION = re.compile(r"^(What|Why|Fix):[ ]*$", re.MULTILINE)


def probe(
    document: str | None,
    *,
    id: str,
    slug: str,
    level: Level,
    threat: str,
    cwe: tuple[int, ...],
    asvs: tuple[str, ...],
    check: Check,
    run: Run,
    active: bool = False,
    decides: bool = True,
) -> Probe:
    """A probe, with the texts that its module's docstring holds: a title, `What:`, `Why:` and `Fix:`.

    Raises:
        ProbeError: A section is missing.
    """
    title, _, rest = (document or "").partition("\n")
    pieces = _SECTION.split(rest)
    texts = {
        name.lower(): "\n\n".join(
            " ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())
        )
        for name, text in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    for name in ("what", "why", "fix"):
        if not texts.get(name):
            raise ProbeError(f"{id} {slug}: its docstring has no section {name.capitalize()}:")
    meta = RuleMeta(
        id=id,
        slug=slug,
        title=title.strip().rstrip("."),
        level=level,
        confidence=Confidence.HIGH,
        cwe=cwe,
        asvs=asvs,
        threat=threat,
        what=texts["what"],
        why=texts["why"],
        fix=texts["fix"],
        group="active probes" if active else "probes",
    )
    return Probe(meta, run, check, active, decides)
