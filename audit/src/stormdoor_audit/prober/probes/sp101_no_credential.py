"""An unauthenticated client can use the socket.

What:
    A client without a credential connects, and receives the same messages as the owner, or a message that the
    owner sends (`--say` with `{unique}`). Without an owner to compare with, every message counts except
    greetings, heartbeats, receipts and refusals. A socket that opens and sends nothing is not determined,
    with two exceptions: a page without a login uses it, and neither the page nor its scripts mention a login;
    or it returns each message (with `--active`). `--must-refuse` declares that a client without a credential
    may hold no socket. Then a socket that stays open is a finding, and a close with 1008, 3000, 3003 or 44xx
    before any data is a refusal.

    A long random id in the address may be the credential. It is none if a page above it shows the id without
    a login, gives each visitor another one, or creates one for an unauthenticated client (with `--active`). A
    value that the client can choose or create is no credential either: the name of a session or a tab, a
    cookie or token from a page without a login, or an unsigned token in the server's format.

Why:
    Every client that can reach the port can read the messages. A login page does not protect the socket.

Fix:
    Refuse the handshake before it is answered with 101: with stormdoor, `protect(application, guard)`; by
    hand, raise `HTTPError(401)` in `prepare()` where there is no `current_user`.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask, Conversation
from stormdoor_audit.prober.creatable import candidates, visit
from stormdoor_audit.prober.decide import Access, Proof, data_of, judged
from stormdoor_audit.prober.delivered import text_of
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.listening import overheard
from stormdoor_audit.prober.packs import fitting
from stormdoor_audit.prober.probe import (
    OWNER,
    SAY,
    Closed,
    NotDetermined,
    Open,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.prober.public_page import public_page
from stormdoor_audit.prober.together import meeting, together
from stormdoor_audit.prober.wire import ANSWER_SECONDS, NoAnswer, Request
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]

_DEVTOOLS = "/json/list"
"""Path at which servers of the browsers' developer tools list what may be debugged."""
_MADE = 3.0
"""Of the time to listen: what was just made may take a moment to start."""
_MOST_GIVEN = 3
_HELD = 10.0
"""Of the time to listen: before a client is said to hold its socket."""
_OPENED = 101
_REFUSING = frozenset({1008, 3000, 3003})
"""Codes of a close frame that refuse a client (RFC 6455, section 7.4.1; IANA's list), beside 44xx."""
_SILENCE = 5.0
"""Of the time to listen: before a socket that stays open is said to deliver nothing."""
_OWNER = 1.5
"""Of the time to listen: to the owner, before another client connects."""
_CAPABILITY = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}")


async def _is_capability(situation: Situation, ask: Ask) -> bool:
    """Return True if another long id in the address gets nothing, and no page tells this one."""
    client = situation.client
    secret = _CAPABILITY.search(client.target.resource)
    if secret is None:
        return False
    changed = client.target.resource.replace(secret[0], secret[0][::-1], 1)
    other = await client.converse(Ask(ask.who, ask.origin, target=client.target.at(changed)))
    if judged(situation.base, other, anonymous=True)[0] is Access.IN:
        return False
    above = client.target.resource[: secret.start()].rstrip("/?")
    pages = (above or "/", above.rpartition("/")[0] or "/", "/", _DEVTOOLS)
    for page in dict.fromkeys(pages):
        with contextlib.suppress(NoAnswer):
            answer = await client.plain(client.target.at(page), Request())
            text = answer.body.decode("utf-8", "replace")
            if answer.status == 200 and secret[0] in text:
                return False
            if answer.status == 200 and await _is_given_by(situation, ask, text, secret[0]):
                return False
    made = situation.active and await _is_made_for_any_client(situation, ask, above, secret[0])
    return not made


async def _is_given_by(situation: Situation, ask: Ask, page: str, secret: str) -> bool:
    """Return True if a page for every visitor holds another id of this form, and gets in with it."""
    client = situation.client
    form = re.sub(r"[0-9A-Za-z]+", lambda run: f"[0-9A-Za-z]{{{len(run[0])}}}", secret)
    given = dict.fromkeys(re.findall(rf"(?<![\w-]){form}(?![\w-])", page))
    for other in list(given)[:_MOST_GIVEN]:
        own = client.target.at(client.target.resource.replace(secret, other, 1))
        came = await client.converse(replace(ask, target=own, patience=_MADE))
        if judged(situation.base, came, anonymous=True)[0] is Access.IN:
            return True
    return False


