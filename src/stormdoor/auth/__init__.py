"""Authenticators: one file per kind of credential, and what issues such credentials."""

__all__: list[str] = []
