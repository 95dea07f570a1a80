"""The verdict on the authentication of a handler, from the states that an unauthenticated client reaches."""

from dataclasses import dataclass

from stormdoor_audit.analyzer.lifecycle.tornado import Connection

__all__ = ["Authentication", "better", "judge"]

_EFFECTS = frozenset({"act", "join", "send", "store"})
_ORDER = ("missing", "late", "unknown", "guarded")
"""Verdicts from the worst to the best."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """A verdict.

    Args:
        verdict: missing, late, optional, guarded or unknown.
        setting: Name of the setting that switches the check, of *optional*.
        line: Line of the effect or of the 101.
        module: Its module, or "".
    """

    verdict: str
    setting: str = ""
    line: int = 0
    module: str = ""


def better(one: str, other: str) -> bool:
    """Return True if the first verdict is better than the second."""
    return _ORDER.index(one) > _ORDER.index(other)


def judge(connection: Connection) -> Authentication:
    """Return the verdict for the settings of one execution."""
    if not connection.accepted:
        asked = any(at.asked or at.connection == "finished" for at in connection.refused)
        return Authentication("guarded" if asked or connection.refuses else "unknown")
    first = next((one for one in connection.events if one.kind == "accept"), None)
    line, module = (first.line, first.module) if first is not None else (0, "")
    verdict = "late" if _is_late(connection) else "missing"
    return Authentication(verdict, "", line, module)


def _is_late(connection: Connection) -> bool:
    """Return True if `open` or a message refuses this client behind the 101."""
    passing = [at for at in connection.opened if at.connection == "open"]
    refused = [at for at in (*connection.opened, *connection.failed) if at.asked]
    if not passing:
        return bool(refused)
    effects = [
        one for one in connection.events if one.kind in _EFFECTS and one.at.stage == "message"
    ]
    if any(at.asked for at in connection.accepted):
        return False  # the answer was negative before the 101 already, and refused nothing
    ended = [
        at
        for at in (*connection.messages, *connection.broken)
        if at.asked and (at.connection == "closed" or at in connection.broken)
    ]
    in_spite = [one for one in effects if one.at.asked]
    unasked = [one for one in effects if not one.at.asked]
    if ended:
        return True
    asked = any(at.asked for at in (*connection.messages, *connection.opened))
    checks = [one for one in connection.events if one.kind == "check" and one.at.stage != "before"]
    if checks and not effects:
        return True
    if in_spite:
        return False
    return asked and not unasked if not any(at.asked for at in connection.messages) else asked
