"""The class of a host is recognised by its name, without an import."""

from __future__ import annotations

from collections import OrderedDict

from stormdoor.apps.host_class import is_instance_of


class _Own(OrderedDict[str, str]):
    """A subclass of a class of a host."""


def test_a_subclass_is_recognised_and_a_namesake_is_not() -> None:
    """Module and name both count."""
    assert is_instance_of(_Own(), "collections", "OrderedDict")
    assert not is_instance_of(_Own(), "another", "OrderedDict")
    assert not is_instance_of({}, "collections", "OrderedDict")
