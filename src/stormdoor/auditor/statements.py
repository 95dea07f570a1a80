"""What a statement does, one way at a time."""

import ast
import re
from functools import lru_cache

from stormdoor.auditor import lexicon
from stormdoor.auditor.expressions import Expressions
from stormdoor.auditor.hierarchy import ClassInfo
from stormdoor.auditor.machine import Thrown
from stormdoor.auditor.module import FunctionNode, scope_of
from stormdoor.auditor.project import External
from stormdoor.auditor.values import (
    ClassRef,
    Const,
    Environment,
    Function,
    Instance,
    Mapping,
    ModuleRef,
    Named,
    Nobody,
    Sequence,
    Setting,
    Special,
    Unknown,
    Value,
    labels_of,
    text_of,
)

__all__ = ["Returned", "Statements"]

_REFUSALS = frozenset({401, 403, 407, 3000, 3003, 4001, 4003, 4401, 4403, 1008})
_UNRELATED = frozenset(
    {"KeyError", "IndexError", "AttributeError", "OSError", "IOError", "ImportError"}
)


class Returned(Exception):
    """`return`."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Statements(Expressions):
    """Execution of statements."""

    def execute(self, body: list[ast.stmt]) -> None:
        """Run statements.

        Raises:
            Returned: The function returns.
            Thrown: It raises.
        """
        for at, statement in enumerate(body):
            self.tick()
            if isinstance(statement, ast.If):
                self._if(statement, body[at + 1 :])
            else:
                self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Run one statement."""
        match node:
            case ast.Expr():
                self._expression(node)
            case ast.Assign():
                value = self.evaluate(node.value)
                for target in node.targets:
                    self.assign(target, value)
            case ast.AnnAssign():
                if node.value is not None:
                    self.assign(node.target, self.evaluate(node.value))
            case ast.AugAssign():
                self._augmented(node)
            case ast.Return():
                raise Returned(self.evaluate(node.value) if node.value else Const(None))
            case ast.Raise():
                self._raise(node)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While():
                self._while(node)
            case ast.With() | ast.AsyncWith():
                self._with(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                function = Function(
                    node, self.frame.module, self.frame.owner, self.frame.env, text=node.name
                )
                self.frame.env.names[node.name] = self.decorated(function, self.frame.module, None)
            case ast.ClassDef():
                info = self._class_made(node)
                self.environments[id(info)] = self.frame.env
                self.frame.env.names[node.name] = ClassRef(info, text=node.name)
            case ast.Break():
                raise _Break
            case ast.Continue():
                raise _Continue
            case ast.Match():
                self._match(node)
            case ast.Assert():
                if not self.test(node.test):
                    raise Thrown(
                        "AssertionError", node, self.frame.module, check=self._just_checked(node)
                    )
            case ast.Global() | ast.Nonlocal():
                if isinstance(node, ast.Global):
                    self.frame.globals.update(node.names)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Delete():
                self._delete(node)
            case _:
                pass

    def _class_made(self, node: ast.ClassDef) -> ClassInfo:
        """The class of a statement in a function, with the bases that it has in this call."""
        static = self.hierarchy.of_node(self.frame.module, node)
        given = [
            self.frame.env.find(base.id) if isinstance(base, ast.Name) else None
            for base in node.bases
        ]
        if not any(isinstance(one, ClassRef) for one in given):
            return static
        bases: list[ClassInfo | External] = []
        for base, value in zip(node.bases, given, strict=True):
            if isinstance(value, ClassRef):
                bases.append(value.info)
            else:
                bases.extend(self.hierarchy.classes_of(self.frame.module, base)[:1])
        return self.hierarchy.derived(static, bases)

    def _just_checked(self, node: ast.stmt) -> bool:
        return any(
            event.kind == "check"
            and node.lineno <= getattr(event.node, "lineno", 0) <= (node.end_lineno or 0)
            for event in self.events[-3:]
        )

    def _expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        value = self.evaluate(node.value)
        if isinstance(value, Nobody) and not value.certain:
            inner = node.value.value if isinstance(node.value, ast.Await) else node.value
            if isinstance(inner, ast.Call):
                self.ignored_result(value, inner)

    def ignored_result(self, value: Nobody, node: ast.Call) -> None:
        """The result of a verification is not looked at."""
        raise NotImplementedError

    # branches -------------------------------------------------------------------------------

    def _if(self, node: ast.If, rest: list[ast.stmt]) -> None:
        wanted = self._wanted(node, rest)
        asked = len(self.events)
        holds = self.test(node.test, wanted)
        if wanted is holds and len(self.events) == asked and self._asks_state(node.test):
            # What the connection remembers says that nobody has proven anything on it yet.
            self.check(node.test, self.frame.module.source(node.test))
        if holds:
            self.execute(node.body)
        else:
            self.execute(node.orelse)

    def _asks_state(self, node: ast.expr) -> bool:
        """Whether a condition rests on a flag of this connection that is still as it was made."""
        handler = self.handler
        return (
            self.mode == "anonymous"
            and self.accepted
            and handler is not None
            and any(
                isinstance(inner, ast.Attribute)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == "self"
                and isinstance(held := handler.attrs.get(inner.attr), Const)
                and not held.value
                for inner in ast.walk(node)
            )
        )

    def _wanted(self, node: ast.If, rest: list[ast.stmt]) -> bool | None:
        """The outcome that refuses with a status that speaks of identity, where one does."""
        return _wanted(node, rest[0] if rest else None, rest[1] if len(rest) > 1 else None)

    def _match(self, node: ast.Match) -> None:
        subject = self.evaluate(node.subject)
        if isinstance(subject, Setting):
            self._match_setting(node, subject)
            return
        if isinstance(subject, Nobody):
            self.check(node.subject, subject.text, presumed=subject.presumed)
        for case in node.cases:
            fits = _fits(case.pattern, subject)
            if fits is False or (fits is None and self.choose(case.pattern, 2) == 1):
                continue
            self._capture(case.pattern, subject)
            if case.guard is None or self.test(case.guard):
                self.execute(case.body)
                return

    def _capture(self, pattern: ast.pattern, subject: Value) -> None:
        """Bind the names of a pattern."""
        for inner in ast.walk(pattern):
            if isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name:
                whole = inner is pattern
                self.frame.env.names[inner.name] = (
                    subject
                    if whole
                    else self.client_field(subject, inner.name, inner.name)
                    if "client" in labels_of(subject)
                    else Unknown(labels_of(subject), inner.name)
                )
            elif isinstance(inner, ast.MatchMapping) and inner.rest:
                self.frame.env.names[inner.rest] = Unknown(labels_of(subject), inner.rest)

    def _match_setting(self, node: ast.Match, subject: Setting) -> None:
        for case in node.cases:
            values = _constants_of(case.pattern)
            fits = values is None or any(
                self.truth(self.compare(subject, ast.Eq(), Const(one), case.pattern), case.pattern)
                for one in values
            )
            if fits and (case.guard is None or self.test(case.guard)):
                self.execute(case.body)
                return

    # loops ----------------------------------------------------------------------------------

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.evaluate(node.iter)
        known = isinstance(source, Sequence) and source.exact
        if isinstance(source, Sequence | Mapping) and source.exact and not source.items:
            self.execute(node.orelse)
            return
        items = self.items_of(source, 8 if known or isinstance(source, Sequence) else 1)
        uncertain = not known and not isinstance(source, Const)
        if uncertain and _leaves_somewhere(node) and self.choose(node, 2) == 1:
            self.execute(node.orelse)
            return
        for item in items:
            self.assign(node.target, item)
            try:
                self.execute(node.body)
            except _Break:
                return
            except _Continue:
                continue
        self.execute(node.orelse)

    def _while(self, node: ast.While) -> None:
        for _ in range(2):
            if not self.test(node.test):
                break
            try:
                self.execute(node.body)
            except _Break:
                return
            except _Continue:
                pass
            if isinstance(node.test, ast.Constant):
                return
        self.execute(node.orelse)

    # exceptions -----------------------------------------------------------------------------

    def _raise(self, node: ast.Raise) -> None:
        if node.exc is None:
            current = self.frame.env.find("<exception>")
            name = text_of(current) if current is not None else "?"
            raise Thrown(
                name,
                node,
                self.frame.module,
                check=current is not None and "check" in current.labels,
            )
        value = self.evaluate(node.exc)
        name, status = "?", None
        match value:
            case Instance():
                name = value.info.name
                held = value.attrs.get("status_code")
                if isinstance(held, Const) and isinstance(held.value, int):
                    status = held.value
                if any("HTTPError" in one.name for one in value.info.mro):
                    status = status or 500
            case ClassRef():
                name = value.info.name
            case Unknown() | Named() | Special():
                name = text_of(value)
        called = node.exc
        if isinstance(called, ast.Call):
            shown = (
                self.evaluate(called.func)
                if isinstance(called.func, ast.Name | ast.Attribute)
                else value
            )
            if isinstance(shown, Named):
                name = shown.name
            if name.endswith("Return") and ("gen." in name or name == "Return"):
                raise Returned(self.evaluate(called.args[0]) if called.args else Const(None))
            if called.args and isinstance(called.args[0], ast.Constant):
                first = called.args[0].value
                status = first if isinstance(first, int) else status
        if isinstance(value, Named) and value.name.endswith("Return"):
            raise Returned(Const(None))
        raise Thrown(name, node, self.frame.module, status=status)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        leaves = bool(node.handlers) and all(_leaves(one.body) for one in node.handlers)
        try:
            if node.handlers:
                self.catching.append((leaves, _uses_nothing(node)))
            try:
                self.execute(node.body)
            finally:
                if node.handlers:
                    self.catching.pop()
        except Thrown as error:
            handler = self._handler_for(node, error)
            if handler is None:
                self._finally(node)
                raise
            self._handle(node, handler, error)
            return
        except (Returned, _Break, _Continue):
            self._finally(node)
            raise
        self.execute(node.orelse)
        self._finally(node)

    def _handle(
        self, node: ast.Try | ast.TryStar, handler: ast.ExceptHandler, error: Thrown
    ) -> None:
        if error.check or error.status in {401, 403}:
            self.record("swallowed", handler, error.name)
        labels = frozenset({"exception", "check"} if error.check else {"exception"})
        caught: Value = Unknown(labels, error.name)
        previous = self.frame.env.names.get("<exception>")
        self.frame.env.names["<exception>"] = caught
        if handler.name:
            self.frame.env.names[handler.name] = caught
        try:
            self.execute(handler.body)
        except Thrown as inner:
            inner.check = inner.check or error.check
            raise
        finally:
            if previous is None:
                self.frame.env.names.pop("<exception>", None)
            else:
                self.frame.env.names["<exception>"] = previous
            self._finally(node)

    def _finally(self, node: ast.Try | ast.TryStar) -> None:
        self.execute(node.finalbody)

    def _handler_for(self, node: ast.Try | ast.TryStar, error: Thrown) -> ast.ExceptHandler | None:
        name = error.name.rpartition(".")[2]
        fallback: ast.ExceptHandler | None = None
        for handler in node.handlers:
            types = _type_names(handler.type)
            if not types or {"Exception", "BaseException"} & set(types) or name in types:
                return handler
            if error.name == "?" or error.presumed:
                if "HTTPError" not in types and (fallback is None or set(types) - _UNRELATED):
                    fallback = fallback if fallback and not set(types) - _UNRELATED else handler
            elif _is_a(name, types):
                return handler
        return fallback

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        suppressing = False
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.assign(
                    item.optional_vars,
                    value
                    if isinstance(value, Instance | Nobody)
                    else Unknown(labels_of(value), text_of(value)),
                )
            suppressing = suppressing or "suppress" in self.frame.module.source(item.context_expr)
        if not suppressing:
            self.execute(node.body)
            return
        self.catching.append((False, True))
        try:
            self.execute(node.body)
        except Thrown as error:
            if error.check:
                self.record("swallowed", node, error.name)
        finally:
            self.catching.pop()

    # binding --------------------------------------------------------------------------------

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a target."""
        match target:
            case ast.Name():
                if target.id in self.frame.globals:
                    self.globals[self.frame.module.name, target.id] = value
                else:
                    self._local(target.id, value)
            case ast.Attribute():
                self.store(self.evaluate(target.value), target.attr, value, target)
            case ast.Subscript():
                holder = self.evaluate(target.value)
                key = self.evaluate(target.slice)
                self.store_item(holder, key, value, target)
            case ast.Tuple() | ast.List():
                if isinstance(value, Sequence) and len(value.items) == len(target.elts):
                    for inner, item in zip(target.elts, value.items, strict=True):
                        self.assign(inner, item)
                    return
                for inner in target.elts:
                    part = inner.value if isinstance(inner, ast.Starred) else inner
                    name = part.id if isinstance(part, ast.Name) else ""
                    if isinstance(value, Nobody):
                        self.assign(
                            part,
                            Nobody(value.text, value.node, value.module, presumed=value.presumed),
                        )
                    elif "client" in labels_of(value):
                        self.assign(part, self.client_field(value, name, name))
                    else:
                        self.assign(part, Unknown(labels_of(value), name))
            case ast.Starred():
                self.assign(target.value, value)
            case _:
                pass

    def _local(self, name: str, value: Value) -> None:
        if (
            isinstance(value, Unknown)
            and "client" in value.labels
            and lexicon.is_credential_name(name)
        ):
            value = Unknown(value.labels | {"credential"}, value.text or name, value.truthy)
        env: Environment | None = self.frame.env
        declared = _nonlocal(self.frame.node)
        if name in declared:
            env = self.frame.env.outer
            while env is not None and name not in env.names:
                env = env.outer
        (env or self.frame.env).names[name] = value

    def store(self, holder: Value, name: str, value: Value, node: ast.AST) -> None:
        """`holder.name = value`."""
        match holder:
            case Instance():
                holder.attrs[name] = value
            case Function():
                holder.attrs[name] = value
            case ModuleRef():
                self.globals[holder.module.name, name] = value
            case ClassRef():
                self.store_on_class(holder, name, value)
            case _:
                if "self" in labels_of(value):
                    self.record("join", node, f"{text_of(holder)}.{name}", values=(value,))
                elif not isinstance(holder, Named | Const):
                    self.record(
                        "store", node, f"{text_of(holder)}.{name}", values=(value,), receiver=holder
                    )

    def store_on_class(self, holder: ClassRef, name: str, value: Value) -> None:
        """`Class.name = value`."""
        raise NotImplementedError

    def store_item(self, holder: Value, key: Value, value: Value, node: ast.AST) -> None:
        """`holder[key] = value`."""
        match holder:
            case Mapping():
                if isinstance(key, Const) and isinstance(key.value, str | int | bytes):
                    holder.items[key.value] = value
                    return
                holder.exact = False
            case Sequence():
                holder.exact = False
            case _:
                pass
        if "self" in labels_of(value, key):
            self.record("join", node, text_of(holder), values=(key, value))
        elif not isinstance(holder, Mapping | Sequence):
            self.record("store", node, text_of(holder), values=(key, value), receiver=holder)

    def _augmented(self, node: ast.AugAssign) -> None:
        value = self.evaluate(node.value)
        current: Value
        if isinstance(node.target, ast.Name):
            current = self.name(node.target.id, node.target)
        elif isinstance(node.target, ast.Attribute):
            current = self.evaluate(node.target)
        else:
            current = Unknown()
        if isinstance(current, Sequence) and isinstance(value, Sequence):
            result: Value = Sequence([*current.items, *value.items], current.kind, exact=False)
        else:
            result = Unknown(labels_of(current, value) - {"setting"}, text_of(current))
        if isinstance(node.target, ast.Name | ast.Attribute):
            self.assign(node.target, result)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.frame.env.names.pop(target.id, None)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names, _ = scope_of([node])
        for name, bindings in names.items():
            found = self.project.follow(self.frame.module, bindings[-1])
            self.frame.env.names[name] = self.meaning(found, name, node)


# shapes -------------------------------------------------------------------------------------


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the statements certainly end the function, or close or finish the connection."""
    for statement in body:
        match statement:
            case ast.Return() | ast.Raise():
                return True
            case ast.Expr() if _ends(statement.value):
                return True
            case ast.If() if (
                statement.orelse and _leaves(statement.body) and _leaves(statement.orelse)
            ):
                return True
            case _:
                pass
    return False


def _ends(node: ast.expr) -> bool:
    if isinstance(node, ast.Await | ast.Yield) and node.value is not None:
        node = node.value
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"close", "finish", "send_error", "redirect", "abort"}
    )


