"""`stormdoor trail export`: write the trail to a file, as JSON lines or CSV."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from cyclopts import Parameter

from stormdoor.cli.entry import FIELDS, as_row
from stormdoor.cli.output import remark
from stormdoor.cli.trail_filter import EVERY, Selected
from stormdoor.cli.usage import UsageError
from stormdoor.cli.where import UNSAID, Where, opened
from stormdoor.ports.trail import all_pages

if TYPE_CHECKING:
    from stormdoor.core.event import Entry
    from stormdoor.core.trail_filter import Filters
    from stormdoor.ports import TrailStore

__all__ = ["export"]


_PAGE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def export(
    *,
    form: Annotated[Literal["jsonl", "csv"], Parameter(name="--format")] = "jsonl",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    after: int = 0,
    selected: Selected = EVERY,
    where: Where = UNSAID,
) -> int:
    """Write entries, the oldest first, for another program.

    Args:
        form: jsonl (if left out): one JSON object a line. csv: for a spreadsheet.
        output: The file; standard output if left out. Only its owner may read it.
        after: Only entries after this number.
        selected: Which entries.
        where: Which installation.
    """
    number, filters = 0, selected.filters()
    async with opened(where, purpose="read") as installation:
        with _written(output) as file:
            writer = csv.DictWriter(file, FIELDS) if form == "csv" else None
            if writer is not None:
                writer.writeheader()
            async for entry in _entries(installation.guard.state.trail, after, filters):
                row = as_row(entry)
                if writer is not None:
                    writer.writerow({key: _cell(value) for key, value in row.items()})
                else:
                    file.write(json.dumps(row) + "\n")
                number += 1
    if output is not None:
        remark(f"{number} entries written to {output}.")
    return 0 if number else 1


@contextmanager
def _written(path: Path | None) -> Iterator[TextIO]:
    """Open the file to write. Only its owner may read it, because it contains personal data."""
    if path is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _cell(value: object) -> str:
    """Return one cell of CSV. A text that a spreadsheet would run as a formula is escaped."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


async def _entries(store: TrailStore, after: int, filters: Filters) -> AsyncIterator[Entry]:
    async for page in all_pages(store, after=after, limit=_PAGE, **filters):
        for entry in page:
            yield entry
