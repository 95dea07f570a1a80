"""The attacks on the second batch of pairs; see attacks.py."""

import json
import os

from tornado.web import Application

from audit_tests.auditor.twins.attacks import Attack
from audit_tests.auditor.twins.program import Program

__all__ = ["ATTACKS"]


async def moderation_context(program: Program) -> bool:
    """Ban the moderator as an ordinary account."""
    sockets, identity = program.module("sockets"), program.module("identity")
    accounts = {
        "maria": identity.Account("maria", moderator=True),
        "pavel": identity.Account("pavel"),
    }
    program.serve(sockets.make_app(accounts))
    (own,) = await program.talk(
        "/moderation", "/ban pavel", Cookie=program.cookie("account", "maria")
    )
    assert own == {"banned": ["pavel"]}
    (answer,) = await program.talk(
        "/moderation", "/ban maria", Cookie=program.cookie("account", "pavel")
    )
    return "maria" in answer.get("banned", ())


async def builds_container(program: Program) -> bool:
    """Run the pipeline of another user."""
    program.serve(program.module("app").make_app())
    own, foreign = await program.talk(
        "/pipelines",
        {"action": "run", "pipeline": "docs"},
        {"action": "run", "pipeline": "site"},
        Cookie=program.cookie("ci_user", "otto"),
    )
    assert own == {"state": "running"}
    return bool(foreign == {"state": "running"})


async def notebook_mixin(program: Program) -> bool:
    """Delete a cell of the notebook of another user."""
    notebooks = {name: {"owner": name, "cells": ["1 + 1"]} for name in ("ann", "mallory")}
    program.serve(program.module("cells").make_app(notebooks))
    await program.talk(
        "/cells",
        {"notebook": "mallory", "method": "delete", "at": 0},
        {"notebook": "ann", "method": "delete", "at": 0},
        Cookie=program.cookie("nb_user", "mallory"),
    )
    assert notebooks["mallory"]["cells"] == []
    return notebooks["ann"]["cells"] == []


async def calls_match(program: Program) -> bool:
    """Transfer the call of another agent to oneself."""
    calls = program.module("calls")
    exchange = calls.Exchange({1: calls.Call("ann", "1"), 2: calls.Call("mallory", "2")})
    program.serve(calls.make_app(exchange, {"k": "mallory", "l": "ann"}))
    refused, listed, _ = await program.talk(
        "/calls", {"op": "hangup", "call": 1}, {"op": "list"}, {"op": "nothing"}, X_Agent_Key="k"
    )
    assert refused == {"error": "not your call"}
    assert listed == {"calls": [2]}
    connection = await program.connect("/calls", X_Agent_Key="k")
    for order in ({"op": "transfer", "call": 1, "to": "mallory"}, {"op": "nothing"}):
        await connection.write_message(json.dumps(order))
    # A transfer has no answer; the refusal of the last order ends the wait.
    while json.loads(await connection.read_message() or "{}")["error"] != "unknown":
        pass
    connection.close()
    return bool(exchange.calls[1].agent == "mallory")


async def desk_unawaited(program: Program) -> bool:
    """Read the ticket of another customer."""
    helpdesk = program.module("helpdesk")
    store = helpdesk.Store(":memory:")
    for customer in ("ann", "mallory"):
        store.db.execute("INSERT INTO ticket (customer, body) VALUES (?, ?)", (customer, customer))
    program.serve(helpdesk.make_app(store))
    own, foreign = await program.talk(
        "/helpdesk",
        {"ticket": 2, "verb": "read"},
        {"ticket": 1, "verb": "read"},
        Cookie=program.cookie("customer", "mallory"),
    )
    store.db.close()
    assert own["body"] == "mallory"
    return foreign.get("body") == "ann"


async def drones_cache(program: Program) -> bool:
    """Fly the drone of another pilot after that pilot."""
    d = program.module("d")
    program.serve(d.make_app({"kite": ["ann"]}, {"a": "ann", "m": "mallory"}))
    step = {"d": "kite", "dx": 1, "dy": 0}
    (own,) = await program.talk("/d", step, X_Pilot_Key="a")
    assert own == {"pos": [1, 0]}
    (foreign,) = await program.talk("/d", step, X_Pilot_Key="m")
    return bool(foreign == {"pos": [2, 0]})


