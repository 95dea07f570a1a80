"""Paths and their classes: `Application([...])`, `add_handlers`, rules, lists and loops."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.classes.hierarchy import Hierarchy
from stormdoor_audit.auditor.classes.listed import Bound, Listed
from stormdoor_audit.auditor.reading.module import Module
from stormdoor_audit.auditor.reading.nodes import last_name
from stormdoor_audit.auditor.reading.project import External, Project

__all__ = ["Route", "Routes", "find_routes"]

_DEEPEST = 12
"""Number of parts of a path that are put together."""
_ROUTE_CALLS = frozenset({"URLSpec", "url", "Rule", "URLRule", "HandlerRule"})


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of a routing table.

    Args:
        pattern: As written; "" where it is not a literal.
        module: The file of the entry.
        node: The entry.
        words: What `initialize` is given.
    """

    pattern: str
    module: Module
    node: ast.AST
    words: tuple[tuple[str, ast.expr], ...] = ()


@dataclass(slots=True)
class Routes:
    """The routing tables of a project.

    Args:
        of: Routes by the identity of the class.
        count: How many lead to a WebSocket handler.
        borrowed: Handlers of other packages that an entry names as they are.
        unresolved: Entries with an unread and unknown handler: it may be a WebSocket.
    """

    of: dict[int, list[Route]] = field(default_factory=dict)
    count: int = 0
    borrowed: list[ClassInfo] = field(default_factory=list)
    unresolved: list[tuple[Module, ast.AST, str]] = field(default_factory=list)

    def add(self, info: ClassInfo, route: Route) -> None:
        """Note a route."""
        known = self.of.setdefault(id(info), [])
        if route.node not in [one.node for one in known]:
            known.append(route)
            self.count += 1

    def add_turn(self, info: ClassInfo, route: Route, parts: set[int]) -> None:
        """Note what a loop makes of an entry: the entry itself, which was noted too, is no path."""
        known = self.of.setdefault(id(info), [])
        for at, one in enumerate(known):
            if isinstance(one.node, ast.Tuple | ast.List) and parts & {
                id(p) for p in one.node.elts
            }:
                known[at] = replace(one, pattern=route.pattern)
                return
        if route not in known:
            known.append(route)
            self.count += 1

    def paths(self, info: ClassInfo) -> tuple[str, ...]:
        """The patterns that lead to a class."""
        return tuple(dict.fromkeys(one.pattern for one in self.of.get(id(info), ()) if one.pattern))


def find_routes(
    project: Project, hierarchy: Hierarchy, sockets: dict[str, list[ClassInfo]]
) -> Routes:
    """Every entry that names a WebSocket handler.

    Args:
        project: The files.
        hierarchy: The classes.
        sockets: The handlers by plain name.
    """
    search = _Search(hierarchy, sockets)
    for module in list(project.modules.values()):
        search.look_through(module)
    for info_id, known in search.routes.of.items():
        hierarchy.forget_where_bare(info_id, [one.node for one in known])
    return search.routes