@lru_cache(maxsize=65536)
def _leaves_somewhere(loop: ast.For | ast.AsyncFor) -> bool:
    return any(
        isinstance(node, ast.Return | ast.Raise)
        for statement in loop.body
        for node in ast.walk(statement)
    )


@lru_cache(maxsize=65536)
def _wanted(node: ast.If, following: ast.stmt | None, later: ast.stmt | None) -> bool | None:
    if _refuses(node.body):
        return True
    if node.orelse and _refuses(node.orelse):
        return False
    rest = [one for one in (following, later) if one is not None]
    if not node.orelse and isinstance(node.body[-1], ast.Return) and _refuses(rest):
        return False
    return None


def _refuses(body: list[ast.stmt]) -> bool:
    """Whether the statements refuse with a status or close code that speaks of identity."""
    if len(body) > 12:
        return False
    if _leaves(body) and any(_speaks_of_refusal(statement) for statement in body):
        return True
    for statement in body:
        match statement:
            case ast.Raise(exc=ast.Call() as call):
                if _status(call) or any(
                    word in ast.unparse(call.func).lower()
                    for word in (
                        "unauthor",
                        "unauthenti",
                        "forbidden",
                        "permission",
                        "accessdenied",
                        "notallowed",
                    )
                ):
                    return True
            case ast.Expr(value=value):
                inner = value.value if isinstance(value, ast.Await | ast.Yield) else value
                if (
                    isinstance(inner, ast.Call)
                    and isinstance(inner.func, ast.Attribute)
                    and inner.func.attr
                    in {"set_status", "send_error", "close", "finish", "write_error"}
                    and _status(inner)
                ):
                    return True
                if (
                    isinstance(inner, ast.Call)
                    and isinstance(inner.func, ast.Attribute)
                    and inner.func.attr == "redirect"
                    and "login" in ast.unparse(inner).lower()
                ):
                    return True
            case ast.Return(value=ast.Call() as call) if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in {"send_error", "close", "finish", "redirect", "set_status"}
                and (_status(call) or "login" in ast.unparse(call).lower())
            ):
                return True
            case _:
                pass
    return False


