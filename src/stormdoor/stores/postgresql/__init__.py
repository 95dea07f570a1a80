"""The store on PostgreSQL, shared by the nodes of several machines."""

__all__: list[str] = []
