"""Single-use tickets that let a page open a socket."""

__all__: list[str] = []
