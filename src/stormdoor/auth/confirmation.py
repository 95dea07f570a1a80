"""Tokens that are bound to a key: whoever brings one must prove to have the key (`cnf`, RFC 7800)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stormdoor.auth.authenticator import Rejected
from stormdoor.core.credential import Credential, Place
from stormdoor.core.denial import Denial
from stormdoor.core.handshake import Handshake
from stormdoor.ports import Store

__all__ = ["ProofChecker", "confirm"]


class ProofChecker(Protocol):
    """Checks one way to prove possession of a key.

    Attributes:
        member: The member of `cnf` that it is about: `x5t#S256` (RFC 8705 §3.1), `jkt` (RFC 9449 §6.1).
        places: Where else a bound token may stand, such as `Authorization: DPoP`.
        needs_headers: Headers that it reads, in lower case.
        required: Whether a token that is not bound in this way is refused wherever it stands. In
            `places` it always is.
    """

    member: str
    places: Sequence[Place]
    needs_headers: Sequence[str]
    required: bool

    async def prove(
        self,
        expected: str,
        credential: Credential,
        handshake: Handshake,
        *,
        store: Store,
        now: float,
    ) -> str | Rejected:
        """Whether the client of `handshake` has the key.

        Args:
            expected: What `cnf` says about the key.
            credential: The token, verified.
            handshake: The facts around it.
            store: For proofs that count once.
            now: Unix seconds.

        Returns:
            The name of the proof for `Authentication.proofs`, or why it is none.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        ...


async def confirm(
    confirmation: Mapping[str, object] | None,
    checkers: Sequence[ProofChecker],
    credential: Credential,
    handshake: Handshake,
    *,
    store: Store,
    now: float,
) -> frozenset[str] | Rejected:
    """What the client proved to possess. INVARIANT: a bound token never counts without its proof.

    Args:
        confirmation: `cnf` of the token, or None.
        checkers: What can be checked. A member of `cnf` that none of them knows refuses the token.
        credential: The token, verified.
        handshake: The facts around it.
        store: For proofs that count once.
        now: Unix seconds.
    """
    for one in checkers:
        if one.member not in (confirmation or {}) and (
            one.required or credential.place in one.places
        ):
            return Rejected(
                Denial.BAD_CREDENTIAL, f"the token is not bound to a key ({one.member} of cnf)"
            )
    known = {checker.member: checker for checker in checkers}
    proofs: set[str] = set()
    for member, expected in (confirmation or {}).items():
        checker = known.get(member)
        if checker is None:
            return Rejected(
                Denial.BAD_CREDENTIAL, "the token is bound to a key, and nobody here checks that"
            )
        if not isinstance(expected, str):
            return Rejected(Denial.BAD_CREDENTIAL, f"{member} of cnf is not a text")
        proof = await checker.prove(expected, credential, handshake, store=store, now=now)
        if isinstance(proof, Rejected):
            return proof
        proofs.add(proof)
    return frozenset(proofs)
