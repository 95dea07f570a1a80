"""One address that tries one password on many names."""

from __future__ import annotations

from tornado.httpclient import AsyncHTTPClient

from stormdoor import Guard, Limits, login_routes
from tests.tornado.wire import serving


async def test_many_names_from_one_address_are_stopped() -> None:
    """Failures count for the address as well as for each account."""
    guard = Guard(origins=["http://127.0.0.1:1"], limits=Limits(failures_per_address="3/h"))
    async with serving(login_routes(guard, endpoint="/ws"), guard) as served:
        codes = []
        for number in range(5):
            answer = await AsyncHTTPClient(force_instance=True).fetch(
                f"http://127.0.0.1:{served.port}/auth/login",
                method="POST",
                body=f'{{"username": "user{number}", "password": "Summer2026!"}}',
                headers={"Content-Type": "application/json"},
                raise_error=False,
            )
            codes.append(answer.code)
    assert codes == [401, 401, 401, 429, 429]
