"""`python -m tests.world [APPLICATION…]`: install, guard and attack real applications, and print a table."""

from __future__ import annotations

import argparse
import sys

from tests.world.applications import applications
from tests.world.checks import check_application
from tests.world.environment import NotInstalledError, install
from tests.world.table import NotInstalled, Result, failures, table, write_page


def main() -> int:
    """Return 1 if an installed application fails a check, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("applications", nargs="*", help="names; without one, all")
    parser.add_argument("--write", action="store_true", help="write docs/reference/world.md anew")
    given = parser.parse_args()
    known = applications()
    if unknown := sorted(set(given.applications) - set(known)):
        parser.error(f"there is no {', '.join(unknown)}; there is {', '.join(known)}")
    results: list[Result] = []
    for name in given.applications or known:
        application = known[name]
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            install(application.lock or name)
        except NotInstalledError as error:
            results.append(NotInstalled(name, str(error)))
        else:
            rows = check_application(application)
            results += rows
            print(table(rows, known), failures(rows), file=sys.stderr, flush=True)
    print(table(results, known))
    said = failures(results)
    print(said, end="")
    if given.write:
        write_page(results, known)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