_REFUSAL = re.compile(
    r"authenti|authori[sz]|unauth|forbidden|not allowed|no permission|permission denied|access denied"
    r"|log ?in|not logged|invalid (token|session|credential|user|password|api ?key|signature)",
    re.IGNORECASE,
)


def _speaks_of_refusal(statement: ast.stmt) -> bool:
    """Whether a message or a reason says that it is about identity."""
    if isinstance(statement, ast.Expr | ast.Raise | ast.Return):
        return any(
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and len(node.value) < 200
            and _REFUSAL.search(node.value) is not None
            for node in ast.walk(statement)
        )
    return False


def _status(call: ast.Call) -> bool:
    values = [
        *call.args[:1],
        *(word.value for word in call.keywords if word.arg in {"status_code", "code", "status"}),
    ]
    for value in values:
        if isinstance(value, ast.Constant) and value.value in _REFUSALS:
            return True
        if isinstance(value, ast.Attribute) and value.attr in {"UNAUTHORIZED", "FORBIDDEN"}:
            return True
    return False


def _uses_nothing(node: ast.Try | ast.TryStar) -> bool:
    return all(isinstance(one, ast.Pass) for handler in node.handlers for one in handler.body)


def _type_names(node: ast.expr | None) -> list[str]:
    match node:
        case None:
            return []
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            return [node.attr]
        case ast.Tuple():
            return [name for one in node.elts for name in _type_names(one)]
        case _:
            return ["?"]


