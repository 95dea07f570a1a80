"""`stormdoor trail show --ref`: explain the refusal that a user has quoted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from stormdoor.cli.output import clean
from stormdoor.cli.remedies import MEANINGS, REMEDIES
from stormdoor.cli.usage import UsageError
from stormdoor.core.denial import ANSWERS, Denial
from stormdoor.guard.references import REFERENCE_LENGTH, is_reference

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stormdoor.core.event import Event

__all__ = ["UNKNOWN", "explanation", "parse_reference"]

_READ_ALOUD = str.maketrans("OIL", "011")
UNKNOWN = (
    "No entry has this reference. Equal refusals within one second, and those of a flood beyond a rate, "
    "are one entry with the reference of the first: look for it with --since, --cause and --address. Or the "
    "entry was erased, is older than the retention, or is not written yet."
)


def parse_reference(text: str) -> str:
    """Return the reference that a user has quoted, also in small letters or with an O for a 0.

    Raises:
        UsageError: The text is no reference.
    """
    ref = text.strip().upper().translate(_READ_ALOUD)
    if not is_reference(ref):
        raise UsageError(
            f"--ref: {text!r} is no reference; one has {REFERENCE_LENGTH} digits and letters, such as "
            "7GQ2M4XK9B"
        )
    return ref


def explanation(event: Event) -> RenderableType | None:
    """Return the answer that the client got, its cause and the remedy; None for an entry without a cause.

    Args:
        event: The event of the entry.
    """
    from rich.padding import Padding
    from rich.table import Table

    try:
        denial = Denial(event.cause)
    except ValueError:
        return None
    answer = ANSWERS[denial]
    rows = {
        "the user saw": (
            f"{answer.text} (HTTP {answer.status}; close code {answer.close_code} of an open socket)"
        ),
        "meaning": MEANINGS[denial],
        "details": event.detail,
        "remedy": REMEDIES[denial],
    }
    if denial is Denial.FORBIDDEN and event.principal and event.permission:
        asked = shlex.join((event.principal, event.permission))
        rows["the policies"] = f"stormdoor explain {asked}"
    if event.count > 1:
        rows["merged"] = f"{event.count} refusals are this entry; the first has this reference."
    if event.node:
        rows["node"] = event.node
    grid = Table.grid(padding=(0, 2))
    for name, said in rows.items():
        if said:
            grid.add_row(name, clean(said.replace("`", "")))
    return Padding(grid, (0, 0, 0, 8))
