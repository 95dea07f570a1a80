"""Lowering of modules and statements of Python's `ast` to the intermediate form."""

import ast
from collections.abc import Sequence

from stormdoor_audit.analyzer.frontend import ir
from stormdoor_audit.analyzer.frontend.expressions import Expressions
from stormdoor_audit.analyzer.frontend.patterns import Patterns
from stormdoor_audit.analyzer.frontend.scopes import assigned_names, outer_names, yields

__all__ = ["lower_module"]


def lower_module(tree: ast.Module, name: str) -> ir.Code:
    """Lower a module.

    Args:
        tree: Its syntax tree.
        name: Its dotted name.
    """
    lowering = Lowering(name, "")
    lowering.block(tree.body)
    end = max((one.end_lineno or one.lineno for one in tree.body), default=1)
    return ir.Code("<module>", "", lowering.out, name, 1, end, assigned_names(tree.body))


class Lowering(Patterns, Expressions):
    """Lowers the statements of one body: a module, a class or a function."""

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Lower statements in order."""
        for one in statements:
            self.line = one.lineno
            method = getattr(self, f"do_{type(one).__name__}", None)
            if method is not None:
                method(one)

    def nested(self, statements: Sequence[ast.stmt]) -> ir.Block:
        """Lower statements into a block of their own."""
        with self.inside() as block:
            self.block(statements)
        return block

    # definitions

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> int:
        """Lower a function; its decorators are lowered by the caller."""
        given = node.args
        defaults = [self.expression(one) for one in given.defaults]
        only = [
            (one.arg, self.expression(default) if default is not None else -1)
            for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        ]
        parameters = ir.Parameters(
            [one.arg for one in (*given.posonlyargs, *given.args)],
            defaults,
            only,
            given.vararg.arg if given.vararg else "",
            given.kwarg.arg if given.kwarg else "",
        )
        inner = Lowering(self.module, self.inner_name(f"{name}.<locals>"))
        if isinstance(node, ast.Lambda):
            body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node)]
        else:
            body = node.body
        inner.block(body)
        names = assigned_names(body) | {*parameters.names, parameters.rest, parameters.words}
        code = ir.Code(
            name,
            self.inner_name(name),
            inner.out,
            self.module,
            node.lineno,
            node.end_lineno or node.lineno,
            frozenset(names | {one for one, _ in only}) - outer_names(body),
            outer_names(body),
            coroutine=isinstance(node, ast.AsyncFunctionDef),
            generator=not isinstance(node, ast.Lambda) and yields(body),
        )
        return self.emit(ir.Function(code, parameters))

    def decorated(self, value: int, decorators: list[int]) -> int:
        """Apply decorators, the last one first."""
        for one in reversed(decorators):
            value = self.emit(ir.Call(one, [value]))
        return value

    def do_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Lower `def`."""
        decorators = [self.expression(one) for one in node.decorator_list]
        self.assign_name(node.name, self.decorated(self.function(node, node.name), decorators))

    do_AsyncFunctionDef = do_FunctionDef

    def do_ClassDef(self, node: ast.ClassDef) -> None:
        """Lower `class`."""
        decorators = [self.expression(one) for one in node.decorator_list]
        bases = [
            self.expression(one.value if isinstance(one, ast.Starred) else one)
            for one in node.bases
        ]
        words = [(one.arg or "", self.expression(one.value)) for one in node.keywords]
        inner = Lowering(self.module, self.inner_name(node.name))
        inner.block(node.body)
        code = ir.Code(
            node.name,
            self.inner_name(node.name),
            inner.out,
            self.module,
            node.lineno,
            node.end_lineno or node.lineno,
            assigned_names(node.body),
        )
        made = self.emit(ir.Class(code, bases, words))
        self.assign_name(node.name, self.decorated(made, decorators))

    # simple statements

    def do_Expr(self, node: ast.Expr) -> None:
        """Lower an expression without a use of its value."""
        if isinstance(node.value, ast.Constant):
            return
        before = len(self.out)
        self.expression(node.value)
        for one in self.out[before:][-2:]:
            if isinstance(one, ir.Call):
                one.discarded = True

    def do_Assign(self, node: ast.Assign) -> None:
        """Lower an assignment."""
        value = self.expression(node.value)
        for target in node.targets:
            self.assign(target, value)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Lower an assignment with a type."""
        if node.value is not None:
            self.assign(node.target, self.expression(node.value))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        """Lower `a += b`."""
        target = node.target
        reading = ast.copy_location(_reading(target), target)
        left = self.expression(reading)
        made = self.emit(ir.Binary(type(node.op).__name__, left, self.expression(node.value)))
        self.assign(target, made)

    def do_Delete(self, node: ast.Delete) -> None:
        """Lower `del`; only items matter."""
        for one in node.targets:
            if isinstance(one, ast.Subscript):
                self.emit(ir.Delete(self.expression(one.value), self.expression(one.slice)))

    def do_Return(self, node: ast.Return) -> None:
        """Lower `return`."""
        value = self.expression(node.value) if node.value is not None else self.const(None)
        self.emit(ir.Return(value))

    def do_Raise(self, node: ast.Raise) -> None:
        """Lower `raise`."""
        self.emit(ir.Raise(self.expression(node.exc) if node.exc is not None else -1))

    def do_Assert(self, node: ast.Assert) -> None:
        """Lower `assert`: it raises where the condition does not hold."""
        test = self.expression(node.test)
        with self.inside() as block:
            error = self.emit(ir.Load("AssertionError"))
            self.emit(ir.Raise(self.emit(ir.Call(error, []))))
        self.emit(ir.If(test, [], block))

    def do_Import(self, node: ast.Import) -> None:
        """Lower `import`."""
        for one in node.names:
            bound = one.asname or one.name.partition(".")[0]
            module = self.emit(ir.Import(one.name))
            if one.asname is None and "." in one.name:
                module = self.emit(ir.Import(bound))
            self.assign_name(bound, module)

    def do_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Lower `from … import`."""
        for one in node.names:
            value = self.emit(ir.Import(node.module or "", one.name, node.level))
            if one.name != "*":
                self.assign_name(one.asname or one.name, value)

    def do_Break(self, _: ast.Break) -> None:
        """Lower `break`."""
        self.emit(ir.Jump("break"))

    def do_Continue(self, _: ast.Continue) -> None:
        """Lower `continue`."""
        self.emit(ir.Jump("continue"))

    # control flow

    def do_If(self, node: ast.If) -> None:
        """Lower `if`."""
        test = self.expression(node.test)
        self.emit(ir.If(test, self.nested(node.body), self.nested(node.orelse)))

    def do_While(self, node: ast.While) -> None:
        """Lower `while`."""
        with self.inside() as condition:
            test = self.expression(node.test)
        body, other = self.nested(node.body), self.nested(node.orelse)
        self.emit(ir.Loop(-1, -1, condition, test, body, other))

    def do_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Lower `for`."""
        source = self.expression(node.iter)
        item = self.fresh()
        with self.inside() as body:
            self.assign(node.target, item)
            self.block(node.body)
        self.emit(ir.Loop(source, item, [], -1, body, self.nested(node.orelse)))

    do_AsyncFor = do_For

    def do_Try(self, node: ast.Try) -> None:
        """Lower `try`."""
        handlers = []
        for one in node.handlers:
            with self.inside() as block:
                types = self.expression(one.type) if one.type is not None else -1
            body = self.nested(one.body)
            handlers.append(ir.Handler(types, block, one.name or "", body, one.lineno))
        body, other = self.nested(node.body), self.nested(node.orelse)
        self.emit(ir.Try(body, handlers, other, self.nested(node.finalbody)))

    do_TryStar = do_Try

    def do_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Lower `with`: the manager is entered, and left on each exit."""
        self._with(node.items, node.body)

    do_AsyncWith = do_With

    def _with(self, items: list[ast.withitem], body: list[ast.stmt]) -> None:
        if not items:
            self.block(body)
            return
        first, *rest = items
        manager = self.expression(first.context_expr)
        entered = self.emit(ir.Call(self.emit(ir.GetAttribute(manager, "__enter__")), []))
        if first.optional_vars is not None:
            self.assign(first.optional_vars, entered)
        with self.inside() as block:
            self._with(rest, body)
        with self.inside() as final:
            self.emit(ir.Call(self.emit(ir.GetAttribute(manager, "__exit__")), []))
        self.emit(ir.Try(block, [], [], final, manager))


def _reading(node: ast.expr) -> ast.expr:
    """Return the target of an assignment as an expression that reads it."""
    match node:
        case ast.Name(id=name):
            return ast.Name(name, ast.Load())
        case ast.Attribute(value=value, attr=name):
            return ast.Attribute(value, name, ast.Load())
        case ast.Subscript(value=value, slice=key):
            return ast.Subscript(value, key, ast.Load())
        case _:
            return node
