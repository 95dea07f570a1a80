"""The declared permission of each type of message."""

from typing import Any

import pytest

from stormdoor import ConfigurationError, MessagePermissions, PolicyError
from stormdoor.core.readers import Unreadable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "yaml"}, r"format: there is no 'yaml'; there are: json, jupyter"),
        ({"format": "jupiter"}, 'did you mean "jupyter"'),
        ({"type": None}, r'type: the format \'json\' needs one; write type = "/type"'),
        ({"format": "bokeh"}, "type: the format 'bokeh' has its own place; leave type out"),
        ({"type": "type"}, r'type: \'type\' is not a JSON pointer; write "/type"'),
        ({"permissions": {}}, "permissions: none is declared, so that each message is refused"),
        ({"refused": "ignore"}, 'refused: write "drop" or "close"'),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    """The message begins with the option, and says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        MessagePermissions(
            **{"format": "json", "type": "/type", "permissions": {"a": "x:y"}, **options}
        )


@pytest.mark.parametrize("options", [{"permissions": {"a": "X y"}}, {"default": "X y"}])
def test_permissions_are_checked(options: dict[str, Any]) -> None:
    """A permission is written as everywhere else."""
    with pytest.raises(PolicyError):
        MessagePermissions(format="json", type="/type", **options)


def test_required() -> None:
    """A declared type needs its permission, every other one the default."""
    declared = {"format": "json", "type": "/type", "permissions": {"say": "chat:say"}}
    assert MessagePermissions(**declared).required("say") == "chat:say"  # type: ignore[arg-type]
    assert MessagePermissions(**declared).required("kick") is None  # type: ignore[arg-type]
    strict = MessagePermissions(**declared, default="chat:kick")  # type: ignore[arg-type]
    assert strict.required("kick") == "chat:kick"


@pytest.mark.parametrize(
    "type", ["SAY", "say ", " say", "\uff53\uff41\uff59", "sa\u00a0y", "\u017fay"]
)
def test_types_that_resemble_a_declared_one(type: str) -> None:
    """They get no default: a host without regard to case or width might take them for `say`."""
    declared = MessagePermissions(
        format="json", type="/type", permissions={"say": "chat:say"}, default="chat:connect"
    )
    with pytest.raises(Unreadable):
        declared.required(type)
