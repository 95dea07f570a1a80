"""Each authenticator accepts or rejects every input, without an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdoor.auth.apikey.authenticator import ApiKeyAuthenticator
from stormdoor.auth.authenticator import Authenticator, Rejected
from stormdoor.auth.jose.jwt_key import JwtKey
from stormdoor.auth.jwt.authenticator import JwtAuthenticator
from stormdoor.auth.session.authenticator import SessionAuthenticator
from stormdoor.auth.ticket.authenticator import TicketAuthenticator
from stormdoor.core.apikey import compose
from stormdoor.core.credential import Credential
from stormdoor.core.denial import Denial
from stormdoor.ports import StoredState
from tests.support.people import HANDSHAKE, populated

EACH: list[Authenticator] = [
    SessionAuthenticator(),
    JwtAuthenticator(
        keys=[JwtKey("HS256", "correct-horse-battery-staple-0123456789")],
        issuer="https://login.example",
        audience="chat",
        header="X-Token",
        insecure_query="token",
        principals="store",
        single_use=True,
    ),
    ApiKeyAuthenticator(),
    TicketAuthenticator(),
]
KINDS = [one.kind for one in EACH]

secrets = (
    st.text(st.characters(), max_size=50)
    | st.text("AZaz09-_", min_size=43, max_size=43)
    | st.from_regex(r"[A-Za-z0-9_-]{0,9}\.[A-Za-z0-9_-]{0,9}\.[A-Za-z0-9_-]{0,9}", fullmatch=True)
    | st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)).map(
        lambda numbers: compose(*numbers)[1]
    )
)


@pytest.mark.parametrize("authenticator", EACH, ids=KINDS)
def test_it_keeps_the_contract(authenticator: Authenticator) -> None:
    """The guard can ask it."""
    assert isinstance(authenticator, Authenticator)
    assert authenticator.places


def test_kinds_differ() -> None:
    """The trail and the metrics tell them apart."""
    assert KINDS == ["session", "jwt", "api-key", "ticket"]


@pytest.mark.parametrize("authenticator", EACH, ids=KINDS)
@given(secret=secrets)
async def test_it_never_raises(authenticator: Authenticator, secret: str) -> None:
    """A made-up credential is refused, in each of the places, for a reason that can be logged."""
    store = await populated()
    for place in authenticator.places:
        credential = Credential(place, secret)
        authenticator.recognises(credential)
        outcome = await authenticator.authenticate(
            credential, HANDSHAKE, state=StoredState.of(store), now=1.7e9
        )
        assert isinstance(outcome, Rejected)
        assert outcome.denial in {Denial.BAD_CREDENTIAL, Denial.EXPIRED}
        assert outcome.detail.isprintable()
        assert len(secret) < 9 or secret not in outcome.detail
