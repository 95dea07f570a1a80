"""The results as tables: for a terminal, for the documentation, for a program."""

import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from measure import Rounds
from rich.console import Console
from rich.table import Table as RichTable
from roster import AIMS, BARE_SEND, JSON, PLAIN_HANDSHAKE, RAW

__all__ = ["Table", "as_json", "as_markdown", "environment", "print_table", "tables"]

PACKAGES: Final = ("tornado", "stormdoor", "msgspec", "pyjwt", "cryptography", "pydantic", "limits")


@dataclass(frozen=True, slots=True)
class Table:
    """One table; the first column is text, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    aim: str
    failures: tuple[str, ...]


def tables(parts: Mapping[str, Rounds], *, cells: Sequence[str]) -> list[Table]:
    """The tables of the parts that were measured: `messages`, `handshakes`, `broadcast`, `memory`."""
    made: list[Table] = []
    for part, rounds in parts.items():
        match part:
            case "messages":
                title, columns = "Server CPU per message", _message_columns(rounds, cells)
            case "handshakes":
                title, columns = "Server CPU per connect and close", _handshake_columns(rounds)
            case "broadcast":
                title, columns = "Server CPU per recipient", _broadcast_columns(rounds)
            case _:
                title, columns = "Memory per idle connection", _memory_columns(rounds)
        names = [name for name, readings in rounds.readings.items() if readings]
        made.append(
            Table(
                title=title,
                columns=("", *columns),
                rows=tuple(
                    (name, *(by_name[name] for by_name in columns.values())) for name in names
                ),
                aim=AIMS[part],
                failures=tuple(f"{name}: {why}" for name, why in rounds.failures.items()),
            )
        )
    return made


def _message_columns(rounds: Rounds, cells: Sequence[str]) -> dict[str, dict[str, str]]:
    columns: dict[str, dict[str, str]] = {}
    for cell in cells:
        columns[f"{cell}, µs"] = _medians(rounds, cell, ".1f")
        columns[f"{cell}, × raw"] = _ratios(rounds, cell, RAW.name)
        columns[f"{cell}, × json"] = _ratios(rounds, cell, JSON.name)
    return columns


def _handshake_columns(rounds: Rounds) -> dict[str, dict[str, str]]:
    return {
        "µs": _medians(rounds, "CPU", ".0f"),
        "× no check": _ratios(rounds, "CPU", PLAIN_HANDSHAKE.name),
        "µs more": _differences(rounds, "CPU", PLAIN_HANDSHAKE.name, "+.0f"),
        "idle, ms/s": _medians(rounds, "idle", ".1f"),
    }


def _broadcast_columns(rounds: Rounds) -> dict[str, dict[str, str]]:
    return {
        "µs": _medians(rounds, "CPU", ".1f"),
        "× socket.send": _ratios(rounds, "CPU", BARE_SEND.name),
    }


def _memory_columns(rounds: Rounds) -> dict[str, dict[str, str]]:
    return {
        "KiB": _medians(rounds, "KiB", ".1f"),
        "× raw": _ratios(rounds, "KiB", RAW.name),
        "KiB more": _differences(rounds, "KiB", RAW.name, "+.1f"),
        "objects": _medians(rounds, "objects", ".1f"),
        "objects more": _differences(rounds, "objects", RAW.name, "+.1f"),
    }


def _medians(rounds: Rounds, figure: str, form: str) -> dict[str, str]:
    return {
        name: _median(list(readings.get(figure, {}).values()), form)
        for name, readings in rounds.readings.items()
    }


def _ratios(rounds: Rounds, figure: str, base: str) -> dict[str, str]:
    return {
        name: _median([own / other for own, other in rounds.paired(name, figure, base)], ".2f")
        for name in rounds.readings
    }


def _differences(rounds: Rounds, figure: str, base: str, form: str) -> dict[str, str]:
    return {
        name: "–"
        if name == base
        else _median([own - other for own, other in rounds.paired(name, figure, base)], form)
        for name in rounds.readings
    }


def _median(readings: Sequence[float], form: str) -> str:
    return format(statistics.median(readings), form) if readings else "–"


def environment(command: str, parts: Mapping[str, Rounds]) -> dict[str, str]:
    """Return the data for judging the figures: command, machine, versions, steadiness."""
    versions = [f"{platform.python_implementation()} {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "command": command,
        "machine": f"{_processor()}, {os.cpu_count()} processors, "
        f"{platform.system()} {platform.release()}",
        "versions": ", ".join(versions),
        "spread": _spread(parts),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _spread(parts: Mapping[str, Rounds]) -> str:
    """Return the spread of a server's readings: half their interquartile range, by the median."""
    found: list[str] = []
    for part, rounds in parts.items():
        spreads = [
            (quartiles[2] - quartiles[0]) / quartiles[1] / 2
            for figures in rounds.readings.values()
            for readings in figures.values()
            if len(readings) > 1 and all(readings.values())
            for quartiles in [statistics.quantiles(readings.values(), n=4, method="inclusive")]
        ]
        if spreads:
            found.append(f"{part} ± {statistics.median(spreads):.0%}")
    return f"Spread of one server's readings: {', '.join(found)}." if found else ""


def _processor() -> str:
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return row.partition(":")[2].strip()
    return platform.machine()


def print_table(console: Console, table: Table) -> None:
    """Prints one table on a terminal."""
    shown = RichTable(
        title=table.title, caption=table.aim, title_justify="left", caption_justify="left"
    )
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if number else "left", no_wrap=not number)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
    for failure in table.failures:
        console.print(f"left out: {failure}", style="red", markup=False)


def as_markdown(made: Sequence[Table], about: dict[str, str]) -> str:
    """The tables as a part of a MyST page."""
    lines = [
        "```console",
        f"$ {about['command']}",
        "```",
        "",
        f"{about['date']}, {about['machine']}; {about['versions']}.",
        about["spread"],
    ]
    for table in made:
        lines += ["", f"**{table.title}**", "", _markdown_row(table.columns)]
        lines.append("|:--|" + "--:|" * (len(table.columns) - 1))
        lines += [_markdown_row(row) for row in table.rows]
        lines += ["", table.aim]
        lines += [f"Left out: {failure}" for failure in table.failures]
    return "\n".join(lines)


def _markdown_row(words: Sequence[str]) -> str:
    return "| " + " | ".join(words) + " |"


def as_json(parts: Mapping[str, Rounds], made: Sequence[Table], about: dict[str, str]) -> str:
    """Every reading and every table, for a program."""
    document = {
        **about,
        "readings": {part: rounds.readings for part, rounds in parts.items()},
        "failures": {part: rounds.failures for part, rounds in parts.items()},
        "tables": [
            {"title": table.title, "columns": table.columns, "rows": table.rows} for table in made
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
