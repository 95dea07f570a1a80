"""Effects of a statement, one way at a time."""

import ast

from stormdoor_audit.auditor.classes.classinfo import ClassInfo
from stormdoor_audit.auditor.interpreter.outcomes import Thrown
from stormdoor_audit.auditor.interpreter.statements.exceptions import Exceptions
from stormdoor_audit.auditor.interpreter.statements.jumps import Break, Continue, Returned
from stormdoor_audit.auditor.interpreter.values import ClassRef, Const, Function, Nobody
from stormdoor_audit.auditor.reading.project import External

__all__ = ["Statements"]


class Statements(Exceptions):
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
                raise Break
            case ast.Continue():
                raise Continue
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
        if not self.accepted:
            self.left_alone = node.value
        value = self.evaluate(node.value)
        if isinstance(value, Nobody) and not value.certain:
            inner = node.value.value if isinstance(node.value, ast.Await) else node.value
            if isinstance(inner, ast.Call):
                self.ignored_result(value, inner)
