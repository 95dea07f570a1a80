"""The adapter of Voila. Its pages need the permission as well: each one runs a notebook."""

from stormdoor.apps.adapter import Releases
from stormdoor.apps.by_module import adapter_of_module

__all__ = ["ADAPTER"]

ADAPTER = adapter_of_module("voila", "voila", [Releases("voila", "0.5.11", "0.5")])
