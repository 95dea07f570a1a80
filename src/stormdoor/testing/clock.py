"""A clock that stands still until a test moves it."""

__all__ = ["FakeClock"]


class FakeClock:
    """Implements the Clock port; time passes only when a test advances it.

    The two readings move as in reality: `advance` moves both, `set_wall` moves only the wall clock (an
    administrator set it, possibly back), and `monotonic` never goes back.

    Args:
        wall: The first reading of `now`, in seconds since 1970; by default 2026-01-01T00:00:00Z.
        monotonic: The first reading of `monotonic`, in seconds. It differs from `wall` on purpose, so that
            a mix-up of the two shows.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self, wall: float = 1_767_225_600.0, monotonic: float = 1_000.0) -> None:
        self._wall = wall
        self._monotonic = monotonic

    def now(self) -> float:
        """Return the wall clock, in seconds since 1970."""
        return self._wall

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment; they never go back."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks.

        Args:
            seconds: Seconds to pass; not negative. To set the wall clock back, use `set_wall`.

        Raises:
            ValueError: If `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards; set_wall() sets the wall clock back")
        self._wall += seconds
        self._monotonic += seconds

    def set_wall(self, wall: float) -> None:
        """Set the wall clock, forwards or back, and leave the monotonic one unchanged."""
        self._wall = wall

    def __repr__(self) -> str:
        return f"FakeClock(wall={self._wall!r}, monotonic={self._monotonic!r})"
