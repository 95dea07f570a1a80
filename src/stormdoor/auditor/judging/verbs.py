"""Words for what is done to things, for what only reads or adds, and for whose things are."""

__all__ = [
    "CHANGES",
    "CONTROLS",
    "FACTORIES",
    "FINDS",
    "FIRES",
    "KEEPS",
    "LATER",
    "LISTENS",
    "NOTES",
    "OF_SOMEBODY",
    "PICKS",
    "PLACES",
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
    {"delete", "destroy", "drop", "edit", "erase", "kill", "modify", "overwrite", "purge"}
    | {
        "reboot",
        "remove",
        "rename",
        "replace",
        "restart",
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
SPEAKS = TELLS | {"broadcast", "deliver", "forward", "message", "post", "push", "talk", "whisper"}
RUNS = frozenset(
    {"apply", "call", "delay", "dispatch", "enqueue", "execute", "fire", "invoke", "queue", "run"}
    | {"schedule", "send", "start", "submit", "trigger"}
)
PICKS = frozenset({"func", "function", "job", "method", "procedure", "task"})
FACTORIES = frozenset({"event", "signal"})
FIRES = frozenset({"dispatch", "emit", "fire", "send", "trigger"})
SWITCHES = frozenset(
    {"activate", "close", "deactivate", "disable", "enable", "lock", "off", "on", "open", "output"}
    | {"reset", "start", "stop", "switch", "toggle", "turn", "unlock"}
)
CONTROLS = frozenset(
    {"accelerate", "angle", "brake", "brightness", "capture", "click", "color", "colour", "copy"}
    | {"cycle", "drag", "drive", "duty", "hotkey", "interval", "launch", "level", "mode", "move"}
    | {"paste", "pause", "play", "position", "power", "press", "pwm", "release", "rotate", "scroll"}
    | {"seek", "setpoint", "speed", "steer", "target", "threshold", "throttle", "type", "typewrite"}
    | {"volume", "zoom"}
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
    | {"owner", "party", "player", "project", "room", "session", "table", "task", "team"}
    | {"terminal", "uid", "user", "uuid"}
)
"""Words for what belongs to some and not to all."""
THEMSELVES = frozenset({"account", "member", "owner", "player", "uid", "user"})
"""Words for who somebody is: to call oneself so is another matter."""
PLACES = OF_SOMEBODY | {"channel", "topic"}
ROUTES = frozenset({"channel", "exchange", "queue", "room", "routing", "topic"})
"""Words of a parameter that says where something is sent."""
LISTENS = frozenset({"follow", "listen", "listener", "monitor", "observe", "subscribe", "watch"})
LATER = frozenset({"add_callback", "call_later", "call_soon", "spawn_callback", "submit"})
STATES = frozenset({"control", "options", "params", "state", "states", "status"})
"""Words of a table that says how a thing is."""
NOTES = frozenset({"count", "counter", "last", "latest", "previous", "received", "recent", "seen"})
"""Words for what only notes that there was something."""
PROGRAMS = ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn", "os.kill")