async def _is_made_for_any_client(situation: Situation, ask: Ask, above: str, secret: str) -> bool:
    """Return True if an unauthenticated client can have another id made, and gets in with it."""
    client = situation.client
    json_kind = (("Content-Type", "application/json"), ("Origin", situation.origin))
    with contextlib.suppress(NoAnswer):
        answer = await client.plain(
            client.target.at(above or "/"), Request(json_kind, method="POST", body=b"{}")
        )
        made = _CAPABILITY.search(answer.body.decode("utf-8", "replace"))
        if answer.status not in {200, 201} or made is None or made[0] == secret:
            return False
        own = client.target.at(client.target.resource.replace(secret, made[0], 1))
        came = await client.converse(replace(ask, target=own, patience=_MADE))
        gone = client.target.at(f"{above}/{made[0]}")
        await client.plain(gone, Request(json_kind, method="DELETE"))
        return judged(situation.base, came, anonymous=True)[0] is Access.IN
    return False


async def _open_though_quiet(situation: Situation, ask: Ask) -> str:
    """Return the evidence that a silent socket is open to every client; "" without any."""
    client = situation.client
    if page := await public_page(client):
        return f"{page} opens the socket for every visitor, and knows of no login"
    if not situation.active or client.say:
        return ""
    with client.to_the_end(("stormdoor-probe {unique}",)):
        for _ in range(2):
            word = secrets.token_hex(6)
            came = await client.converse(replace(ask, unique=word))
            if f"stormdoor-probe {word}" not in came.messages:
                return ""
    return "it sends back each message"


async def _attempted(situation: Situation) -> tuple[Ask, Proof]:
    """Try without a credential: with the usual subprotocols, without any, and without an Origin."""
    usual = situation.client.usual / situation.client.listen
    ask = replace(situation.nobody, patience=max(1.0, usual))
    proof = await situation.attempt(ask, earlier=situation.client.earlier(ask))
    other = [replace(ask, origin=None)]
    if proof.access is Access.REFUSED and ask.who.protocols and situation.owner is not None:
        # Who offers nothing at all may not be asked for what stands among the subprotocols.
        other.insert(0, replace(ask, who=replace(ask.who, protocols=())))
    for one in other:
        if proof.access is Access.IN:
            break
        came = await situation.attempt(one)
        if came.access is Access.IN:
            ask, proof = one, came
    return ask, proof


async def _let_in(situation: Situation, ask: Ask, proof: Proof) -> Result:
    """The result where a client without a credential got in."""
    if await _is_capability(situation, ask):
        what = (
            "No credential is asked for, but the address may be one: a client that changes its long "
            "id gets nothing, and every client that knows the address gets in."
        )
        return NotDetermined(what, OWNER, proof.transcript)
    without = " and without an `Origin`" if ask.origin is None else ""
    public = (
        " If they are public, give the owner's credential: only what the owner gets counts then."
        if situation.owner is None
        else ""
    )
    what = f"A client without a credential{without} gets in: {proof.why}.{public}"
    return Open(what, proof.transcript)


async def _run(situation: Situation) -> list[Result]:
    ask, proof = await _attempted(situation)
    result = await _judged(situation, ask, proof)
    situation.open_to_all = isinstance(result, Open)
    if situation.declared.must_refuse and not isinstance(result, Open):
        result = await _held(situation, ask) or result
    return [result]


async def _held(situation: Situation, ask: Ask) -> Open | Closed | None:
    """Return the result where a client without a credential may hold no socket; None if it holds none.

    Servers that wait for a first message close the socket after some seconds, with a code that refuses it.
    """
    client = situation.client
    patience = _HELD * client.usual / client.listen
    with client.to_the_end():
        came = await together(
            *(
                client.converse(replace(ask, origin=origin, say=say, patience=patience))
                for origin, say in ((ask.origin, True), (ask.origin, False), (None, True))
            )
        )
    opened = [one for one in came if one.status == _OPENED]
    for one in opened:
        if one.stays_open or data_of(one):
            how = "stays open" if one.stays_open else "is closed after data"
            what = f"A client without a credential gets a socket, which {how} (`--must-refuse`)."
            return Open(what, one.transcript)
    if opened and all(one.code in _REFUSING or 4400 <= one.code < 4500 for one in opened):
        what = f"The socket of a client without a credential is closed with {opened[0].code}."
        return Closed(what, opened[0].transcript)
    return None


