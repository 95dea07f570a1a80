"""Unrealistic programs: real files with parts removed, doubled, swapped, renamed, and worse."""

import ast
import copy
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from audit_tests.project import REPOSITORY, TESTS

__all__ = ["HEAD", "HOSTILE", "mutated", "pool", "projects"]

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_NAME = re.compile(r"\b[A-Za-z_]\w+\b")

HEAD = "import tornado\nfrom tornado.websocket import WebSocketHandler\n"
HOSTILE = {
    "a base of itself": "class A(A, WebSocketHandler):\n    pass\n",
    "bases in a circle": """
class A(B, WebSocketHandler): pass
class B(C): pass
class C(A): pass
""",
    "an order that cannot be": """
class X: pass
class Y(X, WebSocketHandler): pass
class Z(WebSocketHandler, X): pass
class Door(Y, Z, X): pass
""",
    "a base in a call of itself": """
def make(base):
    class Door(make(base), WebSocketHandler):
        pass
    return make(Door)
Door = make(make(make))
class Other(Door, make(WebSocketHandler)): pass
""",
    "a decorator of itself": """
def deco(f):
    @deco
    def inner(*a, **k):
        return deco(inner)(*a, **k)
    return deco(inner)
class Door(WebSocketHandler):
    @deco
    @deco
    def get(self): return deco(self.get)(self)
    @deco
    def on_message(self, m): self.on_message(deco(m))
""",
    "a decorator of a class that makes classes": """
def deco(c):
    @deco
    class Inner(c, WebSocketHandler): pass
    return deco(Inner)
@deco
class Door(WebSocketHandler): pass
""",
    "a metaclass of itself": """
class Meta(type, metaclass=Meta):
    def __new__(mcs, n, b, d):
        d["get"] = Meta(n, b, d).get
        return Meta(n, b, d)
    def __init__(cls, *a): cls.prepare = Meta(*a)
class Door(WebSocketHandler, metaclass=Meta):
    def __init_subclass__(cls): cls.open = Door
class Deeper(Door): pass
""",
    "a property of itself": """
class Door(WebSocketHandler):
    @property
    def current_user(self): return self.current_user.current_user
    @property
    def p(self): return self.p or self.q
    @property
    def q(self): return self.p and self.q
    def __getattr__(self, name): return getattr(self, name)
    def prepare(self):
        if self.p or self.q or self.nobody: self.q()
""",
    "super in a circle": """
class Base(WebSocketHandler):
    def get(self): return Door.get(self)
    def check_origin(self, o): return super(Base, self).check_origin(o) or Door.check_origin(self, o)
class Door(Base):
    def get(self): return super().get() or super(Base, self).get()
    def check_origin(self, o): return super().check_origin(super().check_origin(o))
""",
    "names of themselves": """
a = b
b = a
c = c.d(c)[c]
e, f = f, e
g = lambda: g()
h = [h for h in h]
class Door(WebSocketHandler):
    a = a; b = lambda self: self.b()
    def check_origin(self, o): return a or b or c or e or f or g() or h or self.b()
""",
    "calls that double": """
def f0(x): return x
def f1(x): return f0(f0(x) or f0(x))
def f2(x): return f1(f1(x) or f1(x))
def f3(x): return f2(f2(x) or f2(x))
def f4(x): return f3(f3(x) or f3(x))
def f5(x): return f4(f4(x) or f4(x))
class Door(WebSocketHandler):
    def get(self):
        if f5(self.get_argument("t")) and f5(f5): return super().get()
    def check_origin(self, o): return f5(o) or f5(f5(o))
""",
    "choices that double": "class Door(WebSocketHandler):\n    def get(self):\n"
    + "".join(f"        if x{n}(): self.y{n} = {n}\n" for n in range(24))
    + "        return super().get()\n    def check_origin(self, o):\n"
    + "".join(f"        if o.endswith(x{n}): return y{n}\n" for n in range(24)),
    "loops in loops": "class Door(WebSocketHandler):\n    def on_message(self, m):\n"
    + "".join(f"{'    ' * (n + 2)}for x{n} in m if m else [m, m, m]:\n" for n in range(14))
    + "    " * 16
    + "self.write_message(eval(m))\n",
    "a large display": f"TABLE = {dict.fromkeys(range(6000), 'x')!r}\n"
    f"TEXT = {'x' * 200_000!r}\nNUMBER = {10**4000}\n"
    "class Door(WebSocketHandler):\n    def check_origin(self, o):\n"
    "        return o in TABLE or TEXT * NUMBER == o or o.startswith(TEXT) or 2 ** NUMBER ** NUMBER\n",
    "a pattern without an end": """
import re
class Door(WebSocketHandler):
    def check_origin(self, o): return re.match(r"^(a+)+$|(.*)*(.*)*x|((a|a)*)*b", o * 40)
""",
    "a deep expression": "class Door(WebSocketHandler):\n    def check_origin(self, o):\n        return "
    + "(o or " * 80
    + "o"
    + ")" * 80
    + "\n",
    "a deep chain": "class Door(WebSocketHandler):\n    def get(self): return self"
    + ".a().b[0]" * 90
    + "\n",
    "deep statements": "class Door(WebSocketHandler):\n    def open(self):\n"
    + "".join(f"{'    ' * (n + 2)}if x:\n" for n in range(18))
    + "    " * 20
    + "pass\n",
    "surrogates": "class Door(WebSocketHandler):\n    def check_origin(self, o):\n"
    "        return o == '\\ud800' or '\\udfff%s' % o in ['\\x00']\n",
    "imports in a circle": """
from one import *
from two import Door as Base
import one.two.one as two
from . import one
from ..... import elsewhere
class Door(Base, two.Door, one.one.one.Door, WebSocketHandler): pass
""",
}


