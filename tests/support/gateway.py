"""The kind of credential of the guide docs/how-to/write-an-authenticator.md, as files."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from pathlib import Path

from stormdoor.auth.kinds import ENTRY_POINTS
from tests.docs.pages import blocks
from tests.support.distributions import install_module
from tests.support.project import ROOT

__all__ = ["CONFIGURATION", "MODULE", "SECRET", "TEST", "header", "install"]

_PAGE = ROOT / "docs" / "how-to" / "write-an-authenticator.md"
_PYTHON = [one.text for one in blocks(_PAGE, "python")]

MODULE = "\n\n".join(
    _PYTHON[: next(at for at, text in enumerate(_PYTHON) if "KIND = Kind(" in text) + 1]
)
"""The module of the guide: the authenticator, its settings and its `Kind`."""

TEST = next(one for one in _PYTHON if "check_authenticator" in one)
"""The test of the guide."""

_ENTRY, CONFIGURATION = (one.text for one in blocks(_PAGE, "toml"))

SECRET = "0123456789abcdef" * 2


def install(folder: Path) -> None:
    """Install the distribution of the guide, with the entry point that the guide writes."""
    (entries,) = (tomllib.loads(_ENTRY)["project"]["entry-points"][ENTRY_POINTS].items(),)
    ((name, value),) = entries
    module = value.partition(":")[0]
    install_module(folder, module, MODULE, f"[{ENTRY_POINTS}]\n{name} = {value}\n")


def header(name: str, at: float, secret: str = SECRET) -> str:
    """The value of `X-Gateway` that the gateway signs."""
    text = f"{name} {at:.0f}"
    return f"{text} {hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"
