"""Judge if a client got in, by comparing what the server delivers to it and to the owner.

INVARIANT: a 101 alone proves nothing. It counts as entry only where a client without a credential is
refused, so that the 101 is what the credential bought.

INVARIANT: without the owner's session only an answer that speaks of a credential is a refusal. A server
that hangs up, keeps silent or answers with another error may have wanted another message.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from stormdoor_audit.prober.conversation import Ask, Client, Conversation, Manner
from stormdoor_audit.prober.delivered import (
    CODE,
    GREETING,
    denies,
    is_bare,
    is_refusal,
    shape,
    text_of,
)
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.packs import Pack, fitting
from stormdoor_audit.prober.public_page import names_in_pages
from stormdoor_audit.prober.same import Told, Wanted, differs
from stormdoor_audit.prober.together import together
from stormdoor_audit.prober.wire import ANSWER_SECONDS

__all__ = [
    "Access",
    "Baseline",
    "Proof",
    "attempt",
    "data_of",
    "judged",
    "refused",
    "take_baseline",
]

_SHORT = 300
_BODY = 2_000
"""Bytes of a refusal's body that are read for its reason."""
_MOST_TRIES = 4
"""Conversations of the owner, of which two must agree."""
_LONG = 6.0
"""Of the time to listen: for a feed that speaks only now and then."""
_SOON = 0.5
"""Seconds to listen on to a slow server after the first of what it has to say."""
_SLOW = 1.0
"""Seconds to the answer, or to what is delivered, from which on a server is slow."""
_LONGEST_WAIT = 5.0
"""Seconds that a server may ask to wait before the next attempt."""
_PROTOCOLS = (
    "graphql-transport-ws", "graphql-ws", "mqtt", "v12.stomp", "wamp.2.json", "ocpp1.6", "binary",
    "json", "chat",
)  # fmt: skip
_DENIED = {401, 407}
"""Statuses that ask for a credential (RFC 9110, section 15.5). 403 has reasons that no credential changes."""
_FORBIDDEN = 403
_DENIALS = {3000, 4401}
"""Codes of a close frame that ask for a credential: of IANA's list, and in common use."""
_LOGIN = re.compile(
    r"log.?in|sign.?in|\bsso\b|\boauth|\bauth\b|authori[sz]e|authenticate", re.IGNORECASE
)
_POLICY = {1002, 1003, 1007, 1008, 1011, 1013}


class Access(StrEnum):
    """The access that a client got."""

    REFUSED = "refused"
    IN = "in"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The conversations that each attempt is compared with.

    Args:
        owner: Two conversations of the owner; empty where no credential was given.
        `nobody`: The conversation of a client without a credential.
        nowhere: The conversation at a path that does not exist.
        delivered: What the owner always gets, and not before the credential was shown.
        once: The credential worked once, and not again.
        varied: The owner gets something else each time, so that only what is no fixed notice counts.
        opens: To be let in is enough: what it is open for was shown otherwise.
        second: The second use of a credential that works once, which was refused.
        spoken: Messages are sent in every comparison, so that silence after them says something.
    """

    owner: tuple[Conversation, ...]
    nobody: Conversation
    nowhere: Conversation
    delivered: frozenset[str]
    once: bool = False
    varied: bool = False
    opens: bool = False
    second: Conversation | None = None
    spoken: bool = False

    @property
    def wanted(self) -> Wanted:
        """The answer that is the owner's."""
        bought = self.delivered - self.nobody.delivered or self.delivered
        own = tuple(Told(one.messages) for one in self.owner)
        return Wanted(self.delivered, bought, own)


def refused(one: Conversation) -> bool:
    """Return True if it was turned away before anything was delivered."""
    return one.status != 101 or (bool(one.ended) and not one.delivered)


