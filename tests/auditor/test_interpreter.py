"""What the auditor works out of statements, expressions and calls: a check, and what looks like one.

Every case stands in a handler's `prepare`. Where it is a check, an anonymous client does not get past it.
"""

from pathlib import Path

import pytest

from tests.auditor.sources import states_of

FRAME = """
import fnmatch, re
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from urllib.parse import urlparse

WHO = None
NAMES = ['user', 'other']
NOBODY = 'guest'

class Forbidden(HTTPError):
    pass

class Gone(HTTPError):
    pass

class Asker:
    def __init__(self, who=None):
        self.who = who
    def __call__(self):
        if not self.who:
            raise HTTPError(401)
    @property
    def known(self):
        return self.who
    @staticmethod
    def refuse(who):
        if not who:
            raise HTTPError(401)
    @classmethod
    def of(cls, who):
        return cls(who)

class Strict(Asker):
    def __call__(self):
        super().__call__()

class Lax(Asker):
    def __call__(self):
        pass

def demand(who, *more, strict=True, **others):
    if strict and not who:
        raise HTTPError(401)

class Door(WebSocketHandler):
    def get_current_user(self):
        return self.get_signed_cookie('user')
    async def prepare(self):
{}
    def on_message(self, message):
        self.write_message(message)
"""

REFUSE = "if not {}:\n    raise HTTPError(401)"


def _refuse(before: str, value: str) -> str:
    return f"{before}\n{REFUSE.format(value)}"


TRUE = {
    "addition": "1 + 1 == 2",
    "subtraction": "3 - 1 == 2",
    "multiplication": "2 * 3 == 6",
    "negative": "-1 < 0",
    "concatenation": "'a' + 'b' == 'ab'",
    "format with %": "'%s-%s' % ('a', 1) == 'a-1'",
    "format of one with %": "'%d' % 3 == '3'",
    "f-string": "f'{1}-a' == '1-a'",
    "format": "'{}-{}'.format('a', 'b') == 'a-b'",
    "chain": "1 < 2 < 3",
    "at most": "2 <= 2",
    "at least": "2 >= 2",
    "is": "None is None",
    "is not": "1 is not None",
    "in a list": "'a' in ['a', 'b']",
    "not in a list": "'c' not in ['a', 'b']",
    "in a text": "'a' in 'cab'",
    "not in a text": "'d' not in 'cab'",
    "in a dictionary": "'a' in {'a': 1}",
    "equal tuples": "(1, 2) == (1, 2)",
    "unequal tuples": "(1, 2) != (1, 3)",
    "empty list": "not []",
    "empty dictionary": "not {}",
    "full list": "[1]",
    "slice": "'user'[:2] == 'us'",
    "slice with a step": "'abcd'[::2] == 'ac'",
    "letter": "'user'[0] == 'u'",
    "last item": "[1, 2][-1] == 2",
    "lower": "'A'.lower() == 'a'",
    "strip": "' a '.strip() == 'a'",
    "starts with": "'https://a'.startswith(('http://', 'https://'))",
    "ends with": "'a.example'.endswith('.example')",
    "split": "'a,b'.split(',')[1] == 'b'",
    "partition": "'a:b'.partition(':')[2] == 'b'",
    "join": "'-'.join(['a', 'b']) == 'a-b'",
    "replace": "'aa'.replace('a', 'b') == 'bb'",
    "encode": "'a'.encode() == 'a'.encode()",
    "len of a list": "len([1, 2]) == 2",
    "len of a text": "len('ab') == 2",
    "bool of a list": "bool([1])",
    "bool of a text": "bool('a')",
    "bool of a dictionary": "bool({'a': 1})",
    "str": "str(1) == '1'",
    "any": "any([False, True])",
    "all": "all([True, True])",
    "any of a comprehension": "any(n == 'b' for n in ['a', 'b'])",
    "list": "list((1, 2))[1] == 2",
    "reversed": "list(reversed([1, 2]))[0] == 2",
    "zip of lists": "list(zip([1], [2]))[0][1] == 2",
    "zip of texts": "all(a == b for a, b in zip('ab', 'ab'))",
    "empty set": "not set()",
    "pattern": "re.match('a+', 'aa')",
    "compiled pattern": "re.compile('^a$').match('a')",
    "pattern that finds nothing": "re.search('b', 'a') is None",
    "group": "re.match('a(b)', 'ab').group(0) == 'ab'",
    "wildcard": "fnmatch.fnmatch('a.example', '*.example')",
    "address": "urlparse('https://a.example:81/x').hostname == 'a.example'",
    "scheme": "urlparse('https://a.example').scheme == 'https'",
    "address as it was": "urlparse('https://a').geturl() == 'https://a'",
    "class name": "Asker.__name__ == 'Asker'",
    "dict": "dict({'a': 1}, b=2)['b'] == 2",
    "get of a dictionary": "{'a': 1}.get('a') == 1",
    "default of get": "{'a': 1}.get('b', 2) == 2",
    "nothing of get": "{'a': 1}.get('b') is None",
    "values": "list({'a': 1}.values())[0] == 1",
    "keys": "list({'a': 1}.keys())[0] == 'a'",
    "items": "list({'a': 1}.items())[0][1] == 1",
    "joined lists": "([1] + [2])[1] == 2",
    "comprehension": "[n for n in ['a', 'b'] if n != 'a'][0] == 'b'",
    "conditional": "(1 if True else 2) == 1",
    "walrus": "(n := 3) == 3",
    "object": "Asker is not None",
    "callable": "callable(demand)",
    "method of the request": "self.request.method == 'GET'",
    "or": "(None or 'a') == 'a'",
    "and": "('a' and 'b') == 'b'",
}

