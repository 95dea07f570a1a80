"""The examples do what they say at their top."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from websockets.asyncio.client import connect

from tests.docs.pages import Program, refused, shell, speak
from tests.support.project import ROOT

EXAMPLES = ROOT / "examples"


def started(folder: Path, name: str) -> Program:
    """An example, on a port of its own."""
    return Program(folder, (EXAMPLES / name).read_text(encoding="utf-8"), name)


def tokens(server: Program, count: int) -> dict[str, dict[str, Any]]:
    """Return the tokens that an example prints at its start, as headers of a client."""
    found = {}
    for _, line in zip(range(count), server.lines(), strict=False):
        name, _, token = line.removeprefix("export ").partition("=")
        found[name] = {"additional_headers": {"Authorization": f"Bearer {token}"}}
    return found


async def test_rotation(tmp_path: Path) -> None:
    """Tokens of both keys count."""
    with started(tmp_path, "rotation.py") as server:
        url = f"ws://127.0.0.1:{server.port}/clock"
        for headers in tokens(server, 2).values():
            [told] = await speak(url, '{"type":"time"}', **headers)
            assert json.loads(told)["type"] == "time"
        assert await refused(url) == 401


@pytest.mark.extended
async def test_ward_example(tmp_path: Path) -> None:
    """Each user of the ward receives the fields of one measurement that the user may see."""
    seen = {"NURSE": {"alarm", "patient", "pulse"}, "TECHNICIAN": {"alarm", "pulse"}}
    seen["VISITOR"] = {"alarm"}
    with started(tmp_path, "ward.py") as server:
        url = f"ws://127.0.0.1:{server.port}/ward"
        keys = tokens(server, 4)
        async with connect(url, **keys["GUEST"]) as guest:
            for name, fields in seen.items():
                async with connect(url, **keys[name]) as client:
                    assert set(json.loads(await client.recv())) - {"type"} == fields
            # Three measurements have been told meanwhile, and the guest heard none.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(guest.recv(), 0)


@pytest.mark.extended
async def test_retrofit(tmp_path: Path) -> None:
    """The retrofitted application serves logged-in clients, and refuses all others."""
    with started(tmp_path, "retrofit.py") as server:
        at = f"127.0.0.1:{server.port}"
        answer = await AsyncHTTPClient().fetch(
            f"http://{at}/login",
            method="POST",
            body="name=alice",
            follow_redirects=False,
            raise_error=False,
        )
        cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        allowed: dict[str, Any] = {"origin": f"http://{at}", "additional_headers": cookie}
        [heard] = await speak(f"ws://{at}/feed", "hello", **allowed)
        assert json.loads(heard) == {"name": "alice", "text": "hello"}
        assert await refused(f"ws://{at}/feed", origin=f"http://{at}") == 401
        evil = allowed | {"origin": "https://evil.example"}
        assert await refused(f"ws://{at}/feed", **evil) == 403


@pytest.mark.extended
def test_client_tells_what_happens(tmp_path: Path) -> None:
    """The client says that no server listens, and lists its options."""
    nobody = Program(tmp_path, "", "nothing.py").port
    told = shell(ROOT, f"python examples/client.py ws://127.0.0.1:{nobody}/")
    assert told.startswith("no server listens there")
    assert "--listen" in shell(ROOT, "python examples/client.py --help")


def test_every_example_is_mentioned() -> None:
    """A page names each example."""
    text = "\n".join(
        page.read_text(encoding="utf-8")
        for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    )
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert {name for name in names if f"examples/{name}" not in text} == set()
    assert set(re.findall(r"examples/(\w+\.py)", text)) <= names
