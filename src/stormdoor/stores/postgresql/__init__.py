"""The store on PostgreSQL, shared by the nodes of several machines."""
