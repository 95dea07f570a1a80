"""Ways that count: those of the program as it is shipped, or as it is used."""

from stormdoor_audit.auditor.connection.pathway import Path
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.judging.messages import (
    EFFECTS,
    message_checks,
    message_effects,
)
from stormdoor_audit.auditor.judging.verdicts import ASKS, classified

__all__ = ["in_use"]


def in_use(shipped: list[Path], paths: list[Path]) -> list[Path]:
    """The ways of this client as shipped, or where what it wants is switched on.

    Where nothing but a failure comes of the connection as shipped, it is what comes of it otherwise that
    counts: `if not options.use_robots: return` says nothing about who is let in.
    """
    accepted = [path for path in shipped if path.outcome == "accepted"]
    fails = any(path.message_end == "raised" for path in accepted)
    broken = bool(accepted) and all(_is_broken(path) for path in accepted)
    if not accepted and not any(path.refused_by for path in shipped):
        return _asked_otherwise(shipped, paths)
    if not (broken or (fails and all(_is_idle(path) for path in accepted))):
        return shipped
    for name in accepted[0].assumptions:
        switched = _with_another(name, paths)
        if any(
            path.outcome == "accepted" and (_asks_in_use(path) if broken else not _is_idle(path))
            for path in switched
        ):
            return switched
    return shipped


def _asks_in_use(path: Path) -> bool:
    """Return True if messages are checked, or `open` refuses this client for its missing identity."""
    return bool(message_checks(path)) or (bool(path.checks) and path.open_end != "through")


def _with_another(name: str, paths: list[Path]) -> list[Path]:
    """The ways on which this setting alone is another than its default."""
    return [
        path
        for path in paths
        if [one.name for one in path.assumptions.values() if one.default is not one.value] == [name]
    ]


def _asked_otherwise(shipped: list[Path], paths: list[Path]) -> list[Path]:
    """Return the ways with a setting set, if its absence refuses every client as shipped."""
    for name in dict.fromkeys(name for path in shipped for name in path.assumptions):
        switched = _with_another(name, paths)
        if switched and classified(switched).kind in ASKS:
            return switched
    return shipped


def _is_broken(path: Path) -> bool:
    """Return True if every client fails for lack of a setting: the program is not used as shipped.

    Each message fails on it, or `open` turns every client away without a check.
    """
    if path.checks:
        return False
    if path.open_end in {"closed", "raised"}:
        return True
    return path.message_end == "raised" and not message_effects(path)


def _is_idle(path: Path) -> bool:
    """Return True if no check and no effect happens for the client; it may be greeted."""
    done = any(
        event.kind == "join"
        or (event.kind in EFFECTS and event.stage == Stage.MESSAGE and not event.constant)
        for event in path.events
    )
    return not path.checks and not done
