"""Second factors of people: TOTP, passkeys and recovery codes."""

__all__: list[str] = []
