"""Starts the provider of the tests for `examples/openid.py`: `python -m tests.support.openid.serve [PORT]`.

Any name and password will do; with something in the third field the login counts as one with two factors.
It knows nothing of what it is told and forgets everything at its end: it is for trying out.
"""

import contextlib
import signal
import sys

from tests.support.openid.provider import RealProvider, Unavailable, provider_here

__all__ = ["register", "serve"]


def register(provider: RealProvider, port: int) -> dict[str, str]:
    """Make the example known, which listens on that port. Returns what it wants in its environment."""
    at = f"http://127.0.0.1:{port}"
    provider.register(
        "chat",
        redirect_uris=[f"{at}/auth/oidc/callback"],
        post_logout_redirect_uris=[f"{at}/auth/oidc/logged-out"],
        backchannel_logout_uri=f"{at}/auth/oidc/backchannel-logout",
        backchannel_logout_session_required=True,
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
    except Unavailable as reason:
        sys.stderr.write(f"no OpenID provider: {reason}\n")
        return 1
    for name, value in register(provider, port).items():
        sys.stdout.write(f'export {name}="{value}"\n')
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    provider.close()
    return 0


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8888))
