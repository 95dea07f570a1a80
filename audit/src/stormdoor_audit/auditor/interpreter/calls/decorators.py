"""Functions after their decorators."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.calls.functions import Functions
from stormdoor_audit.auditor.interpreter.events import Stage
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.values import (
    Authenticated,
    Bound,
    ClassRef,
    Const,
    Coroutine,
    Function,
    Instance,
    Member,
    Named,
    Nobody,
    Partial,
    Setting,
    Special,
    Unknown,
    Value,
)
from stormdoor_audit.auditor.naming import lexicon
from stormdoor_audit.auditor.naming.stdlib import STDLIB
from stormdoor_audit.auditor.naming.words import words
from stormdoor_audit.auditor.reading.module import Module

__all__ = ["Decorators"]

_PASS_DECORATORS = words(
    """
    abstractmethod asynccontextmanager asynchronous cache cached_property classmethod
    contextmanager coroutine deprecated engine final gather lru_cache no_type_check overload
    override property return_future run_on_executor staticmethod wraps
    """
)
_ABOUT_IDENTITY = words(
    "guard jwt needs protected require required requires secured session token user"
)
_ABOUT_NOBODY = words("allow anonymous no origin public skip unauthenticated")
"""Words of decorators that were not read, and that check an identity or do not."""


class Decorators(Functions):
    """Decorators, read or only named."""

    def decorated(self, function: Function, module: Module, owner: ClassInfo | None) -> Value:
        """A function with its decorators applied, innermost first."""
        node = function.node
        if isinstance(node, ast.Lambda):
            return function
        value: Value = function
        inner = owner is not None or function.env is not None or bool(function.scopes)
        local = inner and bool(self.frames) and self.frame.module is module
        for decorator in reversed(node.decorator_list):
            value = self._decorate(decorator, value, module, local=local)
        return value

    def _decorate(self, decorator: ast.expr, value: Value, module: Module, *, local: bool) -> Value:
        name = decorator.id if isinstance(decorator, ast.Name) else ""
        if name in {"staticmethod", "classmethod", "property"}:
            return value
        stage, self.stage = self.stage, Stage.IMPORT  # whenever the method is looked at first
        try:
            applied = self.evaluate(decorator) if local else self.in_module(module, decorator)
        finally:
            self.stage = stage
        match applied:
            case Named(name=dotted):
                last = dotted.rpartition(".")[2]
                if dotted in {"tornado.web.authenticated", "tornado.web.auth.authenticated"}:
                    return Authenticated(value, decorator, module)
                if (
                    dotted.startswith("tornado.")
                    or last in _PASS_DECORATORS
                    or dotted.partition(".")[0] in STDLIB
                ):
                    return value
                return self._foreign_decorator(dotted, value, decorator, module)
            case Function() | Bound() | ClassRef() | Partial() | Instance():
                site = decorator
                try:
                    result = self.awaited(self.call(applied, [value], {}, site), site)
                except Thrown:
                    return value
                if isinstance(
                    result, Function | Bound | Partial | Authenticated | Instance | Special
                ):
                    return result
                return value
            case Special(kind="identity"):
                return value
            case Unknown() | Member() | Setting():
                text = module.source(decorator)
                if "setter" in text or "getter" in text or "deleter" in text:
                    return value
                return self._foreign_decorator(text.partition("(")[0], value, decorator, module)
            case _:
                return value

    def _foreign_decorator(self, name: str, value: Value, node: ast.expr, module: Module) -> Value:
        last = name.rpartition(".")[2]
        words = set(lexicon.words_about(last))
        about_identity = (
            lexicon.is_verification_name(last) or words & _ABOUT_IDENTITY
        ) and not words & _ABOUT_NOBODY
        if about_identity:
            return Partial(
                Special("foreign-check", text=f"@{name}"), [value, Const(node)], {}, text=name
            )
        return value

    def _authenticated(self, function: Authenticated, args: list[Value], node: ast.AST) -> None:
        if self.mode == "member" or not args or not isinstance(args[0], Instance):
            return
        user = self.attribute(args[0], "current_user", function.node)
        if isinstance(user, Coroutine):
            return  # a coroutine object is true, for every user that it looks up
        if not self.truth(user, function.node):
            if not isinstance(user, Nobody):
                self.check(function.node, "@authenticated", module=function.module)
            self.finished = True
            raise Thrown(
                "tornado.web.HTTPError", function.node, function.module, status=403, check=True
            )
