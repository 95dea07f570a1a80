"""What the auditor works out of `check_origin`: a comparison, and what looks like one."""

import pytest

from audit_tests.auditor.interpreted import verdicts_of
from stormdoor_audit.report.finding import Check

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-origin_expressions")

FRAME = """
import fnmatch, re
from tornado.escape import to_unicode, utf8
from urllib.parse import urlparse
ALLOWED = ['https://ours.example', 'https://other.example']
ANY = ['https://ours.example', 'https://attacker.example']
PATTERN = re.compile('^https://ours[.]example$')
LOOSE = re.compile('^https://.*[.]example$')
SUFFIX = '.ours.example'
EMPTY = ''
STRICT = '^https://ours[.]example$'
WIDE = '^https://'
OURS = 'https://ours.example'
FOREIGN = 'https://attacker.example'
class Door(WebSocketHandler):
    def check_origin(self, origin):
{}
    def on_message(self, message):
        self.write_message(message)
"""

PAIRS = {
    "pattern in a setting": (
        "return re.match(STRICT, origin) is not None",
        "return re.match(WIDE, origin) is not None",
    ),
    "pattern in a setting as a condition": (
        "if re.match(STRICT, origin):\n    return True\nreturn False",
        "if re.match(WIDE, origin):\n    return True\nreturn False",
    ),
    "setting": ("return origin == OURS", "return origin == FOREIGN"),
    "any of two": (
        "return any([origin in ALLOWED, origin == OURS])",
        "return any([origin in ALLOWED, origin != OURS])",
    ),
    "any with an option": (
        "return any([origin in ALLOWED, origin == OURS, False])",
        "return any([origin in ALLOWED, self.settings.get('open', True)])",
    ),
    "all of two": (
        "return all([origin in ALLOWED, self.settings.get('open', True)])",
        "return all([origin not in ALLOWED, True])",
    ),
    "all of patterns": (
        "return all([re.match('https://ours', origin) and origin in ALLOWED, True])",
        "return all([re.match('https://', origin), True])",
    ),
    "any of patterns": (
        "return any([re.match('https://ours[.]example$', origin)])",
        "return any([re.match('https://', origin)])",
    ),
    "letters of two": (
        "return list(zip(['a'], origin))[0][1] == 'x'",
        "return list(zip(['a'], origin))[0][1] == 'h'",
    ),
    "set of one": ("return bool({origin} & set())", "return bool({origin})"),
    "list": (
        "return origin in ALLOWED",
        "return origin in ANY",
    ),
    "list inline": (
        "return origin in ['https://ours.example']",
        "return origin in ['https://attacker.example']",
    ),
    "not in": (
        "return not (origin not in ALLOWED)",
        "return origin not in ALLOWED",
    ),
    "equal": (
        "return origin == 'https://ours.example'",
        "return origin != 'https://ours.example'",
    ),
    "endswith": (
        "return origin.endswith('.ours.example')",
        "return origin.endswith('.example')",
    ),
    "endswith setting": (
        "return origin.endswith(SUFFIX)",
        "return origin.endswith(EMPTY)",
    ),
    "tuple": (
        "return origin.endswith(('.a.example', '.b.example'))",
        "return origin.endswith(('.a.example', '.example'))",
    ),
    "host": (
        "return urlparse(origin).hostname == 'ours.example'",
        "return urlparse(origin).hostname != 'ours.example'",
    ),
    "netloc": (
        "return urlparse(origin).netloc == self.request.host",
        "return urlparse(origin).scheme == 'https'",
    ),
    "header": (
        "return urlparse(origin).netloc == self.request.headers.get('Host')",
        "return bool(self.request.headers.get('Host'))",
    ),
    "pattern": (
        "return re.match('^https://ours[.]example$', origin) is not None",
        "return re.match('^https://', origin) is not None",
    ),
    "bool pattern": (
        "return bool(re.fullmatch('https://ours[.]example', origin))",
        "return bool(re.search('example', origin))",
    ),
    "compiled": (
        "return PATTERN.match(origin) is not None",
        "return LOOSE.match(origin) is not None",
    ),
    "wildcard": (
        "return fnmatch.fnmatch(origin, 'https://ours.example')",
        "return fnmatch.fnmatch(origin, 'https://*.example')",
    ),
    "any": (
        "return any(origin == one for one in ALLOWED)",
        "return any(origin != one for one in ALLOWED)",
    ),
    "any ends": (
        "return any(origin.endswith(one) for one in ['.ours.example', '.a.example'])",
        "return any(origin.endswith(one) for one in ['.ours.example', '.example'])",
    ),
    "all": (
        "return all([origin == 'https://ours.example', True])",
        "return all([origin.startswith('https'), True])",
    ),
    "lower": (
        "return origin.lower() in ALLOWED",
        "return origin.lower() not in ALLOWED",
    ),
    "split": (
        "return origin.split('://')[1] == 'ours.example'",
        "return origin.split('://')[0] == 'https'",
    ),
    "partition": (
        "return origin.partition('://')[2] == 'ours.example'",
        "return origin.partition('://')[1] == '://'",
    ),
    "join": (
        "return ''.join([origin, '/']) == 'https://ours.example/'",
        "return ''.join([origin, '/']) != 'https://ours.example/'",
    ),
    "format": (
        "return origin == 'https://{}'.format('ours.example')",
        "return origin != 'https://{}'.format('ours.example')",
    ),
    "setting list": (
        "return origin in self.settings['origins']",
        "return origin in self.settings.get('origins', [origin])",
    ),
    "option": (
        "return origin in options.origins",
        "return origin not in options.origins",
    ),
    "super": (
        "return super().check_origin(origin)",
        "return super().check_origin(origin) or True",
    ),
    "or": (
        "return origin == 'https://ours.example' or origin in ALLOWED",
        "return origin == 'https://ours.example' or bool(origin)",
    ),
    "and": (
        "return bool(origin) and origin in ALLOWED",
        "return bool(origin) and origin not in ALLOWED",
    ),
    "if": (
        "if origin in ALLOWED:\n    return True\nreturn False",
        "if origin in ALLOWED:\n    return True\nreturn True",
    ),
    "raise": (
        "if origin not in ALLOWED:\n    raise HTTPError(403)\nreturn True",
        "if origin not in ALLOWED:\n    print(origin)\nreturn True",
    ),
    "set": (
        "return origin in set(ALLOWED)",
        "return origin in set(ANY)",
    ),
    "dict": (
        "return origin in {'https://ours.example': 1}",
        "return origin in {'https://attacker.example': 1}",
    ),
    "str": (
        "return str(origin) == 'https://ours.example'",
        "return str(origin) != 'https://ours.example'",
    ),
    "reversed": (
        "return origin[::-1].startswith('elpmaxe.sruo')",
        "return origin[::-1].startswith('elpmaxe.')",
    ),
    "sorted": (
        "return origin in sorted(ALLOWED)",
        "return origin in sorted(ANY)",
    ),
    "port": (
        "parts = urlparse(origin)\nreturn parts.hostname == 'ours.example' and parts.port == 8443",
        "return urlparse(origin).port == 8443",
    ),
    "for": (
        "for one in ALLOWED:\n    if origin == one:\n        return True\nreturn False",
        "for one in ANY:\n    if origin == one:\n        return True\nreturn False",
    ),
    "removeprefix": (
        "return origin.removeprefix('https://') == 'ours.example'",
        "return origin.removeprefix('https://') == 'attacker.example'",
    ),
    "utf8": (
        "return utf8(origin) == 'https://ours.example'",
        "return to_unicode(origin) != 'https://ours.example'",
    ),
    "wild list": (
        "return '*' in ALLOWED or origin in ALLOWED",
        "return 'https://ours.example' in ALLOWED or origin in ALLOWED",
    ),
    "group": (
        "return re.match('https://([a-z.]*)', origin).group(0) == 'https://ours.example'",
        "return re.match('https://([a-z.]*)', origin).group(0) != 'https://ours.example'",
    ),
}


verdicts = verdicts_of(PAIRS, FRAME, Check.ORIGIN)


@pytest.mark.parametrize("name", PAIRS)
def test_an_origin_that_is_compared(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """The one refuses a foreign origin, the other accepts it."""
    # A host that matches from any scheme and port is reported by SD207.
    refused = "weak" if name in {"group", "host"} else "guarded"
    assert verdicts[name] == (refused, "missing")
