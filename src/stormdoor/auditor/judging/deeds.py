"""What a message of anybody does to things of others: it changes them, switches them, speaks to them."""

import ast
import re

from stormdoor.auditor.interpreter.events import SERVING, Event, Stage
from stormdoor.auditor.interpreter.values import (
    Instance,
    Mapping,
    Unknown,
    Value,
    labels_of,
    text_of,
)
from stormdoor.auditor.judging.addressed import is_for_listeners, only_listens
from stormdoor.auditor.judging.aiming import (
    connects_where_it_names,
    hears_of_somebody,
    replaces_for_all,
)
from stormdoor.auditor.judging.commands import ends_what_runs
from stormdoor.auditor.judging.endpoint import Endpoint
from stormdoor.auditor.judging.fixed import is_of_who_is_fixed
from stormdoor.auditor.judging.given import fields_in
from stormdoor.auditor.judging.orders import (
    is_device,
    is_lined_up,
    is_of_the_machine,
    is_order,
    is_sent_to_device,
)
from stormdoor.auditor.judging.overwriting import overwrites
from stormdoor.auditor.judging.own import is_one_of_many
from stormdoor.auditor.judging.ownership import (
    is_counted,
    is_for_itself,
    is_of_the_program,
    is_statement,
)
from stormdoor.auditor.judging.verbs import (
    BEGINS,
    CHANGES,
    CONTROLS,
    FACTORIES,
    FINDS,
    FIRES,
    HANDLES,
    KEEPS,
    LATER,
    LISTENS,
    NOTES,
    OF_SOMEBODY,
    PICKS,
    PLACES,
    PROCEDURES,
    PROGRAMS,
    QUIET,
    ROUTES,
    RUNS,
    SHARED,
    SPEAKS,
    STATES,
    SWITCHES,
    TELLS,
    THEMSELVES,
)
from stormdoor.auditor.judging.watched import is_watched
from stormdoor.auditor.judging.wording import (
    fields_of,
    is_told,
    literals_of,
    name_of,
    statement_in,
    stems_of,
    words_before,
)
from stormdoor.auditor.naming import lexicon
from stormdoor.auditor.naming.words import words

__all__ = ["deeds_of_anybody"]

_ID = re.compile(r"(^|_)(id|uuid|pk|number)$|[a-z]I[dD]$")
_RECIPIENT = re.compile(
    r"^(to|to_?(client|email|id|mail|name|nick|uid|user\w*)|(dest|destination|target)_?(client|id|uid|user\w*)"
    r"|recipients?(_?(id|name))?|receivers?(_?(id|name))?|addressee|e?mail|phone(_?number)?|chat_?id|mobile|msisdn|(to_?)?number)$",
    re.IGNORECASE,
)
_CHANGES_ROWS = re.compile(
    r"(delete\s+from|update)\b.*\bwhere\b.*([=<>(]|\bin|\blike)\s*['\"]?(\?|%|:\w|\$\d|\{)",
    re.DOTALL,
)
"""`delete from lines where id = ?`: which rows go is told aside."""
_ADDS = frozenset({"create", "insert"})


def deeds_of_anybody(endpoint: Endpoint) -> list[Event]:
    """What a message does to what is not its sender's, where nobody knows who that is."""
    deeds = [event for event in endpoint.anonymous.events if _is_deed(endpoint, event)]
    return [one for one in deeds if not is_for_listeners(one)] if only_listens(endpoint) else deeds


def _is_deed(endpoint: Endpoint, event: Event) -> bool:
    if event.stage not in SERVING:
        return False
    if _takes_part(event) or hears_of_somebody(event) or is_of_who_is_fixed(endpoint, event):
        return True
    if event.stage == Stage.OPEN:
        return False
    if overwrites(event) or is_order(event) or _reads_a_mailbox(event):
        return True
    if connects_where_it_names(event) or replaces_for_all(event):
        return True
    if is_watched(endpoint, event):
        return True
    if is_lined_up(event):
        return event.receiver is None or is_of_the_program(endpoint, event)
    if _is_done_to_what_it_names(event):
        return not _is_in_nameless_table(event) or is_of_the_program(endpoint, event)
    if not _is_control(event) or is_for_itself(endpoint, event):
        return False
    return event.kind == "alter" or is_of_the_machine(event) or is_of_the_program(endpoint, event)


def _reads_a_mailbox(event: Event) -> bool:
    """`redis.lrange(data["user"] + ":messages", 0, -1)`: what is kept for somebody is read."""
    if event.kind != "act" or not event.labels >= {"client", "message"} or not event.values:
        return False
    key = event.values[0]
    return (
        "message" in labels_of(key)
        and bool(_TAKES_OUT & set(lexicon.words_of(name_of(event))[:1]))
        and any(_MAILBOXES & stems_of(text) for text in literals_of(key))
    )


