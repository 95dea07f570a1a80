"""A connection gives and takes messages only while it is open, and nothing brings it back."""

import itertools

import pytest

from stormdoor.core.connection import TRANSITIONS, Happening, State, after

P, O, E = State.PENDING, State.OPEN, State.ENDED  # noqa: E741


@pytest.mark.parametrize(
    ("state", "happening", "expected"),
    [
        pytest.param(P, Happening.OPENED, O, id="opens"),
        pytest.param(P, Happening.MESSAGE, None, id="message-before-open"),
        pytest.param(P, Happening.ENDED, E, id="ends-before-open"),
        pytest.param(O, Happening.OPENED, None, id="opens-twice"),
        pytest.param(O, Happening.MESSAGE, O, id="message"),
        pytest.param(O, Happening.ENDED, E, id="ends"),
        pytest.param(E, Happening.OPENED, None, id="opens-after-its-end"),
        pytest.param(E, Happening.MESSAGE, None, id="message-after-the-end"),
        pytest.param(E, Happening.ENDED, E, id="ends-twice"),
    ],
)
def test_after(state: State, happening: Happening, expected: State | None) -> None:
    """What is not in the table has no effect."""
    assert after(state, happening) is expected


def test_the_end_is_final() -> None:
    """Nothing leaves ENDED."""
    assert {to for (state, _), to in TRANSITIONS.items() if state is E} == {E}


@pytest.mark.parametrize("length", range(1, 6))
def test_no_sequence_delivers_outside_open(length: int) -> None:
    """Whatever happens in whatever order, a message has an effect only between open and end."""
    for happenings in itertools.product(Happening, repeat=length):
        state, opened, ended = P, False, False
        for happening in happenings:
            following = after(state, happening)
            if happening is Happening.MESSAGE:
                assert (following is not None) == (opened and not ended)
            opened |= happening is Happening.OPENED and not ended
            ended |= happening is Happening.ENDED
            state = following or state
        assert (state is O) == (opened and not ended)
