"""`raise`, `try` and `with`: who stops an exception."""

import ast
from functools import cached_property

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.statements.jumps import Break, Continue, Returned
from stormdoor_audit.auditor.interpreter.statements.loops import Loops
from stormdoor_audit.auditor.interpreter.statements.refusals import UNRELATED, leaves_block
from stormdoor_audit.auditor.interpreter.values import (
    Bound,
    ClassRef,
    Const,
    Instance,
    Named,
    Nobody,
    Partial,
    Special,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.naming import lexicon

__all__ = ["Exceptions"]


class Exceptions(Loops):
    """Exceptions and context managers."""

    @cached_property
    def ancestors(self) -> dict[str, frozenset[str]]:
        """Names of the bases of the project's exceptions that were raised."""
        return {}

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
            case Partial(function=Named(name="tornado.gen.Return"), args=args):
                raise Returned(args[0] if args else Const(None))
            case Instance():
                name = value.info.name
                held = value.attrs.get("status_code")
                if isinstance(held, Const) and isinstance(held.value, int):
                    status = held.value
                if any("HTTPError" in one.name for one in value.info.mro):
                    status = status or 500
                self._descends(value.info)
            case ClassRef():
                name = value.info.name
                self._descends(value.info)
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

    def _descends(self, info: ClassInfo) -> None:
        self.ancestors[info.name] = frozenset(one.name.rpartition(".")[2] for one in info.mro)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        asked = len(self.events)
        leaves = bool(node.handlers) and all(leaves_block(one.body) for one in node.handlers)
        around = self.catching
        try:
            if node.handlers:
                self.catching = [*around, (leaves, _caught(node))]
            try:
                self.execute(node.body)
            finally:
                self.catching = around
        except Thrown as error:
            handler = self._handler_for(node, error)
            if handler is None:
                self._finally(node)
                raise
            failed = any(event.kind == "check" for event in self.events[asked:])
            self.handling += failed
            try:
                self._handle(node, handler, error)
            finally:
                self.handling -= failed
            return
        except (Returned, Break, Continue):
            self._finally(node)
            raise
        self.execute(node.orelse)
        self._finally(node)

    def _handle(
        self, node: ast.Try | ast.TryStar, handler: ast.ExceptHandler, error: Thrown
    ) -> None:
        if error.check or error.status in {401, 403}:
            self.record("noted" if _notes(handler) else "swallowed", handler, error.name)
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
        if (error.name == "?" or error.presumed) and _caught(node) == {"HTTPError"}:
            return node.handlers[0]  # what is tried says what it raises
        for handler in node.handlers:
            types = _type_names(handler.type)
            if not types or {"Exception", "BaseException"} & set(types) or name in types:
                return handler
            if self.ancestors.get(name, frozenset()) & set(types):
                return handler
            if error.name == "?" or error.presumed:
                if "HTTPError" not in types and (fallback is None or set(types) - UNRELATED):
                    fallback = fallback if fallback and not set(types) - UNRELATED else handler
            elif _is_a(name, types):
                return handler
        return fallback

    def _entered(self, node: ast.With | ast.AsyncWith, value: Value, at: ast.expr) -> Value:
        """Value of `with`, after the object's `__enter__`, which may refuse."""
        if not isinstance(value, Instance):
            return value
        name = "__aenter__" if isinstance(node, ast.AsyncWith) else "__enter__"
        entering = self.attribute(value, name, at)
        if not isinstance(entering, Bound):
            return value
        given = self.awaited(self.call(entering, [], {}, at), at)
        return given if isinstance(given, Instance | Nobody | Unknown) else value

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        suppressing = False
        for item in node.items:
            value = self._entered(node, self.evaluate(item.context_expr), item.context_expr)
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
        around = self.catching
        self.catching = [*around, (False, frozenset())]
        try:
            self.execute(node.body)
        except Thrown as error:
            if error.check:
                self.record("swallowed", node, error.name)
        finally:
            self.catching = around


def _notes(handler: ast.ExceptHandler) -> bool:
    """Return True if the connection remembers that it failed: `self.needs_login = True`."""
    stored = (one for one in handler.body if isinstance(one, ast.Assign))
    return any(
        isinstance(one.value, ast.Constant)
        and isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
        and lexicon.is_verification_name(target.attr)
        for one in stored
        for target in one.targets
    )


def _caught(node: ast.Try | ast.TryStar) -> frozenset[str]:
    return frozenset(name for handler in node.handlers for name in _type_names(handler.type))


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
