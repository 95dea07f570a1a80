"""What the auditor works out of statements: a check, and what looks like one."""

import pytest

from audit_tests.auditor.interpreted import verdicts_of

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-statements")

PAIRS = {
    "assert": (
        "assert self.current_user",
        "assert self.request",
    ),
    "assert false": (
        "assert self.current_user, 'who?'",
        "assert True, 'who?'",
    ),
    "if not annotated": (
        "user: str\nuser = self.current_user\nif not user:\n    raise HTTPError(401)",
        "user: str = 'a'\nif not user:\n    raise HTTPError(401)",
    ),
    "unpacked star": (
        "user, *others = [self.current_user]\nif not user:\n    raise HTTPError(401)",
        "user, other = 'a', self.current_user\nif not user:\n    raise HTTPError(401)",
    ),
    "unpacked nobody": (
        (
            "user, other = db.verify_token(self.get_argument('token'))\nif not user:\n"
            "    raise HTTPError(401)"
        ),
        "user, other = db.defaults()\nif not NAMES:\n    raise HTTPError(401)",
    ),
    "global": (
        "global WHO\nWHO = self.current_user\nif not WHO:\n    raise HTTPError(401)",
        "global WHO\nWHO = ['guest']\nif not WHO:\n    raise HTTPError(401)",
    ),
    "nonlocal": (
        (
            "user = 'a'\ndef ask():\n    nonlocal user\n    user = self.current_user\nask()\n"
            "if not user:\n    raise HTTPError(401)"
        ),
        (
            "user = 'a'\ndef ask():\n    user = self.current_user\nask()\nif not user:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "augmented": (
        "held = []\nheld += [self.current_user]\nif not held[0]:\n    raise HTTPError(401)",
        "held = ['a']\nheld += [self.current_user]\nif not held[0]:\n    raise HTTPError(401)",
    ),
    "augmented in place": (
        (
            "self.held = []\nself.held += [self.current_user]\nif not self.held[0]:\n"
            "    raise HTTPError(401)"
        ),
        (
            "self.held = ['a']\nself.held += [self.current_user]\nif not self.held[0]:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "item assigned": (
        (
            "held = {}\nheld['user'] = self.current_user\nif not held['user']:\n"
            "    raise HTTPError(401)"
        ),
        "held = {}\nheld['user'] = 'a'\nif not held['user']:\n    raise HTTPError(401)",
    ),
    "deleted": (
        "WHO = 'a'\ndel WHO\nuser = self.current_user\nif not user:\n    raise HTTPError(401)",
        "user = self.current_user\ndel user\nuser = 'a'\nif not user:\n    raise HTTPError(401)",
    ),
    "import": (
        (
            "from tornado.web import HTTPError as Refused\nif not self.current_user:\n"
            "    raise Refused(401)"
        ),
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
        (
            "try:\n    'a'[3]\nexcept (KeyError, IndexError):\n    pass\nexcept Exception:\n"
            "    demand(self.current_user)"
        ),
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
        (
            "try:\n    demand(self.current_user)\nexcept Exception:\n    self.set_status(401)\n"
            "    raise"
        ),
        "try:\n    demand(self.current_user)\nexcept Exception:\n    self.set_status(401)",
    ),
    "finally that returns": (
        "try:\n    demand(self.current_user)\nfinally:\n    print('asked')",
        (
            "try:\n    demand(self.current_user)\nexcept HTTPError:\n    print('no')\nfinally:\n"
            "    print('asked')"
        ),
    ),
    "finally and raise": (
        (
            "try:\n    raise KeyError('a')\nexcept ValueError:\n    pass\nfinally:\n"
            "    demand(self.current_user)"
        ),
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
        (
            "match self.current_user:\n    case {'name': name, **more}:\n        pass\n    case _:\n"
            "        raise HTTPError(401)"
        ),
        (
            "match self.current_user:\n    case [name, *more]:\n        raise HTTPError(401)\n"
            "    case _:\n        pass"
        ),
    ),
    "while and break": (
        "while True:\n    demand(self.current_user)\n    break",
        "while True:\n    break\n    demand(self.current_user)",
    ),
    "while and continue": (
        (
            "again = True\nwhile again:\n    again = False\n    demand(self.current_user)\n"
            "    continue"
        ),
        (
            "again = True\nwhile again:\n    again = False\n    continue\n"
            "    demand(self.current_user)"
        ),
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
        (
            "entry = db.fetch('entry')\nif not entry:\n    self.set_status(HTTPStatus.FORBIDDEN)\n"
            "    self.finish()\n    return"
        ),
        (
            "entry = db.fetch('entry')\nif not entry:\n    self.set_status(HTTPStatus.NOT_FOUND)\n"
            "    self.finish()\n    return"
        ),
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
        (
            "entry = db.fetch('entry')\nif not entry:\n    self.write('not logged in')\n"
            "    self.finish()\n    return"
        ),
        (
            "entry = db.fetch('entry')\nif not entry:\n    self.write('come back')\n"
            "    self.finish()\n    return"
        ),
    ),
    "for over rows that are not known": (
        (
            "for one in db.rows():\n    if one:\n        raise HTTPError(400)\nelse:\n"
            "    demand(self.current_user)"
        ),
        "for one in db.rows():\n    demand(self.current_user)\n    return",
    ),
    "while nobody": (
        "while not self.current_user:\n    raise HTTPError(401)",
        "while self.current_user:\n    demand(self.current_user)",
    ),
    "class of two bases": (
        "base = Strict\nclass Own(base, RequestHandler):\n    pass\nOwn(self.current_user)()",
        "base = Lax\nclass Own(base, RequestHandler):\n    pass\nOwn(self.current_user)()",
    ),
    "docstring": (
        "'''Ask.'''\ndemand(self.current_user)",
        "'''demand(self.current_user)'''",
    ),
    "no case fits": (
        "match 1:\n    case 2:\n        pass\ndemand(self.current_user)",
        "match 1:\n    case 2:\n        demand(self.current_user)",
    ),
    "while that ends": (
        "n = 'a'\nwhile n:\n    n = db.next()\ndemand(self.current_user)",
        "n = ''\nwhile n:\n    demand(self.current_user)",
    ),
    "raise of a class made here": (
        "if not self.current_user:\n    raise Forbidden",
        "if self.current_user:\n    raise Forbidden",
    ),
    "finally and break": (
        "for n in 'a':\n    try:\n        break\n    finally:\n        demand(self.current_user)",
        (
            "for n in 'a':\n    try:\n        break\n    finally:\n        pass\n"
            "    demand(self.current_user)"
        ),
    ),
    "except in except": (
        (
            "try:\n    try:\n        raise KeyError\n    except KeyError:\n        try:\n"
            "            demand(self.current_user)\n        except HTTPError:\n            raise\n"
            "finally:\n    pass"
        ),
        (
            "try:\n    try:\n        raise KeyError\n    except KeyError:\n        try:\n"
            "            raise ValueError\n        except ValueError:\n            pass\n"
            "        raise\nexcept KeyError:\n    pass"
        ),
    ),
    "suppress of a token's exception": (
        (
            "with suppress(HTTPError):\n    pass\ntry:\n"
            "    jwt.decode(self.get_argument('token'), 'k')\nexcept HTTPError:\n    pass"
        ),
        "with suppress(jwt.InvalidTokenError):\n    jwt.decode(self.get_argument('token'), 'k')",
    ),
    "star among targets": (
        (
            "for one, *more in [(1, 2, self.current_user)]:\n    user = more\n"
            "if not self.current_user:\n    raise HTTPError(401)"
        ),
        "for one, *more in [(1, 2)]:\n    user = more\nif not [1]:\n    raise HTTPError(401)",
    ),
    "nonlocal of two": (
        (
            "user = 'a'\ndef outer():\n    def ask():\n        nonlocal user\n"
            "        user = self.current_user\n    ask()\nouter()\nif not user:\n"
            "    raise HTTPError(401)"
        ),
        (
            "user = 'a'\ndef outer():\n    user = 'b'\n    def ask():\n        nonlocal user\n"
            "        user = self.current_user\n    ask()\nouter()\nif not user:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "put into a module": (
        (
            "import app_state\napp_state.who = self.current_user\nif not self.current_user:\n"
            "    raise HTTPError(401)"
        ),
        "db.who = self.current_user\nif not 'a':\n    raise HTTPError(401)",
    ),
    "item with a key that is not known": (
        "held = {}\nheld[db.key()] = 1\nif not self.current_user:\n    raise HTTPError(401)",
        "held = ['a']\nheld[0] = self\nif not [1]:\n    raise HTTPError(401)",
    ),
    "item augmented": (
        "held = {'n': 1}\nheld['n'] += 1\nif not self.current_user:\n    raise HTTPError(401)",
        "held = {'n': 1}\nheld['n'] += 1\nif not held:\n    raise HTTPError(401)",
    ),
    "number augmented": (
        "n = 1\nn += 1\nif not self.current_user:\n    raise HTTPError(401)",
        "n = 'a'\nn += self.request.path\nif not 'a':\n    raise HTTPError(401)",
    ),
    "item deleted": (
        "held = {'n': 1}\ndel held['n']\nif not self.current_user:\n    raise HTTPError(401)",
        "held = {'n': 1}\ndel held['n']\nif not 'a':\n    raise HTTPError(401)",
    ),
    "every way leaves": (
        (
            "try:\n    who = clients.verify_token(self.get_argument('token'))\nexcept Exception:\n"
            "    if self.request.path:\n        return self.send_error(401)\n    else:\n"
            "        raise HTTPError(401)"
        ),
        (
            "try:\n    who = clients.verify_token(self.get_argument('token'))\nexcept Exception:\n"
            "    if self.request.path:\n        print()\n    else:\n        print()"
        ),
    ),
    "long body": (
        "n = 1\nif not self.current_user:\n    raise HTTPError(401)",
        (
            "n = db.go()\nif not n:\n    print()\n    print()\n    print()\n    print()\n"
            "    print()\n    print()\n    print()\n    print()\n    print()\n    print()\n"
            "    print()\n    print()\n    print()\n    raise HTTPError(500)"
        ),
    ),
    "error returned": (
        "n = db.go()\nif not n:\n    return self.send_error(403)",
        "n = db.go()\nif not n:\n    return print(403)",
    ),
    "exceptions that a call names": (
        "try:\n    demand(self.current_user)\nexcept db.errors():\n    pass",
        "try:\n    demand(self.current_user)\nexcept (HTTPError, db.Lost):\n    pass",
    ),
}


verdicts = verdicts_of(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_a_check_among_statements(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """The first program refuses an unauthenticated client, and the second one admits every client."""
    assert verdicts[name] == ("guarded", "missing")