_PARENTS = {
    "KeyError": {"LookupError"},
    "IndexError": {"LookupError"},
    "UnicodeDecodeError": {"ValueError", "UnicodeError"},
    "JSONDecodeError": {"ValueError"},
    "ExpiredSignatureError": {"InvalidTokenError", "PyJWTError", "DecodeError", "JWTError"},
    "InvalidTokenError": {
        "PyJWTError",
        "DecodeError",
        "JWTError",
        "InvalidSignatureError",
        "JWTClaimsError",
    },
    "BadSignature": {"BadData", "SignatureExpired", "BadTimeSignature"},
}


def _is_a(name: str, types: list[str]) -> bool:
    if _PARENTS.get(name, set()) & set(types):
        return True
    return name == "InvalidTokenError" and any(
        word in one for one in types for word in ("Token", "JWT", "Signature", "Decode")
    )


def _fits(pattern: ast.pattern, subject: Value) -> bool | None:
    """Whether a pattern matches; None where it may."""
    match pattern, subject:
        case ast.MatchAs(pattern=None), _:
            return True
        case ast.MatchSingleton(value=None), Nobody():
            return True
        case ast.MatchSingleton(value=value), Const():
            return value is subject.value
        case ast.MatchValue(value=ast.Constant(value=value)), Const():
            return bool(value == subject.value)
        case ast.MatchOr(), _:
            answers = [_fits(one, subject) for one in pattern.patterns]
            return True if True in answers else None if None in answers else False
        case ((ast.MatchMapping() | ast.MatchSequence() | ast.MatchClass()), Nobody()):
            return False
        case _:
            return None


def _constants_of(pattern: ast.pattern) -> list[object] | None:
    """The constants that a pattern stands for; None where it fits whatever comes."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=value)) | ast.MatchSingleton(value=value):
            return [value]
        case ast.MatchOr(patterns=patterns):
            found = [_constants_of(one) for one in patterns]
            return None if None in found else [value for one in found for value in one or ()]
        case _:
            return None


@lru_cache(maxsize=65536)
def _nonlocal(node: ast.AST | None) -> frozenset[str]:
    """The names that a function itself declares; a function in it declares its own."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset()
    names: set[str] = set()
    rest: list[ast.AST] = [*node.body]
    while rest:
        one = rest.pop()
        if isinstance(one, ast.Nonlocal):
            names.update(one.names)
        elif not isinstance(one, FunctionNode | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(one))
    return frozenset(names)
