"""The handler around the cases of the tests of the auditor's interpreter."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from audit_tests.auditor.sources import states_of
from stormdoor_audit.report.finding import Check

__all__ = ["FRAME", "Pairs", "judged", "verdicts_of"]

Pairs = Mapping[str, tuple[str, str]]
"""Two handlers' statements by the name of a case: a check, and its look-alike that is none."""

FRAME = """
import fnmatch, re
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from urllib.parse import urlparse

WHO = None
NAMES = ['user', 'other']
NOBODY = 'guest'
MODE = 'closed'
EASY = 'open'
CLOSED = True
OPENED = False
CONFIG = {'auth': {'enabled': True, 'level': 3}, 'open': {'enabled': False}}
ACTIONS = {'a': 'b'}
cache = dict()

class Row:
    who: str
    name: str = 'a'
    class Inner:
        who = 'a'
    ask = lambda self: self.who
    again = ask
    TITLES = ['x']

def needs(name):
    def wrap(function):
        def inner(*args):
            demand(args[0])
            return function(*args)
        return inner
    return wrap

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
"""Each case is the body of `prepare`: a client that gets past it is connected."""


def judged(
    folder: Path, pairs: Pairs, frame: str = FRAME, check: Check = Check.AUTHENTICATION
) -> dict[str, tuple[str, str]]:
    """What one scan says of both handlers of every pair."""
    bodies = {f"{name} {at}": one for name, pair in pairs.items() for at, one in enumerate(pair)}
    states = states_of(folder, bodies, frame, check)
    return {name: (states[f"{name} 0"], states[f"{name} 1"]) for name in pairs}


def verdicts_of(
    pairs: Pairs, frame: str = FRAME, check: Check = Check.AUTHENTICATION
) -> Callable[..., dict[str, tuple[str, str]]]:
    """A fixture of a module: what the auditor says of every case, by one scan for all."""

    @pytest.fixture(scope="module")
    def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
        return judged(tmp_path_factory.mktemp("cases"), pairs, frame, check)

    return verdicts