_TAKES_OUT = words("blpop brpop get hget hgetall lindex lpop lrange rpop smembers xread zrange")
_MAILBOXES = words("inbox mailbox message notification outbox")


# what a message names --------------------------------------------------------------------------


def _is_done_to_what_it_names(event: Event) -> bool:
    if not event.labels >= {"client", "message"}:
        return False
    match event.kind:
        case "act" | "join":
            return (
                _changes(event)
                or _speaks_to_whom_it_names(event)
                or _speaks_where_it_names(event)
                or _writes_where_it_names(event)
                or _runs_what_it_names(event)
                or _calls_what_it_finds(event)
                or _hands_on_an_order(event)
                or _hands_to_what_it_names(event)
            )
        case "store":
            if _is_square(event.receiver):
                return False
            return (
                _sets(event)
                or _changes_somebodys(event)
                or (_is_found(event.receiver) and not is_one_of_many(event))
            )
        case _:
            return False


def _changes(event: Event) -> bool:
    """`Widget.delete(data["id"])`, `Board.get(data["board_id"]).save()`."""
    words = lexicon.words_of(name_of(event))
    if _CHANGES_ROWS.match(statement_in(event)):
        return True
    if _is_found(event.receiver):
        return bool((CHANGES | KEEPS) & set(words[:1]))
    if not CHANGES & set(words[:1]) or event.kind == "join":
        return False
    return _is_of_a_query(event) or any(
        # `delete_pod(data["pod"])`: the field is called like what goes.
        _ID.search(name) or name in words[1:]
        for name in fields_of(event)
    )


def _is_of_a_query(event: Event) -> bool:
    """`lines.update_one({"_id": data["id"]}, …)`, `lines.remove({"_id": data["id"]})`."""
    words = lexicon.words_of(name_of(event))
    match event.values:
        case (Mapping(items=entries), *rest):
            return (bool(rest) or words[0] != "update") and any(
                "message" in labels_of(value) and bool(_ID.search(str(key)))
                for key, value in entries.items()
            )
        case _:
            return False


def _is_in_nameless_table(event: Event) -> bool:
    """Whether it stands in a table that an object made for itself: perhaps one that the connection has."""
    held = event.receiver
    return held is not None and lexicon.chain_of(text_of(held))[:1] == [text_of(Mapping({}))]


def _is_found(holder: Value | None) -> bool:
    """Whether an object was looked up by what the message says, in what is not the connection's own."""
    if holder is None or not labels_of(holder) >= {"client", "message"}:
        return False
    text = text_of(holder)
    chain = lexicon.chain_of(text)
    if chain[:1] == ["self"]:
        return False
    if "found" in labels_of(holder) and not text.endswith(")"):
        return True  # `bots[data["name"]]`, `next(bot for bot in bots if bot.name == data["name"])`
    return text.endswith(")") and len(chain) > 1 and bool(FINDS & set(lexicon.words_of(chain[-1])))


def _is_square(holder: Value | None) -> bool:
    """`board[data["x"]]`: it says where on a board, and not whose something is."""
    said = (
        {name for one in _SAID.findall(text_of(holder)) for name in one if name}
        if holder
        else set()
    )
    return bool(said) and all(_SQUARES & set(lexicon.words_of(one)) for one in said)


_SAID = re.compile(r"""\[['"]?(\w+)['"]?\]|get\(['"](\w+)['"]""")
_SQUARES = words("cell col column coord coords i j pos position rank row square x y z")


def _changes_somebodys(event: Event) -> bool:
    """`players[data["player"]].score += 1`."""
    held = event.receiver
    return (
        held is not None
        and labels_of(held) >= {"client", "message", "found"}
        and "self" not in labels_of(held)  # it is found under the connection itself
        and bool(OF_SOMEBODY & stems_of(text_of(held)))
    )


def _speaks_to_whom_it_names(event: Event) -> bool:
    """`people[data["to"]].write_message(text)`, `post.send(data["to_user"], data["text"])`."""
    words = set(lexicon.words_of(name_of(event)))
    held = event.receiver
    if (
        held is not None
        and labels_of(held) >= {"client", "message", "found"}
        and not labels_of(held) & {"answer"}
        and TELLS & words
    ):
        return True
    if event.meant and held is not None and TELLS & words and "answer" not in labels_of(held):
        return True  # `if one.name == data["to"]: one.write_message(text)`
    fields = list(fields_of(event))
    told = len(fields) > 1 or bool(_MAILS & words)  # what is told may have been made of it before
    if words == {"create"}:
        words = words_before(event)  # `client.messages.create(to=data["to"], body=data["body"])`
    return (
        bool(SPEAKS & stems_of(" ".join(words)))
        and told
        and any(_RECIPIENT.match(one) for one in fields)
    )


_MAILS = words("email mail sendmail sms")


