"""The files of a scan, and what a name in one of them means in another."""

import ast
import builtins
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from stormdoor_audit.auditor.naming.lexicon import words_of
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.budget import Budget
from stormdoor_audit.auditor.reading.files import in_order
from stormdoor_audit.auditor.reading.index import Index
from stormdoor_audit.auditor.reading.module import (
    MAX_BYTES,
    Assigned,
    Binding,
    ClassDef,
    Defined,
    Imported,
    Module,
    NotParsed,
    parse_module,
    scope_of,
)
from stormdoor_audit.report.finding import NotAnalysed

__all__ = ["External", "Meaning", "Project", "Tree"]

_MODELLED = frozenset({"tornado"})
"""Packages with behaviour known to the auditor; their source is never read to resolve a name."""

_CONFIGURATION = words("conf config configuration secrets settings")
_OF_TEMPLATES = words("default defaults dist example sample template tmpl tpl")
"""Words in the name of a file that is copied to be the configuration."""

_STEPS = 24
"""Most steps that a name is followed: re-exports can go in circles."""


@dataclass(frozen=True, slots=True)
class External:
    """Something outside what was read: its dotted name is all that is known."""

    name: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of a name: a binding in a module, or a whole module."""

    module: Module
    binding: Defined | Assigned | None = None


@dataclass(slots=True)
class Tree:
    """A directory of Python files that belong together.

    Args:
        root: The directory.
        files: Its Python files, absolute.
        inside: Whether it is scanned, or only read to resolve names.
    """

    root: Path
    files: frozenset[Path]
    inside: bool = True
    _by_name: dict[str, Path] = field(init=False, repr=False)
    _templates: list[Path] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._by_name = {str(file): file for file in self.files}

    def module(self, stem: str) -> Path | None:
        """The file of a module: `stem.py`, or a package's `stem/__init__.py`."""
        known = self._by_name
        return known.get(f"{stem}.py") or known.get(f"{stem}{os.sep}__init__.py")

    def templates(self) -> list[Path]:
        """Its files that are copied to be another, by their names."""
        if self._templates is None:
            self._templates = sorted(
                file for file in self.files if _OF_TEMPLATES & set(words_of(file.stem))
            )
        return self._templates


