"""Files of the program that a message writes anew."""

import ast
from functools import lru_cache

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Value, labels_of, text_of
from stormdoor.auditor.naming import lexicon

__all__ = ["overwrites"]

_INTO_FILE = frozenset({"write", "writelines"})
_OF_PATH = frozenset({"write_bytes", "write_text"})
_DUMPS = frozenset({"dump", "safe_dump"})


def overwrites(event: Event) -> bool:
    """`open("config.json", "w").write(message)`, `json.dump(data, file)`: the file is what the message says.

    What is appended is a log, and what has a name of its own is added to others.
    """
    name = (lexicon.chain_of(event.text) or [""])[-1]
    said, file = (event.values[:1], event.receiver)
    if event.kind == "call" and name in _DUMPS and len(event.values) > 1:
        file = event.values[1]
    elif not (
        (event.kind == "call" and name in _INTO_FILE) or (event.kind == "act" and name in _OF_PATH)
    ):
        return False
    if file is None or "message" not in labels_of(*said) or _is_made_up(file):
        return False
    return _is_written_anew(text_of(file), path=name in _OF_PATH)


def _is_made_up(file: Value) -> bool:
    """Whether its name is another each time, or the message says it, which is a matter of its own."""
    return bool(labels_of(file) & {"answer", "client", "principal", "self"})


@lru_cache(maxsize=1024)
def _is_written_anew(text: str, *, path: bool) -> bool:
    """Whether a file is opened by a name that stands in the source, and what was in it is gone."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return False
    match node:
        case ast.Call(
            func=ast.Name(id="open") | ast.Attribute(attr="open"),
            args=[name, ast.Constant(value=str() as mode), *_],
        ) if not path:
            return mode.startswith("w") and _ends_in_text(name)
        case _:
            return path and _ends_in_text(node)


def _ends_in_text(node: ast.expr) -> bool:
    """`"config.json"`, `os.path.join(FOLDER, "config.json")`, `pathlib.Path("config.json")`."""
    match node:
        case ast.Constant(value=str()):
            return True
        case ast.Call(args=[*_, last]) | ast.BinOp(op=ast.Div() | ast.Add(), right=last):
            return _ends_in_text(last)
        case _:
            return False
