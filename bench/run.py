"""Compares what a guarded WebSocket costs: CPU per message, per handshake and per recipient, idle memory.

The figures are the server process's own CPU time, never the time on the wall. Ratios are medians
over rounds, and every round measures all servers in a new random order.
"""

import argparse
import re
import resource
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from broadcast import broadcasts
from measure import Cell, Rounds, handshakes, memory, messages
from process import Server, pin_client
from rich.console import Console
from roster import (
    BARE_SEND,
    BROADCAST,
    HANDSHAKES,
    JSON,
    MEMORY,
    MESSAGES,
    PLAIN_HANDSHAKE,
    RAW,
    Handshake,
    on_uvloop,
)
from table import as_json, as_markdown, environment, print_table, tables

_Item = TypeVar("_Item", Server, Handshake)


def main() -> int:
    """Measures and prints; 0, 1 when a server had to be left out, 2 when nothing matched."""
    options = _options()
    pin_client()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A SIGTERM ends the program as Ctrl-C does, so that the servers are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    parts = _measured(options)
    if not parts:
        print(f"no row matches --only {options.only!r}", file=sys.stderr)
        return 2
    made = tables(parts, cells=[str(cell) for cell in options.cells])
    about = environment(shlex.join(["python", "bench/run.py", *sys.argv[1:]]), parts)
    if options.markdown:
        print(as_markdown(made, about))
    else:
        # In a file or a pipe the tables need not fit a terminal.
        console = Console(width=None if sys.stdout.isatty() else 130)
        for table in made:
            print_table(console, table)
        about_run = f"{about['machine']}; {about['versions']}. {about['spread']}"
        console.print(about_run, highlight=False)
    if options.json:
        options.json.write_text(as_json(parts, made, about))
    return 1 if any(rounds.failures for rounds in parts.values()) else 0


def _measured(options: argparse.Namespace) -> dict[str, Rounds]:
    wanted = re.compile(options.only)
    joined = tuple(_joined(text) for text in options.server)
    quick, rounds = options.quick, options.rounds

    def chosen(part: str, items: tuple[_Item, ...], bases: tuple[_Item, ...]) -> list[_Item]:
        """The items that `--only` names, with the bases of the ratios; none without a match."""
        matched = [item for item in items if wanted.search(f"{part}: {item.name}")]
        found = [item for item in items if item in matched or (matched and item in bases)]
        return [_on_uvloop(item) for item in found] if options.uvloop else found

    def progress(text: str) -> None:
        print(f"# {text}", file=sys.stderr, flush=True)

    parts: dict[str, Rounds] = {}
    if servers := chosen("messages", MESSAGES + joined, (RAW, JSON)):
        parts["messages"] = messages(
            servers,
            options.cells,
            rounds=rounds,
            count=3000 if quick else 10_000,
            warm_up=500 if quick else 2000,
            progress=progress,
        )
    if kinds := chosen("handshakes", HANDSHAKES, (PLAIN_HANDSHAKE,)):
        parts["handshakes"] = handshakes(
            kinds, rounds=rounds, count=100 if quick else 400, progress=progress
        )
    if servers := chosen("broadcast", BROADCAST, (BARE_SEND,)):
        parts["broadcast"] = broadcasts(
            servers,
            recipients=1000,
            rounds=rounds,
            count=5 if quick else 20,
            progress=progress,
        )
    if servers := chosen("memory", MEMORY + joined, (RAW,)):
        parts["memory"] = memory(
            servers,
            rounds=min(rounds, 3),
            count=500 if quick else 2000,
            hold=0.5 if quick else 1.5,
            progress=progress,
        )
    return parts


def _on_uvloop(item: _Item) -> _Item:
    if isinstance(item, Server):
        return on_uvloop(item)
    return replace(item, server=on_uvloop(item.server))


def _cells(text: str) -> list[Cell]:
    try:
        return [Cell.parse(cell) for cell in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _joined(text: str) -> Server:
    name, _, command = text.partition("=")
    return Server(name=name, command=command, counts_objects=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (7; quick: 3)")
    parser.add_argument(
        "--only",
        default="",
        metavar="REGEX",
        help="rows to measure, matched with 'PART: ROW' where PART is messages, handshakes, "
        "broadcast or memory; the bases of the ratios always take part",
    )
    parser.add_argument("--uvloop", action="store_true", help="every server on uvloop, Tornado too")
    parser.add_argument("--quick", action="store_true", help="less of everything: a first look")
    parser.add_argument(
        "--cells",
        type=_cells,
        default="c50w1,c50w4",
        help="loads for messages: cNwM is N connections with M unanswered messages on each",
    )
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a server of your own, see README.md; {python} and {port} are replaced",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every reading there too")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    return options


if __name__ == "__main__":
    sys.exit(main())
