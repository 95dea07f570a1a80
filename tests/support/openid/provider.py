"""Starts the real provider of `provider.mjs` once a session, and steers it.

A `conftest.py` takes the fixtures with `from tests.support.openid.provider import openid, provider`.
`provider` is the one to ask for: the same process, with everything forgotten that an earlier test did.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from tests.support.installing import NotInstalledError, made_once, missing, run
from tests.support.project import ROOT

__all__ = ["RealProvider", "openid", "provider", "provider_here"]

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json", "provider.mjs")
_NODE = 20
_PATIENCE = 60.0  # only a failure takes that long
_ATTEMPTS = 3


def _tool(name: str) -> str:
    if (path := shutil.which(name)) is None:
        raise NotInstalledError(f"{name} is not on PATH")
    return path


def _node() -> str:
    node = _tool("node")
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.", printed)
    if version is None or int(version[1]) < _NODE:
        raise NotInstalledError(f"node {printed.strip()} is older than {_NODE}")
    return node


def _installed() -> Path:
    """The folder in which the provider and its packages lie: made once, for all that run at a time."""
    npm = _tool("npm")
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _FILES)).hexdigest()

    def install(folder: Path) -> None:
        folder.mkdir()
        for name in _FILES:
            shutil.copy(_HERE / name, folder)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    return made_once(ROOT / "build" / "openid" / digest[:16], install)


class RealProvider:
    """One provider process.

    Args:
        node: The interpreter.
        folder: Where `provider.mjs` and its packages are.

    Attributes:
        issuer: Its address and name.
        folder: Also holds `log`, what it has complained about.
    """

    def __init__(self, node: str, folder: Path) -> None:
        self.folder = folder
        self.issuer = ""
        self._node = node
        self._control = ""
        self._process: subprocess.Popen[str] | None = None
        self._client = httpx2.Client(timeout=_PATIENCE, trust_env=False)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it; after `kill`, at the address that it had."""
        for _ in range(_ATTEMPTS):
            if line := self._launch():
                break
            self.kill()
        else:
            raise AssertionError(f"the provider did not start; see {self.folder}/log.*")
        told = json.loads(line)
        self.issuer, self._control = told["issuer"], told["control"]
        return self

    def _launch(self) -> str:
        """Start the provider and return its first line; empty if it ended or hung, as Node may."""
        port = self.issuer.rpartition(":")[2] or "0"
        with (self.folder / f"log.{os.getpid()}").open("a") as log:
            self._process = subprocess.Popen(
                [self._node, "provider.mjs", port],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        return self._process.stdout.readline() if ready else ""

    def kill(self) -> None:
        """End it as a crash would; keys, clients, logins and tokens are lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._client.close()

    @property
    def running(self) -> bool:
        """True after its start and before its kill."""
        return self._process is not None

    # -- control -----------------------------------------------------------------------------------

    def _steer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._client.request(method, self._control + path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def forget(self) -> None:
        """Forget clients, accounts, logins, tokens and mischief; the keys stay."""
        self._steer("DELETE", "/state")

    def rotate_keys(self, *, keep: bool = True) -> list[str]:
        """Sign with new keys. Returns the ids of all that are published.

        Args:
            keep: Whether the old ones still are.
        """
        kids: list[str] = self._steer("POST", "/keys", {"keep": keep})["kids"]
        return kids

    def behave(self, path: str, mode: str, **how: Any) -> None:
        """Answer requests for `path` (`*` for all) in some way until `behave_well`.

        Args:
            path: `/.well-known/openid-configuration`, `/jwks`, `/token`, `/token/introspection`, …
            mode: `slow` (an honest answer, `seconds` late), `hang`, `drop`, `garbage`, `huge`, `drip`,
                `redirect` (to `body`), `answer` (`status`, `body`, `type`).
            how: Of the mode.
        """
        self._steer("PUT", "/behaviour", {"path": path, "mode": mode, **how})

    def behave_well(self) -> None:
        """End all mischief."""
        self._steer("DELETE", "/behaviour")

    @property
    def requests(self) -> dict[str, int]:
        """Number of requests by path, since `forget_requests`."""
        counted: dict[str, int] = self._steer("GET", "/requests")
        return counted

    def forget_requests(self) -> None:
        """Count from zero."""
        self._steer("DELETE", "/requests")

    def register(self, client_id: str = "app", **metadata: Any) -> dict[str, Any]:
        """Make a client known. Returns what the provider made of it.

        Args:
            client_id: Its id; its secret is `the secret of ` and the id.
            metadata: As of a registration: `redirect_uris`, `post_logout_redirect_uris`,
                `backchannel_logout_uri`, `frontchannel_logout_uri`, `id_token_signed_response_alg`,
                `token_endpoint_auth_method`, `grant_types`, …
        """
        client = {"client_id": client_id, **metadata}
        if metadata.get("token_endpoint_auth_method") != "none":
            client.setdefault("client_secret", self.secret(client_id))
        if "redirect_uris" not in client:  # a service or a resource server
            client |= {"redirect_uris": [], "response_types": []}
            client.setdefault("grant_types", ["client_credentials"])
        known: dict[str, Any] = self._steer("PUT", "/client", client)
        return known

    @staticmethod
    def secret(client_id: str) -> str:
        """The secret of a registered client."""
        return f"the secret of {client_id}"

    def take_form(self, **form: Any) -> str:
        """Take the form of another provider, until `forget`. Returns its issuer.

        Args:
            form: `prefix` (the path of its issuer), `base` (another path to it), `document` (members of its
                metadata; None removes one), `token` (the claims about a person in ID tokens) and `key` (a
                member `issuer` of each published key).
        """
        issuer: str = self._steer("PUT", "/form", form)["issuer"]
        return issuer

    def account(self, sub: str, **claims: Any) -> None:
        """Say what is claimed of a subject; others have an e-mail address and a name made of `sub`."""
        self._steer("PUT", "/account", {"sub": sub, **claims})

    def sign(
        self,
        payload: Mapping[str, Any],
        *,
        header: Mapping[str, Any] | None = None,
        kid: str | None = None,
    ) -> str:
        """A token of any payload with a genuine signature of the provider."""
        body = {"payload": payload, "header": header or {}, "kid": kid}
        token: str = self._steer("POST", "/sign", body)["token"]
        return token

    def access_token(self, sub: str, *, client: str, resource: str, **more: Any) -> str:
        """Return an access token, without a browser.

        Args:
            sub: Subject of the token.
            client: The registered client that it is issued to.
            resource: An identifier that ends in `/jwt` or `/opaque`; the format follows.
            more: `scope`, `seconds`, `extra` (further claims).
        """
        body = {"sub": sub, "client": client, "resource": resource, **more}
        token: str = self._steer("POST", "/token", body)["token"]
        return token

    def revoke(self, token: str, *, client: str) -> None:
        """Revoke a token at the provider's own endpoint (RFC 7009)."""
        answer = self._client.post(
            f"{self.issuer}/token/revocation",
            data={"token": token},
            auth=httpx2.BasicAuth(client, self.secret(client)),
        )
        assert answer.status_code == 200, answer.text


def provider_here() -> RealProvider:
    """A provider that has been started.

    Raises:
        NotInstalledError: It cannot be had on this machine.
    """
    return RealProvider(_node(), _installed()).start()


@pytest.fixture(scope="session")
def openid() -> Iterator[RealProvider]:
    """The provider's process. Where it cannot be had a test is skipped; in CI it fails."""
    try:
        started = provider_here()
    except NotInstalledError as reason:
        missing(f"no OpenID provider: {reason}")
    yield started
    started.close()


@pytest.fixture
def provider(openid: RealProvider) -> RealProvider:
    """Return the provider with default behaviour and without accounts."""
    if not openid.running:
        openid.start()
    openid.forget()
    openid.forget_requests()
    return openid
