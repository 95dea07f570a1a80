"""The parts of a text from left to right: what an address begins with, and what comes behind."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from stormdoor_audit.auditor.classes.callers import FunctionDefinition
from stormdoor_audit.auditor.facts.arguments import given_to
from stormdoor_audit.auditor.facts.places import last_name
from stormdoor_audit.auditor.facts.spelling import DEPTH, Place, Spelling
from stormdoor_audit.auditor.facts.templates import (
    CONVERSION,
    FIELD,
    Template,
    is_number,
    is_number_spec,
)
from stormdoor_audit.auditor.interpreter.events import Event

__all__ = ["Pieces"]

_TRIMS = frozenset({"strip", "lstrip", "rstrip", "lower", "upper", "encode", "decode"})
"""Methods of a text that leave it as it is, but for its ends and its letters."""
_UNKNOWN = ast.Yield(value=None)
"""Something that cannot be seen."""


class Pieces(Spelling):
    """The same, part by part."""

    def pieces(self, event: Event, node: ast.expr) -> Iterator[tuple[ast.expr, bool]]:
        """The parts of a text from left to right, each with whether the client may write it."""
        for one, place in self._pieces(node, self._place(event), 0):
            self._seen.clear()
            yield one, self._free(one, place, 0)

    def _pieces(self, node: ast.expr, place: Place, depth: int) -> Iterator[tuple[ast.expr, Place]]:
        if depth > DEPTH:
            yield node, place
            return
        match node:
            case ast.JoinedStr(values=values):
                for one in values:
                    match one:
                        case ast.FormattedValue(format_spec=spec) if is_number_spec(spec):
                            yield ast.Constant(value="0"), place
                        case ast.FormattedValue(value=inner):
                            yield from self._pieces(inner, place, depth + 1)
                        case _:
                            yield one, place
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._pieces(left, place, depth + 1)
                yield from self._pieces(right, place, depth + 1)
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                given = right.elts if isinstance(right, ast.Tuple) else [right]
                yield from self._filled(Template(left, given, CONVERSION, {}), place, depth)
            case ast.Call():
                yield from self._pieces_of_call(node, place, depth)
            case ast.Name(id=name) if held := self._only(name, node, place):
                for part, there in held:
                    yield from self._pieces(part, there, depth + 1)
            case _:
                yield node, place

    def _pieces_of_call(
        self, node: ast.Call, place: Place, depth: int
    ) -> Iterator[tuple[ast.expr, Place]]:
        match node:
            case ast.Call(func=ast.Attribute(value=left, attr="format"), args=given):
                named = {one.arg: one.value for one in node.keywords if one.arg}
                yield from self._filled(Template(left, given, FIELD, named), place, depth)
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str() as sign), attr="join"),
                args=[ast.expr() as parts],
            ) if (listed := self._listed(parts, place)) is not None:
                for index, (one, there) in enumerate(listed):
                    if index and sign:
                        yield ast.Constant(value=sign), place
                    yield from self._pieces(one, there, depth + 1)
            case ast.Call(func=ast.Attribute(value=inner, attr=how)) if how in _TRIMS:
                yield from self._pieces(inner, place, depth + 1)
            case ast.Call(args=[base, other, *_]) if last_name(node.func) == "urljoin":
                behind = list(self._pieces(other, place, depth + 1))
                before = list(self._pieces(base, place, depth + 1))
                # A whole address replaces the base.
                stays = bool(behind) and _is_within(behind[0][0])
                yield from before + behind if stays else behind + before
            case ast.Call() if (returned := self._returned(node, place)) is not None:
                yield from self._pieces(*returned, depth + 1)
            case _:
                yield node, place

    def _listed(self, node: ast.expr, place: Place) -> list[tuple[ast.expr, Place]] | None:
        """The items of a list that stands there, or of what a call gave `*parts`."""
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [(one, place) for one in parts]
            case ast.Name(id=name) if place.scopes:
                function = place.scopes[-1]
                if not isinstance(function, FunctionDefinition):
                    return None
                rest, led = function.args.vararg, place.led_to(function)
                if rest is None or rest.arg != name or led is None:
                    return None
                site, outer = led
                bound = isinstance(site.func, ast.Attribute) and len(place.scopes) > 1
                given = site.args[len(self._names_of(function).parameters) - bound :]
                return [(one, outer) for one in given]
            case _:
                return None

    def _only(self, name: str, at: ast.AST, place: Place) -> list[tuple[ast.expr, Place]] | None:
        """Return the value of a name, if it has only one, and the values that `+=` adds."""
        function = place.scopes[-1] if place.scopes else None
        if not isinstance(function, FunctionDefinition):
            return None
        within = self._names_of(function)
        if within.is_guarded(name, at, forms=self._forms) or self._is_checked(
            within, name, at, place
        ):
            return None  # what it is made of was not looked at, but it was
        found, open_ended = within.reaching(name, at)
        if open_ended and not found and name in within.all_parameters and place.stack:
            led = place.led_to(function)
            if led is None:
                return None
            site, outer = led
            owned = len(place.scopes) > 1 and isinstance(place.scopes[-2], ast.ClassDef)
            given = given_to(site, function, name, bound=owned)
            return None if given is None else [(given, outer)]
        added = [isinstance(one.node, ast.AugAssign) for one in found[:-1]]
        if open_ended or not found or not found[-1].whole or not all(added):
            return None
        return [
            (one.value, replace(place, at=one.node))
            for one in reversed(found)
            if one.value is not None
        ]

    def _returned(self, node: ast.Call, place: Place) -> tuple[ast.expr, Place] | None:
        """Return the result of a function of the project, if it has only one besides constants."""
        functions = list(self._functions(node, place))
        if len(functions) != 1 or len(place.stack) > DEPTH:
            return None
        module, function, around = functions[0]
        returned = self._names_of(function).returned() or []
        made = [one for one in returned if not isinstance(one, ast.Constant)]
        if len(made) != 1:
            return None
        stack = (*place.stack, (place.module, node, last_name(node.func)))
        return made[0], Place(module, (*around, function), made[0], stack)

    def _filled(
        self, template: Template, place: Place, depth: int
    ) -> Iterator[tuple[ast.expr, Place]]:
        """The parts of a template and what stands in its places."""
        text = self._text_of(template.text, place)
        if text is None:
            yield from self._pieces(template.text, place, depth + 1)
            self._seen.clear()
            if not self._free(template.text, place, 0):
                return  # it begins with text of another author: `settings.STATUS_URL % number`
            for one in (*template.given, *template.named.values()):
                yield from self._pieces(one, place, depth + 1)
            return
        at, given = 0, iter(template.given)
        for found in template.sign.finditer(text):
            if text[at : found.start()]:
                yield ast.Constant(value=text[at : found.start()]), place
            at = found.end()
            if found[0] == "%%":
                continue
            name = found[1] or ""
            if name.isdigit() and int(name) < len(template.given):
                filling: ast.expr | None = template.given[int(name)]
            else:
                filling = template.named.get(name) if name else next(given, None)
            if filling is None:
                yield _UNKNOWN, place
            elif is_number(template, found):
                yield ast.Constant(value="0"), place
            else:
                yield from self._pieces(filling, place, depth + 1)
        if text[at:]:
            yield ast.Constant(value=text[at:]), place


def _is_within(first: ast.expr) -> bool:
    """Return whether a text that begins so is a path below an address, and no address itself."""
    match first:
        case ast.Constant(value=str() as text):
            return re.match(r"/?[^/:\\\s]+[/?#]", text) is not None
        case _:
            return False