async def _judged(situation: Situation, ask: Ask, proof: Proof) -> Result:
    private = situation.private
    if private and any(private in text_of(one) for one in proof.conversation.messages):
        again = await situation.client.converse(ask)
        if any(private in text_of(one) for one in again.messages):
            what = "A client without a credential is delivered what only the owner may read."
            return Open(what, again.transcript)
    if proof.access is Access.IN:
        return await _let_in(situation, ask, proof)
    created = await _creatable(situation)
    if isinstance(created, Open):
        return created
    if situation.owner is None:
        return await _quiet(situation, ask, proof) or _not_in(situation, proof, created)
    if proof.conversation.stays_open and not situation.base.once:
        speaker = Ask(situation.owner, situation.origin)
        heard = await overheard(situation.client, situation.base, replace(ask, say=False), speaker)
        if heard is not None:
            what = "A client without a credential hears what the owner says, and is not answered itself."
            return Open(what, heard.transcript)
    found: Open | NotDetermined | None = created
    if found is None and proof.access is Access.REFUSED:
        found = await _second_look(situation, ask, proof)
    return found if isinstance(found, Open) else _not_in(situation, proof, found)


async def _quiet(situation: Situation, ask: Ask, proof: Proof) -> Open | None:
    """Open, if the socket of a client without a credential is silent, and is shown to be open otherwise."""
    if proof.access is not Access.UNKNOWN or not proof.conversation.stays_open:
        return None
    why = await _open_though_quiet(situation, ask)
    if not why:
        return None
    situation.base = replace(situation.base, opens=True)
    what = f"A client without a credential is let in: {why}."
    return Open(what, situation.client.all[-1].transcript)


async def _second_look(situation: Situation, ask: Ask, proof: Proof) -> Open | NotDetermined | None:
    """Look for what a refusal may hide; None where it still is one.

    A server may have a limit, be slow to clients that it does not know, keep a user for all of its
    connections, or refuse a client for want of a part that is no secret.
    """
    client, owner, base = situation.client, situation.owner, situation.base
    if owner is None:
        return None
    question = "The probe cannot tell whether a client without a credential gets in"
    if judged(base, base.nobody, anonymous=True)[0] is Access.IN:
        what = f"{question}: it got in once, and was refused later."
        return NotDetermined(what, "`--per-second N` with a smaller number", proof.transcript)
    if proof.conversation.stays_open or not proof.conversation.status:
        # The owner was answered sooner than this client is waited for by now.
        usual, client.answer_seconds = client.answer_seconds, ANSWER_SECONDS
        late = await situation.attempt(
            replace(ask, patience=_SILENCE * client.usual / client.listen)
        )
        client.answer_seconds = usual
        if late.access is Access.IN:
            what = f"A client without a credential gets in, and is answered late: {late.why}."
            return Open(what, late.transcript)
        if late.access is Access.UNKNOWN:
            return NotDetermined(f"{question}: {late.why}.", SAY, late.transcript)
    if base.once:
        return None
    plain = owner.plain_parts()
    if plain != owner.nobody() and plain.shown() != ask.who.shown():
        part = await situation.attempt(Ask(plain, situation.origin))
        if part.access is Access.IN:
            what = f"{question}: those parts of the owner's credential that may be no secret get in alone."
            settle = "`--credential-subprotocol`, or `--header` and `--cookie` with secrets only"
            return NotDetermined(what, settle, part.transcript)
    return await _beside_the_owner(situation, owner, ask, question)


async def _beside_the_owner(
    situation: Situation, owner: Identity, ask: Ask, question: str
) -> Open | NotDetermined | None:
    """Connect while the owner is connected, and see that the owner still gets in."""
    own, other = await _both(situation, owner, ask)
    if other is None:
        what = f"{question}: the owner is refused by now, too."
        return NotDetermined(what, "`--per-second N` with a smaller number", own.transcript)
    access, why = judged(situation.base, other, anonymous=True)
    if access is Access.REFUSED:
        return None
    if access is Access.IN:
        _, again = await _both(situation, owner, ask)
        if again is not None and judged(situation.base, again, anonymous=True)[0] is Access.IN:
            what = f"A client without a credential gets in while the owner is connected: {why}."
            return Open(what, again.transcript)
        why = "it got in once, while the owner was connected"
    return NotDetermined(f"{question}: {why}.", SAY, other.transcript)


