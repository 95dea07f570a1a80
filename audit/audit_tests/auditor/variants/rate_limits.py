"""Rate limiters: they say how often a client may ask, and nothing about who it is."""

__all__ = ["CASES"]

CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "allow(ip) in prepare": (
        "missing",
        """
class Limiter:
    def __init__(self):
        self.hits = {}
    def allow(self, key):
        now = time.time()
        hits = [one for one in self.hits.get(key, []) if now - one < 60]
        self.hits[key] = hits + [now]
        return len(hits) < 20
limiter = Limiter()
class Door(WebSocketHandler):
    def prepare(self):
        if not limiter.allow(self.request.remote_ip):
            raise HTTPError(429)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "allow() unread, 429": (
        "missing",
        """
from ratelimit import limiter
class Door(WebSocketHandler):
    def prepare(self):
        if not limiter.allowed(self.request.remote_ip):
            raise HTTPError(429)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "token bucket": (
        "missing",
        """
import time
class TokenBucket:
    def __init__(self, rate, size):
        self.rate, self.size, self.tokens, self.at = rate, size, size, time.monotonic()
    def consume(self, count=1):
        now = time.monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < count:
            return False
        self.tokens -= count
        return True
buckets = {}
class Door(WebSocketHandler):
    def open(self):
        bucket = buckets.setdefault(self.request.remote_ip, TokenBucket(1, 10))
        if not bucket.consume():
            self.close(1008, "slow down")
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread token bucket per message": (
        "missing",
        """
from limits_of import TokenBucket
class Door(WebSocketHandler):
    def open(self):
        self.bucket = TokenBucket(5, 10)
    def on_message(self, message):
        if not self.bucket.consume_token():
            self.close(1008)
            return
        room.say(message)
""",
        {},
    ),
    "own counter per message": (
        "missing",
        """
import time
class Door(WebSocketHandler):
    def open(self):
        self.sent = []
    def is_allowed(self):
        now = time.time()
        self.sent = [one for one in self.sent if now - one < 10]
        if len(self.sent) >= 20:
            return False
        self.sent.append(now)
        return True
    def on_message(self, message):
        if not self.is_allowed():
            self.write_message("too fast")
            return
        room.say(message)
""",
        {},
    ),
    "async redis limiter, check_rate": (
        "missing",
        """
class Door(WebSocketHandler):
    async def prepare(self):
        count = await self.application.redis.incr("rate:" + self.request.remote_ip)
        if count > 100:
            raise HTTPError(429)
    async def on_message(self, message):
        await db.execute("insert into lines values (?)", message)
""",
        {},
    ),
    "unread check_limit with user word": (
        "missing",
        """
from throttle import check_user_limit
class Door(WebSocketHandler):
    async def on_message(self, message):
        if not await check_user_limit(self.request.remote_ip):
            self.write_message("slow down")
            return
        room.say(message)
""",
        {},
    ),
    "unread authorize-like limiter and a real check": (
        "guarded",
        """
from ratelimit import limiter
class Door(WebSocketHandler):
    def prepare(self):
        if not limiter.allowed(self.request.remote_ip):
            raise HTTPError(429)
        if not self.get_signed_cookie("user"):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "limits connections": (
        "missing",
        """
class Door(WebSocketHandler):
    members = set()
    def open(self):
        if len(self.members) >= 50:
            self.close(1013, "full")
            return
        self.members.add(self)
    def on_message(self, message):
        for one in self.members:
            one.write_message(message)
""",
        {},
    ),
    "unread permits by ip": (
        "missing",
        """
from security.throttle import Throttle
throttle = Throttle(rate=5)
class Door(WebSocketHandler):
    async def prepare(self):
        if not await throttle.is_permitted(self.request.remote_ip):
            raise HTTPError(429)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread, raises in try": (
        "missing",
        """
from aiolimits import RateLimiter, RateLimitExceeded
limiter = RateLimiter("auth", 10)
class Door(WebSocketHandler):
    async def prepare(self):
        try:
            await limiter.check(self.request.remote_ip)
        except RateLimitExceeded:
            raise HTTPError(429)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread, acquires token": (
        "missing",
        """
from buckets import Bucket
class Door(WebSocketHandler):
    def prepare(self):
        if not self.application.bucket.take_token(self.request.remote_ip):
            self.set_status(429)
            self.finish()
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "login attempts per address": (
        "missing",
        """
from collections import defaultdict
attempts = defaultdict(int)
class Door(WebSocketHandler):
    def is_blocked(self):
        return attempts[self.request.remote_ip] > 5
    def open(self):
        if self.is_blocked():
            self.close(4029, "too many attempts")
            return
        attempts[self.request.remote_ip] += 1
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "per user name of the message": (
        "missing",
        """
import time
last = {}
class Door(WebSocketHandler):
    def allowed(self, user):
        now = time.time()
        if now - last.get(user, 0) < 1:
            return False
        last[user] = now
        return True
    def on_message(self, message):
        data = json.loads(message)
        if not self.allowed(data["user"]):
            return
        room.say(data["text"])
""",
        {},
    ),
    "redis script, session": (
        "missing",
        """
class RateLimit:
    def __init__(self, redis):
        self.redis = redis
    async def authorize(self, key):
        used = await self.redis.incr(key)
        if used == 1:
            await self.redis.expire(key, 60)
        return used <= 30
class Door(WebSocketHandler):
    def initialize(self, limiter):
        self.limiter = limiter
    async def on_message(self, message):
        if not await self.limiter.authorize(f"ws:{self.request.remote_ip}"):
            self.close(1008)
            return
        await db.save(message)
application = Application([("/ws", Door, {"limiter": RateLimit(db)})])
""",
        {},
    ),
    "decorator unread": (
        "missing|presumed",
        """
from throttling import rate_limited
class Door(WebSocketHandler):
    @rate_limited(5)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread limiter without arguments": (
        "missing",
        """
from ratelimit import Limiter
limiter = Limiter(5)
class Door(WebSocketHandler):
    def prepare(self):
        if not limiter.allowed():
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread function with the address": (
        "missing",
        """
from guards import is_allowed
class Door(WebSocketHandler):
    def open(self):
        if not is_allowed(self.request.remote_ip):
            self.close(4003)
            return
        clients.add(self)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "unread verification of the request": (
        "guarded|presumed",
        """
from guards import is_allowed
class Door(WebSocketHandler):
    def prepare(self):
        if not is_allowed(self.request):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "forwarded address": (
        "missing",
        """
from guards import limiter
class Door(WebSocketHandler):
    async def prepare(self):
        address = self.request.headers.get("X-Real-IP") or self.request.remote_ip
        if not await limiter.permitted(address):
            raise HTTPError(403)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "raises, authorize": (
        "missing",
        """
from guards import throttle
class Door(WebSocketHandler):
    async def prepare(self):
        await throttle.authorize(self.request.remote_ip)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
    "limiter and a token": (
        "guarded",
        """
from guards import limiter
class Door(WebSocketHandler):
    async def prepare(self):
        if not await limiter.permitted(self.request.remote_ip):
            raise HTTPError(429)
        if not sessions.verify(self.get_argument("token")):
            raise HTTPError(401)
    def on_message(self, message):
        room.say(message)
""",
        {},
    ),
}
