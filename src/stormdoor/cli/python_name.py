"""Import an object of the application that the operator names as `module:NAME`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TypeVar

from stormdoor.cli.usage import UsageError

__all__ = ["imported"]

_Value = TypeVar("_Value")


def imported(name: str, kind: type[_Value]) -> _Value:
    """Return the object of that name. Its module is installed, or in the current directory.

    Raises:
        UsageError: It is missing, or of another type.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise UsageError(f"{name!r} is no module:NAME; write for example app.door:NAME")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: object = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{name} cannot be imported: {error}") from error
    if not isinstance(found, kind):
        raise UsageError(f"{name} is no {kind.__name__} but of type {type(found).__name__}")
    return found