async def bids_channel(program: Program) -> bool:
    """Subscribe to the private channel of another bidder."""
    program.serve(program.module("push").make_app())
    own, foreign = await program.talk(
        "/push",
        {"kind": "subscribe", "channel": "bidder:mallory"},
        {"kind": "subscribe", "channel": "bidder:ann"},
        Cookie=program.cookie("bidder", "mallory"),
    )
    assert own == {"subscribed": "bidder:mallory"}
    return bool(foreign == {"subscribed": "bidder:ann"})


async def refund_msgspec(program: Program) -> bool:
    """Refund as a clerk who claims to be a manager."""
    refunds = program.module("refunds")
    members = {role: refunds.Member(role, refunds.Role(role)) for role in ("clerk", "manager")}
    program.serve(refunds.make_app(members))
    refund = {"type": "refund", "payment": "p", "cents": 5, "role": "manager"}
    (own,) = await program.talk("/refunds", refund, X_Session="manager")
    assert own == {"refunded": 5}
    (foreign,) = await program.talk("/refunds", refund, X_Session="clerk")
    return bool(foreign == {"refunded": 5})


async def robot_first_message(program: Program) -> bool:
    """Move the arm before the secret."""
    robot = program.module("robot")
    application = robot.make_app("s")
    program.serve(application)
    connection = await program.connect("/arm")
    await connection.write_message(json.dumps({"type": "hello", "secret": "s"}))
    await connection.write_message(json.dumps({"type": "move", "joint": 0, "degrees": 5}))
    assert json.loads(await connection.read_message() or "")["joints"][0] == 5
    connection.close()
    connection = await program.connect("/arm")
    await connection.write_message(json.dumps({"type": "move", "joint": 0, "degrees": 9}))
    while await connection.read_message() is not None:
        pass
    connection = await program.connect("/arm")
    await connection.write_message(json.dumps({"type": "hello", "secret": "s"}))
    await connection.write_message(json.dumps({"type": "move", "joint": 1, "degrees": 0}))
    joints = json.loads(await connection.read_message() or "")["joints"]
    connection.close()
    return bool(joints[0] == 9)


async def sensors_optional_env(program: Program) -> bool:
    """Open a valve on a hub that was started without a token."""
    hub = program.module("hub")
    os.environ.pop("HUB_TOKEN", None)
    try:
        program.serve(hub.Hub(hub.Settings()))
    except KeyError:
        return False
    (answer,) = await program.talk("/hub", {"valve": "north", "open": True})
    return bool(answer["north"])


async def clinic_guest(program: Program) -> bool:
    """Use the calendar without a session."""
    base, socket = program.module("web_base"), program.module("calendar_socket")
    base.SESSIONS["s"] = base.Visitor("ann")
    program.serve(socket.make_app(None))
    assert await program.status("/calendar", Cookie="clinic_sid=s") == 101
    return await program.status("/calendar") == 101


async def jobs_pattern(program: Program) -> bool:
    """Connect from a page with an origin that begins as the pattern says."""
    return await _from_origin(
        program,
        program.module("jobs").Shop(),
        "/jobs",
        "shop",
        "https://a.druck.example",
        "https://a.druck.example.evil.example",
    )


async def dashboard_no_users(program: Program) -> bool:
    """Open the dashboard without the key."""
    program.serve(program.module("dashboard").make_app("k"))
    assert await program.status("/machines", X_Dashboard_Key="k") == 101
    return await program.status("/machines") == 101


async def _from_origin(
    program: Program, application: Application, path: str, cookie: str, own: str, foreign: str
) -> bool:
    program.serve(application)
    session = program.cookie(cookie, "1")
    assert await program.status(path, Origin=own, Cookie=session) == 101
    return await program.status(path, Origin=foreign, Cookie=session) == 101


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        moderation_context,
        builds_container,
        notebook_mixin,
        calls_match,
        desk_unawaited,
        drones_cache,
        bids_channel,
        refund_msgspec,
        robot_first_message,
        sensors_optional_env,
        clinic_guest,
        jobs_pattern,
        dashboard_no_users,
    )
}
"""The attack on each pair of the second batch, by the pair's name."""
