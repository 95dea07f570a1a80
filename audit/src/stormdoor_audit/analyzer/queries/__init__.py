"""Verdicts about endpoints."""

__all__: list[str] = []