async def _both(
    situation: Situation, owner: Identity, ask: Ask
) -> tuple[Conversation, Conversation | None]:
    """Return the conversations of the owner and of another client; None for it if the owner is refused.

    The other client connects while the owner's socket is open. Where the server answers the owner and closes
    at once, both connect in the same moment.
    """
    client = situation.client
    seen: list[Conversation] = []

    async def connect() -> None:
        seen.append(await client.converse(ask))

    with_owner = Ask(owner, situation.origin, patience=_OWNER)
    own = await client.converse(replace(with_owner, later=connect, overhears=True))
    if seen:
        return own, seen[-1]
    gate = meeting(2, client.usual)
    own, other = await together(
        client.converse(replace(with_owner, gate=gate)), client.converse(replace(ask, gate=gate))
    )
    return own, other if judged(situation.base, own)[0] is Access.IN else None


def _not_in(situation: Situation, proof: Proof, doubt: NotDetermined | None) -> Result:
    """The result where the client was not seen to get in.

    Args:
        situation: What a probe may look at.
        proof: Of the client without a credential.
        doubt: About a credential that any client can create.
    """
    if proof.access is Access.UNKNOWN:
        what = f"The probe cannot tell whether a client without a credential gets in: {proof.why}."
        if situation.owner is None and proof.conversation.stays_open and not _spoke(proof):
            what += " The path may be wrong."
        return NotDetermined(what, _settles(situation, proof), proof.transcript)
    closed = f"A client without a credential is refused: {proof.why}."
    if proof.conversation.stays_open and not situation.declared.must_refuse:
        closed += " It holds a socket; `--must-refuse` makes that a finding."
    return doubt or Closed(closed, proof.transcript)


def _spoke(proof: Proof) -> bool:
    """Return True if the server has sent a message at all."""
    return bool(proof.conversation.greeting or proof.conversation.messages)


async def _creatable(situation: Situation) -> Open | NotDetermined | None:
    """The result of credentials that any client can create; None where each of them is refused."""
    client, doubt = situation.client, None
    seen = await visit(client)
    for one in candidates(client, situation.owner, seen):
        if client.sends_wrong_password(Ask(one.who, situation.origin)):
            continue
        usual = client.manner
        proof = await _with_created(situation, one.who)
        if proof.access is Access.IN:
            client.stranger = one.who
            what = f"A client without a login gets in with {one.how}: {proof.why}."
            return Open(what, proof.transcript)
        client.manner = usual
        if proof.access is Access.UNKNOWN and proof.conversation.status == 101:
            what = f"The probe cannot tell whether a visitor gets in with {one.how}: {proof.why}."
            doubt = NotDetermined(what, _settles(situation, proof), proof.transcript)
    return doubt


async def _with_created(situation: Situation, who: Identity) -> Proof:
    """Try a credential that the client has created, in the words of its protocol where none were given."""
    client, ask = situation.client, Ask(who, situation.origin)
    if who.protocols and not client.say and client.manner.pack is None:
        pack = fitting("", who.protocols)
        said = pack.say if pack is not None else ()
        client.manner = replace(client.manner, pack=pack, say=said)
    proof = await situation.attempt(ask, situation.nobody)
    if proof.access is Access.UNKNOWN and proof.conversation.messages and client.say:
        # Some servers drop a client that does not wait for their first message.
        client.manner = replace(client.manner, in_turn=True)
        proof = await situation.attempt(ask, situation.nobody)
    return proof


def _settles(situation: Situation, proof: Proof) -> str:
    """The option that would tell whether a client without a credential gets in."""
    missing = [SAY] if not situation.client.say else []
    if proof.conversation.stays_open and not situation.declared.must_refuse:
        missing.append("`--must-refuse`, if a client without a credential may hold no socket")
    missing += [OWNER] if situation.owner is None else []
    return " or ".join(missing)


PROBE = probe(
    __doc__,
    id="SP101",
    slug="no-credential",
    level=Level.ERROR,
    threat="direct-connection",
    cwe=(306,),
    asvs=("4.4.3", "6.3.4"),
    check=Check.AUTHENTICATION,
    run=_run,
)
