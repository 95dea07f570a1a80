"""Facts in the text of a file: names of calls, literals, and their owners."""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from stormdoor_audit.auditor.facts.literals import Literals
from stormdoor_audit.auditor.facts.places import is_test, last_name, scopes_of, subject_of
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.project import Project
from stormdoor_audit.auditor.rule import EndpointCheck, Found, ModuleCheck

__all__ = [
    "Call",
    "CallCheck",
    "InFiles",
    "all_calls",
    "call_at",
    "calls_in",
    "in_files",
    "is_cut",
    "on_the_way",
]

_PROOF = 16
"""Letters of a digest in hexadecimal; fewer hold less than 64 bits."""


@dataclass(frozen=True, eq=False)
class Call(Literals):
    """A call in a file, with what its parts mean.

    Args:
        node: The call.
    """

    node: ast.Call

    @cached_property
    def names(self) -> frozenset[str]:
        """Dotted names of what may be called: `jwt.decode`, `tornado.web.Application`, `len`."""
        return frozenset(self.named(self.node.func))

    @cached_property
    def words(self) -> dict[str, ast.expr]:
        """Its keyword arguments, also those of a literal dictionary after `**`."""
        found: dict[str, ast.expr] = {}
        for word in self.node.keywords:
            if word.arg is not None:
                found[word.arg] = word.value
            else:
                found.update(self.entries(word.value) or {})
        return found

    @property
    def hidden(self) -> bool:
        """True if there may be arguments that cannot be seen."""
        return any(isinstance(one, ast.Starred) for one in self.node.args) or any(
            word.arg is None
            and (
                self.entries(word.value) is None
                or (isinstance(word.value, ast.Name) and self._is_filled(word.value.id))
            )
            for word in self.node.keywords
        )

    @property
    def subject(self) -> str:
        """The class around it, or the module."""
        return subject_of(self.module, self.scopes)

    @property
    def function(self) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function around it."""
        functions = [
            one for one in self.scopes if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        return functions[-1] if functions else None

    def argument(self, at: int, name: str) -> ast.expr | None:
        """An argument by its place or its name."""
        if name in self.words:
            return self.words[name]
        plain = self.node.args[: at + 1]
        if len(plain) > at and not any(isinstance(one, ast.Starred) for one in plain):
            return plain[at]
        return None

    def found(self, message: str, node: ast.AST | None = None, fix: str = "") -> Found:
        """A finding here: at a node of this file, or at the call where that stands in another."""
        inside = node is not None and any(one is node for one in ast.walk(self.module.tree))
        place = node if node is not None and inside else self.node
        return Found(self.module, place, message, fix=fix, subject=self.subject)

    def _is_filled(self, name: str) -> bool:
        """Return True if a dictionary gets entries after it was made."""
        return any(_fills(node, name) for node, _ in self.module.nodes() if node is not self.node)


def _fills(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=held), attr="update" | "setdefault" | "pop")
        ):
            return held == name
        case ast.Assign(targets=targets):
            return any(
                isinstance(one, ast.Subscript)
                and isinstance(one.value, ast.Name)
                and one.value.id == name
                for one in targets
            )
        case _:
            return False


def is_cut(call: Call) -> bool:
    """Return True if only a few letters of a digest are used, for a name: `md5(x).hexdigest()[:8]`."""
    around: ast.AST = call.function or call.module.tree
    for node in ast.walk(around):
        match node:
            case ast.Subscript(
                value=ast.Call(func=ast.Attribute(value=digest, attr="hexdigest")),
                slice=ast.Slice(upper=ast.Constant(value=int() as letters)),
            ) if digest is call.node:
                return letters < _PROOF
            case _:
                pass
    return False


CallCheck = Callable[[Call], Iterable[Found]]


def call_at(project: Project, module: Module, node: ast.Call) -> Call:
    """A call that is known by its node."""
    return Call(project, module, scopes_of(module, node), node)


def calls_in(project: Project, module: Module, *last: str) -> Iterator[Call]:
    """The calls in a file with a name that ends like this; an import may have renamed it here."""
    by_name, nodes = _called(project, module), module.nodes()
    for at in sorted({at for name in last for at in by_name.get(name, ())}):
        node, scopes = nodes[at]
        if isinstance(node, ast.Call):
            yield Call(project, module, scopes, node)


def all_calls(project: Project, *last: str) -> Iterator[Call]:
    """The calls in all files of the scan with a name that ends like this."""
    for module in project.naming(*last):
        yield from calls_in(project, module, *last)


def _called(project: Project, module: Module) -> dict[str, list[int]]:
    """Return the numbers of the calls among a file's nodes, by the ends of their names."""
    known = project.called.get(module.file)
    if known is not None:
        return known
    result: dict[str, list[int]] = {}
    plain: dict[tuple[str, tuple[ast.AST, ...]], set[str]] = {}
    for at, (node, scopes) in enumerate(module.nodes()):
        if not isinstance(node, ast.Call):
            continue
        ends = {last_name(node.func)}
        if isinstance(node.func, ast.Name):
            key = (node.func.id, scopes)
            if key not in plain:
                call = Call(project, module, scopes, node)
                plain[key] = {one.rpartition(".")[2] for one in call.names}
            ends |= plain[key]
        for end in ends:
            result.setdefault(end, []).append(at)
    project.called[module.file] = result
    return result


@dataclass(frozen=True, slots=True)
class InFiles:
    """A check of calls as one of files; tests are left out.

    Args:
        check: What is run on each call.
        last: How the names of these calls end.
    """

    check: CallCheck
    last: tuple[str, ...]

    def __call__(self, module: Module, project: Project) -> Iterator[Found]:
        """Run the check on each of these calls in a file."""
        if not is_test(module):
            for call in calls_in(project, module, *self.last):
                yield from self.check(call)

    @staticmethod
    def look_up(module: Module, project: Project) -> None:
        """Resolve the names of all calls in a file, for every check that uses them."""
        if not is_test(module):
            _called(project, module)


def in_files(check: CallCheck, *last: str) -> ModuleCheck:
    """A check of calls as one of files."""
    return InFiles(check, last)


def on_the_way(check: CallCheck, *last: str) -> EndpointCheck:
    """A check of calls as one of endpoints: also in files that say nothing of Tornado."""

    def run(endpoint: Endpoint) -> Iterator[Found]:
        for event in endpoint.first_at_calls:
            node = event.node
            if not isinstance(node, ast.Call) or is_test(event.module):
                continue
            if event.text.rpartition(".")[2] in last or last_name(node.func) in last:
                yield from check(call_at(endpoint.project, event.module, node))

    return run
