"""Ways in that servers leave open one at a time: each is found, and the sound neighbour is silent."""

import base64
import json
from typing import Any, ClassVar

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tornado.web import HTTPError, RequestHandler

from audit_tests.prober.servers import ALICE, SESSIONS, Feed, jwt, probed, serving, slugs
from stormdoor_audit.prober import engine
from stormdoor_audit.prober.identity import Identity
from stormdoor_audit.prober.probes import PROBES, in_turn


def _bearer(token: str) -> Identity:
    return Identity("alice", headers=(("Authorization", f"Bearer {token}"),))


class Spells(Feed):
    """Refuses the spellings of `none` that its author has read about."""

    refuses: ClassVar[tuple[str, ...]] = ("none", "None", "NONE", "nOnE")

    def allowed(self) -> bool:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == jwt():
            return True
        try:
            head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        except ValueError:
            return False
        alg = head.get("alg", "")
        return alg.lower() == "none" and alg not in self.refuses


class SpellsAll(Spells):
    """Compares without case, as it should."""

    def allowed(self) -> bool:
        return self.request.headers.get("Authorization") == f"Bearer {jwt()}"


class Counts(SpellsAll):
    """Has had enough of wrong tokens after five."""

    wrong: ClassVar[int] = 0

    def prepare(self) -> None:
        if not self.allowed() and "Authorization" in self.request.headers:
            Counts.wrong += 1
        if Counts.wrong > 5:
            raise HTTPError(429)
        super().prepare()


@pytest.mark.parametrize(
    ("handler", "came"), [(Spells, "open"), (SpellsAll, "closed"), (Counts, "not-determined")]
)
async def test_rare_spellings(monkeypatch: pytest.MonkeyPatch, handler: Any, came: str) -> None:
    """`nONe` is one of sixteen; it is tried last, and a server that has had enough is right."""
    [last] = [one for one in PROBES if one.meta.id == "SP111"]
    assert in_turn(active=True)[-2] is last
    monkeypatch.setattr(engine, "in_turn", lambda **_: [last])
    async with serving(handler) as port:
        report = await probed(port, owner=_bearer(jwt()), active=True)
    assert [one.outcome for one in report.tried] == [came]


KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SIGNED = pyjwt.encode({"sub": "alice"}, KEY, "RS256", {"kid": "one"})


class Keys(RequestHandler):
    """Publishes the key, as OAuth servers do."""

    def get(self) -> None:
        key = pyjwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        self.write({"keys": [{**key, "kid": "two", "n": "AQAB"}, {**key, "kid": "one"}]})


class Fixed(Feed):
    """Verifies with the algorithm that it has chosen itself."""

    def algorithm(self, token: str) -> str:
        """Return the algorithm that verifies the signature."""
        return "RS256"

    def allowed(self) -> bool:
        import hashlib
        import hmac

        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            if self.algorithm(token) == "RS256":
                return bool(pyjwt.decode(token, PEM, ["RS256"]))
        except pyjwt.PyJWTError:
            return False
        # By hand: PyJWT itself refuses a PEM as a secret.
        text, _, given = token.rpartition(".")
        made = hmac.new(PEM, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == given


class Confused(Fixed):
    """Lets the token say how it is to be verified."""

    def algorithm(self, token: str) -> str:
        try:
            return str(pyjwt.get_unverified_header(token)["alg"])
        except pyjwt.PyJWTError:
            return "RS256"


@pytest.mark.parametrize(("handler", "found"), [(Confused, {"forged-token"}), (Fixed, set())])
async def test_published_keys(handler: Any, found: set[str]) -> None:
    """The key that a server publishes is tried as a secret, without being given."""
    async with serving(handler, ("/.well-known/jwks.json", Keys)) as port:
        report = await probed(port, owner=_bearer(SIGNED))
    assert slugs(report) == found
    assert all("HS256 and the public key" in one.message for one in report.findings)


class CookieOrParameter(Feed):
    """Takes the session from wherever it comes."""

    def allowed(self) -> bool:
        return self.get_query_argument("session", str(self.get_cookie("session"))) in SESSIONS


class BeginsLikeMine(Feed):
    """Open, but for a list of hosts that is compared by its beginning."""

    whole = False

    def allowed(self) -> bool:
        host = self.request.host.rpartition(":")[0]
        return host == "127.0.0.1" or (not self.whole and host.startswith("127.0.0.1"))

    def check_origin(self, origin: str) -> bool:
        return origin == f"http://{self.request.host}"


class WholeHost(BeginsLikeMine):
    """Compared to its end."""

    whole = True


class BelievesFetch(Feed):
    """Compares the origin, unless the browser says that it is the same site."""

    believed: ClassVar[tuple[str, ...]] = ("same-origin", "same-site")

    def check_origin(self, origin: str) -> bool:
        said = self.request.headers.get("Sec-Fetch-Site", "")
        return said in self.believed or origin == f"http://{self.request.host}"


class BelievesSameOrigin(BelievesFetch):
    """Only what a page of its own has."""

    believed = ("same-origin",)


@pytest.mark.parametrize(
    ("handler", "owner", "found"),
    [
        (CookieOrParameter, ALICE, {"credential-in-url"}),
        (Feed, ALICE, set()),
        (BeginsLikeMine, None, {"no-credential", "rebound-host"}),
        (WholeHost, None, {"no-credential"}),
        (BelievesSameOrigin, ALICE, set()),
    ],
)
async def test_one_way_each(handler: Any, owner: Identity | None, found: set[str]) -> None:
    """A cookie in the address, and a host name by its beginning."""
    async with serving(handler) as port:
        report = await probed(port, owner=owner)
    assert slugs(report) == found


async def test_same_site() -> None:
    """A page of another port says `same-site`, which is not enough."""
    async with serving(BelievesFetch) as port:
        report = await probed(port, owner=ALICE)
    [one] = report.findings
    assert one.slug == "foreign-origin"
    assert one.message.startswith("A page of another port of the same host, as today's browsers")
    assert "are refused; others are not" not in one.message
