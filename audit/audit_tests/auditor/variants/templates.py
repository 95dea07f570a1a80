"""Settings of an application that stand in a table of another file, or in one that is copied to be it."""

__all__ = ["ORIGINS"]

Case = tuple[str, str, dict[str, str]]

_PROGRAM = """
{imports}
class Door(WebSocketHandler):
    def check_origin(self, origin):
        allowed = self.settings.get("allow_origin", "")
        return allowed == "*" or origin == allowed
{made}
"""
_TABLE = 'TORNADO = {{"debug": True, "allow_origin": "{}"}}\n'
_GIVEN = 'app = Application([("/", Door)], **TORNADO)'
_UPDATED = """
class App(Application):
    def __init__(self):
        given = {"gzip": True}
        given.update(TORNADO)
        super().__init__([("/", Door)], **given)
"""
_FILES: dict[str, tuple[str, str, str]] = {
    "an example": ("from settings import TORNADO", _GIVEN, "settings_example.py"),
    "an example that comes first in its name": (
        "import settings",
        'app = Application([("/", Door)], **settings.TORNADO)',
        "example_settings.py",
    ),
    "a template of a package": (
        "from conf.local_settings import TORNADO",
        _UPDATED,
        "conf/local_settings_template.py",
    ),
    "the file itself": ("from settings import TORNADO", _GIVEN, "settings.py"),
    "a table in a table": (
        "from config import TORNADO",
        'app = Application([("/", Door)], **{"gzip": True, **TORNADO})',
        "config.py",
    ),
    "a table that gets more": (
        "import config",
        'config.TORNADO.update(gzip=True)\napp = Application([("/", Door)], **config.TORNADO)',
        "config.py",
    ),
}

ORIGINS: dict[str, Case] = {
    f"settings in {name}: {origin}": (
        wanted,
        _PROGRAM.format(imports=imports, made=made),
        {file: _TABLE.format(origin)},
    )
    for name, (imports, made, file) in _FILES.items()
    for origin, wanted in (("*", "open"), ("https://me.example", "restricted"))
} | {
    "an example beside the file itself": (
        "restricted",
        _PROGRAM.format(imports="from settings import TORNADO", made=_GIVEN),
        {
            "settings.py": _TABLE.format("https://me.example"),
            "settings_example.py": _TABLE.format("*"),
        },
    ),
    "an example of something else": (
        "restricted",
        _PROGRAM.format(imports="from door import TORNADO", made=_GIVEN),
        {"door_example.py": _TABLE.format("*")},
    ),
}
