"""The authenticators of a configuration file."""

from __future__ import annotations

from stormdoor.auth.authenticator import Authenticator
from stormdoor.config.document import Document

__all__ = ["build_authenticators"]


def build_authenticators(document: Document) -> list[Authenticator]:
    """Build the authenticators of a file, in its order. Mistakes are noted in the document."""
    made = [
        one.kind.make(one.settings, document.section(*one.place)) for one in document.authenticators
    ]
    return [one for one in made if one is not None]
