"""Accept connections, parse ordinary upgrade requests, and hand everything else to Tornado."""

from stormdoor.tornado.front.front import Front, can_serve
from stormdoor.tornado.front.plain_server import attach_front, put_front_before_new_servers
from stormdoor.tornado.front.routes import recognise_patches

__all__ = [
    "Front",
    "attach_front",
    "can_serve",
    "put_front_before_new_servers",
    "recognise_patches",
]
