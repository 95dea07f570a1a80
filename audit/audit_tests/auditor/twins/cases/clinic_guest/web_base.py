import functools

from tornado.web import HTTPError

SESSIONS = {}


class Visitor:
    def __init__(self, login):
        self.login = login
        self.calendar = []


GUEST = Visitor("guest")


def signed_in(method):
    @functools.wraps(method)
    async def inner(self, *args, **kwargs):
        if not self.current_user:
            raise HTTPError(401)
        return await method(self, *args, **kwargs)

    return inner


class SessionMixin:
    def get_current_user(self):
        sid = self.get_cookie("clinic_sid")
        return SESSIONS.get(sid)