async def take_baseline(client: Client, owner: Identity | None, origin: str) -> Baseline:
    """Connect as the owner until two attempts agree, without a credential, and to an unknown path."""
    first = None if owner is None else await _first(client, Ask(owner, origin))
    if first is not None and first.handshake:
        # The owner was answered soon; silence for as long refuses another client.
        client.answer_seconds = min(ANSWER_SECONDS, 1.0 + 20 * first.handshake)
    if owner is not None:
        client.stranger = owner.nobody()
    seen: list[Conversation] = []
    if owner is not None and first is not None and client.slow:
        again = Ask(owner, origin, patience=_patience(client, first), linger=_SOON)
        second, nobody, elsewhere = await together(
            client.converse(again), _stranger(client, origin, first), _nowhere(client, origin)
        )
        seen = await _until_agreed(client, again, [first, second])
    else:
        if owner is not None and first is not None:
            seen = await _as_owner(client, owner, origin, first)
        nobody = await _stranger(client, origin, first)
        elsewhere = await _nowhere(client, origin)
    once = len(seen) == 2 and refused(seen[1]) and not refused(seen[0])
    spent = seen.pop() if once else None
    delivered = _bought(_shared(seen), seen)
    varied = len(seen) == 2 and not delivered and all(one.delivered for one in seen)
    spoken = bool(client.say) or (owner is not None and bool(owner.first_message))
    base = Baseline(
        tuple(seen), nobody, elsewhere, delivered, once, varied, second=spent, spoken=spoken
    )
    if delivered:
        client.wanted = base.wanted
        _keep_pace(client, max(one.pace(delivered) for one in seen))
    return base


def _shared(seen: Sequence[Conversation]) -> frozenset[str]:
    """Return the forms that all of the conversations have."""
    every = [one.delivered for one in seen]
    return every[0].intersection(*every[1:]) if every else frozenset()


def _keep_pace(client: Client, pace: float) -> None:
    """Set the time to listen: short where messages come at once, longer where they come late."""
    usual = client.usual
    soon = pace * 1.5 < usual
    client.listen = min(usual, max(0.4, 3 * pace + 0.3)) if soon else pace * 1.5 + 0.5


def _patience(client: Client, first: Conversation) -> float:
    return max(1.5, first.pace(first.delivered) * 1.5 / client.listen)


async def _first(client: Client, ask: Ask) -> Conversation:
    """Listen for long to who may speak only now and then, and not for long after it has spoken."""
    long = replace(ask, patience=_LONG, linger=1.5 * client.usual)
    first = await client.converse(long)
    if client.companions_say and not client.manner.companions_wait and not first.delivered:
        # Some companions must speak before this socket is opened, and some after it.
        first = await _in_manner(client, long, first, replace(client.manner, companions_wait=True))
    client.slow = max(first.handshake, first.pace(first.delivered)) > _SLOW
    return first


async def _stranger(client: Client, origin: str, owner: Conversation | None) -> Conversation:
    """Connect without a credential. Without an owner, find the messages and subprotocols that it needs."""
    if owner is not None:
        patience = _patience(client, owner)
        return await client.converse(Ask(client.stranger, origin, patience=patience))
    nobody = await _first(client, Ask(client.stranger, origin))
    if nobody.status not in {0, 101} and not client.stranger.protocols:
        offering = replace(client.stranger, protocols=_PROTOCOLS)
        other = await client.converse(Ask(offering, origin, patience=1.5))
        if other.status == 101:
            chosen = tuple(other.answer.values("sec-websocket-protocol")) or _PROTOCOLS
            nobody, client.stranger = other, replace(client.stranger, protocols=chosen)
    if nobody.status == 101 and not nobody.delivered:
        if client.say:
            nobody = await _in_turn(client, Ask(client.stranger, origin), nobody)
        if not nobody.delivered:
            nobody = await _by_pack(client, Ask(client.stranger, origin), nobody)
    if pace := nobody.pace(nobody.delivered):
        client.listen = max(client.listen, pace * 1.5 + 0.5)
    return nobody


async def _in_turn(client: Client, ask: Ask, before: Conversation) -> Conversation:
    """The same, each message said when the server has answered the one before it."""
    ask = replace(ask, patience=1.5)
    spoken = await _in_manner(client, ask, before, replace(client.manner, in_turn=True))
    if client.manner.in_turn and not ask.who.first_message:
        # A server that waits for the client is not waited for again.
        client.manner = replace(client.manner, greets=spoken.spoke)
    return spoken


