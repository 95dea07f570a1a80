"""The attacks on the third and the fourth batch of pairs; see attacks.py."""

from typing import Any

import jwt
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from audit_tests.auditor.twins.attacks import Attack
from audit_tests.auditor.twins.program import SECRET, Program

__all__ = ["ATTACKS"]


async def apiary_grants(program: Program) -> bool:
    """Treat the hive of another keeper with the right on one's own."""
    hives: dict[str, Any] = {name: {"grams": 1, "syrup": 0, "treatments": []} for name in "ab"}
    grants = {("mallory", "a"): frozenset({"look", "treat"}), ("ann", "b"): frozenset({"treat"})}
    program.serve(program.module("apiary").make_app({"hives": hives, "grants": grants}))
    own, _ = await program.talk(
        "/hive",
        *({"command": "treat", "hive": name, "agent": "acid"} for name in "ab"),
        Cookie=program.cookie("keeper", "mallory"),
    )
    assert own == {"ok": True}
    return bool(hives["b"]["treatments"])


async def choir_scores(program: Program) -> bool:
    """Withdraw a score of another choir as the conductor of one's own."""
    models, rehearsal = program.module("models"), program.module("rehearsal")
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    application = rehearsal.make_app(engine)
    with Session(engine) as session, session.begin():
        session.add(models.Singer(id=1, name="mallory"))
        for number in (1, 2):
            session.add(models.Choir(id=number, name="choir"))
            session.add(models.Score(id=number, title="score", choir_id=number))
        session.add(models.Membership(singer_id=1, choir_id=1, conductor=True))
    program.serve(application)
    withdraw = ({"method": "withdraw", "params": {"score": number}} for number in (1, 2))
    own, _ = await program.talk("/rehearsal", *withdraw, Cookie=program.cookie("singer", "1"))
    assert own == {"result": None}
    with Session(engine) as session:
        left = session.get(models.Score, 2)
    engine.dispose()
    return left is None


async def ferry_manifest(program: Program) -> bool:
    """Cancel a sailing without a right on it."""
    quay, acl = program.module("quay"), program.module("acl")
    sailings = {
        "own": quay.Sailing(acl=acl.Entry({"lorries": {"cancel"}})),
        "other": quay.Sailing(),
    }
    program.serve(quay.make_app(sailings, {"k": quay.Principal("mallory", frozenset({"lorries"}))}))
    own, _ = await program.talk(
        "/quay", *({"type": "cancel", "sailing": name} for name in sailings), X_Quay_Key="k"
    )
    assert own["cancelled"] == "weather"
    return sailings["other"].cancelled is not None


async def observatory_slots(program: Program) -> bool:
    """Expose in the slot of another observer."""
    application = program.module("night").make_app()
    slots = application.settings["slots"]
    slots["s"] = {"observer": "ann", "target": [1.0, 2.0], "frames": []}
    program.serve(application)
    await program.talk(
        "/night",
        {"wish": "expose", "slot": "s", "seconds": 5},
        Cookie=program.cookie("astronomer", "mallory"),
    )
    return bool(slots["s"]["frames"])


async def pharmacy_attrs(program: Program) -> bool:
    """Void the prescription of another physician."""
    counter = program.module("counter")
    book = {str(number): counter.Prescription(number, 9, "aspirin") for number in (1, 2)}
    program.serve(counter.make_app(book, {"s": counter.Account(2, "physician")}))
    own, _ = await program.talk(
        "/counter", *({"kind": "void", "rx": rx} for rx in "21"), Cookie="counter_session=s"
    )
    assert own == {"state": "void"}
    return bool(book["1"].state == "void")


async def museum_loans(program: Program) -> bool:
    """Recall a loan as a member of the staff who is no registrar."""
    loans = program.module("loans")
    db = loans.connect(":memory:")
    db.execute("INSERT INTO staff VALUES ('m@x', 'guard')")
    db.execute("INSERT INTO loans VALUES (1, 'vase', 'approved', 'ann')")
    program.serve(loans.Museum(db))
    await program.talk(
        "/loans", {"what": "recall", "loan": 1}, Cookie=program.cookie("mail", "m@x")
    )
    (state,) = db.execute("SELECT state FROM loans").fetchone()
    db.close()
    return bool(state == "recalled")


async def radio_rules(program: Program) -> bool:
    """Remove a track from the queue as a listener."""
    rules = program.module("rules")
    show = rules.Show("sam", queue=["song"])
    people = {"mallory": rules.Person("mallory")}
    program.serve(program.module("studio").make_app(people, {"morning": show}))
    await program.talk(
        "/studio", ["morning", "skip", "song"], Cookie=program.cookie("person", "mallory")
    )
    return not show.queue


async def archive_clearance(program: Program) -> bool:
    """Read a secret page with a public clearance."""
    archive = program.module("archive")
    readers = {"bob": archive.Reader("bob", archive.Clearance.PUBLIC)}
    program.serve(archive.make_app(readers))
    own, secret = await program.talk(
        "/archive",
        *({"cmd": "page", "folder": name, "page": 0} for name in ("menu", "plans")),
        Cookie=program.cookie("badge", "bob"),
    )
    assert own == {"page": "soup"}
    return bool(secret == {"page": "north"})


async def regatta_boats(program: Program) -> bool:
    """Tack the boat of another crew."""
    application = program.module("regatta").Regatta()
    application.crews.found("b", "ann")
    program.serve(application)
    await program.talk(
        "/regatta",
        {"say": "tack", "boat": "b", "angle": 45},
        Cookie=program.cookie("sailor", "mallory"),
    )
    return bool(application.crews.at("b")["course"])


async def escape_tenants(program: Program) -> bool:
    """Close a running room of another company."""
    hub = program.module("hub")
    registry = hub.Registry()
    registry.operators["k"] = "mallory"
    room = registry.create("rival", "vault")
    room.running = True
    program.serve(hub.make_app(registry))
    await program.talk(
        "/operator", {"method": "close", "params": {"room": room.id}}, X_Operator_Key="k"
    )
    return not room.running


async def choirbook_policies(program: Program) -> bool:
    """Empty a book on which one has no right."""
    pages = program.module("pages")
    program.serve(pages.make_app())
    await program.talk("/pages", ["empty", "requiem"], Cookie=program.cookie("account", "mallory"))
    return not pages.BOOKS["requiem"].pages


async def lighthouse_scope(program: Program) -> bool:
    """Switch a lamp with a token that has no scope."""
    beacon = program.module("beacon")
    program.serve(beacon.make_app())
    token = jwt.encode({"sub": "mallory"}, SECRET, "HS256")
    await program.talk(
        "/beacon",
        {"order": "switch", "lamp": "skagen", "on": True},
        Authorization=f"Bearer {token}",
    )
    return bool(beacon.LAMPS["skagen"]["on"])


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        apiary_grants,
        choir_scores,
        ferry_manifest,
        observatory_slots,
        pharmacy_attrs,
        museum_loans,
        radio_rules,
        archive_clearance,
        regatta_boats,
        escape_tenants,
        choirbook_policies,
        lighthouse_scope,
    )
}
