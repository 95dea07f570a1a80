"""Parameters of an address that look like a credential, and are a name that the client has made up.

A page makes up a session, a tab or a peer each time that it is loaded. Any value is let in, so
that it is no credential; and what is in use already may be refused, so that each connection needs its own.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import replace

from stormdoor_audit.prober.conversation import Ask, Client, Conversation
from stormdoor_audit.prober.decide import refused
from stormdoor_audit.prober.delivered import text_of
from stormdoor_audit.prober.identity import Identity, Pairs
from stormdoor_audit.prober.passwords import is_password

__all__ = ["alike", "made_up"]

_MOST = 3
_NOTICE = 300
_HEXADECIMAL = re.compile(r"[0-9a-f\W_]*\Z")
_PREFIX = re.compile(r"[A-Za-z]{1,4}[_:.](?=.)")


def alike(value: str) -> str:
    """Another value that is written in the same way: digits, letters and separators where they were."""
    prefix = found[0] if (found := _PREFIX.match(value)) else ""
    rest = value[len(prefix) :]
    small = "abcdef" if _HEXADECIMAL.match(rest) else string.ascii_lowercase

    def one(sign: str) -> str:
        if sign.isdecimal():
            return secrets.choice(string.digits)
        if sign.isalpha():
            found = secrets.choice(small)
            return found.upper() if sign.isupper() else found
        return sign

    return prefix + "".join(map(one, rest))


async def made_up(client: Client, owner: Identity, given: Pairs, origin: str) -> Pairs:
    """Those of the parameters for which any value does.

    Args:
        client: Connects.
        owner: Who shows them.
        given: The parameters of the address that look like a credential.
        origin: Of the endpoint's pages.
    """
    # A password is none, and each wrong one counts against an account.
    given = tuple(one for one in given if not is_password(one[0]))
    if not given or len(given) > _MOST:
        return ()
    real: Conversation | None = None
    found = []
    for name, value in given:
        rest = tuple(one for one in owner.query if one != (name, value))

        async def with_another(
            rest: Pairs = rest, name: str = name, value: str = value
        ) -> Conversation:
            other = replace(owner, query=(*rest, (name, alike(value))))
            return await client.converse(Ask(other, origin, patience=1.5))

        came = await with_another()
        if refused(came):
            continue
        # Not before: what is good for one use only must not be spent here.
        real = real or await client.converse(Ask(owner, origin, patience=1.5))
        if real.messages and not came.messages:
            continue
        if real.delivered and real.delivered <= came.delivered:
            found.append((name, value))
            continue
        # Nothing tells whether it was let in, unless it is turned away without the parameter.
        without = await client.converse(Ask(replace(owner, query=rest), origin))
        if not refused(without) and not without.ended:
            continue
        if (not refused(real) and not real.delivered and _as_quiet(real, came)) or (
            # What is in use already is refused, or goes on where it was: another one begins anew.
            _much(came) and bool(came.delivered & (await with_another()).delivered)
        ):
            found.append((name, value))
    return tuple(found)


def _much(one: Conversation) -> bool:
    """Return True if it was delivered more than a notice would hold."""
    length = sum(len(text_of(message)) for message in one.messages)
    return one.stays_open and length >= _NOTICE and len(one.delivered) > 1


def _as_quiet(one: Conversation, other: Conversation) -> bool:
    """Return True if both stay open, and both have said nothing of weight."""
    return one.stays_open and other.stays_open and not other.delivered
