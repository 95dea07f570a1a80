"""Loaders that go on after an error: what serves unguarded, and the switch that makes it fatal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.world.application import Application, Recipe
from tests.world.applications import applications
from tests.world.client import FailedError
from tests.world.environment import require
from tests.world.site import started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_CONFIG = "jupyter_server_config.py"


def _installed(name: str) -> Application:
    require(name)
    return applications()[name]


def _jupyter(edit: tuple[str, str] = ("", ""), **files: str) -> tuple[Application, Recipe]:
    """Jupyter as its page shows, with one text of the configuration replaced, and more files."""
    application = _installed("jupyterlab")
    config = application.guarded.files[_CONFIG]
    assert edit[0] in config
    more = {".".join(name.rsplit("_", 1)): text for name, text in files.items()}
    changed = {**application.guarded.files, _CONFIG: config.replace(*edit), **more}
    return application, replace(application.guarded, files=changed)


def _ends(application: Application, recipe: Recipe) -> str:
    """Return what Jupyter logs before it ends by itself."""
    with pytest.raises(FailedError) as ended:
        with started(application, recipe):
            pass
    assert str(ended.value).startswith("it ended with 1:")
    return str(ended.value)


def test_jupyter_ends_with_a_broken_import_in_the_adapter() -> None:
    """Jupyter's loader catches exceptions of extensions, and would serve without the guard."""
    seen = _ends(*_jupyter(msgspec_py="import a_module_that_is_not_there\n"))
    assert "this server is not guarded and ends: No module named" in seen


def test_jupyter_ends_with_a_guard_that_cannot_be_made() -> None:
    """The log names the option."""
    seen = _ends(*_jupyter(("sqlite:door.db", "nothing:door.db")))
    assert "this server is not guarded and ends" in seen
    assert "the URL of a store is" in seen


def test_jupyter_ends_with_messages_of_a_path_that_the_operator_mistyped() -> None:
    """A path of the preset may belong to an extension that is not installed; this one checks no message."""
    config = """
[[protect.messages]]
path = "/api/kernel/[^/]+/channels"
format = "jupyter"
default = "kernels:execute"
"""
    application, recipe = _jupyter(stormdoor_toml=config)
    seen = _ends(application, recipe)
    assert "messages names /api/kernel/[^/]+/channels, and no route of that name is there" in seen
    assert "/api/collaboration/room" not in seen


def test_jupyter_ends_without_a_login_of_its_own() -> None:
    """With an empty token, Jupyter accepts every client as a user."""
    application, recipe = _jupyter()
    command = [*recipe.command, "--IdentityProvider.token=", "--PasswordIdentityProvider.token="]
    seen = _ends(application, replace(recipe, command=command))
    assert "Jupyter asks for no login" in seen
