"""JSON that a peer sends: it may be malformed, nested too deeply, or of another type than expected."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["read_json", "read_object"]


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; None if it is no JSON, or nested too deeply for the parser."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def read_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the value of a JSON text if it is an object, else None."""
    found = read_json(text)
    return found if isinstance(found, dict) else None
