"""Parts of a composed text that the client can write freely.

Data flow shows that the client influences a text. A number, one of a list, digits of a UUID, or a name
that was quoted has no quote, slash or semicolon in it, for every client.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.facts.arguments import are_words, given_to
from stormdoor_audit.auditor.facts.bindings import FILLS, Within, leaves
from stormdoor_audit.auditor.facts.calls import Call, all_calls
from stormdoor_audit.auditor.facts.literals import Literals
from stormdoor_audit.auditor.facts.places import is_test, last_name, scopes_of
from stormdoor_audit.auditor.facts.templates import CONVERSION, NUMERIC, is_number_spec
from stormdoor_audit.auditor.interpreter.events import Event
from stormdoor_audit.auditor.judging.endpoint import Endpoint
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Assigned, Defined, Module
from stormdoor_audit.auditor.reading.project import External, Meaning

__all__ = ["DEPTH", "Place", "Spelling"]

DEPTH = 40
"""Depth to which names and calls are followed."""
_PLAIN = words(
    """
    abs all any bin bool bson.ObjectId bson.objectid.ObjectId callable complex
    datetime.datetime.fromtimestamp datetime.datetime.strptime decimal.Decimal divmod float
    hasattr hash hex id int isinstance len ord pow range round secrets.token_hex
    secrets.token_urlsafe sum type uuid.UUID uuid.uuid1 uuid.uuid4
    """
)
"""Calls with results free of signs that mean anything to SQL, a shell or a file system."""
_PLAIN_METHODS = words(
    """
    bit_length count endswith find hex hexdigest index isalnum isdigit isoformat startswith
    timestamp total_seconds
    """
)
_KEEPS = words(
    """
    bytes dict enumerate format frozenset iter list max min next repr reversed set sorted str
    tuple zip
    """
)
"""Calls with results made of their arguments only."""
_KEEPING_METHODS = words(
    """
    capitalize center copy decode encode format join joinpath ljust lower lstrip partition
    absolute as_posix expanduser replace resolve rjust rpartition rsplit rstrip split splitlines strip
    title upper with_name with_stem with_suffix zfill
    """
)
_TAKES = frozenset({"items", "keys", "values", "get", "pop", "setdefault", "popleft", "get_nowait"})
_HOLDERS = words(
    """
    asyncio.Queue collections.OrderedDict collections.defaultdict collections.deque dict list
    multiprocessing.Queue queue.Queue set tornado.queues.Queue weakref.WeakKeyDictionary
    weakref.WeakSet weakref.WeakValueDictionary
    """
)
"""Calls that make an empty container, which holds the values put into it later."""
_ASKS = words("execute fetch fetch_all fetch_one fetchrow fetchval get query")
_ROWS = frozenset({"fetchone", "fetchall", "fetchmany"})
_SELECTS = words("all exclude filter first get in_bulk last order_by values values_list")
"""Methods of what Django's models are looked up with."""
_FINDS = words("find_one first one one_or_none scalar scalar_one select")
_STORES = words("collection database db query sql")
_FETCHES = frozenset({"httpx.get", "requests.get"})
"""Calls with results written by the server that is queried."""
_SELECT = re.compile(r"\bselect\b.+\bfrom\b", re.IGNORECASE | re.DOTALL)
_OPTIONS = frozenset({"parse_args", "parse_known_args"})
_ROUTED = frozenset({"open", "get", "prepare", "on_open"})


@dataclass(frozen=True, slots=True)
class Place:
    """Place of an expression, and the calls that led there."""

    module: Module
    scopes: tuple[ast.AST, ...]
    at: ast.AST
    stack: tuple[tuple[Module, ast.AST, str], ...] = ()

    def led_to(self, function: FunctionDefinition) -> "tuple[ast.Call, Place] | None":
        """The call that led into a function, and where it stands; None where that cannot be seen."""
        module, site, called = self.stack[-1] if self.stack else (self.module, None, "")
        if called != function.name or not isinstance(site, ast.Call):
            return None
        outer = Place(module, scopes_of(module, site), site, self.stack[:-1])
        return _as_called(site, function.name), outer


