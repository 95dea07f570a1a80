"""The attack that a label describes, as a client that carries it out.

Each function starts the twin, acts as the attacker, and returns whether the attack succeeded. Each
first asserts that the twin does what it is for, so that a broken start is no refused attack.
"""

import json
from collections.abc import Awaitable, Callable

from tornado.web import Application

from audit_tests.auditor.twins.program import SECRET, Program

__all__ = ["ATTACKS", "Attack"]

Attack = Callable[[Program], Awaitable[bool]]


async def editor_read_or_write(program: Program) -> bool:
    """Replace text as a reader."""
    app = program.module("app")
    program.serve(app.make_app())
    reader = program.cookie("editor", "mallory")
    replace = {"type": "replace", "document": "roadmap", "start": 0, "end": 4, "text": "2099"}
    shown, _ = await program.talk(
        "/edit", {"type": "subscribe", "document": "roadmap"}, replace, Cookie=reader
    )
    assert shown["title"] == "Roadmap"
    return bool(app.DOCUMENTS["roadmap"].text.startswith("2099"))


async def chat_other_room(program: Program) -> bool:
    """Speak in a room without being its member."""
    server = program.module("server")
    program.serve(server.make_app({"s1": "mallory"}))
    connection = await program.connect("/chat", Cookie=program.cookie("sid", "s1"))
    for room in ("board", "lobby"):
        await connection.write_message(json.dumps({"do": "say", "room": room, "text": "hello"}))
    # The refusal for the board comes first, or nothing; the lobby repeats the line to its members.
    while json.loads(await connection.read_message() or "{}").get("room") != "lobby":
        pass
    connection.close()
    return bool(server.ROOMS["board"].history)


async def trading_cancel_order(program: Program) -> bool:
    """Cancel the order of another account."""
    broker = program.module("broker")
    application = broker.make_app()
    for key, account in (("k1", 1), ("k2", 2)):
        row = (broker.digest(key), account)
        application.db.execute("INSERT INTO api_keys VALUES (?, ?)", row)
    program.serve(application)
    place = {"op": "place", "symbol": "ACME", "qty": 1, "price": 2}
    (placed,) = await program.talk("/orders", place, Authorization="Bearer k1")
    (answer,) = await program.talk(
        "/orders", {"op": "cancel", "id": placed["placed"]}, Authorization="Bearer k2"
    )
    (left,) = await program.talk("/orders", {"op": "list"}, Authorization="Bearer k1")
    application.db.close()
    cancelled = left["orders"][0]["state"] == "cancelled"
    assert cancelled == (answer["cancelled"] == 1)
    return bool(cancelled)


async def fleet_tenant_service(program: Program) -> bool:
    """Switch the relay of another tenant."""
    service, main = program.module("service"), program.module("main")
    devices = {name: service.Device(name, name, "1.0") for name in ("acme", "rival")}
    program.serve(main.make_app(devices, {"t": service.Caller("mallory", "rival")}))
    (own,) = await program.talk(
        "/fleet", {"cmd": "switch", "serial": "rival", "on": True}, X_Fleet_Token="t"
    )
    assert own["relay"] is True
    await program.talk("/fleet", {"cmd": "switch", "serial": "acme", "on": True}, X_Fleet_Token="t")
    return bool(devices["acme"].relay)


async def desk_role_decorator(program: Program) -> bool:
    """Assign a ticket as a customer."""
    desk = program.module("desk")
    program.serve(desk.make_app())
    assign = {"action": "assign", "ticket": 17, "to": "adam"}
    await program.talk("/desk", assign, Cookie=program.cookie("desk", "carol"))
    assigned = desk.TICKETS[17]["assignee"] == "adam"
    (answer,) = await program.talk("/desk", assign, Cookie=program.cookie("desk", "lena"))
    assert answer == {"ok": True}
    return assigned


async def hospital_fields(program: Program) -> bool:
    """Change the medication as a nurse."""
    ward = program.module("ward")
    program.serve(ward.make_app({"7": {"profession": "nurse"}}))
    badge = program.cookie("badge", "7")
    pulse, _ = await program.talk(
        "/ward/socket",
        {"patient": "P-100", "kind": "write", "pulse": 70},
        {"patient": "P-100", "kind": "write", "medication": "arsenic"},
        Cookie=badge,
    )
    assert "pulse" in pulse["saved"]
    return bool(ward.CHARTS["P-100"]["medication"] == "arsenic")


