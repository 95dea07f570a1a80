"""Starts the servers of the lab, and what an attack has at hand."""

from lab.harness.target import Line, Outcome, Refused, Session, Socket, Target

__all__ = ["Line", "Outcome", "Refused", "Session", "Socket", "Target"]