def _speaks_where_it_names(event: Event) -> bool:
    """`redis.publish(data["room"], data["text"])`, `channel.basic_publish(routing_key=data["key"], …)`."""
    if not SPEAKS & set(lexicon.words_of(name_of(event))):
        return False
    placed = [("", value) for value in event.values] if len(event.values) > 1 else []
    if placed and name_of(event) == "publish":
        placed[0] = ("topic", event.values[0])  # whatever the message calls it
    return any(
        "client" in labels_of(place)
        and bool(labels_of(place) & {"message", "query", "url"})
        and bool(
            ((PLACES | {"event", "routing", "signal"}) & stems_of(text_of(place)))
            or (ROUTES & set(lexicon.words_of(name)))
        )
        for name, place in (*placed, *event.words)
    )


def _writes_where_it_names(event: Event) -> bool:
    """`lines.insert({"room": data["room"], "text": data["text"]})`: who may write there is asked."""
    if event.kind != "act" or not _ADDS & set(lexicon.words_of(name_of(event))[:1]):
        return False
    said = [name for name, value in fields_in(event) if labels_of(value) >= {"client", "message"}]
    return len(said) > 1 and any(SHARED & set(lexicon.words_of(name)) for name in said)


def _runs_what_it_names(event: Event) -> bool:
    """`celery.send_task(data["task"])`, `node.run_action(data[1])`, `signal(data["name"]).send(self)`."""
    name = lexicon.words_of(name_of(event))
    if RUNS & set(name[:1]) and PROCEDURES & set(name[1:]) and is_told(event):
        return True
    if FIRES & set(name[:1]) and "Signal().emit" in event.text:
        return True  # Qt: what the program on the desktop does is what is connected to it
    words = set(name)
    chain = lexicon.chain_of(event.text)
    held = event.receiver
    if held is not None and "message" in labels_of(held) and len(chain) > 1:
        made = set(lexicon.words_of(chain[-2]))
        if FACTORIES & made and FIRES & words and text_of(held).endswith(")"):
            return True
    return bool((RUNS | BEGINS) & words) and any(
        bool(PICKS & set(lexicon.words_of(name)[-1:])) for name in fields_of(event)
    )


def _calls_what_it_finds(event: Event) -> bool:
    """`procedures[message.procedure](*message.arguments)`."""
    node = event.node
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Subscript)
        and not isinstance(node.func.slice, ast.Constant)
        and event.receiver is None
        and event.text.endswith("]")
    )


def _hands_on_an_order(event: Event) -> bool:
    """`mediator.send(DeleteOrder(data["id"]))`, `studio.call(requests.SetScene(data["scene"]))`."""
    if not _HANDS_ON & set(lexicon.words_of(name_of(event))[:1]) or event.kind != "act":
        return False
    for value in event.values:
        if "message" not in labels_of(value):
            continue
        made = value.info.name if isinstance(value, Instance) else ""
        if isinstance(value, Unknown) and value.text.endswith(")"):
            made = (lexicon.chain_of(value.text) or [""])[-1]
        verb = lexicon.words_of(made)[:1]
        if made[:1].isupper() and _ORDERED & set(verb):
            return True
    return False


_ORDERED = CHANGES | {"move", "set", "start", "stop", "switch", "toggle"}
_HANDS_ON = frozenset({"call", "dispatch", "execute", "handle", "publish", "request", "send"})


def _hands_to_what_it_names(event: Event) -> bool:
    """`plugins[data["plugin"]].handle(data)`: it is one of those that do things."""
    held = event.receiver
    return (
        held is not None
        and labels_of(held) >= {"client", "message", "found"}
        and _is_found(held)
        and bool(HANDLES & set(lexicon.words_of(name_of(event))[:1]))
        and is_told(event)
    )


def _sets(event: Event) -> bool:
    """`CONFIG["limit"] = data["limit"]`, `state["speed"] = data["speed"]`."""
    name = event.text.rpartition(".")[2]
    if len(event.values) != 2 or event.text.startswith("self."):
        return False
    value = event.values[1]
    return "message" in labels_of(value) and (
        lexicon.is_setting_chain([name]) or bool(STATES & set(lexicon.words_of(name)))
    )


# what a message picks, or says how much of -------------------------------------------------------


def _is_control(event: Event) -> bool:
    """`if message == "fan": board.output(17, 1)`, `motor.speed = data["speed"]`, `mouse.move(data["x"])`."""
    if "self" in event.labels:
        return False
    told = event.labels >= {"client", "message"}
    name = name_of(event)
    words = lexicon.words_of(name)
    match event.kind:
        case "alter" | "store":
            if told:
                # `twist.linear.x = data["x"]`, but nothing of `copy.deepcopy(rows)[0] = data`.
                holder = event.text.split(".")[-2] if event.text.count(".") > 1 else ""
                moved = {*words, *(lexicon.words_of(holder) if holder.isidentifier() else ())}
                return bool(CONTROLS & moved) and "." in event.text
            counts = is_counted(event.module, event.node) or bool(NOTES & set(words))
            return event.selected and event.kind == "alter" and not counts
        case "call" if name == "write":  # a port, a process, a terminal
            return (told or event.selected) and event.receiver is not None and not _is_file(event)
        case "act":
            return _is_call_of_control(event, words, told=told)
        case _:
            return False


