"""Changes of rights: what an entry of the log says, and which reasons of an operator it is not taken for."""

from __future__ import annotations

import pytest

from stormdoor.core.account_change import DISABLED, ENABLED, REMOVED, AccountChange, Right, quoted
from stormdoor.core.revocation import Revocation, Target

CHANGES = [
    (AccountChange("bob", Right.ROLE, "member"), "role -member"),
    (AccountChange("bob", Right.ROLE, "member", lowers=False), "role +member"),
    (AccountChange("bob", Right.ACCOUNT), DISABLED),
    (AccountChange("bob", Right.ACCOUNT, lowers=False), ENABLED),
    (AccountChange("bob", Right.PASSWORD), "password changed"),
    (AccountChange("bob", Right.ATTRIBUTES), "attributes"),
    (AccountChange("bob", Right.FACTOR, "f1"), "factor -f1"),
    (AccountChange("bob", Right.FACTOR, "f1", lowers=False), "factor +f1"),
    (AccountChange("bob", Right.FACTOR_USE, "f1", counter=59), "used 59 f1"),
    (AccountChange("bob", Right.RECOVERY_CODES), "recovery codes"),
    (AccountChange("bob", Right.RECOVERY_USE), "recovery code used"),
    (AccountChange("bob", Right.IDENTITY, "9f86d0"), "identity -9f86d0"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_an_entry_names_its_change(change: AccountChange, reason: str) -> None:
    """The entry of a change has its reason, and is read as that change."""
    entry = change.entry(1_000.0)
    assert (entry.target, entry.value, entry.at, entry.reason) == (
        Target.PRINCIPAL if change.right is Right.PASSWORD else Target.CHANGED,
        "bob",
        1_000.0,
        reason,
    )
    assert AccountChange.of(entry) == change


def test_kinds_of_changes() -> None:
    """A use of a code, an added factor, and changes that concern no open connection are recognised."""
    changes = [change for change, _ in CHANGES]
    assert [one.right for one in changes if one.single_use] == [
        Right.FACTOR_USE,
        Right.RECOVERY_USE,
    ]
    assert [one.reason for one in changes if one.adds_factor] == ["factor +f1"]
    assert [one.of_logins for one in changes] == 6 * [False] + 6 * [True]


@pytest.mark.parametrize("reason", [DISABLED, REMOVED])
def test_a_revocation_of_a_removed_account_counts_as_disabled(reason: str) -> None:
    """Disabling and removing also revoke the principal; either entry names the change."""
    entry = Revocation(Target.PRINCIPAL, "bob", 1_000.0, reason=reason)
    assert AccountChange.of(entry) == AccountChange("bob", Right.ACCOUNT)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target.CHANGED, ""),
        (Target.CHANGED, "password"),
        (Target.CHANGED, "factor f1"),
        (Target.CHANGED, "used f1"),
        (Target.CHANGED, "used 59"),
        (Target.CHANGED, "password changed"),
        (Target.PRINCIPAL, "attributes"),
        (Target.PRINCIPAL, ENABLED),
        (Target.PRINCIPAL, "role -member"),
        (Target.PRINCIPAL, "lost laptop"),
        (Target.SESSION, DISABLED),
        (Target.ROLE, "role -member"),
    ],
)
def test_other_entries_name_no_change(target: Target, reason: str) -> None:
    """Other targets, and the free text of an operator, are no change of an account."""
    assert AccountChange.of(Revocation(target, "bob", 1_000.0, reason=reason)) is None


@pytest.mark.parametrize("reason", [DISABLED, REMOVED, "password changed"])
def test_an_operators_reason_is_quoted(reason: str) -> None:
    """An operator who revokes with the reason `disabled` disables no account after a failover."""
    entry = Revocation(Target.PRINCIPAL, "bob", 1_000.0, reason=quoted(reason))
    assert AccountChange.of(entry) is None
    assert quoted("lost laptop") == "lost laptop"
