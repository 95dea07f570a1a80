"""An account keeps its password hash to itself, and stands for exactly one principal."""

from stormdoor.core.account import Account
from stormdoor.core.principal import Principal


def test_an_account_stands_for_its_principal() -> None:
    """Id, roles, tenant and attributes are those of the account."""
    account = Account(
        id="alice", roles=frozenset({"member"}), tenant="acme", attributes={"department": "support"}
    )
    assert account.principal == Principal(
        "alice", frozenset({"member"}), "acme", {"department": "support"}
    )


def test_a_password_hash_is_not_printed() -> None:
    """The representation of an account does not contain the password hash."""
    assert "$argon2id$" not in repr(Account(id="alice", password_hash="$argon2id$v=19$x"))


def test_a_new_account_may_do_nothing() -> None:
    """Without roles and password an account can neither log in nor do anything."""
    account = Account(id="alice")
    assert (account.roles, account.password_hash, account.tenant) == (frozenset(), None, None)


def test_an_account_apart_shares_nothing_that_can_be_changed() -> None:
    """A copy of an account has equal fields, and shares no attribute that can be changed."""
    account = Account(
        id="alice",
        roles=frozenset({"member"}),
        tenant="north",
        attributes={"groups": ["staff"]},
        password_hash="$argon2id$",
        disabled=True,
        created_at=1.0,
    )
    apart = account.with_own_attributes()
    assert apart == account
    groups: list[str] = apart.attributes["groups"]  # type: ignore[assignment]
    groups.append("admins")
    assert account.attributes == {"groups": ["staff"]}
    assert Account(id="bob").with_own_attributes().attributes is not Account(id="bob").attributes
