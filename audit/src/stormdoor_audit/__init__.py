"""stormdoor-audit: scan Tornado projects and probe running servers for WebSocket endpoints without checks.

It imports nothing of `stormdoor`, the library that it checks the use of.
"""

__all__: list[str] = []
