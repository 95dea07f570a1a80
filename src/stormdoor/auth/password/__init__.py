"""Passwords and the login that checks them."""

__all__: list[str] = []
