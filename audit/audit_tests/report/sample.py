"""A report made by hand: an open endpoint, a weak one, a guarded one, and things not understood."""

from dataclasses import replace

from stormdoor_audit.report.finding import (
    Check,
    Confidence,
    Coverage,
    EndpointReport,
    Finding,
    Level,
    Location,
    NotAnalysed,
    Report,
    RuleMeta,
    Step,
    Suppressed,
    Unresolved,
    Verdict,
    fingerprint_of,
)

__all__ = ["NO_AUTH", "OPEN_ORIGIN", "PING", "REPORT", "finding"]

NO_AUTH = RuleMeta(
    id="SD101",
    slug="missing-authentication",
    title="Nobody is asked who they are before the connection opens",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    cwe=(306, 1385),
    asvs=("4.4.3", "6.3.1"),
    threat="direct-connection",
    what="A WebSocket handler that clients can reach, and that lets in whoever connects: neither "
    "`prepare()` nor `get()` nor anything they call refuses a request without a credential.",
    why="A login page in front of the application does not protect its sockets. Anybody who can "
    "reach the port opens the connection with six lines of code, and reads and sends what members do.",
    example="class Chat(WebSocketHandler):\n    def open(self):\n        ROOMS.add(self)\n",
    instead="class Chat(WebSocketHandler):\n    def prepare(self):\n        if not self.current_user:\n"
    "            raise HTTPError(401)\n\n    def open(self):\n        ROOMS.add(self)\n",
    fix="Raise HTTPError(401) in prepare() where there is no current_user.",
    group="authentication",
)
OPEN_ORIGIN = RuleMeta(
    id="SD201",
    slug="origin-disabled",
    title="Every page on the web may open this connection",
    level=Level.ERROR,
    confidence=Confidence.HIGH,
    cwe=(346, 1385),
    asvs=("4.4.2",),
    threat="cross-site-websocket-hijacking",
    what="A `check_origin()` that returns True whatever the origin is.",
    why="The browser of a logged-in person sends their cookie along, whichever page asks.",
    example="def check_origin(self, origin):\n    return True\n",
    instead='def check_origin(self, origin):\n    return origin in {"https://app.example"}\n',
    fix="Delete check_origin(): Tornado's own allows the same host only.",
    group="origin",
)
PING = RuleMeta(
    id="SD703",
    slug="no-ping",
    title="Clients that vanish stay connected",
    level=Level.NOTE,
    confidence=Confidence.MEDIUM,
    cwe=(770,),
    group="limits",
)


def finding(rule: RuleMeta, subject: str, where: Location, message: str, **more: object) -> Finding:
    """A finding of this rule, with what the rule says filled in."""
    made = Finding(
        rule_id=rule.id,
        slug=rule.slug,
        level=rule.level,
        confidence=rule.confidence,
        message=message,
        location=where,
        subject=subject,
        fix=rule.fix,
        threat=rule.threat,
        fingerprint=fingerprint_of(rule_id=rule.id, subject=subject, what=where.excerpt),
    )
    return replace(made, **more)  # type: ignore[arg-type]


_CHAT = Location("chat/handlers.py", 14, 1, 14, 24, "class ChatSocket(BaseSocket):")
_BASE = Location("chat/base.py", 8, 1, 8, 36, "class BaseSocket(WebSocketHandler):")
_ORIGIN = Location("chat/base.py", 11, 9, 11, 20, "        return True")
_TERM = Location("term/socket.py", 31, 5, 31, 27, "    async def open(self, name):")

REPORT = Report(
    tool="stormdoor scan",
    version="0.1.0",
    started="2026-11-24T20:41:07Z",
    seconds=1.84,
    roots=("chat", "term"),
    findings=(
        finding(
            PING,
            "chat.server",
            Location("chat/server.py", 40, 5, 44, 6, "    app = Application("),
            "The application sets no websocket_ping_interval.",
        ),
        finding(
            OPEN_ORIGIN,
            "chat.handlers.ChatSocket",
            _ORIGIN,
            "check_origin() returns True for every origin; ChatSocket inherits it from BaseSocket.",
            endpoint=r"/ws/chat/(\w+)",
            steps=(
                Step(_CHAT, "ChatSocket has no check_origin() of its own"),
                Step(_BASE, "BaseSocket is the next class in its order"),
                Step(_ORIGIN, "its check_origin() returns a constant"),
            ),
        ),
        finding(
            NO_AUTH,
            "chat.handlers.ChatSocket",
            _CHAT,
            "Anybody can open this endpoint: nothing that runs before the 101 asks who connects.",
            endpoint=r"/ws/chat/(\w+)",
            steps=(
                Step(_BASE, "neither ChatSocket nor BaseSocket has a prepare() or a get()"),
                Step(
                    Location("chat/handlers.py", 20, 9, 20, 30, "        ROOMS[room].add(self)"),
                    "open() joins the room at once",
                ),
            ),
        ),
        finding(
            NO_AUTH,
            "term.socket.TermSocket",
            _TERM,
            "The check comes after the accept: open() closes without returning, and frames still "
            "reach on_message().",
            level=Level.WARNING,
            confidence=Confidence.LOW,
            endpoint="/terminals/websocket/<name>",
        ),
    ),
    endpoints=(
        EndpointReport(
            "chat.handlers.ChatSocket",
            _CHAT,
            (r"/ws/chat/(\w+)", "/ws/lobby"),
            {
                Check.AUTHENTICATION: Verdict("missing", "Nothing runs before open().", _CHAT),
                Check.ORIGIN: Verdict("missing", "check_origin() returns True.", _ORIGIN),
                Check.AUTHORIZATION: Verdict("missing", "No permission is asked for."),
                Check.VALIDATION: Verdict("weak", "json.loads() without a schema.", _BASE),
                Check.LIMITS: Verdict("guarded", "websocket_max_message_size=65536"),
            },
        ),
        EndpointReport(
            "term.socket.TermSocket",
            _TERM,
            ("/terminals/websocket/<name>",),
            {
                Check.AUTHENTICATION: Verdict("weak", "close() without return in open().", _TERM),
                Check.ORIGIN: Verdict("guarded", "Tornado's own check: the same host."),
                Check.AUTHORIZATION: Verdict("unknown", "self.manager comes from a setting."),
                Check.VALIDATION: Verdict("not-needed", "It never reads a message."),
            },
        ),
        EndpointReport(
            "admin.live.LiveSocket",
            Location("admin/live.py", 9, 1, 9, 30, "class LiveSocket(Guarded):"),
            (),
            {check: Verdict("guarded", "protect(application, guard)") for check in Check},
        ),
    ),
    coverage=Coverage(
        files=214,
        handlers=3,
        routes=3,
        not_analysed=(
            NotAnalysed("legacy/old.py", "Python 2: line 3, print without parentheses"),
            NotAnalysed("gen/tables.py", "larger than 4 MiB"),
        ),
        unresolved=(
            Unresolved(
                Location("plugins/load.py", 22, 16, 22, 40, "    handlers += plugin.handlers()"),
                "routes come from a plugin",
            ),
        ),
    ),
    rules=(OPEN_ORIGIN, NO_AUTH, PING),
    suppressed=(
        Suppressed(
            finding(PING, "admin.live", Location("admin/live.py", 30, 1), "No ping."),
            "the proxy pings",
        ),
    ),
)
