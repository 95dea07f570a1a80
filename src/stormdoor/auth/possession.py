"""Tokens that are bound to a key: the client must prove possession of it (`cnf`, RFC 7800)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stormdoor.auth.authenticator import Rejected, bad_credential
from stormdoor.core.credential import Credential, Place
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState

__all__ = ["PossessionProof", "confirm"]


class PossessionProof(Protocol):
    """Checks one kind of proof of possession of a key.

    Attributes:
        member: The member of `cnf` that it checks: `x5t#S256` (RFC 8705 §3.1), `jkt` (RFC 9449 §6.1).
        places: Further places of bound tokens, such as `Authorization: DPoP`.
        needs_headers: Headers that it reads, in lower case.
        required: Whether a token without this binding is refused in every place. In `places` it always is.
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
        state: StoredState,
        now: float,
    ) -> str | Rejected:
        """Check that the client of `handshake` has the key.

        Args:
            expected: The value of the member of `cnf`.
            credential: The token, verified.
            handshake: The facts of the handshake.
            state: StoredState for single-use proofs.
            now: Unix seconds.

        Returns:
            The name of the proof for `Authentication.proofs`, or the refusal.

        Raises:
            StoreUnavailable: The store did not answer.
        """
        ...


async def confirm(
    confirmation: Mapping[str, object] | None,
    checkers: Sequence[PossessionProof],
    credential: Credential,
    handshake: Handshake,
    *,
    state: StoredState,
    now: float,
) -> frozenset[str] | Rejected:
    """Return the proved keys. INVARIANT: a bound token is never accepted without its proof.

    Args:
        confirmation: `cnf` of the token, or None.
        checkers: Available checkers. If none of them knows a member of `cnf`, the token is refused.
        credential: The token, verified.
        handshake: The facts of the handshake.
        state: StoredState for single-use proofs.
        now: Unix seconds.
    """
    for one in checkers:
        if one.member not in (confirmation or {}) and (
            one.required or credential.place in one.places
        ):
            return bad_credential(f"the token is not bound to a key ({one.member} of cnf)")
    known = {checker.member: checker for checker in checkers}
    proofs: set[str] = set()
    for member, expected in (confirmation or {}).items():
        checker = known.get(member)
        if checker is None:
            return bad_credential("the token is bound to a key, and no proof of it is configured")
        if not isinstance(expected, str):
            return bad_credential(f"{member} of cnf is not a text")
        proof = await checker.prove(expected, credential, handshake, state=state, now=now)
        if isinstance(proof, Rejected):
            return proof
        proofs.add(proof)
    return frozenset(proofs)
