"""The share of an application's handshakes that the front served.

The environment of an application has no part of the tests. So a file `sitecustomize.py` in its folder counts:
Python imports it in each process of the application. It waits in a thread until stormdoor is imported, and
wraps both ways of a handshake.
"""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["COUNTER", "share_of"]

COUNTER = """\
import functools, json, os, sys, threading, time

counts = {"front": 0, "tornado": 0}


def counted(cls, name, key, counts_if):
    before = getattr(cls, name)

    @functools.wraps(before)
    def method(self, *args, **kwargs):
        if counts_if(args):
            counts[key] += 1
            with open(f"handshakes-{os.getpid()}.json", "w") as file:
                json.dump(counts, file)
        return before(self, *args, **kwargs)

    setattr(cls, name, method)


def is_handshake(args):
    return args[0].headers.get("Upgrade", "").lower() == "websocket"


def wait():
    wanted = [
        ("stormdoor.tornado.front.front", "Front", "_decide", "front", lambda args: True),
        ("stormdoor.tornado.handshake_parser", "HandshakeParser", "parse", "tornado", is_handshake),
    ]
    while wanted:
        for one in list(wanted):
            module, cls, *how = one
            found = getattr(sys.modules.get(module), cls, None)
            if found is not None:
                counted(found, *how)
                wanted.remove(one)
        time.sleep(0.005)


threading.Thread(target=wait, daemon=True).start()
"""
"""The text of `sitecustomize.py`."""


def share_of(folder: Path) -> str:
    """Return how many handshakes of an application that ran in `folder` the front served, as "9 of 10".

    Without any handshake, it is empty.
    """
    front = tornado = 0
    for file in folder.glob("handshakes-*.json"):
        counts = json.loads(file.read_text("utf-8"))
        front += counts["front"]
        tornado += counts["tornado"]
    return f"{front} of {front + tornado}" if front + tornado else ""
