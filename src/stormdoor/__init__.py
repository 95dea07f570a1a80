"""stormdoor: authentication and authorisation for every WebSocket of a Tornado application.

A name is imported at its first use: a command such as `stormdoor scan` imports neither Tornado nor
cryptography, and an application imports only the parts that it uses. `__init__.pyi` lists the names.
"""

import ast
from importlib import import_module
from pathlib import Path


def _homes() -> dict[str, str]:
    """Return the module of each public name."""
    stub = Path(__file__).with_suffix(".pyi").read_text("utf-8")
    imports = [one for one in ast.parse(stub).body if isinstance(one, ast.ImportFrom)]
    return {alias.name: str(one.module) for one in imports for alias in one.names}


_HOMES = _homes()
_MOVED = {
    "Meta": "msgspec",
    "dpop_proof": "stormdoor.client",
    "sign_offer": "stormdoor.client",
    "sign_request": "stormdoor.client",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - the names of the stub


def __getattr__(name: str) -> object:
    if name in _MOVED:
        # An ImportError keeps its message in `from stormdoor import ...`.
        raise ImportError(f"stormdoor has no {name}; write from {_MOVED[name]} import {name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