async def _in_manner(
    client: Client, ask: Ask, before: Conversation, manner: Manner
) -> Conversation:
    """Return the conversation in another manner, which is kept; the one before where nothing is delivered."""
    usual, client.manner = client.manner, manner
    spoken = await client.converse(ask)
    if spoken.delivered:
        return spoken
    client.manner = usual
    return before


async def _by_pack(client: Client, ask: Ask, before: Conversation) -> Conversation:
    """The same conversation as the endpoint's protocol opens it, where a pack knows the protocol."""
    agreed = tuple(before.answer.values("sec-websocket-protocol"))
    pack = fitting(client.target.path, agreed, before.messages)
    if pack is None:
        return before
    usual = client.manner
    client.manner = replace(usual, pack=pack, say=pack.say)
    spoken = await client.converse(replace(ask, patience=1.5))
    if spoken.delivered or not pack.say:
        return spoken
    if pack.guess and spoken.ended and not spoken.denied:
        client.manner = usual
        return before
    if spoken.denied:
        return await _by_name(client, ask, spoken, pack)
    spoken = await _in_turn(client, ask, spoken)
    if not spoken.delivered and not spoken.ended:
        # It speaks another protocol, or nothing of this one: the operator's message is still needed.
        client.manner = usual
        return before
    return spoken


async def _by_name(client: Client, ask: Ask, before: Conversation, pack: Pack) -> Conversation:
    """The same in the other parts of the endpoint that the scripts of its pages name, such as namespaces."""
    names = await names_in_pages(client, pack.named) if pack.named else ()
    for name in names:
        said = tuple(one.replace("{name}", name) for one in pack.say_named)
        client.manner = replace(client.manner, say=said)
        spoken = await client.converse(replace(ask, patience=1.5))
        if spoken.delivered:
            return spoken
    client.manner = replace(client.manner, say=pack.say)
    return before


async def _nowhere(client: Client, origin: str) -> Conversation:
    directory = client.target.path.rsplit("/", 1)[0]
    elsewhere = client.target.at(f"{directory}/stormdoor-probe-nothing-here")
    ask = Ask(Identity("nobody"), origin, target=elsewhere, say=False, patience=0.2)
    return await client.converse(ask)


def _bought(delivered: frozenset[str], seen: list[Conversation]) -> frozenset[str]:
    """Return the forms that the credential buys: those from before it is shown reach every client.

    Where it buys nothing but a greeting by name, what every client gets is what there is.
    """
    before = frozenset[str]().union(*(Conversation(messages=s.greeting).delivered for s in seen))
    rest = delivered - before
    return rest if any(not one.startswith(GREETING) for one in rest) else delivered


async def _as_owner(
    client: Client, owner: Identity, origin: str, first: Conversation
) -> list[Conversation]:
    """Return the owner's conversation, and another one that agrees with it if there is one."""
    if first.status == 101 and refused(first):
        # A server that has just started, or has much to do, may let go of who is welcome.
        first = await client.converse(Ask(owner, origin, patience=1.5))
    if first.status != 101:
        return [first]
    if not first.delivered and client.say:
        first = await _in_turn(client, Ask(owner, origin), first)
    elif not first.delivered:
        first = await _by_pack(client, Ask(owner, origin), first)
    ask = Ask(owner, origin, patience=_patience(client, first))
    return await _until_agreed(client, ask, [first, await client.converse(ask)])


