"""The table `[protect]` as a `Protection`."""

import textwrap
from pathlib import Path

import pytest

from stormdoor import EndpointLimits, public
from stormdoor.config.protection import Protection, SessionOf, read_protection
from stormdoor.errors import ConfigurationError
from tests.config.files import write

WHOLE = """
[protect]
permission = "app:use"
first_message = ["/mobile"]
receive_only = ["/feed", "/news/.*"]

[protect.permissions]
"/feed" = { public = "prices are published anyway" }
"/admin/.*" = "app:manage"

[protect.limits."/upload"]
message_bytes = 1_048_576
messages_per_connection = "5/s"

[protect.transports]
"/poll" = { session = "json", name = "sid" }
"/sub/(.*)" = { session = "path" }

[[protect.messages]]
path = "/rooms/.*"
format = "json"
type = "/type"
default = "chat:read"
refused = "close"
permissions = { say = "chat:say" }

[protect.pages]
"/reports/.*" = "reports:read"
"/" = { public = "the page with the login" }
"""


TWICE = """
[[protect.messages]]
path = "/"
format = "bokeh"
default = "a:b"
[[protect.messages]]
path = "/"
format = "bokeh"
default = "a:b"
"""


def read(folder: Path, text: str) -> Protection:
    """Return the protection of a file with this text."""
    return read_protection(write(folder, textwrap.dedent(text)))


def test_every_option(tmp_path: Path) -> None:
    """Each option has the meaning of the argument of `protect` with that name."""
    found = read(tmp_path, WHOLE)
    (messages,) = found.messages.values()
    assert (messages.format, messages.steps, messages.default) == ("json", ("type",), "chat:read")
    assert (messages.refused, messages.permissions) == ("close", {"say": "chat:say"})
    assert found == Protection(
        permission="app:use",
        permissions={"/feed": public("prices are published anyway"), "/admin/.*": "app:manage"},
        first_message=("/mobile",),
        receive_only=("/feed", "/news/.*"),
        limits={"/upload": EndpointLimits(message_bytes=1_048_576, messages_per_connection="5/s")},
        transports={"/poll": SessionOf("json", "sid"), "/sub/(.*)": SessionOf("path")},
        messages={"/rooms/.*": messages},
        pages={"/reports/.*": "reports:read", "/": public("the page with the login")},
    )


def test_nothing(tmp_path: Path) -> None:
    """A file without the table declares nothing."""
    assert read(tmp_path, 'origins = ["https://a.example"]') == Protection()


def test_pages(tmp_path: Path) -> None:
    """One permission for all pages, or none, also with a preset: `insecure_unguarded_pages`."""
    assert read(tmp_path, '[protect]\npages = "app:use"').pages == "app:use"
    found = read(tmp_path, 'preset = "app"\n[protect]\ninsecure_unguarded_pages = true')
    assert (found.pages, found.insecure_unguarded_pages) == (None, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('permission = "Use it"', r":2: protect\.permission: 'Use it' is not a permission"),
        ('permission = { public = "" }', r":2: protect\.permission: public\(\) needs a reason"),
        ('permissions = { "/a(" = "a:b" }', r"'/a\(' is not a pattern of a path: missing \)"),
        ('first_message = ["("]', r":2: protect\.first_message\[0\]: '\(' is not a pattern"),
        ("pages = true", 'write the permission, such as pages = "app:use", or insecure_unguarded'),
        ("pages = false", 'write the permission, such as pages = "app:use", or insecure_unguarded'),
        (
            'insecure_unguarded_pages = true\npages = "app:use"',
            r":3: protect\.pages: contradicts insecure_unguarded_pages",
        ),
        ('pages = "A b"', "'A b' is not a permission"),
        ('limits = { "/a" = { message_bytes = 0 } }', "message_bytes must be greater than 0"),
        ('transports = { "/a" = { session = "json" } }', 'write name = "sid"'),
        ('transports = { "/a" = { session = "path", name = "x" } }', "leave name out"),
        ('transports = { "/a" = { session = "cookie" } }', "'cookie' is not one of the values"),
        ('freshness = { "/a" = "5" }', r"there is no option 'freshness' here; write \[freshness\]"),
        (
            'messages = [{ path = "/(", format = "bokeh", default = "a:b" }]',
            r":2: protect\.messages\[0\]\.path: '/\(' is not a pattern",
        ),
        (
            'messages = [{ path = "/", format = "bokeh", type = "/x", default = "a:b" }]',
            r"protect\.messages\[0\]\.type: the format 'bokeh' has its own place; leave type out",
        ),
        (
            'messages = [{ path = "/", format = "bokeh" }]',
            r"protect\.messages\[0\]\.permissions: none is declared",
        ),
        (
            'messages = [{ path = "/", format = "bokeh", permissions = { OK = "A b" } }]',
            r"protect\.messages\[0\]\.permissions\.OK: 'A b' is not a permission",
        ),
        (
            'messages = [{ path = "/", format = "bokeh", default = "A b" }]',
            r"protect\.messages\[0\]\.default: 'A b' is not a permission",
        ),
        (
            TWICE,
            "'/' is listed twice; write one table",
        ),
        (
            'messages = [{ path = "/", format = "yaml", default = "a:b" }]',
            "'yaml' is not one of the values",
        ),
        ('permision = "a:b"', 'did you mean "permission"'),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """Each message says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path, f"[protect]\n{text}")
