"""Starts the provider of the tests for `examples/openid.py`: `python -m tests.support.openid.serve [PORT]`.

Any name and password will do; with something in the third field the login counts as one with two factors.
It knows nothing of what it is told and forgets everything at its end: it is for trying out.
"""

import contextlib
import signal
import sys
from typing import Any

from tests.support.installing import NotInstalledError
from tests.support.openid.provider import RealProvider, provider_here

__all__ = ["register", "serve"]


def register(provider: RealProvider, at: str) -> dict[str, str]:
    """Make the example known, which is at that address. Returns what it wants in its environment."""
    # A confirmed logout uses the back channel, and a request can ask for the front channel.
    logout: dict[str, Any] = {
        f"{channel}_logout_{name}": value
        for channel in ("backchannel", "frontchannel")
        for name, value in (
            ("uri", f"{at}/auth/oidc/{channel}-logout"),
            ("session_required", True),
        )
    }
    provider.register(
        "chat",
        redirect_uris=[f"{at}/auth/oidc/callback"],
        post_logout_redirect_uris=[f"{at}/auth/oidc/logged-out"],
        **logout,
    )
    return {
        "OPENID_ISSUER": provider.issuer,
        "OPENID_CLIENT": "chat",
        "OPENID_SECRET": provider.secret("chat"),
    }


def serve(port: int) -> int:
    """Start it, print what to export, and wait for Ctrl-C."""
    try:
        provider = provider_here()
    except NotInstalledError as reason:
        sys.stderr.write(f"no OpenID provider: {reason}\n")
        return 1
    for name, value in register(provider, f"http://127.0.0.1:{port}").items():
        sys.stdout.write(f'export {name}="{value}"\n')
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    provider.close()
    return 0


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
