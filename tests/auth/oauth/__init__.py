"""The OAuth 2.0 resource server."""
