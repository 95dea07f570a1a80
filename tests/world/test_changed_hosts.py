"""A host with other internals than those that its adapter relies on does not serve: it ends at the start."""

from __future__ import annotations

import textwrap

import pytest

from tests.world.application import Recipe
from tests.world.applications import applications
from tests.world.client import FailedError
from tests.world.environment import require
from tests.world.site import started

pytestmark = [pytest.mark.installs, pytest.mark.slow, pytest.mark.unmeasured]

_DOCUMENTS = """\
from bokeh.application import Application


async def nothing(self, request):
    return {}


Application.process_request = lambda self, request: {}
Application.process_request_async = nothing
"""
"""As Bokeh 3.10 was for an adapter that replaced `process_request`: no token names its principal."""

_USERS = """\
from jupyter_server.auth import User
from jupyter_server.base.handlers import JupyterHandler


async def prepare(self):
    self.current_user = User("anyone")


JupyterHandler.prepare = prepare
"""

_SESSIONS = """\
from streamlit.web.server.browser_websocket_handler import BrowserWebSocketHandler

BrowserWebSocketHandler.open = lambda self: self._runtime.other_session(client=self)
"""

_CHANGES = {
    "bokeh": (_DOCUMENTS, "from bokeh.__main__ import main\nmain()"),
    "panel": (_DOCUMENTS, "from panel.command import main\nmain()"),
    "dask": (_DOCUMENTS, "from dask.__main__ import main\nmain()"),
    "streamlit": (_SESSIONS, "from streamlit.web.cli import main\nmain()"),
    "jupyterlab": (_USERS, "from jupyterlab.labapp import main\nmain()"),
    "kernelgateway": (_USERS, "from kernel_gateway import launch_instance\nlaunch_instance()"),
}


@pytest.mark.parametrize("name", sorted(_CHANGES))
def test_a_changed_host_ends_at_the_start(name: str) -> None:
    """The message names the adapter and the tested releases; with `--any-release`, too."""
    require(name)
    application = applications()[name]
    change, main = _CHANGES[name]
    words = list(application.guarded.command)
    by_run = words.index("--") + 1 if "--" in words else 0
    host = words[by_run:]
    arguments = host[2:] if host[0] == "jupyter" else host[1:]
    program = f"{change}\nif __name__ == '__main__':\n" + textwrap.indent(main, "    ")
    files = {**application.guarded.files, "changed.py": program}
    for options in ([], ["--any-release"]) if by_run else ([],):
        command = [*words[:by_run], "python", "changed.py", *arguments]
        command[by_run - 1 : by_run - 1] = options
        recipe = Recipe(files, command, application.guarded.environ)
        with pytest.raises(FailedError, match="it ended with") as raised:
            with started(application, recipe):
                pass
        _, fits, said = str(raised.value).partition("does not fit ")
        assert fits
        assert f"{application.packages[-1]} " in said.partition("Install")[0]
