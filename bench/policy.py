"""The key, the claims and the policy that every server of the benchmark shares.

The values are for the benchmark alone. `BENCH_SECRET` in the environment replaces the key.
"""

import os
import time
import uuid
from typing import Final

import jwt

__all__ = [
    "ACTION_PERMISSIONS",
    "AUDIENCE",
    "ISSUER",
    "PATH",
    "PERMISSIONS",
    "PRINCIPAL",
    "PRINCIPAL_ROLES",
    "RATE",
    "ROLE_PERMISSIONS",
    "SECRET",
    "claims",
    "token",
]

SECRET: Final = os.environ.get("BENCH_SECRET", "bench-only-secret-0123456789abcdef-0123456789")
ISSUER: Final = "bench"
AUDIENCE: Final = "chat"
PATH: Final = "/ws"

PERMISSIONS: Final = tuple(f"perm{n}" for n in range(200))

# 20 roles: each has the first 10 permissions of all and 10 of its own.
ROLE_PERMISSIONS: Final = {
    f"role{n}": frozenset(PERMISSIONS[:10] + PERMISSIONS[10 * n : 10 * n + 10]) for n in range(20)
}
ACTION_PERMISSIONS: Final = {
    "send": "perm33",
    "join": "perm34",
    "leave": "perm35",
    "ban": "perm199",
}

PRINCIPAL: Final = "user-1"
PRINCIPAL_ROLES: Final = ("role1", "role3")

# Messages a second and connection. It is never reached, so only the accepting path is timed.
RATE: Final = 50_000


def claims(*, lifetime: int = 3600) -> dict[str, object]:
    """The claims of a token that every server accepts; its `jti` makes each token another one."""
    now = int(time.time())
    return {
        "sub": PRINCIPAL,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + lifetime,
        "jti": uuid.uuid4().hex,
        "roles": list(PRINCIPAL_ROLES),
    }


def token(*, key: str = SECRET) -> str:
    """A fresh HS256 token, signed with `key`."""
    return jwt.encode(claims(), key, algorithm="HS256")
