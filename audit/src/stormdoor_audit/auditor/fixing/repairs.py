"""Safe repairs: each knows one kind of mistake, and changes nothing that it does not understand.

A repair looks at the syntax tree, not at words: it is offered only where the code is exactly what it
can mend. What it writes fails closed: it may refuse what was accepted before, never the reverse.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["REPAIRS", "Edit", "Known", "Repair"]


@dataclass(frozen=True, slots=True)
class Edit:
    """Text in place of a region: 1-based lines, columns in UTF-8 bytes as `ast` counts them."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str

    @property
    def is_insertion(self) -> bool:
        """Return whether the edit removes no text."""
        return (self.line, self.column) == (self.end_line, self.end_column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Facts about the project that its source does not contain.

    Args:
        origins: Origins of its pages; empty for the server's own, which Tornado allows.
        audience: Claim `aud` of its tokens, or empty.
        issuer: Claim `iss` of its tokens, or empty.
    """

    origins: tuple[str, ...] = ()
    audience: str = ""
    issuer: str = ""


Repair = Callable[[ast.AST, Known], list[Edit]]
"""Edits for a node, none where it is not exactly what the repair can mend."""


def _replace(node: ast.expr | ast.stmt, text: str) -> Edit:
    end_line, end_column = node.end_lineno, node.end_col_offset
    if end_line is None or end_column is None:
        raise ValueError("the node has no end")
    return Edit(node.lineno, node.col_offset, end_line, end_column, text)


def _name(node: ast.expr) -> str:
    """`jwt.decode` for the attribute, `decode` for the name, else empty."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_name(value)}.{name}"
        case _:
            return ""


def _last(call: ast.Call) -> str:
    return _name(call.func).rsplit(".", 1)[-1]


def _keyword(call: ast.Call, name: str) -> ast.keyword | None:
    return next((one for one in call.keywords if one.arg == name), None)


def _plain(call: ast.Call) -> bool:
    """Return whether the call names all arguments, without `**options`."""
    return all(one.arg is not None for one in call.keywords)


def _append(call: ast.Call, text: str) -> Edit:
    """A further argument, after the last one."""
    given = [*call.args, *(one.value for one in call.keywords)]
    if given:
        last = max(given, key=lambda one: (one.end_lineno or 0, one.end_col_offset or 0))
        line, column = last.end_lineno or 0, last.end_col_offset or 0
        return Edit(line, column, line, column, f", {text}")
    line, column = call.end_lineno or 0, (call.end_col_offset or 1) - 1
    return Edit(line, column, line, column, text)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=True)


def _origin_list(node: ast.AST, known: Known) -> list[Edit]:
    """`return True` in check_origin(): the origins of the project, or Tornado's own check."""
    if not isinstance(node, ast.FunctionDef) or node.name != "check_origin":
        return []
    arguments = [*node.args.posonlyargs, *node.args.args]
    if len(arguments) != 2 or node.decorator_list:
        return []
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    match body:
        case [ast.Return(value=ast.Constant(value=True | 1))] as only:
            origin = arguments[1].arg
            if known.origins:
                listed = ", ".join(_text(one) for one in known.origins)
                return [_replace(only[0], f"return {origin} in {{{listed}}}")]
            return [_replace(only[0], f"return super().check_origin({origin})")]
    return []


def _jwt_call(node: ast.AST) -> ast.Call | None:
    """A call of PyJWT that verifies, with all its arguments in sight."""
    if (
        isinstance(node, ast.Call)
        and _name(node.func).endswith("jwt.decode")
        and _plain(node)
        and len(node.args) >= 2
    ):
        return node
    return None


def _audience(node: ast.AST, known: Known) -> list[Edit]:
    call = _jwt_call(node)
    if call is None or not known.audience or _keyword(call, "audience"):
        return []
    return [_append(call, f"audience={_text(known.audience)}")]


def _issuer(node: ast.AST, known: Known) -> list[Edit]:
    call = _jwt_call(node)
    if call is None or not known.issuer or _keyword(call, "issuer"):
        return []
    return [_append(call, f"issuer={_text(known.issuer)}")]


def _expiry(node: ast.AST, _: Known) -> list[Edit]:
    """A token without `exp` never ends: require it."""
    call = _jwt_call(node)
    if call is None:
        return []
    options = _keyword(call, "options")
    if options is None:
        return [_append(call, 'options={"require": ["exp"]}')]
    return _verified(call, {"verify_exp"})