async def _until_agreed(
    client: Client, ask: Ask, seen: Sequence[Conversation]
) -> list[Conversation]:
    """Connect as the owner until two attempts in one manner are delivered the same, four times at most.

    The manner, with the number of attempts that it takes, is kept for every client.

    Args:
        client: Connects.
        ask: The owner.
        seen: The first two conversations.

    Returns:
        The two that agree; the first two where none do.
    """
    first, second = seen
    if not first.delivered and not second.delivered:
        return [first, second]
    usual = client.manner
    came = [(usual, first), (usual, second)]
    while not (pair := _agreeing(came)) and len(came) < _MOST_TRIES and not came[-1][1].limited:
        if len(came) == 2 and not second.delivered and second.stays_open and client.say:
            # A server that drops what it has heard before: give each message a number of its own.
            client.manner = replace(usual, numbered=True)
        elif not came[-1][1].delivered:
            client.manner = usual
        came.append((client.manner, await client.converse(ask)))
    if not (pair := pair or _agreeing(came, mixed=True)):
        client.manner = usual
        return [first, second]
    manner, forms = came[pair[1]][0], _shared([came[one][1] for one in pair])
    failed = 0
    tries = 1
    for other, one in came:
        failed = failed + 1 if other == manner and not forms <= one.delivered else 0
        tries = max(tries, failed + 1)
    client.manner = replace(manner, tries=tries)
    return [came[one][1] for one in pair]


def _agreeing(
    came: Sequence[tuple[Manner, Conversation]], *, mixed: bool = False
) -> tuple[int, int] | None:
    """Return the first two conversations in one manner, or in mixed ones, that share a form."""
    for a, b in itertools.combinations(range(len(came)), 2):
        (one, first), (other, second) = came[a], came[b]
        if (mixed or one == other) and first.delivered & second.delivered:
            return a, b
    return None


def judged(base: Baseline, one: Conversation, *, anonymous: bool = False) -> tuple[Access, str]:
    """Judge the access that this client got, with the reason.

    Args:
        base: What it is compared with.
        one: Its conversation.
        anonymous: It shows no credential at all; that it is let in is compared with the owner only.
    """
    if one.limited:
        return Access.UNKNOWN, "the server said that there were too many attempts"
    if one.too_large:
        return Access.UNKNOWN, "the server sent more than the probe reads"
    if one.problem:
        # A bare end is a way to refuse, and so is silence; that the server is there, the owner has shown.
        ended = bool(base.owner) and ("hung up" in one.problem or "kept silent" in one.problem)
        return (Access.REFUSED if ended else Access.UNKNOWN), one.problem
    if one.status != 101:
        answer = f"the handshake was answered with {one.status}"
        if base.owner or _denied(one):
            return Access.REFUSED, answer
        if one.status == _FORBIDDEN:
            answer += " (refused to this client with this Origin)"
        return Access.UNKNOWN, f"{answer}, which does not say that a credential is missing"
    got = one.delivered
    if base.owner:
        return _like_owner(base, one, got, anonymous=anonymous)
    return _without_owner(base, one)


def data_of(one: Conversation) -> frozenset[str]:
    """Return the forms of the data, where no owner tells what data are.

    A greeting by name may be that of a guest. Nothing is known of a code.
    """
    weighs = frozenset(shape(message) for message in one.messages if not is_bare(message))
    return frozenset(
        form
        for form in one.delivered & (weighs | one.proven)
        if not form.startswith(GREETING) and form != CODE
    )


def _without_owner(base: Baseline, one: Conversation) -> tuple[Access, str]:
    """Judge without the owner's session: only data are entry, and only a denial is a refusal."""
    got = data_of(one)
    if got and one.ended and (one.code in _POLICY or one.code >= 3000 or _notice(one)):
        return Access.UNKNOWN, "something was delivered, and then it was ended"
    if got:
        return Access.IN, "data were delivered"
    how = f"ended with {one.code}" if one.ended == "close" else "ended without a close frame"
    if one.code in _DENIALS or denies(one.reason) or one.denied_credential:
        return Access.REFUSED, f"it was {how}" if one.ended else "the answer asks for a credential"
    if any(map(denies, one.messages)) and (one.ended or base.spoken):
        return Access.REFUSED, "the answer says that a credential is missing"
    if one.ended:
        return Access.UNKNOWN, f"it was {how}, which does not say that a credential is missing"
    if one.denied or any(map(is_refusal, one.messages)):
        return Access.UNKNOWN, "the answer was an error that does not speak of a credential"
    if base.opens:
        return Access.IN, "it is let in, and stays open"
    if one.greets_on:
        return Access.IN, "it is greeted again and again"
    return Access.UNKNOWN, "it stays open, and nothing that would be worth protecting was delivered"


