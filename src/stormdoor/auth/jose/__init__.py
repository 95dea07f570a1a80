"""JSON Web Tokens and keys: parsing, signing and verifying, by RFC 7515, 7517, 7519 and 7638."""

__all__: list[str] = []
