"""A chat behind an OAuth server: JWT access tokens, opaque ones, and what ends them.

So that it runs by itself, the OAuth server is here too, as small as can be: a document, its keys, an
answer to "is this token active?", and two routes that no real one has, to revoke and to rotate. Try:

    curl -X POST http://127.0.0.1:8888/provider/revoke     # the socket of $OPAQUE closes within 5 s
    curl -X POST http://127.0.0.1:8888/provider/rotate     # the socket of $JWT closes within 5 s
"""

import asyncio
import json
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from tornado.web import Application, RequestHandler

from stormdoor import (
    Command,
    Guard,
    GuardedHandler,
    JwtIssuer,
    JwtKey,
    PolicySet,
    Reply,
    action,
    permit,
    protect,
)
from stormdoor.auth.oauth import Introspection, OAuthAuthenticator

ISSUER = "http://127.0.0.1:8888/provider"
AUDIENCE = "https://chat.example"
SECRET = "in real life, from a file"  # noqa: S105


class Say(Command, tag="say"):
    text: str


class Said(Reply, tag="said"):
    text: str


class Chat(GuardedHandler):
    permission = "chat:connect"

    @action("chat:say")
    def say(self, command: Say) -> Said:
        return Said(text=f"{self.principal.id}: {command.text}")


guard = Guard(
    origins=["http://127.0.0.1:8888"],
    authenticators=[
        OAuthAuthenticator(
            issuer=ISSUER,
            audience=AUDIENCE,
            scopes={"chat:read": ["chat:connect"], "chat:write": ["chat:say"]},
            introspection=Introspection(client_id="chat", client_secret=SECRET, recheck_seconds=5),
            cooldown_seconds=1,
            refresh_seconds=5,
        )
    ],
    # Scopes restrict the permissions of policies: a token is limited to its scopes.
    policies=PolicySet([permit("chat:*", when='environment.kind == "oauth"')]),
)


# -- the OAuth server, which is another program in reality ------------------------------------------


class Provider:
    """The data of the provider."""

    private = Ed25519PrivateKey.generate()
    number = 1
    active = True


class Document(RequestHandler):
    def get(self) -> None:
        self.finish(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{ISSUER}/jwks",
                "introspection_endpoint": f"{ISSUER}/introspect",
            }
        )


class Keys(RequestHandler):
    def get(self) -> None:
        jwk = json.loads(OKPAlgorithm.to_jwk(Provider.private.public_key()))
        self.finish({"keys": [{**jwk, "kid": str(Provider.number), "use": "sig"}]})


class Introspect(RequestHandler):
    def post(self) -> None:
        if not Provider.active or self.get_body_argument("token") != "an-opaque-token":
            self.finish({"active": False})
            return
        self.finish(
            {
                "active": True,
                "token_type": "Bearer",
                "aud": AUDIENCE,
                "sub": "olga",
                "scope": "chat:read chat:write",
                "exp": int(time.time()) + 600,
            }
        )


class Revoke(RequestHandler):
    def post(self) -> None:
        Provider.active = False


class Rotate(RequestHandler):
    def post(self) -> None:
        Provider.private, Provider.number = Ed25519PrivateKey.generate(), Provider.number + 1


app = protect(
    Application(
        [
            ("/chat", Chat),
            ("/provider/.well-known/openid-configuration", Document),
            ("/provider/jwks", Keys),
            ("/provider/introspect", Introspect),
            ("/provider/revoke", Revoke),
            ("/provider/rotate", Rotate),
        ],
        websocket_ping_interval=20,
    ),
    guard,
)


async def main() -> None:
    key = JwtKey("EdDSA", Provider.private, kid=str(Provider.number))
    issuer = JwtIssuer(key, ISSUER, AUDIENCE)
    claims = {"scope": "chat:read chat:write", "client_id": "web"}
    token = issuer.issue("jan", now=time.time(), claims=claims)
    print(f"export JWT={token.token}")
    print("export OPAQUE=an-opaque-token")
    app.listen(8888, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
