"""What the auditor works out of calls: a check, and what looks like one."""

import pytest

from audit_tests.auditor.interpreted import verdicts_of

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-calls")

UNKNOWN = {
    "decorated elsewhere": (
        "@clients.login_required\ndef go():\n    pass\ngo()",
        "@clients.counted\ndef go():\n    pass\ngo()",
    ),
    "called for its exception": (
        "clients.require_token(self.get_argument('token'))",
        "clients.is_token(self.get_argument('token'))",
    ),
    "called for its exception, by its name": (
        "clients.verify(self.get_argument('room'))",
        "clients.is_valid_token(self.get_argument('room'))",
    ),
}
"""Calls that refuse a client only according to their names: the verdict is unknown."""

PAIRS = {
    "whatever attribute": (
        "class Any:\n    def __getattr__(self, name):\n        return 1\nAny().a\ndemand(self.current_user)",
        "class Any:\n    def __getattr__(self, name):\n        return 1\nAny().demand(self.current_user)",
    ),
    "super of a class": (
        (
            "class Own(Asker):\n    @classmethod\n    def of(cls, who):\n"
            "        return super().of(who)\nOwn.of(self.current_user)()"
        ),
        (
            "class Own(Asker):\n    @classmethod\n    def of(cls, who):\n"
            "        return super().of('a')\nOwn.of(self.current_user)()"
        ),
    ),
    "super by name": (
        (
            "class Own(Asker):\n    def __call__(self):\n        super(Own, self).__call__()\n"
            "Own(self.current_user)()"
        ),
        (
            "class Own(Lax):\n    def __call__(self):\n        super(Own, self).__call__()\n"
            "Own(self.current_user)()"
        ),
    ),
    "decorator that gives nothing": (
        "def noted(function):\n    print(function)\n@noted\ndef go():\n    demand(self.current_user)\ngo()",
        "def noted(function):\n    print(function)\n@noted\ndef go():\n    demand('a')\ngo()",
    ),
    "decorator that raises": (
        (
            "def broken(function):\n    raise KeyError('a')\n@broken\ndef go():\n"
            "    demand(self.current_user)\ngo()"
        ),
        "def broken(function):\n    raise KeyError('a')\n@broken\ndef go():\n    demand('a')\ngo()",
    ),
    "property that is set": (
        (
            "class Own(Asker):\n    @property\n    def user(self):\n        return self.who\n"
            "    @user.setter\n    def put(self, who):\n        demand(who)\n"
            "Own('a').put(self.current_user)"
        ),
        (
            "class Own(Asker):\n    @property\n    def user(self):\n        return self.who\n"
            "    @user.setter\n    def put(self, who):\n        demand('a')\n"
            "Own('a').put(self.current_user)"
        ),
    ),
    "table that grows": (
        "held = {'a': 1}\nheld.update(b=2)\ndemand(self.current_user)",
        "held = {'a': 1}\nheld.update(b=self.current_user)\ndemand(held['a'])",
    ),
    "object without a call": (
        "Row(self.current_user)()\ndemand(self.current_user)",
        "Row(self.current_user)()\ndemand('a')",
    ),
    "method of another class": (
        "Asker.__call__(Asker(self.current_user))",
        "Lax.__call__(Asker(self.current_user))",
    ),
    "open file": (
        "file = open('a')\nfile.write('b')\ndemand(self.current_user)",
        "file = open('a')\nfile.write(self.current_user)",
    ),
    "stars that are not known": (
        "print(*[*db.rows()])\ndemand(self.current_user)",
        "print(*[*db.rows()], self.current_user)",
    ),
    "several, one not awaited": (
        (
            "async def ask():\n    demand(self.current_user)\n"
            "await asyncio.gather(clients.count(), ask())"
        ),
        (
            "async def ask():\n    demand(self.current_user)\n"
            "asyncio.get_event_loop().create_task(ask())"
        ),
    ),
    "class imported in a class": (
        "class Own:\n    from json import dumps\nOwn.dumps('a')\ndemand(self.current_user)",
        "class Own:\n    from json import dumps\nOwn.dumps(self.current_user)",
    ),
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
    "object called": (
        "Asker(self.current_user)()",
        "Asker(self.current_user)",
    ),
    "super": (
        "Strict(self.current_user)()",
        "Lax(self.current_user)()",
    ),
    "static method": (
        "Asker.refuse(self.current_user)",
        "Asker.refuse('a')",
    ),
    "class method": (
        "Asker.of(self.current_user)()",
        "Asker.of('a')()",
    ),
    "property": (
        "if not Asker(self.current_user).known:\n    raise HTTPError(401)",
        "if not Asker('a').known:\n    raise HTTPError(401)",
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
        (
            "async def ask():\n    return self.current_user\n"
            "user, n = await asyncio.gather(ask(), ask())\ndemand(user)"
        ),
        "async def ask():\n    demand(self.current_user)\nasyncio.ensure_future(ask())",
    ),
    "in a thread": (
        "await asyncio.to_thread(demand, self.current_user)",
        "asyncio.get_event_loop().call_soon(demand, self.current_user)",
    ),
    "in an executor": (
        (
            "loop = asyncio.get_event_loop()\n"
            "await loop.run_in_executor(None, demand, self.current_user)"
        ),
        "loop = asyncio.get_event_loop()\nloop.call_later(1, demand, self.current_user)",
    ),
    "decorated": (
        (
            "def asks(function):\n    @functools.wraps(function)\n    def inner(*args):\n"
            "        demand(self.current_user)\n        return function(*args)\n    return inner\n"
            "@asks\ndef go():\n    pass\ngo()"
        ),
        (
            "def asks(function):\n    @functools.wraps(function)\n    def inner(*args):\n"
            "        return function(*args)\n    return inner\n@asks\ndef go():\n    pass\ngo()"
        ),
    ),
    "set by name": (
        "setattr(self, 'who', self.current_user)\nif not self.who:\n    raise HTTPError(401)",
        "setattr(self, 'who', 'a')\nif not self.who:\n    raise HTTPError(401)",
    ),
    "asked by name": (
        "if not getattr(Asker(self.current_user), 'who', 'a'):\n    raise HTTPError(401)",
        "if not getattr(Asker(self.current_user), 'whom', 'a'):\n    raise HTTPError(401)",
    ),
    "attribute of a function": (
        (
            "def ask():\n    pass\nask.who = self.current_user\nif not ask.who:\n"
            "    raise HTTPError(401)"
        ),
        "def ask():\n    pass\nask.who = 'a'\nif not ask.who:\n    raise HTTPError(401)",
    ),
    "appended": (
        "held = []\nheld.append(self.current_user)\nif not held[0]:\n    raise HTTPError(401)",
        "held = ['a']\nheld.append(self.current_user)\nif not held[0]:\n    raise HTTPError(401)",
    ),
    "taken from a dictionary": (
        "if not {'user': self.current_user}.get('user'):\n    raise HTTPError(401)",
        "if not {'user': self.current_user}.get('name', 'a'):\n    raise HTTPError(401)",
    ),
    "verified elsewhere": (
        "if not clients.verify_token(self.get_argument('token')):\n    raise HTTPError(401)",
        "clients.log(self.get_argument('token'))",
    ),
    "certificate": (
        "if not self.request.get_ssl_certificate():\n    raise HTTPError(401)",
        "if not self.request.remote_ip:\n    raise HTTPError(401)",
    ),
    "signed value": (
        (
            "if not web.decode_signed_value(self.settings['key'], 'user', self.get_cookie('user')):\n"
            "    raise HTTPError(401)"
        ),
        "if not self.get_cookie('user'):\n    raise HTTPError(401)",
    ),
    "finished with an error": (
        "if not self.current_user:\n    self.send_error(401)\n    return",
        "if not self.current_user:\n    self.set_header('X-Who', 'nobody')\n    return",
    ),
    "arguments by name only": (
        "def ask(*, who, user):\n    demand(who)\nask(who=self.current_user)",
        "def ask(*, who, user):\n    demand(user)\nask(who=self.current_user, user='a')",
    ),
    "credential by the name of a parameter": (
        (
            "def ask(token):\n    if token != self.settings['token']:\n        raise HTTPError(401)\n"
            "ask(self.get_argument('t'))"
        ),
        (
            "def ask(token):\n    if token != self.get_argument('again'):\n"
            "        raise HTTPError(400)\nask(self.get_argument('t'))"
        ),
    ),
    "record": (
        "row = Row(self.current_user)\nif not row.who:\n    raise HTTPError(401)",
        "row = Row('a', self.current_user)\nif not row.who:\n    raise HTTPError(401)",
    ),
    "record by names": (
        "row = Row(who=self.current_user)\nif not row.who:\n    raise HTTPError(401)",
        "row = Row(who='a')\nif not row.who:\n    raise HTTPError(401)",
    ),
    "class in a class": (
        "row = Row.Inner\nif not self.current_user:\n    raise HTTPError(401)",
        "row = Row.Inner\nif not row.who:\n    raise HTTPError(401)",
    ),
    "lambda as a method": (
        "row = Row(self.current_user)\nif not row.ask():\n    raise HTTPError(401)",
        "row = Row('a')\nif not row.ask():\n    raise HTTPError(401)",
    ),
    "method of two names": (
        "row = Row(self.current_user)\nif not row.again():\n    raise HTTPError(401)",
        "row = Row('a')\nif not row.again():\n    raise HTTPError(401)",
    ),
    "list of a class": (
        "row = Row.TITLES\nif not self.current_user:\n    raise HTTPError(401)",
        "row = Row.TITLES\nif not Row:\n    raise HTTPError(401)",
    ),
    "decorator with arguments": (
        "@needs('a')\ndef go(who):\n    pass\ngo(self.current_user)",
        "@needs('a')\ndef go(who):\n    pass\ngo('a')",
    ),
    "cached function": (
        "@functools.lru_cache(maxsize=2)\ndef ask():\n    demand(self.current_user)\nask()",
        "@functools.lru_cache(maxsize=2)\ndef ask():\n    demand(self.current_user)",
    ),
    "kind of nobody": (
        "isn = isinstance(self.current_user, str)\nif not isn:\n    raise HTTPError(401)",
        "isn = isinstance(self.current_user, str)\nif isn:\n    raise HTTPError(401)",
    ),
    "something elsewhere in a thread": (
        (
            "who = await asyncio.to_thread(clients.verify_token, self.get_argument('token'))\n"
            "if not who:\n    raise HTTPError(401)"
        ),
        "who = await asyncio.to_thread(clients.count)",
    ),
    "something elsewhere in an executor": (
        (
            "loop = asyncio.get_event_loop()\n"
            "who = await loop.run_in_executor(None, clients.verify_token, self.get_argument('token'))\n"
            "if not who:\n    raise HTTPError(401)"
        ),
        "loop = asyncio.get_event_loop()\nwho = await loop.run_in_executor(None, clients.count)",
    ),
    "method of nobody": (
        "who = self.current_user.decode()\nif not who:\n    raise HTTPError(401)",
        "who = 'a'.encode()\nif not who:\n    raise HTTPError(401)",
    ),
    "several at once": (
        (
            "async def ask():\n    return self.current_user\n"
            "user, n = await gen.multi([ask(), ask()])\ndemand(user)"
        ),
        "async def ask():\n    return 'a'\nuser, n = await gen.multi([ask(), ask()])\ndemand(user)",
    ),
    "asked of the handler by name": (
        "who = getattr(self, 'user', None)\nif not who:\n    raise HTTPError(401)",
        "who = getattr(self.request, 'path', None)\nif not 'a':\n    raise HTTPError(401)",
    ),
    "asked whether it is there": (
        "if hasattr(self, 'x'):\n    pass\ndemand(self.current_user)",
        "if hasattr(self, 'x'):\n    demand(self.current_user)",
    ),
    "wrapped by hand": (
        "def ask():\n    demand(self.current_user)\nfunctools.wraps(print)(ask)()",
        "def ask():\n    pass\nfunctools.wraps(ask)(print)()",
    ),
    "wrapper brought up to date": (
        "def ask():\n    demand(self.current_user)\nfunctools.update_wrapper(ask, print)()",
        "def ask():\n    demand(self.current_user)\nfunctools.update_wrapper(print, ask)()",
    ),
    "cookie": (
        "who = self.cookies['a']\nif not self.current_user:\n    raise HTTPError(401)",
        "if not self.cookies['a']:\n    raise HTTPError(401)",
    ),
    "header": (
        (
            "who = self.request.headers['Authorization']\nif not clients.verify_token(who):\n"
            "    raise HTTPError(401)"
        ),
        "if not self.request.headers['Authorization']:\n    raise HTTPError(401)",
    ),
    "not finished yet": (
        "if not self._finished:\n    demand(self.current_user)",
        "if self._finished:\n    demand(self.current_user)",
    ),
    "answer to a credential": (
        (
            "reply = await clients.ask(self.get_argument('token'))\nif not reply.authenticated:\n"
            "    raise HTTPError(401)"
        ),
        "reply = await clients.ask('a')\nprint(reply.authenticated)",
    ),
    "verdict in an answer": (
        (
            "reply = await clients.ask(self.get_argument('room'))\nif not reply.authenticated:\n"
            "    raise HTTPError(401)"
        ),
        "reply = await clients.ask('a')\nprint(reply.authenticated)",
    ),
}


verdicts = verdicts_of({**PAIRS, **UNKNOWN})


@pytest.mark.parametrize("name", PAIRS)
def test_a_check_in_a_call(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """The first program refuses an unauthenticated client, and the second one admits every client."""
    assert verdicts[name] == ("guarded", "missing")


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_only_a_name_says(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """It is called for what it raises, and no source says that it raises."""
    assert verdicts[name] == ("unknown", "missing")
