"""Authenticators, one file per kind of credential, and the services that issue credentials."""

__all__: list[str] = []
