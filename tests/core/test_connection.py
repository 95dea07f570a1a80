"""A connection gives and takes messages only while it is open, and nothing brings it back."""

import itertools

import pytest

from stormdoor.core.connection import TRANSITIONS, ConnectionEvent, State

P, O, E = State.PENDING, State.OPEN, State.ENDED  # noqa: E741


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        pytest.param(P, ConnectionEvent.OPENED, O, id="opens"),
        pytest.param(P, ConnectionEvent.MESSAGE, None, id="message-before-open"),
        pytest.param(P, ConnectionEvent.ENDED, E, id="ends-before-open"),
        pytest.param(O, ConnectionEvent.OPENED, None, id="opens-twice"),
        pytest.param(O, ConnectionEvent.MESSAGE, O, id="message"),
        pytest.param(O, ConnectionEvent.ENDED, E, id="ends"),
        pytest.param(E, ConnectionEvent.OPENED, None, id="opens-after-its-end"),
        pytest.param(E, ConnectionEvent.MESSAGE, None, id="message-after-the-end"),
        pytest.param(E, ConnectionEvent.ENDED, E, id="ends-twice"),
    ],
)
def test_next_state(state: State, event: ConnectionEvent, expected: State | None) -> None:
    """An event that is not in the table has no effect."""
    assert TRANSITIONS.get((state, event)) is expected


def test_the_end_is_final() -> None:
    """No event changes the state ENDED."""
    assert {to for (state, _), to in TRANSITIONS.items() if state is E} == {E}


@pytest.mark.parametrize("length", range(1, 6))
def test_no_sequence_delivers_outside_open(length: int) -> None:
    """In every sequence of events, a message has an effect only between open and end."""
    for events in itertools.product(ConnectionEvent, repeat=length):
        state, opened, ended = P, False, False
        for event in events:
            following = TRANSITIONS.get((state, event))
            if event is ConnectionEvent.MESSAGE:
                assert (following is not None) == (opened and not ended)
            opened |= event is ConnectionEvent.OPENED and not ended
            ended |= event is ConnectionEvent.ENDED
            state = following or state
        assert (state is O) == (opened and not ended)
