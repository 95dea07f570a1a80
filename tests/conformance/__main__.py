"""Run the cases: `make conformance ARGS="[--messages N] [NUMBER…]"`. A NUMBER may be a section: 6.4."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from tests.conformance.case import Case, Exchange
from tests.conformance.cases import CASES
from tests.conformance.report import as_table, problems, write_page
from tests.conformance.run import SERVERS, Result, run


def main() -> int:
    """Print the table, and return 1 if a case failed that is not a known result of plain Tornado."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("numbers", nargs="*", help="only the cases that begin so")
    parser.add_argument("--server", choices=SERVERS, action="append", help="default: all")
    parser.add_argument("--messages", type=int, default=20, help="messages of a case of many: 20")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # the guard logs each violation
    chosen: list[Case | Exchange] = [
        case
        for case in CASES
        if not options.numbers
        or any(f"{case.number}.".startswith(f"{one}.") for one in options.numbers)
    ]
    results: dict[str, dict[str, Result]] = {}
    for server in options.server or SERVERS:
        print(f"# {server}: {len(chosen)} cases", file=sys.stderr)  # noqa: T201 - a command
        results[server] = asyncio.run(run(server, chosen, messages=options.messages))
    print(as_table(results))  # noqa: T201 - a command
    if options.write:
        write_page(results)
    found = problems(results)
    print("".join(f"\n{line}" for line in found))  # noqa: T201 - a command
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
