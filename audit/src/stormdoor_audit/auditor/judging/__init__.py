"""From the ways of a connection to verdicts about an endpoint."""

__all__: list[str] = []
