"""Guard Jupyter Server, JupyterLab, Notebook 7 and the single-user servers of JupyterHub.

This module is the extension of Jupyter Server: `jupyter server extension enable stormdoor.apps.jupyter`.

Jupyter logs an exception of an extension and goes on without it. So everything else is imported inside of
`_load_jupyter_server_extension`, which ends the server instead.
"""

from __future__ import annotations

from typing import Any

__all__: list[str] = []


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return the extension points (called by Jupyter Server)."""
    return [{"module": "stormdoor.apps.jupyter"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Guard the server, or end it (called by Jupyter Server).

    Raises:
        SystemExit: The server cannot be guarded. Jupyter does not catch it.
    """
    try:
        from stormdoor.apps.jupyter.extension import guard_server  # noqa: PLC0415 - see above

        guard_server(serverapp)
    except Exception as error:
        serverapp.log.critical("stormdoor: this server is not guarded and ends: %s", error)
        serverapp.log.debug("stormdoor: the traceback", exc_info=True)
        raise SystemExit(1) from error
