"""OpenID Connect: login at a provider, and logout by the provider.

Needs the extra `oidc`. Nothing here is imported before an application uses it.
"""

__all__: list[str] = []
