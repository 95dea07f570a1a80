"""The auditor: reads source code of Tornado applications, and runs nothing of it."""

__all__: list[str] = []
