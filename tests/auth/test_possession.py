"""A token that is bound to a key is refused without a proof of possession of that key."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stormdoor import Authentication, Denial, JwtAuthenticator, JwtKey, Rejected
from stormdoor.core.credential import Credential, Place, Source
from stormdoor.core.handshake import Handshake
from stormdoor.ports import StoredState
from stormdoor.stores import MemoryStore
from tests.guard.fakes import HANDSHAKE
from tests.support.tokens import forge, hs256

NOW = 1_767_225_600.0
SECRET = b"a secret of thirty-two bytes or more"
BEARER = Place(Source.AUTHORIZATION, "bearer")


class Prover:
    """Accepts the proof `right` only."""

    member = "jkt"
    places: Sequence[Place] = (Place(Source.AUTHORIZATION, "dpop"),)
    needs_headers: Sequence[str] = ("dpop",)
    required = False

    async def prove(
        self,
        expected: str,
        credential: Credential,
        handshake: Handshake,
        *,
        state: StoredState,
        now: float,
    ) -> str | Rejected:
        """See `PossessionProof`."""
        if expected != "right":
            return Rejected(Denial.BAD_CREDENTIAL, "another key")
        return f"dpop:{expected}"


def token(**more: object) -> str:
    """A sound token, and more."""
    claims = {"iss": "i", "aud": "a", "sub": "alice", "iat": NOW - 1, "exp": NOW + 60, **more}
    return forge({"alg": "HS256", "typ": "JWT"}, claims, hs256(SECRET))


async def present(text: str, *proofs: Prover) -> Authentication | Rejected:
    """Return the outcome of the authenticator for a token."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a", proofs=proofs
    )
    return await authenticator.authenticate(
        Credential(BEARER, text), HANDSHAKE, state=StoredState.of(MemoryStore()), now=NOW
    )


@pytest.mark.parametrize(
    ("cnf", "reason"),
    [
        ({"jkt": "wrong"}, "another key"),
        ({"jkt": ["right"]}, "not a text"),
        ({"jkt": "right", "x5t#S256": "x"}, "no proof of it is configured"),
        ({"x5t#S256": "right"}, "no proof of it is configured"),
        ({}, "not an object with members"),
        (None, "not an object with members"),
        ("right", "not an object with members"),
    ],
)
async def test_a_bound_token_without_its_proof(cnf: object, reason: str) -> None:
    """Every member of `cnf` is checked, and an unknown one refuses the token."""
    assert isinstance(await present(token(), Prover()), Authentication)
    outcome = await present(token(cnf=cnf), Prover())
    assert isinstance(outcome, Rejected)
    assert reason in outcome.detail


async def test_a_bound_token_where_nobody_checks() -> None:
    """A bound token is refused where no checker can verify its proof."""
    outcome = await present(token(cnf={"jkt": "right"}))
    assert isinstance(outcome, Rejected)
    assert "no proof of it is configured" in outcome.detail


async def test_a_place_of_bound_tokens_takes_no_others() -> None:
    """A stolen bearer token is not accepted as a bound one."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a", proofs=[Prover()]
    )
    unbound = Credential(Prover.places[0], token())
    outcome = await authenticator.authenticate(
        unbound, HANDSHAKE, state=StoredState.of(MemoryStore()), now=NOW
    )
    assert isinstance(outcome, Rejected)
    assert "not bound" in outcome.detail


async def test_binding_may_be_required_everywhere() -> None:
    """If binding is required, every unbound token is refused."""
    prover = Prover()
    prover.required = True
    assert isinstance(await present(token(cnf={"jkt": "right"}), prover), Authentication)
    assert isinstance(await present(token(), prover), Rejected)


async def test_a_proof_is_named() -> None:
    """The authentication names each proof by its kind and key; without a proof it names none."""
    outcome = await present(token(cnf={"jkt": "right"}), Prover())
    assert isinstance(outcome, Authentication)
    assert outcome.proofs == {"dpop:right"}
    assert (await present(token(), Prover())).proofs == frozenset()  # type: ignore[union-attr]


def test_a_checker_says_where_to_look() -> None:
    """The authenticator reads the places and headers of its checkers."""
    authenticator = JwtAuthenticator(
        keys=[JwtKey("HS256", SECRET)], issuer="i", audience="a", proofs=[Prover()]
    )
    assert Prover.places[0] in authenticator.places
    assert authenticator.needs_headers == ("dpop",)
