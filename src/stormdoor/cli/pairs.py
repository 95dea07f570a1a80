"""Parse attributes of a command line.

`name=text` is always a text; `name:=json` is any JSON value. A badge number `007` keeps its zeros, and a
list needs no nested quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from stormdoor.cli.usage import UsageError

__all__ = ["attributes"]


def attributes(written: Iterable[str]) -> dict[str, object]:
    """Return the attributes in `department=support` and `rooms:=["lobby"]`.

    Raises:
        UsageError: One has neither form.
    """
    found: dict[str, object] = {}
    for one in written:
        name, equals, value = one.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name.isidentifier():
            raise UsageError(f"{one!r} is no attribute; write name=text or name:=json")
        if name in found:
            raise UsageError(f"the attribute {name!r} is given twice")
        if not is_json:
            found[name] = value
            continue
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError as error:
            raise UsageError(f"the value of {name!r} is not JSON ({error})") from None
    return found
