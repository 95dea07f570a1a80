"""A check that a setting turns on counts as what it is when it is shipped."""

import pytest

from audit_tests.auditor.interpreted import verdicts_of

# One scan serves all cases of a module: in one of the workers.
pytestmark = pytest.mark.xdist_group("auditor-defaults")

SETTINGS = {
    "file": (
        (
            "config = db.open()\n"
            "if config.getboolean('web', 'auth', fallback=True):\n    demand(self.current_user)"
        ),
        (
            "config = db.open()\n"
            "if config.getboolean('web', 'auth', fallback=False):\n    demand(self.current_user)"
        ),
    ),
    "reader": (
        "if clients.get_config('auth', True):\n    demand(self.current_user)",
        "if clients.get_config('auth', False):\n    demand(self.current_user)",
    ),
    "setting matched by one": (
        "match MODE:\n    case 'closed':\n        demand(self.current_user)",
        "match EASY:\n    case 'closed':\n        demand(self.current_user)",
    ),
    "setting compared": (
        "if MODE == 'closed':\n    demand(self.current_user)",
        "if EASY == 'closed':\n    demand(self.current_user)",
    ),
    "setting": (
        "if CLOSED:\n    demand(self.current_user)",
        "if OPENED:\n    demand(self.current_user)",
    ),
    "setting denied": (
        "if not OPENED:\n    demand(self.current_user)",
        "if not CLOSED:\n    demand(self.current_user)",
    ),
    "setting in a table": (
        "if CONFIG['auth']['enabled']:\n    demand(self.current_user)",
        "if CONFIG['open']['enabled']:\n    demand(self.current_user)",
    ),
    "setting among texts": (
        "if MODE in ('closed', 'b'):\n    demand(self.current_user)",
        "if EASY in ('closed', 'b'):\n    demand(self.current_user)",
    ),
    "setting not among texts": (
        "if MODE not in ('open', 'b'):\n    demand(self.current_user)",
        "if EASY not in ('open', 'b'):\n    demand(self.current_user)",
    ),
    "setting in capitals": (
        "if MODE.upper() == 'CLOSED':\n    demand(self.current_user)",
        "if EASY.upper() == 'CLOSED':\n    demand(self.current_user)",
    ),
    "environment": (
        "if os.environ.get('DOOR', '1') == '1':\n    demand(self.current_user)",
        "if os.environ.get('DOOR', '0') == '1':\n    demand(self.current_user)",
    ),
    "environment as a number": (
        "if int(os.getenv('DOOR', '1')):\n    demand(self.current_user)",
        "if int(os.getenv('DOOR', '0')):\n    demand(self.current_user)",
    ),
    "environment as yes or no": (
        "if strtobool(os.getenv('DOOR', 'yes')):\n    demand(self.current_user)",
        "if strtobool(os.getenv('DOOR', 'no')):\n    demand(self.current_user)",
    ),
    "setting of the application": (
        "if self.settings.get('closed', True):\n    demand(self.current_user)",
        "if self.settings.get('closed', False):\n    demand(self.current_user)",
    ),
    "setting matched": (
        (
            "match MODE:\n    case 'closed' | 'shut':\n        demand(self.current_user)\n"
            "    case _:\n        pass"
        ),
        (
            "match EASY:\n    case 'closed' | 'shut':\n        demand(self.current_user)\n"
            "    case _:\n        pass"
        ),
    ),
    "settings compared": (
        "if MODE != EASY:\n    demand(self.current_user)",
        "if MODE == EASY:\n    demand(self.current_user)",
    ),
    "setting that is None": (
        "if WHO is None:\n    demand(self.current_user)",
        "if WHO is not None:\n    demand(self.current_user)",
    ),
    "environment as a truth": (
        "if bool(os.getenv('DOOR', 'a')):\n    demand(self.current_user)",
        "if bool(os.getenv('DOOR', '')):\n    demand(self.current_user)",
    ),
}


verdicts = verdicts_of(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_as_shipped(verdicts: dict[str, tuple[str, str]], name: str) -> None:
    """A check that is on by default is guarded, and one that is off by default is weak."""
    assert verdicts[name] == ("guarded", "weak")
