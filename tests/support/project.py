"""The project as files: where it is, what belongs to it, what its metadata says."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["PACKAGE", "ROOT", "metadata", "own_files", "own_modules", "own_names"]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "stormdoor"

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
    """Every Python file of the package, sorted."""
    return sorted(path for path in own_files(PACKAGE) if path.suffix == ".py")


def own_names() -> list[str]:
    """The name of every module of the package that is imported by its name."""
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in own_modules()]
    return [".".join(one).removesuffix(".__init__") for one in parts if one[-1] != "__main__"]


def metadata() -> dict[str, Any]:
    """The parsed pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
