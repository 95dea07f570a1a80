"""Links between principals and users of providers."""

from __future__ import annotations

from stormdoor.core.account_change import AccountChange, Right
from stormdoor.core.identity import Identity


def test_the_removal_names_the_user_by_a_hash() -> None:
    """The entry of a removal contains neither issuer nor subject, and differs for each user."""
    one, other = (
        Identity(issuer=issuer, subject=subject, principal_id="bob", linked_at=0.0).removal
        for issuer, subject in (("https://id.example", "12"), ("https://id.example/1", "2"))
    )
    assert (one.principal_id, one.right, one.lowers) == ("bob", Right.IDENTITY, True)
    assert one.name != other.name
    assert "id.example" not in one.reason
    assert AccountChange.of(one.entry(1_000.0)) == one