@dataclass(slots=True, eq=False)
class Project:
    """Modules, parsed when first asked for.

    Args:
        trees: What is scanned, then what names may be resolved in (an environment's packages).
        base: Paths in findings are relative to this directory where they lie below it.
        assets: Files that are not Python but ship with the project: HTML, JavaScript.
        called: The numbers of each file's calls by the ends of their names, once a rule has asked.
        budget: Steps of the work under way.
    """

    trees: tuple[Tree, ...]
    base: Path
    assets: tuple[Path, ...] = ()
    failed: dict[Path, str] = field(default_factory=dict)
    modules: dict[Path, Module] = field(default_factory=dict)
    settings: dict[str, list[tuple[Module, ast.expr]]] = field(default_factory=dict)
    called: dict[Path, dict[str, list[int]]] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    _index: Index = field(default_factory=Index)
    _indexed: int = 0
    _settled: tuple[Module, ...] | None = None
    _files: dict[tuple[str, Path], Path | None] = field(default_factory=dict)
    _tops: dict[Path, str] = field(default_factory=dict)
    _meant: dict[tuple[Module, str], "list[Meaning | External]"] = field(default_factory=dict)
    _classes: dict[tuple[Path, int], ClassDef] = field(default_factory=dict)
    _ordered: tuple[int, tuple[Module, ...]] = (0, ())
    _dotted: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    _scopes: dict[ast.AST, tuple[dict[str, list[Binding]], list[Imported]]] = field(
        default_factory=dict
    )

    # files ----------------------------------------------------------------------------------

    def path_of(self, file: Path) -> str:
        """Return the name of a file in findings."""
        try:
            return file.relative_to(self.base).as_posix()
        except ValueError:
            return file.as_posix()

    def load(self, file: Path) -> Module | None:
        """The module in this file; None where it cannot be parsed (see `not_analysed`)."""
        known = self.modules.get(file)
        if known is not None or file in self.failed:
            return known
        module = self._parsed(file)
        if isinstance(module, str):
            self.failed[file] = module
            return None
        self.modules[file] = module
        for one in module.classes:
            self._classes[file, id(one.node)] = one
        return module

    def try_to_parse(self, file: Path) -> str | None:
        """Return the reason why a file cannot be parsed, and keep nothing of it; None if it can."""
        parsed = self._parsed(file)
        return parsed if isinstance(parsed, str) else None

    def _parsed(self, file: Path) -> Module | str:
        """The module in a file, or the reason why it cannot be parsed."""
        tree = self._tree_of(file)
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
            return parse_module(
                file,
                content,
                path=self.path_of(file),
                name=self._name_of(file, tree),
                is_package=file.name == "__init__.py",
                inside=tree is not None and tree.inside,
            )
        except NotParsed as error:
            return str(error)
        except OSError as error:
            return error.strerror or type(error).__name__

    def fail(self, module: Module, reason: str) -> None:
        """Report a parsed file as not analysed: no class of it becomes an endpoint."""
        self.failed.setdefault(module.file, reason)

    def not_analysed(self) -> tuple[NotAnalysed, ...]:
        """Files that could not be parsed, with the reason."""
        return tuple(
            NotAnalysed(self.path_of(file), reason) for file, reason in sorted(self.failed.items())
        )

    def settle(self) -> None:
        """End the reading. What is parsed from now on is followed, but not searched.

        Otherwise a search would find what another endpoint happened to have parsed before.
        """
        self._extend_index()
        self._settled = tuple(self.inside())
        self.budget.forget()

    def naming(self, *words: str) -> Iterator[Module]:
        """The files of the scan in which one of these stands as a word of its own, in their order."""
        self._extend_index()
        yield from self._counted(self._index.naming(*words))

    def speaking(self, *parts: str) -> Iterator[Module]:
        """The files of the scan of which a word has one of these as a part, in their order."""
        self._extend_index()
        yield from self._counted(self._index.speaking(*parts))

    def _counted(self, modules: Iterable[Module]) -> Iterator[Module]:
        for one in modules:
            self.budget.spend(Index.cost(one))
            yield one

    def _extend_index(self) -> None:
        if self._settled is None and self._indexed < len(self.modules):
            fresh = list(self.modules.values())[self._indexed :]
            self._index.add(one for one in fresh if one.inside)
            self._indexed = len(self.modules)

    def inside(self) -> Iterator[Module]:
        """The parsed modules that belong to what is scanned, in order of their files."""
        if self._settled is not None:
            yield from self._settled
            return
        # INVARIANT: modules come and never go, so that as many as before are the same.
        if self._ordered[0] != len(self.modules):
            ordered = [self.modules[file] for file in in_order(self.modules)]
            self._ordered = len(ordered), tuple(one for one in ordered if one.inside)
        yield from self._ordered[1]

    def class_of(self, module: Module, node: ast.ClassDef) -> ClassDef:
        """The indexed class of a class statement."""
        found = self._classes.get((module.file, id(node)))
        return found or ClassDef(node, node.name, ())

    def _tree_of(self, file: Path) -> Tree | None:
        for tree in self.trees:
            if file in tree.files:
                return tree
        return None

    def _name_of(self, file: Path, tree: Tree | None) -> str:
        """Dotted name by the packages around it; below a root without packages, by directories."""
        parts = [] if file.name == "__init__.py" else [file.stem]
        directory = file.parent
        root = tree.root if tree is not None else directory
        files = tree.files if tree is not None else frozenset()
        while directory / "__init__.py" in files:
            parts.insert(0, directory.name)
            directory = directory.parent
        if not parts:
            parts = [file.parent.name]
        if directory != root and directory.name not in {"src", "lib", "site-packages"}:
            with suppress(ValueError):
                parts = [*directory.relative_to(root).parts, *parts]
        if tree is not None and self._is_elsewhere_too(file, tree):
            parts = [*Path(self.path_of(tree.root)).parts, *parts]
        return ".".join(parts)

    def _is_elsewhere_too(self, file: Path, tree: Tree) -> bool:
        """Return True if another scanned program has a file of this name at the same place."""
        return tree.inside and any(
            other.root / file.relative_to(tree.root) in other.files
            for other in self.trees
            if other.inside and other.root != tree.root
        )

    # names ----------------------------------------------------------------------------------

    def find_module(self, name: str, near: Path) -> Path | None:
        """The file of an absolute dotted module name, as the file `near` would import it.

        Directories above `near` are tried from the inside out, then the roots of all trees.
        """
        key = (name, near)
        if key not in self._files:
            self._files[key] = self._found(name, near)
        return self._files[key]

    def _found(self, name: str, near: Path) -> Path | None:
        if name.partition(".")[0] in _MODELLED:
            return None
        relative = Path(*name.split("."))
        for tree in self.trees:
            if near in tree.files:
                # Paths as text: to make and to hash them would take longer than all the rest.
                inner, directory, last = f"{os.sep}{relative}", str(near.parent), self._above(tree)
                while True:
                    found = tree.module(f"{directory.rstrip(os.sep)}{inner}")
                    if found is not None and found != near:
                        return found
                    above = os.path.dirname(directory)  # noqa: PTH120 - text, see above
                    if directory in (last, above):
                        break
                    directory = above
        for tree in self.trees:
            for start in (tree.root, tree.root / "src"):
                found = tree.module(str(start / relative))
                if found is not None:
                    return found
        return self._shipped_for(relative, near)

    def _shipped_for(self, relative: Path, near: Path) -> Path | None:
        """The template of a configuration that the operator copies: `tpl_settings.py`."""
        wanted = set(words_of(relative.name))
        if not wanted & _CONFIGURATION:
            return None
        for tree in self.trees:
            if near not in tree.files or not tree.inside:
                continue
            places = (tree.root, *(tree.root / one for one in relative.parents))
            for file in tree.templates():
                if file.parent in places and set(words_of(file.stem)) - _OF_TEMPLATES == wanted:
                    return file
        return None

    def _above(self, tree: Tree) -> str:
        """The directory that a tree is imported from: above it, where it is a package itself."""
        known = self._tops.get(tree.root)
        if known is None:
            directory = tree.root
            while (directory / "__init__.py").is_file() and directory != directory.parent:
                directory = directory.parent
            known = self._tops[tree.root] = str(directory)
        return known

    def _import_source(self, module: Module, source: Imported) -> tuple[str, Path | None]:
        """Dotted name and file of the module an import statement names."""
        if source.level == 0:
            # A directory that has `a` and no `a.b` is not where `import a.b` leads.
            there = not source.whole or self.find_module(source.whole, module.file) is not None
            return source.module, self.find_module(source.module, module.file) if there else None
        directory = module.file.parent
        for _ in range(source.level - 1):
            directory = directory.parent
        package = module.name.split(".")
        drop = source.level - 1 if module.is_package else source.level
        package = package[: len(package) - drop] if drop else package
        name = ".".join([*package, *source.module.split(".")] if source.module else package)
        target = directory.joinpath(*source.module.split(".")) if source.module else directory
        for tree in self.trees:
            found = tree.module(str(target))
            if found is not None:
                return name, found
        return name, None

    def follow(self, module: Module, binding: Binding, depth: int = 0) -> Meaning | External:
        """Return the meaning of a binding, through imports and re-exports."""
        if not isinstance(binding, Imported):
            return Meaning(module, binding)
        name, file = self._import_source(module, binding)
        if binding.name is None:
            target = self.load(file) if file is not None else None
            return Meaning(target) if target is not None else External(name)
        if file is not None and depth < _STEPS:
            target = self.load(file)
            if target is not None:
                found = self.members(target, binding.name, depth + 1)
                if found:
                    return found[0]
        submodule = Imported(
            f"{binding.module}.{binding.name}" if binding.module else binding.name,
            binding.level,
            None,
        )
        _, inner = self._import_source(module, submodule)
        if inner is not None and inner != module.file:
            target = self.load(inner)
            if target is not None:
                return Meaning(target)
        return External(f"{name}.{binding.name}")

    def members(self, module: Module, name: str, depth: int = 0) -> list[Meaning | External]:
        """Everything a module's name may stand for: the last binding first."""
        if depth > _STEPS:
            return []
        key = (module, name)
        known = self._meant.get(key)
        if known is None:
            known = self._members(module, name, depth)
            if depth == 0:
                self._meant[key] = known
        return known

    def _members(self, module: Module, name: str, depth: int) -> list[Meaning | External]:
        result: list[Meaning | External] = [
            self.follow(module, binding, depth + 1)
            for binding in reversed(module.names.get(name, ()))
        ]
        if not result:
            for star in reversed(module.stars):
                source, file = self._import_source(module, star)
                target = self.load(file) if file is not None else None
                if target is not None and target is not module:
                    if self._has_from(target, name, module):
                        continue  # another file defines it: the two import each other
                    found = self.members(target, name, depth + 1)
                    if found:
                        return found
                elif (
                    file is None
                    and source.partition(".")[0] in _MODELLED
                    and not hasattr(builtins, name)  # what Python has is not taken away
                ):
                    result.append(External(f"{source}.{name}"))
        lazy = module.names.get("__getattr__", ())
        if not result and lazy and isinstance(lazy[-1], Defined) and name != "__getattr__":
            inside, _ = scope_of(lazy[-1].node.body)  # a package that imports when it is asked
            result.extend(self.follow(module, one, depth + 1) for one in inside.get(name, ()))
        if not result and module.is_package:
            tree = self._tree_of(module.file)
            inner = tree.module(str(module.file.parent / name)) if tree is not None else None
            target = self.load(inner) if inner is not None else None
            if target is not None:
                result.append(Meaning(target))
        return result

    def _has_from(self, module: Module, name: str, source: Module) -> bool:
        """Return True if a module has a name only by an import from another: `from package import Base`."""
        bindings = module.names.get(name, ())
        return bool(bindings) and all(
            isinstance(one, Imported)
            and one.name == name
            and self._import_source(module, one)[1] == source.file
            for one in bindings
        )

    def lookup(
        self, module: Module, name: str, scopes: Iterable[ast.AST] = ()
    ) -> list[Meaning | External]:
        """Return the meanings of a plain name at a place inside these scopes (outermost first)."""
        for scope in reversed(tuple(scopes)):
            if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names, _ = self.scope(scope)
                if name in names:
                    return [self.follow(module, one) for one in reversed(names[name])]
                if isinstance(scope, ast.ClassDef):
                    continue
                if name in _parameters(scope):
                    return []
        return self.members(module, name)

    def scope(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> tuple[dict[str, list[Binding]], list[Imported]]:
        """Return the bindings in the statements of a class or function."""
        known = self._scopes.get(node)
        if known is None:
            known = scope_of(node.body)
            self._scopes[node] = known
        return known

    def resolve(
        self, module: Module, node: ast.expr, scopes: Iterable[ast.AST] = (), depth: int = 0
    ) -> list[Meaning | External]:
        """Return the meanings of a dotted expression; empty if they cannot be known."""
        if depth > _STEPS:
            return []
        match node:
            case ast.Name():
                found = self.lookup(module, node.id, scopes)
                return self._through(found, depth)
            case ast.Attribute():
                result: list[Meaning | External] = []
                for base in self.resolve(module, node.value, scopes, depth + 1):
                    result.extend(self._attribute(base, node.attr, depth))
                return result
            case ast.Subscript():
                return self.resolve(module, node.value, scopes, depth + 1)
            case ast.IfExp():
                return [
                    *self.resolve(module, node.body, scopes, depth + 1),
                    *self.resolve(module, node.orelse, scopes, depth + 1),
                ]
            case ast.BoolOp():
                return [
                    one
                    for value in node.values
                    for one in self.resolve(module, value, scopes, depth + 1)
                ]
            case ast.Constant(value=str() as text) if text.isidentifier():
                return self._through(self.lookup(module, text, scopes), depth)
            case _:
                return []

    def _through(self, found: list[Meaning | External], depth: int) -> list[Meaning | External]:
        """An alias `X = Y` means what `Y` means."""
        result: list[Meaning | External] = []
        for one in found:
            named = _imported_by_name(one)
            if named is not None and isinstance(one, Meaning):
                result.append(self.follow(one.module, named))
            elif isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                inner = (
                    self.resolve(one.module, one.binding.value, (), depth + 1)
                    if isinstance(
                        one.binding.value,
                        ast.Name | ast.Attribute | ast.IfExp | ast.BoolOp | ast.Subscript,
                    )
                    and not one.binding.unpacked
                    else []
                )
                result.extend(inner or [one])
            else:
                result.append(one)
        return result

    def _attribute(
        self, base: Meaning | External, name: str, depth: int
    ) -> list[Meaning | External]:
        if isinstance(base, External):
            return self.deeper(base, name)
        if base.binding is None:
            found = self._through(self.members(base.module, name, depth + 1), depth)
            return found or [External(f"{base.module.name}.{name}")]
        if isinstance(base.binding, Defined) and isinstance(base.binding.node, ast.ClassDef):
            names, _ = self.scope(base.binding.node)
            return [
                self.follow(base.module, one, depth + 1) for one in reversed(names.get(name, []))
            ]
        return []

    def deeper(self, base: External, name: str) -> list[Meaning | External]:
        """`import a.b` binds `a`; `a.b.C` may lie in a file after all."""
        dotted = f"{base.name}.{name}"
        # INVARIANT: the files of the trees are listed before a name is resolved, and stay.
        if dotted not in self._dotted:
            self._dotted[dotted] = tuple(self._below_roots(dotted))
        for file in self._dotted[dotted]:
            module = self.load(file)
            if module is not None:
                return [Meaning(module)]
        return [External(dotted)]

    def _below_roots(self, dotted: str) -> Iterator[Path]:
        """The files of this name right below the roots of the trees."""
        parts = dotted.split(".")
        if parts[0] not in _MODELLED:
            for tree in self.trees:
                file = tree.module(str(tree.root / Path(*parts)))
                if file is not None:
                    yield file


def _imported_by_name(meaning: "Meaning | External") -> Imported | None:
    """`X = importlib.import_module("package.module")`, `X = optional_import("package.module")`."""
    if not isinstance(meaning, Meaning) or not isinstance(meaning.binding, Assigned):
        return None
    match meaning.binding.value:
        case ast.Call(
            func=ast.Name(id=function) | ast.Attribute(attr=function),
            args=[ast.Constant(value=str() as name), *_],
        ) if (
            not meaning.binding.unpacked
            and "import" in function.lower()
            and all(part.isidentifier() for part in name.split("."))
        ):
            return Imported(name, 0, None)
        case _:
            return None


@lru_cache(maxsize=65536)
def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    arguments = function.args
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return frozenset(one.arg for one in found)
