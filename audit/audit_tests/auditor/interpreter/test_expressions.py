"""What the auditor works out of expressions: a check, and what looks like one."""

import pytest

from audit_tests.auditor.interpreted import verdicts_of

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-expressions")

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

CONDITIONS = {
    f"condition: {name}": (
        f"if {holds}:\n    demand(self.current_user)",
        f"if not ({holds}):\n    demand(self.current_user)",
    )
    for name, holds in TRUE.items()
}
"""A check under what always holds, and under what never does."""
PAIRS = {
    "star in a list": (
        "held = [*(self.current_user, 1)]\nif not held[0]:\n    raise HTTPError(401)",
        "held = [*('a', 1), self.current_user]\nif not held[0]:\n    raise HTTPError(401)",
    ),
    "star of a dictionary": (
        "held = {**{'user': self.current_user}}\nif not held['user']:\n    raise HTTPError(401)",
        (
            "held = {'user': self.current_user, **{'user': 'a'}}\nif not held['user']:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "comprehension": (
        (
            "held = [self.get_signed_cookie(n) for n in ('a',)]\nif not held[0]:\n"
            "    raise HTTPError(401)"
        ),
        "held = [n for n in ('a',)]\nif not held[0]:\n    raise HTTPError(401)",
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
    "attribute of nobody": (
        "name = self.current_user.name",
        "name = NAMES.name",
    ),
    "nobody read": (
        "who = json.loads(self.current_user)",
        "who = json.loads('{}')",
    ),
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
        "who = sessions[self.current_user]\nif not who:\n    raise HTTPError(401)",
        "who = {'a': 1}['a']\nif not who:\n    raise HTTPError(401)",
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
        (
            "if self.get_argument('token') not in self.get_arguments('tokens'):\n"
            "    raise HTTPError(400)"
        ),
    ),
    "credential looked up": (
        "who = sessions[self.get_argument('token')]",
        "who = sessions.keys()",
    ),
    "credential in constant time": (
        (
            "if not hmac.compare_digest(self.get_argument('token'), self.settings['token']):\n"
            "    raise HTTPError(401)"
        ),
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
        (
            "try:\n    jwt.decode(self.get_argument('token'), self.settings['key'])\n"
            "except jwt.InvalidTokenError:\n    raise HTTPError(401)"
        ),
        (
            "try:\n    jwt.decode(self.get_argument('token'), self.settings['key'])\n"
            "except jwt.PyJWTError:\n    pass"
        ),
    ),
    "star of what is not known": (
        (
            "held = [*db.rows(), self.current_user]\nif not self.current_user:\n"
            "    raise HTTPError(401)"
        ),
        "held = [*db.rows()]\nif not 'a':\n    raise HTTPError(401)",
    ),
    "stars of what is not known": (
        (
            "held = {**db.rows(), 'user': self.current_user}\nif not held['user']:\n"
            "    raise HTTPError(401)"
        ),
        (
            "held = {'user': self.current_user, **db.rows(), 'user': 'a'}\nif not held['user']:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "key that is not known": (
        (
            "held = {db.key(): 1, 'user': self.current_user}\nif not held['user']:\n"
            "    raise HTTPError(401)"
        ),
        "held = {db.key(): 1, 'user': 'a'}\nif not held['user']:\n    raise HTTPError(401)",
    ),
    "slice of two": (
        "held = db.rows()[1:2, 3]\nif not self.current_user:\n    raise HTTPError(401)",
        "held = db.rows()[1:2, 3]\nif not 'a':\n    raise HTTPError(401)",
    ),
    "comprehension of two": (
        "if not [a for a in ['a'] for b in [self.current_user] if b]:\n    raise HTTPError(401)",
        "held = [a for a in ['a'] for b in ['c']]\nif not 'a':\n    raise HTTPError(401)",
    ),
    "comprehension of a dictionary": (
        (
            "held = {n: self.current_user for n in ('a',)}\nif not self.current_user:\n"
            "    raise HTTPError(401)"
        ),
        "held = {n: 'b' for n in ('a',)}\nif not 'a':\n    raise HTTPError(401)",
    ),
    "class as a condition": (
        "if not Asker:\n    pass\nelse:\n    demand(self.current_user)",
        "if not Asker:\n    demand(self.current_user)",
    ),
    "opposite as a value": (
        "nobody = not self.current_user\nif nobody:\n    raise HTTPError(401)",
        "nobody = not NAMES\nif nobody:\n    raise HTTPError(401)",
    ),
    "opposite of a list": (
        "empty = not []\nif empty:\n    demand(self.current_user)",
        "empty = not [1]\nif empty:\n    demand(self.current_user)",
    ),
    "opposite of a text": (
        "empty = not f'{self.request.path}'\nif not empty:\n    demand(self.current_user)",
        "empty = not f'a{self.request.path}'\nif empty:\n    demand(self.current_user)",
    ),
    "opposite of a class": (
        "empty = not Asker\nif not empty:\n    demand(self.current_user)",
        "empty = not Asker\nif empty:\n    demand(self.current_user)",
    ),
    "nobody among rows": (
        "n = self.current_user in db.rows()\nif not n:\n    raise HTTPError(401)",
        "n = 'a' in ['a']\nif not n:\n    raise HTTPError(401)",
    ),
    "list is not None": (
        "if NAMES is not None:\n    demand(self.current_user)",
        "if NAMES is None:\n    demand(self.current_user)",
    ),
    "text is not None": (
        "if f'{self.request.path}' is not None:\n    demand(self.current_user)",
        "if f'{self.request.path}' is None:\n    demand(self.current_user)",
    ),
    "argument that must be there": (
        "n = self.get_argument('room')\nif n is not None:\n    demand(self.current_user)",
        "n = self.get_argument('room')\nif n is None:\n    demand(self.current_user)",
    ),
    "argument that may be there": (
        (
            "n = self.get_argument('room', None)\nif n is not None:\n    pass\n"
            "demand(self.current_user)"
        ),
        "n = self.get_argument('room', None)\nif n is not None:\n    demand(self.current_user)",
    ),
    "picked by the client": (
        (
            "go = {'a': self.current_user, 'b': "
            "self.get_signed_cookie('c')}[self.get_argument('room')]\n"
            "if not go:\n    raise HTTPError(401)"
        ),
        (
            "go = {'a': self.current_user, 'b': 'c'}[self.get_argument('room')]\nif not go:\n"
            "    raise HTTPError(401)"
        ),
    ),
    "picked by the client with get": (
        (
            "go = {'a': self.current_user, 'b': "
            "self.get_signed_cookie('c')}.get(self.get_argument('room'))\n"
            "if not go:\n    raise HTTPError(401)"
        ),
        (
            "go = {'a': self.current_user, 'b': 'c'}.get(self.get_argument('room'), 'd')\n"
            "if not go:\n    raise HTTPError(401)"
        ),
    ),
    "got under nobody": (
        "who = {'a': 'b'}.get(self.current_user)\nif not who:\n    raise HTTPError(401)",
        "who = {'a': 'b'}.get('a')\nif not who:\n    raise HTTPError(401)",
    ),
    "got under a credential": (
        "who = cache.get(self.get_argument('token'))\nif not who:\n    raise HTTPError(401)",
        "who = ACTIONS.get('a')\nif not who:\n    raise HTTPError(401)",
    ),
}


verdicts = verdicts_of({**PAIRS, **CONDITIONS})


@pytest.mark.parametrize("name", PAIRS)
def test_a_check_in_an_expression(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """The first program refuses an unauthenticated client, and the second one admits every client."""
    assert verdicts[name] == ("guarded", "missing")


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_that_always_holds(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """What is known from the source is worked out."""
    assert verdicts[name] == ("guarded", "missing")
