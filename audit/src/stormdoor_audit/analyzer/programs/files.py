"""Files of a scan, their modules, and the programs that imports make of them."""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stormdoor_audit.analyzer.frontend import ir
from stormdoor_audit.analyzer.frontend.lowering import lower_module

__all__ = ["Source", "Sources"]

_TEMPLATES = frozenset({"default", "defaults", "dist", "example", "sample", "template", "tmpl"})
"""Parts of the name of a file that an operator copies and changes."""
_SETTINGS = re.compile(r"conf|option|pref|secret|setting", re.IGNORECASE)
_DIVIDED = re.compile(r"[._-]")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Source:
    """A file.

    Args:
        path: The file.
        name: Dotted name of its module, from the root of the scan.
        tree: Its syntax tree.
        imports: Dotted names that it imports from, as written and made absolute.
    """

    path: Path
    name: str
    tree: ast.Module
    imports: frozenset[str]


@dataclass(slots=True)
class Sources:
    """Files below a root, parsed when first asked for.

    Args:
        root: The directory.
        files: Python files.
        failed: Reasons of files that cannot be parsed.
    """

    root: Path
    files: list[Path]
    failed: dict[Path, str] = field(default_factory=dict)
    _parsed: dict[Path, Source | None] = field(default_factory=dict)
    _codes: dict[str, ir.Code | None] = field(default_factory=dict)
    _by_name: dict[str, Path] = field(default_factory=dict)
    _templates: dict[str, str] = field(default_factory=dict)
    """Modules that are templates, by the name of the module that an operator makes of them."""

    def __post_init__(self) -> None:
        for path in self.files:
            name = self.name_of(path)
            self._by_name.setdefault(name, path)
            parts = _DIVIDED.split(path.stem)
            kept = [one for one in parts if one.lower() not in _TEMPLATES]
            if len(kept) < len(parts) and any(map(_SETTINGS.search, kept)):
                made = self.name_of(path.with_name("_".join(kept) + ".py"))
                self._templates.setdefault(made, name)

    def name_of(self, path: Path) -> str:
        """Return the dotted name of a file from the root."""
        parts = list(path.relative_to(self.root).with_suffix("").parts)
        if parts and parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts) or self.root.name

    def source(self, path: Path) -> Source | None:
        """Return a parsed file; None if it cannot be parsed."""
        if path not in self._parsed:
            self._parsed[path] = self._parse(path)
        return self._parsed[path]

    def _parse(self, path: Path) -> Source | None:
        try:
            content = path.read_bytes()
            if len(content) > _MOST_BYTES:
                self.failed[path] = "it has more than 4 MiB"
                return None
            tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.failed[path] = f"syntax error: {error}"
            return None
        except OSError as error:
            self.failed[path] = error.strerror or type(error).__name__
            return None
        name = self.name_of(path)
        return Source(
            path, name, tree, frozenset(_imports(tree, name, is_package=path.name == "__init__.py"))
        )

    def find(self, name: str, near: str = "") -> str | None:
        """Return the module of the scan that an import means: from the root, or beside the importing one.

        Of a module with settings that is not in the scan, its template is: an operator copies that file.
        """
        folders = near.split(".")[:-1]
        names = [".".join([*folders[:length], name]) for length in range(len(folders), -1, -1)]
        found = next((full for full in names if full in self._by_name), None)
        templates = (self._templates[full] for full in names if full in self._templates)
        return found or next((one for one in templates if self._is_template(one, name)), None)

    def _is_template(self, template: str, name: str) -> bool:
        """Return True if a module has nothing but assignments, and is no user of the module itself."""
        source = self.source(self._by_name[template])
        return (
            source is not None
            and name not in source.imports
            and not any(isinstance(one, _DEFINITIONS) for one in source.tree.body)
        )

    def code(self, name: str) -> ir.Code | None:
        """Return the lowered code of a module of the scan; None of another name."""
        if name not in self._codes:
            path = self._by_name.get(name)
            source = self.source(path) if path is not None else None
            try:
                self._codes[name] = lower_module(source.tree, name) if source else None
            except RecursionError:
                self.failed[source.path if source else self.root] = "its expressions are too deep"
                self._codes[name] = None
        return self._codes[name]

    def is_package(self, name: str) -> bool:
        """Return True if a module is a package."""
        path = self._by_name.get(name)
        return path is not None and path.name == "__init__.py"

    def path(self, name: str) -> Path:
        """Return the file of a module."""
        return self._by_name[name]

    def _edges(self, name: str) -> list[str]:
        """Return the modules of the scan that a module imports."""
        source = self.source(self._by_name[name])
        found = (self.find(one, name) for one in (source.imports if source else ()))
        return [one for one in found if one is not None]

    def programs(self, names: Iterable[str]) -> list[str]:
        """Return the entry points: modules that no other one imports, and that reach some modules.

        Args:
            names: Modules that matter; an entry point that never reaches one of them is left out.
        """
        edges = {name: self._edges(name) for name in self._by_name}
        importers: dict[str, set[str]] = {}
        for name, imported in edges.items():
            for one in imported:
                importers.setdefault(one, set()).add(name)
        reaching = _closure(names, importers)
        entries = [
            one
            for one in self._by_name
            if one in reaching and not importers.get(one, set()) - {one}
        ]
        covered = _closure(entries, edges)
        # Modules that only import each other have no entry point: each is one.
        return entries + [one for one in self._by_name if one in set(names) and one not in covered]


def _closure(names: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Return all modules that lead to or from some modules."""
    seen: set[str] = set()
    pending = list(names)
    while pending:
        one = pending.pop()
        if one not in seen:
            seen.add(one)
            pending.extend(edges.get(one, ()))
    return seen


def _imports(tree: ast.Module, name: str, *, is_package: bool) -> Iterable[str]:
    """Yield the names of modules that a file imports."""
    parts = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = parts[: len(parts) - level + 1] if level else []
                whole = ".".join([*base, *([module] if module else [])])
                yield whole
                yield from (f"{whole}.{one.name}" if whole else one.name for one in names)
            case _:
                pass