def _is_call_of_control(event: Event, words: list[str], *, told: bool) -> bool:
    if event.text.startswith(PROGRAMS):
        return ends_what_runs(event)
    name = name_of(event)
    if name in LATER:
        return event.selected and bool(event.values) and _is_started(event.values[0])
    if event.text == "open" or (name == "open" and _fills_a_buffer(event)):
        return False  # a file of the program, or a picture: one that a message names is a command
    made = name[:1].isupper() and event.receiver is None
    if made or words[:1] in (["on"], ["handle"], ["process"]):
        return words in _WHOLE
    if SWITCHES & set(words):
        return told or event.selected
    if event.text.startswith("socket.") and words[:1] in (["send"], ["sendall"], ["sendto"]):
        return told or event.selected  # another program does what it is told
    if BEGINS & set(words[:1]) and words[1:] not in _ELSEWHERE:
        return told and (event.selected or is_device(event))
    if told and _is_put_through(words):
        return True
    if not is_statement(event.module, event.node) or _fills_a_buffer(event) or _only_counts(event):
        return False
    if is_sent_to_device(event):
        return told or event.selected
    if _is_quiet(words):
        return False
    moves = CONTROLS & {*words[:1], *words[-1:]} or is_device(event)
    return event.selected or (told and bool(moves))


def _fills_a_buffer(event: Event) -> bool:
    """`camera.capture(buffer, "jpeg")`: it gives what it reads to what was made to hold it."""
    return any(text_of(one).startswith(_BUFFERS) for one in event.values)


def _only_counts(event: Event) -> bool:
    """`stats.update_one({"name": "done"}, {"$inc": {"count": 1}})`: there was one more."""
    return any(isinstance(one, Mapping) and set(one.items) == {"$inc"} for one in event.values)


_BUFFERS = ("bytearray(", "io.BytesIO(", "io.StringIO(")
_WHOLE = (["on"], ["off"])
_ELSEWHERE = (["in", "executor"], ["sync"], ["in", "thread"])


def _is_started(function: Value) -> bool:
    """`loop.add_callback(robot.forward)`: what is done on the next turn was not read."""
    chain = lexicon.chain_of(text_of(function))
    words = lexicon.words_of(chain[-1]) if len(chain) > 1 else []
    return bool(words) and "self" not in labels_of(function) and not _is_quiet(words)


def _is_quiet(words: list[str]) -> bool:
    return bool(QUIET & set(words[:1])) or words[:1] == ["write"] or words == ["set"]


def _is_put_through(words: list[str]) -> bool:
    """`bridge.set_light(number, "on")`, `plc.write_register(3, value)`, `pi.digital_write(4, 1)`."""
    return (
        len(words) > 1
        and (words[0] == "set" or ("write" in words and bool(_PLACES_OF_A_MACHINE & set(words))))
        and not NOTES & set(words)
    )


_PLACES_OF_A_MACHINE = words(
    "analog bit byte characteristic coil coils digital gatt memory pin register registers word"
)


def _is_file(event: Event) -> bool:
    return bool(
        {"buffer", "file", "fp", "f", "log", "logfile", "open", "out", "output", "stderr", "stdout"}
        & set(lexicon.chain_of(event.text))
    )


# what the address or a message names that is somebody's ------------------------------------------


def _takes_part(event: Event) -> bool:
    """`rooms[room].add(self)`, `manager.join(self.get_argument("game"), self)`, `subscribe(data["user"])`."""
    if "client" not in event.labels or not event.labels & {"url", "query", "message"}:
        return False
    words = set(lexicon.words_of(name_of(event)))
    listens = bool(LISTENS & words)
    if event.kind != "join" and not (event.kind == "act" and listens):
        return False
    if listens and "somebody" in event.labels:
        return True
    held = event.receiver
    if held is not None and "client" in labels_of(held) and labels_of(held) & {"found", "answer"}:
        return bool((OF_SOMEBODY - THEMSELVES) & stems_of(text_of(held)))
    named = {
        word
        for value in (*event.values, *(value for _, value in event.words))
        if not isinstance(value, Instance) and labels_of(value) & {"url", "query", "message"}
        for word in stems_of(text_of(value))
    }
    return bool((OF_SOMEBODY if listens else OF_SOMEBODY - THEMSELVES) & named)
