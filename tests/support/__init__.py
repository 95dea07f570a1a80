"""Code that several tests share: fakes that implement the ports, and ways to start things."""

__all__: list[str] = []