@dataclass(slots=True)
class _Search:
    """Looks for entries of routing tables.

    Args:
        hierarchy: The classes.
        sockets: The handlers by plain name.
    """

    hierarchy: Hierarchy
    sockets: dict[str, list[ClassInfo]]
    routes: Routes = field(default_factory=Routes)

    def look_through(self, module: Module) -> None:
        """Note what a file routes."""
        listed = Listed(self.hierarchy.project, module)
        for node, scopes in module.nodes():
            for entry in _entries(node):
                if not self._add(module, node, entry, scopes):
                    for turn in listed.turns(node):
                        self._add_turn(module, node, entry, turn)
        for info, route in _decorated(self.hierarchy, module, self.sockets):
            self.routes.add(info, route)

    def _add(
        self, module: Module, node: ast.AST, entry: "_Entry", scopes: tuple[ast.AST, ...]
    ) -> bool:
        pattern, target, extra = entry
        text = _text(module, pattern)
        found = _targets(self.hierarchy, module, target, scopes, self.sockets)
        if not found and isinstance(target, ast.Call):
            made = self.hierarchy.put_through_in_loop(module, node, target)
            found = [one for one in made if one in self.sockets.get(one.name, ())]
        elif len(found) == 1 and isinstance(target, ast.Name):
            self.hierarchy.put_through_before(module, node, target, scopes, found[0])
        if not found and _is_path(text) and module.inside and not module.is_test:
            found = _borrowed(
                self.hierarchy, module, text, target, scopes=scopes, routes=self.routes
            )
        for info in found:
            self.routes.add(info, Route(text, module, node, _words(module, extra)))
        return bool(found)

    def _add_turn(self, module: Module, node: ast.AST, entry: "_Entry", turn: Bound) -> None:
        """Add the routes that a loop lists: `for path, cls in PAGES: routes.append((BASE + path, cls))`."""
        pattern, target, _ = entry
        named = turn.get(target.id) if isinstance(target, ast.Name) else None
        text = _text(module, pattern, turn)
        if named is None or not _is_path(text):
            return
        route = Route(text, module, node)
        for info in _targets(self.hierarchy, module, named, (), self.sockets):
            self.routes.add_turn(info, route, {id(one) for one in turn.values()})
            self.hierarchy.bare.add(id(info))


_Entry = tuple[ast.expr, ast.expr, ast.expr | None]
"""A path, what is there, and what that is given."""


def _decorated(
    hierarchy: Hierarchy, module: Module, sockets: dict[str, list[ClassInfo]]
) -> Iterator[tuple[ClassInfo, Route]]:
    """`@route("/chat")`, above the class."""
    for definition in module.classes:
        for decorator in definition.node.decorator_list:
            match decorator:
                case ast.Call(args=[ast.Constant(value=str() as path), *_]) if path[:1] in tuple(
                    "/^("
                ):
                    info = hierarchy.of(module, definition)
                    if any(info in found for found in sockets.values()):
                        yield info, Route(path, module, decorator)
                case _:
                    pass


def _entries(node: ast.AST) -> Iterator[_Entry]:
    match node:
        case ast.Assign(value=ast.Dict(keys=keys, values=values)):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and _is_path(str(key.value)):
                    yield key, value, None
        case ast.Tuple(elts=elts) | ast.List(elts=elts) if 2 <= len(elts) <= 4:
            if not isinstance(elts[1], ast.Constant | ast.Tuple | ast.List | ast.Dict) or (
                isinstance(elts[0], ast.Constant) and _is_dotted(elts[1])
            ):
                yield elts[0], elts[1], elts[2] if len(elts) > 2 else None
        case ast.Call(func=func, args=args) if last_name(func) in _ROUTE_CALLS and args:
            keywords = {word.arg: word.value for word in node.keywords}
            target = args[1] if len(args) > 1 else keywords.get("handler") or keywords.get("target")
            extra = (
                args[2]
                if len(args) > 2
                else keywords.get("kwargs") or keywords.get("target_kwargs")
            )
            if target is not None:
                pattern = args[0]
                if isinstance(pattern, ast.Call) and pattern.args:
                    pattern = pattern.args[0]
                yield pattern, target, extra
        case ast.Call(func=ast.Attribute(attr=attr), args=args) if len(args) >= 2 and (
            "route" in attr or "handler" in attr or attr in {"add", "register", "url"}
        ):
            if isinstance(args[0], ast.Constant | ast.JoinedStr | ast.BinOp):
                yield args[0], args[1], args[2] if len(args) > 2 else None
        case _:
            pass


