"""The errors in the command line of `stormdoor run` say what to write."""

from __future__ import annotations

from typing import Any

import pytest

from stormdoor.cli.run import run
from stormdoor.cli.usage import UsageError


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ([], {}, "stormdoor run -- jupyter lab"),
        (["--page", "--", "app.py"], {}, "--page is no option of stormdoor run"),
        (["true"], {"origin": ("plots.example",)}, "--origin: 'plots.example' is not an origin"),
        (["true"], {"insecure_allow_http": ("localhost",)}, "127.0.0.1:8787"),
    ],
)
def test_an_error_names_the_line(command: list[str], options: dict[str, Any], message: str) -> None:
    """Nothing is started, and the message has the correct line."""
    with pytest.raises(UsageError) as raised:
        run(*command, **options)
    assert message in str(raised.value)
