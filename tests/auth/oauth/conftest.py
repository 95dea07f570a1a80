"""The real provider, and a server with the answers of the test."""

from tests.support.openid.provider import openid, provider

__all__ = ["openid", "provider"]
