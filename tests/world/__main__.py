"""`python -m tests.world [APPLICATION…]`: install, guard and attack real applications, and print a table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tests.world.applications import applications
from tests.world.checks import check_application
from tests.world.environment import NotInstalledError, install, pythons_of
from tests.world.table import NotInstalled, Result, failures, table, write_page


def main() -> int:
    """Return 1 if an installed application fails a check, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("applications", nargs="*", help="names; without one, all")
    parser.add_argument("--python", action="append", help="instead of the oldest and the newest")
    parser.add_argument("--write", action="store_true", help="write docs/reference/world.md anew")
    given = parser.parse_args()
    known = applications()
    if unknown := sorted(set(given.applications) - set(known)):
        parser.error(f"there is no {', '.join(unknown)}; there is {', '.join(known)}")
    if given.write and given.python:
        parser.error("--write needs the oldest and the newest Python: leave out --python")
    results: list[Result] = []
    for name in given.applications or known:
        for python in given.python or pythons_of(known[name].requirements):
            application = replace(known[name], python=python)
            print(f"{name}, Python {python} …", file=sys.stderr, flush=True)
            try:
                install(application.requirements, python)
            except NotInstalledError as error:
                results.append(NotInstalled(application, str(error)))
            else:
                rows = check_application(application)
                results += rows
                print(table(rows), failures(rows), file=sys.stderr, flush=True)
    print(table(results))
    said = failures(results)
    print(said, end="")
    if given.write:
        write_page(results, known)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
