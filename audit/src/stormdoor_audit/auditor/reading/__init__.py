"""From folders to parsed modules: which files there are, which matter, what their names mean."""

__all__: list[str] = []