def _signature(node: ast.AST, _: Known) -> list[Edit]:
    call = _jwt_call(node)
    return [] if call is None else _verified(call, {"verify_signature"})


def _verified(call: ast.Call, names: set[str]) -> list[Edit]:
    """`{"verify_exp": False}` in the options becomes True."""
    options = _keyword(call, "options")
    if options is None or not isinstance(options.value, ast.Dict):
        return []
    return [
        _replace(value, "True")
        for key, value in zip(options.value.keys, options.value.values, strict=True)
        if isinstance(key, ast.Constant)
        and key.value in names
        and isinstance(value, ast.Constant)
        and value.value is False
    ]


def _turned_off(*names: str) -> Repair:
    """`debug=True` among the arguments becomes False."""

    def repair(node: ast.AST, _: Known) -> list[Edit]:
        match node:
            case ast.Call(keywords=given):
                pass
            case ast.keyword():
                given = [node]
            case _:
                return []
        return [
            _replace(one.value, "False")
            for one in given
            if one.arg in names and isinstance(one.value, ast.Constant) and one.value.value is True
        ]

    return repair


def _cookie_flags(node: ast.AST, _: Known) -> list[Edit]:
    """set_cookie() and set_signed_cookie() without the flags that keep scripts and other sites out."""
    calls = {"set_cookie", "set_secure_cookie", "set_signed_cookie"}
    if not isinstance(node, ast.Call) or _last(node) not in calls or not _plain(node):
        return []
    edits = [
        _replace(one.value, "True")
        for one in node.keywords
        if one.arg is not None
        and one.arg.lower() in {"secure", "httponly"}
        and isinstance(one.value, ast.Constant)
        and one.value.value is False
    ]
    given = {(one.arg or "").lower() for one in node.keywords}
    wanted = (
        ("httponly", "httponly=True"),
        ("secure", "secure=True"),
        ("samesite", 'samesite="Lax"'),
    )
    missing = [text for name, text in wanted if name not in given]
    return [*edits, _append(node, ", ".join(missing))] if missing else edits


def _safe_load(node: ast.AST, _: Known) -> list[Edit]:
    """`yaml.load(text)` and `yaml.load(text, Loader=yaml.Loader)`: safe_load(text)."""
    if not isinstance(node, ast.Call) or _name(node.func) != "yaml.load" or not node.args:
        return []
    loaders = [*node.args[1:], *(one.value for one in node.keywords)]
    if len(loaders) > 1 or not isinstance(node.func, ast.Attribute):
        return []
    if any(one.arg != "Loader" for one in node.keywords):
        return []
    edits = [_replace(node.func, "yaml.safe_load")]
    for loader in loaders:
        first = node.args[0]
        edits.append(
            Edit(
                first.end_lineno or 0,
                first.end_col_offset or 0,
                loader.end_lineno or 0,
                loader.end_col_offset or 0,
                "",
            )
        )
    return edits


def _setting(**settings: int) -> Repair:
    """Application(...) without a setting gets it, with a value that suits most."""

    def repair(node: ast.AST, _: Known) -> list[Edit]:
        if not isinstance(node, ast.Call) or _last(node) != "Application" or not _plain(node):
            return []
        missing = [
            f"{name}={value}" for name, value in settings.items() if not _keyword(node, name)
        ]
        return [_append(node, ", ".join(missing))] if missing else []

    return repair


REPAIRS: Mapping[str, tuple[Repair, ...]] = MappingProxyType(
    {
        "origin-disabled": (_origin_list,),
        "jwt-signature-unchecked": (_signature,),
        "jwt-audience-unchecked": (_audience,),
        "jwt-issuer-unchecked": (_issuer,),
        "jwt-expiry-unchecked": (_expiry,),
        "debug-on": (_turned_off("debug", "autoreload"),),
        "cookie-flags": (_cookie_flags,),
        "unsafe-yaml": (_safe_load,),
        "no-message-size-limit": (_setting(websocket_max_message_size=65_536),),
        "no-ping": (_setting(websocket_ping_interval=30),),
    }
)
"""Functions that fix the findings of a rule, by its slug."""
