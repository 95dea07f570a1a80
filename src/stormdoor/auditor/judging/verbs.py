"""Words for what is done to things, for what only reads or adds, and for whose things are."""

__all__ = [
    "BEGINS",
    "CHANGES",
    "CONTROLS",
    "FACTORIES",
    "FINDS",
    "FIRES",
    "HANDLES",
    "KEEPS",
    "LATER",
    "LISTENS",
    "NOTES",
    "OF_SOMEBODY",
    "PICKS",
    "PLACES",
    "PROCEDURES",
    "PROGRAMS",
    "QUIET",
    "ROUTES",
    "RUNS",
    "SPEAKS",
    "STATES",
    "SWITCHES",
    "TELLS",
    "THEMSELVES",
]

CHANGES = frozenset(
    {
        "abort",
        "cancel",
        "delete",
        "destroy",
        "drop",
        "edit",
        "erase",
        "kill",
        "modify",
        "overwrite",
        "purge",
    }
    | {
        "reboot",
        "remove",
        "rename",
        "replace",
        "restart",
        "revoke",
        "shutdown",
        "terminate",
        "update",
        "wipe",
    }
)
KEEPS = frozenset({"apply", "commit", "put", "save", "set", "write"})
"""What changes an object that was looked up."""
FINDS = frozenset(
    {"by", "fetch", "filter", "find", "first", "get", "load", "lookup", "objects", "one", "query"}
    | {"select"}
)
TELLS = frozenset({"emit", "notify", "publish", "say", "send", "tell", "write"})
SPEAKS = TELLS | {
    "broadcast",
    "deliver",
    "email",
    "mail",
    "sendmail",
    "sms",
    "forward",
    "message",
    "post",
    "push",
    "talk",
    "whisper",
}
RUNS = frozenset(
    {"apply", "call", "delay", "dispatch", "enqueue", "execute", "fire", "invoke", "queue", "run"}
    | {"schedule", "send", "start", "submit", "trigger"}
)
PROCEDURES = frozenset(
    {"action", "cmd", "command", "func", "function", "job", "macro", "method", "operation"}
    | {"procedure", "program", "routine", "rpc", "scene", "script", "task"}
)
"""What is run: `run_action(name)`."""
BEGINS = frozenset({"invoke", "launch", "perform", "run"})
PICKS = frozenset(
    {"action", "cmd", "command", "func", "function", "gcode", "job", "method", "procedure", "task"}
)
FACTORIES = frozenset({"event", "signal"})
FIRES = frozenset({"dispatch", "emit", "fire", "send", "trigger"})
SWITCHES = frozenset(
    {"activate", "close", "deactivate", "disable", "enable", "lock", "off", "on", "open", "output"}
    | {"reset", "start", "stop", "switch", "toggle", "turn", "unlock"}
)
CONTROLS = frozenset(
    {
        "accelerate",
        "angle",
        "angular",
        "brake",
        "brightness",
        "capture",
        "click",
        "color",
        "colour",
        "copy",
    }
    | {
        "cycle",
        "drag",
        "drive",
        "duty",
        "hotkey",
        "interval",
        "launch",
        "level",
        "linear",
        "mode",
        "move",
    }
    | {"paste", "pause", "play", "position", "power", "press", "pwm", "release", "rotate", "scroll"}
    | {"seek", "setpoint", "speed", "steer", "target", "threshold", "throttle", "thrust", "type"}
    | {"typewrite"}
    | {"velocity", "volume", "yaw", "zoom"}
)
"""What a message sets that says how much."""
QUIET = frozenset(
    # It reads, computes or waits.
    {
        "as",
        "begin",
        "check",
        "commit",
        "compute",
        "count",
        "current",
        "decode",
        "describe",
        "dump",
        "dumps",
        "encode",
    }
    | {
        "exists",
        "fetch",
        "filter",
        "find",
        "flush",
        "format",
        "from",
        "generate",
        "get",
        "has",
        "info",
        "is",
    }
    | {"items", "iter", "json", "keys", "list", "load", "loads", "lookup", "match", "now", "parse"}
    | {"poll", "query", "read", "render", "search", "select", "serialize", "sleep", "snapshot"}
    | {"sort", "split", "stat", "status", "time", "to", "validate", "values", "version", "wait"}
    # It adds something that was said.
    | {"add", "append", "broadcast", "create", "emit", "enqueue", "extend", "inc", "incr"}
    | {"increment", "insert", "join", "log", "new", "notify", "observe", "post", "print", "publish"}
    | {"push", "put", "record", "register", "say", "send", "setdefault", "store", "subscribe"}
    | {"tell", "track", "unregister", "unsubscribe"}
)
OF_SOMEBODY = frozenset(
    {"account", "board", "call", "conference", "debug", "device", "doc", "document", "frame"}
    | {"game", "group", "host", "job", "kernel", "lobby", "machine", "match", "meeting", "member"}
    | {
        "owner",
        "party",
        "people",
        "person",
        "player",
        "project",
        "room",
        "session",
        "table",
        "task",
        "team",
    }
    | {"terminal", "uid", "user", "uuid"}
)
"""Words for what belongs to some and not to all."""
THEMSELVES = frozenset({"account", "member", "owner", "people", "person", "player", "uid", "user"})
"""Words for who somebody is: to call oneself so is another matter."""
PLACES = OF_SOMEBODY | {"channel", "topic"}
ROUTES = frozenset({"channel", "exchange", "queue", "room", "routing", "topic"})
"""Words of a parameter that says where something is sent."""
LISTENS = frozenset({"follow", "listen", "listener", "monitor", "observe", "subscribe", "watch"})
LATER = frozenset({"add_callback", "call_later", "call_soon", "spawn_callback", "submit"})
HANDLES = RUNS | {"act", "do", "handle", "perform", "process"}
"""What is given a message to do what it says."""
STATES = frozenset({"control", "options", "params", "state", "states", "status"})
"""Words of a table that says how a thing is."""
NOTES = frozenset({"count", "counter", "last", "latest", "previous", "received", "recent", "seen"})
"""Words for what only notes that there was something."""
PROGRAMS = (
    *("asyncio.create_subprocess_", "os.exec", "os.kill", "os.popen", "os.spawn", "os.system"),
    *("pexpect.", "pty.spawn", "ptyprocess.", "subprocess.", "tornado.process.Subprocess"),
    *("commands.get", "popen2."),  # Python 2
)
"""How the names begin of what runs a program, or ends one."""