def _denied(one: Conversation) -> bool:
    """Return True if the handshake's answer asks for a credential, in its status, headers, body or target."""
    if one.status in _DENIED or one.answer.values("www-authenticate"):
        return True
    if 300 <= one.status < 400:
        return bool(_LOGIN.search(one.elsewhere)) and not _LOGIN.search(one.path)
    return one.status == 403 and denies(one.answer.body[:_BODY].decode("utf-8", "replace"))


def _notice(one: Conversation) -> bool:
    """Return True if all that was delivered is one short message, as a reason for an end would be."""
    return len(one.messages) == 1 and len(one.messages[0]) < _SHORT


def _like_owner(
    base: Baseline, one: Conversation, got: frozenset[str], *, anonymous: bool
) -> tuple[Access, str]:
    if base.delivered:
        return _compared(base, one, got, anonymous=anonymous)
    if base.varied and got:
        if _texts(one) & _texts(base.nobody) and not anonymous:
            return Access.REFUSED, "it was delivered what a client without a credential gets"
        if len(one.messages) * 4 < min(len(own.messages) for own in base.owner):
            return Access.UNKNOWN, "less was delivered than to the owner"
        return Access.IN, "it was delivered something else each time, as the owner is"
    if one.ended:
        return Access.REFUSED, "it was opened, and ended before anything was delivered"
    if any(is_refusal(message) for message in one.messages):
        return Access.REFUSED, "the answer was an error"
    if base.varied:
        return _quiet(base, "it stays open, and nothing was delivered", anonymous=anonymous)
    if base.opens:
        return Access.IN, "it is let in, and stays open"
    if not base.owner[-1].stays_open:
        return Access.UNKNOWN, "the owner's own connection does not stay open"
    if not anonymous and refused(base.nobody):
        return (
            Access.IN,
            "it was let in and stays open, while a client without a credential is refused",
        )
    return Access.UNKNOWN, "the owner was delivered nothing, so there is nothing to compare with"


def _compared(
    base: Baseline, one: Conversation, got: frozenset[str], *, anonymous: bool
) -> tuple[Access, str]:
    """Compare with what the owner always gets, and with what every client gets."""
    wanted = base.delivered if anonymous else base.delivered - base.nobody.delivered
    wanted = wanted or base.delivered
    missing, hit = wanted - got, wanted & got
    if differs(base.wanted.own, Told(one.messages), hit):
        return (
            Access.UNKNOWN,
            "what was delivered looks like the owner's, and says something else",
        )
    if not missing:
        return Access.IN, "it was delivered what the owner gets"
    if all(shape.startswith(GREETING) for shape in hit):
        if one.ended:
            return Access.REFUSED, "it was opened, and ended before anything was delivered"
        if anonymous and _other_data(base, one, got):
            return Access.UNKNOWN, "it was delivered something else than the owner gets"
        why = "it stays open, and nothing of what the owner gets was delivered"
        return _quiet(base, why, anonymous=anonymous)
    if all(shape.startswith(GREETING) for shape in missing):
        return Access.IN, "it was delivered what the owner gets, except for the greeting by name"
    return Access.UNKNOWN, "some of what the owner gets was delivered, and some was not"


def _other_data(base: Baseline, one: Conversation, got: frozenset[str]) -> bool:
    """Return True if it was delivered data in a form that the owner does not get."""
    weighs = {shape(message) for message in one.messages if not is_bare(message)}
    own = frozenset[str]().union(*(seen.delivered for seen in base.owner))
    return any(not form.startswith(GREETING) and form != CODE for form in (got & weighs) - own)


def _quiet(base: Baseline, why: str, *, anonymous: bool) -> tuple[Access, str]:
    """Judge an open socket on which nothing of the owner's comes.

    It is a refusal in two cases. The client sent a message and got no answer, or a refusal. The client shows
    a credential and gets no more than a client without one. Otherwise the server may act on a message that
    this client did not send, although it asks for a login.
    """
    if base.spoken or not anonymous:
        return Access.REFUSED, why
    return Access.UNKNOWN, f"{why}; it was sent no message"


