"""`stormdoor run` with real programs: each is attacked with and without it."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tests.run.running import answered, free_port, handshake, running, write

PYTHON = sys.executable

LISTEN = """
async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""

PROGRAMS = {
    "application made after the loop has started": """
async def main():
    await asyncio.sleep(0.5)
    application = make()
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "forks": """
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

server = HTTPServer(make())
server.bind(PORT, "127.0.0.1")
server.start(2)
IOLoop.current().start()
""",
    "add_sockets after fork_processes": """
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.process import fork_processes

sockets = bind_sockets(PORT, "127.0.0.1")
fork_processes(2)

async def main():
    HTTPServer(make()).add_sockets(sockets)
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "exec": """
if "again" not in sys.argv:
    os.execv(sys.executable, [sys.executable, __file__, "again"])

async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a delegate around it": """
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate

class Counting(HTTPServerConnectionDelegate):
    def __init__(self, inner):
        self.inner = inner

    def start_request(self, server, request):
        return self.inner.start_request(server, request)

async def main():
    HTTPServer(Counting(make())).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a router of two applications": """
from tornado.httpserver import HTTPServer
from tornado.routing import PathMatches, Rule, RuleRouter

async def main():
    router = RuleRouter([Rule(PathMatches("/other.*"), make()), Rule(PathMatches("/.*"), make())])
    HTTPServer(router).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a router that chooses handlers by itself": """
from tornado.httpserver import HTTPServer
from tornado.routing import Router

class Choosing(Router):
    def __init__(self):
        self.application = Application()

    def find_handler(self, request, **kwargs):
        chosen = {"/ws": Echo, "/": Page}.get(request.path)
        return chosen and self.application.get_handler_delegate(request, chosen)

async def main():
    router = Choosing()
    for port in (PORT, 0):
        HTTPServer(router).listen(port, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a router with handlers of its own": """
from tornado.httpserver import HTTPServer
from tornado.routing import PathMatches, Rule, RuleRouter

class Growing(RuleRouter):
    def __init__(self):
        self.application = Application()
        super().__init__([Rule(PathMatches("/"), Page)])

    def get_target_delegate(self, target, request, **parameters):
        return self.application.get_handler_delegate(request, target, **parameters)

async def main():
    router = Growing()
    HTTPServer(router).listen(PORT, "127.0.0.1")
    router.rules.append(Rule(PathMatches("/ws"), Echo))
    await asyncio.Event().wait()

asyncio.run(main())
""",
}

NOT_FOUND = {
    "a fallback of a route": """
from tornado.web import FallbackHandler

async def main():
    routes = [("/other", Echo), (".*", FallbackHandler, {"fallback": make()})]
    Application(routes).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "replaced in its server": """
from tornado.httpserver import HTTPServer

async def main():
    server = HTTPServer(Application([("/other", Echo)]))
    server.listen(PORT, "127.0.0.1")
    server.request_callback = make()
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a router in its place": """
from tornado.httpserver import HTTPServer
from tornado.routing import PathMatches, Rule, RuleRouter

async def main():
    server = HTTPServer(Application([("/other", Echo)]))
    server.listen(PORT, "127.0.0.1")
    server.request_callback = RuleRouter([Rule(PathMatches("/.*"), make())])
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "a rule that is added later": """
from tornado.httpserver import HTTPServer
from tornado.routing import PathMatches, Rule, RuleRouter

async def main():
    router = RuleRouter([Rule(PathMatches("/other"), Application([("/other", Echo)]))])
    HTTPServer(router).listen(PORT, "127.0.0.1")
    router.rules.append(Rule(PathMatches("/.*"), make()))
    await asyncio.Event().wait()

asyncio.run(main())
""",
    "replaced in a callable object": """
from tornado.httpserver import HTTPServer

class Serving:
    application = None

    def __call__(self, request):
        return self.application(request)

async def main():
    serving = Serving()
    serving.application = Application([("/other", Echo)])
    HTTPServer(serving).listen(PORT, "127.0.0.1")
    serving.application = make()
    await asyncio.Event().wait()

asyncio.run(main())
""",
}

HEIR = """
import socket, subprocess
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

async def main():
    server = HTTPServer(make())
    if len(sys.argv) > 1:
        listener = socket.socket(fileno=int(sys.argv[1]))
        listener.setblocking(False)
        server.add_sockets([listener])
        await asyncio.Event().wait()
    [listener] = bind_sockets(PORT, "127.0.0.1")
    server.add_sockets([listener])
    number = listener.fileno()
    subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])
    await asyncio.sleep(1)
    server.stop()
    await asyncio.Event().wait()

asyncio.run(main())
"""

WITHOUT_LISTENER = """
import socket
from tornado.httpserver import HTTPServer
from tornado.netutil import add_accept_handler, bind_sockets
from tornado.iostream import IOStream

async def main():
    server = HTTPServer(make())
    for one in bind_sockets(PORT, "127.0.0.1"):
        add_accept_handler(one, lambda c, a: server.handle_stream(IOStream(c), a))
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_an_application_is_guarded(tmp_path: Path) -> None:
    """Without `run`, an unauthenticated client opens the socket; with it, it gets 401."""
    _attack(LISTEN, tmp_path)


@pytest.mark.extended
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_guarded(name: str, tmp_path: Path) -> None:
    """Without `run`, an unauthenticated client opens the socket (101); with it, it gets 401."""
    _attack(PROGRAMS[name], tmp_path)


def _attack(text: str, folder: Path) -> None:
    write(folder, text)
    with running(folder, [PYTHON, "app.py"], guarded=False) as plain:
        plain.wait_until_answering()
        assert handshake(plain.port) == 101
        assert handshake(plain.port, ("Origin", "https://evil.example")) == 101
    with running(folder, [PYTHON, "app.py"]) as run:
        said = run.wait_for("guarded")
        assert said["addresses"] == [f"127.0.0.1:{run.port}"]
        listed = {"path": "/ws", "permission": "app:use"} in said["endpoints"]
        assert listed or said["choosers"]
        assert said["adapter"] == "any"
        assert handshake(run.port) == 401
        assert handshake(run.port, ("Origin", "https://evil.example")) == 403
        assert answered(run.port, path="/auth/login") == 200


@pytest.mark.extended
@pytest.mark.parametrize("name", NOT_FOUND)
def test_an_application_that_was_not_found_is_guarded_when_it_serves(
    name: str, tmp_path: Path
) -> None:
    """The server of another application listens, so that this one is guarded at its first request.

    With guarded pages, a request without a login would not get as far.
    """
    write(tmp_path, NOT_FOUND[name])
    with running(tmp_path, [PYTHON, "app.py"], guarded=False) as plain:
        plain.wait_until_answering()
        assert handshake(plain.port) == 101
    with running(tmp_path, [PYTHON, "app.py"], "--insecure-unguarded-pages") as run:
        assert run.wait_for("guarded")["endpoints"][0]["path"] == "/other"
        assert handshake(run.port) == 401
        assert handshake(run.port, ("Origin", "https://evil.example")) == 403
        said = run.wait_for("guarded", 2)
        assert said["endpoints"] == [{"path": "/ws", "permission": "app:use"}]
        assert answered(run.port, path="/auth/login") == 200


@pytest.mark.extended
def test_a_function_around_an_application_is_reported(tmp_path: Path) -> None:
    """Its own answers are not guarded, and the output says so."""
    text = """
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, ResponseStartLine

async def main():
    application = make()

    def serve(request):
        if request.path != "/health":
            return application(request)
        line = ResponseStartLine("HTTP/1.1", 200, "OK")
        request.connection.write_headers(line, HTTPHeaders({"Content-Length": "0"}))
        request.connection.finish()

    HTTPServer(serve).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""
    write(tmp_path, text)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        said = run.wait_for("guarded")
        assert said["around"] == ["__main__.main.<locals>.serve"]
        assert handshake(run.port) == 401
        assert answered(run.port, path="/health") == 200


SWITCHES = """
from tornado.httpserver import HTTPServer

HEAD = b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n\\r\\n"

class Becomes(RequestHandler):
    def get(self):
        self.detach().write(HEAD)

async def main():
    application = make()
    application.add_handlers(".*", [("/becomes", Becomes)])

    def serve(request):
        if request.path != "/around":
            return application(request)
        request.connection.detach().write(HEAD)

    HTTPServer(serve).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_function_and_no_page_becomes_a_socket(tmp_path: Path) -> None:
    """Neither a page of a guarded application, nor a function around it that answers by itself."""
    write(tmp_path, SWITCHES)
    for guarded, allowed in ((False, {101}), (True, {401, 403})):
        with running(tmp_path, [PYTHON, "app.py"], guarded=guarded) as run:
            run.wait_until_answering()
            for path in ("/becomes", "/around"):
                assert handshake(run.port, path=path) in allowed
                assert answered(run.port, path=path) in allowed


@pytest.mark.extended
def test_connections_without_a_listener(tmp_path: Path) -> None:
    """The application is guarded, but not its listener: the parent cannot tell, and ends the program."""
    write(tmp_path, WITHOUT_LISTENER)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        while run.process.poll() is None:
            assert handshake(run.port) in {401, 429, None}
            time.sleep(0.1)
        assert run.ended() == 125
        assert run.seen("guarded"), run.output


@pytest.mark.extended
def test_a_child_that_gets_a_guarded_listener_is_ended(tmp_path: Path) -> None:
    """A program restarts without an interruption so. The listener was guarded, and the child has no hook."""
    write(tmp_path, HEIR)
    with running(tmp_path, [PYTHON, "app.py"], guarded=False) as plain:
        plain.wait_until_answering()
        time.sleep(2)  # until the child alone serves
        assert handshake(plain.port) == 101
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert "has got the guarded listener" in run.wait_for("child ended")["reason"]
        assert handshake(run.port) in {None, 401}
        assert run.process.poll() is None


@pytest.mark.extended
@pytest.mark.parametrize(
    "command",
    [
        [PYTHON, "-m", "app"],
        ["sh", "-c", f"cd . && {PYTHON} app.py"],
        ["env", "PATH=/usr/bin:/bin", PYTHON, "app.py"],
    ],
    ids=["-m", "a shell", "another program that executes it"],
)
def test_the_way_to_the_program_does_not_matter(command: list[str], tmp_path: Path) -> None:
    """A module, a shell and a wrapper lead to the same guarded server."""
    write(tmp_path, LISTEN)
    with running(tmp_path, command) as run:
        run.wait_for("guarded")
        assert handshake(run.port) == 401


@pytest.mark.extended
def test_a_console_script(tmp_path: Path) -> None:
    """A script with a shebang is guarded as well."""
    write(tmp_path, LISTEN, "served.py")
    script = tmp_path / "serve"
    script.write_text(f"#!{PYTHON}\nimport asyncio, served\nasyncio.run(served.main())\n", "utf-8")
    script.chmod(0o755)
    with running(tmp_path, ["./serve"], PYTHONPATH=str(tmp_path)) as run:
        run.wait_for("guarded")
        assert handshake(run.port) == 401


@pytest.mark.extended
def test_a_program_with_a_finder_of_the_old_protocol(tmp_path: Path) -> None:
    """A finder of modules without `find_spec`, which Python skips, does not end the import of Tornado."""
    write(tmp_path, LISTEN, "served.py")
    (tmp_path / "app.py").write_text(
        "import sys, types\n"
        "sys.meta_path.insert(0, types.SimpleNamespace(find_module=lambda name, path: None))\n"
        "import asyncio, served\n"
        "asyncio.run(served.main())\n",
        "utf-8",
    )
    with running(tmp_path, [PYTHON, "app.py"], guarded=False) as plain:
        plain.wait_until_answering()
        assert handshake(plain.port) == 101
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert handshake(run.port) == 401


@pytest.mark.extended
def test_two_listeners_of_one_application(tmp_path: Path) -> None:
    """The second `listen` adds its origins to the same guard."""
    other = free_port()
    write(
        tmp_path,
        LISTEN.replace(
            'make().listen(PORT, "127.0.0.1")',
            f'one = make(); one.listen(PORT, "127.0.0.1"); one.listen({other}, "127.0.0.1")',
        ),
    )
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded", 2)
        for port in (run.port, other):
            assert handshake(port) == 401
            assert handshake(port, ("Origin", f"http://127.0.0.1:{port}")) == 401
            assert handshake(port, ("Origin", "https://evil.example")) == 403


PAGES_ALONE = """
async def main():
    Application([("/", Page)]).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""


UNIX = """
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

async def main():
    HTTPServer(make()).add_socket(bind_unix_socket("app.sock"))
    await asyncio.Event().wait()

asyncio.run(main())
"""

REFUSED = {
    "http.server": (
        [PYTHON, "-m", "http.server", "PORT", "--bind", "127.0.0.1"],
        "",
        "it is no HTTP server of Tornado",
    ),
    "an isolated interpreter": ([PYTHON, "-I", "app.py"], LISTEN, "with -I, -E or -S"),
    "a child process": (
        [PYTHON, "app.py"],
        "import subprocess\nsubprocess.run([sys.executable, 'server.py'])\n",
        "a child process of the program",
    ),
    "WSGI": (
        [PYTHON, "app.py"],
        """
from tornado.httpserver import HTTPServer
from tornado.wsgi import WSGIContainer

def wsgi(environ, start):
    start("200 OK", [])
    return [b"page"]

async def main():
    HTTPServer(WSGIContainer(wsgi)).listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
        "tornado.wsgi.WSGIContainer has no WebSocket, so that nothing of it would be guarded",
    ),
    "an application without a WebSocket": (
        [PYTHON, "app.py"],
        PAGES_ALONE,
        "has no WebSocket, so that nothing of it would be guarded; guard its pages (leave",
    ),
    "a program that catches the refusal": (
        [PYTHON, "app.py"],
        """
from tornado.httpserver import HTTPServer

async def main():
    try:
        HTTPServer(lambda request: None).listen(PORT, "127.0.0.1")
    except BaseException:
        pass
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
        "has no WebSocket, so that nothing of it would be guarded",
    ),
    "a guard that cannot be made": (
        [PYTHON, "app.py"],
        """
from stormdoor import Guard, protect

async def main():
    application = make()
    try:
        protect(application, Guard())
    except Exception:
        pass
    application.listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
        "the program called protect(), which failed",
    ),
    "a fork after the guard was made": (
        [PYTHON, "app.py"],
        """
async def main():
    application = make()
    application.listen(PORT, "127.0.0.1")
    if os.fork() == 0:
        application.listen(0, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
        "fork before the server listens",
    ),
    "a thread that outlives the main thread": (
        [PYTHON, "app.py"],
        """
import threading, time

async def main():
    make().listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

def serve():
    threading.main_thread().join()
    asyncio.run(main())

threading.Thread(target=serve).start()
""",
        "thread.join()",
    ),
    "a Unix socket without an origin": (
        [PYTHON, "app.py"],
        UNIX,
        "start it with stormdoor run --config FILE",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        one if one == "http.server" else pytest.param(one, marks=pytest.mark.extended)
        for one in REFUSED
    ],
)
def test_a_program_that_cannot_be_guarded_is_ended(name: str, tmp_path: Path) -> None:
    """It is ended with status 125, with the reason, and no process of it is left."""
    command, text, reason = REFUSED[name]
    write(tmp_path, text)
    write(tmp_path, LISTEN, "server.py")
    started = ["sh", "-c", " ".join(command).replace("PORT", "$PORT")]
    with running(tmp_path, started, "--insecure-unguarded-pages") as run:
        assert run.ended() == 125
        assert reason in run.seen("refused")[0]["reason"]
        assert answered(run.port) is None
        assert handshake(run.port) is None


@pytest.mark.extended
def test_an_application_without_a_socket_serves_guarded_pages_or_is_allowed(tmp_path: Path) -> None:
    """Its pages need a login; with --insecure-allow-http, they are reported as unguarded."""
    write(tmp_path, PAGES_ALONE)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        assert run.wait_for("guarded")["pages"]
        assert answered(run.port) == 401
    port = str(free_port())
    with running(tmp_path, [PYTHON, "app.py"], "--insecure-allow-http", port, PORT=port) as run:
        assert run.wait_for("allowed")["address"] == f"127.0.0.1:{port}"
        assert answered(int(port)) == 200
        assert not run.seen("guarded")


@pytest.mark.extended
def test_a_server_behind_a_unix_socket(tmp_path: Path) -> None:
    """With the address of its pages it is guarded: an unauthenticated client gets 401, a foreign page 403."""
    write(tmp_path, UNIX)
    (tmp_path / "stormdoor.toml").write_text(
        'preset = "app"\norigins = ["https://app.example"]\ntrusted_proxies = ["127.0.0.1"]\n',
        "utf-8",
    )
    with running(tmp_path, [PYTHON, "app.py"], "--config", "stormdoor.toml") as run:
        assert run.wait_for("guarded")["addresses"] == ["unix:app.sock"]
        for origin, status in (("https://app.example", b"401"), ("https://evil.example", b"403")):
            lines = [
                "GET /ws HTTP/1.1",
                "Host: app.example",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                f"Origin: {origin}",
                "X-Forwarded-Proto: https",
            ]
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(30)
                client.connect(str(tmp_path / "app.sock"))
                client.sendall("\r\n".join([*lines, "", ""]).encode())
                assert client.recv(64).split()[1] == status


LOGS = """
import logging

async def main():
    logging.basicConfig(format="%(message)s")
    make().listen(PORT, "127.0.0.1")
    logging.getLogger("mine").warning("a line of the program")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_log_as_json(tmp_path: Path) -> None:
    """With `--log-format json`, each line is JSON: the reports, the log of the program, and refusals."""
    write(tmp_path, LOGS)
    options = [
        PYTHON,
        "-m",
        "stormdoor",
        "run",
        "--store",
        "sqlite:door.db",
        "--log-format",
        "json",
    ]
    with running(tmp_path, [*options, "--", PYTHON, "app.py"], guarded=False) as run:
        run.wait_until_answering()
        assert handshake(run.port) == 401
        end = time.monotonic() + 60
        while '"cause"' not in run.output and time.monotonic() < end:
            time.sleep(0.05)
    lines = [json.loads(one) for one in run.output.splitlines()]
    by_logger = {one["logger"]: one for one in lines}
    assert by_logger["mine"]["message"] == "a line of the program"
    assert by_logger["stormdoor.refused"]["cause"] == "no-credential"
    assert by_logger["stormdoor.refused"]["process"] == by_logger["mine"]["process"]
    (guarded,) = (one for one in lines if one.get("event_name") == "guarded")
    assert guarded["endpoints"] == [{"path": "/ws", "permission": "app:use"}]
    assert guarded["process"] == by_logger["mine"]["process"]


@pytest.mark.extended
def test_a_program_that_protects_itself(tmp_path: Path) -> None:
    """It stays as it is, and counts as guarded."""
    write(
        tmp_path,
        """
from stormdoor import Guard, SessionAuthenticator, protect

async def main():
    guard = Guard(origins=["http://127.0.0.1:%d" % PORT], authenticators=[SessionAuthenticator()])
    protect(make(), guard, "mine:use").listen(PORT, "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
""",
    )
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        said = run.wait_for("guarded")
        assert said["adapter"] == "protect() of the program"
        assert said["endpoints"] == [{"path": "/ws", "permission": "mine:use"}]
        assert handshake(run.port) == 401


@pytest.mark.extended
def test_a_server_that_a_child_of_the_application_starts(tmp_path: Path) -> None:
    """The child is ended, and the application goes on: so it is with a server in a notebook."""
    port = free_port()
    write(
        tmp_path,
        f"""
import subprocess

async def main():
    make().listen(PORT, "127.0.0.1")
    child = subprocess.Popen([sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"])
    while child.poll() is None:
        await asyncio.sleep(0.05)
    print("the child has ended with", child.returncode, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
""",
    )
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert f"127.0.0.1:{port}" in run.wait_for("child ended")["reason"]
        assert answered(port) is None
        assert handshake(run.port) == 401
    with running(tmp_path, [PYTHON, "app.py"], "--insecure-allow-http", f"127.0.0.1:{port}") as run:
        assert run.wait_for("allowed")["address"] == f"127.0.0.1:{port}"
        assert answered(port) == 200


@pytest.mark.extended
def test_a_child_gets_neither_the_hook_nor_the_secrets(tmp_path: Path) -> None:
    """A child process, and a shell of a terminal, find no variable, no file and no module of the run."""
    (tmp_path / "stormdoor.toml").write_text(
        'preset = "app"\nstore = "sqlite:door.db"\ntrail_key = { env = "TRAIL" }\n', "utf-8"
    )
    write(
        tmp_path,
        """
import pty, subprocess, time
LOOK = (
    "import os, sys; print('child', sorted(n for n in os.environ if 'STORMDOOR' in n or n == 'TRAIL'),"
    " [m for m in sys.modules if 'stormdoor' in m], os.environ.get('PYTHONPATH'),"
    " sorted(set(os.listdir('/proc/self/fd')) - {'0', '1', '2'})[:-1], flush=True)"
)

async def main():
    make().listen(PORT, "127.0.0.1")
    print("own", "TRAIL" in os.environ, "STORMDOOR_RUN" in os.environ, flush=True)
    subprocess.run([sys.executable, "-c", LOOK])
    pid = os.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", LOOK], dict(os.environ))
    os.waitpid(pid, 0)
    await asyncio.Event().wait()

asyncio.run(main())
""",
    )
    secret = "t" * 40
    with running(
        tmp_path, [PYTHON, "app.py"], "--config", "stormdoor.toml", TRAIL=secret, PYTHONPATH="."
    ) as run:
        run.wait_for("guarded")
        end = time.monotonic() + 60
        while run.output.count("child [") < 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert "own False False" in run.output
        assert run.output.count("child [] [] . []") == 2, run.output


@pytest.mark.extended
def test_the_end_of_the_program(tmp_path: Path) -> None:
    """Its exit status is kept, and a signal is passed on."""
    for text, status in (("raise SystemExit(7)", 7), ("os.kill(os.getpid(), 9)", 137)):
        write(tmp_path, text)
        with running(tmp_path, [PYTHON, "app.py"]) as run:
            assert run.ended() == status
    for command, status, advice in (
        ("./no-such-program", 127, "write the path of a file that can be executed"),
        ("no-such-program", 127, "activate the environment that has it"),
        ("app.py", 127, "stormdoor run -- python app.py"),
        ("./app.py", 126, "stormdoor run -- python ./app.py"),
    ):
        with running(tmp_path, [command]) as run:
            assert run.ended() == status
            assert advice in run.seen("failed")[0]["reason"]
    write(
        tmp_path,
        """
import signal

async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, over.set)
    make().listen(PORT, "127.0.0.1")
    await over.wait()
    raise SystemExit(9)

asyncio.run(main())
""",
    )
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        run.process.send_signal(signal.SIGUSR1)
        assert run.ended() == 9


@pytest.mark.extended
def test_the_program_ends_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed watches nothing any more: the program ends."""
    write(tmp_path, LISTEN)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        run.process.kill()
        end = time.monotonic() + 60
        while answered(run.port) is not None and time.monotonic() < end:
            time.sleep(0.05)
        assert answered(run.port) is None


@pytest.mark.extended
def test_the_first_start_makes_an_account(tmp_path: Path) -> None:
    """Its password is in a file of the operator alone, not in the output; the second start makes none."""
    write(tmp_path, LISTEN)
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        said = run.wait_for("first account")
        file = Path(said["password_file"])
        name, password = file.read_text("utf-8").split()
        assert name == said["name"] == "admin"
        assert file.stat().st_mode & 0o777 == 0o600
        assert password not in run.output
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        run.wait_for("guarded")
        assert run.seen("first account") == []
    with sqlite3.connect(tmp_path / "door.db") as store:
        assert password not in "\n".join(store.iterdump())


@pytest.mark.extended
def test_a_program_without_a_login_gets_no_account(tmp_path: Path) -> None:
    """No password is made for a program in which no client can log in with it."""
    write(tmp_path, "")
    with running(tmp_path, [PYTHON, "app.py"]) as run:
        assert run.ended() == 0
        assert run.seen("first account") == []
    assert not (tmp_path / "door.db").exists()