def _scopes_to(module: Module, function: FunctionDefinition) -> tuple[ast.AST, ...]:
    """The functions and classes around a function, and itself, outermost first."""
    last = function.end_lineno or function.lineno
    return tuple(
        one
        for one in ast.walk(module.tree)
        if isinstance(one, FunctionDefinition | ast.ClassDef)
        and one.lineno <= function.lineno
        and last <= (one.end_lineno or one.lineno)
    )


def _as_called(site: ast.Call, name: str) -> ast.Call:
    """`run(message, …)` of `loop.run_in_executor(None, run, message)`: what follows a function is for it.

    What else it is given, such as an answer, is not seen.
    """
    for at, one in enumerate(site.args):
        if last_name(one) == name and isinstance(one, ast.Name | ast.Attribute):
            more = ast.Starred(value=site)
            return ast.Call(func=one, args=[*site.args[at + 1 :], more], keywords=site.keywords)
    return site


class Spelling:
    """Text that the client can write, on the ways of one endpoint.

    Args:
        endpoint: The endpoint.
        quotes: Dotted names of functions with a result that is safe in the target text.
        forms: Whether it is enough that code tested the form of the text.
    """

    def __init__(
        self, endpoint: Endpoint, quotes: frozenset[str] = frozenset(), *, forms: bool = True
    ) -> None:
        self._endpoint = endpoint
        self._quotes = quotes
        self._forms = forms
        self._within: dict[ast.AST, Within] = {}
        self._seen: set[tuple[int, str, int, int]] = set()

    def is_free(self, event: Event, node: ast.expr | None) -> bool:
        """Return True if an argument may hold signs of the client's choice, or if that is unknown."""
        if node is None:
            return True
        self._seen.clear()
        return self._free(node, self._place(event), 0)

    @staticmethod
    def _place(event: Event) -> Place:
        return Place(event.module, scopes_of(event.module, event.node), event.node, event.stack)

    # expressions ----------------------------------------------------------------------------

    def _free(self, node: ast.expr, place: Place, depth: int) -> bool:
        if depth > DEPTH:
            return True
        match node:
            case ast.Constant() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return False
            case ast.Name():
                return self._name(node, place, depth + 1)
            case ast.Attribute():
                return self._attribute(node, place, depth + 1)
            case ast.Call():
                return self._call(node, place, depth + 1)
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return self._formatted(left, right, place, depth + 1)
            case ast.FormattedValue(value=value, format_spec=spec):
                return not is_number_spec(spec) and self._free(value, place, depth + 1)
            case ast.Subscript(value=value):
                return self._free(value, place, depth + 1)
            case _:
                parts = _parts_of(node)
                return parts is None or self._any(parts, place, depth + 1)

    def _any(self, nodes: list[ast.expr], place: Place, depth: int) -> bool:
        return any(self._free(one, place, depth) for one in nodes)

    def _formatted(self, left: ast.expr, right: ast.expr, place: Place, depth: int) -> bool:
        """`"%d of %s" % (number, text)`: only what is written as text counts."""
        template = self._text_of(left, place)
        if template is None:
            return self._any([left, right], place, depth)
        asked = [one for one in CONVERSION.findall(template) if one[1] != "%"]
        given = right.elts if isinstance(right, ast.Tuple) else [right]
        if len(asked) != len(given) or any(name for name, _ in asked):
            return bool({kind for _, kind in asked} - NUMERIC) and self._free(right, place, depth)
        texts = [one for one, (_, kind) in zip(given, asked, strict=True) if kind not in NUMERIC]
        return self._any(texts, place, depth)

    # names ----------------------------------------------------------------------------------

    def _name(self, node: ast.Name, place: Place, depth: int) -> bool:
        scope = id(place.scopes[-1]) if place.scopes else 0
        key = (scope, node.id, id(place.at), id(place.stack[-1][1]) if place.stack else 0)
        if key in self._seen:
            return False
        self._seen.add(key)
        at: ast.AST = node
        for index in range(len(place.scopes) - 1, -1, -1):
            around = place.scopes[index]
            if isinstance(around, FunctionDefinition):
                within = self._names_of(around)
                here = replace(place, scopes=place.scopes[: index + 1])
                if around is not place.scopes[-1]:
                    here = replace(here, stack=())
                if within.binds(node.id, at):
                    return self._local(within, node.id, at, here, depth)
            at = around
        return self._global(place.module, node.id, depth)

    def _local(self, within: Within, name: str, at: ast.AST, place: Place, depth: int) -> bool:
        if within.is_guarded(name, at, forms=self._forms) or self._is_checked(
            within, name, at, place
        ):
            return False
        found, open_ended = within.reaching(name, at)
        for one in found:
            there = replace(place, at=one.node)
            if one.value is None or self._free(one.value, there, depth):
                return True
        if not open_ended or name not in within.all_parameters:
            return False
        return self._parameter(within, name, place, depth)

    def _parameter(self, within: Within, name: str, place: Place, depth: int) -> bool:
        function = within.function
        owned = len(place.scopes) > 1 and isinstance(place.scopes[-2], ast.ClassDef)
        if owned and within.parameters[:1] == [name] and name in {"self", "cls"}:
            return False
        led = place.led_to(function)
        if led is not None:
            site, outer = led
            given = given_to(site, function, name, bound=owned)
            return given is None or self._free(given, outer, depth)
        if place.stack and place.stack[-1][2] == function.name and function.name in _ROUTED:
            return not are_words(self._endpoint.paths)
        if not place.stack and (function.name == "__init__" if owned else len(place.scopes) == 1):
            return self._given_by_all(place, function, name, depth)
        return True

    def _given_by_all(
        self, place: Place, function: FunctionDefinition, name: str, depth: int
    ) -> bool:
        """A parameter of a constructor or of a plain function: what the project's calls of it give."""
        owner = place.scopes[-2] if len(place.scopes) > 1 else None
        called = owner.name if isinstance(owner, ast.ClassDef) else function.name
        project = self._endpoint.project
        found = False
        for call in all_calls(project, called):
            if f"{place.module.name}.{called}" not in call.names or is_test(call.module):
                continue
            found = True
            given = given_to(call.node, function, name, bound=owner is not None)
            there = Place(call.module, call.scopes, call.node)
            if given is None or self._free(given, there, depth):
                return True
        return not found and not self._is_entry(function, name)

    def _is_entry(self, function: FunctionDefinition, name: str) -> bool:
        """Return True if no code names a function, which works without this parameter: `main(args=None)`."""
        without = given_to(_NOWHERE, function, name, bound=False)
        return without is not None and (
            sum(
                function.name in line
                for module in self._endpoint.project.naming(function.name)
                for line in module.lines
            )
            == 1
        )

    def _global(self, module: Module, name: str, depth: int) -> bool:
        """A name of a module: what is imported is not the client's, unless a function says `global`."""
        for one in self._endpoint.project.members(module, name):
            if isinstance(one, Meaning) and isinstance(one.binding, Assigned):
                if self._is_set_freely(one.module, name, depth):
                    return True
                value = one.binding.value
                if isinstance(value, ast.Dict | ast.List | ast.Set) and _is_filled(
                    one.module, name
                ):
                    return True
                if self._free(value, Place(one.module, (), value), depth):
                    return True
        return False

    def _is_set_freely(self, module: Module, name: str, depth: int) -> bool:
        """Return True if a function that says `global` gives it something that the client writes."""
        for function in module.functions():
            if not any(
                isinstance(node, ast.Global) and name in node.names for node in ast.walk(function)
            ):
                continue
            scopes = _scopes_to(module, function)
            for given in self._names_of(function).given.get(name, ()):
                if isinstance(given.node, ast.Global):
                    continue
                there = Place(module, scopes, given.node)
                if given.value is None or self._free(given.value, there, depth):
                    return True
        return False

    def _attribute(self, node: ast.Attribute, place: Place, depth: int) -> bool:
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return self._free(node.value, place, depth)
        if node.attr.isupper():
            return False  # a name in capitals is a setting, for every kind of object
        if isinstance(node.value, ast.Name) and root.id in {"self", "cls"}:
            return node.attr != "settings" and self._of_object(node.attr, place, depth)
        found = self._endpoint.project.resolve(place.module, node, place.scopes)
        if found:
            return any(
                isinstance(one, Meaning)
                and isinstance(one.binding, Assigned)
                and self._global(one.module, node.attr, depth)
                for one in found
            )
        means = self._endpoint.project.lookup(place.module, root.id, place.scopes)
        if means and all(isinstance(one, External) for one in means):
            return False
        return self._free(node.value, place, depth)

    def _of_object(self, name: str, place: Place, depth: int) -> bool:
        """`self.name`: everything that the classes it may belong to put there."""
        found = False
        for module, owner, around in self._owners(place):
            for member in owner.body:
                if isinstance(member, FunctionDefinition) and member.name == name:
                    found = True
                    if self._answer(module, member, (*around, owner), (), depth):
                        return True
                if not isinstance(member, FunctionDefinition):
                    continue
                scopes = (*around, owner, member)
                for given in self._set_in(member, name):
                    found = True
                    if given.value is None or self._free(
                        given.value, Place(module, scopes, given.node), depth
                    ):
                        return True
            for statement in owner.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=held)], value=value) if held == name:
                        found = True
                        if self._free(value, Place(module, (*around, owner), statement), depth):
                            return True
                    case _:
                        pass
            if self._is_set_by_others(module, name, depth):
                return True
        return not found

    def _is_set_by_others(self, module: Module, name: str, depth: int) -> bool:
        """`peer.name = data["name"]`: another connection sets what this one has."""
        for node, scopes in module.nodes():
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=other), attr=attr)], value=value
                ) if attr == name and other not in {"self", "cls"}:
                    if self._free(value, Place(module, scopes, node), depth):
                        return True
                case _:
                    pass
        return False

    def _set_in(self, function: FunctionDefinition, name: str) -> Iterator["_Set"]:
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        if any(_is_own(one, name) for one in ast.walk(target)):
                            yield _Set(node, value)
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value)
                    | ast.AugAssign(target=target, value=value)
                ) if _is_own(target, name):
                    yield _Set(node, value)
                case ast.Call(
                    func=ast.Name(id="setattr"),
                    args=[ast.Name(id="self"), key, value],
                ) if not isinstance(key, ast.Constant) or key.value == name:
                    yield _Set(node, value)
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(value=ast.Name(id="self"), attr="__dict__"),
                        attr="update",
                    ),
                    args=[value],
                ):
                    yield _Set(node, value)
                case ast.Call(func=ast.Attribute(value=held, attr=how), args=values):
                    if how in FILLS and values and _is_own(held, name):
                        yield _Set(node, ast.Tuple(elts=values))
                case (
                    ast.For(target=target)
                    | ast.AsyncFor(target=target)
                    | ast.withitem(optional_vars=ast.expr() as target)
                ) if _is_own(target, name):
                    yield _Set(node, None)
                case _:
                    pass

    def _owners(self, place: Place) -> list[tuple[Module, ast.ClassDef, tuple[ast.AST, ...]]]:
        classes = [one for one in place.scopes if isinstance(one, ast.ClassDef)]
        if not classes:
            return []
        owner = classes[-1]
        family = [one for one in self._endpoint.info.mro if isinstance(one, ClassInfo)]
        if any(one.node is owner for one in family):
            return [(one.module, one.node, scopes_of(one.module, one.node)) for one in family]
        return [(place.module, owner, place.scopes[: place.scopes.index(owner)])]

    def _is_checked(self, within: Within, name: str, at: ast.AST, place: Place) -> bool:
        """Return True if a function of the project raised unless its form is right: `check_name(name)`."""
        for one in within.statements(at):
            match one:
                case ast.Expr(value=ast.Call(args=[ast.Name(id=held), *_]) as call) if held == name:
                    for module, function, _ in self._functions(call, place):
                        other = self._names_of(function)
                        first = next((a for a in other.parameters if a not in {"self", "cls"}), "")
                        if module.inside and other.refuses(first, forms=self._forms):
                            return True
                case ast.If(
                    test=ast.UnaryOp(
                        op=ast.Not(), operand=ast.Call(args=[ast.Name(id=held), *_]) as call
                    ),
                    body=body,
                ) if held == name and leaves(body):
                    for module, function, _ in self._functions(call, place):
                        other = self._names_of(function)
                        first = next((a for a in other.parameters if a not in {"self", "cls"}), "")
                        if module.inside and other.answers(first, forms=self._forms):
                            return True
                case _:
                    pass
        return False

    # calls ----------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: Place, depth: int) -> bool:
        call = Call(self._endpoint.project, place.module, place.scopes, node)
        names = call.names
        if names and names <= _PLAIN | self._quotes:
            return False
        given = [*node.args, *(word.value for word in node.keywords)]
        last = last_name(node.func)
        functions = list(self._functions(node, place))
        if functions:
            stack = (*place.stack, (place.module, node, last))
            return any(
                self._answer(module, function, around, stack, depth)
                for module, function, around in functions
            )
        if isinstance(node.func, ast.Attribute):
            if last in _PLAIN_METHODS:
                return False
            if last in _KEEPING_METHODS:
                return self._any([node.func.value, *given], place, depth)
            if last in _OPTIONS:
                # Without any it reads the command line, and so does `main(arguments=None)`.
                return not self._is_of_the_program(given, place) and self._any(given, place, depth)
            if (
                last in _ROWS
                or (last in _ASKS and _selects(node))
                or _is_of_a_model(node)
                or _is_a_row(node)
            ):
                return False  # what a database holds is not what the client sent
            if last in _TAKES and not names & _FETCHES:
                table = self._is_table(node.func.value, place)
                return not table or self._any([node.func.value, *given[1:]], place, depth)
        if last == "map" and len(given) > 1 and set(call.named(given[0])) & (_PLAIN | self._quotes):
            return False
        if names & _HOLDERS and not given:
            return True
        if (names and names <= _KEEPS) or self._is_outside(node.func, place):
            return self._any(given, place, depth)
        return True

    def _is_of_the_program(self, given: list[ast.expr], place: Place) -> bool:
        """Return True if a function that no endpoint called forwards its arguments."""
        function = place.scopes[-1] if len(place.scopes) == 1 and not place.stack else None
        return isinstance(function, FunctionDefinition) and all(
            isinstance(one, ast.Name) and one.id in self._names_of(function).all_parameters
            for one in given
        )

    def _is_table(self, node: ast.expr, place: Place) -> bool:
        """Return True if it is a table that stands in the source, or belongs to a library."""
        literals = Literals(self._endpoint.project, place.module, place.scopes)
        return isinstance(literals.literal(node), ast.Dict) or self._is_outside(node, place)

    def _is_outside(self, node: ast.expr, place: Place) -> bool:
        """Return True if it belongs to a library that was imported."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return False
        means = self._endpoint.project.lookup(place.module, root.id, place.scopes)
        return bool(means) and all(isinstance(one, External) for one in means)

    def _functions(
        self, node: ast.Call, place: Place
    ) -> Iterator[tuple[Module, FunctionDefinition, tuple[ast.AST, ...]]]:
        match node.func:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                for module, owner, around in self._owners(place):
                    for member in owner.body:
                        if isinstance(member, FunctionDefinition) and member.name == name:
                            yield module, member, (*around, owner)
            case ast.Name() | ast.Attribute():
                for one in self._endpoint.project.resolve(place.module, node.func, place.scopes):
                    match one:
                        case Meaning(module, Defined(function)) if isinstance(
                            function, FunctionDefinition
                        ):
                            yield module, function, ()
                        case _:
                            pass
            case _:
                pass

    def _answer(
        self,
        module: Module,
        function: FunctionDefinition,
        around: tuple[ast.AST, ...],
        stack: tuple[tuple[Module, ast.AST, str], ...],
        depth: int,
    ) -> bool:
        returned = self._names_of(function).returned()
        if returned is None or depth > DEPTH or sum(a[2] == function.name for a in stack) > 2:
            return True
        return any(
            self._free(one, Place(module, (*around, function), one, stack), depth + 1)
            for one in returned
        )

    def _names_of(self, function: FunctionDefinition) -> Within:
        known = self._within.get(function)
        if known is None:
            known = self._within[function] = Within(function)
        return known

    def _text_of(self, node: ast.expr, place: Place) -> str | None:
        """A text that stands in the source; of a table of texts the shortest beginning."""
        literals = Literals(self._endpoint.project, place.module, place.scopes)
        match node:
            case (
                ast.Subscript(value=table)
                | ast.Call(func=ast.Attribute(value=table, attr="get"), args=[_])
            ):
                entries = literals.literal(table)
                if not isinstance(entries, ast.Dict) or not entries.values:
                    return None
                texts = [literals.text(_first_of(one)) for one in entries.values]
                known = [one for one in texts if one is not None]
                return min(known, key=len) if len(known) == len(texts) else None
            case _:
                return literals.text(node)


@dataclass(frozen=True, slots=True)
class _Set:
    node: ast.AST
    value: ast.expr | None


_NOWHERE = ast.Call(func=ast.Name(id=""), args=[], keywords=[])


def _parts_of(node: ast.expr) -> list[ast.expr] | None:
    """The parts that a value is made of; None where it is made of something else."""
    match node:
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
            return parts
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return parts
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Dict(keys=keys, values=values):
            return [*(one for one in keys if one is not None), *values]
        case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.SetComp(elt=inner):
            return [inner]
        case ast.Await(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return [inner]
        case ast.Yield(value=ast.expr() as inner) | ast.UnaryOp(operand=inner):
            return [inner]
        case _:
            return None


def _selects(node: ast.Call) -> bool:
    """Return True if a call queries a database, by its text argument."""
    return any(
        isinstance(one, ast.Constant)
        and isinstance(one.value, str)
        and _SELECT.search(one.value) is not None
        for argument in node.args
        for one in ast.walk(argument)
    )


def _is_of_a_model(node: ast.Call) -> bool:
    """`Song.objects.get(id=number)`, `Song.objects.filter(owner=name).first()`."""
    inner: ast.expr = node.func
    while isinstance(inner, ast.Call | ast.Attribute):
        match inner:
            case ast.Attribute(value=ast.Attribute(value=model, attr="objects"), attr=how):
                return how in _SELECTS and last_name(model)[:1].isupper()
            case ast.Call(func=before) | ast.Attribute(value=before):
                inner = before
    return False


def _is_a_row(node: ast.Call) -> bool:
    """`self.sql.services.select(id=number)`, `session.query(Song).filter_by(id=number).first()`."""
    if last_name(node.func) not in _FINDS:
        return False
    inner: ast.expr = node.func
    while isinstance(inner, ast.Call | ast.Attribute | ast.Subscript):
        inner = inner.func if isinstance(inner, ast.Call) else inner.value
        if last_name(inner) in _STORES:
            return True
    return False


def _first_of(node: ast.expr) -> ast.expr:
    """Return the beginning of a composed text."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        node = node.left
    return node


def _is_own(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=attr):
            return attr == name
        case _:
            return False


def _is_filled(module: Module, name: str) -> bool:
    """Return True if code adds to a table or a list of a module."""
    for node, _ in module.nodes():
        match node:
            case ast.Assign(targets=targets):
                for one in targets:
                    match one:
                        case ast.Subscript(value=ast.Name(id=held)) if held == name:
                            return True
                        case _:
                            pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id=held), attr=how)) if held == name:
                if how in FILLS:
                    return True
            case _:
                pass
    return False
