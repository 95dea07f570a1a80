"""The real provider, and a server that answers whatever a test says."""

from tests.support.openid.provider import openid, provider

__all__ = ["openid", "provider"]
