"""A probe: what it is called, and a coroutine that tries one thing and says what came of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from stormdoor.prober.conversation import Ask, Client
from stormdoor.prober.decide import Access, Baseline, Proof, attempt, judged
from stormdoor.prober.identity import NOBODY, Identity
from stormdoor.prober.login import LoggedIn, Login
from stormdoor.prober.member import Member
from stormdoor.prober.target import Target
from stormdoor.report.access import AccessMatrix
from stormdoor.report.finding import Check, Confidence, Level, RuleMeta

__all__ = [
    "Declared",
    "Probe",
    "ProbeError",
    "Result",
    "Situation",
    "clear",
    "found",
    "noted",
    "probe",
    "skipped",
    "unknown",
]


class ProbeError(ValueError):
    """A probe's module does not say what a probe must say."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a probe.

    Args:
        state: It was found; it was tried and refused; it could not be told; it was looked at, and nothing
            follows; it was not tried.
        what: One or two sentences about this endpoint.
        fix: The probe's where empty.
        level: Where it differs from the probe's.
        transcript: The evidence.
    """

    state: str
    what: str
    fix: str = ""
    level: Level | None = None
    transcript: tuple[str, ...] = ()


def found(
    what: str, transcript: tuple[str, ...] = (), *, fix: str = "", level: Level | None = None
) -> Result:
    """It works, and should not."""
    return Result("found", what, fix, level, transcript)


def clear(what: str) -> Result:
    """It was tried, and refused."""
    return Result("clear", what)


def unknown(what: str) -> Result:
    """It was tried, and could not be told."""
    return Result("unknown", what)


def noted(what: str) -> Result:
    """It was looked at, and nothing follows from it."""
    return Result("noted", what)


def skipped(what: str) -> Result:
    """It was not tried, or would not matter."""
    return Result("skipped", what)


@dataclass(frozen=True, slots=True)
class Declared:
    """What only the owner of an endpoint knows, and says.

    Args:
        expired: A token that was good once, and is not any more.
        foreign: A good token that was made for somebody else: another audience, another service.
        one_time: Whether the credential should work once only.
        unused: Other such credentials of the owner's, which nobody has used yet.
        plain: Address of the same endpoint without TLS, where that is not the usual one.
        revoke: What the second identity says to take the owner's right away.
        idle: Seconds after which a client that has said nothing should be gone; 0 where that is not tried.
    """

    expired: str = ""
    foreign: str = ""
    one_time: bool = False
    unused: tuple[str, ...] = ()
    plain: Target | None = None
    revoke: str = ""
    idle: float = 0.0

    def tokens(self) -> tuple[str, ...]:
        """What of it must not be shown."""
        return (self.expired, self.foreign, *self.unused)


@dataclass(slots=True)
class Situation:
    """Everything that a probe may look at.

    Args:
        client: Connects.
        base: What the owner, nobody, and a path that does not exist got.
        origin: Of the endpoint's own pages.
        owner: Whose credential was given; None without one.
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
        self, ask: Ask, control: Ask | None = None, *, by_opening: bool = False
    ) -> Proof:
        """`decide.attempt` here."""
        return await attempt(self.client, self.base, ask, control, by_opening=by_opening)

    async def owner_still_gets_in(self) -> bool:
        """Whether a refusal is about what was tried, and not about too many attempts."""
        if self.owner is None or self.base.once:
            return True
        # As long as for the baseline: a feed takes its time.
        proof = await self.client.converse(Ask(self.owner, self.origin, patience=2.0))
        # A feed that reports what the probe itself has done looks a little different by now.
        some = not self.base.delivered or bool(self.base.delivered & proof.delivered)
        return judged(self.base, proof)[0] is Access.IN or (some and proof.stays_open)


Run = Callable[[Situation], Awaitable[list[Result]]]


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe as the engine runs it."""

    meta: RuleMeta
    run: Run
    check: Check
    active: bool = False


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
    return Probe(meta, run, check, active)
