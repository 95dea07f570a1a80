"""Handlers of a few lines, put together for the tables of variants."""

import textwrap

__all__ = ["SAYS", "SILENT", "door"]

SAYS = """
    def on_message(self, message):
        room.say(message)
"""
"""Handler that sends each message to all clients."""
SILENT = """
    def on_message(self, message):
        pass
"""
"""Nothing comes of what a client sends."""


def door(
    body: str,
    says: str = SAYS,
    before: str = "",
    *,
    bases: str = "WebSocketHandler",
    after: str = "",
) -> str:
    """A program with one handler.

    Args:
        body: What is in its class.
        says: What it does with messages.
        before: What the module has before it.
        bases: Its bases.
        after: What the module has after it.
    """
    return (
        f"{textwrap.dedent(before)}\nclass Door({bases}):\n"
        f"{textwrap.indent(textwrap.dedent(body), '    ')}{says}{textwrap.dedent(after)}"
    )
