import time

from tornado.web import HTTPError


class SignedIn:
    """Mixin: refuses a request without a session that is still valid."""

    lifetime = 12 * 3600

    def session(self):
        key = self.get_signed_cookie("nbsession")
        found = self.settings["sessions"].get(key)
        if found and time.time() - found["since"] < self.lifetime:
            return found
        return None

    def refuse_without_session(self):
        self.nb = self.session()
        if self.nb is None:
            raise HTTPError(403)