def _is_dotted(node: ast.expr) -> bool:
    """`"app.Chat"`: Tornado imports it."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "." in node.value
        and all(part.isidentifier() for part in node.value.split("."))
    )


def _words(module: Module, node: ast.expr | None) -> tuple[tuple[str, ast.expr], ...]:
    if isinstance(node, ast.Name | ast.Attribute):
        node = _assigned(module, node)
    if isinstance(node, ast.Dict):
        return tuple(
            (key.value, value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    if (
        isinstance(node, ast.Call)
        and not node.args
        and last_name(node.func).lower().endswith("dict")
    ):
        return tuple((word.arg, word.value) for word in node.keywords if word.arg)
    return ()


def _assigned(module: Module, name: ast.expr) -> ast.expr | None:
    """Return the value that a file assigns to `options` or `self.options`, if it does so once."""
    wanted = ast.unparse(name)
    found = [
        node.value
        for node, _ in module.nodes()
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name | ast.Attribute)
        and ast.unparse(node.targets[0]) == wanted
    ]
    return found[0] if len(found) == 1 else None


def _targets(
    hierarchy: Hierarchy,
    module: Module,
    target: ast.expr,
    scopes: tuple[ast.AST, ...],
    sockets: dict[str, list[ClassInfo]],
) -> list[ClassInfo]:
    if isinstance(target, ast.Constant) and isinstance(target.value, str):
        return sockets.get(target.value.rpartition(".")[2], [])
    if not isinstance(target, ast.Name | ast.Attribute | ast.Call | ast.IfExp):
        return []
    if isinstance(target, ast.Call) and not any(
        isinstance(one, ast.Name | ast.Attribute) for one in [*target.args, target.func]
    ):
        return []
    name = last_name(target)
    found = hierarchy.classes_of(module, target, scopes)
    result = [
        one for one in found if isinstance(one, ClassInfo) and one in sockets.get(one.name, ())
    ]
    if (
        not result
        and isinstance(target, ast.Attribute | ast.Name)
        and name in sockets
        and not any(isinstance(one, External) for one in found)
    ):
        candidates = sockets[name]
        result = candidates if len(candidates) == 1 else []
    return result


def _borrowed(
    hierarchy: Hierarchy,
    module: Module,
    pattern: str,
    target: ast.expr,
    *,
    scopes: tuple[ast.AST, ...],
    routes: Routes,
) -> list[ClassInfo]:
    """A handler that another package offers, and that this project routes as it is."""
    if not isinstance(target, ast.Name | ast.Attribute | ast.Call):
        return []
    info = hierarchy.borrowed(module, target, scopes)
    if info is not None:
        if info not in routes.borrowed:
            routes.borrowed.append(info)
            routes.unresolved.extend(
                (module, target, f"{one.name}, the handler of {pattern}, was not read")
                for one in info.bases
                if isinstance(one, External)
            )
        return [info]
    if any("tornado" in line for line in module.lines if "import" in line):
        routes.unresolved.extend(
            (module, target, f"the handler of {pattern}, {name}, was not read")
            for name in hierarchy.unread_handlers(module, target, scopes)
        )
    return []


def _is_path(text: str) -> bool:
    return "/" in text and text[:1] in "/^(.…[" and " " not in text


def _text(module: Module, node: ast.expr, turn: Bound = MappingProxyType({})) -> str:
    """A path as far as it stands in the source, `…` for what does not; "" where nothing does."""
    text = re.sub("…+", "…", "".join(_pieces(module, node, turn)))
    return "" if text == "…" else text


def _pieces(module: Module, node: ast.expr, turn: Bound, depth: int = 0) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.Name(id=name) if depth < _DEEPEST:
            yield from _named(module, turn, name, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right) if depth < _DEEPEST:
            yield from _pieces(module, left, turn, depth + 1)
            yield from _pieces(module, right, turn, depth + 1)
        case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Mod()):
            yield re.sub(r"%\(?\w*\)?[sdr]", "…", text)
        case ast.JoinedStr(values=values):
            for one in values:
                inner = one.value if isinstance(one, ast.FormattedValue) else one
                yield from _pieces(module, inner, turn, depth + 1)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format")):
            yield re.sub(r"\{[^{}]*\}", "…", text)
        case ast.Call(args=args):
            yield "…"  # any separator may join them
            yield from (
                one.value
                for one in args
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )
        case _:
            yield "…"


def _named(module: Module, turn: Bound, name: str, depth: int) -> Iterator[str]:
    if name in turn:
        yield from _pieces(module, turn[name], {}, depth + 1)
        return
    values = [getattr(binding, "value", None) for binding in module.names.get(name, ())]
    texts = [
        one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    yield texts[0] if texts else "…"
