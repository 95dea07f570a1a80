"""`if` and `match`, and the branch that refuses."""

import ast
from functools import lru_cache

from stormdoor_audit.auditor.interpreter.events import Assumption, Event, Stage
from stormdoor_audit.auditor.interpreter.statements.binding import Binding
from stormdoor_audit.auditor.interpreter.statements.patterns import constants_of, pattern_fits
from stormdoor_audit.auditor.interpreter.statements.refusals import cookies_wanted, wanted_outcome
from stormdoor_audit.auditor.interpreter.told import part_in
from stormdoor_audit.auditor.interpreter.values import (
    Const,
    Instance,
    Nobody,
    Sequence,
    Setting,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor_audit.auditor.reading.needed import absent_in, ends_program

__all__ = ["Branches"]

_WHOLE = frozenset({"bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"})
"""Classes with a pattern that has the value itself as its one part."""


class Branches(Binding):
    """Branches of a function."""

    def _if(self, node: ast.If, rest: list[ast.stmt]) -> None:
        if self.stage == Stage.IMPORT and not self.catching and ends_program(node.body):
            self._need(node.test)
        wanted = self._wanted(node, rest)
        if wanted is not None and not self.accepted:
            self.proving |= cookies_wanted(node.test, refused=wanted)
        asked, met = len(self.events), self.met
        holds = self.test(node.test, wanted)
        if wanted is holds and len(self.events) == asked and self._asks_state(node.test):
            # The connection's state says that no client has proven an identity on it yet.
            self.check(node.test, self.frame.module.source(node.test))
        if not holds and (said := _check_since(self.events, asked)) is not None:
            self._leave_empty(node, said)
        looped = _loop_names(self.frame.node, node)
        if looped and self.mode != "origin":
            parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
            self.pick(looped, parts, ast.Eq if holds else ast.NotEq)
        self._branch(node.body if holds else node.orelse, met)
        if self.met > met and not holds and rest and _leaves(node):
            self.mean_rest()

    def _leave_empty(self, node: ast.If, said: Event) -> None:
        """Leave a value unset if no user is there: `may = False; if user: may = ...`.

        It is then tested elsewhere, under a name that names no user.
        """
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)]):
                    names = self.frame.env.names
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]) if (
                    isinstance(held := self.frame.env.find("self"), Instance)
                ):
                    names = held.attrs
                case _:
                    continue
            began = names.get(name)
            if isinstance(began, Const) and (began.value is None or began.value is False):
                names[name] = Nobody(
                    said.text,
                    said.node,
                    said.module,
                    certain=began.value is None,
                    presumed=said.presumed,
                )

    def _need(self, test: ast.expr) -> None:
        """Note the value that the program does not start without: `if not self.token: sys.exit()`."""
        for one in absent_in(test):
            value = self.evaluate(one)
            if isinstance(value, Setting) and value.name not in self.assumptions:
                self.assumptions[value.name] = Assumption(
                    value.name, True, True, one, self.frame.module
                )

    def _branch(self, body: list[ast.stmt], met: int) -> None:
        """Run a branch. It is for the client named by the message, if `met` has grown since."""
        meant = self.met > met
        self.meant += meant
        try:
            self.execute(body)
        finally:
            self.meant -= meant

    def _asks_state(self, node: ast.expr) -> bool:
        """Return True if a condition depends on a flag of this connection that still has its first value."""
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
        return wanted_outcome(node, rest[0] if rest else None, rest[1] if len(rest) > 1 else None)

    def _match(self, node: ast.Match) -> None:
        subject, met = self.evaluate(node.subject), self.met
        if isinstance(subject, Nobody):
            self.check(node.subject, subject.text, presumed=subject.presumed)
        for case in node.cases:
            if not self._fits(case.pattern, subject):
                continue
            if self.mode == "member" and "client" in labels_of(subject):
                self.record("branch", case.pattern, "True", values=(subject,))
            self._capture(case.pattern, subject)
            if case.guard is None or self.test(case.guard):
                self._branch(case.body, met)
                return

    def _fits(self, pattern: ast.pattern, subject: Value) -> bool:
        """Decide whether a pattern matches, and remember what that tells of a part of a message."""
        fits = pattern_fits(pattern, subject)
        if fits is not None:
            return fits
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
            return self._fits(pattern.pattern, subject)
        parts = self._parts(pattern, subject)
        if isinstance(pattern, ast.MatchClass) and "client" in labels_of(subject):
            is_one = self._decided_once(subject, "type", ast.unparse(pattern.cls), pattern)
            return is_one and all(self._fits(one, part) for one, part in parts)
        if parts:
            return all(self._fits_entry(one, part) for one, part in parts)
        values = constants_of(pattern)
        if values is None:
            return self.choose(pattern, 2) == 0
        asked = [self.compare(subject, ast.Eq(), Const(one), pattern) for one in values]
        return any(self.truth(one, pattern) for one in asked)

    def _fits_entry(self, pattern: ast.pattern, part: Value) -> bool:
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
            return self._decided_once(part, "there", "yes", pattern)
        return self._fits(pattern, part)

    def _parts(self, pattern: ast.pattern, subject: Value) -> list[tuple[ast.pattern, Value]]:
        """Return the parts of a pattern, each with its part of the message; none for other values."""
        if "client" not in labels_of(subject):
            return []
        text = text_of(subject)
        match pattern:
            case ast.MatchMapping(keys=keys, patterns=parts):
                named = [
                    one.value if isinstance(one, ast.Constant) else ast.unparse(one) for one in keys
                ]
                found = [
                    self.client_field(subject, str(at), f"{text}[{at!r}]", at=at) for at in named
                ]
            case ast.MatchClass(cls=ast.Name(id=name), patterns=[whole]) if name in _WHOLE:
                return [(whole, subject)]
            case ast.MatchClass(patterns=placed, kwd_attrs=names, kwd_patterns=others):
                parts = [*placed, *others]
                names = [
                    getattr(one, "name", None) or str(at) for at, one in enumerate(placed)
                ] + names
                found = [self.client_field(subject, name, f"{text}.{name}") for name in names]
            case _:
                return []
        return list(zip(parts, found, strict=True))

    def _decided_once(self, part: Value, what: str, word: str, node: ast.AST) -> bool:
        """Decide something about a part of a message once; the client's message stays the same."""
        asked = Unknown(labels_of(part), part=part_in(part, (what,)))
        known = self.said.told.is_one(asked, [word])
        if known is None:
            known = self.choose(node, 2) == 0
            self.said.told.note(asked, [word], holds=known)
        return known

    def _capture(self, pattern: ast.pattern, subject: Value) -> None:
        """Bind the names of a pattern."""
        if isinstance(subject, Sequence) and isinstance(pattern, ast.MatchSequence):
            parts = list(zip(pattern.patterns, subject.items, strict=False))
            parts = parts if len(pattern.patterns) == len(subject.items) else []
        else:
            parts = self._parts(pattern, subject)
        if not parts:
            self._capture_all(pattern, subject)
            return
        if isinstance(pattern, ast.MatchMapping) and pattern.rest:
            self.frame.env.names[pattern.rest] = Unknown(labels_of(subject), pattern.rest)
        for one, part in parts:
            self._capture(one, part)

    def _capture_all(self, pattern: ast.pattern, subject: Value) -> None:
        """Bind the names of a pattern as one value, without telling its parts apart."""
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


def _check_since(events: list[Event], asked: int) -> Event | None:
    """The question about who it is that a condition was decided by, if it was."""
    return next((one for one in events[asked:] if one.kind == "check"), None)


def _loop_names(function: ast.AST | None, node: ast.If) -> set[str]:
    """The names of the loops of a function that a condition stands in."""
    return _names_in_loops(function).get(id(node), set()) if function is not None else set()


@lru_cache(maxsize=4096)
def _names_in_loops(function: ast.AST) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for loop in ast.walk(function):
        if isinstance(loop, ast.For | ast.AsyncFor):
            names = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
            for inner in ast.walk(loop):
                if isinstance(inner, ast.If):
                    found.setdefault(id(inner), set()).update(names)
    return found


def _leaves(node: ast.If) -> bool:
    """Return True if the statements after a condition are not reached where it holds."""
    return isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