# A program that has grown beyond this is left as it is: each change may double it.
_MOST_PLACES = 20_000


def pool() -> list[Path]:
    """Files that speak of handlers, none too long; those of the repository are in no source distribution."""
    found = [
        *sorted((TESTS / "auditor/rules").glob("*/*.py")),
        *sorted((REPOSITORY / "lab/threats").glob("*/*.py")),
        *sorted((REPOSITORY / "src/stormdoor/tornado").glob("*.py")),
    ]
    return [one for one in found if one.stat().st_size < 12_000]


def mutated(text: str, chance: random.Random) -> str:
    """The text after some changes; what comes out may or may not be Python."""
    for _ in range(chance.randrange(1, 5)):
        text = chance.choice(_CHANGES)(text, chance)
    return text


def _tokens(text: str, chance: random.Random) -> str:
    parts = _TOKEN.findall(text) or [text]
    for _ in range(chance.randrange(1, 6)):
        at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
        match chance.randrange(3):
            case 0:
                parts[at] = ""
            case 1:
                parts[at] *= chance.choice((2, 2, 3, 40))
            case _:
                parts[at], parts[other] = parts[other], parts[at]
    return "".join(parts)


def _lines(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randrange(1, 4)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(other, lines[at])
            case 2:
                lines[at] = "    " + lines[at]
            case _:
                lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
    return "\n".join(lines)


def _names(text: str, chance: random.Random) -> str:
    """One name gets the meaning of another, everywhere."""
    names = sorted(set(_NAME.findall(text))) or ["x"]
    old, new = chance.choice(names), chance.choice(names)
    return re.sub(rf"\b{old}\b", new, text)


def _hostile(text: str, chance: random.Random) -> str:
    """Its classes stand beside, or derive from, one that was made to be difficult."""
    other = HOSTILE[chance.choice(sorted(HOSTILE))]
    if chance.random() < 0.5:
        text = text.replace("(WebSocketHandler)", "(Door)").replace("WebSocketHandler):", "A):")
    return text + HEAD + other if chance.random() < 0.5 else HEAD + other + text


def _slots(tree: ast.AST, kind: type[ast.AST]) -> list[tuple[ast.AST, str, int]]:
    """Places that hold a node of this kind: its parent, the field, and the number in it, or -1."""
    return [
        (parent, name, at)
        for parent in ast.walk(tree)
        for name, value in ast.iter_fields(parent)
        for at, one in (enumerate(value) if isinstance(value, list) else [(-1, value)])
        if isinstance(one, kind)
    ]


def _nodes(text: str, chance: random.Random) -> str:
    """Statements and expressions are removed, doubled, swapped and put into one another."""
    try:
        tree = ast.parse(text)
        for _ in range(chance.randrange(1, 8)):
            places = _slots(tree, chance.choice((ast.expr, ast.expr, ast.stmt)))
            if 0 < len(places) < _MOST_PLACES:
                _change(places, chance)
        return ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, AttributeError, TypeError):
        return text


def _change(places: list[tuple[ast.AST, str, int]], chance: random.Random) -> None:
    (parent, name, at), (other, field, number) = chance.choice(places), chance.choice(places)
    held, mine = getattr(other, field), getattr(parent, name)
    # A copy: with the node itself what is put into its own inside would have no end.
    given = copy.deepcopy(held[number] if number >= 0 else held)
    if at < 0:
        setattr(parent, name, given)
        return
    match chance.randrange(4):
        case 0 if len(mine) > 1:
            del mine[at]
        case 1:
            mine.insert(at, copy.deepcopy(mine[at]))
        case _:
            mine[at] = given


def _nested(text: str, chance: random.Random) -> str:
    """An expression gets absurdly deep, or the whole stands in something."""
    depth = chance.choice((5, 50, 150))
    match chance.randrange(4):
        case 0:
            return text.replace("return ", "return " + "not " * depth, 1)
        case 1:
            return text.replace("self.", "(lambda s: s)(" * depth + "self" + ")" * depth + ".", 1)
        case 2:
            inner = "\n".join("    " + line for line in text.split("\n"))
            return f"def outer(self):\n{inner}\n    return outer(outer)\nouter(outer)\n"
        case _:
            inner = "\n".join("    " + line for line in text.split("\n"))
            return f"class Outer(Outer):\n{inner}\n"


def _bytes(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    odd = ("\0", "\f", "\r", "\ufeff", "é", "\u2028", "\\", "\t", "'''", "# coding: utf-7\n")
    return text[:at] + chance.choice(odd) + text[at:]


_CHANGES: list[Callable[[str, random.Random], str]] = [
    _tokens,
    _lines,
    _names,
    _hostile,
    _nodes,
    _nodes,
    _nested,
    _bytes,
]


def projects(chance: random.Random, files: list[Path]) -> Iterator[tuple[str, str]]:
    """Files of a small project, by name; some import one another."""
    names = chance.sample(["one", "two", "three"], chance.randrange(1, 4))
    for name in names:
        text = mutated(chance.choice(files).read_text(encoding="utf-8"), chance)
        if chance.random() < 0.5:
            other = chance.choice(names)
            text = f"from {other} import *\nfrom {other} import Door\nimport {other}\n{text}"
        yield f"{name}.py", f"# tornado\n{text}"
