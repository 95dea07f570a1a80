"""Which variants of the auditor's tests run: all of them, or a sample while the auditor is unchanged.

`verified.txt` contains the fingerprint of the auditor and of its tests after the last run in which every
variant passed. `make test-all` and `make auditor` write it:

    python -m audit_tests.auditor.sampling               # print the present fingerprint
    python -m audit_tests.auditor.sampling FINGERPRINT   # write it, if nothing has changed since
"""

import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from audit_tests.project import PACKAGE, TESTS
from tests.support.project import own_files

__all__ = ["VARIABLE", "chosen", "decide", "fingerprint", "main", "merged", "sample"]

Row = TypeVar("Row", bound=Sequence[Any])
"""A variant: the answer that its test wants or another kind, then the program."""

VARIABLE = "AUDITOR_VARIANTS"
"""The environment variable with the decision, `all` or `sample`; unset, the fingerprint decides."""

STAMP = TESTS / "auditor" / "verified.txt"
ONE_IN = 8
_FOLDERS = (PACKAGE / "auditor", TESTS / "auditor")
_SUFFIXES = frozenset({".html", ".program", ".py", ".toml", ".tsv"})


def fingerprint(folders: Sequence[Path] = _FOLDERS) -> str:
    """Return the SHA-256 of the names and contents of the sources and tables in `folders`."""
    digest = sha256()
    for folder in folders:
        for file in sorted(one for one in own_files(folder) if one.suffix in _SUFFIXES):
            content = sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


@cache
def decide() -> tuple[str, str]:
    """Return `all` or `sample`, and the reason."""
    if demanded := os.environ.get(VARIABLE):
        if demanded not in {"all", "sample"}:
            raise ValueError(f'{VARIABLE} is "{demanded}"; set it to "all" or "sample"')
        return demanded, f"{VARIABLE}={demanded}"
    if not STAMP.is_file() or STAMP.read_text(encoding="utf-8").strip() != fingerprint():
        return "all", "the auditor or its tests changed since all variants passed (make auditor)"
    return "sample", "the auditor is unchanged since all variants passed (make test-all runs them)"


def merged(*tables: Mapping[str, Row]) -> dict[str, Row]:
    """Return the rows of all tables."""
    return {name: row for table in tables for name, row in table.items()}


def sample(*tables: Mapping[str, Row]) -> dict[str, Row]:
    """Return one row in eight, at least one for each table and kind, by the hash of its name."""
    rows = merged(*tables)
    kinds: dict[object, list[str]] = defaultdict(list)
    for number, table in enumerate(tables):
        for name in table:
            kinds[number, rows[name][0]].append(name)
    kept = {
        name
        for names in kinds.values()
        for name in sorted(names, key=_place)[: -(-len(names) // ONE_IN)]
    }
    return {name: row for name, row in rows.items() if name in kept}


def _place(name: str) -> bytes:
    return sha256(name.encode()).digest()


def chosen(*tables: Mapping[str, Row]) -> dict[str, Row]:
    """Return the rows that run: all of them, or their sample."""
    return merged(*tables) if decide()[0] == "all" else sample(*tables)


def main(arguments: Sequence[str]) -> int:
    """Print the fingerprint, or write the one that all variants passed with.

    Returns:
        0, or 1 if the files changed while the variants ran.
    """
    present = fingerprint()
    if not arguments:
        print(present)
        return 0
    if arguments != [present]:
        print("the auditor or its tests changed while the variants ran", file=sys.stderr)
        return 1
    STAMP.write_text(f"{present}\n", encoding="utf-8")
    print(f"all variants of the auditor passed; commit {STAMP}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
