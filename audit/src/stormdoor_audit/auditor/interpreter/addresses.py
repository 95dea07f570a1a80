"""Addresses, taken apart."""

from urllib.parse import urlsplit

from stormdoor_audit.auditor.interpreter.values import Const, Mapping, Setting, Value, settled

__all__ = ["PARTS", "parsed", "parts_in_order"]

_LONGEST = 512
PARTS = ("scheme", "netloc", "path", "params", "query", "fragment")
"""Parts of the tuple that `urlparse` returns."""

_SELDOM = frozenset({"params", "query", "fragment"})
"""Parts that the address of a page lacks under every configuration."""


def parsed(value: Const | Setting) -> Value | None:
    """A table of the parts of an address; those of a setting are settings. None where it is none."""
    address = settled(value)
    if isinstance(value, Setting) and address is None:
        return _table(value, dict.fromkeys([*PARTS, "hostname", "port", "url"]))
    if not isinstance(address, Const) or not isinstance(address.value, str):
        return None
    if len(address.value) > _LONGEST:
        return None
    try:
        parts = urlsplit(address.value)
        fields: dict[str, object] = {
            "scheme": parts.scheme,
            "netloc": parts.netloc,
            "hostname": parts.hostname,
            "port": parts.port,
            "path": parts.path,
            "query": parts.query,
            "fragment": parts.fragment,
            "url": address.value,
            "username": parts.username,
            "password": parts.password,
            "params": "",
        }
    except ValueError:
        return None
    return _table(value, fields)


def parts_in_order(value: Value) -> list[Value]:
    """Return a parsed address as a tuple of its parts; an empty list for another value."""
    if isinstance(value, Mapping) and value.text == "urlparse":
        return [value.items[name] for name in PARTS]
    return []


def _table(value: Const | Setting, fields: dict[str, object]) -> Value:
    return Mapping({key: _part(value, key, part) for key, part in fields.items()}, text="urlparse")


def _part(value: Const | Setting, key: str, part: object) -> Value:
    if isinstance(value, Const):
        return Const(part, value.labels)
    if key in _SELDOM:
        return Const(part or "", value.labels)
    name = f"{key} of {value.name}"
    known = None if value.default is None else Const(part, value.labels)
    return Setting(name, known, value.labels, name)
