"""Client certificates, from TLS or from an authenticated proxy (RFC 8705, RFC 9440)."""

__all__: list[str] = []
