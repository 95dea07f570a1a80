"""Examples in a description of an interface: of a parameter, of a message.

INVARIANT: nothing is made up. A value comes from the description (an example, a default, a constant, the
first of an enumeration), or it is the owner's own id of the kind that the field is named after.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Document", "as_list", "as_table"]

_HOPS = 16
_DEPTH = 12
_MOST = 24
_LOOKS = 20_000
"""Schemas that are looked at in one document: some refer to themselves, several times."""
_LONGEST = 64 * 1024
_NOTHING = object()


def as_table(value: Any) -> dict[str, Any]:
    """A table; an empty one where it is none."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A list; an empty one where it is none."""
    return value if isinstance(value, list) else []


class Document:
    """A description, with what its references lead to.

    Args:
        whole: What the file says.
        ids: The owner's ids by their kind: a parameter or field of that name gets them.
    """

    def __init__(self, whole: dict[str, Any], ids: Mapping[str, str]) -> None:
        self.whole = whole
        self.ids = ids
        self._looks = _LOOKS

    def at(self, value: Any) -> dict[str, Any]:
        """The table itself, or the one that its `$ref` leads to within this document."""
        one = as_table(value)
        for _ in range(_HOPS):
            ref = one.get("$ref")
            if not isinstance(ref, str):
                return one
            found: Any = self.whole if ref.startswith("#/") else {}
            for part in ref.removeprefix("#/").split("/"):
                name = part.replace("~1", "/").replace("~0", "~")
                found = as_table(found).get(name)
            one = as_table(found)
        return {}

    def refers(self, value: Any) -> str:
        """The last part of a reference, which is the name of what it leads to."""
        ref = as_table(value).get("$ref")
        last = ref.rpartition("/")[2] if isinstance(ref, str) else ""
        return last.replace("~1", "/").replace("~0", "~")

    def parameter(self, name: str, value: Any) -> str:
        """Return the value of a parameter; "" if that is not known."""
        if name in self.ids:
            return self.ids[name]
        one = self.at(value)
        for place in (one, self.at(one.get("schema"))):
            for found in _given(place):
                if isinstance(found, str | int | float) and not isinstance(found, bool):
                    return str(found)
        return ""

    def payloads(self, message: Any) -> list[str]:
        """The examples of a message as they are sent; or one that its schema's own values make up."""
        one = self.at(message)
        examples = [as_table(each) for each in as_list(one.get("examples"))]
        found = [each["payload"] for each in examples if "payload" in each]
        schema = self.at(one.get("payload"))
        # AsyncAPI 3 may name the format of the schema beside it.
        schema = self.at(schema["schema"]) if "schemaFormat" in schema else schema
        if not found and (made := self._value(schema, _DEPTH)) is not _NOTHING:
            found = [made]
        texts = [_text(self._own(each, _DEPTH)) for each in found[:_MOST]]
        return [one for one in texts if len(one) <= _LONGEST]

    def _value(self, schema: dict[str, Any], depth: int) -> Any:
        """A value that the schema itself gives; `_NOTHING` where it leaves one open."""
        self._looks -= 1
        if depth == 0 or self._looks < 0:
            return _NOTHING
        for value in _given(schema):
            return value
        parts = [self._value(self.at(one), depth - 1) for one in as_list(schema.get("allOf"))]
        for name in ("oneOf", "anyOf"):
            each = (self._value(self.at(one), depth - 1) for one in as_list(schema.get(name)))
            parts += [next((one for one in each if one is not _NOTHING), _NOTHING)] * (
                name in schema
            )
        if schema.get("type") == "array":
            inner = self._value(self.at(schema.get("items")), depth - 1)
            return _NOTHING if inner is _NOTHING else [inner]
        made: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, dict):
                return part if len(parts) == 1 and "properties" not in schema else _NOTHING
            made |= part
        needed = as_list(schema.get("required"))
        for name, one in as_table(schema.get("properties")).items():
            known = self.ids.get(name, _NOTHING)
            value = self._value(self.at(one), depth - 1) if known is _NOTHING else known
            if value is not _NOTHING:
                made[name] = value
            elif name in needed:
                return _NOTHING
        return made or _NOTHING

    def _own(self, value: Any, depth: int) -> Any:
        """The value about the owner's objects, where fields are named after their kind."""
        if depth == 0:
            return value
        if isinstance(value, list):
            return [self._own(one, depth - 1) for one in value]
        if not isinstance(value, dict):
            return value
        return {name: self._field(name, one, depth) for name, one in value.items()}

    def _field(self, name: str, value: Any, depth: int) -> Any:
        own = self.ids.get(name)
        if own is None or isinstance(value, dict | list):
            return self._own(value, depth - 1)
        return int(own) if isinstance(value, int) and own.isdecimal() else own


def _given(schema: dict[str, Any]) -> Iterator[Any]:
    """The values that stand in a schema, or in a parameter, itself."""
    for name in ("const", "default", "example"):
        if name in schema and schema[name] not in (None, ""):
            yield schema[name]
    for name in ("examples", "enum"):
        found = schema.get(name)
        if isinstance(found, list):
            yield from found[:1]
        elif isinstance(found, dict):  # OpenAPI gives them names
            yield from (
                as_table(one)["value"] for one in found.values() if "value" in as_table(one)
            )


def _text(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
