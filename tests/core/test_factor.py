"""No counter of a second factor is accepted twice."""

import pytest

from stormdoor.core.factor import Factor, FactorKind


@pytest.mark.parametrize(
    ("kind", "stored", "counter", "accepted"),
    [
        pytest.param(FactorKind.TOTP, 100, 101, True, id="totp-next-step"),
        pytest.param(FactorKind.TOTP, 100, 100, False, id="totp-same-step"),
        pytest.param(FactorKind.TOTP, 100, 99, False, id="totp-earlier-step"),
        pytest.param(FactorKind.TOTP, 0, 0, False, id="totp-zero"),
        pytest.param(FactorKind.PASSKEY, 5, 6, True, id="passkey-next"),
        pytest.param(FactorKind.PASSKEY, 5, 5, False, id="passkey-cloned"),
        pytest.param(FactorKind.PASSKEY, 0, 0, True, id="passkey-without-counter"),
        pytest.param(FactorKind.PASSKEY, 5, 0, False, id="passkey-counter-vanished"),
    ],
)
def test_a_counter_is_accepted_once(
    kind: FactorKind, stored: int, counter: int, accepted: bool
) -> None:
    """Only a newer counter counts, except for passkeys that always send 0 (WebAuthn §6.1.1)."""
    factor = Factor(
        id="f1", principal_id="alice", kind=kind, name="phone", secret="sealed", counter=stored
    )
    assert factor.accepts(counter) is accepted