def _texts(one: Conversation) -> frozenset[str]:
    return frozenset(text_of(message) for message in one.messages if shape(message))


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of an attempt that was made twice, with a control between.

    Args:
        access: IN only where both times agree, and the control was refused.
        why: In a few words.
        transcript: Of the last time.
        conversation: The last time.
    """

    access: Access
    why: str
    transcript: tuple[str, ...] = ()
    conversation: Conversation = field(default_factory=Conversation)


async def _as_often(client: Client, base: Baseline, ask: Ask, *, anonymous: bool) -> Conversation:
    """Connect until the client gets in, as often as the owner had to. A wrong password is sent once."""
    seen = await client.converse(ask)
    tries = 1 if client.sends_wrong_password(ask) else client.manner.tries
    for _ in range(tries - 1):
        if judged(base, seen, anonymous=anonymous)[0] is Access.IN:
            break
        seen = await client.converse(ask)
    return seen


async def attempt(
    client: Client,
    base: Baseline,
    ask: Ask,
    control: Ask | None = None,
    *,
    by_opening: bool = False,
    earlier: Sequence[Conversation] = (),
) -> Proof:
    """Try; if that gets in, see that the control does not, and try once more, listening longer.

    Args:
        client: Connects.
        base: The baseline of the comparison.
        ask: The attempt.
        control: A client that must be refused for the attempt to mean anything; None without one.
        by_opening: The credential itself is good, so that a socket which stays open shows enough.
            Otherwise the server may look at it with the first message, and something must be delivered.
        earlier: Conversations of the same attempt. The first of them that gets in counts as the first try.
    """
    anonymous = ask.who.empty and not ask.headers
    ready: list[Conversation] = []
    if client.slow:
        ask = replace(ask, linger=ask.linger or _SOON)
    longer = replace(ask, patience=ask.patience * 2)
    guesses = client.sends_wrong_password(ask)
    if client.slow and not guesses:
        first, *ready = await together(
            *(client.converse(one) for one in (ask, control, longer) if one is not None)
        )
    else:
        let_in = (one for one in earlier if judged(base, one, anonymous=anonymous)[0] is Access.IN)
        first = next(let_in, None) or await _as_often(client, base, ask, anonymous=anonymous)
    if first.limited and 0 < first.wait <= _LONGEST_WAIT and not guesses:
        await asyncio.sleep(first.wait)
        first = await client.converse(ask)
    access, why = judged(base, first, anonymous=anonymous)
    if access is not Access.IN:
        return Proof(access, why, first.transcript, first)
    comparable = base.delivered or base.varied or base.opens or by_opening
    if base.owner and not comparable:
        why = "it is let in, but nothing is delivered that would tell; `--say MESSAGE` may"
        return Proof(Access.UNKNOWN, why, first.transcript, first)
    if control is not None:
        outside = control.who.empty
        other = ready[0] if ready else await _as_often(client, base, control, anonymous=outside)
        without, _ = judged(base, other, anonymous=outside)
        if without is Access.IN:
            return Proof(
                Access.UNKNOWN, "a client without it gets in as well", first.transcript, first
            )
        # Without an owner it is data that show entry: a control that is told none of them is outside.
        told = bool(base.owner) or bool(other.delivered & first.delivered)
        if without is Access.UNKNOWN and not base.delivered and told:
            return Proof(Access.UNKNOWN, "the control could not be told", first.transcript, first)
    client.accepted(ask)
    second = ready[-1] if ready else await _as_often(client, base, longer, anonymous=anonymous)
    again, _ = judged(base, second, anonymous=anonymous)
    if base.varied and _texts(first) & _texts(second):
        why = "it was delivered the same twice, which the owner is not: it may be a notice"
        return Proof(Access.UNKNOWN, why, second.transcript, second)
    if again is Access.IN:
        return Proof(Access.IN, why, second.transcript, second)
    return Proof(Access.UNKNOWN, "it got in once, and not again", second.transcript, second)
