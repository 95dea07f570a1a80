"""The same register by a careful developer: every login and every refusal is a line of a log file."""

import json
import logging
import secrets
import tempfile
from pathlib import Path

from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

USERS = {"olga": "olga answers for the register", "mallory": "mallory is curious at night"}
log = logging.getLogger("register")


class LogIn(RequestHandler):
    """`POST /auth/login`."""

    def post(self) -> None:
        body = json.loads(self.request.body)
        name, known = body["username"], USERS.get(body["username"], "")
        if not secrets.compare_digest(known.encode(), body["password"].encode()) or not known:
            log.warning("login failed for %s from %s", name, self.request.remote_ip)
            raise HTTPError(401)
        self.set_signed_cookie("user", name, httponly=True, samesite="Strict")
        log.info("%s logged in from %s", name, self.request.remote_ip)


class Register(WebSocketHandler):
    """`/ws/register`: the doctor reads and erases, the clerk may do neither."""

    def check_origin(self, origin: str) -> bool:
        allowed = origin == self.settings["origin"]
        if not allowed:
            log.warning("refused a page of %s", origin)
        return allowed

    def get_current_user(self) -> str | None:
        cookie = self.get_signed_cookie("user", max_age_days=1)
        return None if cookie is None else cookie.decode()

    def prepare(self) -> None:
        if self.current_user is None:
            log.warning("refused an unknown user from %s", self.request.remote_ip)
            raise HTTPError(401)

    def on_message(self, message: str | bytes) -> None:
        body, user = json.loads(message), self.current_user
        kind, patient = str(body.get("type")), str(body.get("patient", ""))
        if user != "olga":
            log.warning("refused %s %s for %s", kind, patient, user)
            self.write_message({"type": "error", "error": "doctors only"})
        elif kind == "log":
            lines = self.settings["log_file"].read_text().splitlines()
            self.write_message({"type": "log", "lines": lines})
        else:
            log.info("%s %s %s", user, kind, patient)
            self.write_message({"type": "done"})


def make(origin: str) -> Application:
    """The application."""
    log_file = Path(tempfile.mkdtemp()) / "register.log"
    to_file = logging.FileHandler(log_file)
    to_file.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.handlers[:] = [to_file]
    log.setLevel(logging.INFO)
    log.propagate = False
    return Application(
        [("/auth/login", LogIn), ("/ws/register", Register)],
        cookie_secret=secrets.token_hex(32),
        origin=origin,
        log_file=log_file,
    )
