"""The project as files: where it is, what belongs to it, what its metadata says."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "AUDIT",
    "AUDIT_PACKAGE",
    "PACKAGE",
    "ROOT",
    "metadata",
    "own_files",
    "own_modules",
    "own_names",
]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "stormdoor"
AUDIT = ROOT / "audit"
"""The project `stormdoor-audit`; only the repository has it, not the source distribution of `stormdoor`."""
AUDIT_PACKAGE = AUDIT / "src" / "stormdoor_audit"

# Folders of tools and of results.
_NOT_OURS = {
    *(".git", ".idea", ".matrix", ".venv", ".vscode"),
    *(".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
    *("__pycache__", "_build", "build", "demo-data", "dist", "node_modules"),
}


def own_files(folder: Path = ROOT) -> Iterator[Path]:
    """Return every file below `folder` that is not generated, in no particular order."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_OURS]
        yield from (
            Path(parent, name)
            for name in names
            if not name.startswith(".coverage") and name != ".git"
        )


def own_modules() -> list[Path]:
    """Every Python file of both packages, sorted."""
    return sorted(
        path
        for package in (PACKAGE, AUDIT_PACKAGE)
        for path in own_files(package)
        if path.suffix == ".py"
    )


def own_names() -> list[str]:
    """The name of every module of both packages that is imported by its name."""
    parts = [path.with_suffix("").parts for path in own_modules()]
    names = [one[len(one) - one[::-1].index("src") :] for one in parts]
    # Python itself imports the other two.
    apart = {"__main__", "sitecustomize"}
    return [".".join(one).removesuffix(".__init__") for one in names if one[-1] not in apart]


def metadata(project: Path = ROOT) -> dict[str, Any]:
    """The parsed pyproject.toml of a project."""
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
