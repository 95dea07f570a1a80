"""OpenID Connect: a login at somebody else's provider, and a logout that comes from there.

Needs the extra `oidc`. Nothing here is imported before an application asks for it.
"""

__all__: list[str] = []
