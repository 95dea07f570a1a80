"""Lowering of expressions, and of targets of assignments."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stormdoor_audit.analyzer.frontend import ir

__all__ = ["Expressions"]

_COMPARISONS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class Expressions:
    """Lowers expressions into the current block."""

    def __init__(self, module: str, qualname: str) -> None:
        self.module = module
        self.qualname = qualname
        self.out: ir.Block = []
        self.line = 0
        self._last = 0

    def inner_name(self, name: str) -> str:
        """Return the dotted name of a definition in this body."""
        return f"{self.qualname}.{name}" if self.qualname else name

    def fresh(self) -> int:
        """Return a register that nothing uses."""
        self._last += 1
        return self._last

    def emit(self, operation: ir.Operation, to: int = 0) -> int:
        """Add an operation to the current block and return the register of its result."""
        operation.line = self.line
        operation.to = to or self.fresh()
        self.out.append(operation)
        return operation.to

    def const(self, value: Any) -> int:
        """Add a literal."""
        return self.emit(ir.Const(value))

    @contextmanager
    def inside(self) -> Iterator[ir.Block]:
        """Add operations to a new block meanwhile."""
        before, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = before

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> int:
        """Lower a function."""
        raise NotImplementedError

    # targets

    def assign(self, target: ast.expr, value: int) -> None:
        """Assign a register to a target."""
        match target:
            case ast.Name(id=name):
                self.assign_name(name, value)
            case ast.Attribute(value=of, attr=name):
                self.emit(ir.SetAttribute(self.expression(of), name, value))
            case ast.Subscript(value=of, slice=key):
                self.emit(ir.SetItem(self.expression(of), self.expression(key), value))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                self._unpack(parts, value)
            case ast.Starred(value=inner):
                self.assign(inner, value)
            case _:
                pass

    def _unpack(self, parts: Sequence[ast.expr], value: int) -> None:
        star = next((at for at, one in enumerate(parts) if isinstance(one, ast.Starred)), -1)
        into = [self.fresh() for _ in parts]
        self.emit(ir.Unpack(value, into, star))
        for one, register in zip(parts, into, strict=True):
            self.assign(one, register)

    def assign_name(self, name: str, value: int) -> None:
        """Assign a register to a variable."""
        self.emit(ir.Store(name, value))

    # expressions

    def expression(self, node: ast.expr) -> int:
        """Lower an expression and return the register of its value."""
        self.line = getattr(node, "lineno", self.line)
        method = getattr(self, f"of_{type(node).__name__}", None)
        if method is None:
            return self.const(...)
        register: int = method(node)
        return register

    def of_Constant(self, node: ast.Constant) -> int:
        """Lower a literal."""
        return self.const(node.value)

    def of_Name(self, node: ast.Name) -> int:
        """Lower the use of a variable."""
        return self.emit(ir.Load(node.id))

    def of_Attribute(self, node: ast.Attribute) -> int:
        """Lower the use of an attribute."""
        return self.emit(ir.GetAttribute(self.expression(node.value), node.attr))

    def of_Subscript(self, node: ast.Subscript) -> int:
        """Lower the use of an item."""
        return self.emit(ir.GetItem(self.expression(node.value), self.expression(node.slice)))

    def of_Slice(self, node: ast.Slice) -> int:
        """Lower a slice."""
        parts = [
            self.expression(one) if one is not None else self.const(None)
            for one in (node.lower, node.upper, node.step)
        ]
        return self.emit(ir.Build("slice", parts))

    def of_Call(self, node: ast.Call) -> int:
        """Lower a call."""
        function = self.expression(node.func)
        spread = frozenset(at for at, one in enumerate(node.args) if isinstance(one, ast.Starred))
        arguments = [
            self.expression(one.value if isinstance(one, ast.Starred) else one) for one in node.args
        ]
        words = [(one.arg or "", self.expression(one.value)) for one in node.keywords]
        self.line = node.lineno
        return self.emit(ir.Call(function, arguments, words, spread))

    def of_Await(self, node: ast.Await) -> int:
        """Lower `await`."""
        return self.emit(ir.Await(self.expression(node.value)))

    def of_Yield(self, node: ast.Yield) -> int:
        """Lower `yield`."""
        return self.emit(ir.Yield(self.expression(node.value) if node.value else self.const(None)))

    def of_YieldFrom(self, node: ast.YieldFrom) -> int:
        """Lower `yield from` as an await."""
        return self.emit(ir.Await(self.expression(node.value)))

    def of_UnaryOp(self, node: ast.UnaryOp) -> int:
        """Lower `not a`, `-a`."""
        return self.emit(ir.Unary(type(node.op).__name__, self.expression(node.operand)))

    def of_BinOp(self, node: ast.BinOp) -> int:
        """Lower `a + b`."""
        left = self.expression(node.left)
        return self.emit(ir.Binary(type(node.op).__name__, left, self.expression(node.right)))

    def of_BoolOp(self, node: ast.BoolOp) -> int:
        """Lower `a and b` as an `if`."""
        result = self.fresh()
        self._chain(node.values, result, is_and=isinstance(node.op, ast.And))
        return result

    def _chain(self, values: Sequence[ast.expr], result: int, *, is_and: bool) -> None:
        first, *rest = values
        value = self.expression(first)
        if not rest:
            self._copy(value, result)
            return
        with self.inside() as more:
            self._chain(rest, result, is_and=is_and)
        with self.inside() as stop:
            self._copy(value, result)
        self.emit(ir.If(value, more, stop) if is_and else ir.If(value, stop, more))

    def _copy(self, value: int, to: int) -> None:
        self.emit(ir.Unary("Copy", value), to)

    def of_IfExp(self, node: ast.IfExp) -> int:
        """Lower `a if test else b`."""
        test, result = self.expression(node.test), self.fresh()
        with self.inside() as then:
            self._copy(self.expression(node.body), result)
        with self.inside() as otherwise:
            self._copy(self.expression(node.orelse), result)
        self.emit(ir.If(test, then, otherwise))
        return result

    def of_Compare(self, node: ast.Compare) -> int:
        """Lower `a < b < c` as `a < b and b < c`."""
        left, result = self.expression(node.left), self.fresh()
        self._comparison(left, list(zip(node.ops, node.comparators, strict=True)), result)
        return result

    def _comparison(self, left: int, rest: list[tuple[ast.cmpop, ast.expr]], result: int) -> None:
        (operator, node), *more = rest
        right = self.expression(node)
        compared = ir.Compare(_COMPARISONS[type(operator)], left, right)
        if not more:
            self.emit(compared, result)
            return
        value = self.emit(compared)
        with self.inside() as then:
            self._comparison(right, more, result)
        with self.inside() as otherwise:
            self._copy(value, result)
        self.emit(ir.If(value, then, otherwise))

    def of_NamedExpr(self, node: ast.NamedExpr) -> int:
        """Lower `name := value`."""
        value = self.expression(node.value)
        self.assign(node.target, value)
        return value

    def of_Lambda(self, node: ast.Lambda) -> int:
        """Lower `lambda`."""
        return self.function(node, "<lambda>")

    def of_JoinedStr(self, node: ast.JoinedStr) -> int:
        """Lower an f-string."""
        return self.emit(ir.Build("text", [self.expression(one) for one in node.values]))

    def of_FormattedValue(self, node: ast.FormattedValue) -> int:
        """Lower a part of an f-string."""
        return self.expression(node.value)

    def of_Starred(self, node: ast.Starred) -> int:
        """Lower `*value`."""
        return self.expression(node.value)

    def _display(self, kind: str, parts: Sequence[ast.expr]) -> int:
        spread = frozenset(at for at, one in enumerate(parts) if isinstance(one, ast.Starred))
        return self.emit(ir.Build(kind, [self.expression(one) for one in parts], [], spread))

    def of_Tuple(self, node: ast.Tuple) -> int:
        """Lower a tuple."""
        return self._display("tuple", node.elts)

    def of_List(self, node: ast.List) -> int:
        """Lower a list."""
        return self._display("list", node.elts)

    def of_Set(self, node: ast.Set) -> int:
        """Lower a set."""
        return self._display("set", node.elts)

    def of_Dict(self, node: ast.Dict) -> int:
        """Lower a dictionary."""
        keys = [self.expression(one) if one is not None else -1 for one in node.keys]
        return self.emit(ir.Build("dict", [self.expression(one) for one in node.values], keys))

    def _comprehension(
        self, kind: str, generators: list[ast.comprehension], parts: Sequence[ast.expr]
    ) -> int:
        made = self.emit(ir.Build("dict" if kind == "dict" else kind, []))
        self._generate(generators, parts, made)
        return made

    def _generate(
        self, generators: list[ast.comprehension], parts: Sequence[ast.expr], made: int
    ) -> None:
        if not generators:
            values = [self.expression(one) for one in parts]
            if len(values) > 1:
                self.emit(ir.SetItem(made, values[0], values[1]))
            else:
                add = self.emit(ir.GetAttribute(made, "append"))
                self.emit(ir.Call(add, values))
            return
        first, *rest = generators
        source, item = self.expression(first.iter), self.fresh()
        with self.inside() as body:
            self.assign(first.target, item)
            self._filtered(first.ifs, rest, parts, made)
        self.emit(ir.Loop(source, item, [], -1, body, []))

    def _filtered(
        self,
        tests: list[ast.expr],
        rest: list[ast.comprehension],
        parts: Sequence[ast.expr],
        made: int,
    ) -> None:
        if not tests:
            self._generate(rest, parts, made)
            return
        test = self.expression(tests[0])
        with self.inside() as then:
            self._filtered(tests[1:], rest, parts, made)
        self.emit(ir.If(test, then, []))

    def of_ListComp(self, node: ast.ListComp | ast.GeneratorExp) -> int:
        """Lower a comprehension as a loop that fills a list."""
        return self._comprehension("list", node.generators, [node.elt])

    of_GeneratorExp = of_ListComp

    def of_SetComp(self, node: ast.SetComp) -> int:
        """Lower a comprehension of a set."""
        return self._comprehension("set", node.generators, [node.elt])

    def of_DictComp(self, node: ast.DictComp) -> int:
        """Lower a comprehension of a dictionary."""
        return self._comprehension("dict", node.generators, [node.key, node.value])
