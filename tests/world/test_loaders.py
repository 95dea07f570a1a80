"""Loaders that go on after an error: what serves unguarded, and the switch that makes it fatal."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.world.application import Application, Recipe
from tests.world.applications import applications
from tests.world.checks import served_after_broken_import
from tests.world.client import RefusedError, open_socket
from tests.world.environment import require
from tests.world.site import started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_SWITCH = "c.ServerApp.reraise_server_extension_failures = True\n"
_LOADED = 'c.ServerApp.jpserver_extensions = {"door": True}\n'
_TOKEN = "c0ffee" * 4
_CONFIG = "jupyter_server_config.py"


def _installed(name: str) -> Application:
    require(name)
    return applications()[name]


def _jupyter(*lines: str) -> tuple[Application, Recipe]:
    """Jupyter with its own login, which loads the extension that the page shows."""
    application = _installed("jupyterlab")
    files = {**application.guarded.files, _CONFIG: f"{_LOADED}{''.join(lines)}"}
    command = [*application.guarded.command, f"--IdentityProvider.token={_TOKEN}"]
    return application, replace(application.guarded, files=files, command=command)


async def _events(address: str) -> None:
    client = applications()["jupyterlab"].enter
    assert client is not None
    from tests.world.client import Client

    entered = await client(Client(address, origin=address), False)
    socket = await open_socket(entered, "/api/events/subscribe")
    await socket.close()


def test_jupyter_goes_on_without_the_guard() -> None:
    """Without the switch, a broken import leaves Jupyter's sockets to Jupyter's own login."""
    application, recipe = _jupyter()
    files = dict(recipe.files)
    files["door.py"] = f"import a_module_that_is_not_there\n{files['door.py']}"
    with started(application, replace(recipe, files=files)) as site:
        asyncio.run(_events(site.address))


def test_the_switch_of_jupyter_makes_a_broken_import_fatal() -> None:
    """With `reraise_server_extension_failures`, Jupyter ends."""
    application, recipe = _jupyter(_SWITCH)
    assert served_after_broken_import(application, recipe) is None


def test_a_guard_that_cannot_be_made_closes_jupyters_sockets() -> None:
    """Without the switch, Jupyter serves, and its sockets answer 503."""
    application, recipe = _jupyter()
    files = dict(recipe.files)
    files["door.py"] = files["door.py"].replace("sqlite:door.db", "nothing:door.db")
    with started(application, replace(recipe, files=files)) as site:
        with pytest.raises(RefusedError) as refused:
            asyncio.run(_events(site.address))
    assert refused.value.status == 503


def test_dask_goes_on_after_its_preload_and_answers_503() -> None:
    """Dask has no switch: an exception in `dask_setup` is logged, and `protect` has closed the sockets."""
    application = _installed("dask")
    files = dict(application.guarded.files)
    files["door.py"] = files["door.py"].replace("sqlite:door.db", "nothing:door.db")
    with started(application, replace(application.guarded, files=files)) as site:
        for path in ("/eventstream", "/status/ws"):
            with pytest.raises(RefusedError) as refused:
                asyncio.run(open_socket(site.client("alice"), path))
            assert refused.value.status == 503


@pytest.mark.parametrize("name", sorted(set(applications()) - {"jupyterlab"}))
def test_a_broken_import_ends_the_host(name: str) -> None:
    """Hosts that need no switch: they end by themselves."""
    application = _installed(name)
    assert served_after_broken_import(application, application.guarded) is None
