"""A credential that is damaged is accepted.

What:
    The owner's credential is replaced by garbage, cut in half, changed at its end, emptied, or replaced by
    `null` or `undefined`, which a page sends if it has no credential. The server accepts it, and refuses a
    client without a credential. In a first message in JSON, the prober changes the fields with the name of a
    credential, or else every text. Of a password it sends one wrong value, and the others only with
    `--active`.

Why:
    The server checks that there is a credential, and not that it is valid.

Fix:
    Look the credential up, or verify its signature, and refuse the handshake if that fails.
"""

from __future__ import annotations

from collections.abc import Callable

from stormdoor_audit.prober.attempts import Form, each_form
from stormdoor_audit.prober.conversation import Ask
from stormdoor_audit.prober.probe import (
    CREDENTIAL,
    OWNER,
    NotTried,
    Result,
    Situation,
    probe,
)
from stormdoor_audit.report.finding import Check, Level

__all__ = ["PROBE"]


def _altered(text: str) -> str:
    # Not the last character: of base64, its low bits may mean nothing.
    at = max(len(text) - 4, 0)
    return text[:at] + ("A" if text[at : at + 1] != "A" else "B") + text[at + 1 :]


def _garbage(_: str) -> str:
    return "stormdoor-probe-garbage"


def _nothing(_: str) -> str:
    return ""


_CHANGES: dict[str, Callable[[str], str]] = {
    "replaced by garbage": _garbage,
    "cut in half": lambda text: text[: len(text) // 2],
    "with a character near its end changed": _altered,
    "emptied": _nothing,
    "replaced by `null`": lambda _: "null",
    "replaced by `undefined`": lambda _: "undefined",
}


async def _run(situation: Situation) -> list[Result]:
    owner = situation.owner
    if owner is None or owner.empty:
        return [NotTried(OWNER)]
    if situation.open_to_all:
        return [NotTried(CREDENTIAL)]
    damaged = {
        name: owner.changed(f"{owner.name}, credential {name}", change)
        for name, change in _CHANGES.items()
    }
    return await each_form(
        situation,
        (
            Form(
                name,
                Ask(who, situation.origin),
                f"The owner's credential {name} gets in",
                situation.nobody,
            )
            for name, who in damaged.items()
            if who != owner
        ),
        closed="Garbage, half, altered, empty and `null` credentials are refused.",
        asked="The probe cannot tell whether a damaged credential gets in",
    )


PROBE = probe(
    __doc__,
    id="SP102",
    slug="damaged-credential",
    level=Level.ERROR,
    threat="weak-token-verification",
    cwe=(287,),
    asvs=("7.2.1", "9.1.1"),
    check=Check.AUTHENTICATION,
    run=_run,
)