async def build_policy_ignored(program: Program) -> bool:
    """Deploy a job of a project in which the client is no maintainer."""
    builds = program.module("builds")
    application = builds.make_app(
        {("dev", "kernel"): "developer", ("dev", "website"): "maintainer"}
    )
    program.serve(application)
    own, _ = await program.talk(
        "/builds",
        {"verb": "deploy", "job": 2},
        {"verb": "deploy", "job": 1},
        Cookie=program.cookie("login", "dev"),
    )
    assert own == {"done": "deploy"}
    return 1 in application.settings["farm"].deployed


async def auction_check_after(program: Program) -> bool:
    """End the auction of another seller."""
    application = program.module("auction").make_app()
    house = application.settings["house"]
    house.sessions["s"] = "mallory"
    program.serve(application)
    own, _ = await program.talk(
        "/auction",
        {"type": "end", "lot": "lamp"},
        {"type": "end", "lot": "vase"},
        Cookie="session=s",
    )
    assert own == {"sold": 0}
    return not house.lots["vase"].running


async def game_one_branch(program: Program) -> bool:
    """Peek at the card of another player."""
    application = program.module("table").make_app()
    table = application.settings["table"]
    theirs = next(iter(table.deal("alice")))
    program.serve(application)
    connection = await program.connect("/table", Cookie=program.cookie("player", "mallory"))
    await connection.read_message()
    connection.close()
    assert "mallory" in table.seats
    answers = await program.talk(
        "/table",
        {"k": "peek", "c": theirs},
        {"k": "peek", "c": theirs},
        Cookie=program.cookie("player", "mallory"),
    )
    # The first reply is the hand that open() sends.
    return "face" in answers[1]


async def logs_no_token(program: Program) -> bool:
    """Read the log without a token."""
    tail = program.module("tail")
    application, _ = tail.make_app("unused", "token")
    program.serve(application)
    assert await program.status("/tail", X_Log_Token="token") == 101
    assert await program.status("/tail", X_Log_Token="wrong") == 403
    return await program.status("/tail") == 101


async def notebook_after_upgrade(program: Program) -> bool:
    """Have the server upgrade a connection without a session."""
    program.serve(program.module("cells").make_app({}))
    return await program.status("/cells") == 101


async def payments_plain_cookie(program: Program) -> bool:
    """Charge for a shop with a cookie that nothing signs."""
    program.serve(program.module("terminal").make_app())
    charge = {"type": "charge", "amount": "10"}
    (answer,) = await program.talk("/till", charge, Cookie=_till(program))
    assert answer["total"] in {"10", "20"}
    return await program.status("/till", Cookie="till=shop") == 101


def _till(program: Program) -> str:
    return program.cookie("till", "shop")


async def maps_suffix(program: Program) -> bool:
    """Connect from a page on a host that ends with the name of the site."""
    return await _from_origin(
        program, "position", "/positions", "uid", "https://maps.example", "https://evilmaps.example"
    )


async def _from_origin(
    program: Program, module: str, path: str, cookie: str, own: str, foreign: str
) -> bool:
    program.serve(program.module(module).make_app())
    session = program.cookie(cookie, "1")
    assert await program.status(path, Origin=own, Cookie=session) == 101
    return await program.status(path, Origin=foreign, Cookie=session) == 101


async def cms_preview_origin(program: Program) -> bool:
    """Connect from a page with an origin that begins with the name of the site."""
    application = program.module("preview").Cms(cookie_secret=SECRET)
    application.sessions["s"] = "ann"
    program.serve(application)
    session = program.cookie("cms_sid", "s")
    assert await program.status("/preview", Origin="https://cms.example", Cookie=session) == 101
    foreign = "https://cms.example.evil.example"
    return await program.status("/preview", Origin=foreign, Cookie=session) == 101


async def whiteboard_no_users(program: Program) -> bool:
    """Clear the board without the key."""
    board = program.module("board")
    program.serve(Application([("/board", board.BoardSocket)]))
    assert await program.status("/board", X_Board_Key=board.KEY) == 101
    return await program.status("/board") == 101


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        editor_read_or_write,
        chat_other_room,
        trading_cancel_order,
        fleet_tenant_service,
        desk_role_decorator,
        hospital_fields,
        build_policy_ignored,
        auction_check_after,
        game_one_branch,
        logs_no_token,
        notebook_after_upgrade,
        payments_plain_cookie,
        maps_suffix,
        cms_preview_origin,
        whiteboard_no_users,
    )
}
"""The attack on each pair that runs with Tornado and the standard library, by the pair's name."""
