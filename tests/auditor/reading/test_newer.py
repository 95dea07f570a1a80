"""Text of a Python that is newer than the one that scans is read, not skipped."""

import ast
import re
import sysconfig
from pathlib import Path

import pytest

from stormdoor.auditor.reading.newer import aged
from tests.auditor.sources import scene_of

SPELLINGS = {
    "def f[T: int, **P](x: T): ...": "def f             (x: T): ...",
    "class A[\n    T,\n](B): ...": "class A \\\n      \\\n (B): ...",
    "class A[T = int]:\n    async def g[*Ts](self): ...": (
        "class A         :\n    async def g     (self): ..."
    ),
    "type X = int": "X     = int",
    "if y:\n    type X[T] = list[T]": "if y:\n    X     [T] = list[T]",
    "type(x)": "type(x)",
    'x = f"{d["a"]}"': 'x = f"""{d["a"]}"""',
    "x = f'{d['a']!r:>{w['b']}}'": "x = f'''{d['a']!r:>{w['b']}}'''",
    'x = f"{f"{d["a"]}"}"': 'x = f"""{f\'\'\'{d["a"]}\'\'\'}"""',
    "x = f'{\", \".join(y)} {{' + '{'": "x = f'{\", \".join(y)} {{' + '{'",
    "x = f\"{'\\n'.join(y)}\\n\"": "x = f\"{'/n'.join(y)}\\n\"",
    'x = f"{\n  a  # why "not"\n}"': 'x = f"""{\n  a  \n}"""',
    'x = f"\\N{EM DASH}{d["a"]}"': 'x = f"""\\N{EM DASH}{d["a"]}"""',
    "x = t'<b>{name}</b>'": "x = f'<b>{name}</b>'",
    "try: ...\nexcept OSError, web.HTTPError: ...": "try: ...\nexcept (OSError, web.HTTPError): ...",
    "lazy import json\nlazy from a import b": "import json\nfrom a import b",
    '"""\ndef f[T](x): ...\n"""': '"""\ndef f[T](x): ...\n"""',
}


@pytest.mark.parametrize("new", SPELLINGS)
def test_a_spelling(new: str) -> None:
    """What came after 3.11 is rewritten, nothing else, and no line moves."""
    old = aged(new)
    assert old == SPELLINGS[new]
    assert old.count("\n") == new.count("\n")
    ast.parse(old)


def test_what_the_parser_reads_keeps_its_meaning() -> None:
    """Of the standard library, no file comes out as another program."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::4]
    assert len(files) > 20
    for file in files:
        text = file.read_text(encoding="utf-8")
        # In newer ones the rewriting may do what it is for.
        if re.search(r"^\s*type \w+|\b(?:def|class) \w+\[", text, re.MULTILINE) is None:
            assert ast.dump(ast.parse(aged(text))) == ast.dump(ast.parse(text)), file


@pytest.mark.parametrize(
    "unfinished", ['f"{', 'f"{x["', "f'''{{{", "class A[", "def f[T", 'f"\\N{', 't"{x:{']
)
def test_what_does_not_end_comes_to_an_end(unfinished: str) -> None:
    """A file that is cut off is refused by the parser, and not read for ever."""
    assert aged(unfinished).count("\n") == 0


def test_the_handler_of_a_newer_application_is_judged(tmp_path: Path) -> None:
    """An endpoint that this Python cannot parse is an endpoint, and its door is looked at."""
    new = """
        from tornado import web, websocket

        type Message = dict[str, str]

        class Base[T](websocket.WebSocketHandler):
            def check_origin(self, origin):
                return f"{self.settings["origin"]}" == origin

        class Open(Base[Message]):
            def on_message(self, message):
                room.say(message)

        class Guarded(Base[Message]):
            def prepare(self):
                try:
                    self.user = accounts.by_token(f"{self.request.headers["Authorization"]}")
                except KeyError, ValueError:
                    raise web.HTTPError(401)
                if self.user is None:
                    raise web.HTTPError(401)

            def on_message(self, message):
                room.say(message)

        web.Application([(r"/open", Open), (r"/guarded", Guarded)])
        """
    scene = scene_of(tmp_path, {"app.py": new})
    kinds = {one.info.name: one.authentication.kind for one in scene.endpoints}
    assert kinds["Open"] == "missing"
    assert kinds["Guarded"] == "guarded"
