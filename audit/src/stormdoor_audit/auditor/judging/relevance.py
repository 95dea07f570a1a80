"""The path of a field in what the client sent."""

import ast
from functools import lru_cache

__all__ = ["path_of"]

_Path = tuple[str | int, ...]


@lru_cache(maxsize=4096)
def path_of(text: str) -> _Path:
    """`data["room"].get("id")` as `room`, `id`; a name or an argument as itself; () for all else."""
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    path: list[str | int] = []
    while True:
        match node:
            case ast.Subscript(value=inner, slice=ast.Constant(value=str() | int() as key)):
                path.append(key)
            case ast.Call(
                func=ast.Attribute(value=inner, attr="get" | "pop"),
                args=[ast.Constant(value=str() as key), *_],
            ):
                path.append(key)
            case ast.Attribute(value=inner, attr=key):
                path.append(key)
            case ast.Call(func=ast.Name(id="float" | "int" | "str"), args=[inner]):
                pass
            case ast.Call(
                func=ast.Name(id="get_argument" | "get_query_argument"),
                args=[ast.Constant(value=str() as key), *_],
            ):
                return (key, *reversed(path))
            case ast.Name(id=name):
                return tuple(reversed(path)) or (name,)
            case ast.Call(func=ast.Attribute(attr="loads" | "json_decode")):
                return tuple(reversed(path))
            case _:
                return ()
        node = inner
