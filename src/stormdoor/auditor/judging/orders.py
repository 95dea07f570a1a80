"""What a message has a device, another program or a worker do, by what these are called."""

import ast
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Mapping, Sequence, labels_of
from stormdoor.auditor.judging.wording import literals_of, name_of, words_before
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words

__all__ = ["is_device", "is_lined_up", "is_of_the_machine", "is_order", "is_sent_to_device"]

_PORTS = frozenset({"bluetooth", "gpio", "i2c", "serial", "smbus", "spi", "uart", "usb"})
_DEVICES = _PORTS | frozenset(
    {"actuator", "arm", "camera", "drone", "heater", "lamp", "laser", "led", "leds", "motor"}
    | {"motors", "pixel", "pixels", "plotter", "printer", "pump", "relay", "relays", "robot"}
    | {"servo", "servos", "thermostat", "valve", "device", "devices", "gamepad", "joystick"}
    | {"keyboard", "mouse"}
)
"""Words for what moves, shines or heats."""
_PUBLISHES = frozenset({"lpush", "produce", "publish", "rpush", "send"})
_TOPICS = frozenset({"channel", "key", "queue", "routing_key", "subject", "topic"})
_ORDERS = words(
    "cmd cmnd command commands control job jobs mute relay set switch task tasks volume work"
)
"""Words of a topic that a device or a worker listens to."""
_SOCKETS = words("dealer push req requester sock socket zmq")
"""Words for what leads to another program."""
_SENDS = frozenset({"emit", "post", "publish", "put", "send", "write"})
_ENDS = words(
    """
    abort cancel cancelled emergency exiting halt halted pause paused quit shutdown stop stopped
    stopping
    """
)
"""Words of a flag that a loop of the program looks at."""
_LINES_UP = words("add append appendleft enqueue extend push put")
_LINED_UP = words("cmd cmds command commands instruction instructions order orders")
"""Words of a list whose items are done one after the other by another part of the program."""
_KEPT = words("history log logs received seen sent undo")
_REQUESTS = frozenset({"delete", "patch", "post", "put"})
_WORKERS = frozenset({"job", "jobs", "task", "tasks", "worker", "workers"})
"""Words for who does what it is sent."""
_TO_WORKERS = frozenset({"dealer", "push", "req", "requester"})
"""Sockets of ZeroMQ at whose other end somebody does what comes, and not only hears it."""
_TABLES = frozenset({"action", "actions", "command", "commands", "trigger", "triggers"})
"""Words of a table whose rows are done by whoever reads them."""
_NEAR = re.compile(r"(localhost|[\w-]+|[\w.-]+\.(local|lan|home|internal))", re.IGNORECASE)


def is_order(event: Event) -> bool:
    """`client.publish("lamp/set", message)`, `requests.post("http://10.0.0.5/relay")`, `stopping.set()`."""
    if event.kind != "act":
        return False
    told = event.labels >= {"client", "message"}
    words = lexicon.words_of(name_of(event))
    named = [*event.values[:1], *(value for name, value in event.words if name in _TOPICS)]
    texts = [text for one in named for text in literals_of(one)]
    if _SOCKETS & words_before(event):  # `worker.send_json({"command": "stop"})`
        texts += [
            key
            for one in event.values[:1]
            if isinstance(one, Mapping)
            for key in one.items
            if isinstance(key, str)
        ]
    before = words_before(event)
    worker = _WORKERS & before or ("zmq" in before and _TO_WORKERS & before)
    if told and words[:1] and words[0] in _SENDS and worker:
        return True
    if words[:1] in (["insert"], ["create"]) and (told or event.selected):
        return bool(_TABLES & _words_of_table(event))
    if _PUBLISHES & set(words):
        return (told or event.selected) and any(
            _ORDERS & set(lexicon.words_of(one)) for one in texts
        )
    if words[:1] and words[0] in _REQUESTS and texts and texts[0].startswith("http"):
        return (told or event.selected) and _is_near(texts[0])
    return words == ["set"] and event.selected and bool(_ENDS & words_before(event))


def is_lined_up(event: Event) -> bool:
    """`commands.append(message)`: another part of the program does what is in the list."""
    held = event.receiver
    if event.kind not in {"act", "call"} or not event.labels >= {"client", "message"}:
        return False
    if isinstance(held, Mapping | Sequence) or (held is not None and "client" in labels_of(held)):
        return False  # what is shared of these is acted upon
    before = words_before(event)
    lines_up = bool(_LINES_UP & set(lexicon.words_of(name_of(event))[:1]))
    return lines_up and bool(_LINED_UP & before) and not _KEPT & before


def _words_of_table(event: Event) -> set[str]:
    """The words of `db.commands.insert(...)` and of `r.table("triggers").insert(...)`."""
    called = event.node.func if isinstance(event.node, ast.Call) else event.node
    named = (
        one.value
        for one in ast.walk(called)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )
    return words_before(event).union(*map(lexicon.words_of, named))


def is_of_the_machine(event: Event) -> bool:
    """Whether it is done to a port: there is one of it, whoever opens it."""
    return bool(_PORTS & words_before(event))


def is_device(event: Event) -> bool:
    """Whether it is done to something that moves, shines or heats, and that is not found by what is said."""
    found = event.receiver is not None and "client" in event.receiver.labels
    return not found and bool(_DEVICES & words_before(event, behind="Client"))


def is_sent_to_device(event: Event) -> bool:
    """`printer.send(message)`: what is only said to others is done by a device."""
    words = lexicon.words_of(name_of(event))
    return bool(_SENDS & set(words[:1])) and is_device(event)


def _is_near(address: str) -> bool:
    """Whether an address is that of a machine of the own network, which asks nobody of it."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return _NEAR.fullmatch(host) is not None