PAIRS = {
    # statements
    "assert": ("assert self.current_user", "assert self.request"),
    "assert false": ("assert self.current_user, 'who?'", "assert True, 'who?'"),
    "if not annotated": (
        _refuse("user: str\nuser = self.current_user", "user"),
        _refuse("user: str = 'a'", "user"),
    ),
    "unpacked star": (
        _refuse("user, *others = [self.current_user]", "user"),
        _refuse("user, other = 'a', self.current_user", "user"),
    ),
    "unpacked nobody": (
        _refuse("user, other = db.verify_token(self.get_argument('token'))", "user"),
        _refuse("user, other = db.defaults()", "NAMES"),
    ),
    "global": (
        _refuse("global WHO\nWHO = self.current_user", "WHO"),
        _refuse("global WHO\nWHO = ['guest']", "WHO"),
    ),
    "nonlocal": (
        _refuse(
            "user = 'a'\ndef ask():\n    nonlocal user\n    user = self.current_user\nask()", "user"
        ),
        _refuse("user = 'a'\ndef ask():\n    user = self.current_user\nask()", "user"),
    ),
    "augmented": (
        _refuse("held = []\nheld += [self.current_user]", "held[0]"),
        _refuse("held = ['a']\nheld += [self.current_user]", "held[0]"),
    ),
    "augmented in place": (
        _refuse("self.held = []\nself.held += [self.current_user]", "self.held[0]"),
        _refuse("self.held = ['a']\nself.held += [self.current_user]", "self.held[0]"),
    ),
    "item assigned": (
        _refuse("held = {}\nheld['user'] = self.current_user", "held['user']"),
        _refuse("held = {}\nheld['user'] = 'a'", "held['user']"),
    ),
    "deleted": (
        _refuse("WHO = 'a'\ndel WHO\nuser = self.current_user", "user"),
        _refuse("user = self.current_user\ndel user\nuser = 'a'", "user"),
    ),
    "import": (
        "from tornado.web import HTTPError as Refused\nif not self.current_user:\n    raise Refused(401)",
        "from tornado.web import HTTPError as Refused\nif not NAMES:\n    raise Refused(401)",
    ),
    "class in a function": (
        "class Own(Asker):\n    pass\nOwn(self.current_user)()",
        "class Own(Asker):\n    def __call__(self):\n        pass\nOwn(self.current_user)()",
    ),
    "class of a base in a name": (
        "base = Strict\nclass Own(base):\n    pass\nOwn(self.current_user)()",
        "base = Lax\nclass Own(base):\n    pass\nOwn(self.current_user)()",
    ),
    "except what is raised": (
        "try:\n    {'a': 1}['b']\nexcept KeyError:\n    demand(self.current_user)",
        "try:\n    {'a': 1}['a']\nexcept KeyError:\n    demand(self.current_user)",
    ),
    "except its parent": (
        "try:\n    [1][3]\nexcept LookupError:\n    demand(self.current_user)",
        "try:\n    [1][0]\nexcept LookupError:\n    demand(self.current_user)",
    ),
    "except of several": (
        "try:\n    'a'[3]\nexcept (KeyError, IndexError):\n    demand(self.current_user)",
        "try:\n    'a'[3]\nexcept (KeyError, IndexError):\n    pass\nexcept Exception:\n"
        "    demand(self.current_user)",
    ),
    "except what None has not": (
        "held = None\ntry:\n    held['a']\nexcept TypeError:\n    demand(self.current_user)",
        "held = {'a': 1}\ntry:\n    held['a']\nexcept TypeError:\n    demand(self.current_user)",
    ),
    "raised again": (
        "try:\n    demand(self.current_user)\nexcept HTTPError as error:\n    raise error",
        "try:\n    demand(self.current_user)\nexcept HTTPError as error:\n    print(error)",
    ),
    "raised on": (
        "try:\n    demand(self.current_user)\nexcept Exception:\n    self.set_status(401)\n    raise",
        "try:\n    demand(self.current_user)\nexcept Exception:\n    self.set_status(401)",
    ),
    "finally that returns": (
        "try:\n    demand(self.current_user)\nfinally:\n    print('asked')",
        "try:\n    demand(self.current_user)\nexcept HTTPError:\n    print('no')\nfinally:\n    print('asked')",
    ),
    "finally and raise": (
        "try:\n    raise KeyError('a')\nexcept ValueError:\n    pass\nfinally:\n"
        "    demand(self.current_user)",
        "try:\n    raise KeyError('a')\nexcept KeyError:\n    pass\nfinally:\n    demand('a')",
    ),
    "suppress of something else": (
        "with suppress(KeyError):\n    pass\ndemand(self.current_user)",
        "with suppress(Exception):\n    demand(self.current_user)",
    ),
    "with as": (
        "with Asker(self.current_user) as asker:\n    asker()",
        "with Lax(self.current_user) as asker:\n    asker()",
    ),
    "raise of a class": (
        "if not self.current_user:\n    raise HTTPError",
        "if not self.current_user:\n    raise gen.Return",
    ),
    "raise of a class of its own": (
        "if not self.current_user:\n    raise Forbidden(403)",
        "if not self.current_user:\n    raise gen.Return(None)",
    ),
    "match of a text": (
        "match 'a':\n    case 'b':\n        pass\n    case 'a':\n        demand(self.current_user)",
        "match 'a':\n    case 'b':\n        demand(self.current_user)\n    case 'a':\n        pass",
    ),
    "match of several": (
        "match 'a':\n    case 'b' | 'a':\n        demand(self.current_user)",
        "match 'a':\n    case 'b' | 'c':\n        demand(self.current_user)",
    ),
    "match with a guard": (
        "match 'a':\n    case 'a' if True:\n        demand(self.current_user)",
        "match 'a':\n    case 'a' if False:\n        demand(self.current_user)",
    ),
    "match that names": (
        "match self.current_user:\n    case user:\n        demand(user)",
        "match 'a':\n    case user:\n        demand(user)",
    ),
    "match of True": (
        "match bool(NAMES):\n    case True | False:\n        pass\ndemand(self.current_user)",
        "match True:\n    case False:\n        demand(self.current_user)",
    ),
    "match of a shape": (
        "match self.current_user:\n    case {'name': name, **more}:\n        pass\n    case _:\n"
        "        raise HTTPError(401)",
        "match self.current_user:\n    case [name, *more]:\n        raise HTTPError(401)\n    case _:\n"
        "        pass",
    ),
    "while and break": (
        "while True:\n    demand(self.current_user)\n    break",
        "while True:\n    break\n    demand(self.current_user)",
    ),
    "while and continue": (
        "again = True\nwhile again:\n    again = False\n    demand(self.current_user)\n    continue",
        "again = True\nwhile again:\n    again = False\n    continue\n    demand(self.current_user)",
    ),
    "else of while": (
        "while False:\n    pass\nelse:\n    demand(self.current_user)",
        "while True:\n    break\nelse:\n    demand(self.current_user)",
    ),
    "else after break": (
        "for n in ('a',):\n    continue\nelse:\n    demand(self.current_user)",
        "for n in ('a',):\n    break\nelse:\n    demand(self.current_user)",
    ),
    "for over keys": (
        "for name in {'user': 1}:\n    demand(self.get_signed_cookie(name))",
        "for name in {}:\n    demand(self.get_signed_cookie(name))",
    ),
    "for over letters": (
        "for name in 'u':\n    demand(self.get_signed_cookie(name))",
        "for name in []:\n    demand(self.get_signed_cookie(name))",
    ),
    "for over rows": (
        "for name, other in [('a', self.current_user)]:\n    demand(other)",
        "for name, other in [('a', self.current_user)]:\n    demand(name)",
    ),
    # what is refused, of what cannot be resolved
    "401 of something": (
        "entry = db.fetch('entry')\nif not entry:\n    raise HTTPError(403)",
        "entry = db.fetch('entry')\nif not entry:\n    raise HTTPError(400)",
    ),
    "nothing else of something": (
        "entry = db.fetch('entry')\nif entry:\n    return\nraise HTTPError(403)",
        "entry = db.fetch('entry')\nif entry:\n    return\nprint('no')",
    ),
    "else of something": (
        "entry = db.fetch('entry')\nif entry:\n    pass\nelse:\n    raise HTTPError(401)",
        "entry = db.fetch('entry')\nif entry:\n    pass\nelse:\n    raise HTTPError(404)",
    ),
    "status of something": (
        "entry = db.fetch('entry')\nif not entry:\n    self.set_status(HTTPStatus.FORBIDDEN)\n    self.finish()\n    return",
        "entry = db.fetch('entry')\nif not entry:\n    self.set_status(HTTPStatus.NOT_FOUND)\n    self.finish()\n    return",
    ),
    "login page": (
        "entry = db.fetch('entry')\nif not entry:\n    self.redirect('/login')\n    return",
        "entry = db.fetch('entry')\nif not entry:\n    self.redirect('/home')\n    return",
    ),
    "returned login page": (
        "entry = db.fetch('entry')\nif not entry:\n    return self.redirect('/login')",
        "entry = db.fetch('entry')\nif not entry:\n    return self.redirect('/home')",
    ),
    "sent error": (
        "entry = db.fetch('entry')\nif not entry:\n    return self.send_error(status_code=403)",
        "entry = db.fetch('entry')\nif not entry:\n    return self.send_error(status_code=404)",
    ),
    "named error": (
        "entry = db.fetch('entry')\nif not entry:\n    raise Forbidden()",
        "entry = db.fetch('entry')\nif not entry:\n    raise Gone()",
    ),
    "told": (
        "entry = db.fetch('entry')\nif not entry:\n    self.write('not logged in')\n    self.finish()\n    return",
        "entry = db.fetch('entry')\nif not entry:\n    self.write('come back')\n    self.finish()\n    return",
    ),
    # expressions
    "star in a list": (
        _refuse("held = [*(self.current_user, 1)]", "held[0]"),
        _refuse("held = [*('a', 1), self.current_user]", "held[0]"),
    ),
    "star of a dictionary": (
        _refuse("held = {**{'user': self.current_user}}", "held['user']"),
        _refuse("held = {'user': self.current_user, **{'user': 'a'}}", "held['user']"),
    ),
    "comprehension": (
        _refuse("held = [self.get_signed_cookie(n) for n in ('a',)]", "held[0]"),
        _refuse("held = [n for n in ('a',)]", "held[0]"),
    ),
    "all": (
        "if not all([self.current_user, 'a']):\n    raise HTTPError(401)",
        "if not all(['b', 'a']):\n    raise HTTPError(401)",
    ),
    "any": (
        "if not any([self.current_user]):\n    raise HTTPError(401)",
        "if not any([self.current_user, 'a']):\n    raise HTTPError(401)",
    ),
    "part of nobody": (
        "name = self.current_user['name']",
        "name = {'name': 'a'}['name']",
    ),
    "attribute of nobody": ("name = self.current_user.name", "name = NAMES.name"),
    "nobody read": ("who = json.loads(self.current_user)", "who = json.loads('{}')"),
    "nobody compared": (
        "if self.current_user == 'admin':\n    return\nraise HTTPError(401)",
        "if self.current_user != 'admin':\n    return\nraise HTTPError(401)",
    ),
    "nobody in a list": (
        "if self.current_user not in NAMES:\n    raise HTTPError(401)",
        "if self.current_user in NAMES:\n    raise HTTPError(401)",
    ),
    "nobody is nothing": (
        "if self.current_user is not None:\n    return\nraise HTTPError(401)",
        "if self.current_user is not None:\n    raise HTTPError(401)",
    ),
    "under nobody": (
        _refuse("who = sessions[self.current_user]", "who"),
        _refuse("who = {'a': 1}['a']", "who"),
    ),
    "credential compared": (
        "if self.get_argument('token') != self.settings['token']:\n    raise HTTPError(401)",
        "if self.get_argument('token') != self.get_argument('again'):\n    raise HTTPError(400)",
    ),
    "credential and constant": (
        "if self.get_argument('token') != 's3cret-of-ours':\n    raise HTTPError(401)",
        "if self.get_argument('auth') == '':\n    raise HTTPError(400)",
    ),
    "credential among those known": (
        "if self.get_argument('token') not in self.settings['tokens']:\n    raise HTTPError(401)",
        "if self.get_argument('token') not in self.get_arguments('tokens'):\n    raise HTTPError(400)",
    ),
    "credential looked up": (
        "who = sessions[self.get_argument('token')]",
        "who = sessions.keys()",
    ),
    "credential in constant time": (
        "if not hmac.compare_digest(self.get_argument('token'), self.settings['token']):\n"
        "    raise HTTPError(401)",
        "hmac.compare_digest(self.get_argument('token'), self.settings['token'])",
    ),
    "token": (
        "jwt.decode(self.get_argument('token'), self.settings['key'], algorithms=['HS256'])",
        "jwt.decode(self.get_argument('token'), options={'verify_signature': False})",
    ),
    "old token": (
        "jwt.decode(self.get_argument('token'), self.settings['key'])",
        "jwt.decode(self.get_argument('token'), verify=False)",
    ),
    "token and its exception": (
        "try:\n    jwt.decode(self.get_argument('token'), self.settings['key'])\n"
        "except jwt.InvalidTokenError:\n    raise HTTPError(401)",
        "try:\n    jwt.decode(self.get_argument('token'), self.settings['key'])\n"
        "except jwt.PyJWTError:\n    pass",
    ),
    # calls
    "star of arguments": (
        "demand(*[self.current_user])",
        "demand(*['a', self.current_user])",
    ),
    "arguments by name": (
        "demand(**{'who': self.current_user})",
        "demand(**{'who': 'a', 'user': self.current_user})",
    ),
    "argument with a default": (
        "demand(self.current_user)",
        "demand(self.current_user, strict=False)",
    ),
    "partial with names": (
        "partial(demand, who=self.current_user)()",
        "partial(demand, strict=False)(self.current_user)",
    ),
    "partial not called": (
        "partial(demand)(self.current_user)",
        "partial(demand, self.current_user)",
    ),
    "object called": ("Asker(self.current_user)()", "Asker(self.current_user)"),
    "super": ("Strict(self.current_user)()", "Lax(self.current_user)()"),
    "static method": ("Asker.refuse(self.current_user)", "Asker.refuse('a')"),
    "class method": ("Asker.of(self.current_user)()", "Asker.of('a')()"),
    "property": (
        REFUSE.format("Asker(self.current_user).known"),
        REFUSE.format("Asker('a').known"),
    ),
    "class of an object": (
        "Asker('a').__class__(self.current_user)()",
        "Asker(self.current_user).__class__('a')()",
    ),
    "awaited": (
        "async def ask():\n    demand(self.current_user)\nawait ask()",
        "async def ask():\n    demand(self.current_user)\nask()",
    ),
    "waited for": (
        "async def ask():\n    demand(self.current_user)\nawait asyncio.wait_for(ask(), 3)",
        "async def ask():\n    demand(self.current_user)\nasyncio.create_task(ask())",
    ),
    "gathered": (
        "async def ask():\n    return self.current_user\nuser, n = await asyncio.gather(ask(), ask())\n"
        "demand(user)",
        "async def ask():\n    demand(self.current_user)\nasyncio.ensure_future(ask())",
    ),
    "in a thread": (
        "await asyncio.to_thread(demand, self.current_user)",
        "asyncio.get_event_loop().call_soon(demand, self.current_user)",
    ),
    "in an executor": (
        "loop = asyncio.get_event_loop()\nawait loop.run_in_executor(None, demand, self.current_user)",
        "loop = asyncio.get_event_loop()\nloop.call_later(1, demand, self.current_user)",
    ),
    "decorated": (
        "def asks(function):\n    @functools.wraps(function)\n    def inner(*args):\n"
        "        demand(self.current_user)\n        return function(*args)\n    return inner\n"
        "@asks\ndef go():\n    pass\ngo()",
        "def asks(function):\n    @functools.wraps(function)\n    def inner(*args):\n"
        "        return function(*args)\n    return inner\n@asks\ndef go():\n    pass\ngo()",
    ),
    "set by name": (
        _refuse("setattr(self, 'who', self.current_user)", "self.who"),
        _refuse("setattr(self, 'who', 'a')", "self.who"),
    ),
    "asked by name": (
        REFUSE.format("getattr(Asker(self.current_user), 'who', 'a')"),
        REFUSE.format("getattr(Asker(self.current_user), 'whom', 'a')"),
    ),
    "attribute of a function": (
        _refuse("def ask():\n    pass\nask.who = self.current_user", "ask.who"),
        _refuse("def ask():\n    pass\nask.who = 'a'", "ask.who"),
    ),
    "appended": (
        _refuse("held = []\nheld.append(self.current_user)", "held[0]"),
        _refuse("held = ['a']\nheld.append(self.current_user)", "held[0]"),
    ),
    "taken from a dictionary": (
        REFUSE.format("{'user': self.current_user}.get('user')"),
        REFUSE.format("{'user': self.current_user}.get('name', 'a')"),
    ),
    "verified elsewhere": (
        "if not clients.verify_token(self.get_argument('token')):\n    raise HTTPError(401)",
        "clients.log(self.get_argument('token'))",
    ),
    "certificate": (
        REFUSE.format("self.request.get_ssl_certificate()"),
        REFUSE.format("self.request.remote_ip"),
    ),
    "signed value": (
        REFUSE.format(
            "web.decode_signed_value(self.settings['key'], 'user', self.get_cookie('user'))"
        ),
        REFUSE.format("self.get_cookie('user')"),
    ),
    "finished with an error": (
        "if not self.current_user:\n    self.send_error(401)\n    return",
        "if not self.current_user:\n    self.set_header('X-Who', 'nobody')\n    return",
    ),
}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the auditor says of each case: one scan for all."""
    bodies = {f"{name}: check": check for name, (check, _) in PAIRS.items()}
    bodies |= {f"{name}: none": none for name, (_, none) in PAIRS.items()}
    for name, condition in TRUE.items():
        for kind, test in (("holds", condition), ("fails", f"not ({condition})")):
            bodies[f"{name}: {kind}"] = f"if {test}:\n    demand(self.current_user)"
    return states_of(Path(tmp_path_factory.mktemp("cases")), bodies, FRAME)


@pytest.mark.parametrize("name", PAIRS)
def test_a_check_and_what_looks_like_one(states: dict[str, str], name: str) -> None:
    """The one refuses whoever has proven nothing, the other lets everybody in."""
    assert (states[f"{name}: check"], states[f"{name}: none"]) == ("guarded", "missing")


@pytest.mark.parametrize("name", TRUE)
def test_a_condition_that_always_holds(states: dict[str, str], name: str) -> None:
    """What is known from the source is worked out: a check under it is one, under its opposite none."""
    assert (states[f"{name}: holds"], states[f"{name}: fails"]) == ("guarded", "missing")
