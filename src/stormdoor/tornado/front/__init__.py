"""Accept connections, parse ordinary upgrade requests, and hand everything else to Tornado."""

from stormdoor.tornado.front.front import Front

__all__ = ["Front"]
