"""Format an entry of the trail for scripts, and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdoor.cli.output import clean, iso, moment

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stormdoor.core.event import Entry

__all__ = ["FIELDS", "as_row", "as_text"]

FIELDS = (
    *("seq", "time", "name", "cause", "endpoint", "permission", "kind", "policies", "count"),
    *("node", "principal", "tenant", "actor", "address", "user_agent", "connection", "detail"),
    *("ref", "erased", "hash"),
)


def as_row(entry: Entry) -> dict[str, object]:
    """Return one entry for scripts."""
    event = entry.event
    row: dict[str, object] = {name: getattr(event, name) for name in FIELDS if hasattr(event, name)}
    row |= {
        "seq": entry.number,
        "time": iso(event.time),
        "policies": list(event.policies),
        "erased": entry.personal is None,
        "hash": entry.hash,
    }
    return {name: row[name] for name in FIELDS}


def as_text(entry: Entry) -> RenderableType:
    """Return one entry for people: time, event and principal, and below it the other fields."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    event = entry.event
    who = [event.principal or ("(erased)" if entry.personal is None else "")]
    who += [f"by {event.actor}"] if event.actor and event.actor != event.principal else []
    who += [f"from {event.address}"] if event.address else []
    times = f" ×{event.count}" if event.count > 1 else ""
    shown = Text.assemble(
        (f"{entry.number:>6}  ", "dim"),
        f"{moment(event.time)}  ",
        (clean(event.name + times), "yellow" if event.cause else "bold"),
        clean("  " + " ".join(filter(None, who))),
    )
    rest: list[str] = [
        event.cause,
        event.permission,
        event.endpoint,
        f"with {event.kind}" if event.kind else "",
        f"decided by {' '.join(event.policies)}" if event.policies else "",
        event.detail,
        f"reference {event.ref}" if event.ref else "",
        f"connection {event.connection}" if event.connection else "",
        # A file has one machine, and mostly one process; `--json` has its node, too.
        f"node {event.node}" if event.node and entry.listed is not None else "",
    ]
    if not any(rest):
        return shown
    below = Text(clean(" · ".join(filter(None, rest))), style="dim")
    return Group(shown, Padding(below, (0, 0, 0, 8)))
