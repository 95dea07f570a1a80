"""What a message has a device, another program or a worker do, by what these are called."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from stormdoor.auditor.interpreter.events import Event
from stormdoor.auditor.interpreter.values import Const
from stormdoor.auditor.judging.wording import name_of, words_before
from stormdoor.auditor.naming import lexicon

__all__ = ["is_device", "is_of_the_machine", "is_order"]

_PORTS = frozenset({"bluetooth", "gpio", "i2c", "serial", "smbus", "spi", "uart", "usb"})
_DEVICES = _PORTS | frozenset(
    {"actuator", "arm", "camera", "drone", "heater", "lamp", "laser", "led", "leds", "motor"}
    | {"motors", "pixel", "pixels", "plotter", "printer", "pump", "relay", "relays", "robot"}
    | {"servo", "servos", "strip", "thermostat", "valve"}
)
"""Words for what moves, shines or heats."""
_PUBLISHES = frozenset({"publish"})
_ORDERS = frozenset({"cmd", "cmnd", "command", "commands", "control", "relay", "set", "switch"})
"""Words of a topic that a device listens to."""
_ENDS = frozenset(
    {"abort", "cancel", "cancelled", "emergency", "exiting", "halt", "halted", "pause", "paused"}
    | {"quit", "shutdown", "stop", "stopped", "stopping"}
)
"""Words of a flag that a loop of the program looks at."""
_REQUESTS = frozenset({"delete", "patch", "post", "put"})
_NEAR = re.compile(r"(localhost|[\w-]+|[\w.-]+\.(local|lan|home|internal))", re.IGNORECASE)


def is_order(event: Event) -> bool:
    """`client.publish("lamp/set", message)`, `requests.post("http://10.0.0.5/relay")`, `stopping.set()`."""
    if event.kind != "act":
        return False
    told = event.labels >= {"client", "message"}
    words = lexicon.words_of(name_of(event))
    first = event.values[0] if event.values else None
    topic = first.value if isinstance(first, Const) and isinstance(first.value, str) else ""
    if _PUBLISHES & set(words):
        return (told or event.selected) and bool(_ORDERS & set(lexicon.words_of(topic)))
    if words[:1] and words[0] in _REQUESTS and topic.startswith(("http://", "https://")):
        return (told or event.selected) and _is_near(topic)
    return words == ["set"] and event.selected and bool(_ENDS & words_before(event))


def is_of_the_machine(event: Event) -> bool:
    """Whether it is done to a port: there is one of it, whoever opens it."""
    return bool(_PORTS & words_before(event))


def is_device(event: Event) -> bool:
    """Whether it is done to something that moves, shines or heats."""
    return bool(_DEVICES & words_before(event))


def _is_near(address: str) -> bool:
    """Whether an address is that of a machine of the own network, which asks nobody of it."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return _NEAR.fullmatch(host) is not None
